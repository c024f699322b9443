//! A better scale and bias for each output of a layer whose integers are chosen: least squares.

/// Quotients of fitted and old scale that rounding explains; with any other the old scale stays.
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 0.9..=1.1;

/// An output as a line of its integer sum: `scale * sum + bias`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaleBias {
    /// Per unit of the sum; positive.
    pub scale: f64,
    /// In output units.
    pub bias: f64,
}

/// The parameters of a line that are refitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjust {
    /// The bias alone.
    Bias,
    /// Scale and bias.
    Both,
}

/// A line and what it is worth on the calibration patches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Refit {
    /// The refitted line.
    pub line: ScaleBias,
    /// Mean squared error of the line before.
    pub before: f64,
    /// That of this one; never larger, but for roundings.
    pub after: f64,
}

/// Scale and bias of each output, refitted to the values of the float model, with the mean squared errors
/// before and after.
///
/// `sums` are the integer sums `sum_k w_k (x_k - zero_point)` without bias, `targets` the float
/// layer's outputs before its activation, both `[patches][outputs]` with the outputs of `lines`.
/// Minimizes `sum (target - scale * sum - bias)^2`: `scale = cov(sum, target) / var(sum)`,
/// `bias = mean(target) - scale * mean(sum)`, in two passes.
///
/// A scale stays as it was where the sum is constant, or where the best is more than a tenth away from
/// it. Without patches nothing changes. The sums are of the integer model's own inputs, the targets of
/// the float model on float inputs, so that the refit also corrects errors of the layers before.
///
/// After [`gptq`](super::gptq) the bias must be refitted, since that ignores errors of the mean; whether to refit the
/// scale as well is for the caller to measure on the whole model.
pub fn refit(sums: &[i32], targets: &[f32], lines: &[ScaleBias], adjust: Adjust) -> Vec<Refit> {
    let outputs = lines.len();
    let of = |(output, line): (usize, &ScaleBias)| {
        let points = sums.iter().skip(output).step_by(outputs);
        let targets = targets.iter().skip(output).step_by(outputs);
        let points = points.zip(targets).map(|(sum, target)| (f64::from(*sum), f64::from(*target)));
        one(points, *line, adjust)
    };
    lines.iter().enumerate().map(of).collect()
}

/// The refit of one output from its points, `(sum, target)` of each patch; unchanged without points.
fn one(points: impl Iterator<Item = (f64, f64)> + Clone, line: ScaleBias, adjust: Adjust) -> Refit {
    let error = |line: ScaleBias| {
        mean(points.clone().map(|(sum, target)| square(target - line.scale * sum - line.bias)))
    };
    let before = error(line);
    if points.clone().next().is_none() {
        return Refit { line, before, after: before };
    }
    let (sum, target) = (mean(points.clone().map(|p| p.0)), mean(points.clone().map(|p| p.1)));
    let variance = mean(points.clone().map(|p| square(p.0 - sum)));
    let covariance = mean(points.clone().map(|p| (p.0 - sum) * (p.1 - target)));
    let best = covariance / variance;
    let refitted = adjust == Adjust::Both && PLAUSIBLE.contains(&(best / line.scale));
    let scale = if refitted { best } else { line.scale };
    let line = ScaleBias { scale, bias: target - scale * sum };
    Refit { line, before, after: error(line) }
}

/// Arithmetic mean; 0 without values.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

/// The value times itself.
fn square(value: f64) -> f64 {
    value * value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_exactly() {
        let sums = [-3, 10, 5, 0, 7, -20];
        let truth = [ScaleBias { scale: 0.5, bias: -1.25 }, ScaleBias { scale: 0.125, bias: 3.0 }];
        let targets: Vec<f32> = (0..6)
            .map(|i| (truth[i % 2].scale * f64::from(sums[i]) + truth[i % 2].bias) as f32)
            .collect();
        let start = [0.46, 0.135].map(|scale| ScaleBias { scale, bias: 0.0 });
        for (refit, truth) in refit(&sums, &targets, &start, Adjust::Both).iter().zip(truth) {
            assert!((refit.line.scale - truth.scale).abs() < 1e-14, "{refit:?}");
            assert!((refit.line.bias - truth.bias).abs() < 1e-13, "{refit:?}");
            assert!(refit.after < 1e-26 && refit.before > 0.1, "{refit:?}");
        }
        let bias = refit(&sums, &targets, &[truth[0]; 2], Adjust::Bias);
        assert_eq!(bias[0].line.scale, 0.5);
        assert!((bias[0].line.bias + 1.25).abs() < 1e-14);
    }

    /// Independent: no step to any side of the optimum lowers the error.
    #[test]
    fn no_line_nearby_is_better() {
        let sums: Vec<i32> = (0..50).map(|i| (i * i * 7919) % 1001 - 500).collect();
        let targets: Vec<f32> =
            sums.iter().enumerate().map(|(i, s)| *s as f32 * 0.01 + (i % 7) as f32).collect();
        let start = ScaleBias { scale: 0.0105, bias: 0.0 };
        let Refit { line, before, after } = refit(&sums, &targets, &[start], Adjust::Both)[0];
        let error = |scale: f64, bias: f64| {
            let terms = sums.iter().zip(&targets);
            let terms = terms.map(|(s, t)| (f64::from(*t) - scale * f64::from(*s) - bias).powi(2));
            terms.sum::<f64>() / 50.0
        };
        assert!((error(0.0105, 0.0) - before).abs() < 1e-12 * before && after < before);
        for (ds, db) in [(1e-4, 0.0), (-1e-4, 0.0), (0.0, 1e-2), (0.0, -1e-2)] {
            assert!(error(line.scale + ds, line.bias + db) > after);
        }
    }

    #[test]
    fn what_cannot_be_refitted_stays() {
        let line = ScaleBias { scale: 0.5, bias: 1.0 };
        let constant = refit(&[4, 4], &[1.0, 3.0], &[line], Adjust::Both)[0];
        assert_eq!(constant.line, ScaleBias { scale: 0.5, bias: 0.0 });
        for far in [-1.0, 0.44, 0.56] {
            let refitted = refit(&[0, 2], &[0.0, 2.0 * far], &[line], Adjust::Both)[0];
            assert_eq!(refitted.line, ScaleBias { scale: 0.5, bias: f64::from(far) - 0.5 });
        }
        assert_eq!(refit(&[], &[], &[line], Adjust::Both)[0].line, line);
    }
}
