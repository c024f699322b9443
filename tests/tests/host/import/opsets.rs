//! Opsets 7 and 8: what their operators have otherwise than those of opset 9.

use super::build::{Dim, encoded, floats, graph, info, int, model, node, single, string};
use super::refused::refused;
use elbow::import::ops::OPERATORS;
use elbow::ir::Graph;
use elbow::stages::import_bytes;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, ModelProto};

fn of_opset(mut model: ModelProto, version: i64) -> Vec<u8> {
    model.opset_import[0].version = version;
    encoded(&model)
}

fn imported(model: ModelProto, version: i64) -> Graph {
    import_bytes(&of_opset(model, version)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn scales_of_upsample_were_an_attribute() {
    let scales = [1.0, 1.0, 2.0, 3.0];
    let upsample = |constants| {
        let mut model = single("Upsample", &[1, 2, 3, 4], constants);
        string(&mut graph(&mut model).node[0], "mode", "linear");
        model
    };
    let mut old = upsample(vec![]);
    graph(&mut old).node[0].attribute.push(AttributeProto {
        name: "scales".into(),
        r#type: AttributeType::Floats as i32,
        floats: scales.to_vec(),
        ..AttributeProto::default()
    });
    let new = imported(upsample(vec![floats("scales", &[4], &scales)]), 9);
    for version in [7, 8] {
        let old = imported(old.clone(), version);
        let ops =
            |graph: &Graph| graph.nodes.iter().map(|node| node.op.clone()).collect::<Vec<_>>();
        assert_eq!(ops(&old), ops(&new));
        assert_eq!(old.values[old.outputs[0].1].shape, [1, 2, 6, 12]);
    }
    refused(&of_opset(upsample(vec![]), 7), &["Upsample `n`", "neither scales nor sizes"]);
}

#[test]
fn batch_normalization_could_have_a_mean_per_place() {
    let of = |spatial| {
        let constant = |name| floats(name, &[2], &[1.0; 2]);
        let constants = ["s", "b", "m", "v"].map(constant).to_vec();
        let mut model = single("BatchNormalization", &[1, 2, 3], constants);
        int(&mut graph(&mut model).node[0], "spatial", spatial);
        model
    };
    imported(of(1), 7);
    refused(&of_opset(of(0), 7), &["BatchNormalization `n`", "`spatial` is 0", "per channel"]);
}

#[test]
fn k_of_top_k_was_an_attribute() {
    let mut top = node("TopK", "t", &["w"], &["values", "indices"]);
    int(&mut top, "k", 2);
    let nodes = vec![top, node("Add", "a", &["x", "values"], &["y"])];
    let w = floats("w", &[1, 4], &[1.0, 7.0, 3.0, 5.0]);
    let graph =
        imported(model(nodes, vec![w], vec![info("x", &[Dim::N(1), Dim::N(2)])], &["y"]), 8);
    assert_eq!(graph.values[graph.nodes[0].inputs[1]].constant.as_deref(), Some(&[7.0, 5.0][..]));
}

#[test]
fn operators_that_came_later_are_refused_in_older_files() {
    let since = |version| OPERATORS.iter().filter(move |row| row.since > version && row.since < 12);
    let mut refusals = 0;
    for row in since(7).filter(|row| row.domain.is_empty()) {
        let message = refused(&of_opset(single(row.name, &[1, 4], vec![]), 7), &[row.name]);
        let first = format!("from opset {} on, the file declares 7", row.since);
        assert!(message.contains(&first), "{message}");
        refusals += 1;
    }
    assert!(refusals > 10, "{refusals}");
}
