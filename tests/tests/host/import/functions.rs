//! Functions of a file: domain, name and overload together say which one is called.

use super::build::{Dim, info, model, node};
use super::bytes::field;
use super::refused::refused;
use elbow::ir::Op;
use elbow::stages::import_bytes;
use elbow_core::kernels::Unary;
use prost::Message;
use tract_onnx::pb::{FunctionProto, GraphProto, ModelProto, NodeProto};

/// Tags of fields that hold messages or texts: a model's graph (7) and functions (25, in two bytes), a
/// graph's nodes (1), and the overload of a node (8) and of a function (13).
const GRAPH: u8 = 7 << 3 | 2;
const FUNCTIONS: [u8; 2] = [0xca, 0x01];
const NODES: u8 = 1 << 3 | 2;
const OF_NODE: u8 = 8 << 3 | 2;
const OF_FUNCTION: u8 = 13 << 3 | 2;

/// `b = op(a)` as the function `f` of the domain `own`.
fn function(op: &str) -> FunctionProto {
    FunctionProto {
        name: Some("f".into()),
        domain: Some("own".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![node(op, "inner", &["a"], &["b"])],
        ..Default::default()
    }
}

/// Bytes of a message with an overload, which the other implementation does not write.
fn overloaded(message: &impl Message, tag: u8, overload: &str) -> Vec<u8> {
    [message.encode_to_vec(), field(tag, overload.as_bytes())].concat()
}

/// A file that calls `own.f` by overload after overload, with these bodies.
fn file(calls: &[&str], bodies: &[(&str, &str)]) -> Vec<u8> {
    let name = |at: usize| format!("h{at}");
    let last = name(calls.len());
    let ModelProto { graph, .. } =
        model(vec![], vec![], vec![info("h0", &[Dim::N(1), Dim::N(3)])], &[&last]);
    let call = |(at, overload): (usize, &&str)| {
        let call = node("f", &format!("call{at}"), &[&name(at)], &[&name(at + 1)]);
        let call = NodeProto { domain: "own".into(), ..call };
        field(NODES, &overloaded(&call, OF_NODE, overload))
    };
    let nodes = calls.iter().enumerate().flat_map(call);
    let graph = graph.expect("it has one").encode_to_vec().into_iter().chain(nodes);
    let head = ModelProto { graph: None::<GraphProto>, ..model(vec![], vec![], vec![], &[]) };
    let bodies = bodies.iter().flat_map(|(overload, op)| {
        let function = overloaded(&function(op), OF_FUNCTION, overload);
        [vec![FUNCTIONS[0]], field(FUNCTIONS[1], &function)].concat()
    });
    let graph = field(GRAPH, &graph.collect::<Vec<u8>>());
    head.encode_to_vec().into_iter().chain(graph).chain(bodies).collect()
}

#[test]
fn overloads_of_a_function_are_told_apart() {
    let bytes = file(&["one", "two", "", "one"], &[("one", "Tanh"), ("two", "Exp"), ("", "Abs")]);
    let graph = import_bytes(&bytes).unwrap_or_else(|error| panic!("{error}"));
    let ops: Vec<&Op> = graph.nodes.iter().map(|node| &node.op).collect();
    let expected = [Unary::Tanh, Unary::Exp, Unary::Abs, Unary::Tanh].map(Op::Unary);
    assert_eq!(ops, expected.iter().collect::<Vec<_>>());
}

#[test]
fn an_overload_that_is_not_there_is_refused() {
    refused(&file(&["three"], &[("one", "Tanh"), ("two", "Exp")]), &["f `call0`", "own"]);
}

#[test]
fn two_functions_of_one_name_are_refused() {
    for overload in ["", "one"] {
        let bytes = file(&[overload], &[(overload, "Tanh"), (overload, "Exp")]);
        refused(&bytes, &["function `f`", "`own`", "twice", &format!("overload `{overload}`")]);
    }
}
