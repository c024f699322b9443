//! Bad manifests, by theme.

mod scores;

use super::{assert_refused, changed, digits, pass_log_var_through};
use crate::common::{elbow_line, repository};
use std::fs;
use std::path::PathBuf;

/// What it is, the manifest, and words of the refusal.
type Case = (&'static str, String, &'static [&'static str]);

/// A folder with a copy of the digits model and this manifest.
fn with_manifest(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    for file in ["encoder.onnx", "decoder.onnx"] {
        fs::copy(digits().join(file), folder.path().join(file)).unwrap();
    }
    fs::copy(repository("models/imu/decoder.onnx"), folder.path().join("imu_decoder.onnx"))
        .unwrap();
    for op in ["Exp", "Softplus"] {
        let bytes = changed(|graph| pass_log_var_through(graph, op));
        fs::write(folder.path().join(format!("{op}.onnx")), bytes).unwrap();
    }
    let hidden = changed(|graph| {
        // The hidden layer becomes the mean: wider than the spread.
        let name = graph.node[0].output[0].clone();
        graph.output[0].name = name;
        graph.output[0].r#type = None;
    });
    fs::write(folder.path().join("unequal.onnx"), hidden).unwrap();
    let path = folder.path().join("elbow.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

const ENCODER: &str = r#"name = "digits"
[encoder]
onnx = "encoder.onnx"
input = "x"
mean = "mu"
spread = { output = "logvar", head = "logvar" }
"#;

const DECODER: &str = r#"[decoder]
onnx = "decoder.onnx"
latent = "z"
mean = "x_logit"
likelihood = { family = "bernoulli", mean_is = "logit" }
"#;

const WINDOW: &str = r#"[window]
channels = 2
length = 32
hop = 8
layout = "channels_first"
mean = [0, 0]
std = [1, 1]
"#;

#[test]
fn the_manifests_that_the_bad_ones_are_made_of_are_good() {
    let (folder, path) = with_manifest(&[ENCODER, DECODER, WINDOW].concat());
    elbow_line("inspect {}", &[&path]).done();
    elbow_line("inspect {}", &[folder.path()]).done();
    let (_folder, path) = with_manifest(&scores::whole());
    elbow_line("inspect {}", &[&path]).done();
    let (_folder, path) = with_manifest(&refine("rule = \"adam\"\nrate = 0.05\nsteps = 20\n"));
    elbow_line("inspect {}", &[&path]).done();
}

/// `whole` with `from` replaced.
fn with(whole: &str, from: &str, to: &str) -> String {
    assert!(whole.contains(from), "{from}");
    whole.replace(from, to)
}

fn encoder(from: &str, to: &str) -> String {
    with(ENCODER, from, to)
}

fn decoder(from: &str, to: &str) -> String {
    [ENCODER, &with(DECODER, from, to)].concat()
}

fn window(from: &str, to: &str) -> String {
    [ENCODER, &with(WINDOW, from, to)].concat()
}

/// A decoder with a Gaussian likelihood of these parameters.
fn gaussian(parameters: &str) -> String {
    decoder(
        "{ family = \"bernoulli\", mean_is = \"logit\" }",
        &format!("{{ family = \"gaussian\"{parameters} }}"),
    )
}

/// Not TOML, or keys that do not exist.
fn of_text() -> Vec<Case> {
    vec![
        ("not TOML", "name = = 3".into(), &["line 1"]),
        ("empty", String::new(), &["missing field `name`"]),
        ("no encoder", "name = \"a\"".into(), &["missing field `encoder`"]),
        (
            "unknown table",
            [ENCODER, "[colour]\nred = 1\n"].concat(),
            &["unknown field `colour`", "line 7"],
        ),
        ("unknown key", encoder("mean = ", "median = "), &["unknown field `median`", "line 5"]),
        ("name with a space", encoder("\"digits\"", "\"my digits\""), &["name", "module name"]),
        ("keyword as name", encoder("\"digits\"", "\"loop\""), &["name", "module name"]),
        ("crate as name", encoder("\"digits\"", "\"elbow_core\""), &["name", "firmware"]),
        (
            "everything that is missing, at once",
            [
                &encoder("onnx = \"encoder.onnx\"\n", ""),
                &with(DECODER, "bernoulli\", mean_is = \"logit", "gaussian"),
                "[window]\nchannels = 2\n",
            ]
            .concat(),
            &[
                "`onnx` in [encoder]",
                "log_sigma: gaussian needs it",
                "`length` in [window]",
                "`hop` in [window]",
                "`mean` in [window]",
                "`std` in [window]",
            ],
        ),
        (
            "values that nobody decided",
            [
                encoder("head = \"logvar\"", "head = \"?\""),
                with(WINDOW, "mean = [0, 0]", "mean = [0, \"?\"]")
                    .replace("\"channels_first\"", "\"?\""),
            ]
            .concat(),
            &["encoder.spread.head is \"?\"", "window.layout is", "window.mean[1] is", "decide"],
        ),
        (
            "bare question marks",
            [&encoder("mean = \"mu\"", "mean = ?"), &with(WINDOW, "hop = 8", "hop = ?")[..]]
                .concat(),
            &["encoder.mean is \"?\"", "window.hop is \"?\""],
        ),
        ("std as name", encoder("\"digits\"", "\"std\""), &["name", "firmware"]),
    ]
}

/// What the encoder does not have.
fn of_encoder() -> Vec<Case> {
    vec![
        ("absent file", encoder("encoder.onnx", "absent.onnx"), &["absent.onnx", "path"]),
        (
            "absent mean",
            encoder("mean = \"mu\"", "mean = \"mean\""),
            &["encoder.mean", "\"mean\"", "[\"mu\", \"logvar\"]"],
        ),
        (
            "index out of range",
            encoder("mean = \"mu\"", "mean = 2"),
            &["encoder.mean", "tensor 2", "[\"mu\", \"logvar\"]"],
        ),
        ("negative index", encoder("mean = \"mu\"", "mean = -1"), &["ONNX name or an index"]),
        ("absent input", encoder("input = \"x\"", "input = \"y\""), &["encoder.input", "[\"x\"]"]),
        (
            "one output for both heads",
            encoder("output = \"logvar\"", "output = \"mu\""),
            &["encoder.mean and encoder.spread"],
        ),
        (
            "unequal heads",
            encoder("encoder.onnx", "unequal.onnx").replace("mean = \"mu\"", "mean = 0"),
            &["unequal shapes"],
        ),
    ]
}

/// Heads that cannot be, or that the graph contradicts.
fn of_heads() -> Vec<Case> {
    vec![
        (
            "unknown head",
            encoder("head = \"logvar\"", "head = \"precision\""),
            &["precision", "softplus_sigma"],
        ),
        (
            "sigma made by Gemm",
            encoder("head = \"logvar\"", "head = \"sigma\""),
            &["Gemm", "negative", "declare"],
        ),
        (
            "var made by Gemm",
            encoder("head = \"logvar\"", "head = \"var\""),
            &["Gemm", "negative", "declare"],
        ),
        (
            "logvar made by Exp",
            encoder("encoder.onnx", "Exp.onnx"),
            &["Exp", "declare", "\"sigma\""],
        ),
        (
            "logvar made by Softplus",
            encoder("encoder.onnx", "Softplus.onnx"),
            &["Softplus", "declare", "\"sigma\""],
        ),
        (
            "softplus twice",
            encoder("encoder.onnx", "Softplus.onnx")
                .replace("head = \"logvar\"", "head = \"softplus_sigma\""),
            &["positive already"],
        ),
        (
            "clamp upside down",
            encoder("head = \"logvar\" }", "head = \"logvar\", clamp = [6, -14] }"),
            &["clamp", "low < high"],
        ),
        (
            "clamp of NaN",
            encoder("head = \"logvar\" }", "head = \"logvar\", clamp = [nan, 1] }"),
            &["clamp", "low < high"],
        ),
        (
            "clamp of three",
            encoder("head = \"logvar\" }", "head = \"logvar\", clamp = [1, 2, 3] }"),
            &["clamp", "found 3 values", "[low, high]"],
        ),
        (
            "negative eps",
            encoder("head = \"logvar\" }", "head = \"logvar\", eps = -1e-4 }"),
            &["eps", "not negative"],
        ),
    ]
}

/// Decoders and likelihoods.
fn of_decoder() -> Vec<Case> {
    vec![
        (
            "decoder of another model",
            decoder("\"decoder.onnx\"", "\"imu_decoder.onnx\"").replace("x_logit", "x_mean"),
            &["decoder.latent", "6 values", "2"],
        ),
        ("absent decoder output", decoder("x_logit", "x_mean"), &["decoder.mean", "[\"x_logit\"]"]),
        (
            "rates that are logits",
            decoder("bernoulli", "poisson"),
            &["mean_is", "poisson expects", "\"rate\" or \"log_rate\""],
        ),
        (
            "scale of another family",
            decoder("\"bernoulli\", mean_is = \"logit\"", "\"laplace\", log_sigma = 0"),
            &["log_sigma: laplace has no such parameter", "log_scale: laplace needs it"],
        ),
        (
            "no degrees of freedom",
            decoder("\"bernoulli\", mean_is = \"logit\"", "\"student_t\", log_scale = 0, df = [0]"),
            &["likelihood.df", "found 0", "above 0"],
        ),
        ("family that does not exist", decoder("bernoulli", "cauchy"), &["cauchy", "gaussian"]),
        ("gaussian without noise", gaussian(""), &["log_sigma", "gaussian needs it"]),
        (
            "noise of another length",
            gaussian(", log_sigma = [0, 0, 0]"),
            &["log_sigma has 3 values"],
        ),
        (
            "an axis that nothing runs along",
            gaussian(", log_sigma = 0, axis = 1"),
            &["axis = 1", "remove it"],
        ),
        (
            "noise by no output",
            gaussian(", log_sigma = \"s\""),
            &["decoder.likelihood.log_sigma", "no tensor \"s\"", "[\"x_logit\"]"],
        ),
        (
            "noise by the mean",
            gaussian(", log_sigma = \"x_logit\""),
            &["log_sigma", "is the mean", "an output of its own"],
        ),
        ("infinite noise", gaussian(", log_sigma = inf"), &["finite"]),
        (
            "gaussian logits",
            gaussian(", log_sigma = 0, mean_is = \"logit\""),
            &["mean_is", "gaussian expects"],
        ),
        (
            "parameter of another family",
            gaussian(", log_sigma = 0, df = 3"),
            &["df", "no such parameter"],
        ),
        (
            "two latents for one posterior",
            decoder("latent = \"z\"", "latent = [\"z\", \"y\"]"),
            &["decoder.latent", "2 inputs", "one per posterior (1)"],
        ),
    ]
}

/// Windows and scores.
fn of_window() -> Vec<Case> {
    vec![
        (
            "window of another size",
            window("length = 32", "length = 31"),
            &["window", "31", "64 values"],
        ),
        (
            "window without channels",
            window("channels = 2", "channels = 0"),
            &["window.channels", "at least 1"],
        ),
        (
            "too few means",
            window("mean = [0, 0]", "mean = [0]"),
            &["window.mean", "one per channel"],
        ),
        (
            "a flat observation without a layout",
            window("layout = \"channels_first\"\n", ""),
            &["window.layout", "[1, 64]", "layout = \"channels_first\"", "layout = \"time_first\""],
        ),
        (
            "unknown layout",
            window("channels_first", "channels_last"),
            &["channels_last", "time_first"],
        ),
        ("zero std", window("std = [1, 1]", "std = [1, 0]"), &["window.std", "positive"]),
    ]
}

/// Inputs of a role, and state.
fn of_inputs() -> Vec<Case> {
    vec![
        (
            "an input that no graph has",
            [ENCODER, "[[input]]\nname = \"eps\"\nrole = \"eps\"\n"].concat(),
            &["[[input]] \"eps\"", "no graph"],
        ),
        (
            "an input of two roles",
            [ENCODER, "[[input]]\nname = \"x\"\nrole = \"condition\"\n"].concat(),
            &["\"x\"", "role x", "condition"],
        ),
        (
            "an input listed twice",
            [
                ENCODER,
                "[[input]]\nname = \"c\"\nrole = \"condition\"\n[[input]]\nname = \"c\"\nrole = \"eps\"\n",
            ]
            .concat(),
            &["listed twice"],
        ),
        (
            "noise of a fixed value",
            [ENCODER, "[[input]]\nname = \"e\"\nrole = \"eps\"\nvalue = 1\n"].concat(),
            &["only a condition", "value"],
        ),
        (
            "an unknown role",
            [ENCODER, "[[input]]\nname = \"e\"\nrole = \"noise\"\n"].concat(),
            &["noise", "condition"],
        ),
        (
            "two observations",
            [ENCODER, "[[input]]\nname = \"y\"\nrole = \"x\"\n"].concat(),
            &["encoder.input", "one input"],
        ),
        ("no pairs of state", [ENCODER, "[state]\npairs = []\n"].concat(), &["state.pairs"]),
        (
            "a state that is the observation",
            [ENCODER, "[state]\npairs = [{ input = \"x\", output = \"mu\" }]\n"].concat(),
            &["state.pairs[0]", "\"x\" has shape", "pair a state"],
        ),
    ]
}

/// Flows and hierarchies.
fn of_flow() -> Vec<Case> {
    vec![
        ("flow without input", [ENCODER, "[flow]\nonnx = \"f.onnx\"\n"].concat(), &["`input`"]),
        (
            "flow without density",
            [ENCODER, "[flow]\nonnx = \"f.onnx\"\ninput = 0\nz = 0\n"].concat(),
            &["one of log_det", "log_q"],
        ),
        (
            "flow with noise and log_det",
            [ENCODER, "[flow]\nonnx = \"f.onnx\"\ninput = 0\nz = 0\nlog_det = 1\neps = \"eps\"\n"]
                .concat(),
            &["flow.eps", "log_q"],
        ),
        (
            "unknown base",
            [
                ENCODER,
                "[flow]\nonnx = \"f.onnx\"\ninput = 0\nz = 0\nlog_det = 1\nbase = \"uniform\"\n",
            ]
            .concat(),
            &["uniform", "standard_normal"],
        ),
        (
            "posteriors in two places",
            [
                ENCODER,
                "[[latent]]\nmean = \"mu\"\nspread = { output = \"logvar\", head = \"logvar\" }\n",
            ]
            .concat(),
            &["encoder.mean", "[[latent]]", "move it there"],
        ),
        (
            "a posterior without spread",
            [ENCODER, "[[latent]]\nmean = \"mu\"\n"].concat(),
            &["missing field `spread`"],
        ),
    ]
}

/// `[refine]` with these lines.
fn refine(lines: &str) -> String {
    [ENCODER, DECODER, "[refine]\n", lines].concat()
}

/// How a posterior is refined.
fn of_refinement() -> Vec<Case> {
    vec![
        ("refinement without a decoder", [ENCODER, "[refine]\n"].concat(), &["[decoder]"]),
        ("unknown key of refinement", refine("step = 5\n"), &["unknown field `step`", "line 13"]),
        ("unknown rule", refine("rule = \"newton\"\n"), &["newton", "stein", "adam"]),
        ("no steps", refine("steps = 0\n"), &["refine.steps", "found 0"]),
        ("steps below none", refine("steps = -1\n"), &["line 13"]),
        ("an odd sample", refine("samples = 7\n"), &["refine.samples", "even"]),
        ("no samples", refine("samples = 0\n"), &["refine.samples", "2 to 65536"]),
        ("too small a guard", refine("guard_samples = 2\n"), &["refine.guard_samples", "4 to"]),
        (
            "too much noise",
            refine("steps = 65536\nsamples = 65536\n"),
            &["refine.steps", "at most 32768 steps"],
        ),
        ("rate above one", refine("rate = 1.5\n"), &["refine.rate", "at most 1"]),
        ("rate that is none", refine("rule = \"sgd\"\nrate = nan\n"), &["refine.rate", "NaN"]),
        ("no rate", refine("rule = \"adam\"\n"), &["refine.rate", "stein"]),
    ]
}

#[test]
fn bad_manifests_are_refused() {
    let themes = [
        of_text(),
        of_encoder(),
        of_heads(),
        of_decoder(),
        of_window(),
        of_inputs(),
        of_flow(),
        of_refinement(),
        scores::of_score(),
        scores::of_calibration(),
        scores::of_readings(),
    ];
    for (case, text, words) in themes.into_iter().flatten() {
        let (folder, path) = with_manifest(&text);
        let out = folder.path().join("out");
        let outcomes = [
            elbow_line("inspect {}", &[&path]),
            elbow_line("compile {} --out-dir {} --json", &[folder.path(), &out]),
        ];
        for outcome in &outcomes {
            assert_refused(outcome, case, words);
            assert!(outcome.stderr.contains("elbow.toml"), "{case}: {}", outcome.stderr);
            assert_eq!(outcome.stdout, "", "{case}");
        }
        assert!(!out.exists(), "{case}: something was written");
    }
}
