//! Planted faults: the gate catches what costs nats, the stored goldens the rest.
//!
//! The gate is what `elbow parity` does: what the right model answers in floats, what the faulty one
//! answers, and the report's verdict on both.

use super::golden::is_golden;
use super::{SUBJECTS, Subject};
use elbow::emit::{Budget, emit};
use elbow::import::Options;
use elbow::lower::Integers;
use elbow::lower::integers::IntegerLayer;
use elbow::model::Loaded;
use elbow::parity::outputs::twin;
use elbow::parity::{Compared, Limits, Reference, compare};
use elbow::posterior::Posteriors;
use elbow_tests::fixtures::path;

/// Mean KL from which on the gate has to catch a fault, in nats.
const LOUD: f64 = 0.05;

/// What is wrong, and what makes it so.
type Fault = (&'static str, fn(&mut IntegerLayer));

/// What someone could get wrong in the integers of a model.
fn integer_faults(integers: &Integers) -> Vec<(String, Integers)> {
    // The last costs too little for the gate: goldens alone see it.
    let kinds: [Fault; 3] = [
        ("its largest weight's sign", flip_largest_weight),
        ("its scale x 1.05", |layer| rescale(layer, 1.05)),
        ("its scale x 1.001", |layer| rescale(layer, 1.001)),
    ];
    let each = (0..integers.layers.len()).flat_map(|at| kinds.map(|kind| (at, kind)));
    let planted = each.map(|(at, (name, plant))| {
        let mut faulty = integers.clone();
        plant(&mut faulty.layers[at]);
        (format!("{}: {name}", faulty.layers[at].node), faulty)
    });
    planted.collect()
}

fn rescale(layer: &mut IntegerLayer, factor: f64) {
    layer.lines.iter_mut().for_each(|line| line.scale *= factor);
}

/// Of the weight that stands for the largest real number.
fn flip_largest_weight(layer: &mut IntegerLayer) {
    let inputs = layer.weights.len() / layer.lines.len();
    let real =
        |k: &usize| f64::from(layer.weights[*k].unsigned_abs()) * layer.lines[k / inputs].scale;
    let largest = (0..layer.weights.len()).max_by(|a, b| real(a).total_cmp(&real(b)));
    let largest = &mut layer.weights[largest.expect("a layer has weights")];
    *largest = -*largest;
}

/// What someone could get wrong in a manifest: name, and what stands in place of what.
const MANIFEST_FAULTS: [(&str, &[[&str; 2]]); 2] = [
    (
        "heads swapped",
        &[["mean = \"mu\"", "mean = \"logvar\""], ["output = \"logvar\"", "output = \"mu\""]],
    ),
    ("log-variance as log sigma", &[["head = \"logvar\"", "head = \"log_sigma\""]]),
];

/// The integer model as a changed manifest describes it.
fn with_manifest(subject: &Subject, changes: &[[&str; 2]]) -> Loaded {
    let (from, to) = (path("models").join(subject.model), tempfile::tempdir().expect("a folder"));
    for file in ["encoder.onnx", "decoder.onnx"] {
        std::fs::copy(from.join(file), to.path().join(file)).expect("it can be copied");
    }
    let mut text = std::fs::read_to_string(from.join("elbow.toml")).expect("a manifest");
    for [right, wrong] in changes {
        assert_eq!(text.matches(right).count(), 1, "{}: {right}", subject.model);
        text = text.replace(right, wrong);
    }
    std::fs::write(to.path().join("elbow.toml"), text).expect("it can be written");
    let float = Loaded::read(to.path(), None, &Options::default()).expect("a model");
    let integers = subject.integer.main.integers.clone();
    float.with_integers(integers).expect("it can be lowered")
}

/// Every fault of a model.
fn faulty(subject: &Subject) -> Vec<(String, Loaded)> {
    let integers = subject.integer.main.integers.as_ref().expect("integers");
    let answers = integer_faults(integers).into_iter().map(|(name, integers)| {
        (name, subject.float.with_integers(Some(integers)).expect("it can be lowered"))
    });
    let manifests =
        MANIFEST_FAULTS.map(|(name, changes)| (name.into(), with_manifest(subject, changes)));
    answers.chain(manifests).collect()
}

/// What the models that answer for a subject are held against.
struct Gate<'s> {
    subject: &'s Subject,
    reference: Reference,
    budget: Budget,
}

impl<'s> Gate<'s> {
    fn of(subject: &'s Subject) -> Self {
        let budget = emit(&subject.integer.model).expect("it can be emitted").budget;
        Self { subject, reference: subject.reference(), budget }
    }

    /// Whether a model passes, and its posteriors. What the bound loses is left out: it only lets fewer
    /// pass.
    fn judge(&self, loaded: &Loaded) -> (bool, Vec<Posteriors>) {
        let Self { subject: Subject { test, .. }, reference, budget } = self;
        let answer = twin(loaded, test, None).expect("finite posteriors");
        let limits = Limits::of(loaded.precision());
        let subject = Compared { loaded, target: "twin", rows: test.len, budget };
        let report = compare(subject, reference, &answer, limits);
        (report.pass, answer.posteriors)
    }
}

/// KL(reference || posterior), mean over the rows, as textbooks have it:
/// `(v1 / v2 + (m1 - m2)^2 / v2 - 1 + ln v2 - ln v1) / 2` for each latent.
fn nats(reference: &Posteriors<f64>, posterior: &Posteriors) -> f64 {
    let terms = (0..reference.loc.len()).map(|at| {
        let [m1, ln1] = [reference.loc[at], reference.log_var[at]];
        let [m2, ln2] = [posterior.loc[at], posterior.log_var[at]].map(f64::from);
        (ln1.exp() / ln2.exp() + (m1 - m2).powi(2) / ln2.exp() - 1.0 + ln2 - ln1) / 2.0
    });
    terms.sum::<f64>() * reference.latent as f64 / reference.loc.len() as f64
}

#[test]
fn planted_faults_are_caught_by_nats_or_by_bits() {
    let (mut planted, mut by_nats) = (0, 0);
    for subject in SUBJECTS.iter() {
        let (model, precision) = (subject.model, subject.integer.precision().name());
        let gate = Gate::of(subject);
        let [reference] = &gate.reference.posteriors[..] else { panic!("{model}: a posterior") };
        let (pass, right) = gate.judge(&subject.integer);
        assert!(pass && is_golden(model, precision, &right), "{model}: without a fault");
        for (name, loaded) in faulty(subject) {
            let (pass, posteriors) = gate.judge(&loaded);
            let [posterior] = &posteriors[..] else { panic!("{model}: {name}: a posterior") };
            let nats = nats(reference, posterior);
            println!("{model}: {name}: {nats:.1e} nats, {}", if pass { "bits" } else { "nats" });
            // NaN is no small number.
            assert!(!pass || nats <= LOUD, "{model}: {name}: {nats} nats pass the gate");
            assert!(!is_golden(model, precision, &posteriors), "{model}: {name}: the golden bits");
            planted += 1;
            by_nats += usize::from(!pass);
        }
    }
    println!("{planted} of {planted} faults caught, {by_nats} of them by nats");
    assert!(by_nats >= 20 && planted - by_nats >= 20, "{by_nats} of {planted}");
}
