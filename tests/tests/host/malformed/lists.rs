//! Small files that ask import for long lists: of indices, of places, of blocks without values.

use super::{Case, HUGE, case, on, plain};
use crate::import::build::*;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

/// The most values that a shape may hold.
const MOST: i64 = 1 << 28;

pub(crate) fn cases() -> Vec<Case> {
    let tiled = |n: &mut NodeProto| n.input = vec!["one".into(), "r".into()];
    let mut nothing = of_empty("Tile", vec![ints("r", &[0, MOST])], tiled);
    graph(&mut nothing).initializer.push(words("one", &[1, 1], &[7]));
    let mut joined = of_empty("Concat", vec![], |n| int(n, "axis", 2));
    graph(&mut joined).node[1].input = vec!["e".into(); 200];
    vec![
        case("classes of 2^40", one_hot(), &["OneHot `n`", "more than"]),
        case("a pool over nothing", pool_of_nothing(), &["MaxPool `n`", "without values"]),
        case("a Tile of 2^28 by zero", nothing, &["NonZero `refused`"]),
        case("a Concat of 2^28 empty blocks", joined, &["NonZero `refused`"]),
        case(
            "a Gather of 2^28 empty blocks",
            of_empty("Gather", vec![words("i", &[300], &[0; 300])], |n| int(n, "axis", 1)),
            &["Gather `n`", "more than"],
        ),
        case(
            "2^28 sums of nothing",
            of_empty("ReduceSum", vec![ints("a", &[2])], plain),
            &["ReduceSum `n`", "more than"],
        ),
        case("axes that double", doubled_axes(), &["Gather `", "axes"]),
        case(
            "a Pad to 2^28 at the edge",
            on("Pad", &[1, 1], vec![ints("p", &[0, 0, 0, MOST - 1])], |n| {
                string(n, "mode", "edge")
            }),
            &["Pad `n`", "more than"],
        ),
        case("a Resize to 2^28", resize(4, MOST, plain), &["Resize `n`", "more than"]),
        case(
            "a Resize from 2^28",
            resize(MOST, 2, |n| {
                string(n, "mode", "cubic");
                int(n, "antialias", 1);
            }),
            &["Resize `n`", "more than"],
        ),
        case(
            "a Resize of one axis twice",
            resize(4, 9, |n| int_list(n, "axes", &[2, 0, 2])),
            &["Resize `n`", "twice"],
        ),
        case(
            "two updates among 2^28",
            scatter(&[1, MOST], &[[0, 1], [0, 3]], floats("u", &[2], &[0.5; 2])),
            &["ScatterND `n`", "more than"],
        ),
        case(
            "an update among 2^13 by 2^14, twice",
            scatter(&[1 << 13, 1 << 14], &[[0, 1], [0, 1]], floats("u", &[2], &[0.5; 2])),
            &["ScatterND `n`", "more than"],
        ),
        case("a factor for 2^28", products(), &["ScatterND `n`", "more than"]),
        case("one list for many nodes", shared_list(), &["Gather `", "more than"]),
    ]
}

/// A constant of whole numbers.
fn words(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    raw(name, DataType::Int64, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

/// A node `n` of this operator on known integers `e` of shape `[2^28, 1, 0]`, with constants as further
/// operands, and behind it what has to be refused.
fn of_empty(
    op: &'static str,
    constants: Vec<TensorProto>,
    set: impl FnOnce(&mut NodeProto),
) -> ModelProto {
    let mut empty = node("ConstantOfShape", "empty", &["s"], &["e"]);
    tensor(&mut empty, "value", ints("value", &[0]));
    let mut only = node(op, "n", &["e"], &["y"]);
    only.input.extend(constants.iter().map(|constant| constant.name.clone()));
    set(&mut only);
    let nodes = vec![empty, only, node("NonZero", "refused", &["x"], &["z"])];
    let mut initializers = constants;
    initializers.push(ints("s", &[MOST, 1, 0]));
    model(nodes, initializers, vec![info("x", &[Dim::N(1), Dim::N(1)])], &["y", "z"])
}

/// A code of as many classes as no computer counts.
fn one_hot() -> ModelProto {
    on("OneHot", &[1, 2], vec![ints("d", &[HUGE]), floats("v", &[2], &[0.0, 1.0])], plain)
}

/// A pool over a constant without values, whose pads are as many as its outputs ask for.
fn pool_of_nothing() -> ModelProto {
    let mut m = on("MaxPool", &[1, 1, 8], vec![floats("e", &[1, 1, 0], &[])], |n| {
        n.input = vec!["e".into()];
        int_list(n, "kernel_shape", &[2]);
        string(n, "auto_pad", "SAME_UPPER");
    });
    graph(&mut m).output.push(info("x", &[]));
    m
}

/// Each node gives known integers with almost twice the axes of the one before.
fn doubled_axes() -> ModelProto {
    const NODES: usize = 60;
    let value = |at: usize| if at == 0 { "one".to_string() } else { format!("v{at}") };
    let next = |at: usize| {
        let (from, name) = (value(at), format!("n{at}"));
        node("Gather", &name, &[&from, &from], &[&value(at + 1)])
    };
    let nodes = (0..NODES).map(next).collect();
    let input = vec![info("x", &[Dim::N(1), Dim::N(1)])];
    model(nodes, vec![words("one", &[1, 1], &[0])], input, &[&value(NODES)])
}

/// The last of three axes from one length to another.
fn resize(from: i64, to: i64, set: impl FnOnce(&mut NodeProto)) -> ModelProto {
    on("Resize", &[1, 1, from], vec![ints("sizes", &[1, 1, to])], |n| {
        n.input = ["x", "", "", "sizes"].map(String::from).to_vec();
        set(n);
    })
}

/// Updates written to these places of an input of this shape, behind its batch.
fn scatter(shape: &[i64], places: &[[i64; 2]], updates: TensorProto) -> ModelProto {
    let tuples: Vec<i64> = places.iter().flat_map(|[a, b]| [0, *a, *b]).collect();
    let constants = vec![words("i", &[places.len() as i64, 3], &tuples), updates];
    on("ScatterND", &[1, shape[0], shape[1]], constants, plain)
}

/// The only row of 2^28 values multiplied by itself.
fn products() -> ModelProto {
    on("ScatterND", &[1, MOST], vec![words("i", &[1, 1], &[0])], |n| {
        n.input.push("x".into());
        string(n, "reduction", "mul");
    })
}

/// The same long list of indices for many nodes.
fn shared_list() -> ModelProto {
    const INDICES: i64 = 1 << 16;
    const NODES: usize = 300;
    let uneven: Vec<i64> = (0..INDICES).map(|at| at % 3).collect();
    let names: Vec<String> = (0..NODES).map(|at| format!("y{at}")).collect();
    let gather = |name: &String| {
        let mut only = node("Gather", name, &["x", "i"], &[name]);
        int(&mut only, "axis", 1);
        only
    };
    let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let input = vec![info("x", &[Dim::N(1), Dim::N(3)])];
    model(
        names.iter().map(gather).collect(),
        vec![words("i", &[INDICES], &uneven)],
        input,
        &outputs,
    )
}
