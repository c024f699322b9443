//! What import calculates itself: shapes, integers, constants made from them.

use super::build::{
    Dim, dense, encoded, floats, graph, info, int, int_list, ints, model, node, raw, single, string,
};
use super::refused::refused;
use elbow::ir::{Graph, Op};
use elbow::stages::import_bytes;
use elbow_core::kernels::Unary;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

fn imported(model: &ModelProto) -> Graph {
    import_bytes(&encoded(model)).unwrap_or_else(|error| panic!("{error}"))
}

fn shape(graph: &Graph) -> &[usize] {
    &graph.values[graph.outputs[0].1].shape
}

/// The floats that integer nodes come to, by a Cast at the end; `x` has shape [1, 6].
fn calculated(mut nodes: Vec<NodeProto>, constants: Vec<TensorProto>) -> Vec<f32> {
    let mut cast = node("Cast", "cast", &["last"], &["y"]);
    int(&mut cast, "to", DataType::Float as i64);
    nodes.push(cast);
    let graph =
        imported(&model(nodes, constants, vec![info("x", &[Dim::S("b"), Dim::N(6)])], &["y"]));
    assert!(graph.nodes.is_empty(), "nothing is left to run");
    graph.values[graph.outputs[0].1].constant.clone().expect("it is a constant")
}

#[test]
fn integers_are_calculated_as_onnx_defines() {
    let two = |op: &str, a: &[i64], b: &[i64]| {
        calculated(vec![node(op, "", &["a", "b"], &["last"])], vec![ints("a", a), ints("b", b)])
    };
    assert_eq!(two("Add", &[1, 2], &[10]), [11.0, 12.0]);
    assert_eq!(two("Sub", &[1, 2], &[10, 20]), [-9.0, -18.0]);
    assert_eq!(two("Mul", &[-3], &[1, 2, 3]), [-3.0, -6.0, -9.0]);
    assert_eq!(two("Div", &[7, -7, 7], &[2, 2, -2]), [3.0, -3.0, -3.0], "towards zero");
    assert_eq!(two("Equal", &[1, 2, 3], &[3, 2, 1]), [0.0, 1.0, 0.0]);
    assert_eq!(two("Gather", &[5, 6, 7], &[-1, 0]), [7.0, 5.0]);
    assert_eq!(two("Expand", &[4], &[3]), [4.0, 4.0, 4.0]);
    assert_eq!(two("Expand", &[4, 5], &[2, 1]), [4.0, 5.0, 4.0, 5.0]);
    assert_eq!(two("Tile", &[4, 5], &[2]), [4.0, 5.0, 4.0, 5.0]);
    assert_eq!(two("Tile", &[4, 5], &[0]), [] as [f32; 0]);
}

#[test]
fn integers_that_overflow_or_divide_by_zero_are_refused() {
    for (op, a, b) in [
        ("Add", i64::MAX, 1),
        ("Mul", i64::MAX, 2),
        ("Sub", i64::MIN, 1),
        ("Div", 1, 0),
        ("Div", i64::MIN, -1),
    ] {
        let nodes =
            vec![node(op, "n", &["a", "b"], &["s"]), node("Expand", "e", &["x", "s"], &["y"])];
        let bad = model(
            nodes,
            vec![ints("a", &[a]), ints("b", &[b])],
            vec![info("x", &[Dim::N(1), Dim::N(6)])],
            &["y"],
        );
        refused(&encoded(&bad), &[op, "`n`", "overflows or divides by zero"]);
    }
}

#[test]
fn the_pattern_that_exporters_write_for_expand() {
    // Where(Equal(target, -1), ones, target)
    let nodes = vec![
        node("Equal", "", &["t", "open"], &["c"]),
        node("Where", "", &["c", "ones", "t"], &["last"]),
    ];
    let constants = vec![ints("t", &[-1, 3, -1]), ints("open", &[-1]), ints("ones", &[1, 1, 1])];
    assert_eq!(calculated(nodes, constants), [1.0, 3.0, 1.0]);
}

#[test]
fn shapes_and_sizes() {
    let of_x = |op: &str, set: fn(&mut NodeProto)| {
        let mut only = node(op, "", &["x"], &["last"]);
        set(&mut only);
        calculated(vec![only], vec![])
    };
    assert_eq!(of_x("Shape", |_| {}), [1.0, 6.0]);
    assert_eq!(of_x("Shape", |n| int(n, "start", -1)), [6.0]);
    assert_eq!(of_x("Shape", |n| int(n, "end", -1)), [1.0]);
    assert_eq!(of_x("Shape", |n| int(n, "end", i64::MAX)), [1.0, 6.0]);
    assert_eq!(of_x("Size", |_| {}), [6.0]);
}

#[test]
fn slices_of_integers() {
    let slice = |start: i64, end: i64, step: i64| {
        let names = ["s", "e", "a", "p"];
        let constants =
            names.iter().zip([start, end, 0, step]).map(|(name, value)| ints(name, &[value]));
        let data = ints("d", &[10, 11, 12, 13, 14]);
        calculated(
            vec![node("Slice", "", &["d", "s", "e", "a", "p"], &["last"])],
            constants.chain([data]).collect(),
        )
    };
    assert_eq!(slice(1, i64::MAX, 1), [11.0, 12.0, 13.0, 14.0]);
    assert_eq!(slice(-2, i64::MAX, 1), [13.0, 14.0]);
    assert_eq!(slice(i64::MIN, 2, 1), [10.0, 11.0]);
    assert_eq!(slice(0, 5, 2), [10.0, 12.0, 14.0]);
    assert_eq!(slice(0, 5, i64::MAX), [10.0]);
    assert_eq!(slice(-1, i64::MIN, -2), [14.0, 12.0, 10.0]);
    assert_eq!(slice(3, 0, -1), [13.0, 12.0, 11.0]);
    assert_eq!(slice(4, 4, 1), [] as [f32; 0]);
}

#[test]
fn ranges() {
    let range = |start: i64, limit: i64, delta: i64| {
        let constants =
            [("s", start), ("l", limit), ("d", delta)].map(|(name, value)| ints(name, &[value]));
        calculated(vec![node("Range", "", &["s", "l", "d"], &["last"])], constants.to_vec())
    };
    assert_eq!(range(0, 3, 1), [0.0, 1.0, 2.0]);
    assert_eq!(range(5, -2, -3), [5.0, 2.0, -1.0]);
    assert_eq!(range(3, 0, 1), [] as [f32; 0]);
    let constants =
        [("s", 0.5), ("l", 2.0), ("d", 0.5)].map(|(name, value)| floats(name, &[], &[value]));
    let nodes = vec![node("Range", "", &["s", "l", "d"], &["y"])];
    let graph = imported(&model(nodes, constants.to_vec(), vec![], &["y"]));
    assert_eq!(graph.values[graph.outputs[0].1].constant.as_deref(), Some(&[0.5, 1.0, 1.5][..]));
}

#[test]
fn integers_of_every_storage() {
    let mut typed = ints("last", &[7, 8]);
    typed.raw_data.clear();
    typed.int64_data = vec![7, 8];
    assert_eq!(calculated(vec![], vec![typed.clone()]), [7.0, 8.0]);
    (typed.data_type, typed.int32_data) = (DataType::Int32 as i32, vec![-7, 8]);
    assert_eq!(calculated(vec![], vec![typed]), [-7.0, 8.0]);
    assert_eq!(calculated(vec![], vec![raw("last", DataType::Int32, &[1], vec![255; 4])]), [-1.0]);
    assert_eq!(calculated(vec![], vec![raw("last", DataType::Bool, &[2], vec![0, 1])]), [0.0, 1.0]);
}

/// By the formulas of the operators' page; `x` has length 5, the kernel 3.
#[test]
fn lengths_of_convolutions() {
    let length = |op: &str, set: &dyn Fn(&mut NodeProto)| {
        let mut model = single(op, &[1, 1, 5], vec![floats("w", &[1, 1, 3], &[1.0; 3])]);
        set(&mut graph(&mut model).node[0]);
        let graph = imported(&model);
        let pads = match &graph.nodes[0].op {
            Op::Conv { pads, .. } | Op::ConvTranspose { pads, .. } => pads[0],
            other => panic!("{other:?}"),
        };
        (shape(&graph)[2], pads)
    };
    let stride = |n: &mut NodeProto| int_list(n, "strides", &[2]);
    assert_eq!(length("Conv", &|_| {}), (3, 0));
    assert_eq!(length("Conv", &stride), (2, 0));
    assert_eq!(length("Conv", &|n| int_list(n, "pads", &[2, 1])), (6, 2));
    assert_eq!(
        length("Conv", &|n| {
            stride(n);
            string(n, "auto_pad", "SAME_UPPER")
        }),
        (3, 1)
    );
    assert_eq!(
        length("Conv", &|n| {
            int_list(n, "dilations", &[2]);
            string(n, "auto_pad", "SAME_LOWER")
        }),
        (5, 2)
    );
    assert_eq!(length("ConvTranspose", &stride), (11, 0));
    assert_eq!(
        length("ConvTranspose", &|n| {
            stride(n);
            int_list(n, "pads", &[2, 1])
        }),
        (8, 2)
    );
    assert_eq!(
        length("ConvTranspose", &|n| {
            stride(n);
            int_list(n, "output_padding", &[1])
        }),
        (12, 0)
    );
    assert_eq!(
        length("ConvTranspose", &|n| {
            stride(n);
            int_list(n, "output_shape", &[10])
        }),
        (10, 1)
    );
    assert_eq!(
        length("ConvTranspose", &|n| {
            stride(n);
            int_list(n, "output_shape", &[13])
        }),
        (13, 0)
    );
    assert_eq!(
        length("ConvTranspose", &|n| {
            stride(n);
            string(n, "auto_pad", "SAME_UPPER")
        }),
        (10, 0)
    );
    assert_eq!(
        length("ConvTranspose", &|n| {
            stride(n);
            string(n, "auto_pad", "SAME_LOWER")
        }),
        (10, 1)
    );
    assert_eq!(length("ConvTranspose", &|n| string(n, "auto_pad", "VALID")), (7, 0));
}

#[test]
fn attributes_of_old_operator_sets() {
    let mut slice = single("Slice", &[1, 6], vec![]);
    slice.opset_import[0].version = 9;
    let only = &mut graph(&mut slice).node[0];
    for (name, value) in [("starts", 1), ("ends", -1), ("axes", 1)] {
        int_list(only, name, &[value]);
    }
    assert_eq!(shape(&imported(&slice)), [1, 4]);
}

#[test]
fn data_along_an_axis() {
    let mut one = single(
        "Gather",
        &[1, 3, 4],
        vec![raw("i", DataType::Int64, &[], 1i64.to_le_bytes().to_vec())],
    );
    int(&mut graph(&mut one).node[0], "axis", 1);
    let graph = imported(&one);
    assert_eq!(shape(&graph), [1, 4]);
    assert!(matches!(&graph.nodes[0].op, Op::Slice { starts, .. } if starts == &[0, 1, 0]));
    let mut even = single("Gather", &[1, 9], vec![ints("i", &[8, 5, 2])]);
    int(&mut super::build::graph(&mut even).node[0], "axis", 1);
    let graph = imported(&even);
    assert_eq!(graph.nodes[0].op, Op::Slice { starts: vec![0, 8], steps: vec![1, -3] });
}

#[test]
fn initializers_that_are_listed_as_inputs_are_constants() {
    let mut model = dense();
    model.ir_version = 3;
    for (name, dims) in [("w", &[Dim::N(4), Dim::N(3)][..]), ("b", &[Dim::N(3)])] {
        graph(&mut model).input.push(info(name, dims));
    }
    assert_eq!(imported(&model).inputs.len(), 1);
}

#[test]
fn nodes_out_of_order_are_sorted() {
    let mut model = dense();
    graph(&mut model).node.reverse();
    let names: Vec<String> = imported(&model).nodes.into_iter().map(|node| node.name).collect();
    assert_eq!(names, ["fc", "act"]);
}

#[test]
fn a_second_output_counts_only_where_it_is_read() {
    let mut model = single("MaxPool", &[1, 1, 6], vec![]);
    int_list(&mut graph(&mut model).node[0], "kernel_shape", &[2]);
    graph(&mut model).node[0].output.push("indices".into());
    assert_eq!(imported(&model).nodes.len(), 1);
    graph(&mut model).output.push(info("indices", &[]));
    refused(&encoded(&model), &["MaxPool `n`", "`indices`"]);
}

#[test]
fn a_cast_like_another_value_takes_its_kind() {
    let cast = |like: TensorProto| {
        let mut model = single("CastLike", &[1, 3], vec![like]);
        graph(&mut model).input[0] = info("x", &[Dim::N(1), Dim::N(3)]);
        imported(&model).nodes.into_iter().map(|node| node.op).collect::<Vec<Op>>()
    };
    assert!(cast(floats("like", &[1], &[1.0])).is_empty());
    assert_eq!(cast(ints("like", &[1])), [Op::Unary(Unary::Trunc)]);
}
