//! No operator is supported without a gradient that is tested, or a reason.

use super::central::{error_of, pass};
use super::golden;
use crate::import::build::{
    attribute, encoded, floats, graph, int, int_list, ints, node, raw, single, string,
};
use elbow::import::ops::OPERATORS;
use elbow::ir::Op;
use elbow::stages::{import_bytes, import_onnx};
use elbow_core::kernels::Unary;
use elbow_tests::fixtures::path;
use elbow_tests::formulas::unary;
use elbow_tests::tolerance::GRADIENT;
use std::collections::BTreeSet;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, TensorProto};

/// The domain of scikit-learn's operators.
const ESTIMATORS: &str = "ai.onnx.ml";

/// Operators without a case, and why.
const WITHOUT: [(&str, &[&str]); 5] = [
    (
        "their results are steps, without a slope",
        &[
            "And",
            "ArgMax",
            "ArgMin",
            "Equal",
            "Hardmax",
            "IsInf",
            "IsNaN",
            "LessOrEqual",
            "Not",
            "OneHot",
            "Or",
            "Xor",
        ],
    ),
    (
        "nothing computed goes in",
        &[
            "Constant",
            "ConstantOfShape",
            "EyeLike",
            "If",
            "NonZero",
            "Range",
            "Shape",
            "Size",
            "TopK",
        ],
    ),
    (
        "they become inputs",
        &["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"],
    ),
    ("their gradient is refused, as `refused.rs` holds", &["GRU", "LSTM", "RNN"]),
    ("a decoder of integers is not refined", &["DequantizeLinear", "QuantizeLinear"]),
];

/// One node of an operator set, from `x` of a shape and constants.
struct Case {
    op: &'static str,
    /// What `x` goes through first, where not every number may come in.
    first: &'static [&'static str],
    opset: i64,
    shape: &'static [i64],
    constants: Vec<TensorProto>,
    set: fn(&mut NodeProto),
}

impl Case {
    /// Without attributes, of operator set 17.
    fn of(op: &'static str, shape: &'static [i64], constants: Vec<TensorProto>) -> Self {
        Self { op, first: &[], opset: 17, shape, constants, set: |_| () }
    }

    fn with(self, set: fn(&mut NodeProto)) -> Self {
        Self { set, ..self }
    }

    fn since(self, opset: i64) -> Self {
        Self { opset, ..self }
    }

    fn behind(self, first: &'static [&'static str]) -> Self {
        Self { first, ..self }
    }

    fn model(&self) -> ModelProto {
        let mut model = single(self.op, self.shape, self.constants.clone());
        model.opset_import[0].version = self.opset;
        let graph = graph(&mut model);
        (self.set)(&mut graph.node[0]);
        for (at, op) in self.first.iter().enumerate().rev() {
            let result = format!("first{at}");
            graph.node[0].input[0].clone_from(&result);
            graph.node.insert(0, node(op, &result, &["x"], &[&result]));
        }
        model
    }
}

/// What PyTorch does not export, or not as this operator.
fn cases() -> Vec<Case> {
    const IMAGE: &[i64] = &[1, 2, 4, 4];
    let values = |dims: &[i64]| {
        let len: i64 = dims.iter().product();
        let ramp: Vec<f32> = (0..len).map(|i| 0.3 * i as f32 - 0.5).collect();
        floats("w", dims, &ramp)
    };
    let indices = |dims: &[i64], data: &[i64]| {
        let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        raw("at", DataType::Int64, dims, bytes)
    };
    let scale = || floats("scale", &[2], &[1.5, -0.5]);
    let updates = || floats("updates", &[2, 2], &[0.1, 0.2, 0.3, 0.4]);
    vec![
        Case::of("Acos", &[1, 3], vec![]).behind(&["Tanh"]),
        Case::of("Acosh", &[1, 3], vec![]).behind(&["Exp", "Exp"]),
        Case::of("Asin", &[1, 3], vec![]).behind(&["Tanh"]),
        Case::of("Atanh", &[1, 3], vec![]).behind(&["Tanh"]),
        Case::of("CastLike", &[1, 3], vec![values(&[1])]),
        Case::of("Dropout", &[1, 3], vec![]),
        Case::of("Einsum", &[1, 2, 3, 3], vec![])
            .with(|node| string(node, "equation", "bcii->bci")),
        Case::of("Flatten", IMAGE, vec![]),
        Case::of("GatherElements", &[1, 3, 2], vec![indices(&[1, 2, 2], &[2, 0, 2, 1])])
            .with(|node| int(node, "axis", 1)),
        Case::of("GatherND", &[1, 3, 2], vec![indices(&[2, 2], &[0, 2, 0, 0])]),
        Case::of("GlobalMaxPool", IMAGE, vec![]),
        Case::of("GroupNormalization", IMAGE, vec![scale(), floats("b", &[2], &[0.2, 0.1])])
            .with(|node| int(node, "num_groups", 2))
            .since(21),
        Case::of("Identity", &[1, 3], vec![]),
        Case::of("Imputer", &[1, 3], vec![])
            .with(|node| numbers(node, "imputed_value_floats", &[0.5]))
            .behind(&["Relu"]),
        Case::of("LpNormalization", &[1, 2, 3], vec![]).with(|node| int(node, "p", 1)),
        Case::of("LpNormalization", &[1, 2, 3], vec![]),
        Case::of("Mean", &[1, 2, 3], vec![values(&[1, 3])]),
        Case::of("MeanVarianceNormalization", IMAGE, vec![]),
        Case::of("Normalizer", &[1, 3], vec![]).with(|node| norm(node, "L1")),
        Case::of("Normalizer", &[1, 3], vec![]).with(|node| norm(node, "L2")),
        Case::of("Normalizer", &[1, 3], vec![]).with(|node| norm(node, "MAX")).behind(&["Exp"]),
        Case::of("RMSNormalization", &[1, 3, 2], vec![scale()]).since(23),
        Case::of("ReduceL1", &[1, 2, 3], vec![]).with(|node| int_list(node, "axes", &[2])),
        Case::of("ReduceLogSum", &[1, 2, 3], vec![])
            .with(|node| int_list(node, "axes", &[2]))
            .behind(&["Exp"]),
        Case::of("ReduceSumSquare", &[1, 2, 3], vec![]).with(|node| int_list(node, "axes", &[2])),
        Case::of("Scaler", &[1, 3], vec![]).with(|node| {
            numbers(node, "offset", &[0.5, -0.5, 0.1]);
            numbers(node, "scale", &[2.0, -1.5, 0.2]);
        }),
        Case::of(
            "ScatterElements",
            &[1, 3],
            vec![indices(&[1, 2], &[2, -3]), floats("updates", &[1, 2], &[0.1, 0.2])],
        )
        .with(|node| int(node, "axis", 1)),
        Case::of("ScatterND", &[1, 3, 2], vec![indices(&[2, 2], &[0, 2, 0, 0]), updates()]),
        Case::of("ScatterND", &[1, 3, 2], vec![indices(&[2, 2], &[0, 2, 0, 2]), updates()])
            .with(|node| string(node, "reduction", "mul"))
            .since(18),
        Case::of("SpaceToDepth", IMAGE, vec![]).with(|node| int(node, "blocksize", 2)),
        Case::of("Split", &[1, 5], vec![ints("sizes", &[2, 3])]).with(|node| {
            int(node, "axis", 1);
            node.output.push("rest".into());
        }),
        Case::of("Squeeze", &[1, 3, 1], vec![ints("axes", &[2])]),
        Case::of("Sum", &[1, 2, 3], vec![values(&[2, 1])]),
        Case::of("Trilu", &[1, 3, 3], vec![]),
        Case::of("Upsample", IMAGE, vec![floats("factors", &[4], &[1.0, 1.0, 2.0, 2.0])])
            .with(|node| string(node, "mode", "nearest"))
            .since(9),
    ]
}

/// Operators that are one function of one value, wherever it is defined, and have no case above.
fn functions() -> Vec<Case> {
    let listed = cases();
    let named = |name: &str| listed.iter().any(|case| case.op == name);
    let case = |name| Case::of(name, &[1, 3], vec![]);
    OPERATORS
        .iter()
        .filter(|row| row.domain.is_empty() && !named(row.name) && !is_without(row.name))
        .map(|row| case(row.name).since(row.since.max(17)))
        .filter(|case| {
            let graph = import_bytes(&encoded(&case.model()));
            let only = |op: &Op| matches!(op, Op::Unary(f) if is_defined_everywhere(*f));
            graph.is_ok_and(|graph| matches!(&graph.nodes[..], [node] if only(&node.op)))
        })
        .collect()
}

fn is_defined_everywhere(f: Unary) -> bool {
    [-1.5, -0.5, 0.5, 1.5].into_iter().all(|x| unary(f, x).is_finite())
}

fn is_without(name: &str) -> bool {
    WITHOUT.iter().any(|(_, names)| names.contains(&name))
}

/// A normalizer of scikit-learn.
fn norm(node: &mut NodeProto, name: &str) {
    node.domain = ESTIMATORS.into();
    string(node, "norm", name);
}

/// Numbers of an estimator of scikit-learn.
fn numbers(node: &mut NodeProto, name: &str, values: &[f32]) {
    node.domain = ESTIMATORS.into();
    let attribute = attribute(name, AttributeType::Floats);
    node.attribute.push(AttributeProto { floats: values.to_vec(), ..attribute });
}

/// The largest error against central differences.
fn error_of_case(case: &Case) -> f64 {
    let graph = import_bytes(&encoded(&case.model()))
        .unwrap_or_else(|error| panic!("{}: {error}", case.op));
    let plan = pass(&graph).unwrap_or_else(|error| panic!("{}: {error}", case.op));
    error_of(&graph, &plan).unwrap_or_else(|| panic!("{}: no formula in f64", case.op))
}

#[test]
fn operators_that_pytorch_does_not_export_have_their_central_differences() {
    for case in cases().into_iter().chain(functions()) {
        let error = error_of_case(&case);
        println!("{:30} {error:.1e}", case.op);
        assert!(error <= GRADIENT, "{}: {error:e}", case.op);
    }
}

#[test]
fn every_supported_operator_has_a_gradient_case_or_a_reason() {
    let all = cases().into_iter().chain(functions());
    let mut with: BTreeSet<String> = all.map(|case| case.op.to_string()).collect();
    for name in golden::names() {
        let file = path("tests/gradients").join(format!("{name}.onnx"));
        let graph = import_onnx(&file).expect("it imports");
        with.extend(graph.nodes.into_iter().map(|node| node.op_type));
    }
    let without: Vec<&str> = WITHOUT.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    for operator in OPERATORS {
        let name = operator.name;
        let (case, reason) = (with.contains(name), without.contains(&name));
        assert!(case || reason, "{name} has neither a gradient case nor a reason to have none");
        assert!(!(case && reason), "{name} has a case and a reason to have none");
    }
    for name in without {
        assert!(OPERATORS.iter().any(|operator| operator.name == name), "{name} is not supported");
    }
}
