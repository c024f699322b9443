//! Every route on a linear-Gaussian model, where all of it is known.

use super::close;
use super::formula::{Linear, Theory, W, X, theory};
use elbow::gap::{Affine, Annealing, Map, Method, RowGap, Settings, measure_row};
use elbow_core::infer::Posterior;
use elbow_tests::tolerance::{CLOSED_AT_5, CLOSED_AT_20, CLOSED_GAP, LOG_P_SE, PROBED_GAP};

const LOC: [f32; 2] = [0.3, -0.2];

fn measured(exact: Option<&Affine>, method: Option<Method>) -> (RowGap, Theory) {
    let log_var = [0.3f32.ln(), 0.2f32.ln()];
    let annealing = Annealing { chains: 64, temperatures: 100 };
    let settings = Settings { method, annealing, refine_steps: vec![5, 20], ..Settings::default() };
    let q = Posterior { loc: &LOC, log_var: &log_var };
    let row = measure_row(&mut Linear { x: X }, q, exact, &settings, 7).expect("no decoder fails");
    (row, theory(X, LOC.map(f64::from), log_var.map(|v| f64::from(v).exp())))
}

fn closed_form() -> Affine {
    let decode = |z: &[f32]| -> Result<Vec<f32>, ()> {
        Ok(W.iter().map(|w| (w[0] * f64::from(z[0]) + w[1] * f64::from(z[1])) as f32).collect())
    };
    let map = Map::probe(2, decode).expect("no decoder fails").expect("an affine decoder");
    Affine::of(&map, &X.map(|x| x as f32), &[0.5 * 0.5f64.ln(); 3]).expect("a posterior")
}

#[test]
fn sampled_gaps_are_those_of_the_closed_form() {
    for method in [Method::Quadrature, Method::Iwae, Method::Ais] {
        let (row, theory) = measured(None, Some(method));
        assert_eq!(row.method, method);
        close("log p(x)", row.log_p, theory.log_p, CLOSED_GAP);
        close("ELBO", row.elbo, theory.elbo, CLOSED_GAP);
        close("approximation gap", row.approximation, theory.approximation, CLOSED_GAP);
        close("amortization gap", row.amortization, theory.amortization, CLOSED_GAP);
        // Only the full-rank family holds the true posterior, and then nothing varies.
        close("full rank", row.full_rank, theory.log_p, CLOSED_GAP);
        assert!(
            row.full_rank.se < CLOSED_GAP
                && row.log_p.se < LOG_P_SE
                && row.from_prior.is_some_and(|short| short < CLOSED_GAP),
            "{row:?}"
        );
    }
}

#[test]
fn an_affine_decoder_has_its_gaps_in_closed_form() {
    let (row, theory) = measured(Some(&closed_form()), None);
    assert_eq!(row.method, Method::Exact);
    let figures = [
        (row.log_p, theory.log_p),
        (row.elbo, theory.elbo),
        (row.approximation, theory.approximation),
        (row.amortization, theory.amortization),
        (row.full_rank, theory.log_p),
    ];
    for (found, expected) in figures {
        assert!(found.se == 0.0, "{found:?}");
        close("closed form", found, expected, PROBED_GAP);
    }
}

/// Sampled and exact, the same refined posteriors gain the same; each gain is below the gap.
#[test]
fn refinement_gains_what_the_closed_form_says() {
    let (exact, _) = measured(Some(&closed_form()), None);
    let (sampled, _) = measured(None, None);
    assert_eq!(exact.refined.len(), 2);
    for (exact, sampled) in exact.refined.iter().zip(&sampled.refined) {
        assert_eq!(exact.kept, sampled.kept);
        close("gain", sampled.gain, exact.gain.mean, CLOSED_GAP);
    }
    let [five, twenty] = [0, 1].map(|at| exact.refined[at].gain.mean / exact.amortization.mean);
    assert!(
        five > CLOSED_AT_5 && five < twenty && twenty > CLOSED_AT_20 && twenty <= 1.0,
        "{five} {twenty}"
    );
}

#[test]
fn a_bent_decoder_is_not_taken_for_affine() {
    // Affine at all unit vectors, and bent where both latents are large.
    let bent =
        |z: &[f32]| -> Result<Vec<f32>, ()> { Ok(vec![z[0] + z[1] + (z[0] * z[1]).max(0.0)]) };
    assert_eq!(Map::probe(2, bent), Ok(None));
    let nearly =
        |z: &[f32]| -> Result<Vec<f32>, ()> { Ok(vec![z[0] + 1e-3 * (z[0] * z[0] - 1.0)]) };
    assert_eq!(Map::probe(1, nearly), Ok(None));
}
