//! A draw from a normal of full covariance, and its density.

use crate::harness::{Work, crc32};
use elbow_core::distributions::FullNormal;
use elbow_kernels::workloads::Values;

const DIMS: usize = 8;
/// Of `max(1, |value|)`.
const TOLERANCE: f64 = 1e-5;

/// A normal, noise, and what became of it.
pub struct FullRank {
    q: FullNormal<DIMS>,
    eps: [f32; DIMS],
    z: [f32; DIMS],
    log_prob: f32,
}

impl FullRank {
    /// Zeros.
    pub const fn new() -> Self {
        let zero = [0.0; DIMS];
        Self {
            q: FullNormal { loc: zero, factor: [zero; DIMS] },
            eps: zero,
            z: zero,
            log_prob: 0.0,
        }
    }
}

impl Work for FullRank {
    /// Draws mean, factor and noise.
    fn prepare(&mut self, values: &mut Values) {
        self.q.loc.fill_with(|| values.float(1.0));
        self.q.factor.as_flattened_mut().fill_with(|| values.float(0.5));
        self.eps.fill_with(|| values.float(2.0));
    }

    /// Computes the sample of the noise and its density, and keeps both.
    #[inline(never)]
    fn run(&mut self) {
        self.q.rsample(&self.eps, &mut self.z);
        self.log_prob = self.q.log_prob(&self.z);
    }

    /// Whether the last sample and its density are those in f64, but for the tolerance: the density of a draw
    /// is that of its noise, divided by the determinant.
    fn is_right(&mut self) -> bool {
        let close = |found: f32, truth: f64| {
            (f64::from(found) - truth).abs() <= TOLERANCE * truth.abs().max(1.0)
        };
        let eps = self.eps.map(f64::from);
        let mut truth = -(DIMS as f64) / 2.0 * libm::log(core::f64::consts::TAU);
        let mut right = true;
        for (i, row) in self.q.factor.iter().enumerate() {
            let (own, left) = (f64::from(row[i]), row[..i].iter().zip(eps));
            let before: f64 = left.map(|(l, eps)| f64::from(*l) * eps).sum();
            let z = f64::from(self.q.loc[i]) + before + libm::exp(own) * eps[i];
            truth -= 0.5 * eps[i] * eps[i] + own;
            right &= close(self.z[i], z);
        }
        right && close(self.log_prob, truth)
    }

    /// CRC-32 of the last sample and its density as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.z.iter().chain([&self.log_prob]).flat_map(|value| value.to_le_bytes()))
    }
}
