//! A linear-Gaussian model of two latents, by formulas of its own.

use elbow_core::infer::{Gradient, InferError, LogLikelihood};
use elbow_tests::tolerance::PUBLISHED;

/// `x | z ~ N(W z, 1/2 I)` with three values and two latents.
pub const W: [[f64; 2]; 3] = [[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]];
/// Variance of the noise.
pub const NOISE: f64 = 0.5;
/// The observation of the golden vector.
pub const X: [f64; 3] = [1.0, -1.0, 0.5];
/// `I + W^T W / NOISE`
pub const PRECISION: [[f64; 2]; 2] = [[5.0, 2.0], [2.0, 5.0]];

/// `ln p(x | z)` and its gradient.
pub struct Linear {
    pub x: [f64; 3],
}

impl LogLikelihood for Linear {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        let residuals = self.residuals(z);
        let squares: f64 = residuals.iter().map(|r| r * r).sum();
        let constant = 3.0 * (std::f64::consts::TAU * NOISE).ln();
        Ok((-0.5 * (constant + squares / NOISE)) as f32)
    }
}

impl Gradient for Linear {
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        let residuals = self.residuals(z);
        for (j, grad) in grad.iter_mut().enumerate() {
            *grad = W.iter().zip(&residuals).map(|(w, r)| (w[j] * r / NOISE) as f32).sum();
        }
        self.log_likelihood(z)
    }
}

impl Linear {
    fn residuals(&self, z: &[f32]) -> Vec<f64> {
        let mean = |w: &[f64; 2]| w[0] * f64::from(z[0]) + w[1] * f64::from(z[1]);
        W.iter().zip(&self.x).map(|(w, x)| x - mean(w)).collect()
    }
}

/// What the theory says of one observation and a posterior with independent latents.
pub struct Theory {
    pub log_p: f64,
    pub elbo: f64,
    pub approximation: f64,
    pub amortization: f64,
}

/// Closed forms of two dimensions, written out.
pub fn theory(x: [f64; 3], loc: [f64; 2], var: [f64; 2]) -> Theory {
    let [[a, b], [_, d]] = PRECISION;
    let det = a * d - b * b;
    let h: [f64; 2] = std::array::from_fn(|j| W.iter().zip(x).map(|(w, x)| w[j] * x / NOISE).sum());
    let m = [(d * h[0] - b * h[1]) / det, (a * h[1] - b * h[0]) / det];
    let squares: f64 = x.iter().map(|x| x * x / NOISE).sum();
    let constant = 3.0 * (std::f64::consts::TAU * NOISE).ln();
    let log_p = -0.5 * (constant + det.ln() + squares - m[0] * h[0] - m[1] * h[1]);
    let r = [a * var[0], d * var[1]];
    let e = [loc[0] - m[0], loc[1] - m[1]];
    let distance = a * e[0] * e[0] + 2.0 * b * e[0] * e[1] + d * e[1] * e[1];
    let approximation = 0.5 * (a.ln() + d.ln() - det.ln());
    let spread: f64 = r.iter().map(|r| r - 1.0 - r.ln()).sum();
    let amortization = 0.5 * (spread + distance);
    Theory { log_p, elbo: log_p - approximation - amortization, approximation, amortization }
}

/// The formulas give the golden vector of the literature's notation, ten digits.
#[test]
fn the_formulas_give_the_golden_vector() {
    let theory = theory(X, [0.3, -0.2], [0.3, 0.2]);
    let golden = [
        (theory.log_p, -4.417_927_476_2),
        (theory.approximation, 0.087_176_693_6),
        (theory.amortization, 0.423_696_017_4),
        (theory.elbo, -4.928_800_187_2),
    ];
    for (found, expected) in golden {
        assert!((found - expected).abs() < PUBLISHED, "{found} {expected}");
    }
}
