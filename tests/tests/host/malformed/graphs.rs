//! Graphs that are no models, or no models for a device.

use super::{Case, broken, case};
use crate::import::build::*;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};

/// `z = mean + noise * exp(log_var / 2)` with constant noise.
fn frozen() -> ModelProto {
    let weights = |name: &str| floats(name, &[4, 2], &[0.1, -0.2, 0.3, 0.4, 0.5, -0.6, 0.7, 0.8]);
    let nodes = vec![
        node("MatMul", "mean", &["x", "w"], &["mu"]),
        node("MatMul", "spread", &["x", "v"], &["logvar"]),
        node("Mul", "half", &["logvar", "h"], &["halved"]),
        node("Exp", "exp", &["halved"], &["scale"]),
        node("Mul", "noise", &["scale", "eps"], &["product"]),
        node("Add", "sample", &["mu", "product"], &["z"]),
    ];
    let constants = vec![
        weights("w"),
        weights("v"),
        floats("h", &[], &[0.5]),
        floats("eps", &[1, 2], &[0.7, -1.3]),
    ];
    model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(4)])], &["z", "mu", "logvar"])
}

fn with_graph(op: &'static str) -> ModelProto {
    broken(|m| {
        let node = &mut graph(m).node[1];
        node.op_type = op.into();
        let g = Some(GraphProto::default());
        node.attribute.push(AttributeProto { g, ..attribute("body", AttributeType::Graph) });
    })
}

fn recursion() -> ModelProto {
    broken(|m| {
        (graph(m).node[1].op_type, graph(m).node[1].domain) = ("f".into(), "own".into());
        let call = |name: &str, from: &str, to: &str| NodeProto {
            domain: "own".into(),
            ..node("f", name, &[from], &[to])
        };
        m.functions.push(FunctionProto {
            name: Some("f".into()),
            domain: Some("own".into()),
            input: vec!["a".into()],
            output: vec!["c".into()],
            node: vec![call("first", "a", "b"), call("second", "b", "c")],
            ..Default::default()
        });
    })
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("frozen noise", frozen(), &["Mul `noise`", "`eps`", "every sample would be the same"]),
        case("a loop", with_graph("Loop"), &["Loop `act`", "without control flow"]),
        case("a scan", with_graph("Scan"), &["Scan `act`", "without control flow"]),
        case("a branch", with_graph("If"), &["If `act`", "branches decided"]),
        case("functions that recurse", recursion(), &["`f`", "calls itself"]),
        case(
            "an opset too new",
            broken(|m| m.opset_import[0].version = 99),
            &["99", "opset_version"],
        ),
        case("an opset too old", broken(|m| m.opset_import[0].version = 6), &["opset 6"]),
        case(
            "an operator of onnxruntime",
            broken(|m| graph(m).node[1].domain = "com.microsoft".into()),
            &["Relu `act`", "com.microsoft"],
        ),
        case(
            "a cycle",
            broken(|m| graph(m).node[0].input[0] = "y".into()),
            &["`fc`", "wait for each other"],
        ),
        case(
            "a name given twice",
            broken(|m| graph(m).node[0].output[0] = "y".into()),
            &["`y`", "given twice"],
        ),
        case(
            "a missing initializer",
            broken(|m| drop(graph(m).initializer.remove(0))),
            &["Gemm `fc`", "`w`"],
        ),
        case(
            "external data",
            broken(|m| {
                let w = &mut graph(m).initializer[0];
                w.raw_data.clear();
                w.data_location = Some(1);
                w.external_data.push(tract_onnx::pb::StringStringEntryProto {
                    key: "location".into(),
                    value: "weights.bin".into(),
                });
            }),
            &["initializer `w`", "weights.bin"],
        ),
    ]
}
