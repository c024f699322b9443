//! The gaps of one observation.

use super::affine::Affine;
use super::ascent::{COARSE, CovarianceFamily, FINE, MIDDLE, ascend};
use super::bound::{Effort, Estimate, elbos, largest};
use super::evidence::{Annealing, Evidence, ais, iwae};
use super::normal::{Normal, kl_diagonal};
use super::quadrature::{MOST_LATENTS, quadrature};
use super::refine::{PRIOR, Refined, refine, refine_prior};
use super::sobol::Sobol;
use crate::manifest::RefineTable;
use crate::model::Loaded;
use crate::rows::StreamKey;
use elbow_core::infer::{Gradient, InferError, Posterior};
use elbow_core::noise::Stream;
use serde::Serialize;

/// How `ln p(x)` is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// In closed form: the decoder is affine with normal noise of fixed scale.
    Exact,
    /// By an integral over one or two latents.
    Quadrature,
    /// By importance samples of the best posterior.
    Iwae,
    /// By annealing from the best posterior.
    Ais,
}

impl Method {
    /// The name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Quadrature => "quadrature",
            Self::Iwae => "iwae",
            Self::Ais => "ais",
        }
    }
}

/// How much is done for a row.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Key of all noise.
    pub seed: u64,
    /// Rule, rate and samples of refinement.
    pub refine: RefineTable,
    /// Numbers of steps after which refinement is looked at.
    pub refine_steps: Vec<u32>,
    /// Steps of refinement from the prior.
    pub prior_steps: Option<u32>,
    /// How `ln p(x)` is found; the most exact way that there is without.
    pub method: Option<Method>,
    /// Of the bounds.
    pub effort: Effort,
    /// Importance samples.
    pub samples: u32,
    /// Of annealing.
    pub annealing: Annealing,
}

impl Default for Settings {
    /// No refinement, the most exact method, and so many draws that a gain is known to 0.003 nats.
    fn default() -> Self {
        Self {
            seed: 0,
            refine: RefineTable::default(),
            refine_steps: Vec::new(),
            prior_steps: None,
            method: None,
            effort: Effort { se: 0.003, draws: 64_000 },
            samples: 20_000,
            annealing: Annealing { chains: 16, temperatures: 500 },
        }
    }
}

impl Settings {
    /// The default settings with refinement by the model's `[refine]`, measured after the number of steps
    /// declared there. Without `[refine]` no number of steps is measured; without a decoder all settings are
    /// the default.
    pub fn of_model(loaded: &Loaded) -> Self {
        let decoder = loaded.amortized().and_then(|(_, decoder)| decoder);
        decoder.map_or_else(Self::default, |decoder| Self {
            refine: decoder.refinement(),
            refine_steps: decoder.refine.iter().map(|refine| refine.settings.steps).collect(),
            ..Self::default()
        })
    }
}

/// Effective share of importance samples below which annealing is asked instead.
const TRUSTED_SHARE: f64 = 0.05;
/// A start counts as stuck where its end is more than this far below the best, in nats.
pub const STUCK_NATS: f64 = 0.02;
/// What is enough to tell which of several optima is the best.
const SELECTION: Effort = Effort { se: 0.003, draws: 4096 };
/// Divergence below which two ends of a coarse ascent are on the way to one optimum.
const SAME_NATS: f64 = 0.01;

/// The gaps of one row, in nats.
#[derive(Clone, Debug)]
pub struct RowGap {
    /// ELBO of the encoder's posterior.
    pub elbo: Estimate,
    /// ELBO of the best posterior of the same family, independent latents.
    pub optimized: Estimate,
    /// ELBO of the best normal posterior.
    pub full_rank: Estimate,
    /// `ln p(x)`
    pub log_p: Estimate,
    /// How that was found.
    pub method: Method,
    /// Effective share of the importance samples; `None` without importance samples.
    pub ess: Option<f64>,
    /// `ln p(x)` less the optimized ELBO.
    pub approximation: Estimate,
    /// The optimized ELBO less the encoder's, by the same noise.
    pub amortization: Estimate,
    /// After each number of steps of refinement.
    pub refined: Vec<RefinedRow>,
    /// How far the better of the prior's two starts ended below the best start; none where the best is known
    /// in closed form.
    pub from_prior: Option<f64>,
    /// The optimized ELBO less that of the posterior that refinement made of the prior; none where it was not
    /// asked for.
    pub refined_prior: Option<f64>,
    /// The best posterior with independent latents.
    pub best: Normal,
    /// The best normal posterior.
    pub best_full: Normal,
}

/// A posterior after refinement, in nats.
#[derive(Clone, Copy, Debug)]
pub struct RefinedRow {
    /// Its ELBO.
    pub elbo: Estimate,
    /// That less the ELBO of the encoder's posterior, by the same noise, which neither steps nor guard
    /// have seen.
    pub gain: Estimate,
    /// The guard sent it back to its start.
    pub kept: bool,
}

/// What a stream of noise is for: each purpose has a key of its own.
#[derive(Clone, Copy)]
enum Purpose {
    Ascent = 1,
    Selection = 2,
    Bound = 3,
    Evidence = 4,
    Annealing = 5,
}

impl Purpose {
    /// The key of this purpose's noise on row `row`: its seed is the first two words of the stream `(seed,
    /// u64::MAX, self)`.
    fn stream(self, seed: u64, row: u64) -> StreamKey {
        let [low, high, ..] = Stream::new(seed, u64::MAX, self as u32).next_block();
        StreamKey { seed: u64::from(high) << 32 | u64::from(low), row }
    }
}

/// The gaps in nats of an encoder's posterior `q` for one observation.
///
/// Refinement uses the noise of `(settings.seed, row)`, as a device does; every other purpose has a key of
/// its own. `exact` is the closed form where there is one; it is not used where `settings.method` is another
/// method.
///
/// # Errors
///
/// The likelihood's.
pub fn measure_row<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: Posterior<'_>,
    exact: Option<&Affine>,
    settings: &Settings,
    row: u64,
) -> Result<RowGap, InferError> {
    let refinements = Refinements::of(likelihood, q, settings, row)?;
    let q = &Normal::of_encoder(q);
    let exact = exact.filter(|_| settings.method.is_none_or(|method| method == Method::Exact));
    match exact {
        Some(exact) => Ok(in_closed_form(exact, q, &refinements)),
        None => by_draws(likelihood, q, &refinements, settings, row),
    }
}

/// What refinement makes of a row.
struct Refinements {
    /// From the encoder's posterior, after each number of steps.
    amortized: Vec<Refined>,
    /// From the prior, if it was asked for.
    prior: Option<Normal>,
}

impl Refinements {
    /// Refines `q` once per entry of `refine_steps`, each time from `q` anew, and the prior where
    /// `prior_steps` is given, all with the noise of `(seed, row)`. An error is the likelihood's.
    fn of<L: Gradient + ?Sized>(
        likelihood: &mut L,
        q: Posterior<'_>,
        Settings { seed, refine: by, refine_steps, prior_steps, .. }: &Settings,
        row: u64,
    ) -> Result<Self, InferError> {
        let stream = StreamKey { seed: *seed, row };
        let refined = |steps: &u32| refine(likelihood, q, by, *steps, stream);
        let amortized = refine_steps.iter().map(refined).collect::<Result<_, _>>()?;
        let choice = Purpose::Selection.stream(*seed, row);
        let sobol = Sobol::new(q.loc.len());
        let prior =
            prior_steps.map(|steps| refine_prior(likelihood, &sobol, by, steps, stream, choice));
        Ok(Self { amortized, prior: prior.transpose()? })
    }
}

/// The gaps of `q` by sampling: a search for the best posteriors, their bounds with the same noise, and the
/// evidence by `settings.method`. An error is the likelihood's.
fn by_draws<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: &Normal,
    refinements: &Refinements,
    settings: &Settings,
    row: u64,
) -> Result<RowGap, InferError> {
    let sobol = Sobol::new(q.latent());
    let mut search = Search { likelihood, sobol: &sobol, seed: settings.seed, row };
    let (best, from_prior) = search.diagonal(q)?;
    let full = search.full(&best)?;
    let stream = Purpose::Bound.stream(settings.seed, row);
    let amortized = refinements.amortized.iter().map(|refined| &refined.posterior);
    let all: Vec<&Normal> =
        [q, &best, &full].into_iter().chain(amortized).chain(&refinements.prior).collect();
    let bounds = elbos(likelihood, &all, &sobol, stream, settings.effort)?;
    // The better of the two optima on fresh draws, which avoids the bias of selection.
    let full_rank = if bounds.elbo[2].mean > bounds.elbo[1].mean { 2 } else { 1 };
    let (log_p, method, ess) = evidence(likelihood, all[full_rank], &sobol, settings, row)?;
    let refined = refinements.amortized.iter().zip(3..).map(|(refined, at)| RefinedRow {
        elbo: bounds.elbo[at],
        gain: bounds.gain[at],
        kept: refined.kept,
    });
    Ok(RowGap {
        refined: refined.collect(),
        refined_prior: refinements
            .prior
            .as_ref()
            .map(|_| bounds.gain[1].mean - bounds.gain[all.len() - 1].mean),
        elbo: bounds.elbo[0],
        optimized: bounds.elbo[1],
        full_rank: bounds.elbo[full_rank],
        log_p,
        method,
        ess,
        approximation: log_p.minus(bounds.elbo[1]),
        amortization: bounds.gain[1],
        from_prior: Some(from_prior),
        best_full: all[full_rank].clone(),
        best: best.clone(),
    })
}

/// The gaps of `q` from the closed forms of `exact`: all standard errors are 0, `ess` and `from_prior` are
/// `None`.
fn in_closed_form(exact: &Affine, q: &Normal, refinements: &Refinements) -> RowGap {
    let best = exact.best_diagonal();
    let [elbo, optimized] = [q, &best].map(|q| exact.elbo(q));
    let refined = refinements.amortized.iter().map(|refined| {
        let own = exact.elbo(&refined.posterior);
        let gain = Estimate::exact(own - elbo);
        RefinedRow { elbo: Estimate::exact(own), gain, kept: refined.kept }
    });
    RowGap {
        refined: refined.collect(),
        refined_prior: refinements.prior.as_ref().map(|prior| optimized - exact.elbo(prior)),
        elbo: Estimate::exact(elbo),
        optimized: Estimate::exact(optimized),
        full_rank: Estimate::exact(exact.elbo(&exact.posterior())),
        log_p: Estimate::exact(exact.log_p),
        method: Method::Exact,
        ess: None,
        approximation: Estimate::exact(exact.kl(&best)),
        amortization: Estimate::exact(exact.kl(q) - exact.kl(&best)),
        from_prior: None,
        best_full: exact.posterior(),
        best,
    }
}

/// The search for the best posteriors of one row.
struct Search<'l, L: ?Sized> {
    likelihood: &'l mut L,
    sobol: &'l Sobol,
    seed: u64,
    row: u64,
}

impl<L: Gradient + ?Sized> Search<'_, L> {
    /// The best posterior with independent latents, by ascent from `q`, the encoder's, and from the two
    /// starts at the prior, with `q` itself as a candidate; and the nats by which the better end of the
    /// prior's starts is below the best candidate, before the last ascent. An error is the likelihood's.
    fn diagonal(&mut self, q: &Normal) -> Result<(Normal, f64), InferError> {
        let latent = q.latent();
        let prior = PRIOR.map(|rho| Normal::diagonal(vec![0.0; latent], &vec![rho.into(); latent]));
        let mut ends: Vec<Normal> = Vec::new();
        // Of each of the prior's starts, the end that it shares or has.
        let mut own = Vec::new();
        for start in [q].into_iter().chain(&prior) {
            let end = self.ascend(start, CovarianceFamily::Diagonal, COARSE)?;
            own.push(match ends.iter().position(|other| kl_diagonal(&end, other) < SAME_NATS) {
                Some(same) => same,
                None => {
                    ends.push(self.ascend(&end, CovarianceFamily::Diagonal, MIDDLE)?);
                    ends.len() - 1
                }
            });
        }
        // The start itself is a candidate: what an ascent makes worse is not taken.
        let all: Vec<&Normal> = ends.iter().chain([q]).collect();
        let stream = Purpose::Selection.stream(self.seed, self.row);
        let bounds = elbos(self.likelihood, &all, self.sobol, stream, SELECTION)?;
        let best = largest(&bounds.elbo);
        let prior = own[1..].iter().map(|end| bounds.elbo[*end].mean);
        let short = bounds.elbo[best].mean - prior.fold(f64::NEG_INFINITY, f64::max);
        Ok((self.ascend(&all[best].clone(), CovarianceFamily::Diagonal, FINE)?, short))
    }

    /// The best normal posterior of any covariance, by ascent from `best` in two levels. An error is the
    /// likelihood's.
    fn full(&mut self, best: &Normal) -> Result<Normal, InferError> {
        let end = self.ascend(best, CovarianceFamily::Full, MIDDLE)?;
        self.ascend(&end, CovarianceFamily::Full, FINE)
    }

    /// The end of the ascent from `start` within `family` at `level`, with this row's noise. An error is the
    /// likelihood's.
    fn ascend(
        &mut self,
        start: &Normal,
        family: CovarianceFamily,
        level: super::ascent::Level,
    ) -> Result<Normal, InferError> {
        let stream = Purpose::Ascent.stream(self.seed, self.row);
        ascend(self.likelihood, start, family, level, self.sobol, stream)
    }
}

/// `ln p(x)`, the method used, and the effective share of its samples (`None` by quadrature), from the best
/// posterior `q` on. By default quadrature up to [`MOST_LATENTS`] latents, else importance sampling, replaced
/// by annealing where its share is below [`TRUSTED_SHARE`]; a method that `settings` name is not replaced,
/// and `Exact` counts as importance sampling. An error is the likelihood's.
fn evidence<L: Gradient + ?Sized>(
    likelihood: &mut L,
    q: &Normal,
    sobol: &Sobol,
    settings: &Settings,
    row: u64,
) -> Result<(Estimate, Method, Option<f64>), InferError> {
    let [stream, own] =
        [Purpose::Evidence, Purpose::Annealing].map(|of| of.stream(settings.seed, row));
    let narrow = q.latent() <= MOST_LATENTS;
    let default = if narrow { Method::Quadrature } else { Method::Iwae };
    let of = |found: Evidence, method| (found.log_p, method, Some(found.ess));
    Ok(match settings.method.unwrap_or(default) {
        Method::Quadrature => (quadrature(likelihood, q)?, Method::Quadrature, None),
        Method::Ais => of(ais(likelihood, q, settings.annealing, own)?, Method::Ais),
        Method::Iwae | Method::Exact => {
            let found = iwae(likelihood, q, settings.samples, sobol, stream)?;
            match found.ess >= TRUSTED_SHARE || settings.method.is_some() {
                true => of(found, Method::Iwae),
                false => of(ais(likelihood, q, settings.annealing, own)?, Method::Ais),
            }
        }
    })
}
