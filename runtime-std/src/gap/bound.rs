//! ELBOs of several posteriors of one observation, by the same noise.

use super::joint::Joint;
use super::normal::{Normal, dot};
use super::sobol::Sobol;
use crate::rows::StreamKey;
use elbow_core::infer::{InferError, LogLikelihood};

/// Independent shifts of the sequence: what differs between them is the standard error, which is
/// known to one in `sqrt(2 * 31)`, 13 %.
const SHIFTS: u32 = 32;
/// Points of a shift to begin with; each is taken with both signs.
const POINTS: u32 = 4;

/// A figure with its standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// Nats.
    pub mean: f64,
    /// Standard error by the draws.
    pub se: f64,
}

/// How well a bound is to be known.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Draws are doubled until no standard error of a gain is above this, in nats, and none of an ELBO above
    /// three times this: a gain is what is judged row by row.
    pub se: f64,
    /// Most draws, at least 256.
    pub draws: u32,
}

/// The bounds of several posteriors.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// ELBO of each.
    pub elbo: Vec<Estimate>,
    /// ELBO of each less that of the first, by pairs of draws.
    pub gain: Vec<Estimate>,
}

/// `ELBO(q) = E_q[ln p(x | z)] - KL(q || N(0, I))` in nats of each of `posteriors`, and its gain over the
/// first one, all with the same noise, that of `stream`; draws are doubled until `effort` is reached. All
/// have as many latents as `sobol` has dimensions. The lists are empty for no posteriors.
///
/// The divergence is analytic; `ln q(z) - ln p(z)`, whose mean is that divergence, is a control variate with
/// the best factor: at the optimum of a full-rank family nothing else varies. Shifts of even number take the
/// factor that is best on those of odd number, and the other way round: a factor fitted to the same draws
/// would bias by more than the standard error of so even points.
///
/// # Errors
///
/// The likelihood's.
pub fn elbos<L: LogLikelihood + ?Sized>(
    likelihood: &mut L,
    posteriors: &[&Normal],
    sobol: &Sobol,
    stream: StreamKey,
    effort: Effort,
) -> Result<Bounds, InferError> {
    let latent = posteriors.first().map_or(0, |q| q.latent());
    let mut joint = Joint::new(likelihood, latent);
    let mut sums: Vec<Sums> = posteriors.iter().map(|_| Sums::default()).collect();
    let (mut done, mut points) = (0, POINTS);
    let most = (effort.draws / (2 * SHIFTS)).max(POINTS);
    let (mut eps, mut z) = (vec![0.0; latent], vec![0.0; latent]);
    loop {
        for shift in 0..SHIFTS {
            let sequence = sobol.shifted(stream, shift);
            for index in done..points {
                sequence.fill(index, &mut eps);
                for (q, sums) in posteriors.iter().zip(&mut sums) {
                    let mut pair = [0.0; 2];
                    for _ in 0..2 {
                        eps.iter_mut().for_each(|eps| *eps = -*eps);
                        q.at(&eps, &mut z);
                        pair[0] += 0.5 * joint.log_likelihood(&z)?;
                        pair[1] += 0.25 * (dot(&eps, &eps) - dot(&z, &z));
                    }
                    sums.add(shift, pair[0], pair[1] + q.log_det + q.kl_to_standard());
                }
            }
        }
        let bounds = Bounds::of(posteriors, &sums, points);
        let known = |bounds: &[Estimate], se| bounds.iter().all(|bound| bound.se <= se);
        let known = known(&bounds.gain, effort.se) && known(&bounds.elbo, 3.0 * effort.se);
        if known || points >= most {
            return Ok(bounds);
        }
        (done, points) = (points, (2 * points).min(most));
    }
}

/// What is kept of the draws of one posterior.
#[derive(Clone, Debug, Default)]
struct Sums {
    /// Of each shift, log-likelihood and control variate.
    shifts: Vec<[f64; 2]>,
    /// Of even and of odd shifts, variance of the control variate, and its covariance with the
    /// log-likelihood, times the draws.
    moments: [[f64; 2]; 2],
    /// The first log-likelihood, from which the moments are taken so as not to cancel.
    origin: Option<f64>,
}

impl Sums {
    /// Adds the pair mean of one point of shift number `shift`, below [`SHIFTS`]: its log-likelihood, and the
    /// control variate, whose mean is 0.
    fn add(&mut self, shift: u32, log_likelihood: f64, control: f64) {
        self.shifts.resize(SHIFTS as usize, [0.0; 2]);
        let [likelihoods, controls] = &mut self.shifts[shift as usize];
        *likelihoods += log_likelihood;
        *controls += control;
        let origin = *self.origin.get_or_insert(log_likelihood);
        let [variance, covariance] = &mut self.moments[shift as usize % 2];
        *variance += control * control;
        *covariance += control * (log_likelihood - origin);
    }

    /// ELBO of `q` by each of the [`SHIFTS`] shifts, in nats; `points` is the number of points added per
    /// shift. The control variate is left out (factor 0) where its best factor is not finite.
    fn bounds(&self, q: &Normal, points: u32) -> Vec<f64> {
        let best = |[variance, covariance]: [f64; 2]| -covariance / variance;
        // Not finite where nothing varies, or where a log-likelihood is -infinity: so is the bound then.
        let factors = self.moments.map(best).map(|best| if best.is_finite() { best } else { 0.0 });
        let kl = q.kl_to_standard();
        let mean = |(shift, [likelihoods, controls]): (usize, &[f64; 2])| {
            let factor = factors[(shift + 1) % 2];
            (likelihoods + factor * controls) / f64::from(points) - kl
        };
        self.shifts.iter().enumerate().map(mean).collect()
    }
}

impl Bounds {
    /// ELBO of each posterior, and its gain over the first one at the same shifts, with standard errors over
    /// the shifts; `sums` has an entry per posterior, with `points` points per shift.
    fn of(posteriors: &[&Normal], sums: &[Sums], points: u32) -> Self {
        let bounds: Vec<Vec<f64>> =
            posteriors.iter().zip(sums).map(|(q, sums)| sums.bounds(q, points)).collect();
        let gain = |own: &Vec<f64>| {
            let pairs = own.iter().zip(&bounds[0]);
            Estimate::of(&pairs.map(|(own, first)| own - first).collect::<Vec<f64>>())
        };
        Self {
            elbo: bounds.iter().map(|own| Estimate::of(own)).collect(),
            gain: bounds.iter().map(gain).collect(),
        }
    }
}

/// Index of the largest mean, the last of equal ones; NaN counts as minus infinity. 0 of none.
pub fn largest(bounds: &[Estimate]) -> usize {
    let mean = |at: usize| bounds[at].mean;
    let rank = |at: usize| if mean(at).is_nan() { f64::NEG_INFINITY } else { mean(at) };
    (0..bounds.len()).max_by(|a, b| rank(*a).total_cmp(&rank(*b))).unwrap_or(0)
}

impl Estimate {
    /// Mean of independent values and its standard error `sqrt(variance / n)`; the error is NaN below two
    /// values, the mean NaN of none.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, se: (squares / (count - 1.0) / count).sqrt() }
    }

    /// A figure that is known exactly: its standard error is 0.
    pub fn exact(mean: f64) -> Self {
        Self { mean, se: 0.0 }
    }

    /// `self - other`, whose standard error is `sqrt(se^2 + other.se^2)`: that of independent errors.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { mean: self.mean - other.mean, se: self.se.hypot(other.se) }
    }
}
