//! Gaussian posteriors in f64: `q(z) = N(loc, S S^T)` with a square root `S` of the covariance.

use elbow_core::infer::Posterior;
use nalgebra::DMatrix;

/// A normal distribution over latents.
#[derive(Clone, Debug, PartialEq)]
pub struct Normal {
    /// Mean.
    pub loc: Vec<f64>,
    /// `S`, by rows; diagonal in the diagonal family.
    pub scale: Vec<f64>,
    /// `ln |det S|`
    pub log_det: f64,
}

impl Normal {
    /// The normal with independent latents of mean `loc` and variances `e^log_var`, as many of these as
    /// latents.
    pub fn diagonal(loc: Vec<f64>, log_var: &[f64]) -> Self {
        let latent = loc.len();
        let mut scale = vec![0.0; latent * latent];
        for (i, log_var) in log_var.iter().enumerate() {
            scale[i * latent + i] = (0.5 * log_var).exp();
        }
        Self { loc, scale, log_det: 0.5 * log_var.iter().sum::<f64>() }
    }

    /// The same distribution as an encoder's posterior, in f64: independent latents.
    pub fn of_encoder(q: Posterior<'_>) -> Self {
        let exact = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>();
        Self::diagonal(exact(q.loc), &exact(q.log_var))
    }

    /// Number of latents.
    pub fn latent(&self) -> usize {
        self.loc.len()
    }

    /// `S^-1`; NaN where `S` is singular.
    pub fn inverse_scale(&self) -> DMatrix<f64> {
        let latent = self.latent();
        let inverse = DMatrix::from_row_slice(latent, latent, &self.scale).try_inverse();
        inverse.unwrap_or_else(|| DMatrix::from_element(latent, latent, f64::NAN))
    }

    /// Row `i` of `S`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.scale[i * self.latent()..(i + 1) * self.latent()]
    }

    /// Sets `z` to `loc + S eps`; both slices have a value per latent.
    pub fn at(&self, eps: &[f64], z: &mut [f64]) {
        for (i, z) in z.iter_mut().enumerate() {
            *z = self.loc[i] + dot(self.row(i), eps);
        }
    }

    /// `S^T v`, one value per latent; `v` has as many.
    pub fn transposed(&self, v: &[f64]) -> Vec<f64> {
        let latent = self.latent();
        let column = |j: usize| (0..latent).map(|i| self.scale[i * latent + j] * v[i]).sum();
        (0..latent).map(column).collect()
    }

    /// The normal of the same mean whose standard deviations are `factor` times as large; `factor` is above
    /// 0.
    #[must_use]
    pub fn widened(&self, factor: f64) -> Self {
        let scale = self.scale.iter().map(|s| s * factor).collect();
        let log_det = self.log_det + self.latent() as f64 * factor.ln();
        Self { loc: self.loc.clone(), scale, log_det }
    }

    /// `KL(q || N(0, I))` in nats.
    pub fn kl_to_standard(&self) -> f64 {
        let moments = dot(&self.scale, &self.scale) + dot(&self.loc, &self.loc);
        0.5 * (moments - self.latent() as f64) - self.log_det
    }

    /// `ln q(z)` in nats at `z = loc + S eps`, given `eps`.
    pub fn log_density(&self, eps: &[f64]) -> f64 {
        log_standard(eps) - self.log_det
    }
}

/// `KL(a || b)` in nats of two normals with the same number of independent latents; off-diagonal elements of
/// the scales are ignored.
pub(super) fn kl_diagonal(a: &Normal, b: &Normal) -> f64 {
    let latent = |i: usize| {
        let at = i * a.latent() + i;
        let ratio = a.scale[at] / b.scale[at];
        let distance = (a.loc[i] - b.loc[i]) / b.scale[at];
        0.5 * (ratio * ratio - 1.0 + distance * distance) - ratio.abs().ln()
    };
    (0..a.latent()).map(latent).sum()
}

/// `ln N(z; 0, I)` in nats.
pub fn log_standard(z: &[f64]) -> f64 {
    -0.5 * (dot(z, z) + z.len() as f64 * std::f64::consts::TAU.ln())
}

/// Inner product of two lists of one length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
