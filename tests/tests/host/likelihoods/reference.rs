//! Likelihoods in f64, by the formulas of textbooks and `libm`'s gamma function, whose differences keep
//! eight digits there.

use elbow_core::distributions::{Family, Parameter};
use std::f64::consts::{LN_2, PI};

/// `ln p(x)` of one value; the parameters in the family's order. No categorical.
pub fn log_prob(family: Family, x: f64, mean: f64, [a, b]: [f64; 2]) -> f64 {
    match family {
        Family::Gaussian => -0.5 * (2.0 * PI).ln() - a - 0.5 * ((x - mean) / a.exp()).powi(2),
        Family::LogNormal => log_prob(Family::Gaussian, x.ln(), mean, [a, b]) - x.ln(),
        Family::Laplace => -LN_2 - a - (x - mean).abs() / a.exp(),
        Family::StudentT => {
            let t = (x - mean) / b.exp();
            let gamma = libm::lgamma(0.5 * (a + 1.0)) - libm::lgamma(0.5 * a);
            gamma - 0.5 * (PI * a).ln() - b - 0.5 * (a + 1.0) * (t * t / a).ln_1p()
        }
        Family::Bernoulli => times(x, mean.ln()) + times(1.0 - x, (-mean).ln_1p()),
        Family::BernoulliLogit => -times(x, softplus(-mean)) - times(1.0 - x, softplus(mean)),
        Family::Poisson => times(x, mean.ln()) - mean - libm::lgamma(x + 1.0),
        Family::PoissonLog => x * mean - mean.exp() - libm::lgamma(x + 1.0),
        Family::NegativeBinomial => negative_binomial(x, mean, a.exp()),
        Family::NegativeBinomialLog => negative_binomial(x, mean.exp(), a.exp()),
        Family::ZeroInflatedNegativeBinomial => inflated(x, mean, a.exp(), b),
        Family::ZeroInflatedNegativeBinomialLog => inflated(x, mean.exp(), a.exp(), b),
        other => panic!("{other:?} has no values of its own"),
    }
}

/// `ln p(x)` of one place with these probabilities.
pub fn categorical(x: &[f64], p: &[f64]) -> f64 {
    x.iter().zip(p).map(|(x, p)| times(*x, p.ln())).sum()
}

/// The same of logits.
pub fn categorical_logit(x: &[f64], logits: &[f64]) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    x.iter().zip(logits).map(|(x, logit)| x * (logit - largest - total.ln())).sum()
}

fn negative_binomial(x: f64, mean: f64, theta: f64) -> f64 {
    let gamma = libm::lgamma(x + theta) - libm::lgamma(theta) - libm::lgamma(x + 1.0);
    gamma - theta * (mean / theta).ln_1p() - times(x, (theta / mean).ln_1p())
}

fn inflated(x: f64, mean: f64, theta: f64, logit: f64) -> f64 {
    let counted = negative_binomial(x, mean, theta) - softplus(logit);
    if x > 0.0 {
        return counted;
    }
    let lost = -softplus(-logit);
    let largest = counted.max(lost);
    largest + ((counted - largest).exp() + (lost - largest).exp()).ln()
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// A product in which 0 wins over an infinity.
fn times(weight: f64, value: f64) -> f64 {
    if weight == 0.0 { 0.0 } else { weight * value }
}

/// `d ln p(x) / d wrt` by five points.
pub fn score(family: Family, x: f64, mean: f64, parameters: [f64; 2], wrt: Parameter) -> f64 {
    let own = family.parameters().iter().position(|parameter| *parameter == wrt);
    let step = match (own, family) {
        (Some(own), _) if wrt == Parameter::Df => 1e-3 * parameters[own],
        (Some(_), _) => 1e-2,
        (None, Family::Gaussian | Family::LogNormal) => 1e-2 * parameters[0].exp(),
        (None, Family::StudentT) => 1e-2 * parameters[1].exp() * parameters[0].sqrt().min(1.0),
        (None, Family::Laplace) => 1e-2 * (x - mean).abs(),
        (None, Family::Bernoulli) => 1e-3 * mean.min(1.0 - mean),
        (
            None,
            Family::Poisson | Family::NegativeBinomial | Family::ZeroInflatedNegativeBinomial,
        ) => 1e-3 * mean,
        (None, _) => 1e-2,
    };
    let at = |steps: f64| {
        let (mut mean, mut parameters) = (mean, parameters);
        match own {
            Some(own) => parameters[own] += steps * step,
            None => mean += steps * step,
        }
        log_prob(family, x, mean, parameters)
    };
    (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * step)
}
