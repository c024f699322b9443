//! Heads from which a graph samples itself.

use super::onnx::{Onnx, proposed, sampling, undecided};
use crate::common::{elbow_line, repository};

#[test]
fn a_draw_shows_mean_head_clamp_and_noise() {
    let both = [("z", 2), ("a", 2), ("b", 2)];
    proposed(
        sampling(&both).init(),
        &[
            "mean = \"a\"",
            "spread = { output = \"b\", head = \"logvar\", clamp = [-5.0, 3.0] }",
            "z = a + noise * exp(0.5 * clip(b, -5, 3))",
        ],
    );
    proposed(
        sampling(&[("z", 2), ("a", 2), ("c", 2)]).init(),
        &["output = \"c\", head = \"logvar\", clamp"],
    );
    proposed(
        sampling(&[("z", 2), ("a", 2), ("s", 2)]).init(),
        &["output = \"s\", head = \"sigma\" }"],
    );
    proposed(
        sampling(&[("z", 2), ("a", 2), ("d", 2)]).init(),
        &["output = \"d\", head = \"log_sigma\" }"],
    );
}

/// `p`, `q` from a draw of `a`, `b`, beside what the graph gives besides.
fn hierarchy(p: &str, q: &str, z: i64) -> Onnx {
    Onnx::new()
        .input("e", 3)
        .constant("half", &[], &[0.5])
        .linear("mu1", "x", 4, 3)
        .linear("logvar1", "x", 4, 3)
        .node("d", "Mul", "half logvar1")
        .node("s", "Exp", "d")
        .node("n", "Mul", "e s")
        .node("z1", "Add", "n mu1")
        .linear(p, "z1", 3, z)
        .linear(q, "z1", 3, z)
        .outputs(&[("mu1", 3), ("logvar1", 3), ("z1", 3), (p, z), (q, z)])
}

#[test]
fn the_last_posterior_of_a_hierarchy_needs_no_draw() {
    proposed(
        hierarchy("mu2", "logvar2", 2).init(),
        &[
            "[[latent]]",
            "mean = \"mu1\"",
            "mean = \"mu2\"",
            "spread = { output = \"logvar2\", head = \"logvar\" }",
            "no role for its outputs [\"z1\"]",
        ],
    );
    for (p, q, second) in [("p", "q", "p"), ("mean_a", "logvar_a", "mean_a")] {
        undecided(
            &hierarchy(p, q, 2).init(),
            &[
                "[encoder] mean = \"mu1\"",
                "[[latent]] mean = \"mu1\"",
                &format!("[[latent]] mean = \"{second}\""),
                "decide",
            ],
        );
    }
    // As large as the observation: what a decoder gives.
    let decoded = hierarchy("x_mean", "x_logvar", 4).init();
    proposed(decoded, &["[encoder]", "no role for its outputs [\"z1\", \"x_mean\", \"x_logvar\"]"]);
}

#[test]
fn the_zoos_samplers_are_read() {
    for (model, parts) in [
        ("vae.keras", vec!["mean = \"Identity:0\"", "exp(0.5 * Identity_1:0)"]),
        ("vae_eps.torchscript", vec!["head = \"logvar\"", "\"eps\", is the noise"]),
        ("scvi.dynamo", vec!["head = \"var\"", "noise * sqrt("]),
        ("hierarchical.torchscript", vec!["[[latent]]", "mean = \"onnx::RandomNormalLike_25\""]),
    ] {
        let path = repository("tests/zoo").join(model).join("model.onnx");
        proposed(elbow_line("init {}", &[&path]), &parts);
        let report = elbow_line("init {} --json", &[&path]).json();
        let reasons = report["roles"].as_array().unwrap();
        assert!(reasons.iter().all(|reason| !reason["reason"].as_str().unwrap().is_empty()));
    }
}

#[test]
fn the_sample_of_the_graph_is_no_head() {
    let names = [("z", 2), ("a", 2), ("b", 2)];
    let (_folder, path) = sampling(&names).write();
    for (mean, spread, key) in [("z", "b", "encoder.mean"), ("a", "z", "encoder.spread")] {
        let line = format!("inspect {{}} --mean {mean} --spread {spread}:logvar");
        let refused = elbow_line(&line, &[&path]);
        assert_eq!(refused.code, 2, "{}", refused.stdout);
        let parts = ["\"z\" is the sample", "declare \"a\" as the mean and \"b\"", "logvar", key];
        for part in parts {
            assert!(refused.stderr.contains(part), "no {part:?} in {}", refused.stderr);
        }
    }
    elbow_line("inspect {} --mean a --spread b:logvar", &[&path]).done();
    let (_folder, path) = sampling(&[("z", 2), ("b", 2)]).write();
    let refused = elbow_line("inspect {} --mean z --spread b:logvar", &[&path]);
    let cure = "declare \"a\" as the mean and \"b\" as the spread with the head logvar";
    assert!(refused.stderr.contains(cure), "{}", refused.stderr);
}
