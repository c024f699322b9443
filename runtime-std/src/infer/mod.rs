//! Stage 5, infer: scores, bounds and refinement with the decoder, as on a device, by the twin.

mod likelihood;
mod scored;

pub use likelihood::{TwinGradient, TwinLikelihood};
pub use scored::{ScoredRow, scored_rows};

use crate::manifest::{RefineTable, RuleName};
use crate::model::{Decoder, Likelihood};
use crate::rows::{Batch, Rows, StreamKey};
use crate::twin::Twin;
use crate::{Error, Result};
use elbow_core::distributions::kl_to_standard;
use elbow_core::infer::{
    Adam, ElboTerms, FLOATS_PER_LATENT, Gradient, Guarded, InferError, LogLikelihood, Posterior,
    Refiner, Rule, Scratch, Sgd, Stein, elbo, iwae,
};
use elbow_core::noise::Independent;
use elbow_core::wire::{Inference, Inferred};

/// The decoder's mean output at `z = loc` under these conditions (the plan's inputs behind the latents, in
/// order), and `ln p(x | z = loc)` and the KL divergence of the posterior from N(0, I), in nats: the
/// generated `score`.
///
/// # Errors
///
/// `loc` or the conditions do not fit the decoder's plan, it has no output, or it looks up an index outside
/// its table.
pub fn score(
    decoder: &Decoder,
    x: &[f32],
    conditions: &[&[f32]],
    loc: &[f32],
    log_var: &[f32],
) -> Result<(Vec<f32>, ElboTerms)> {
    let mut twin = Twin::new(&decoder.plan);
    let wrong = || Error::input(format!("plan `{}` takes other latents", decoder.plan.name));
    let inputs = decoder.call(loc, conditions.iter().copied()).ok_or_else(wrong)?;
    let outputs = twin.run(&inputs)?;
    if let Some(outside) = twin.outside() {
        return Err(Error::input(format!("decoder: {outside}; correct the ids among its inputs")));
    }
    let log_likelihood = log_likelihood(&decoder.likelihood, x, &outputs);
    let without_output = || Error::input(format!("plan `{}` has no output", decoder.plan.name));
    let x_mean = outputs.into_iter().next().ok_or_else(without_output)?;
    Ok((x_mean, ElboTerms { log_likelihood, kl: kl_to_standard(loc, log_var) }))
}

/// `ln p(x | z)` in nats, from the outputs of the decoder's plan for `z`, the mean first; NaN without
/// outputs.
pub fn log_likelihood(likelihood: &Likelihood, x: &[f32], outputs: &[Vec<f32>]) -> f32 {
    let x_mean = outputs.first().map_or(&[][..], Vec::as_slice);
    let under = likelihood.under(outputs);
    match likelihood.in_steps {
        true => under.log_prob_in_steps(x, x_mean),
        false => under.log_prob(x, x_mean),
    }
}

/// Likelihood of one row, with its gradient where the model has refinement.
#[derive(Debug)]
pub enum TwinInference<'d> {
    /// Bounds alone.
    Bounds(TwinLikelihood<'d>),
    /// With refinement.
    Refined(Box<TwinGradient<'d>>, &'d RefineTable),
}

impl<'d> TwinInference<'d> {
    /// The likelihood of row 0, as by [`TwinLikelihood::new`].
    ///
    /// # Errors
    ///
    /// A condition is missing, or the output of the decoder has another length than a row of `x`.
    pub fn new(decoder: &'d Decoder, x: &'d Rows, batch: &'d Batch) -> Result<Self> {
        let likelihood = TwinLikelihood::new(decoder, x, batch)?;
        Ok(match &decoder.refine {
            None => Self::Bounds(likelihood),
            Some(refine) => Self::Refined(
                Box::new(TwinGradient::new(likelihood, &refine.gradient)),
                &refine.settings,
            ),
        })
    }

    /// Selects the row that all calls from now on are about; row 0 at first.
    pub fn at(&mut self, row: usize) {
        match self {
            Self::Bounds(likelihood) => likelihood.at(row),
            Self::Refined(gradient, _) => gradient.forward().at(row),
        }
    }

    /// The reply of a device to the request `Infer` with `count` draws or steps, for the selected row.
    ///
    /// `Elbo` gives `[E ln p(x | z), KL]`, `Iwae` `[bound, effective sample size]`; both leave `loc` and
    /// `log_var` as they are. `Refine` changes them to the refined posterior and gives `[gain, standard
    /// error]`, or leaves them where that is not better; `RefinePrior` does so with N(0, I) in place of their
    /// values, which are lost also after an error.
    ///
    /// # Errors
    ///
    /// An error of the decoder or a gradient that is not finite, or a request for refinement to a model
    /// without `[refine]`.
    pub fn infer(
        &mut self,
        task: Inference,
        count: u32,
        stream: StreamKey,
        loc: &mut [f32],
        log_var: &mut [f32],
    ) -> Result<Inferred> {
        let q = Posterior { loc, log_var };
        let found = match (task, self) {
            (Inference::Elbo | Inference::Iwae, Self::Bounds(likelihood)) => {
                bound(likelihood, q, task, count, stream)
            }
            (Inference::Elbo | Inference::Iwae, Self::Refined(gradient, _)) => {
                bound(&mut **gradient, q, task, count, stream)
            }
            (Inference::Refine | Inference::RefinePrior, Self::Refined(gradient, settings)) => {
                if task == Inference::RefinePrior {
                    loc.fill(0.0);
                    log_var.fill(0.0);
                }
                let guarded = refine(&mut **gradient, settings, count, stream, loc, log_var);
                guarded.map(|Guarded { gain, se, kept_start }| Inferred {
                    values: [gain, se],
                    kept_start,
                })
            }
            (Inference::Refine | Inference::RefinePrior, Self::Bounds(_)) => {
                return Err(Error::input(
                    "the model has no refinement: add [refine] to its elbow.toml",
                ));
            }
        };
        found.map_err(|error| Error::input(error.to_string()))
    }
}

/// Values of a reply to `Iwae`, `[bound, effective sample size]`, or to any other task,
/// `[E ln p(x | z), KL]`, by `count` independent draws of the stream.
///
/// # Errors
///
/// As for the likelihood.
fn bound(
    likelihood: &mut impl LogLikelihood,
    q: Posterior<'_>,
    task: Inference,
    count: u32,
    stream: StreamKey,
) -> std::result::Result<Inferred, InferError> {
    let [mut eps, mut z] = [const { Vec::new() }; 2];
    eps.resize(q.loc.len(), 0.0);
    z.resize(q.loc.len(), 0.0);
    let scratch = Scratch { eps: &mut eps, z: &mut z };
    let mut noise = Independent { key: stream.seed, datapoint: stream.row };
    let values = if task == Inference::Iwae {
        let iwae = iwae(likelihood, q, &mut noise, 0..count, scratch)?;
        [iwae.bound(), iwae.ess()]
    } else {
        let terms = elbo(likelihood, q, &mut noise, 0..count, scratch)?;
        [terms.log_likelihood, terms.kl]
    };
    Ok(Inferred { values, kept_start: false })
}

/// The outcome of the generated `refine`: `steps` steps of the rule, then the guard. `loc` and `log_var` are the
/// start, and become the result where its ELBO is better than that of the start by more than the noise.
///
/// # Errors
///
/// An error of the decoder, or a gradient that is not finite; the posterior is then unchanged.
pub fn refine(
    likelihood: &mut (impl Gradient + ?Sized),
    settings: &RefineTable,
    steps: u32,
    stream: StreamKey,
    loc: &mut [f32],
    log_var: &mut [f32],
) -> std::result::Result<Guarded, InferError> {
    let rate = settings.rate();
    let ascent = Ascent { likelihood, settings, steps, stream };
    match settings.rule {
        RuleName::Stein => ascent.by(Stein { rate }, loc, log_var),
        RuleName::Sgd => ascent.by(Sgd { rate, clip: f32::INFINITY }, loc, log_var),
        RuleName::Adam => {
            let moments = vec![0.0; 4 * loc.len()];
            ascent.by(Adam { rate, moments }, loc, log_var)
        }
    }
}

/// [`refine`] for one of many rows, where a gradient that is not finite is no error but keeps the start, as
/// on a device: true where `loc` and `log_var` are unchanged, by that or by the guard.
///
/// # Errors
///
/// An error of the decoder.
pub fn refine_or_keep(
    likelihood: &mut (impl Gradient + ?Sized),
    settings: &RefineTable,
    steps: u32,
    stream: StreamKey,
    loc: &mut [f32],
    log_var: &mut [f32],
) -> std::result::Result<bool, InferError> {
    match refine(likelihood, settings, steps, stream, loc, log_var) {
        Ok(guarded) => Ok(guarded.kept_start),
        Err(InferError::NonFiniteGradient { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Arguments of a refinement besides rule and posterior.
struct Ascent<'a, L: ?Sized> {
    likelihood: &'a mut L,
    settings: &'a RefineTable,
    steps: u32,
    stream: StreamKey,
}

impl<L: Gradient + ?Sized> Ascent<'_, L> {
    /// The steps by `rule`, then the guard: `loc` and `log_var` are the start, and become the result where it
    /// is better. Errors as for [`refine`].
    fn by(
        self,
        rule: impl Rule,
        loc: &mut [f32],
        log_var: &mut [f32],
    ) -> std::result::Result<Guarded, InferError> {
        let Self { likelihood, settings, steps, stream } = self;
        let pairs = settings.pairs();
        let mut noise = pairs.noise(stream.seed, stream.row);
        let floats = vec![0.0; FLOATS_PER_LATENT * loc.len()];
        let start = Posterior { loc, log_var };
        let mut refiner = Refiner::in_buffer(floats, start, rule, pairs);
        for _ in 0..steps {
            refiner.step(likelihood, &mut noise)?;
        }
        refiner.finish_slices(likelihood, &mut noise, loc, log_var)
    }
}
