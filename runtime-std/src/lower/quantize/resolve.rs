//! Weights that make up for the rounding of their inputs, before they are rounded themselves.

use super::Moments;
use nalgebra::{Cholesky, DMatrix};

/// Penalty on the change of weights, as a share of the inputs' mean variance. A hundredth of it
/// fits a few hundred calibration rows and loses on others; three times as much gains as much.
const RIDGE: f64 = 0.1;

/// Float weights for integer inputs: ridge regression of the float layer's outputs on the patches.
///
/// `moments` are those of `patches`, whose integers count steps of `scale`; `targets`, `[patches][rows]`, are
/// the float layer's outputs on float inputs, and `weights` `[rows][inputs]`; `scale` is positive. With `C`
/// the centred inputs and `Y` the centred targets, the change `D` of row-major `weights` minimizes
/// `|Y - C (W + D)^T|^2 / n + ridge |D|^2`: `D^T = (C^T C / n + ridge)^-1 (C^T Y / n - C^T C / n W^T)`.
/// Errors of the mean are left to the bias, which is to be refitted afterwards.
///
/// For wide activations, before [`gptq`](super::gptq): a tenth to a third fewer nats on stiff posteriors.
/// With 8-bit activations it loses more on new rows than it gains. Where nothing varies, weights stay as they
/// are.
pub fn resolve(
    weights: &[f32],
    moments: &Moments,
    patches: &[i16],
    targets: &[f32],
    scale: f32,
) -> Vec<f32> {
    let inputs = moments.inputs();
    let rows = weights.len() / inputs.max(1);
    let order: Vec<usize> = (0..inputs).collect();
    let covariance = moments.covariances(&order);
    let ridge = RIDGE * covariance.trace() / inputs.max(1) as f64;
    let mut damped = covariance.clone();
    for i in 0..inputs {
        damped[(i, i)] += ridge;
    }
    let Some(factor) = Cholesky::new(damped) else { return weights.to_vec() };
    let scale = f64::from(scale);
    let steps = DMatrix::from_fn(inputs, rows, |k, row| {
        f64::from(weights[row * inputs + k]) * scale // per step of an input
    });
    let missing = cross(moments, patches, targets, rows) - product(&covariance, &steps);
    let resolved = steps + factor.solve(&missing);
    let weight = |row: usize, k: usize| (resolved[(k, row)] / scale) as f32;
    (0..rows)
        .flat_map(|row| (0..inputs).map(move |k| (row, k)))
        .map(|(r, k)| weight(r, k))
        .collect()
}

/// `C^T Y / n`, `[inputs][rows]`: covariances of inputs and targets. Only the targets are centred, which is
/// enough.
fn cross(moments: &Moments, patches: &[i16], targets: &[f32], rows: usize) -> DMatrix<f64> {
    let inputs = moments.inputs();
    let count = moments.count().max(1) as f64;
    let pairs = patches.chunks_exact(inputs.max(1)).zip(targets.chunks_exact(rows.max(1)));
    let mut mean = vec![0.0; rows];
    for (_, targets) in pairs.clone() {
        mean.iter_mut().zip(targets).for_each(|(mean, y)| *mean += f64::from(*y) / count);
    }
    let mut cross = DMatrix::zeros(inputs, rows);
    for (patch, targets) in pairs {
        let columns = cross.as_mut_slice().chunks_exact_mut(inputs.max(1));
        for (column, (y, mean)) in columns.zip(targets.iter().zip(&mean)) {
            let y = (f64::from(*y) - mean) / count;
            column.iter_mut().zip(patch).for_each(|(c, x)| *c += f64::from(*x) * y);
        }
    }
    cross
}

/// The matrix product `a b` for a symmetric `a`, summed in the same order on every host.
fn product(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let (columns, of_b) = (a.as_slice(), b.as_slice());
    let n = a.nrows();
    DMatrix::from_fn(n, b.ncols(), |i, j| {
        let pairs = columns[i * n..][..n].iter().zip(&of_b[j * n..][..n]);
        pairs.map(|(a, b)| a * b).sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbow_core::noise::Stream;

    fn numbers(key: u64, len: usize) -> impl Iterator<Item = f64> {
        let word = move |i: usize| Stream::new(key, i as u64, 0).next_block()[0];
        (0..len).map(move |i| f64::from(word(i)) / 4_294_967_296.0 - 0.5)
    }

    /// Independent: the objective as it is written, at the answer and in every direction from it.
    #[test]
    fn no_weights_nearby_fit_better() {
        const SCALE: f32 = 0.05;
        let patches: Vec<i16> = numbers(1, 60 * 4).map(|v| (v * 200.0) as i16 + 30).collect();
        let targets: Vec<f32> = numbers(2, 60 * 2).map(|v| v as f32 * 4.0 + 7.0).collect();
        let weights: Vec<f32> = numbers(3, 2 * 4).map(|v| v as f32).collect();
        let moments = Moments::of(&patches, 4);
        let found = resolve(&weights, &moments, &patches, &targets, SCALE);
        let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / 60.0;
        let x_mean: Vec<f64> = (0..4)
            .map(|k| mean(&mut patches.iter().skip(k).step_by(4).map(|x| f64::from(*x))))
            .collect();
        let variance: f64 = (0..4)
            .map(|k| {
                let x = patches.iter().skip(k).step_by(4);
                mean(&mut x.map(|x| (f64::from(*x) - x_mean[k]).powi(2)))
            })
            .sum();
        let ridge = 0.1 * variance / 4.0 * f64::from(SCALE).powi(2);
        let objective = |row: usize, w: &[f64]| {
            let y_mean = mean(&mut targets.iter().skip(row).step_by(2).map(|y| f64::from(*y)));
            let misses =
                patches.chunks(4).zip(targets.iter().skip(row).step_by(2)).map(|(x, y)| {
                    let x =
                        x.iter().zip(&x_mean).map(|(x, m)| (f64::from(*x) - m) * f64::from(SCALE));
                    let fit: f64 = x.zip(w).map(|(x, w)| x * w).sum();
                    (f64::from(*y) - y_mean - fit).powi(2)
                });
            let change =
                w.iter().zip(&weights[4 * row..]).map(|(w, old)| (w - f64::from(*old)).powi(2));
            mean(&mut misses.into_iter()) + ridge * change.sum::<f64>()
        };
        for row in 0..2 {
            let w: Vec<f64> = found[4 * row..][..4].iter().map(|w| f64::from(*w)).collect();
            let best = objective(row, &w);
            for (k, step) in (0..4).flat_map(|k| [(k, 1e-3), (k, -1e-3)]) {
                let mut other = w.clone();
                other[k] += step;
                assert!(objective(row, &other) > best, "keys 1 to 3: {row} {k} {step}");
            }
        }
    }

    #[test]
    fn weights_that_fit_already_stay() {
        let patches: Vec<i16> = numbers(4, 50 * 3).map(|v| (v * 200.0) as i16).collect();
        let weights = [0.5f32, -0.25, 1.0];
        let output =
            |x: &[i16]| x.iter().zip(weights).map(|(x, w)| f32::from(*x) * w * 0.5 + 1.0).sum();
        let targets: Vec<f32> = patches.chunks(3).map(output).collect();
        let found = resolve(&weights, &Moments::of(&patches, 3), &patches, &targets, 0.5);
        for (found, weight) in found.iter().zip(weights) {
            assert!((found - weight).abs() < 1e-6, "key 4: {found} {weight}");
        }
        let still = resolve(&weights, &Moments::of(&[], 3), &[], &[], 0.5);
        assert_eq!(still, weights);
    }
}
