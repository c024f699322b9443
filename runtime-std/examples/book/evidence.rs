//! Chapter 2: `ln p(x) = ELBO + KL` where everything is known exactly.

use super::Told;
use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{InferError, LogLikelihood, Scratch, elbo};
use elbow_core::noise::{Antithetic, Hadamard, Radius};
use std::f64::consts::TAU;
use std::fmt::Write;

/// Two readings of one cause: `x = (z, 2 z)` and noise of variance 1.
struct Readings([f32; 2]);

impl LogLikelihood for Readings {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        let apart = (self.0[0] - z[0]).powi(2) + (self.0[1] - 2.0 * z[0]).powi(2);
        Ok(-(TAU.ln() as f32) - 0.5 * apart)
    }
}

/// The evidence by two routes, and its two parts for several posteriors.
pub fn tell() -> Told {
    let mut readings = Readings([1.0, 1.0]);
    // Bayes' rule for normals: precision 1 + 1 + 4, mean (1 + 2) / 6.
    let truth = DiagNormal { loc: [0.5], log_var: [(1.0f32 / 6.0).ln()] };
    // x is normal with covariance I + w w', whose determinant is 6.
    let formula = -TAU.ln() - 0.5 * 6f64.ln() - 0.5 * (2.0 - 9.0 / 6.0);
    let mut sum = 0.0;
    for step in -8000..=8000 {
        let z = f64::from(step) / 1000.0;
        let prior = (-0.5 * z * z).exp() / TAU.sqrt();
        sum += prior * f64::from(readings.log_likelihood(&[z as f32])?).exp() / 1000.0;
    }
    let mut text = format!("ln p(x): {formula:.6} by formula, {:.6} by a sum over z\n", sum.ln());
    writeln!(text, "\n{:24}{:>11} {:>11} {:>11}", "q", "ELBO", "KL", "ELBO + KL")?;
    let posteriors = [
        ("the prior, N(0, 1)", DiagNormal { loc: [0.0], log_var: [0.0] }),
        ("too wide, N(0.4, 0.25)", DiagNormal { loc: [0.4], log_var: [0.25f32.ln()] }),
        ("too narrow, N(0.5, 0.02)", DiagNormal { loc: [0.5], log_var: [0.02f32.ln()] }),
        ("beside it, N(1.5, 1/6)", DiagNormal { loc: [1.5], log_var: truth.log_var }),
        ("the true one, N(1/2, 1/6)", truth.clone()),
    ];
    for (name, q) in posteriors {
        let mut noise = Antithetic(Hadamard { key: 0, datapoint: 0, set: 4, radius: Radius::One });
        let scratch = Scratch { eps: &mut [0.0], z: &mut [0.0] };
        let bound = elbo(&mut readings, (&q).into(), &mut noise, 0..8, scratch)?.elbo();
        let kl = q.kl_divergence(&truth);
        writeln!(text, "{name:25}{bound:10.6} {kl:11.6} {:11.6}", bound + kl)?;
    }
    Ok(text)
}
