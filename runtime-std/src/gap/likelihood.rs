//! What a likelihood says besides its density.

use crate::model::{Likelihood, ParameterSource};
use elbow_core::distributions::{Family, MeanIs, Parameter};

/// Logarithms of the standard deviations, one for each of `observed` values, of a gaussian likelihood with
/// fixed scale; `None` for every other family, and where the decoder gives the scale or it has no values.
pub(super) fn log_scales(likelihood: &Likelihood, observed: usize) -> Option<Vec<f64>> {
    let [ParameterSource::Fixed(log_scale)] = &likelihood.parameters[..] else { return None };
    let scales = (0..observed).map(|i| at(log_scale, i, observed)).collect::<Option<_>>();
    scales.filter(|_| likelihood.family == Family::Gaussian)
}

/// The expectation of each observed value under the likelihood that has the decoder's `outputs` (the mean is
/// the first) as its parameters; empty without outputs. A zero-inflated mean is multiplied by the probability
/// that no extra zero replaces it.
pub fn expected(likelihood: &Likelihood, outputs: &[Vec<f32>]) -> Vec<f64> {
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

/// Element of `parameter` that applies to value `i` of `observed`: each of `n` elements applies to a run of
/// `observed / n` values. `None` of an empty parameter, and behind the last run.
fn at(parameter: &[f32], i: usize, observed: usize) -> Option<f64> {
    let run = (observed / parameter.len().max(1)).max(1);
    parameter.get(i / run).copied().map(f64::from)
}

/// `1 / (1 + e^-logit)`
fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Softmax over `classes`, the leading axis of the row-major `values`: the classes of one place are `len /
/// classes` values apart.
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

#[cfg(test)]
mod tests {
    use super::*;
    use elbow_core::distributions;

    /// Values that one observation may have, each with its share of the axis.
    fn support(family: Family) -> Vec<(f32, f64)> {
        let grid = |low: f64, high: f64, points: i32| {
            let step = (high - low) / f64::from(points);
            let place = move |i: i32| (low + step * (f64::from(i) + 0.5)) as f32;
            (0..points).map(move |i| (place(i), step)).collect()
        };
        match family.mean_is() {
            MeanIs::Probability | MeanIs::Logit => vec![(0.0, 1.0), (1.0, 1.0)],
            MeanIs::Rate | MeanIs::LogRate => (0..400).map(|x| (x as f32, 1.0)).collect(),
            MeanIs::Mean => grid(-400.0, 400.0, 800_000),
            MeanIs::Loc => grid(0.0, 400.0, 800_000),
        }
    }

    /// `sum x p(x)` by the density, which knows nothing of expectations.
    #[test]
    fn an_expectation_is_the_mean_of_its_density() {
        const EXPECTATION: f64 = 1e-3; // the tail of Student's t beyond the grid, and sums of f32 densities
        for &family in Family::ALL.iter().filter(|family| family.classes().is_none()) {
            let parameters: Vec<&[f32]> = family
                .parameters()
                .iter()
                .map(|parameter| match parameter {
                    Parameter::Df => &[5.0f32][..],
                    _ => &[-0.3],
                })
                .collect();
            let likelihood = Likelihood::fixed(family, &parameters);
            let outputs = [vec![0.4f32]];
            let found = expected(&likelihood, &outputs)[0];
            let density = likelihood.under(&outputs);
            let mean: f64 = support(family)
                .into_iter()
                .map(|(x, share)| {
                    f64::from(x) * f64::from(density.log_prob(&[x], &[0.4])).exp() * share
                })
                .sum();
            assert!((found - mean).abs() <= EXPECTATION, "{family:?}: {found} for {mean}");
        }
    }

    #[test]
    fn classes_are_expected_by_their_probabilities() {
        let p = [0.2f32, 0.5, 0.3];
        let classes = 3;
        for (family, mean) in [
            (Family::Categorical { classes }, p),
            (Family::CategoricalLogit { classes }, p.map(|p| p.ln() + 2.0)),
        ] {
            let likelihood = Likelihood::fixed(family, &[]);
            let density: distributions::Likelihood = likelihood.under(&[]);
            let found = expected(&likelihood, &[mean.to_vec()]);
            for class in 0..classes {
                let mut x = [0.0; 3];
                x[class] = 1.0;
                let p = f64::from(density.log_prob(&x, &mean)).exp();
                assert!((found[class] - p).abs() < 1e-6, "{family:?}: {found:?}");
            }
        }
    }
}
