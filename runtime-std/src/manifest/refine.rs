//! `[refine]`: how a posterior is improved for one observation.

use super::Manifest;
use elbow_core::infer::{Pairs, Stein};
use elbow_core::noise::{GUARD, STEPS};
use serde::Deserialize;

/// Most steps, and most draws of a step, of the guard or of a score.
pub(super) const MOST: u32 = 1 << 16;

/// `[refine]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefineTable {
    /// How a step moves the posterior.
    #[serde(default)]
    pub rule: RuleName,
    /// Steps of one refinement.
    #[serde(default = "steps")]
    pub steps: u32,
    /// Draws of a step, in opposite pairs.
    #[serde(default = "samples")]
    pub samples: u32,
    /// Length of a step, as the rule means it; `stein` has a default.
    pub rate: Option<f32>,
    /// Draws by which the result is judged, in opposite pairs.
    #[serde(default = "guard_samples")]
    pub guard_samples: u32,
}

/// A rule of [`elbow_core::infer`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// [`Stein`]
    #[default]
    Stein,
    /// [`Sgd`](elbow_core::infer::Sgd), without clipping.
    Sgd,
    /// [`Adam`](elbow_core::infer::Adam)
    Adam,
}

/// The default number of steps, 10.
fn steps() -> u32 {
    10
}

/// The default number of draws of a step, two per pair.
fn samples() -> u32 {
    2 * Pairs::DEFAULT.step
}

/// The default number of draws of the guard, two per pair.
fn guard_samples() -> u32 {
    2 * Pairs::DEFAULT.guard
}

impl Default for RefineTable {
    /// The rule `stein` with ten steps and the default draws, as an empty `[refine]` is read.
    fn default() -> Self {
        Self {
            rule: RuleName::default(),
            steps: steps(),
            samples: samples(),
            rate: None,
            guard_samples: guard_samples(),
        }
    }
}

impl RefineTable {
    /// The rate; where none is given the default of `stein`, and 0 for the other rules, which a check
    /// refuses.
    pub fn rate(&self) -> f32 {
        let default = if self.rule == RuleName::Stein { Stein::DEFAULT.rate } else { 0.0 };
        self.rate.unwrap_or(default)
    }

    /// Numbers of antithetic pairs of draws, per step and for the guard: half the numbers of draws, rounded
    /// down.
    pub fn pairs(&self) -> Pairs {
        Pairs { step: self.samples / 2, guard: self.guard_samples / 2 }
    }

    /// Checks that `steps` is at most 65536, and that the draws of so many steps have numbers below those of
    /// the guard.
    ///
    /// # Errors
    ///
    /// A sentence with the largest number of steps.
    pub fn check_steps(&self, steps: u32) -> Result<(), String> {
        let most = MOST.min((GUARD - STEPS) / self.pairs().step.max(1));
        if steps <= most {
            return Ok(());
        }
        Err(format!(
            "found {steps} steps of {} samples, expected at most {most} steps",
            self.samples
        ))
    }

    /// Adds to `problems`: counts out of range, odd numbers of draws, too many steps, a rate that is not a
    /// finite number above 0 (for `stein` also one above 1), and no rate for the other rules.
    fn check(&self, problems: &mut Vec<String>) {
        for (key, found, least) in [
            ("steps", self.steps, 1),
            ("samples", self.samples, 2),
            ("guard_samples", self.guard_samples, 4),
        ] {
            if !(least..=MOST).contains(&found) {
                problems.push(format!("refine.{key}: found {found}, expected {least} to {MOST}"));
            } else if key != "steps" && found % 2 == 1 {
                problems.push(format!(
                    "refine.{key}: found {found}, expected an even number: noise comes in opposite pairs"
                ));
            }
        }
        if let Err(what) = self.check_steps(self.steps) {
            problems.push(format!("refine.steps: {what}"));
        }
        match (self.rule, self.rate) {
            (RuleName::Stein, Some(rate)) if !(rate > 0.0 && rate <= 1.0) => problems.push(format!(
                "refine.rate: found {rate}, expected above 0 and at most 1 for the rule stein; leave it out for {}",
                Stein::DEFAULT.rate
            )),
            (RuleName::Sgd | RuleName::Adam, None) => problems.push(
                "refine.rate: missing, and only the rule stein has a default that serves all models; add rate, or take stein".into(),
            ),
            (_, Some(rate)) if !(rate > 0.0 && rate.is_finite()) => problems.push(format!(
                "refine.rate: found {rate}, expected a finite number above 0"
            )),
            _ => {}
        }
    }
}

impl Manifest {
    /// Adds to `problems` what is wrong with `[refine]`, where there is one: its own values, no decoder, or
    /// several posteriors.
    pub(super) fn check_refine(&self, problems: &mut Vec<String>) {
        let Some(refine) = &self.refine else { return };
        refine.check(problems);
        if self.decoder.is_none() {
            problems.push("[refine] needs a [decoder]; add it or remove it".into());
        }
        if self.latent.len() > 1 {
            problems.push(
                "refine: it takes one posterior and the prior N(0, I), which the posteriors of a hierarchy do not share; remove [refine]".into(),
            );
        }
    }
}
