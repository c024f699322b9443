//! `ln p(x)` by sampling, from the best posterior on: importance weights, and annealing.

use super::bound::Estimate;
use super::joint::Joint;
use super::normal::{Normal, dot, log_standard};
use super::sobol::Sobol;
use crate::rows::StreamKey;
use elbow_core::infer::{Gradient, InferError, LogLikelihood};
use elbow_core::noise::{Stream, fill_standard_normal};
use nalgebra::{DMatrix, DVector};

/// Independent shifts of importance sampling, whose weights tell the standard error.
const SHIFTS: u32 = 20;
/// Standard deviations of the proposal by those of the posterior that it is made of: tails of the
/// weights stay finite where the posterior's own are somewhat longer than a normal's.
const WIDER: f64 = 1.2;
/// Steps of a Hamiltonian trajectory.
const LEAPS: u32 = 4;

/// An estimate of the evidence, and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// `ln p(x)`
    pub log_p: Estimate,
    /// Effective sample size as a share of the samples.
    pub ess: f64,
}

/// IWAE: `ln 1/K sum p(x, z_k) / r(z_k)` with K = `samples` rounded up to a multiple of 40 (Burda, Grosse and
/// Salakhutdinov, "Importance weighted autoencoders", ICLR 2016). Seven of eight `z_k` are draws of the
/// posterior `q`, widened, the eighth of the prior, and `r` is their mixture: no weight is above eight times
/// the likelihood, wherever `q` is blind (Hesterberg, "Weighted average importance sampling and defensive
/// mixture distributions", Technometrics 37, 1995). `sobol` has as many dimensions as `q` has latents.
///
/// In expectation a lower bound, short by `Var(w / p) / 2K` where that variance is finite; the standard error
/// does not know of a region that no sample has hit. Minus infinity where all weights are 0.
///
/// # Errors
///
/// The likelihood's.
pub fn iwae<L: LogLikelihood + ?Sized>(
    likelihood: &mut L,
    q: &Normal,
    samples: u32,
    sobol: &Sobol,
    stream: StreamKey,
) -> Result<Evidence, InferError> {
    let proposal = Defensive::of(q);
    let mut joint = Joint::new(likelihood, q.latent());
    let (mut eps, mut z) = (vec![0.0; q.latent()], vec![0.0; q.latent()]);
    let mut groups = Vec::new();
    for shift in 0..SHIFTS {
        let sequence = sobol.shifted(stream, shift);
        let mut weights = Weights::default();
        for index in 0..samples.div_ceil(2 * SHIFTS) {
            sequence.fill(index, &mut eps);
            for _ in 0..2 {
                proposal.at(index, &eps, &mut z);
                weights.push(joint.log_joint(&z)? - proposal.log_density(&z));
                eps.iter_mut().for_each(|eps| *eps = -*eps);
            }
        }
        groups.push(weights);
    }
    Ok(Evidence::of(&groups))
}

/// Mixture of 7/8 of a widened posterior and 1/8 of the prior N(0, I).
struct Defensive {
    wide: Normal,
    /// Inverse of the scale of `wide`.
    inverse: DMatrix<f64>,
}

impl Defensive {
    /// Every eighth draw is the prior's.
    const EVERY: u32 = 8;

    /// The mixture with the posterior `q` whose standard deviations are multiplied by [`WIDER`].
    fn of(q: &Normal) -> Self {
        let wide = q.widened(WIDER);
        Self { inverse: wide.inverse_scale(), wide }
    }

    /// Sets `z` to draw number `index` made of the standard normal `eps`: `eps` itself, a draw of the prior,
    /// where `index` is a multiple of 8, else a draw of the widened posterior. Both slices have a value per
    /// latent.
    fn at(&self, index: u32, eps: &[f64], z: &mut [f64]) {
        match index % Self::EVERY {
            0 => z.copy_from_slice(eps),
            _ => self.wide.at(eps, z),
        }
    }

    /// `ln (7/8 wide(z) + 1/8 N(z; 0, I))` by log-sum-exp, in nats; NaN where the scale of the widened
    /// posterior is singular.
    fn log_density(&self, z: &[f64]) -> f64 {
        let distance = z.iter().zip(&self.wide.loc).map(|(z, loc)| z - loc).collect();
        let eps = &self.inverse * DVector::from_vec(distance);
        let prior = 1.0 / f64::from(Self::EVERY);
        let parts = [
            self.wide.log_density(eps.as_slice()) + (1.0 - prior).ln(),
            log_standard(z) + prior.ln(),
        ];
        let largest = parts[0].max(parts[1]);
        largest + parts.map(|part| (part - largest).exp()).iter().sum::<f64>().ln()
    }
}

/// How long annealing takes.
#[derive(Clone, Copy, Debug)]
pub struct Annealing {
    /// Independent chains.
    pub chains: u32,
    /// Temperatures, each with one Hamiltonian trajectory.
    pub temperatures: u32,
}

/// `ln p(x)` by annealed importance sampling: from the posterior `q`, widened, to `p(x, z)` by geometric
/// means of both, with Hamiltonian transitions in coordinates where the widened `q` is standard normal. Their
/// step length is drawn anew each time and never tuned, which keeps them exact (Neal, "Annealed importance
/// sampling", Statistics and Computing 11, 2001). The standard error is that over the chains, NaN of a single
/// one. There is at least one chain and one temperature.
///
/// In expectation a lower bound, like [`iwae`], and tighter where the weights of `q` are heavy-tailed.
///
/// # Errors
///
/// The likelihood's.
pub fn ais<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: &Normal,
    annealing: Annealing,
    stream: StreamKey,
) -> Result<Evidence, InferError> {
    let mut path = Path { joint: Joint::new(likelihood, q.latent()), base: q.widened(WIDER) };
    let Annealing { chains, temperatures } = annealing;
    let mut groups = Vec::new();
    for chain in 0..chains {
        let mut noise = ChainNoise { stream, sample: chain << 20, latent: q.latent() };
        let mut at = path.at(noise.normal()?)?;
        let mut log_weight = 0.0;
        for step in 1..=temperatures {
            let beta = |step: u32| f64::from(step) / f64::from(temperatures);
            log_weight += (beta(step) - beta(step - 1)) * at.log_ratio;
            if step < temperatures {
                at = path.transition(at, beta(step), &mut noise)?;
            }
        }
        let mut weights = Weights::default();
        weights.push(log_weight);
        groups.push(weights);
    }
    Ok(Evidence::of(&groups))
}

/// The distributions between the base and the joint, in the base's coordinates.
struct Path<'l, L: ?Sized> {
    joint: Joint<'l, L>,
    base: Normal,
}

/// A place of a chain, in the coordinates `eps` of the base.
#[derive(Clone)]
struct PathPoint {
    eps: Vec<f64>,
    /// `ln p(x, z) - ln base(z)`, and its gradient by `eps`.
    log_ratio: f64,
    slope: Vec<f64>,
}

impl<L: Gradient + ?Sized> Path<'_, L> {
    /// The point at the coordinates `eps`, one per latent: its log-ratio and the gradient of that by `eps`.
    /// An error is the likelihood's.
    fn at(&mut self, eps: Vec<f64>) -> Result<PathPoint, InferError> {
        let latent = eps.len();
        let (mut z, mut grad) = (vec![0.0; latent], vec![0.0; latent]);
        self.base.at(&eps, &mut z);
        let log_likelihood = self.joint.gradient(&z, &mut grad)?;
        let log_ratio = log_likelihood + log_standard(&z) - self.base.log_density(&eps);
        grad.iter_mut().zip(&z).for_each(|(grad, z)| *grad -= z);
        let slope = self.base.transposed(&grad);
        let slope = slope.iter().zip(&eps).map(|(slope, eps)| slope + eps).collect();
        Ok(PathPoint { eps, log_ratio, slope })
    }

    /// One Hamiltonian trajectory of [`LEAPS`] leapfrog steps with a Metropolis test, which leaves the
    /// distribution `base^(1 - beta) joint^beta` invariant: its end, or `from` where that is rejected. Takes
    /// two streams of `noise`: momentum, then the step's length and the test. An error is the likelihood's.
    fn transition(
        &mut self,
        from: PathPoint,
        beta: f64,
        noise: &mut ChainNoise,
    ) -> Result<PathPoint, InferError> {
        let mut momentum = noise.normal()?;
        let [step, accept] = noise.uniform();
        let step = 0.05 * 16f64.powf(step); // 0.05 to 0.8 standard deviations of the base
        let energy = |place: &PathPoint, momentum: &[f64]| {
            let potential = 0.5 * dot(&place.eps, &place.eps) - beta * place.log_ratio;
            potential + 0.5 * dot(momentum, momentum)
        };
        let before = energy(&from, &momentum);
        let mut place = from.clone();
        for _ in 0..LEAPS {
            push(&mut momentum, &place, beta, 0.5 * step);
            let moved = place.eps.iter().zip(&momentum).map(|(eps, p)| eps + step * p);
            place = self.at(moved.collect())?;
            push(&mut momentum, &place, beta, 0.5 * step);
        }
        let accepted = accept.ln() < before - energy(&place, &momentum);
        Ok(if accepted { place } else { from })
    }
}

/// Adds to `momentum` `step` times the gradient of `ln base + beta (ln joint - ln base)` by `eps` at `place`.
fn push(momentum: &mut [f64], place: &PathPoint, beta: f64, step: f64) {
    let forces = place.slope.iter().zip(&place.eps).map(|(slope, eps)| beta * slope - eps);
    momentum.iter_mut().zip(forces).for_each(|(p, force)| *p += step * force);
}

/// Draws of one chain.
struct ChainNoise {
    stream: StreamKey,
    sample: u32,
    latent: usize,
}

impl ChainNoise {
    /// The chain's next stream; its sample number is one higher than the last one's.
    fn next(&mut self) -> Stream {
        self.sample += 1;
        self.stream.stream(self.sample)
    }

    /// Standard normal values of the next stream, one per latent. An error is that of
    /// [`fill_standard_normal`].
    fn normal(&mut self) -> Result<Vec<f64>, InferError> {
        let mut eps = vec![0.0; self.latent];
        fill_standard_normal(&mut self.next(), &mut eps)?;
        Ok(eps.into_iter().map(f64::from).collect())
    }

    /// Two uniform values of the open interval from 0 to 1, from the next stream.
    fn uniform(&mut self) -> [f64; 2] {
        let [one, two, ..] = self.next().next_block();
        [one, two].map(|word| (f64::from(word) + 0.5) / 2f64.powi(32))
    }
}

/// Sums of importance weights, relative to the largest one so that they do not overflow.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    largest: f64,
    /// Relative to the largest.
    sum: f64,
    squares: f64,
    count: u32,
}

impl Default for Weights {
    /// The sums of no weights: their largest is minus infinity.
    fn default() -> Self {
        Self { largest: f64::NEG_INFINITY, sum: 0.0, squares: 0.0, count: 0 }
    }
}

impl Weights {
    /// Adds the weight `e^log_weight`. Minus infinity, a weight of 0, counts and adds nothing; NaN makes both
    /// sums NaN.
    pub(super) fn push(&mut self, log_weight: f64) {
        self.count += 1;
        if log_weight == f64::NEG_INFINITY {
            return;
        }
        if log_weight > self.largest {
            let shrunk = (self.largest - log_weight).exp();
            self.sum *= shrunk;
            self.squares *= shrunk * shrunk;
            self.largest = log_weight;
        }
        let weight = (log_weight - self.largest).exp();
        self.sum += weight;
        self.squares += weight * weight;
    }

    /// Sum of the weights over `e^largest`, and sum of their squares over `e^(2 largest)`, where `largest` is
    /// at least the largest log-weight; zeros of no weights.
    fn relative(&self, largest: f64) -> [f64; 2] {
        let shrunk = (self.largest - largest).exp();
        [self.sum * shrunk, self.squares * shrunk * shrunk]
    }
}

impl Evidence {
    /// `ln p(x)` as the logarithm of the mean weight over groups of equal size, its standard error by how the
    /// groups' sums differ, and the share `(sum w)^2 / (n sum w^2)`. Where all weights are 0: minus infinity,
    /// NaN and 0.
    fn of(groups: &[Weights]) -> Self {
        let largest = groups.iter().map(|group| group.largest).fold(f64::NEG_INFINITY, f64::max);
        if largest == f64::NEG_INFINITY {
            return Self { log_p: Estimate { mean: largest, se: f64::NAN }, ess: 0.0 };
        }
        let parts: Vec<[f64; 2]> = groups.iter().map(|group| group.relative(largest)).collect();
        let count: f64 = groups.iter().map(|group| f64::from(group.count)).sum();
        let sums: Vec<f64> = parts.iter().map(|[sum, _]| *sum).collect();
        let squares: f64 = parts.iter().map(|[_, squares]| squares).sum();
        let total: f64 = sums.iter().sum();
        let mean = Estimate::of(&sums);
        let log_p = largest + (total / count).ln();
        Self {
            log_p: Estimate { mean: log_p, se: mean.se / mean.mean },
            ess: total * total / squares / count,
        }
    }
}
