//! Integer posteriors of the trained models: what they cost in nats, and that faults do not pass.

mod faults;
mod golden;

use elbow::Precision;
use elbow::calibrate::{Calibration, Quantization, choose};
use elbow::divergence::{Grade, Kl, divergence};
use elbow::import::Options;
use elbow::ir::{Graph, Op};
use elbow::lower::quantize::Adjust;
use elbow::lower::{Core, Integers, Width};
use elbow::model::Loaded;
use elbow::parity::integer::Pair;
use elbow::parity::outputs::twin;
use elbow::parity::reference::{Basis, Reference};
use elbow::posterior::Posteriors;
use elbow::posterior::twin_posteriors;
use elbow::rows::{Batch, Rows};
use elbow::stages::lower_with;
use elbow_core::kernels::Unary;
use elbow_tests::fixtures::path;
use elbow_tests::graphs::Builder;
use elbow_tests::integers::rows;
use elbow_tests::random::Random;
use elbow_tests::tolerance::{ELBO_DROP, ELBO_DROP_SE, INT8_SHARE};
use std::sync::LazyLock;

/// Models with the precision that grade A needs: all but the first are stiff, their standard
/// deviations a few hundredths of the prior's.
const MODELS: [(&str, Precision); 4] = [
    ("digits", Precision::Int8x8),
    ("imu", Precision::Int8x16),
    ("digits_gaussian", Precision::Int8x16),
    ("digits_conv", Precision::Int8x16),
];
const SEED: u64 = 0x656c_626f;
/// Rows that no calibration has seen, at least.
const ROWS: usize = 200;

/// The models at their precisions.
static SUBJECTS: LazyLock<Vec<Subject>> =
    LazyLock::new(|| MODELS.map(|(model, precision)| subject(model, precision)).into());

/// A model with rows that chose its integers and rows that judge them.
struct Subject {
    model: &'static str,
    float: Loaded,
    integer: Loaded,
    test: Batch,
}

fn subject(model: &'static str, precision: Precision) -> Subject {
    let float =
        Loaded::read(&path("models").join(model), None, &Options::default()).expect("a model");
    let calibration = rows(&float, model, "calibration.npy");
    let integer = float.quantized(precision, &calibration).expect("it has integer forms");
    let test = rows(&float, model, "test.npy");
    assert!(test.len >= ROWS, "{model}: {} rows", test.len);
    Subject { model, float, integer, test }
}

impl Subject {
    fn posteriors(&self, loaded: &Loaded) -> Vec<Posteriors> {
        twin_posteriors(loaded, &self.test).expect("finite posteriors")
    }

    /// The posteriors in floats, as if they came from files.
    fn reference(&self) -> Reference {
        let posteriors = self.posteriors(&self.float).iter().map(Posteriors::from).collect();
        let (outputs, flow) = (Vec::new(), Vec::new());
        Reference { basis: Basis::Files, version: None, outputs, posteriors, decoded: None, flow }
    }

    fn kl(&self, posteriors: &[Posteriors]) -> Kl {
        Kl::of_rows(divergence(&self.posteriors(&self.float), posteriors))
    }
}

#[test]
fn integer_posteriors_are_those_that_were_trained() {
    for (model, expected) in MODELS {
        let subject = subject(model, Precision::Int8);
        let Subject { float, integer, test, .. } = &subject;
        let answer = twin(integer, test, None).expect("finite posteriors");
        let kl = subject.kl(&answer.posteriors);
        let reference = subject.reference();
        let pair = Pair { float, integer, batch: test, labels: None };
        let report = pair.report(&reference, &answer, kl, 0).expect("numbers").expect("integers");
        let (drop, se) = (report.elbo_drop.mean.expect("a decoder"), report.elbo_drop.draws_se);
        let [mean, p99] = [kl.mean, kl.p99].map(|nats| nats.expect("rows"));
        println!(
            "{model}: {} over {} rows: KL mean {mean:.1e}, p99 {p99:.1e}, ELBO lost {drop:.1e} +- {:.0e} by \
             the draws, +- {:.0e} by the rows, p99 {:.1e}",
            report.precision_used.name(),
            test.len,
            se.expect("several draws"),
            report.elbo_drop.rows_se.expect("several rows"),
            report.elbo_drop.p99.expect("a decoder"),
        );
        assert_eq!(report.precision_used, expected, "{model}");
        assert_eq!(report.grade, Some(Grade::A), "{model}");
        assert!(mean <= 0.01 && p99 <= 0.05, "{model}: {mean} {p99}");
        assert!(drop <= ELBO_DROP, "{model}: {drop}");
        assert!(se.is_some_and(|se| se <= ELBO_DROP_SE), "{model}: {se:?}");
        let share = report.macs.int8_share.expect("layers");
        assert!(share >= INT8_SHARE, "{model}: {share}");
    }
}

/// MLPerf Tiny's anomaly model: 640-128x4-8-128x4-640, ReLU between.
fn autoencoder() -> Graph {
    const WIDTHS: [usize; 11] = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640];
    let (mut graph, mut random) = (Builder::new("autoencoder"), Random::new(SEED, 0));
    let mut h = graph.input("x", &[1, WIDTHS[0]]);
    for (at, widths) in WIDTHS.windows(2).enumerate() {
        let bound = (1.0 / widths[0] as f32).sqrt();
        let w = random.vector(widths[0] * widths[1], -bound, bound);
        h = graph.linear(h, &w, &random.vector(widths[1], -bound, bound));
        if at + 2 < WIDTHS.len() {
            h = graph.node("Relu", Op::Unary(Unary::Relu), &[h], &[1, widths[1]]);
        }
    }
    graph.output("y", h);
    graph.graph
}

#[test]
fn an_autoencoder_needs_twice_its_input_and_a_layer() {
    let graph = autoencoder();
    let values = Random::new(SEED, 1).normal(640 * 64);
    let batch = &Rows { name: "x".into(), shape: vec![1, 640], values }.into();
    let data = Calibration { batch, states: &[] };
    let options = Quantization { width: Width::Eight, adjust: Adjust::Bias };
    let integers = choose(&graph, &[0], data, options).expect("it has integer forms");
    let cores = [(Core::Plain, 640 + 128), (Core::Dsp, 2 * 640 + 128), (Core::Helium, 640 + 128)];
    for (core, bytes) in cores {
        let integers = Integers { core, ..integers.clone() };
        let plan = lower_with(&graph, &[0], Some(&integers)).expect("it can be lowered");
        println!("{core:?}: {} bytes of arena", 4 * plan.arena);
        assert!(4 * plan.arena <= bytes, "{core:?}: {} bytes", 4 * plan.arena);
    }
}
