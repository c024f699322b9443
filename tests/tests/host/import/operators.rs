//! The table of operators is complete and in order.

use super::build::{encoded, single};
use super::refused::refused;
use elbow::import::ops::{OPERATORS, Operator, advice};
use elbow::import::{NEWEST_OPSET, OLDEST_OPSET, Options};
use elbow::stages::survey;

#[test]
fn rows_are_sorted_and_say_what_they_take() {
    let key = |row: &Operator| (row.domain, row.name);
    assert!(OPERATORS.windows(2).all(|pair| key(&pair[0]) < key(&pair[1])), "sorted, each once");
    for row in OPERATORS {
        let opsets = if row.domain.is_empty() { OLDEST_OPSET..=NEWEST_OPSET } else { 1..=1 };
        assert!(opsets.contains(&row.since), "{}", row.name);
        assert!(!row.types.is_empty(), "{}", row.name);
    }
}

#[test]
fn well_known_operators_get_advice_of_their_own() {
    let general = advice("Fancy");
    for op in ["Attention", "Bernoulli", "Erfc", "If", "LpPool", "Loop", "QLinearConv"] {
        assert_ne!(advice(op), general, "{op}");
        refused(&encoded(&single(op, &[1, 4], vec![])), &[op, "`n`", advice(op)]);
    }
    refused(&encoded(&single("Fancy", &[1, 4], vec![])), &["Fancy `n`", general]);
}

#[test]
fn a_survey_tells_what_it_knows_despite_problems() {
    let mut model = super::build::dense();
    super::build::graph(&mut model).node[1].op_type = "Fancy".into();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fancy.onnx");
    std::fs::write(&path, encoded(&model)).expect("it can be written");
    let survey_of = survey(&path, &Options::default()).expect("it is an ONNX model");
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
