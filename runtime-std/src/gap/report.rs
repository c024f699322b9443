//! The gaps of many rows, summed up.

use super::bound::Estimate;
use super::pca::Pca;
use super::row::{Method, RowGap, STUCK_NATS, Settings};
use serde::Serialize;
use std::fmt;

/// How many of the rows that lose most are named.
const WORST: usize = 10;

/// What `elbow gap` prints; serialized as it is.
#[derive(Clone, Debug, Serialize)]
pub struct GapReport {
    /// Name of the model.
    pub model: String,
    /// How many rows.
    pub rows: usize,
    /// ELBO of the encoder's posteriors.
    pub elbo: Summary,
    /// ELBO of the best posteriors with independent latents.
    pub elbo_optimized: Summary,
    /// ELBO of the best normal posteriors.
    pub elbo_full_rank: Summary,
    /// Evidence.
    pub log_p: LogP,
    /// `log_p` less `elbo_optimized`.
    pub approximation_gap: Summary,
    /// `elbo_optimized` less `elbo`.
    pub amortization_gap: GapSummary,
    /// The rows with the largest amortization gaps, largest first.
    pub worst: Vec<Loss>,
    /// Where ascent ends that starts at the prior, not at the encoder's posterior.
    pub from_prior: Option<FromPrior>,
    /// Mean squared error of a value as the decoder expects it at the posterior's mean.
    pub reconstruction: f64,
    /// The same number of latents without a network, fitted to the rows given here.
    pub pca: Pca,
    /// After each number of steps of refinement; left out where none was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refined: Vec<Refinement>,
    /// After refinement from the prior; left out where none was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refined_from_prior: Option<RefinedPrior>,
    /// Amortization gap of every row, for the picture.
    #[serde(skip)]
    pub gaps: Vec<f64>,
}

/// A mean over rows, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Mean over the rows.
    pub mean: f64,
    /// Its standard error by the draws: how well the mean over these rows is known.
    pub se: f64,
    /// Its standard error by the rows: how far the mean over other rows may be; `null` of one row.
    pub rows_se: f64,
}

/// The evidence.
#[derive(Clone, Debug, Serialize)]
pub struct LogP {
    /// In nats.
    #[serde(flatten)]
    pub summary: Summary,
    /// How it was found, for most of the rows.
    pub method: Method,
    /// How many rows were not found by `method` but by annealing, since importance sampling could not be
    /// trusted there.
    pub annealed_rows: usize,
    /// Least effective share of importance samples of a row; `null` without.
    pub least_ess: Option<f64>,
}

/// A mean over rows with its tails.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GapSummary {
    /// The mean.
    #[serde(flatten)]
    pub summary: Summary,
    /// The tails.
    #[serde(flatten)]
    pub quantiles: Quantiles,
}

/// Quantiles over the rows, nearest rank.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// 5 %.
    pub p5: f64,
    /// Median.
    pub p50: f64,
    /// 95 %.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

/// A row, and what it loses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// Number of the row, from 0.
    pub row: usize,
    /// Amortization gap.
    pub nats: f64,
}

/// What a number of steps of refinement buys.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Refinement {
    /// The number.
    pub steps: u32,
    /// ELBO of the refined posteriors.
    pub elbo: Summary,
    /// Their mean gain over the mean amortization gap; none where that gap is under five standard errors.
    pub closed: Option<f64>,
    /// Share of the rows whose loss, less two standard errors, exceeds 0.01 nats.
    pub worse: f64,
    /// Standard error of that share as an estimate for all rows there might be.
    pub worse_se: f64,
    /// Share of the rows that the guard sent back to their start.
    pub kept: f64,
    /// Key of the noise.
    pub seed: u64,
}

/// A loss that counts, in nats.
const WORSE: f64 = 0.01;

/// How far what starts at the prior ends below the best posterior.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FromPrior {
    /// Mean over the rows, in nats, of the better of two ends.
    pub short: f64,
    /// Share of the rows that end more than 0.02 nats below it.
    pub stuck: f64,
}

/// Refinement from the prior.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RefinedPrior {
    /// Steps from all starts together.
    pub steps: u32,
    /// How far it ends below the best posterior.
    #[serde(flatten)]
    pub from_prior: FromPrior,
    /// Key of the noise.
    pub seed: u64,
}

impl GapReport {
    /// The report of all `rows` of the model named `model`, where each row has one `refined` entry per entry
    /// of `settings.refine_steps`; `pca` and `reconstruction` are copied into it. Of no rows the means are
    /// NaN and the lists empty.
    pub(super) fn of(
        model: &str,
        rows: &[RowGap],
        settings: &Settings,
        pca: Pca,
        reconstruction: f64,
    ) -> Self {
        let summary = |figure: fn(&RowGap) -> Estimate| Summary::of(rows.iter().map(figure));
        let gaps: Vec<f64> = rows.iter().map(|row| row.amortization.mean).collect();
        Self {
            model: model.into(),
            rows: rows.len(),
            elbo: summary(|row| row.elbo),
            elbo_optimized: summary(|row| row.optimized),
            elbo_full_rank: summary(|row| row.full_rank),
            log_p: LogP::of(rows),
            approximation_gap: summary(|row| row.approximation),
            amortization_gap: GapSummary {
                summary: summary(|row| row.amortization),
                quantiles: Quantiles::of(&gaps),
            },
            worst: worst(&gaps),
            from_prior: FromPrior::of(rows.iter().filter_map(|row| row.from_prior)),
            reconstruction,
            pca,
            refined: Refinement::all(rows, settings),
            refined_from_prior: settings.prior_steps.and_then(|steps| {
                let from_prior = FromPrior::of(rows.iter().filter_map(|row| row.refined_prior))?;
                Some(RefinedPrior { steps, from_prior, seed: settings.seed })
            }),
            gaps,
        }
    }
}

/// The rows with the ten largest gaps (NaN first), largest first, equal ones in row order; all rows where
/// there are fewer.
fn worst(gaps: &[f64]) -> Vec<Loss> {
    let mut losses: Vec<Loss> =
        gaps.iter().enumerate().map(|(row, nats)| Loss { row, nats: *nats }).collect();
    losses.sort_by(|a, b| b.nats.total_cmp(&a.nats));
    losses.truncate(WORST);
    losses
}

impl Summary {
    /// Mean over one estimate per row: `se` is `sqrt(sum se_i^2) / n`, `rows_se` the standard error by how
    /// the rows differ, NaN of a single row. All three are NaN of no rows.
    pub fn of(rows: impl Iterator<Item = Estimate>) -> Self {
        let rows: Vec<Estimate> = rows.collect();
        let over = Estimate::of(&rows.iter().map(|row| row.mean).collect::<Vec<f64>>());
        let squares: f64 = rows.iter().map(|row| row.se * row.se).sum();
        Self { mean: over.mean, se: squares.sqrt() / rows.len() as f64, rows_se: over.se }
    }
}

impl LogP {
    /// Mean evidence of the rows. `method` is annealing where more than half of the rows used it, else the
    /// most exact one that any row used (exact, quadrature, iwae, ais in this order).
    fn of(rows: &[RowGap]) -> Self {
        let annealed = rows.iter().filter(|row| row.method == Method::Ais).count();
        let most = rows.iter().map(|row| row.method);
        let method = match 2 * annealed > rows.len() {
            true => Method::Ais,
            false => most.min().unwrap_or(Method::Ais),
        };
        Self {
            summary: Summary::of(rows.iter().map(|row| row.log_p)),
            method,
            annealed_rows: if method == Method::Ais { 0 } else { annealed },
            least_ess: rows.iter().filter_map(|row| row.ess).min_by(f64::total_cmp),
        }
    }
}

impl Quantiles {
    /// Nearest-rank quantiles of values in any order, sorted by `total_cmp` (NaN above infinity); all NaN if
    /// there are none.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
        };
        Self { p5: at(0.05), p50: at(0.5), p95: at(0.95), max: at(1.0) }
    }
}

impl Refinement {
    /// One summary over the rows per entry of `settings.refine_steps`, in its order.
    fn all(rows: &[RowGap], settings: &Settings) -> Vec<Self> {
        let steps = settings.refine_steps.iter().enumerate();
        steps.map(|(at, steps)| Self::of(rows, at, *steps, settings.seed)).collect()
    }

    /// Summary over the rows of their `refined[at]`, which took `steps` steps with the noise of key `seed`;
    /// the shares are NaN of no rows.
    fn of(rows: &[RowGap], at: usize, steps: u32, seed: u64) -> Self {
        let refined = || rows.iter().map(|row| &row.refined[at]);
        let gap = Summary::of(rows.iter().map(|row| row.amortization));
        let gain = Summary::of(refined().map(|refined| refined.gain));
        let share = |count: usize| count as f64 / rows.len() as f64;
        let loses = |gain: Estimate| -gain.mean - 2.0 * gain.se > WORSE;
        let worse = share(refined().filter(|refined| loses(refined.gain)).count());
        Self {
            steps,
            elbo: Summary::of(refined().map(|refined| refined.elbo)),
            closed: (gap.mean > 0.0 && gap.mean >= 5.0 * gap.se).then_some(gain.mean / gap.mean),
            worse,
            worse_se: (worse * (1.0 - worse) / rows.len() as f64).sqrt(),
            kept: share(refined().filter(|refined| refined.kept).count()),
            seed,
        }
    }
}

impl FromPrior {
    /// Mean of the nats by which each row ends below the best posterior, and the share of rows above
    /// [`STUCK_NATS`]; `None` of no rows.
    fn of(short: impl Iterator<Item = f64>) -> Option<Self> {
        let short: Vec<f64> = short.collect();
        let count = short.len() as f64;
        let stuck = short.iter().filter(|short| **short > STUCK_NATS).count() as f64;
        let all = Self { short: short.iter().sum::<f64>() / count, stuck: stuck / count };
        (!short.is_empty()).then_some(all)
    }
}

impl fmt::Display for FromPrior {
    /// Writes how far short of the best posterior the rows end, and how many are stuck, on one line without a
    /// newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (short, stuck) = (self.short, 100.0 * self.stuck);
        write!(
            f,
            "{short:.4} short in the mean, {stuck:.1} % of the rows by more than {STUCK_NATS}"
        )
    }
}

impl fmt::Display for GapReport {
    /// Writes the table of the means with their standard errors by the draws, in nats, and lines on tails,
    /// refinement and PCA.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} rows, nats per row, +- standard error by the draws\n",
            self.model, self.rows
        )?;
        let mut line = |name: &str, summary: &Summary| {
            writeln!(f, "{name:24} {:10.4} +- {:.4}", summary.mean, summary.se)
        };
        line("ELBO of the encoder", &self.elbo)?;
        line("ELBO, optimized", &self.elbo_optimized)?;
        line("ELBO, full rank", &self.elbo_full_rank)?;
        line(&format!("log p(x), {}", self.log_p.method.name()), &self.log_p.summary)?;
        line("approximation gap", &self.approximation_gap)?;
        line("amortization gap", &self.amortization_gap.summary)?;
        let Quantiles { p5, p50, p95, max } = self.amortization_gap.quantiles;
        writeln!(f, "{:24} p5 {p5:.3}, median {p50:.3}, p95 {p95:.3}, max {max:.3}", "")?;
        let worst = self.worst.iter().map(|loss| format!("{} ({:.3})", loss.row, loss.nats));
        writeln!(f, "{:24} {}", "rows that lose most", worst.collect::<Vec<_>>().join(", "))?;
        if let Some(from_prior) = &self.from_prior {
            writeln!(f, "{:24} {from_prior}", "optimized from the prior")?;
        }
        self.write_refined(f)?;
        self.write_trust(f)?;
        self.write_pca(f)
    }
}

impl GapReport {
    /// Writes a line per number of steps of refinement and one for refinement from the prior; nothing where
    /// neither was asked for.
    fn write_refined(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for refined in &self.refined {
            let closed = refined.closed.map_or("the gap is too small to tell".into(), |closed| {
                format!("{:.1} % of the gap closed", 100.0 * closed)
            });
            writeln!(
                f,
                "{:24} {:10.4} +- {:.4}, {closed}, {:.1} +- {:.1} % of the rows worse, {:.1} % sent back",
                format!("ELBO after {} steps", refined.steps),
                refined.elbo.mean,
                refined.elbo.se,
                100.0 * refined.worse,
                100.0 * refined.worse_se,
                100.0 * refined.kept
            )?;
        }
        let Some(RefinedPrior { steps, from_prior, .. }) = &self.refined_from_prior else {
            return Ok(());
        };
        writeln!(f, "{:24} {from_prior}", format!("{steps} steps from the prior"))
    }

    /// Writes the least effective share of importance samples and the number of annealed rows; nothing where
    /// no row has such a share.
    fn write_trust(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(ess) = self.log_p.least_ess else { return Ok(()) };
        writeln!(
            f,
            "{:24} least effective share of a row's samples {ess:.4}, {} rows by annealing instead",
            "log p(x)", self.log_p.annealed_rows
        )
    }

    /// Writes what PCA with as many latents reaches on the same rows: `ln p(x)`, and the squared error per
    /// value beside the decoder's.
    fn write_pca(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pca { latent, log_p, reconstruction, .. } = self.pca;
        writeln!(
            f,
            "\n{latent} latents without a network: probabilistic PCA, fitted to these very rows"
        )?;
        let log_p =
            log_p.map_or("none, the rows lie in a subspace".into(), |v| format!("{v:10.4}"));
        writeln!(
            f,
            "{:24} {log_p} (a density: comparable where the likelihood is one)",
            "log p(x)"
        )?;
        writeln!(
            f,
            "{:24} {reconstruction:10.6} by PCA, {:.6} by the decoder",
            "squared error per value", self.reconstruction
        )
    }
}
