//! What a likelihood says besides its density.

use crate::model::{Likelihood, ParameterSource};
use elbow_core::distributions::{Family, MeanIs, Parameter};

/// Logarithms of the noise's standard deviations, one per value, where they are known without a latent.
pub(super) fn log_scales(likelihood: &Likelihood, observed: usize) -> Option<Vec<f64>> {
    let [ParameterSource::Fixed(log_scale)] = &likelihood.parameters[..] else { return None };
    let scales = (0..observed).map(|i| at(log_scale, i, observed)).collect::<Option<_>>();
    scales.filter(|_| likelihood.family == Family::Gaussian)
}

/// The expectation of each value, by the decoder's outputs.
pub(super) fn expected(likelihood: &Likelihood, outputs: &[Vec<f32>]) -> Vec<f64> {
    let mean: Vec<f64> = outputs.iter().take(1).flatten().map(|mean| f64::from(*mean)).collect();
    let (family, observed) = (likelihood.family, mean.len());
    let parameter = |wanted: Parameter| {
        let own = family.parameters().iter().position(|own| *own == wanted)?;
        likelihood.under(outputs).parameters.get(own).copied()
    };
    let expected = match (family.mean_is(), family.classes()) {
        (MeanIs::Mean | MeanIs::Probability | MeanIs::Rate, _) => mean,
        (MeanIs::Logit, Some(classes)) => softmax(mean, classes),
        (MeanIs::Logit, None) => mean.into_iter().map(sigmoid).collect(),
        (MeanIs::LogRate, _) => mean.into_iter().map(f64::exp).collect(),
        (MeanIs::Loc, _) => {
            let log_scale = parameter(Parameter::LogScale).unwrap_or_default();
            let half_variance = |i| 0.5 * (2.0 * at(log_scale, i, observed).unwrap_or(0.0)).exp();
            mean.into_iter().enumerate().map(|(i, loc)| (loc + half_variance(i)).exp()).collect()
        }
    };
    let Some(dropout) = parameter(Parameter::DropoutLogit) else { return expected };
    let kept = |i| at(dropout, i, observed).map_or(1.0, |logit| sigmoid(-logit));
    expected.into_iter().enumerate().map(|(i, mean)| kept(i) * mean).collect()
}

/// The parameter of value `i` of `observed`, where each holds for a run of values.
fn at(parameter: &[f32], i: usize, observed: usize) -> Option<f64> {
    let run = (observed / parameter.len().max(1)).max(1);
    parameter.get(i / run).copied().map(f64::from)
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Probabilities of logits whose classes lie on the leading axis.
fn softmax(mut values: Vec<f64>, classes: usize) -> Vec<f64> {
    let places = values.len() / classes.max(1);
    for place in 0..places {
        let own = || (place..classes * places).step_by(places);
        let largest = own().map(|i| values[i]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = own().map(|i| (values[i] - largest).exp()).sum();
        own().for_each(|i| values[i] = (values[i] - largest).exp() / sum);
    }
    values
}
