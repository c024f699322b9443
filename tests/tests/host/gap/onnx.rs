//! A linear-Gaussian model as ONNX files: the command's way from file to gaps.

use super::close;
use super::formula::{W, theory};
use crate::import::build::{Dim, encoded, floats, info, model, node};
use elbow::gap::{GapReport, Method, Settings, Summary, measure};
use elbow::manifest::{FILE_NAME, RefineTable};
use elbow::model::Loaded;
use elbow::rows::Rows;
use elbow_tests::tolerance::{CLOSED_AT_5, CLOSED_AT_20, CLOSED_GAP, GAP_ONNX, PRIOR_SHORT};
use std::fs;
use std::path::Path;

/// `mu = A x`, `logvar` constant.
const A: [[f32; 3]; 2] = [[0.25, -0.125, 0.25], [0.25, 0.5, -0.125]];
const LOG_VAR: [f32; 2] = [0.0, -0.5];
const ROWS: [[f64; 3]; 4] =
    [[1.0, -1.0, 0.5], [0.25, 0.5, -2.0], [-1.5, 0.75, 0.5], [0.0, 0.0, 0.125]];

/// Draws by which a gain of some tenths of a nat is told from noise.
const SMALL_GAP: u32 = 512;

/// Writes encoder, decoder and manifest, which ends with `refine`.
fn write(folder: &Path, refine: &str) {
    let x = vec![info("x", &[Dim::N(1), Dim::N(3)])];
    // ONNX's Gemm takes weights as [inputs, outputs].
    let a: Vec<f32> = (0..3).flat_map(|i| [A[0][i], A[1][i]]).collect();
    let encoder = model(
        vec![
            node("Gemm", "m", &["x", "a", "zero"], &["mu"]),
            node("Gemm", "s", &["x", "none", "rho"], &["logvar"]),
        ],
        vec![
            floats("a", &[3, 2], &a),
            floats("zero", &[2], &[0.0; 2]),
            floats("none", &[3, 2], &[0.0; 6]),
            floats("rho", &[2], &LOG_VAR),
        ],
        x,
        &["mu", "logvar"],
    );
    let w: Vec<f32> = (0..2).flat_map(|j| W.map(|w| w[j] as f32)).collect();
    let decoder = model(
        vec![node("MatMul", "d", &["z", "w"], &["x_mean"])],
        vec![floats("w", &[2, 3], &w)],
        vec![info("z", &[Dim::N(1), Dim::N(2)])],
        &["x_mean"],
    );
    let manifest = format!(
        "name = \"linear\"\n[encoder]\nonnx = \"encoder.onnx\"\ninput = \"x\"\nmean = \"mu\"\n\
         spread = {{ output = \"logvar\", head = \"logvar\" }}\n[decoder]\nonnx = \"decoder.onnx\"\n\
         latent = \"z\"\nmean = \"x_mean\"\n\
         likelihood = {{ family = \"gaussian\", log_sigma = {} }}\n{refine}",
        0.5 * 0.5f64.ln()
    );
    let files = [
        ("encoder.onnx", encoded(&encoder)),
        ("decoder.onnx", encoded(&decoder)),
        (FILE_NAME, manifest.into_bytes()),
    ];
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("a writable folder");
    }
}

fn report(method: Option<Method>) -> GapReport {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "");
    let loaded = Loaded::read(folder.path(), None, &Default::default());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    let values = ROWS.iter().flatten().map(|x| *x as f32).collect();
    let batch = Rows { name: "x".into(), shape: vec![1, 3], values }.into();
    let refine = RefineTable { guard_samples: SMALL_GAP, ..RefineTable::default() };
    let settings = Settings { method, refine, refine_steps: vec![5, 20], ..Settings::default() };
    measure(&loaded, &batch, &settings).unwrap_or_else(|error| panic!("{error}"))
}

/// Means over the rows of log p(x), ELBO, approximation and amortization gap.
fn expected() -> [f64; 4] {
    let mut sums = [0.0; 4];
    for x in ROWS {
        let loc = A.map(|a| a.iter().zip(x).map(|(a, x)| f64::from(*a) * x).sum());
        let theory = theory(x, loc, LOG_VAR.map(|v| f64::from(v).exp()));
        let figures = [theory.log_p, theory.elbo, theory.approximation, theory.amortization];
        sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
    }
    sums.map(|sum| sum / ROWS.len() as f64)
}

#[track_caller]
fn agrees(report: &GapReport, tolerance: f64) {
    let figures: [&Summary; 4] = [
        &report.log_p.summary,
        &report.elbo,
        &report.approximation_gap,
        &report.amortization_gap.summary,
    ];
    for (found, expected) in figures.into_iter().zip(expected()) {
        let found = elbow::gap::Estimate { mean: found.mean, se: found.se };
        close("mean over the rows", found, expected, tolerance);
    }
}

#[test]
fn a_linear_gaussian_model_is_measured_exactly() {
    let report = report(None);
    assert_eq!(report.log_p.method, Method::Exact);
    agrees(&report, GAP_ONNX);
    let [five, twenty] = [0, 1].map(|at| report.refined[at].closed.expect("a known gap"));
    assert!(five > CLOSED_AT_5 && twenty > CLOSED_AT_20 && twenty <= 1.0, "{five} {twenty}");
    assert!(report.refined.iter().all(|refined| refined.worse == 0.0));
}

#[test]
fn it_is_measured_as_well_without_the_closed_form() {
    for method in [Method::Quadrature, Method::Iwae, Method::Ais] {
        let report = report(Some(method));
        assert_eq!(report.log_p.method, method);
        agrees(&report, CLOSED_GAP);
    }
}

/// Steps, rate and rule of `[refine]` are what the report shows, from the prior as well.
#[test]
fn refinement_is_that_of_the_manifest() {
    let gains = |refine: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(folder.path(), refine);
        let loaded = Loaded::read(folder.path(), None, &Default::default());
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
        let values = ROWS.iter().flatten().map(|x| *x as f32).collect();
        let batch = Rows { name: "x".into(), shape: vec![1, 3], values }.into();
        let settings = Settings { prior_steps: Some(300), ..Settings::of_model(&loaded) };
        measure(&loaded, &batch, &settings).unwrap_or_else(|error| panic!("{error}"))
    };
    assert!(gains("").refined.is_empty(), "nothing was asked for");
    let own = "[refine]\nsteps = 7\nrate = 0.5\nsamples = 16\nguard_samples = ";
    let own = gains(&format!("{own}{SMALL_GAP}\n"));
    let sgd = gains("[refine]\nrule = \"sgd\"\nsteps = 3\nrate = 0.01\n");
    let steps = [&own, &sgd]
        .map(|report| report.refined.iter().map(|refined| refined.steps).collect::<Vec<u32>>());
    assert_eq!(steps, [vec![7], vec![3]]);
    // A hundredth of the gradient, three times, hardly moves; the default rule is nearly there.
    let closed = [&own, &sgd].map(|report| report.refined[0].closed.expect("a known gap"));
    assert!(closed[0] > 0.8 && closed[1] < 0.3, "{closed:?}");
    let prior = own.refined_from_prior.expect("it was asked for");
    assert_eq!(prior.steps, 300);
    assert!(prior.from_prior.short < PRIOR_SHORT && prior.from_prior.short >= 0.0, "{prior:?}");
}

#[test]
fn a_batch_without_rows_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(folder.path(), "");
    let loaded = Loaded::read(folder.path(), None, &Default::default());
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    let none = Rows { name: "x".into(), shape: vec![1, 3], values: Vec::new() }.into();
    let error = measure(&loaded, &none, &Settings::default()).expect_err("nothing to measure");
    assert!(error.is_input() && error.to_string().contains("at least one"), "{error}");
}
