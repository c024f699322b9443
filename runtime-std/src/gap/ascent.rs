//! The best Gaussian posterior of one observation: natural-gradient ascent on the ELBO.
//!
//! With `z = loc + S eps` and `f = ln p(x | z)`, in coordinates where `q` is standard normal:
//!
//! ```text
//! gradient   g = E[S^T grad f] - S^T loc
//! precision  P = S^T S - E[eps (S^T grad f)^T]            (Stein's identity)
//! step       S <- S (I + b (P - I))^(-1/2),  loc <- loc + b S S^T (old S)^(-T) g
//! ```
//!
//! which for a quadratic `f` and `b = 1` ends at the optimum (Khan and Rue, "The Bayesian learning
//! rule", JMLR 24, 2023). The diagonal family keeps the diagonal of `P`. Expectations are means over one
//! set of quasi-random antithetic points, whose second moments are made exact so that `P` is for a quadratic
//! `f`, more of them level by level; a step that makes the bound on
//! the same points clearly worse is halved.

use super::joint::Joint;
use super::normal::Normal;
use super::sobol::Sobol;
use crate::rows::StreamKey;
use elbow_core::infer::{Gradient, InferError, Stein};
use nalgebra::{DMatrix, SymmetricEigen};

/// Family of the normal posteriors among which the best is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CovarianceFamily {
    /// Independent latents.
    Diagonal,
    /// Any covariance.
    Full,
}

/// How many points, how many steps, and when they have converged.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Pairs of points; at least four per latent.
    pub pairs: u32,
    /// Most steps.
    pub steps: u32,
    /// Divergence between one posterior and the next below which the level ends, in nats.
    pub tolerance: f64,
}

/// The first ascent, which finds the region of an optimum.
pub const COARSE: Level = Level { pairs: 16, steps: 40, tolerance: 1e-3 };
/// The second one, which comes close to it.
pub const MIDDLE: Level = Level { pairs: 64, steps: 20, tolerance: 1e-4 };
/// The last one, which leaves less than a thousandth of a nat: an error of a parameter enters by its square.
pub const FINE: Level = Level { pairs: 256, steps: 10, tolerance: 1e-5 };

/// Bounds of a step, refinement's own.
const PRECISION: [f64; 2] = [Stein::SHRINK.0 as f64, Stein::SHRINK.1 as f64];
const LONGEST: f64 = Stein::REACH as f64;
/// A bound on the same points that falls by less is rounding of f32.
const ROUNDING: f64 = 1e-4;
/// The shortest step: what cannot be improved by it is taken for the optimum.
const SHORTEST: f64 = 1.0 / 64.0;

/// The posterior of `family` where natural-gradient ascent from `start` ends, by the points of `sobol`, whose
/// dimensions are the latents, under a shift from `stream`.
///
/// It ends after `level.steps` steps, where a step moves the posterior by less than `level.tolerance` nats,
/// or where even a step of a sixty-fourth makes the bound worse. `start` comes back where no step is taken.
///
/// # Errors
///
/// The likelihood's.
pub fn ascend<L: Gradient + ?Sized>(
    likelihood: &mut L,
    start: &Normal,
    family: CovarianceFamily,
    level: Level,
    sobol: &Sobol,
    stream: StreamKey,
) -> Result<Normal, InferError> {
    let pairs = level.pairs.max(4 * start.latent() as u32);
    let points = Points::new(sobol, stream, pairs, start.latent());
    let mut joint = Joint::new(likelihood, start.latent());
    let (mut q, mut rate) = (start.clone(), 1.0);
    let mut moments = points.moments(&mut joint, &q, family)?;
    for _ in 0..level.steps {
        let (next, moved) = moments.step(&q, rate);
        let found = points.moments(&mut joint, &next, family)?;
        // A bound that is not finite is worse than any.
        let better = found.bound >= moments.bound - ROUNDING || !moments.bound.is_finite();
        if !better {
            rate *= 0.5;
            if rate < SHORTEST {
                break;
            }
            continue;
        }
        (q, moments, rate) = (next, found, (1.5 * rate).min(1.0));
        if moved < level.tolerance {
            break;
        }
    }
    Ok(q)
}

/// Standard normal points, one of each antithetic pair.
struct Points(Vec<Vec<f64>>);

/// Means over the points for one posterior, in coordinates where it is standard normal.
struct BoundEstimate {
    /// The ELBO in nats.
    bound: f64,
    /// `g` of the module's formulas.
    gradient: Vec<f64>,
    /// `P` of the module's formulas.
    precision: Precision,
}

/// `P` in the module's formulas: the diagonal alone in the diagonal family, else the whole matrix.
enum Precision {
    Diagonal(Vec<f64>),
    Full(DMatrix<f64>),
}

impl Points {
    /// `pairs` points of `latent` values each, linearly transformed so that their second moments are the
    /// identity. `pairs` is at least `latent`; with fewer, values are not finite.
    fn new(sobol: &Sobol, stream: StreamKey, pairs: u32, latent: usize) -> Self {
        let sequence = sobol.shifted(stream, u32::MAX);
        let mut eps = DMatrix::zeros(latent, pairs as usize);
        for (index, mut eps) in (0..).zip(eps.column_iter_mut()) {
            sequence.fill(index, eps.as_mut_slice());
        }
        let moments = &eps * eps.transpose() / f64::from(pairs);
        let SymmetricEigen { eigenvectors: axes, eigenvalues } = SymmetricEigen::new(moments);
        let even = DMatrix::from_diagonal(&eigenvalues.map(|moment| moment.powf(-0.5)));
        let eps = &axes * even * axes.transpose() * eps;
        Self(eps.column_iter().map(|eps| eps.iter().copied().collect()).collect())
    }

    /// Bound, gradient and precision of `q`, as means over the points and their negatives; nothing but the
    /// scratch of `joint` changes. An error is the likelihood's.
    fn moments<L: Gradient + ?Sized>(
        &self,
        joint: &mut Joint<'_, L>,
        q: &Normal,
        family: CovarianceFamily,
    ) -> Result<BoundEstimate, InferError> {
        let latent = q.latent();
        let (mut z, mut grad) = (vec![0.0; latent], vec![0.0; latent]);
        let mut curvature = Precision::zeros(family, latent);
        let (mut bound, mut slope) = (0.0, vec![0.0; latent]);
        let share = 0.5 / self.0.len() as f64;
        for eps in &self.0 {
            let mut eps = eps.clone();
            for _ in 0..2 {
                q.at(&eps, &mut z);
                bound += share * joint.gradient(&z, &mut grad)?;
                let own = q.transposed(&grad);
                slope.iter_mut().zip(&own).for_each(|(slope, own)| *slope += share * own);
                curvature.subtract(share, &eps, &own);
                eps.iter_mut().for_each(|eps| *eps = -*eps);
            }
        }
        let pull = q.transposed(&q.loc);
        slope.iter_mut().zip(pull).for_each(|(slope, pull)| *slope -= pull);
        curvature.add_prior(q);
        Ok(BoundEstimate {
            bound: bound - q.kl_to_standard(),
            gradient: slope,
            precision: curvature,
        })
    }
}

impl Precision {
    /// Zeros for a posterior of `latent` latents.
    fn zeros(family: CovarianceFamily, latent: usize) -> Self {
        match family {
            CovarianceFamily::Diagonal => Self::Diagonal(vec![0.0; latent]),
            CovarianceFamily::Full => Self::Full(DMatrix::zeros(latent, latent)),
        }
    }

    /// Subtracts `share` times the symmetric part of `eps grad^T`, or times its diagonal; both vectors have a
    /// value per latent.
    fn subtract(&mut self, share: f64, eps: &[f64], grad: &[f64]) {
        match self {
            Self::Diagonal(diagonal) => {
                let products = eps.iter().zip(grad).map(|(eps, grad)| eps * grad);
                diagonal
                    .iter_mut()
                    .zip(products)
                    .for_each(|(sum, product)| *sum -= share * product);
            }
            Self::Full(matrix) => {
                for (j, mut column) in matrix.column_iter_mut().enumerate() {
                    for (i, sum) in column.iter_mut().enumerate() {
                        *sum -= 0.5 * share * (eps[i] * grad[j] + eps[j] * grad[i]);
                    }
                }
            }
        }
    }

    /// Adds `S^T S`, the precision of the prior in the coordinates of `q`, or its diagonal.
    fn add_prior(&mut self, q: &Normal) {
        match self {
            Self::Diagonal(diagonal) => {
                let latent = q.latent();
                diagonal.iter_mut().enumerate().for_each(|(i, sum)| {
                    *sum += q.scale[i * latent + i].powi(2);
                });
            }
            Self::Full(matrix) => {
                let scale = DMatrix::from_row_slice(q.latent(), q.latent(), &q.scale);
                *matrix += scale.transpose() * scale;
            }
        }
    }
}

impl BoundEstimate {
    /// The posterior after a step of length `rate` (`b` in the module's formulas) from `q`, and its
    /// divergence from `q` in nats.
    fn step(&self, q: &Normal, rate: f64) -> (Normal, f64) {
        match &self.precision {
            Precision::Diagonal(diagonal) => self.step_diagonal(q, diagonal, rate),
            Precision::Full(matrix) => self.step_full(q, matrix, rate),
        }
    }

    /// [`step`](Self::step) of the diagonal family, for the `diagonal` of `P`.
    fn step_diagonal(&self, q: &Normal, diagonal: &[f64], rate: f64) -> (Normal, f64) {
        let (mut next, mut moved) = (q.clone(), 0.0);
        for (i, precision) in diagonal.iter().enumerate() {
            let precision = damped(*precision, rate);
            let shrunk = precision.powf(-0.5);
            let shift = (rate * shrunk * self.gradient[i]).clamp(-LONGEST, LONGEST);
            let scale = &mut next.scale[i * q.latent() + i];
            *scale *= shrunk;
            next.loc[i] += *scale * shift;
            next.log_det += shrunk.ln();
            moved += divergence(precision, shift);
        }
        (next, moved)
    }

    /// [`step`](Self::step) of the full family, for `P` = `matrix`, by its eigenvectors.
    fn step_full(&self, q: &Normal, matrix: &DMatrix<f64>, rate: f64) -> (Normal, f64) {
        let latent = q.latent();
        let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(matrix.clone());
        let (mut next, mut moved) = (q.clone(), 0.0);
        let mut root = eigenvectors.clone();
        let mut shift = vec![0.0; latent];
        for (k, precision) in eigenvalues.iter().enumerate() {
            let precision = damped(*precision, rate);
            let shrunk = precision.powf(-0.5);
            let axis = eigenvectors.column(k);
            let along: f64 = axis.iter().zip(&self.gradient).map(|(v, g)| v * g).sum();
            let own = (rate * shrunk * along).clamp(-LONGEST, LONGEST);
            root.column_mut(k).scale_mut(shrunk);
            shift.iter_mut().zip(axis.iter()).for_each(|(shift, v)| *shift += shrunk * own * v);
            next.log_det += shrunk.ln();
            moved += divergence(precision, own);
        }
        let scale =
            DMatrix::from_row_slice(latent, latent, &q.scale) * root * eigenvectors.transpose();
        next.scale = scale.transpose().as_slice().to_vec();
        for (i, loc) in next.loc.iter_mut().enumerate() {
            *loc += super::normal::dot(q.row(i), &shift);
        }
        (next, moved)
    }
}

/// `1 + rate (precision - 1)`, clamped to the bounds [`PRECISION`] of a step; 1 where that is NaN.
fn damped(precision: f64, rate: f64) -> f64 {
    let damped = 1.0 + rate * (precision - 1.0);
    if damped.is_nan() { 1.0 } else { damped.clamp(PRECISION[0], PRECISION[1]) }
}

/// `KL(new || old)` in nats per axis of two normals, where `new` has `precision` times the precision of `old`
/// and a mean `shift` standard deviations away.
fn divergence(precision: f64, shift: f64) -> f64 {
    0.5 * (1.0 / precision - 1.0 + precision.ln() + shift * shift)
}
