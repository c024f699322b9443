//! Gradients of likelihoods.

use super::exact::run;
use elbow::ir::Graph;
use elbow::lower::Plan;
use elbow::model::ParameterSource;
use elbow::stages::{gradient, log_likelihood_gradient, lower};
use elbow::twin::Twin;
use elbow_core::distributions::{Family, Likelihood, Parameter};
use elbow_tests::gradients::{Trained, trained};
use elbow_tests::models::decoder;
use elbow_tests::tolerance::GRADIENT;
use std::mem::discriminant;

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The vector-Jacobian product of all outputs of a decoder.
fn pullback(graph: &Graph, outputs: &[usize]) -> Plan {
    let both = gradient(graph, outputs, &[0]).expect("it has a gradient");
    lower(&both, &Vec::from_iter(0..both.outputs.len())).expect("it lowers")
}

/// The gradient of a family whose last parameters the decoder gives, of these lengths, against the product
/// of its scores with the decoder's Jacobian; forward values and weights against the decoder's own.
fn check(family: Family, x: &[f32], lens: &[usize]) {
    let names = family.parameters();
    let fixed: Vec<Option<&[f32]>> =
        (0..names.len()).map(|at| (at + lens.len() < names.len()).then_some(&[2.5][..])).collect();
    let (graph, outputs) = (decoder(lens), Vec::from_iter(0..=lens.len()));
    let plan =
        log_likelihood_gradient(&graph, &outputs, &[0], family, &fixed).expect("it has a gradient");
    let z = [0.4, -0.9];
    let found = Twin::new(&plan).run(&[&z, x]).expect("it runs");
    let forward = lower(&graph, &outputs).expect("it lowers");
    let expected = Twin::new(&forward).run(&[&z]).expect("it runs");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(bits(found), bits(expected), "{family:?}");
    }
    assert_eq!(plan.weights[..forward.weights.len()], forward.weights, "{family:?}");
    let mut others = expected[1..].iter();
    let parameters: Vec<&[f32]> = fixed
        .iter()
        .map(|fixed| fixed.unwrap_or_else(|| others.next().expect("an output")))
        .collect();
    let parameters = std::array::from_fn(|at| parameters.get(at).copied().unwrap_or_default());
    let likelihood = Likelihood { family, parameters };
    let asked = [&[Parameter::Mean], &names[names.len() - lens.len()..]].concat();
    let mut inputs: Vec<Vec<f32>> = vec![z.to_vec()];
    for (wrt, output) in asked.into_iter().zip(&expected) {
        let mut cotangent = vec![0.0; output.len()];
        likelihood.score(x, &expected[0], wrt, &mut cotangent);
        assert!(cotangent.iter().all(|value| value.is_finite()), "{family:?}: {cotangent:?}");
        inputs.push(cotangent);
    }
    let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let pulled = Twin::new(&pullback(&graph, &outputs)).run(&inputs).expect("it runs");
    let (found, pulled) = (&found[outputs.len()], &pulled[outputs.len()]);
    assert_eq!(bits(found), bits(pulled), "{family:?}");
    assert!(found.iter().any(|value| *value != 0.0), "{family:?}");
}

#[test]
fn the_gradient_of_every_family_starts_with_its_scores() {
    let (real, events, counts) =
        ([0.3, -1.2, 2.0, 0.1], [1.0, 0.0, 0.0, 1.0], [3.0, 0.0, 7.0, 1.0]);
    let positive = real.map(f32::exp);
    let cases: [(Family, &[f32], &[usize]); 16] = [
        (Family::Gaussian, &real, &[]),
        (Family::Gaussian, &real, &[4]),
        (Family::Laplace, &real, &[1]),
        (Family::StudentT, &real, &[]),
        (Family::StudentT, &real, &[1]),
        (Family::StudentT, &real, &[4, 4]),
        (Family::LogNormal, &positive, &[4]),
        (Family::BernoulliLogit, &events, &[]),
        (Family::Categorical { classes: 2 }, &events, &[]),
        (Family::CategoricalLogit { classes: 2 }, &events, &[]),
        (Family::Poisson, &counts, &[]),
        (Family::PoissonLog, &counts, &[]),
        (Family::NegativeBinomial, &counts, &[1]),
        (Family::NegativeBinomialLog, &counts, &[4]),
        (Family::ZeroInflatedNegativeBinomial, &counts, &[1]),
        (Family::ZeroInflatedNegativeBinomialLog, &counts, &[1, 4]),
    ];
    for (family, x, lens) in cases {
        check(family, x, lens);
    }
    for family in Family::ALL.iter().filter(|family| **family != Family::Bernoulli) {
        // The decoder's mean is no probability of an event.
        let own = discriminant(family);
        assert!(cases.iter().any(|case| discriminant(&case.0) == own), "{family:?} has no case");
    }
}

/// `ln p(x | z)` in f64, without what does not depend on the mean.
fn log_likelihood(family: Family, log_scale: &[f32], x: &[f32], mean: &[f64]) -> f64 {
    let run = x.len() / log_scale.len().max(1);
    let term = |(at, (&x, mean)): (usize, (&f32, &f64))| {
        let x = f64::from(x);
        match family {
            Family::BernoulliLogit => x * mean - mean.max(0.0) - (-mean.abs()).exp().ln_1p(),
            Family::Gaussian => -0.5 * ((x - mean) / f64::from(log_scale[at / run]).exp()).powi(2),
            other => panic!("no trained model has {other:?}"),
        }
    };
    x.iter().zip(mean).enumerate().map(term).sum()
}

/// Rows of each trained model.
const ROWS: usize = 3;

#[test]
fn gradients_of_trained_models_are_central_differences() {
    for Trained { name, decoder, plan, graph, xs, zs } in trained() {
        let log_scale = match &decoder.likelihood.parameters[..] {
            [ParameterSource::Fixed(values)] => values.as_slice(),
            _ => &[],
        };
        let mut worst = 0.0f64;
        for row in 0..ROWS {
            let (x, z) = (xs.row(row), zs.row(row));
            let found = Twin::new(&plan).run(&[z, x]).expect("it runs");
            for (at, found) in found[1].iter().enumerate() {
                let moved = |by: f64| {
                    let mut z: Vec<f64> = z.iter().map(|&z| f64::from(z)).collect();
                    z[at] += by;
                    let mean = run(&graph, &[z]).expect("it has formulas");
                    log_likelihood(decoder.likelihood.family, log_scale, x, &mean[0])
                };
                let truth = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                worst = worst.max((f64::from(*found) - truth).abs() / truth.abs().max(1.0));
            }
        }
        println!("{name:20} {worst:.1e}");
        assert!(worst <= GRADIENT, "{name}: {worst:e}");
    }
}

#[test]
fn outputs_must_be_mean_and_parameters() {
    let (graph, fixed): (Graph, [Option<&[f32]>; 2]) = (decoder(&[4]), [None, None]);
    for (outputs, parameters) in [(&[0, 1][..], &fixed[..]), (&[0], &fixed[..1]), (&[], &fixed)] {
        let family = Family::StudentT;
        let found = log_likelihood_gradient(&graph, outputs, &[0], family, parameters);
        let message = found.expect_err("they do not match").to_string();
        assert!(message.contains("StudentT has a mean and [Df, LogScale]"), "{message}");
    }
}
