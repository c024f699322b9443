//! Samples that were drawn when the model was exported.

use super::onnx::Onnx;
use crate::common::elbow_line;
use std::fs;

/// Heads of `x`, and a sample that a constant scales.
fn frozen() -> Onnx {
    Onnx::new()
        .constant("k", &[1, 2], &[0.371, -1.294])
        .linear("mu", "x", 4, 2)
        .linear("logvar", "x", 4, 2)
        .node("s", "Exp", "logvar")
        .node("p", "Mul", "s k")
        .node("z", "Add", "mu p")
        .outputs(&[("mu", 2), ("logvar", 2), ("z", 2)])
}

#[test]
fn frozen_noise_is_refused_until_it_is_accepted() {
    let (folder, path) = frozen().write();
    let manifest = folder.path().join("elbow.toml");
    let out = folder.path().join("out");
    let words = ["Mul `node_p`", "`k`", "frozen_noise = \"accept\"", "--accept-frozen-noise"];
    for line in ["init {}", "inspect {}"] {
        let refused = elbow_line(line, &[&path]);
        assert_eq!(refused.code, 2, "{line}");
        assert!(words.iter().all(|word| refused.stderr.contains(word)), "{}", refused.stderr);
        elbow_line(&format!("{line} --accept-frozen-noise"), &[&path]).done();
    }
    elbow_line("init {} --accept-frozen-noise -o {}", &[&path, &manifest]).done();
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(text.contains("frozen_noise = \"accept\""), "{text}");
    elbow_line("inspect {}", &[&manifest]).done();
    elbow_line("compile {} --out-dir {}", &[&manifest, &out]).done();

    let flagged = elbow_line("inspect {} --accept-frozen-noise", &[&manifest]);
    assert_eq!(flagged.code, 2);
    assert!(flagged.stderr.contains("bare .onnx"), "{}", flagged.stderr);
    fs::write(&manifest, text.replace("frozen_noise = \"accept\"", "")).unwrap();
    assert_eq!(elbow_line("inspect {}", &[&manifest]).code, 2);
    fs::write(&manifest, text.replace("\"accept\"", "\"ignore\"")).unwrap();
    let unknown = elbow_line("inspect {}", &[&manifest]);
    assert!(unknown.stderr.contains("`refuse` or `accept`"), "{}", unknown.stderr);
}
