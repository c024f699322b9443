//! Every likelihood of a manifest, with parameters by numbers and by outputs of the decoder.

use crate::common::{elbow_line, repository};
use elbow::npy;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};
use tract_onnx::pb::{ModelProto, NodeProto};

const MANIFEST: &str = r#"name = "digits"
[encoder]
onnx = "encoder.onnx"
input = "x"
mean = "mu"
spread = { output = "logvar", head = "logvar" }
[decoder]
onnx = "decoder.onnx"
latent = "z"
mean = "x_logit"
"#;

/// The digits model, whose decoder also gives `tanh` and `sigmoid` of its mean, and this likelihood.
fn with(likelihood: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let digits = repository("models/digits");
    fs::copy(digits.join("encoder.onnx"), folder.path().join("encoder.onnx")).unwrap();
    let mut model =
        ModelProto::decode(&fs::read(digits.join("decoder.onnx")).unwrap()[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for op in ["Tanh", "Sigmoid"] {
        let name = op.to_lowercase();
        graph.node.push(NodeProto {
            name: format!("node_{name}"),
            op_type: op.into(),
            input: vec!["x_logit".into()],
            output: vec![name.clone()],
            ..NodeProto::default()
        });
        let output = graph.output[0].clone();
        graph.output.push(tract_onnx::pb::ValueInfoProto { name, ..output });
    }
    fs::write(folder.path().join("decoder.onnx"), model.encode_to_vec()).unwrap();
    let path = folder.path().join("elbow.toml");
    fs::write(&path, format!("{MANIFEST}likelihood = {{ {likelihood} }}\n")).unwrap();
    (folder, path)
}

#[test]
fn every_family_is_compiled_with_its_parameters() {
    let fixed = |index: usize| format!("pack.f32({index}, 1)");
    let cases = [
        ("gaussian", "log_sigma = 0.5", "Gaussian", [Some(0), None]),
        ("bernoulli", "mean_is = \"probability\"", "Bernoulli", [None, None]),
        ("bernoulli", "mean_is = \"logit\"", "BernoulliLogit", [None, None]),
        ("laplace", "log_scale = [0.5]", "Laplace", [Some(0), None]),
        ("student_t", "log_scale = 0.5, df = 4", "StudentT", [Some(0), Some(1)]),
        ("lognormal", "mean_is = \"loc\", log_scale = 0.5", "LogNormal", [Some(0), None]),
        ("categorical", "mean_is = \"mean\"", "Categorical { classes: 64 }", [None, None]),
        ("categorical", "mean_is = \"logit\"", "CategoricalLogit { classes: 64 }", [None, None]),
        ("poisson", "mean_is = \"rate\"", "Poisson", [None, None]),
        ("poisson", "mean_is = \"log_rate\"", "PoissonLog", [None, None]),
        ("negative_binomial", "log_theta = 2", "NegativeBinomial", [Some(0), None]),
        (
            "negative_binomial",
            "log_theta = 2, mean_is = \"log_rate\"",
            "NegativeBinomialLog",
            [Some(0), None],
        ),
        (
            "zero_inflated_negative_binomial",
            "dropout_logit = -1, log_theta = 2",
            "ZeroInflatedNegativeBinomial",
            [Some(0), Some(1)],
        ),
        (
            "zero_inflated_negative_binomial",
            "log_theta = 2, dropout_logit = -1, mean_is = \"log_rate\"",
            "ZeroInflatedNegativeBinomialLog",
            [Some(0), Some(1)],
        ),
    ];
    for family in elbow_core::distributions::Family::ALL {
        let name = format!("{family:?}");
        let own = |variant: &str| variant.split(' ').next() == name.split(' ').next();
        assert!(cases.iter().any(|(_, _, variant, _)| own(variant)), "{name} has no case");
    }
    let (_folder, path) = with("family = \"bernoulli\"");
    let weights = compiled(&path).1;
    for (family, rest, variant, parameters) in cases {
        let (_folder, path) = with(&format!("family = \"{family}\", {rest}"));
        let (source, all) = compiled(&path);
        let own = format!("let family = Family::{variant};");
        assert!(source.contains(&own), "{family}, {rest}: no {own}");
        let values =
            parameters.map(|at| at.map_or("&[]".into(), |at: usize| fixed(weights.len() + at)));
        let list = format!("let parameters: [&[f32]; 2] = [{}];", values.join(", "));
        assert!(source.contains(&list), "{family}, {rest}: no {list}");
        let expected: &[f32] = match family {
            "student_t" => &[4.0, 0.5],
            "zero_inflated_negative_binomial" => &[2.0, -1.0],
            "negative_binomial" => &[2.0],
            "gaussian" | "laplace" | "lognormal" => &[0.5],
            _ => &[],
        };
        assert_eq!(all[weights.len()..], *expected, "{family}, {rest}");
    }
}

/// Source and weights, without the header.
fn compiled(path: &Path) -> (String, Vec<f32>) {
    let out = path.with_file_name("compiled");
    elbow_line("compile {} --out-dir {}", &[path, &out]).done();
    let pack = fs::read(out.join("weights.bin")).unwrap();
    let floats = pack[elbow_core::pack::HEADER_LEN..].as_chunks::<4>().0;
    let floats = floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    (fs::read_to_string(out.join("model.rs")).unwrap(), floats)
}

#[test]
fn parameters_by_the_decoder_are_kept_in_the_workspace() {
    let family = "family = \"zero_inflated_negative_binomial\", mean_is = \"log_rate\"";
    let both = "log_theta = \"tanh\", dropout_logit = \"sigmoid\"";
    let (folder, path) = with(&format!("{family}, {both}"));
    let source = compiled(&path).0;
    assert!(source.contains("pub log_theta: [f32; 64],") && source.contains("&mut ws.log_theta"));
    assert!(source.contains("[&ws.log_theta, &ws.dropout_logit]"));
    let budget = fs::read_to_string(folder.path().join("compiled/budget.json")).unwrap();
    let budget: serde_json::Value = serde_json::from_str(&budget).unwrap();
    let arena = budget["arena_bytes"].as_u64().unwrap();
    assert_eq!(budget["ram_bytes"]["workspace"], arena + 4 * (1 + 2 * 64));
    let report = elbow_line("inspect {} --json", &[&path]).done().json().to_string();
    assert!(report.contains("\"log_theta\"") && report.contains("\"dropout_logit\""));

    let z = folder.path().join("z.npy");
    fs::write(&z, npy::encode(&[2, 2], &[0.5, -1.0, 2.0, 0.25])).unwrap();
    let out = folder.path().join("decoded");
    elbow_line("run {} --graph decoder --input {} --out-dir {}", &[&path, &z, &out]).done();
    let [mean, tanh] =
        ["x_logit", "tanh"].map(|name| npy::read(&out.join(name).with_extension("npy")).unwrap());
    let pairs = mean.values.iter().zip(&tanh.values);
    pairs.for_each(|(mean, tanh)| assert!((mean.tanh() - tanh).abs() < 1e-6));
}

#[test]
fn an_output_is_only_one_parameter() {
    let (_folder, path) = with("family = \"student_t\", df = \"sigmoid\", log_scale = \"sigmoid\"");
    let outcome = elbow_line("inspect {}", &[&path]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("give each an output of its own"), "{}", outcome.stderr);
}
