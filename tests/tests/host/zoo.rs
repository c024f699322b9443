//! The zoo: graphs as exporters write them, through import, plan and twin, against onnxruntime.

use elbow::stages::{import_onnx, lower};
use elbow_tests::fixtures::{Case, path, zoo};
use elbow_tests::tolerance::ONNXRUNTIME;
use std::collections::{BTreeMap, BTreeSet};

/// How many graphs and architectures there have to be.
const GRAPHS: usize = 60;
const ARCHITECTURES: usize = 25;
/// Rows of each graph.
const ROWS: usize = 3;

/// Graphs that are refused, with words of the reason.
fn refused() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path("tests/zoo/refused.toml")).expect("the list is there");
    toml::from_str(&text).expect("names with reasons")
}

/// The error of a graph, or why it cannot be run.
fn run(case: &Case) -> Result<f64, String> {
    let graph = import_onnx(&case.onnx).map_err(|error| error.to_string())?;
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = lower(&graph, &outputs).map_err(|error| error.to_string())?;
    match case.outputs.len() {
        0 => Err("it imports, but onnxruntime has no outputs of it".into()),
        _ => Ok(case.error_of(&plan, ROWS)),
    }
}

#[test]
fn every_graph_of_the_zoo_agrees_with_onnxruntime_or_is_refused_for_the_listed_reason() {
    let (cases, refused) = (zoo(), refused());
    let (mut wrong, mut worst) = (Vec::new(), 0.0f64);
    for case in &cases {
        match (run(case), refused.get(&case.name)) {
            (Ok(error), None) if error <= ONNXRUNTIME => {
                println!("{:40} {error:.1e}", case.name);
                worst = worst.max(error);
            }
            (Ok(error), None) => wrong.push(format!("{}: error {error:e}", case.name)),
            (Ok(_), Some(_)) => {
                wrong.push(format!("{}: imports; remove it from the list", case.name))
            }
            (Err(reason), Some(words)) if reason.contains(words) => {
                println!("{:40} refused: {words}", case.name);
            }
            (Err(reason), _) => wrong.push(format!("{}: {reason}", case.name)),
        }
    }
    for name in refused.keys().filter(|name| cases.iter().all(|case| case.name != **name)) {
        wrong.push(format!("{name}: is listed, but not there"));
    }
    let architectures: BTreeSet<&str> =
        cases.iter().filter_map(|case| case.name.split('.').next()).collect();
    let (graphs, run) = (cases.len(), cases.len() - refused.len());
    println!(
        "{run} of {graphs} graphs from {} architectures run, worst error {worst:.1e}",
        architectures.len()
    );
    assert!(wrong.is_empty(), "{} graphs:\n{}", wrong.len(), wrong.join("\n"));
    assert!(run >= GRAPHS && architectures.len() >= ARCHITECTURES);
}
