//! The identity `ln p(x) = ELBO + KL(q || p(z | x))` and the gaps that it splits into.

use super::{KEY, assert_near, bound, exact, one_latent, shipped, two_latents};
use elbow_core::infer::{Posterior, Scratch, elbo_monte_carlo};
use elbow_core::noise::{Antithetic, Independent};
use elbow_tests::linear_gaussian::{Diagonal, LinearGaussian};
use elbow_tests::random::Random;
use elbow_tests::tolerance::{CLOSED_FORM, CLOSED_GAP, IDENTITY, PUBLISHED};
use nalgebra::DVector;

fn diagonal(loc: &[f64], var: &[f64]) -> Diagonal {
    Diagonal { loc: DVector::from_column_slice(loc), var: DVector::from_column_slice(var) }
}

/// A model, an observation of it and a posterior, up to 12 latents and 40 values.
fn random(case: u64) -> (LinearGaussian, DVector<f64>, Diagonal) {
    let mut random = Random::new(KEY, case);
    let (d, len) = (random.int(1, 12), random.int(1, 40));
    let mut f64s = |len, low, high| -> Vec<f64> {
        random.vector(len, low, high).into_iter().map(f64::from).collect()
    };
    let rows: Vec<Vec<f64>> = (0..len).map(|_| f64s(d, -1.0, 1.0)).collect();
    let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
    let mut model = LinearGaussian::new(&rows, &f64s(len, 0.1, 2.0));
    model.mu = DVector::from_vec(f64s(len, -1.0, 1.0));
    let x = DVector::from_vec(f64s(len, -2.0, 2.0));
    (model, x, diagonal(&f64s(d, -1.0, 1.0), &f64s(d, 0.02, 1.5)))
}

#[test]
fn closed_forms_are_the_published_numbers() {
    let (model, x) = one_latent();
    let q = diagonal(&[0.4], &[0.25]);
    assert_near(model.posterior_mean(&x)[0], 0.5, PUBLISHED);
    assert_near(model.evidence(&x), -2.9837568010, PUBLISHED);
    assert_near(model.gap(&x, &q), 0.0772674459, PUBLISHED);
    assert_near(model.elbo(&x, &q), -3.0610242470, PUBLISHED);

    let (model, x) = two_latents();
    let q = diagonal(&[0.3, -0.2], &[0.3, 0.2]);
    assert_near(model.evidence(&x), -4.4179274762, PUBLISHED);
    assert_near(model.approximation_gap(), 0.0871766936, PUBLISHED);
    assert_near(model.gap(&x, &q), 0.5108727110, PUBLISHED);
    assert_near(model.elbo(&x, &q), -4.9288001872, PUBLISHED);
}

#[test]
fn evidence_is_bound_plus_divergence() {
    for case in 0..200 {
        let (model, x, q) = random(case);
        let (evidence, elbo, gap) = (model.evidence(&x), model.elbo(&x, &q), model.gap(&x, &q));
        assert_near(elbo + gap, evidence, IDENTITY);
        // The same with the bound that is shipped.
        let shipped = shipped(&mut model.decoder(&x), &q);
        assert_near(f64::from(shipped.elbo()) + gap, evidence, CLOSED_FORM * elbo.abs().max(1.0));
    }
}

#[test]
fn shipped_bounds_show_both_gaps() {
    let (model, x) = two_latents();
    let mut decoder = model.decoder(&x);
    let best = shipped(&mut decoder, &model.best(&x, 1.0, 0.0));
    let encoder = shipped(&mut decoder, &diagonal(&[0.3, -0.2], &[0.3, 0.2]));
    let (best, encoder) = (f64::from(best.elbo()), f64::from(encoder.elbo()));
    assert_near(model.evidence(&x) - best, 0.0871766936, CLOSED_GAP);
    assert_near(best - encoder, 0.4236960174, CLOSED_GAP);
    assert_near(model.evidence(&x) - encoder, 0.5108727110, CLOSED_GAP);
}

#[test]
fn any_average_is_the_bound_in_the_mean() {
    const SAMPLES: u32 = 40_000;
    let (model, x) = two_latents();
    let q = diagonal(&[0.3, -0.2], &[0.3, 0.2]);
    let (loc, log_var) = q.floats();
    let q = Posterior { loc: &loc, log_var: &log_var };
    let mut decoder = model.decoder(&x);
    let (mut noise, samples) = exact(2);
    let truth = bound(&mut decoder, q, &mut noise, samples);
    let mut independent = Independent { key: KEY, datapoint: 1 };
    let sampled = bound(&mut decoder, q, &mut independent, SAMPLES);
    let paired = bound(&mut decoder, q, &mut Antithetic(independent), SAMPLES);
    let [mut eps, mut z] = [[0.0; 2]; 2];
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let both = elbo_monte_carlo(&mut decoder, q, &mut independent, 0..SAMPLES, scratch).unwrap();
    assert_eq!(both.log_likelihood, sampled.log_likelihood, "the same draws");
    // One draw of either term varies by less than 2 nats.
    let three_se = 3.0 * 2.0 / f64::from(SAMPLES).sqrt();
    for (value, truth) in [
        (sampled.log_likelihood, truth.log_likelihood),
        (paired.log_likelihood, truth.log_likelihood),
        (both.kl, truth.kl),
    ] {
        assert_near(f64::from(value), f64::from(truth), three_se);
    }
}

#[test]
fn at_the_true_posterior_a_single_draw_gives_the_evidence() {
    let (model, x) = one_latent();
    let (loc, log_var) = model.best(&x, 1.0, 0.0).floats();
    let q = Posterior { loc: &loc, log_var: &log_var };
    let mut decoder = model.decoder(&x);
    let mut noise = Independent { key: KEY, datapoint: 2 };
    let mut largest = 0.0_f64;
    for sample in 0..100 {
        let scratch = Scratch { eps: &mut [0.0], z: &mut [0.0] };
        let draw = elbo_monte_carlo(&mut decoder, q, &mut noise, sample..sample + 1, scratch);
        assert_near(f64::from(draw.unwrap().elbo()), model.evidence(&x), 10.0 * CLOSED_FORM);
        let scratch = Scratch { eps: &mut [0.0], z: &mut [0.0] };
        let closed =
            elbow_core::infer::elbo(&mut decoder, q, &mut noise, sample..sample + 1, scratch);
        largest = largest.max((f64::from(closed.unwrap().elbo()) - model.evidence(&x)).abs());
    }
    assert!(largest > 0.1, "the closed form of KL leaves the noise of the other term: {largest}");
}
