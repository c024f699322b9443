//! Operators that are calculated from known values, and what they say of others.

use super::build::{Dim, encoded, floats, info, int, ints, model, node, raw, single, string};
use super::refused::refused;
use elbow::stages::{import_bytes, lower};
use elbow::twin::Twin;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{NodeProto, TensorProto};

fn words(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    raw(name, DataType::Int64, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// What the outputs of a node on constants are, each with its shape.
fn known(only: NodeProto, constants: Vec<TensorProto>) -> Vec<(Vec<usize>, Vec<f32>)> {
    let outputs = only.output.clone();
    let nodes = vec![only, node("Identity", "", &["x"], &["again"])];
    let names: Vec<&str> = outputs.iter().map(String::as_str).chain(["again"]).collect();
    let model = model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(2)])], &names);
    let graph = import_bytes(&encoded(&model)).unwrap_or_else(|error| panic!("{error}"));
    assert!(graph.nodes.is_empty(), "nothing is left to run");
    let value = |&(_, id): &(String, usize)| {
        let value = &graph.values[id];
        (value.shape.clone(), value.constant.clone().expect("it is a constant"))
    };
    graph.outputs[..outputs.len()].iter().map(value).collect()
}

#[test]
fn the_largest_and_the_smallest_values() {
    let top = |x: TensorProto, count: i64, largest: i64, axis: i64| {
        let mut only = node("TopK", "n", &["a", "k"], &["values", "indices"]);
        int(&mut only, "largest", largest);
        int(&mut only, "axis", axis);
        known(only, vec![x, ints("k", &[count])])
    };
    let row = || floats("a", &[4], &[3.0, 1.0, 3.0, 2.0]);
    let of_equal = [(vec![3], vec![3.0, 3.0, 2.0]), (vec![3], vec![0.0, 2.0, 3.0])];
    assert_eq!(top(row(), 3, 1, -1), of_equal, "equal values in the order of their indices");
    assert_eq!(top(row(), 2, 0, 0), [(vec![2], vec![1.0, 2.0]), (vec![2], vec![1.0, 3.0])]);
    let zeros = floats("a", &[3], &[0.0, -0.0, 0.0]);
    assert_eq!(top(zeros, 3, 1, 0)[1].1, [0.0, 1.0, 2.0], "zeros are equal");
    let matrix = words("a", &[3, 2], &[1, 5, 4, 2, 4, 9]);
    let columns = [(vec![2, 2], vec![4.0, 9.0, 4.0, 5.0]), (vec![2, 2], vec![1.0, 2.0, 2.0, 0.0])];
    assert_eq!(top(matrix, 2, 1, 0), columns);
    let computed = encoded(&single("TopK", &[1, 4], vec![ints("k", &[2])]));
    refused(&computed, &["TopK `n`", "depends on data"]);
}

#[test]
fn ones_on_a_diagonal() {
    let eye = |k: i64, x: TensorProto| {
        let mut only = node("EyeLike", "n", &["a"], &["y"]);
        int(&mut only, "k", k);
        known(only, vec![x]).swap_remove(0).1
    };
    let a = || floats("a", &[2, 3], &[7.0; 6]);
    assert_eq!(eye(0, a()), [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(eye(1, a()), [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    assert_eq!(eye(-1, words("a", &[2, 2], &[3; 4])), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(eye(-9, a()), [0.0; 6]);
    let computed = encoded(&single("EyeLike", &[1, 3], vec![]));
    let graph = import_bytes(&computed).expect("only its operand's shape matters");
    assert!(graph.nodes.is_empty());
}

#[test]
fn indices_of_known_values_that_are_not_zero() {
    let found =
        |x: TensorProto| known(node("NonZero", "n", &["a"], &["y"]), vec![x]).swap_remove(0);
    let indices = vec![0.0, 1.0, 1.0, 0.0, 0.0, 1.0];
    assert_eq!(found(floats("a", &[2, 2], &[1.0, 0.0, -3.0, 4.0])), (vec![2, 3], indices.clone()));
    assert_eq!(found(words("a", &[2, 2], &[1, 0, 3, 4])), (vec![2, 3], indices));
}

#[test]
fn known_values_are_written_to_known_places() {
    // The example of the ONNX specification.
    let write = |data: TensorProto, updates: TensorProto| {
        let indices = words("i", &[4, 1], &[4, 3, 1, 7]);
        let only = node("ScatterND", "n", &["a", "i", "u"], &["y"]);
        known(only, vec![data, indices, updates]).swap_remove(0).1
    };
    let expected = [1.0, 11.0, 3.0, 10.0, 9.0, 6.0, 7.0, 12.0];
    let data: Vec<i64> = (1..=8).collect();
    let floated: Vec<f32> = data.iter().map(|&value| value as f32).collect();
    assert_eq!(write(ints("a", &data), ints("u", &[9, 10, 11, 12])), expected);
    let updates = floats("u", &[4], &[9.0, 10.0, 11.0, 12.0]);
    assert_eq!(write(floats("a", &[8], &floated), updates), expected);
}

#[test]
fn known_values_are_written_along_an_axis() {
    // The examples of the ONNX specification.
    let write = |axis: i64, dims: [&[i64]; 2], data: &[f32], indices: &[i64], updates: &[f32]| {
        let mut only = node("ScatterElements", "n", &["a", "i", "u"], &["y"]);
        int(&mut only, "axis", axis);
        let updates = floats("u", dims[1], updates);
        let constants = vec![floats("a", dims[0], data), words("i", dims[1], indices), updates];
        known(only, constants).swap_remove(0).1
    };
    let updates = [1.0, 1.1, 1.2, 2.0, 2.1, 2.2];
    let found = write(0, [&[3, 3], &[2, 3]], &[0.0; 9], &[1, 0, 2, 0, 2, 1], &updates);
    assert_eq!(found, [2.0, 1.1, 0.0, 1.0, 0.0, 2.2, 0.0, 2.1, 1.2]);
    let data = [1.0, 2.0, 3.0, 4.0, 5.0];
    let found = write(1, [&[1, 5], &[1, 2]], &data, &[1, -2], &[1.1, 2.1]);
    assert_eq!(found, [1.0, 1.1, 3.0, 2.1, 5.0]);
}

/// A computed `x` of shape [1, 2] in the form of `updates`, written into `0, -1, -2, ..` of a shape.
fn written(shape: &[i64], indices: TensorProto, updates: &[i64], x: &[f32]) -> Vec<f32> {
    let count = shape.iter().product::<i64>();
    let data: Vec<f32> = (0..count).map(|at| -(at as f32)).collect();
    let nodes = vec![
        node("Reshape", "", &["x", "form"], &["u"]),
        node("ScatterND", "n", &["a", "i", "u"], &["y"]),
    ];
    let constants = vec![floats("a", shape, &data), indices, ints("form", updates)];
    let model = model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(2)])], &["y"]);
    let graph = import_bytes(&encoded(&model)).unwrap_or_else(|error| panic!("{error}"));
    let plan = lower(&graph, &[0]).expect("a plan");
    Twin::new(&plan).run(&[x]).expect("it fits").swap_remove(0)
}

#[test]
fn computed_values_are_written_to_known_places() {
    let x = [0.5, 0.75];
    let columns = words("i", &[1, 2, 2], &[0, 2, 0, 0]);
    assert_eq!(written(&[1, 4], columns, &[1, 2], &x), [0.75, -1.0, 0.5, -3.0]);
    let row = words("i", &[1, 1], &[1]);
    assert_eq!(written(&[2, 2], row, &[1, 2], &x), [0.0, -1.0, 0.5, 0.75]);
    let column = words("i", &[2, 1, 2], &[0, -1, 1, -1]);
    assert_eq!(written(&[2, 2], column, &[2, 1], &x), [0.0, 0.5, -2.0, 0.75]);
    let scattered = words("i", &[2, 2], &[1, 2, 0, 0]);
    assert_eq!(written(&[2, 3], scattered, &[2], &x), [0.75, -1.0, -2.0, -3.0, -4.0, 0.5]);
    let whole = words("i", &[2, 1], &[0, 1]);
    assert_eq!(written(&[2], whole, &[2], &x), x);
}

#[test]
fn what_scatter_cannot_do_is_refused() {
    let scatter = |indices: TensorProto, updates: &[i64]| {
        let count = updates.iter().product::<i64>() as usize;
        single("ScatterND", &[1, 4], vec![indices, floats("u", updates, &vec![0.0; count])])
    };
    let index = || words("i", &[1, 2], &[0, 1]);
    let with = |text: &str| {
        let mut model = scatter(index(), &[1]);
        string(&mut super::build::graph(&mut model).node[0], "reduction", text);
        encoded(&model)
    };
    import_bytes(&with("none")).expect("that is the default");
    refused(&with("median"), &["ScatterND `n`", "reduction"]);
    refused(&encoded(&scatter(index(), &[2])), &["ScatterND `n`", "updates have shape [2]"]);
    refused(&encoded(&scatter(words("i", &[1, 3], &[0, 1, 1]), &[1])), &["do not fit data"]);
    refused(&encoded(&scatter(words("i", &[1, 2], &[0, 4]), &[1])), &["index 4 is outside"]);
}
