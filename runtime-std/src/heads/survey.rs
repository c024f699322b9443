//! All readings of a model, measured on rows.

use super::meter::{DRAWS, Meter, SEED, Scale, Terms, parts};
use super::reading::{Reading, contradicts, heads};
use super::report::{HeadReport, Impossible, MeasuredReading, NamedReading, Nats, Verdict};
use super::rule::{Difference, ENOUGH, Ladder, Read, finite, loses_rows, outweighs, shown};
use crate::Result;
use crate::manifest::{mean_is_word, readings};
use crate::model::{self, Loaded, Role};
use crate::posterior::Posteriors;
use crate::rows::Batch;
use elbow_core::distributions::{Spread, kl_divergence};

/// Readings whose posteriors diverge by less are the same, in nats.
const SAME_NATS: f64 = 0.01;

/// Every reading of a model's heads, measured on rows: those with an ELBO, best first, and the impossible
/// ones.
pub struct Survey<'m> {
    loaded: &'m Loaded,
    /// Positions of mean and spread among the encoder's outputs, as declared.
    heads: [usize; 2],
    meter: Meter<'m>,
    measured: Vec<Candidate>,
    impossible: Vec<(Reading, String)>,
}

/// A reading that was measured.
struct Candidate {
    reading: Reading,
    q: Posteriors,
    terms: Terms,
    elbo: Vec<f64>,
    contradicted: Option<String>,
}

impl Candidate {
    /// Mean ELBO over the rows where it is finite, in nats; NaN without such a row.
    fn mean(&self) -> f64 {
        let all = self.elbo.iter().filter(|elbo| elbo.is_finite());
        all.sum::<f64>() / finite(&self.elbo) as f64
    }

    /// Its posteriors and family, for the rule.
    fn read(&self) -> Read<'_> {
        Read { q: &self.q, family: self.reading.family }
    }
}

impl<'m> Survey<'m> {
    /// All readings measured on the first rows of `batch`; `None` for a model that has no decoder, several
    /// posteriors, or one that depends on draws of its own, where a bound under `N(0, I)` does not identify a
    /// head.
    ///
    /// # Errors
    ///
    /// An input is missing, or encoder and decoder are no pair.
    pub fn of(loaded: &'m Loaded, batch: &'m Batch, scale: Scale) -> Result<Option<Self>> {
        let Some((encoder, decoder)) = parts(loaded) else { return Ok(None) };
        let Some(&heads) = loaded.main.heads.first() else { return Ok(None) };
        let meter = Meter::new(encoder, decoder, batch, scale)?;
        let (measured, impossible) = (Vec::new(), Vec::new());
        let mut survey = Self { loaded, heads, meter, measured, impossible };
        survey.measure();
        Ok(Some(survey))
    }

    /// Measures every reading and enters it as candidate or impossible; sorts candidates by mean ELBO,
    /// largest first.
    fn measure(&mut self) {
        let families = readings(self.meter.family());
        for (swapped, head) in heads() {
            let reading = |family| Reading { swapped, head, family };
            match self.meter.posteriors(reading(self.meter.family())) {
                Err(why) => self.impossible.push((reading(self.meter.family()), why)),
                Ok(q) => {
                    let all = self.meter.terms(&q, &families);
                    for (terms, family) in all.into_iter().zip(&families) {
                        self.enter(reading(*family), &q, terms);
                    }
                }
            }
        }
        self.measured.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
    }

    /// Enters a reading as a candidate where it has an ELBO on at least half of the rows or is the declared
    /// one, else as impossible.
    fn enter(&mut self, reading: Reading, q: &Posteriors, terms: Terms) {
        let elbo = terms.objective(1.0);
        let without = elbo.len() - finite(&elbo);
        if 2 * without > elbo.len() && !self.is_declared(reading) {
            let why = format!("no finite ELBO on {without} of {} rows", elbo.len());
            return self.impossible.push((reading, why));
        }
        let contradicted = self.contradicted(reading);
        self.measured.push(Candidate { reading, q: q.clone(), terms, elbo, contradicted });
    }

    /// Why the graph of encoder or decoder contradicts the reading; `None` where neither does.
    fn contradicted(&self, reading: Reading) -> Option<String> {
        let outputs = self.outputs(reading);
        let decoder = || {
            let source = self.loaded.decoder.as_ref()?;
            let mean = source.output_roles.iter().position(|role| *role == Some(Role::XMean))?;
            contradicts(&source.graph, mean, reading.family)
        };
        model::contradicts(&self.loaded.main, outputs, reading.head).or_else(decoder)
    }

    /// Positions of mean and spread of a reading among the encoder's outputs.
    fn outputs(&self, reading: Reading) -> [usize; 2] {
        let [mean, spread] = self.heads;
        if reading.swapped { [spread, mean] } else { [mean, spread] }
    }

    /// Whether a reading is the declared one: same order, head and family.
    fn is_declared(&self, reading: Reading) -> bool {
        let own = reading.head == self.meter.latent.head;
        !reading.swapped && own && reading.family == self.meter.family()
    }

    /// Position of the declared reading among the candidates; `None` where it has no finite posterior.
    fn declared(&self) -> Option<usize> {
        self.measured.iter().position(|candidate| self.is_declared(candidate.reading))
    }

    /// Names of the outputs that are mean and spread under a reading.
    pub fn names(&self, reading: Reading) -> [&str; 2] {
        self.outputs(reading).map(|output| self.loaded.main.graph.outputs[output].0.as_str())
    }

    /// The reading in the words of a manifest; `mean_is` only where the family has several.
    fn named(&self, reading: Reading) -> NamedReading {
        let [mean, spread] = self.names(reading).map(String::from);
        let several = readings(self.meter.family()).len() > 1;
        let mean_is = several.then(|| mean_is_word(reading.family.mean_is()));
        NamedReading { mean, spread, head: reading.head.name(), mean_is }
    }

    /// The table of all readings, with the verdict on the declared one; measuring that takes most of the
    /// time.
    pub fn report(&mut self) -> HeadReport {
        let (verdict, message) = self.verdict();
        let declared = self.declared().map(|at| &self.measured[at]);
        let measured = self.measured.iter().map(|candidate| MeasuredReading {
            reading: self.named(candidate.reading),
            elbo: candidate.mean(),
            rows: finite(&candidate.elbo),
            log_sigma: candidate.terms.log_sigma,
            above_declared: declared
                .and_then(|declared| Difference::of(&candidate.elbo, &declared.elbo))
                .map(|Difference { mean, se, .. }| Nats { mean, se }),
            declared: self.is_declared(candidate.reading),
            contradicted: candidate.contradicted.clone(),
        });
        let impossible = self
            .impossible
            .iter()
            .map(|(reading, why)| Impossible { reading: self.named(*reading), why: why.clone() });
        HeadReport {
            rows: self.meter.rows,
            draws: DRAWS,
            seed: SEED,
            verdict,
            message,
            readings: measured.collect(),
            impossible: impossible.collect(),
        }
    }

    /// The verdict on the declared reading, and the message; no message where it holds.
    pub fn verdict(&mut self) -> (Verdict, Option<String>) {
        let Some(declared) = self.declared() else {
            return (
                Verdict::Undecided,
                Some("the declared reading has no ELBO on these rows".into()),
            );
        };
        if self.meter.rows < ENOUGH {
            let why = format!("{} rows are too few, give at least {ENOUGH}", self.meter.rows);
            return (Verdict::Undecided, Some(why));
        }
        let better: Vec<usize> =
            (0..self.measured.len()).filter(|at| self.is_better(*at, declared)).collect();
        let Some(&best) = better.first() else { return (Verdict::Holds, None) };
        let certain = better.iter().copied().find(|at| {
            let Self { measured, meter, .. } = self;
            let (first, second) = (&measured[*at], &measured[declared]);
            first.contradicted.is_none()
                && outweighs(meter, &mut Ladder::of(first.read()), second.read())
        });
        let checked = self.loaded.manifest.as_ref().is_some_and(|manifest| manifest.head_checked);
        let (best, certain) = (self.plainest(best), certain.map(|at| self.plainest(at)));
        match certain {
            Some(at) if checked => (Verdict::Warning, Some(self.told(at, declared, true))),
            Some(at) => (Verdict::Error, Some(self.told(at, declared, true))),
            None => (Verdict::Warning, Some(self.told(best, declared, false))),
        }
    }

    /// Whether the first candidate (by position) is clearly better by the ELBO or the second loses most rows,
    /// and they have different posteriors.
    fn is_better(&self, first: usize, second: usize) -> bool {
        let (first, second) = (&self.measured[first], &self.measured[second]);
        let difference = Difference::of(&first.elbo, &second.elbo);
        let is_clear = difference.is_some_and(Difference::is_clear);
        (is_clear || loses_rows(&first.elbo, &second.elbo)) && !self.are_same(first, second)
    }

    /// Whether two candidates give the same posterior: same order of the outputs, same family, and a mean
    /// `KL(first || second)` over the rows below [`SAME_NATS`].
    fn are_same(&self, first: &Candidate, second: &Candidate) -> bool {
        let (a, b) = (first.reading, second.reading);
        let rows = 0..self.meter.rows;
        let kl = |row| {
            let ((loc, log_var), (other, its)) = (first.q.row(row), second.q.row(row));
            f64::from(kl_divergence(loc, log_var, other, its))
        };
        let count = self.meter.rows as f64;
        a.swapped == b.swapped
            && a.family == b.family
            && rows.map(kl).sum::<f64>() < SAME_NATS * count
    }

    /// Position of the candidate with the same posteriors as candidate `of`, and no more contradicted by the
    /// graph, whose head comes first in [`Spread`]'s order; `of` itself without another.
    fn plainest(&self, of: usize) -> usize {
        let own = &self.measured[of];
        let same = (0..self.measured.len()).filter(|at| {
            let other = &self.measured[*at];
            let allowed = own.contradicted.is_some() || other.contradicted.is_none();
            *at == of || allowed && self.are_same(own, other)
        });
        same.min_by_key(|at| self.measured[*at].reading.head as u8).unwrap_or(of)
    }

    /// Readings that the graph allows and the rows do not exclude: the best, as its plainest equivalent, and
    /// every other one whose posteriors it does not beat both by the ELBO and under every objective. Empty
    /// where the graph contradicts all.
    pub fn open(&mut self) -> Vec<Reading> {
        let all = 0..self.measured.len();
        let allowed: Vec<usize> =
            all.filter(|at| self.measured[*at].contradicted.is_none()).collect();
        let Some((&best, others)) = allowed.split_first() else { return Vec::new() };
        let mut ladder = Ladder::of(self.measured[best].read());
        let mut open = vec![self.measured[self.plainest(best)].reading];
        for &at in others {
            let (first, second) = (&self.measured[best], &self.measured[at]);
            let is_beaten = self.are_same(first, second)
                || self.is_better(best, at)
                    && outweighs(&mut self.meter, &mut ladder, second.read());
            if !is_beaten {
                open.push(second.reading);
            }
        }
        open
    }

    /// Logarithm of the likelihood's standard deviation by the rows, under the reading with this mean output
    /// and head; `None` where the scale is declared, or the reading was not measured.
    pub fn log_sigma(&self, mean: &str, head: Spread) -> Option<f64> {
        let own = |candidate: &&Candidate| {
            candidate.reading.head == head && self.names(candidate.reading)[0] == mean
        };
        self.measured.iter().find(own)?.terms.log_sigma
    }

    /// The message that candidate `better` beats candidate `declared`, with its nats and the cure; `certain`
    /// where no weight of KL or entropy in training explains it.
    fn told(&mut self, better: usize, declared: usize, certain: bool) -> String {
        let beta = shown(&mut self.meter, self.measured[declared].read());
        let (first, second) = (&self.measured[better], &self.measured[declared]);
        let (read, wrong) = (self.named(first.reading), self.named(second.reading));
        let by = match Difference::of(&first.elbo, &second.elbo) {
            Some(Difference { mean, se, .. }) if !loses_rows(&first.elbo, &second.elbo) => {
                format!("an ELBO {mean:.3} nats better ({:.0} paired standard errors)", mean / se)
            }
            _ => format!(
                "an ELBO where the declared ones have none ({} of {} rows)",
                second.elbo.len() - finite(&second.elbo),
                second.elbo.len()
            ),
        };
        let start = format!("they are read as {wrong}; as {read} the rows have {by}");
        let beta = beta.map(|beta| beta.mean).filter(|beta| *beta > 0.0);
        let beta = beta.map_or(String::new(), |beta| format!(" (beta {beta:.2} by the rows)"));
        match (certain, &first.contradicted) {
            (true, _) => format!(
                "{start}, and no other weight of KL or entropy in training explains it{beta}: correct the elbow.toml, or write head_checked = true at its top if the model was trained so"
            ),
            (false, Some(why)) => {
                format!("{start}, but the graph contradicts that reading: {why}")
            }
            (false, None) => format!(
                "{start}; training with another weight of KL or entropy may explain it{beta}: check the head against the training code"
            ),
        }
    }
}
