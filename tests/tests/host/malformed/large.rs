//! Files that ask for more work or memory than their size lets expect.

use super::{Case, case};
use crate::import::build::*;
use tract_onnx::pb::{FunctionProto, ModelProto, NodeProto};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("calls of a large function", large_function(), &["`call", "`f`", "larger functions"]),
        case("a function of many inputs", function_of_many_inputs(), &["NonZero `refused`"]),
        case("a chain of scales", chain_of_scales(), &["NonZero `refused`"]),
    ]
}

/// Calls, one after another, of a function that adds a constant of a megabyte.
fn large_function() -> ModelProto {
    const VALUES: usize = 1 << 18;
    const CALLS: usize = 300;
    let mut constant = node("Constant", "k", &[], &["k"]);
    let values: Vec<f32> = (0..VALUES).map(|i| i as f32).collect();
    tensor(&mut constant, "value", floats("k", &[VALUES as i64], &values));
    let body = vec![constant, node("Add", "add", &["a", "k"], &["b"])];
    calls(CALLS, &["a"], body)
}

/// A call of a function of many inputs.
fn function_of_many_inputs() -> ModelProto {
    const INPUTS: usize = 20_000;
    let names: Vec<String> = (0..INPUTS).map(|at| format!("i{at}")).collect();
    let output = |at: usize| if at == 0 { "b".to_string() } else { format!("t{at}") };
    let body = names.iter().enumerate();
    let body = body.map(|(at, name)| node("Identity", "", &[name], &[&output(at)])).collect();
    calls(1, &names.iter().map(String::as_str).collect::<Vec<_>>(), body)
}

/// `calls` calls of a function from its inputs to `b`, and behind them what has to be refused.
fn calls(calls: usize, inputs: &[&str], body: Vec<NodeProto>) -> ModelProto {
    let value = |at: usize| if at == 0 { "x".to_string() } else { format!("v{at}") };
    let call = |at: usize| NodeProto {
        domain: "own".into(),
        input: vec![value(at); inputs.len()],
        ..node("f", &format!("call{at}"), &[], &[&value(at + 1)])
    };
    let mut nodes: Vec<NodeProto> = (0..calls).map(call).collect();
    nodes.push(node("NonZero", "refused", &[&value(calls)], &["y"]));
    let mut m = model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(1)])], &["y"]);
    m.functions.push(FunctionProto {
        name: Some("f".into()),
        domain: Some("own".into()),
        input: inputs.iter().map(|name| name.to_string()).collect(),
        output: vec!["b".into()],
        node: body,
        ..Default::default()
    });
    m
}

/// Samples by scales that are one long chain, each with a constant of its own.
fn chain_of_scales() -> ModelProto {
    const SAMPLES: usize = 3_000;
    let mut nodes = vec![node("Tanh", "", &["x"], &["s0"]), node("Relu", "", &["x"], &["mu"])];
    let mut constants = vec![floats("e", &[], &[1e-4])];
    for at in 0..SAMPLES {
        let [s, next, k, p, z] = ["s", "next", "k", "p", "z"].map(|name| match name {
            "next" => format!("s{}", at + 1),
            name => format!("{name}{at}"),
        });
        nodes.push(node("Add", "", &[&s, "e"], &[&next]));
        nodes.push(node("Mul", "", &[&next, &k], &[&p]));
        nodes.push(node("Add", "", &["mu", &p], &[&z]));
        let drawn = (at as f32 * 1.7).sin();
        constants.push(floats(&k, &[1, 2], &[drawn, drawn - 0.5]));
    }
    let samples: Vec<String> = (0..SAMPLES).map(|at| format!("z{at}")).collect();
    let samples: Vec<&str> = samples.iter().map(String::as_str).collect();
    let mut joined = node("Concat", "", &samples, &["c"]);
    int(&mut joined, "axis", 1);
    nodes.extend([joined, node("NonZero", "refused", &["c"], &["y"])]);
    model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(2)])], &["y"])
}
