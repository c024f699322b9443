//! Layouts of square observations, which the graph shows.

use super::onnx::Onnx;
use crate::common::elbow_line;
use std::fs;

/// A convolution along the last axis of `x`, or of `x` transposed, of six by six values.
fn square(is_time_first: bool) -> Onnx {
    let weights: Vec<f32> = (0..36).map(|i| (i as f32 * 1.3).sin()).collect();
    let mut graph = Onnx::new();
    graph.graph.input.clear();
    let graph = graph.shaped_input("x", &[1, 6, 6]);
    let (graph, from) = match is_time_first {
        true => (graph.node("t", "Transpose", "x").integers_of("perm", &[0, 2, 1]), "t w"),
        false => (graph, "x w"),
    };
    graph
        .constant("w", &[2, 6, 3], &weights)
        .node("c", "Conv", from)
        .node("f", "Flatten", "c")
        .linear("mu", "f", 8, 2)
        .linear("logvar", "f", 8, 2)
        .outputs(&[("mu", 2), ("logvar", 2)])
}

#[test]
fn a_layout_against_the_graph_is_refused() {
    for (is_time_first, own, other) in
        [(true, "time_first", "channels_first"), (false, "channels_first", "time_first")]
    {
        let (folder, path) = square(is_time_first).write();
        let manifest = folder.path().join("elbow.toml");
        elbow_line("init {} -o {}", &[&path, &manifest]).done();
        let proposal = fs::read_to_string(&manifest).unwrap();
        assert!(proposal.contains(&format!("# layout = {own:?}")), "{proposal}");
        let with = |layout: &str| {
            let window = "[window]\nchannels = 6\nlength = 6\nhop = 6\nmean = [0, 0, 0, 0, 0, 0]\nstd = [1, 1, 1, 1, 1, 1]\n";
            fs::write(&manifest, format!("{proposal}\n{window}{layout}\n")).unwrap();
            elbow_line("inspect {}", &[&manifest])
        };
        with(&format!("layout = {own:?}")).done();
        let so = format!("so it is {}", own.replace('_', " "));
        let cure = format!("write layout = {own:?}");
        for layout in [format!("layout = {other:?}"), String::new()] {
            let refused = with(&layout);
            assert_eq!(refused.code, 2, "{own} {layout}: {}", refused.stdout);
            for part in ["window.layout", "Conv", &so, &cure] {
                assert!(refused.stderr.contains(part), "no {part:?} in {}", refused.stderr);
            }
        }
    }
}
