//! Everything in closed form: a decoder that is affine in its latents with normal noise of known scale.
//!
//! `x | z ~ N(W z + b, diag(psi))`, `z ~ N(0, I)` (Tipping and Bishop, "Probabilistic principal component
//! analysis", J. R. Stat. Soc. B 61, 1999):
//!
//! ```text
//! precision  L = I + W^T Psi^-1 W,   posterior N(m, L^-1),  m = L^-1 W^T Psi^-1 (x - b)
//! evidence   ln p(x) = -1/2 (D ln 2 pi + ln |Psi| + ln |L| + |x - b|^2_Psi - m^T L m)
//! bound      ELBO(q) = ln p(x) - KL(q || posterior)
//! ```

use super::normal::Normal;
use crate::rows::StreamKey;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// How far a decoder may be from affine, against the magnitude of its parts: a hundred roundings.
const AFFINE: f64 = 1e-5;
/// Latents at which that is looked at.
const PROBES: usize = 16;

/// The exact posterior and evidence of one observation.
#[derive(Clone, Debug)]
pub struct Affine {
    /// `ln p(x)`
    pub log_p: f64,
    loc: DVector<f64>,
    precision: DMatrix<f64>,
    cholesky: Cholesky<f64, Dyn>,
}

/// The affine map `z -> W z + b` of a decoder: `W` by columns, and `b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    columns: Vec<Vec<f64>>,
    offset: Vec<f64>,
}

impl Map {
    /// The affine map of a decoder of `latent` latents, at least one, by its values at 0 and at unit vectors
    /// of both signs; `None` where its values at sixteen other latents differ from the map's by more than
    /// rounding, or one is NaN. `decode` gives as many values at every call.
    ///
    /// # Errors
    ///
    /// The decoder's.
    pub fn probe<E>(
        latent: usize,
        mut decode: impl FnMut(&[f32]) -> Result<Vec<f32>, E>,
    ) -> Result<Option<Self>, E> {
        let mut at = |z: &[f64]| -> Result<Vec<f64>, E> {
            let z: Vec<f32> = z.iter().map(|z| *z as f32).collect();
            Ok(decode(&z)?.into_iter().map(f64::from).collect())
        };
        let offset = at(&vec![0.0; latent])?;
        let mut columns = Vec::with_capacity(latent);
        for i in 0..latent {
            let mut unit = vec![0.0; latent];
            unit[i] = 1.0;
            let up = at(&unit)?;
            unit[i] = -1.0;
            let down = at(&unit)?;
            columns.push(up.iter().zip(&down).map(|(up, down)| 0.5 * (up - down)).collect());
        }
        let map = Self { columns, offset };
        let sobol = super::sobol::Sobol::new(latent);
        let sequence = sobol.shifted(StreamKey { seed: 0, row: 0 }, 0);
        for probe in 0..PROBES {
            let mut z = vec![0.0; latent];
            sequence.fill(probe as u32, &mut z);
            let size = [0.25, 1.0, 4.0][probe % 3];
            z.iter_mut().for_each(|z| *z = f64::from((size * *z) as f32));
            if !map.gives(&z, &at(&z)?) {
                return Ok(None);
            }
        }
        Ok(Some(map))
    }

    /// Whether `W z + b` is `found` in every value, to [`AFFINE`] times the sum of the magnitudes of its
    /// parts; false where one is NaN. `z` has a value per column, `found` one per row of `W`.
    fn gives(&self, z: &[f64], found: &[f64]) -> bool {
        self.offset.iter().zip(found).enumerate().all(|(i, (offset, found))| {
            let parts = || self.columns.iter().zip(z).map(|(column, z)| column[i] * z);
            let size = offset.abs() + parts().map(f64::abs).sum::<f64>();
            (offset + parts().sum::<f64>() - found).abs() <= AFFINE * size
        })
    }
}

impl Affine {
    /// Posterior and evidence of the observation `x` under noise of the standard deviations `e^log_scale`,
    /// both with one value per row of the map's `W`; `None` where the precision matrix has no Cholesky
    /// factor, as after an overflow.
    pub fn of(map: &Map, x: &[f32], log_scale: &[f64]) -> Option<Self> {
        let (observed, latent) = (x.len(), map.columns.len());
        // Whitened by the noise.
        let inverse: Vec<f64> = log_scale.iter().map(|log_scale| (-log_scale).exp()).collect();
        let w = DMatrix::from_fn(observed, latent, |i, j| map.columns[j][i] * inverse[i]);
        let residual =
            DVector::from_fn(observed, |i, _| (f64::from(x[i]) - map.offset[i]) * inverse[i]);
        let precision = DMatrix::identity(latent, latent) + w.transpose() * &w;
        let cholesky = Cholesky::new(precision.clone())?;
        let projected = w.transpose() * &residual;
        let loc = cholesky.solve(&projected);
        let log_det = 2.0 * cholesky.l_dirty().diagonal().iter().map(|l| l.ln()).sum::<f64>();
        let constant = observed as f64 * std::f64::consts::TAU.ln();
        let distance = residual.norm_squared() - loc.dot(&projected);
        let log_p = -0.5 * (constant + log_det + distance) - log_scale.iter().sum::<f64>();
        Some(Self { log_p, loc, precision, cholesky })
    }

    /// The exact posterior `p(z | x)`, normal with full covariance; its scale is NaN where the factor cannot
    /// be inverted.
    pub fn posterior(&self) -> Normal {
        let latent = self.loc.len();
        // With L = C C^T the covariance is C^-T C^-1.
        let root = self.cholesky.l().transpose().try_inverse();
        let root = root.unwrap_or_else(|| DMatrix::from_element(latent, latent, f64::NAN));
        let log_det = -self.cholesky.l_dirty().diagonal().iter().map(|l| l.ln()).sum::<f64>();
        let scale = root.transpose().as_slice().to_vec();
        Normal { loc: self.loc.as_slice().to_vec(), scale, log_det }
    }

    /// The best posterior with independent latents: the true mean, `sigma_i^2 = 1 / L_ii`.
    pub fn best_diagonal(&self) -> Normal {
        let log_var: Vec<f64> = self.precision.diagonal().iter().map(|l| -l.ln()).collect();
        Normal::diagonal(self.loc.as_slice().to_vec(), &log_var)
    }

    /// `KL(q || p(z | x))` in nats, for a `q` over the same latents.
    pub fn kl(&self, q: &Normal) -> f64 {
        let latent = q.latent();
        let scale = DMatrix::from_row_slice(latent, latent, &q.scale);
        let distance = DVector::from_row_slice(&q.loc) - &self.loc;
        let trace = (scale.transpose() * &self.precision * scale).trace();
        let log_det = self.cholesky.l_dirty().diagonal().iter().map(|l| l.ln()).sum::<f64>();
        0.5 * (trace - latent as f64 + distance.dot(&(&self.precision * &distance)))
            - q.log_det
            - log_det
    }

    /// `ELBO(q) = ln p(x) - KL(q || p(z | x))` in nats, for a `q` over the same latents.
    pub fn elbo(&self, q: &Normal) -> f64 {
        self.log_p - self.kl(q)
    }
}
