//! ONNX's own node tests through import, plan and twin.
//!
//! `cargo xtask onnx` writes them to `target/onnx-node-tests`; nothing of them is in the repository.

use elbow::import::ops::OPERATORS;
use elbow::stages::{import_onnx, lower};
use elbow::twin::Twin;
use elbow_tests::fixtures::{Rows, path, rows, zoo};
use prost::Message;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tract_onnx::pb::ModelProto;

/// How many have to pass.
const LEAST: usize = 500;

/// One test of ONNX.
struct Case {
    name: String,
    operator: String,
    rtol: f64,
    atol: f64,
    /// Why it could not be written.
    problem: Option<String>,
}

fn cases(folder: &Path) -> Vec<Case> {
    let index = folder.join("index.json");
    let text = std::fs::read_to_string(&index).unwrap_or_else(|error| {
        panic!("{}: {error}; write the tests by `cargo xtask onnx`", index.display())
    });
    let list: Vec<Value> = serde_json::from_str(&text).expect("a list");
    let case = |entry: &Value| Case {
        name: entry["name"].as_str().expect("a name").into(),
        operator: entry["operator"].as_str().expect("an operator").into(),
        rtol: entry["rtol"].as_f64().expect("a tolerance"),
        atol: entry["atol"].as_f64().expect("a tolerance"),
        problem: entry["problem"].as_str().map(Into::into),
    };
    list.iter().map(case).collect()
}

/// Names of the tests that are skipped, with words of what keeps each from passing.
fn skipped() -> BTreeMap<String, String> {
    let path = path("tests/onnx/skipped.toml");
    let text = std::fs::read_to_string(path).expect("the list is there");
    let reasons: toml::Table = toml::from_str(&text).expect("reasons");
    let text_of = |value: &toml::Value| value.as_str().expect("a text").to_string();
    let named = |(reason, entry): (&String, &toml::Value)| {
        let words = text_of(&entry["words"]);
        assert!(!words.is_empty(), "{reason}: no words");
        let tests = entry["tests"].as_array().expect("names").clone();
        tests.into_iter().map(move |name| (text_of(&name), words.clone()))
    };
    reasons.iter().flat_map(named).collect()
}

/// What keeps a test from passing.
fn failure(case: &Case, folder: &Path) -> Option<String> {
    if let Some(problem) = &case.problem {
        return Some(problem.clone());
    }
    let file = |name: &str| folder.join(&case.name).join(name);
    let graph = match import_onnx(&file("model.onnx")) {
        Ok(graph) => graph,
        Err(error) => return Some(error.to_string()),
    };
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = match lower(&graph, &outputs) {
        Ok(plan) => plan,
        Err(error) => return Some(error.to_string()),
    };
    let named = |name: &str| graph.inputs.iter().position(|id| graph.values[*id].name == name);
    let inputs: Vec<Rows> = plan
        .inputs
        .iter()
        .map(|port| rows(&file(&format!("in.{}.npy", named(&port.name).expect("an input")))))
        .collect();
    let inputs: Vec<&[f32]> = inputs.iter().map(|input| input.row(0)).collect();
    let given = match Twin::new(&plan).run(&inputs) {
        Ok(given) => given,
        Err(error) => return Some(error.to_string()),
    };
    for (at, output) in given.iter().enumerate() {
        let expected = rows(&file(&format!("out.{at}.npy")));
        let expected = expected.row(0);
        if output.len() != expected.len() {
            return Some(format!("{} values, expected {}", output.len(), expected.len()));
        }
        let close = |(value, truth): (&f32, &f32)| {
            let (value, truth) = (f64::from(*value), f64::from(*truth));
            value == truth
                || (value.is_nan() && truth.is_nan())
                || (value - truth).abs() <= case.atol + case.rtol * truth.abs()
        };
        if let Some(index) = output.iter().zip(expected).position(|pair| !close(pair)) {
            let (value, truth) = (output[index], expected[index]);
            return Some(format!("output {at}[{index}] is {value}, expected {truth}"));
        }
    }
    None
}

/// Operators that the fixtures' README lists: `| case | opset | Gemm x3, Relu | ... |`.
fn in_fixtures() -> BTreeSet<String> {
    let table = std::fs::read_to_string(path("tests/fixtures/README.md")).expect("it is there");
    let cells = table.lines().filter_map(|line| line.split('|').nth(3));
    let operators = cells.flat_map(|cell| cell.split(','));
    operators.filter_map(|op| op.split_whitespace().next()).map(Into::into).collect()
}

/// Operators of the zoo's graphs.
fn in_zoo() -> BTreeSet<String> {
    let nodes = |case: &elbow_tests::fixtures::Case| {
        let bytes = std::fs::read(&case.onnx).expect("it can be read");
        let model = ModelProto::decode(&bytes[..]).expect("an ONNX file");
        model.graph.expect("a graph").node
    };
    let nodes = zoo().iter().flat_map(nodes).collect::<Vec<_>>();
    nodes.into_iter().map(|node| node.op_type).collect()
}

#[test]
fn every_operator_of_the_table_has_a_test_of_its_values() {
    let mut held = in_fixtures();
    held.insert("CastLike".into()); // in `import/calculated.rs`
    held.extend(["QuantizeLinear", "DequantizeLinear"].map(Into::into)); // in `qdq.rs`
    held.extend(in_zoo());
    held.extend(cases(&path("target/onnx-node-tests")).into_iter().map(|case| case.operator));
    let without: Vec<&str> =
        OPERATORS.iter().map(|row| row.name).filter(|name| !held.contains(*name)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn node_tests_of_every_supported_operator_pass() {
    let folder = path("target/onnx-node-tests");
    let (cases, skipped) = (cases(&folder), skipped());
    let mut wrong = Vec::new();
    let mut passed = 0;
    for case in &cases {
        match (failure(case, &folder), skipped.get(&case.name)) {
            (None, None) => passed += 1,
            (None, Some(_)) => {
                wrong.push(format!("{}: passes; remove it from the list", case.name))
            }
            (Some(reason), Some(words)) if reason.contains(words) => {}
            (Some(reason), _) => wrong.push(format!("{}: {reason}", case.name)),
        }
    }
    for name in skipped.keys().filter(|name| cases.iter().all(|case| case.name != **name)) {
        wrong.push(format!("{name}: is listed, but there is no such test"));
    }
    println!("{passed} node tests passed, {} skipped of {}", skipped.len(), cases.len());
    assert!(wrong.is_empty(), "{} tests:\n{}", wrong.len(), wrong.join("\n"));
    assert!(passed >= LEAST, "{passed} pass, expected {LEAST}");
}
