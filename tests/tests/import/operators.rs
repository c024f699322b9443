//! The table of operators is complete and in order.

use crate::build::{encoded, single};
use crate::files::folder;
use crate::refused::refused;
use elbow::import::ops::{OPERATORS, advice};
use elbow::import::{NEWEST_OPSET, OLDEST_OPSET, survey};
use std::collections::BTreeSet;

#[test]
fn rows_are_sorted_and_say_what_they_take() {
    assert!(OPERATORS.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted, each once");
    for row in OPERATORS {
        assert!((OLDEST_OPSET..=NEWEST_OPSET).contains(&row.since), "{}", row.name);
        assert!(!row.types.is_empty(), "{}", row.name);
    }
}

/// The fixtures' README lists their operators: `| case | opset | Gemm x3, Relu | ... |`.
#[test]
fn every_row_has_a_fixture() {
    let table = std::fs::read_to_string(folder("tests/fixtures/README.md")).expect("it is there");
    let cells = table.lines().filter_map(|line| line.split('|').nth(3));
    let used: BTreeSet<&str> = cells
        .flat_map(|cell| cell.split(','))
        .filter_map(|op| op.split_whitespace().next())
        .collect();
    // Integers only: `calculated.rs` has these.
    let folded = ["Equal", "Size", "Where"];
    let without: Vec<&str> = OPERATORS
        .iter()
        .map(|row| row.name)
        .filter(|name| !used.contains(name) && !folded.contains(name))
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn well_known_operators_get_advice_of_their_own() {
    let general = advice("Fancy");
    for op in [
        "RandomNormalLike",
        "Loop",
        "GRU",
        "LayerNormalization",
        "MaxPool",
        "Softmax",
        "Log",
        "Resize",
        "Pad",
        "QuantizeLinear",
        "ReduceMean",
        "HardSwish",
    ] {
        assert_ne!(advice(op), general, "{op}");
        refused(&encoded(&single(op, &[1, 4], vec![])), &[op, "`n`", advice(op)]);
    }
    refused(&encoded(&single("Fancy", &[1, 4], vec![])), &["Fancy `n`", general]);
}

#[test]
fn a_survey_tells_what_it_knows_despite_problems() {
    let mut model = crate::build::dense();
    crate::build::graph(&mut model).node[1].op_type = "Fancy".into();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fancy.onnx");
    std::fs::write(&path, encoded(&model)).expect("it can be written");
    let survey_of = survey(&path).expect("it is an ONNX model");
    assert!(survey_of.graph.is_none());
    assert_eq!(survey_of.problems.len(), 1);
    assert_eq!(
        (survey_of.problems[0].node.as_str(), survey_of.problems[0].op.as_str()),
        ("act", "Fancy")
    );
    assert_eq!(survey_of.inputs[0].shape.as_deref(), Some(&[1, 4][..]));
    assert_eq!(survey_of.outputs[0].name, "y");
    assert_eq!(survey_of.outputs[0].shape, None);
}
