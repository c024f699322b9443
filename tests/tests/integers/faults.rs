//! Planted faults: the gate catches what costs nats, the stored goldens the rest.

use crate::golden::is_golden;
use crate::{SUBJECTS, Subject};
use elbow::lower::Integers;
use elbow::lower::integers::IntegerLayer;
use elbow::parity::nats::Grade;
use elbow::posterior::Posteriors;

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

/// What someone could get wrong in the roles of the heads.
fn head_faults(good: &[Posteriors]) -> [(String, Vec<Posteriors>); 2] {
    let swapped = |q: &Posteriors| Posteriors {
        mean: q.log_var.clone(),
        log_var: q.mean.clone(),
        ..q.clone()
    };
    let misread = |q: &Posteriors| Posteriors {
        log_var: q.log_var.iter().map(|value| 2.0 * value).collect(),
        ..q.clone()
    };
    [
        ("heads swapped".into(), good.iter().map(swapped).collect()),
        ("log-variance as log sigma".into(), good.iter().map(misread).collect()),
    ]
}

/// Every fault of a model with the posteriors that it gives.
fn faulty(subject: &Subject) -> Vec<(String, Vec<Posteriors>)> {
    let integers = subject.integer.encoder.integers.as_ref().expect("integers");
    let answers = integer_faults(integers).into_iter().map(|(name, integers)| {
        let faulty = subject.float.with_integers(Some(integers)).expect("it can be lowered");
        (name, subject.posteriors(&faulty))
    });
    answers.chain(head_faults(&subject.posteriors(&subject.integer))).collect()
}

#[test]
fn planted_faults_are_caught_by_nats_or_by_bits() {
    let (mut planted, mut by_nats) = (0, 0);
    for subject in SUBJECTS.iter() {
        let (model, precision) = (subject.model, subject.integer.precision().name());
        for (name, posteriors) in faulty(subject) {
            let kl = subject.kl(&posteriors);
            let caught = Grade::of(&kl, None) != Grade::A;
            let nats = kl.mean.expect("rows");
            println!("{model}: {name}: {nats:.1e} nats, {}", if caught { "nats" } else { "bits" });
            assert!(caught || nats <= LOUD, "{model}: {name}: {nats} nats pass the gate");
            assert!(!is_golden(model, precision, &posteriors), "{model}: {name}: the golden bits");
            planted += 1;
            by_nats += usize::from(caught);
        }
    }
    println!("{planted} of {planted} faults caught, {by_nats} of them by nats");
    assert!(by_nats >= 20 && planted - by_nats >= 20, "{by_nats} of {planted}");
}
