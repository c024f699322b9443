//! The table of all readings.

use crate::{Error, Result};
use serde::Serialize;
use std::fmt;

/// What the rows say of the declared reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No other reading is clearly better.
    Holds,
    /// The rows cannot tell: there are too few, or the declared reading has no ELBO.
    Undecided,
    /// Another reading has the better ELBO, which training may explain, which the graph contradicts, or which
    /// the manifest says was looked at.
    Warning,
    /// Another reading is better whatever training maximized.
    Error,
}

/// Every reading, the best ELBO first; serialized as it is.
#[derive(Clone, Debug, Serialize)]
pub struct HeadReport {
    /// How many rows were looked at.
    pub rows: usize,
    /// Draws of each.
    pub draws: usize,
    /// Key of the noise.
    pub seed: u64,
    /// What is to be said of the declared reading.
    pub verdict: Verdict,
    /// The same in words; `None` where the declared reading is confirmed.
    pub message: Option<String>,
    /// Readings with a finite ELBO.
    pub readings: Vec<MeasuredReading>,
    /// Readings without one, and why.
    pub impossible: Vec<Impossible>,
}

/// A reading in the words of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedReading {
    /// Output that is the mean.
    pub mean: String,
    /// Output that is the spread.
    pub spread: String,
    /// Parameterization of the spread output.
    pub head: &'static str,
    /// Parameterization of the decoder's mean output, where there is a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_is: Option<&'static str>,
}

/// A reading with its ELBO.
#[derive(Clone, Debug, Serialize)]
pub struct MeasuredReading {
    /// The reading.
    #[serde(flatten)]
    pub reading: NamedReading,
    /// Mean over the rows that have one, in nats.
    pub elbo: f64,
    /// Rows with a finite ELBO.
    pub rows: usize,
    /// The likelihood's scale, where it was found by the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_sigma: Option<f64>,
    /// The ELBO less that of the declared reading.
    pub above_declared: Option<Nats>,
    /// Whether it is the declared one.
    pub declared: bool,
    /// Why the graph cannot mean it.
    pub contradicted: Option<String>,
}

/// A mean of paired differences.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Nats {
    /// In nats.
    pub mean: f64,
    /// Its standard error over rows and draws.
    pub se: f64,
}

/// A reading that is none.
#[derive(Clone, Debug, Serialize)]
pub struct Impossible {
    /// The reading.
    #[serde(flatten)]
    pub reading: NamedReading,
    /// What speaks against it.
    pub why: String,
}

impl HeadReport {
    /// Checks that the declared heads are not clearly wrong; warnings and undecided verdicts pass.
    ///
    /// # Errors
    ///
    /// A failed check where the verdict is [`Verdict::Error`].
    pub fn hold(&self) -> Result<()> {
        match (self.verdict, &self.message) {
            (Verdict::Error, Some(message)) => {
                Err(Error::check(format!("the heads are wrong: {message}")))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for NamedReading {
    /// Writes the reading on one line, as `mean "mu", spread "s" (logvar)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean {:?}, spread {:?} ({}", self.mean, self.spread, self.head)?;
        self.mean_is.iter().try_for_each(|mean_is| write!(f, ", mean_is {mean_is}"))?;
        write!(f, ")")
    }
}

impl fmt::Display for HeadReport {
    /// Writes the table of the readings, the best first, and the impossible ones with what speaks against
    /// them; no newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, draws, seed, .. } = self;
        write!(
            f,
            "mean ELBO in nats of the first {rows} rows, {draws} draws each, seed {seed}; less that of the declared reading"
        )?;
        for MeasuredReading {
            reading,
            elbo,
            above_declared,
            declared,
            contradicted,
            log_sigma,
            ..
        } in &self.readings
        {
            let name = reading.to_string();
            write!(f, "\n  {name:<58} {elbo:>14.4}")?;
            match above_declared {
                _ if *declared => write!(f, "  declared")?,
                Some(Nats { mean, se }) => write!(f, " {mean:>+14.4} +- {se:.4}")?,
                None => {}
            }
            log_sigma.iter().try_for_each(|log| write!(f, ", log_sigma {log:.3}"))?;
            if contradicted.is_some() {
                write!(f, ", contradicted by the graph")?;
            }
        }
        for Impossible { reading, why } in &self.impossible {
            write!(f, "\n  {:<58}     impossible: {why}", reading.to_string())?;
        }
        Ok(())
    }
}
