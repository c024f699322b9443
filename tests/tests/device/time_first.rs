//! A time-first twin of `models/imu`: the same weights behind and in front of a transposition, whose scores
//! have to be those of the model itself; and windows and lists that do not fit a layout.

use elbow::device::{Device, Target};
use elbow::import::Options;
use elbow::infer;
use elbow::model::Loaded;
use elbow::posterior::Posteriors;
use elbow::twin::Twin;
use elbow_core::infer::ElboTerms;
use elbow_core::window::{Normalization, Window};
use elbow_tests::fixtures::{path, rows};
use elbow_tests::images::{compiled, or_cure};
use prost::Message;
use std::fs;
use tempfile::TempDir;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto};

const CHANNELS: usize = 9;
const LENGTH: usize = 64;
const VALUES: usize = CHANNELS * LENGTH;
const HOP: usize = 16;
/// Rows on the device.
const ROWS: usize = 8;
const SEED: u64 = 7;

/// The graph of `models/imu`, changed.
fn graph(name: &str, change: impl Fn(&mut GraphProto)) -> Vec<u8> {
    let file = path("models/imu").join(name);
    let mut model = ModelProto::decode(&fs::read(file).expect("a file")[..]).expect("a model");
    change(model.graph.as_mut().expect("a graph"));
    model.encode_to_vec()
}

/// Exchanges the last two axes.
fn transpose(from: &str, to: &str) -> NodeProto {
    let perm = AttributeProto {
        name: "perm".into(),
        r#type: AttributeType::Ints.into(),
        ints: vec![0, 2, 1],
        ..AttributeProto::default()
    };
    NodeProto {
        op_type: "Transpose".into(),
        input: vec![from.into()],
        output: vec![to.into()],
        attribute: vec![perm],
        ..NodeProto::default()
    }
}

/// The same of the declared shape.
fn exchange_axes(declared: &mut ValueInfoProto) {
    let kind = declared.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let Some(Value::TensorType(tensor)) = kind else { panic!("a tensor") };
    tensor.shape.as_mut().expect("a shape").dim.swap(1, 2);
}

fn time_first_encoder() -> Vec<u8> {
    graph("encoder.onnx", |graph| {
        graph.node[0].input[0] = "channels first".into();
        graph.node.insert(0, transpose("x", "channels first"));
        exchange_axes(&mut graph.input[0]);
    })
}

fn time_first_decoder() -> Vec<u8> {
    graph("decoder.onnx", |graph| {
        let last = graph.node.last_mut().expect("a node");
        last.output[0] = "channels first".into();
        graph.node.push(transpose("channels first", "x_mean"));
        exchange_axes(&mut graph.output[0]);
    })
}

/// The manifest of `models/imu` with these lines in `[window]` and at the end of its likelihood.
fn manifest(window: &str, likelihood: &str) -> String {
    let text = fs::read_to_string(path("models/imu/elbow.toml")).expect("a manifest");
    let text = text.replace("[window]\n", &format!("[window]\n{window}"));
    text.replace("-0.2566384]", &format!("-0.2566384]{likelihood}"))
}

/// A model in a folder of its own.
fn load(graphs: [&[u8]; 2], text: &str) -> elbow::Result<(TempDir, Loaded)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [encoder, decoder] = graphs;
    fs::write(folder.path().join("encoder.onnx"), encoder).expect("it can be written");
    fs::write(folder.path().join("decoder.onnx"), decoder).expect("it can be written");
    let file = folder.path().join("elbow.toml");
    fs::write(&file, text).expect("it can be written");
    let loaded = Loaded::read(&file, None, &Options::default())?;
    Ok((folder, loaded))
}

fn time_first() -> (TempDir, Loaded) {
    let graphs = [&time_first_encoder()[..], &time_first_decoder()];
    or_cure(load(graphs, &manifest("layout = \"time_first\"\n", "")))
}

fn imu() -> Loaded {
    or_cure(Loaded::read(&path("models/imu"), None, &Options::default()))
}

/// `x[c][t]` as `x[t][c]`.
fn transposed(x: &[f32]) -> Vec<f32> {
    (0..VALUES).map(|at| x[at % CHANNELS * LENGTH + at / CHANNELS]).collect()
}

/// Posterior, what it decodes to, and score of an observation.
fn inferred(loaded: &Loaded, x: &[f32]) -> (Posteriors, Vec<f32>, ElboTerms) {
    let (encoder, decoder) = loaded.amortized().expect("an encoder");
    let heads = Twin::new(&encoder.plan).run(&[x]).expect("it fits");
    let [mean, spread] = heads.try_into().expect("two heads");
    let q = Posteriors::of_heads(&encoder.latents[0], mean, spread).expect("finite");
    let decoder = decoder.expect("a decoder");
    let (x_mean, terms) = infer::score(decoder, x, &[], &q.loc, &q.log_var).expect("it fits");
    (q, x_mean, terms)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Posterior, reconstruction and score are equal in every bit. The likelihood sums the same terms in another
/// order, of which a compensated sum keeps nothing here.
fn are_alike(imu: &Loaded, time_first: &Loaded, x: &[f32]) {
    let (q, x_mean, terms) = inferred(imu, x);
    let (other, other_mean, other_terms) = inferred(time_first, &transposed(x));
    assert_eq!(q, other);
    assert_eq!(bits(&transposed(&x_mean)), bits(&other_mean));
    let of = |terms: ElboTerms| bits(&[terms.log_likelihood, terms.kl]);
    assert_eq!(of(terms), of(other_terms));
}

#[test]
fn the_time_first_model_has_the_scores_of_the_model_itself() {
    let (imu, (_folder, time_first)) = (imu(), time_first());
    let test = rows(&path("models/imu/test.npy"));
    (0..test.count).for_each(|row| are_alike(&imu, &time_first, test.row(row)));
}

/// What the generated module states.
fn normalization(loaded: &Loaded) -> Normalization<CHANNELS> {
    let window = loaded.model.window.as_ref().expect("a window");
    Normalization {
        mean: window.mean[..].try_into().expect("one per channel"),
        std: window.std[..].try_into().expect("one per channel"),
        layout: window.layout().into(),
    }
}

#[test]
fn a_window_writes_what_each_model_reads() {
    let (imu, (_folder, time_first)) = (imu(), time_first());
    let source = elbow::emit::emit(&time_first.model).expect("it can be emitted").source;
    assert!(source.contains("    layout: Layout::TimeFirst,\n"));
    let normalizations = [&imu, &time_first].map(normalization);
    let recording = rows(&path("models/imu/recording.npy"));
    let mut window = Window::<CHANNELS, LENGTH, HOP>::new();
    let mut due = 0;
    for t in 0..recording.count.min(LENGTH + 20 * HOP) {
        if !window.push(recording.row(t).try_into().expect("nine channels")).expect("finite") {
            continue;
        }
        due += 1;
        let [x, other] = normalizations.each_ref().map(|normalization| {
            let mut x = [0.0; VALUES];
            window.observation(normalization, &mut x).expect("complete");
            x
        });
        assert_eq!(bits(&transposed(&x)), bits(&other));
        are_alike(&imu, &time_first, &x);
    }
    assert!(due > 20, "{due} windows");
}

#[test]
fn a_cortex_m4_scores_the_time_first_model_as_the_twin_does() {
    let (_folder, time_first) = time_first();
    let target = Target::named("qemu-m4").expect("a target of the table");
    let (_compiled, folders) = compiled(std::slice::from_ref(&time_first.model));
    let mut device = or_cure(Device::start(&target, &folders, &path("firmware")));
    or_cure(device.select(0));
    let test = rows(&path("models/imu/test.npy"));
    for row in 0..ROWS {
        let x = transposed(test.row(row));
        let (q, _, terms) = inferred(&time_first, &x);
        let found = or_cure(device.encode(row as u64, SEED, 0, &x));
        assert_eq!([bits(&found.loc), bits(&found.log_var)], [bits(&q.loc), bits(&q.log_var)]);
        let (score, _) = found.score.expect("a decoder");
        let of = |terms: ElboTerms| bits(&[terms.log_likelihood, terms.kl]);
        assert_eq!(of(score), of(terms));
    }
    or_cure(device.finish());
}

/// The refusal holds these words.
fn refused(graphs: [&[u8]; 2], window: &str, likelihood: &str, words: &[&str]) {
    let Err(error) = load(graphs, &manifest(window, likelihood)) else {
        panic!("{window}{likelihood} was accepted, expected {words:?}");
    };
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "no {word:?} in: {text}"));
}

#[test]
fn layouts_and_lists_that_do_not_fit_are_refused_by_name() {
    let read = |name: &str| fs::read(path("models/imu").join(name)).expect("a file");
    let (own_encoder, own_decoder) = (read("encoder.onnx"), read("decoder.onnx"));
    let (encoder, decoder) = (time_first_encoder(), time_first_decoder());
    let (own, other) = ([&own_encoder[..], &own_decoder], [&encoder[..], &decoder]);
    let [channels_first, time_first] =
        ["channels_first", "time_first"].map(|name| format!("layout = {name:?}\n"));
    // The four wrong combinations: the layout of the other model, a list along the axis of the other.
    let mismatch = |window: &str| ["window.layout".to_string(), format!("write {}", window.trim())];
    let [to_own, to_other] = [mismatch(&channels_first), mismatch(&time_first)];
    refused(own, &time_first, "", &to_own.each_ref().map(String::as_str));
    refused(other, &channels_first, "", &to_other.each_ref().map(String::as_str));
    let along = ["log_sigma", "has 9 values", "[1, 9, 64] has 64", "axis = 1"];
    refused(own, &channels_first, ", axis = 2", &along);
    let along = ["log_sigma", "has 9 values", "[1, 64, 9] has 64", "axis = 2"];
    refused(other, &time_first, ", axis = 1", &along);
    // Left out, a layout that is time first is asked for; a decoder in another order is no decoder.
    refused(other, "", "", &["window.layout", "[1, 64, 9]", "time first", time_first.trim()]);
    let places = ["decoder.mean", "x_mean", "other places"];
    refused([&own_encoder, &decoder], &channels_first, "", &places);
    refused([&encoder, &own_decoder], &time_first, "", &places);
    assert!(load(own, &manifest(&channels_first, ", axis = 1")).is_ok());
    assert!(load(other, &manifest(&time_first, ", axis = 2")).is_ok());
}
