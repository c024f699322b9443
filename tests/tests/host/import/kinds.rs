//! Computed integers stay integers, whatever moves, joins or sums them, so that none is divided as a
//! float is.

use super::build::{
    Dim, attribute, encoded, floats, graph, info, int, ints, model, node, raw, single, string,
    typed_info,
};
use super::refused::{broken, refused};
use elbow::import::ops::OPERATORS;
use elbow::ir::{Node, Op};
use elbow::stages::import_bytes;
use elbow_tests::formulas::unary;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto};

/// One operator on computed integers `x`.
struct Case {
    op: &'static str,
    shape: &'static [i64],
    inputs: &'static [&'static str],
    set: fn(&mut NodeProto),
}

const fn case(op: &'static str, inputs: &'static [&'static str]) -> Case {
    Case { op, shape: &[1, 6], inputs, set: |_| {} }
}

impl Case {
    const fn of(self, shape: &'static [i64]) -> Self {
        Self { shape, ..self }
    }

    const fn with(self, set: fn(&mut NodeProto)) -> Self {
        Self { set, ..self }
    }

    /// `y = op(x, ..) / 2`
    fn halved(&self) -> ModelProto {
        let mut own = node(self.op, "n", self.inputs, &["j"]);
        (self.set)(&mut own);
        let nodes = vec![own, node("Div", "half", &["j", "two"], &["y"])];
        let dims: Vec<Dim> = self.shape.iter().map(|size| Dim::N(*size)).collect();
        model(nodes, constants(), vec![typed_info("x", DataType::Int64, &dims)], &["y"])
    }
}

fn words(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    raw(name, DataType::Int64, dims, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn constants() -> Vec<TensorProto> {
    vec![
        ints("zero", &[0]),
        ints("one", &[1]),
        ints("two", &[2]),
        ints("row", &[1, 2, 3, 4, 5, 6]),
        words("matrix", &[1, 6], &[1, 2, 3, 4, 5, 6]),
        words("indices", &[1, 2], &[0, 3]),
        words("axis", &[], &[1]),
        words("low", &[], &[1]),
        words("high", &[], &[4]),
        ints("rows", &[2, 1]),
        ints("shape", &[2, 3]),
        ints("pads", &[0, 1, 0, 1]),
        ints("twice", &[1, 2]),
        raw("flags", DataType::Bool, &[6], vec![1, 0, 1, 0, 1, 0]),
        floats("doubled", &[3], &[1.0, 1.0, 2.0]),
        floats("slope", &[1], &[0.5]),
    ]
}

/// The operators that ONNX defines for int64, and what they take besides.
fn cases() -> Vec<Case> {
    let to = |n: &mut NodeProto| int(n, "to", DataType::Int32 as i64);
    let on = |n: &mut NodeProto| int(n, "axis", 1);
    let linear = |n: &mut NodeProto| string(n, "mode", "linear");
    let mut cases = vec![
        case("Cast", &["x"]).with(to),
        case("CastLike", &["x", "two"]),
        case("Clip", &["x", "low", "high"]),
        case("Concat", &["x", "matrix"]).with(on),
        case("CumSum", &["x", "axis"]),
        case("DepthToSpace", &["x"]).of(&[1, 4, 2, 2]).with(|n| int(n, "blocksize", 2)),
        case("Einsum", &["x", "x"]).with(|n| string(n, "equation", "ab,ab->a")),
        case("Expand", &["x", "rows"]),
        case("Gather", &["x", "indices"]).with(on),
        case("GatherElements", &["x", "indices"]).with(on),
        case("GatherND", &["x", "indices"]),
        case("Gemm", &["x", "x"]).with(|n| int(n, "transB", 1)),
        case("MatMul", &["x", "x"]).of(&[1, 1]),
        case("Mod", &["x", "two"]),
        case("PRelu", &["x", "two"]),
        case("Pad", &["x", "pads"]),
        case("Pow", &["x", "two"]),
        case("Pow", &["x", "row"]),
        case("Pow", &["x", "slope"]),
        case("Reshape", &["x", "shape"]),
        case("Resize", &["x", "", "doubled"]).of(&[1, 1, 6]),
        case("Resize", &["x", "", "doubled"]).of(&[1, 1, 6]).with(linear),
        case("ScatterND", &["x", "indices", "one"]),
        case("OneHot", &["x", "two", "twice"]),
        case("ScatterElements", &["x", "indices", "indices"]).with(on),
        case("Slice", &["x", "zero", "one"]),
        case("SpaceToDepth", &["x"]).of(&[1, 1, 2, 2]).with(|n| int(n, "blocksize", 2)),
        case("Squeeze", &["x", "zero"]),
        case("Split", &["x"]),
        case("Tile", &["x", "twice"]),
        case("Trilu", &["x"]),
        case("Unsqueeze", &["x", "zero"]),
        case("Where", &["flags", "x", "two"]),
    ];
    for op in ["Add", "Div", "Max", "Min", "Mul", "Sub", "Sum"] {
        cases.extend([case(op, &["x", "two"]), case(op, &["row", "x"]), case(op, &["x", "x"])]);
    }
    for op in ["Abs", "ArgMax", "ArgMin", "Flatten", "Identity", "Neg", "Relu", "Sign", "Transpose"]
    {
        cases.push(case(op, &["x"]));
    }
    for op in REDUCTIONS {
        cases.push(Case { op, ..case("", &["x"]) });
    }
    cases
}

/// Operators that are one function of one value and not tried above: those that make whole numbers of whole
/// numbers are tried as well, the others give floats.
fn functions() -> (Vec<Case>, Vec<&'static str>) {
    let listed = cases();
    let (mut whole, mut floats) = (Vec::new(), Vec::new());
    for row in OPERATORS.iter().filter(|row| listed.iter().all(|case| case.op != row.name)) {
        let mut alone = single(row.name, &[1, 6], vec![]);
        alone.graph.as_mut().expect("a graph").node[0].domain = row.domain.into();
        alone.opset_import[0].version = row.since.max(17);
        let Ok(graph) = import_bytes(&encoded(&alone)) else { continue };
        let [Node { op: Op::Unary(f), .. }] = graph.nodes[..] else { continue };
        if (-9..=9).all(|x| unary(f, f64::from(x)).fract() == 0.0) {
            whole.push(Case { op: row.name, ..case("", &["x"]) });
        } else {
            floats.push(row.name);
        }
    }
    (whole, floats)
}

const REDUCTIONS: [&str; 10] = [
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
];

/// Operators that ONNX defines for floats or booleans only, or that give those whatever they take, or
/// integers that are known at import.
const OTHERS: &str = "And AveragePool BatchNormalization Constant ConstantOfShape Conv ConvTranspose \
    DequantizeLinear Dropout Equal EyeLike GRU GlobalAveragePool GlobalMaxPool Greater \
    GreaterOrEqual GroupNormalization Hardmax If Imputer InstanceNormalization IsInf IsNaN LSTM \
    LayerNormalization Less LessOrEqual LogSoftmax LpNormalization MaxPool Mean \
    MeanVarianceNormalization NonZero Normalizer Or QuantizeLinear RMSNormalization RNN \
    RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Scaler Shape Size \
    Softmax TopK Upsample Xor";

#[test]
fn no_operator_hides_from_a_division_that_it_divides_integers() {
    for case in cases().into_iter().chain(functions().0) {
        let message = refused(&encoded(&case.halved()), &["computed integers"]);
        let by_name = message.contains("`half`") || message.contains("`n`");
        assert!(by_name, "{}: {message}", case.op);
    }
}

#[test]
fn every_operator_is_tried_on_integers_or_does_not_give_them() {
    let (functions, floats) = functions();
    let cases: Vec<Case> = cases().into_iter().chain(functions).collect();
    for row in OPERATORS {
        let tried = cases.iter().any(|case| case.op == row.name);
        let other = OTHERS.split_whitespace().chain(floats.iter().copied());
        let named = other.filter(|name| *name == row.name).count();
        let tried = usize::from(tried);
        assert_eq!(tried + named, 1, "{}: tried {tried}, not for integers {named}", row.name);
    }
}

/// ONNX cuts the fractions off.
#[test]
fn integers_that_shrink_by_a_fraction_are_refused() {
    let shrunk = |bias: f32| {
        let mut own = node("Shrink", "n", &["x"], &["y"]);
        for (name, f) in [("bias", bias), ("lambd", 1.5)] {
            own.attribute.push(AttributeProto { f, ..attribute(name, AttributeType::Float) });
        }
        let x = typed_info("x", DataType::Int64, &[Dim::N(1), Dim::N(6)]);
        encoded(&model(vec![own], vec![], vec![x], &["y"]))
    };
    import_bytes(&shrunk(2.0)).expect("whole numbers stay whole");
    refused(&shrunk(0.5), &["Shrink `n`", "shifts computed integers"]);
}

#[test]
fn known_integers_above_what_floats_hold_are_refused_beside_data() {
    let sum = |value: i64| {
        let nodes = vec![node("Sub", "n", &["x", "k"], &["y"])];
        let x = typed_info("x", DataType::Int64, &[Dim::N(1), Dim::N(2)]);
        encoded(&model(nodes, vec![ints("k", &[value])], vec![x], &["y"]))
    };
    import_bytes(&sum(1 << 24)).expect("a float holds it");
    import_bytes(&sum(i64::MAX)).expect("it means no limit");
    refused(&sum((1 << 24) + 1), &["Sub `n`", "16777217", "below 2^24"]);
}

/// Neither as a limit nor as an attribute's value does NaN disappear.
#[test]
fn what_nan_limits_is_refused() {
    for op in ["Max", "Min"] {
        let bad = single(op, &[1, 4], vec![floats("k", &[1], &[f32::NAN])]);
        refused(&encoded(&bad), &["`k`", "NaN"]);
    }
    let clip = single("Clip", &[1, 4], vec![floats("k", &[], &[f32::NAN])]);
    refused(&encoded(&clip), &["`k`", "NaN"]);
}

#[test]
fn a_constant_may_be_infinite_and_a_parameter_may_not() {
    let infinite = |op: &str, name: &str| {
        let f = f32::NEG_INFINITY;
        let mut own = node(op, "n", if op == "Constant" { &[] } else { &["x"] }, &["k"]);
        own.attribute.push(AttributeProto { f, ..attribute(name, AttributeType::Float) });
        let nodes = vec![own, node("Max", "max", &["x", "k"], &["y"])];
        model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(3)])], &["y"])
    };
    import_bytes(&encoded(&infinite("Constant", "value_float"))).expect("masks are infinite");
    refused(&encoded(&infinite("LeakyRelu", "alpha")), &["LeakyRelu `n`", "`alpha` holds -inf"]);
    let mut list = infinite("Constant", "value_floats");
    let attribute = &mut graph(&mut list).node[0].attribute[0];
    attribute.r#type = AttributeType::Floats as i32;
    attribute.floats = vec![f32::INFINITY; 3];
    import_bytes(&encoded(&list)).expect("masks are infinite");
}

#[test]
fn element_types_other_than_float32() {
    for (kind, name) in
        [(DataType::Double, "float64"), (DataType::Float16, "float16"), (DataType::Int16, "int16")]
    {
        let dims = [Dim::S("batch"), Dim::N(4)];
        broken(
            |m| graph(m).input[0] = typed_info("x", kind, &dims),
            &["input `x`", name, "float32"],
        );
    }
    broken(
        |m| graph(m).initializer[0].data_type = DataType::Int16 as i32,
        &["initializer `w`", "int16", "float32", "eight bits"],
    );
    let wide = raw("w", DataType::Double, &[4, 3], 0.5f64.to_le_bytes().repeat(12));
    broken(|m| graph(m).initializer[0] = wide, &["Gemm `fc`", "computes in float64", "cast"]);
    broken(|m| graph(m).initializer[0].data_type = 77, &["element type 77"]);
    broken(
        |m| graph(m).initializer[1] = ints("b", &[1, 2, 3]),
        &["Gemm `fc`", "`C`", "integers", "cast"],
    );
    let mut cast = single("Cast", &[1, 4], vec![]);
    int(&mut graph(&mut cast).node[0], "to", DataType::Double as i64);
    refused(&encoded(&cast), &["output `y`", "float64"]);
    let mut compared = single("Not", &[1, 4], vec![]);
    graph(&mut compared).input[0] = typed_info("x", DataType::Bool, &[Dim::N(1), Dim::N(4)]);
    graph(&mut compared).output[0] = typed_info("y", DataType::Float, &[Dim::N(1), Dim::N(4)]);
    refused(&encoded(&compared), &["output `y`", "float32", "booleans"]);
}
