//! How well scores tell labelled rows apart, beside baselines.

use super::table::{Judge, Table};
use elbow::scoring::baselines::Baseline;
use elbow::scoring::measures::{auroc, average_precision, delays, events, false_alarms};
use serde::Serialize;
use std::fmt;

/// Difference of areas below which neither is called better: a difference that other test rows would turn around.
const ALIKE: f64 = 0.005;

/// What the labels show.
#[derive(Debug, Serialize)]
pub struct Labelled {
    /// Rows that are labelled as anomalous.
    anomalous_rows: usize,
    /// Runs of such rows.
    events: usize,
    /// The model's score.
    model: Measures,
    /// What decides found of it; `null` where nothing decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Decisions>,
    /// What the alarm found of it; `null` without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    alarms: Option<LabelledAlarms>,
    /// Scores without a network.
    baselines: Vec<Measures>,
    /// In words, whether the model is worth its flash; `null` without baselines.
    conclusion: Option<String>,
}

/// Areas of one score.
#[derive(Debug, Serialize)]
struct Measures {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    formula: Option<String>,
    auroc: Option<f64>,
    average_precision: Option<f64>,
}

/// Which rows were called anomalous, against the labels.
#[derive(Debug, Serialize)]
struct Decisions {
    decided_by: &'static str,
    /// Share of anomalous rows that were found.
    true_positive_rate: Option<f64>,
    /// Share of normal rows that were called anomalous.
    false_positive_rate: Option<f64>,
    /// Events of which a row was found.
    events_found: usize,
    /// Mean number of rows from the start of a found event to its first found row.
    delay_mean: Option<f64>,
    /// False alarms in a month of 30 days at the window's rate; `null` without `rate` in `[window]`.
    false_alarms_per_month: Option<f64>,
}

/// Alarms against the labels.
#[derive(Debug, Serialize)]
struct LabelledAlarms {
    /// Alarms that were raised within an event.
    inside: usize,
    /// Alarms that were raised elsewhere.
    outside: usize,
    /// Events within which an alarm was raised.
    events_found: usize,
    /// Mean number of rows from the start of a found event to its first alarm.
    delay_mean: Option<f64>,
    /// False alarms in a month of 30 days at the window's rate; `null` without `rate` in `[window]`.
    false_alarms_per_month: Option<f64>,
}

impl Labelled {
    /// What the labels show of the table's scores and of the baselines; `rows_per_month` is known for a model whose
    /// window has a rate.
    pub fn new(
        table: &Table,
        labels: &[bool],
        baselines: &[Baseline],
        rows_per_month: Option<f64>,
    ) -> Self {
        let scores: Vec<f32> = table.scores().collect();
        let measures = |name, formula, scores: &[f32]| Measures {
            name,
            formula,
            auroc: auroc(scores, labels),
            average_precision: average_precision(scores, labels),
        };
        let model = measures("model", None, &scores);
        let baselines: Vec<Measures> = baselines
            .iter()
            .map(|own| measures(own.name, Some(own.formula.clone()), &own.scores))
            .collect();
        let conclusion = conclusion(&model, &baselines);
        let decisions = table
            .anomalies()
            .map(|raised| Decisions::of(table.judge(), &raised, labels, rows_per_month));
        let anomalous_rows = labels.iter().filter(|label| **label).count();
        let events = events(labels).len();
        let alarms = table.sequence();
        let alarms = alarms.map(|own| LabelledAlarms::of(own.raised(), labels, rows_per_month));
        Self { anomalous_rows, events, model, decisions, alarms, baselines, conclusion }
    }
}

impl Decisions {
    /// What `raised` found.
    fn of(judge: &Judge, raised: &[bool], labels: &[bool], rows_per_month: Option<f64>) -> Self {
        let share = |label: bool| {
            let of = labels.iter().filter(|own| **own == label).count();
            let found =
                raised.iter().zip(labels).filter(|(raised, own)| **raised && **own == label);
            (of > 0).then(|| found.count() as f64 / of as f64)
        };
        let (events_found, delay_mean) = found(raised, labels);
        Self {
            decided_by: judge.name(),
            true_positive_rate: share(true),
            false_positive_rate: share(false),
            events_found,
            delay_mean,
            false_alarms_per_month: per_month(raised, labels, rows_per_month),
        }
    }
}

impl LabelledAlarms {
    /// What `raised`, one per row, found.
    fn of(raised: &[bool], labels: &[bool], rows_per_month: Option<f64>) -> Self {
        let outside = false_alarms(raised, labels);
        let (events_found, delay_mean) = found(raised, labels);
        Self {
            inside: raised.iter().filter(|raised| **raised).count() - outside,
            outside,
            events_found,
            delay_mean,
            false_alarms_per_month: per_month(raised, labels, rows_per_month),
        }
    }
}

/// Number of events within which a row was raised, and the mean number of rows to the first one; `None` for no event.
fn found(raised: &[bool], labels: &[bool]) -> (usize, Option<f64>) {
    let delays: Vec<usize> = delays(&events(labels), raised).into_iter().flatten().collect();
    let mean = || delays.iter().sum::<usize>() as f64 / delays.len() as f64;
    (delays.len(), (!delays.is_empty()).then(mean))
}

/// Raised normal rows in a month, by their share of normal rows; `None` without such rows, or where the number of rows
/// in a month is not known.
fn per_month(raised: &[bool], labels: &[bool], rows_per_month: Option<f64>) -> Option<f64> {
    let normal = labels.iter().filter(|label| !**label).count();
    let rate = false_alarms(raised, labels) as f64 / normal.max(1) as f64;
    rows_per_month.filter(|_| normal > 0).map(|rows| rows * rate)
}

/// Whether the model beats the best baseline, in words; `None` without baselines or areas.
fn conclusion(model: &Measures, baselines: &[Measures]) -> Option<String> {
    let own = model.auroc?;
    let known = baselines.iter().filter_map(|other| Some((other.name, other.auroc?)));
    let (name, best) = known.reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let figures = format!("AUROC {own:.3} against {best:.3} of {name}");
    Some(match own - best {
        difference if difference > ALIKE => format!("the model beats every baseline: {figures}"),
        difference if difference < -ALIKE => {
            format!("the model does not beat the baseline: {figures}")
        }
        _ => format!("the model does not beat the baseline, it equals it: {figures}"),
    })
}

impl fmt::Display for Labelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let area = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.4}"));
        writeln!(f, "labels: {} anomalous rows in {} events", self.anomalous_rows, self.events)?;
        writeln!(f, "  {:<14} {:>7} {:>17}", "score", "AUROC", "average precision")?;
        for own in std::iter::once(&self.model).chain(&self.baselines) {
            writeln!(
                f,
                "  {:<14} {:>7} {:>17}",
                own.name,
                area(own.auroc),
                area(own.average_precision)
            )?;
        }
        for own in &self.baselines {
            writeln!(f, "  {}: {}", own.name, own.formula.as_deref().unwrap_or_default())?;
        }
        if let Some(decisions) = &self.decisions {
            decisions.fmt(f)?;
        }
        if let Some(alarms) = &self.alarms {
            alarms.fmt(f)?;
        }
        match &self.conclusion {
            Some(conclusion) => writeln!(f, "{conclusion}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Decisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: Option<f64>| {
            share.map_or("-".into(), |share| format!("{:.2} %", 100.0 * share))
        };
        write!(
            f,
            "by the {}: {} of the anomalous rows found, {} of the normal rows called anomalous; {} events found",
            self.decided_by,
            percent(self.true_positive_rate),
            percent(self.false_positive_rate),
            self.events_found
        )?;
        delay_and_rate(f, self.delay_mean, self.false_alarms_per_month)
    }
}

impl fmt::Display for LabelledAlarms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inside, outside, events_found, .. } = self;
        write!(
            f,
            "alarms: {inside} within events, {outside} elsewhere; {events_found} events found"
        )?;
        delay_and_rate(f, self.delay_mean, self.false_alarms_per_month)
    }
}

/// The end of a line: mean delay and false alarms a month, where they are known.
fn delay_and_rate(
    f: &mut fmt::Formatter<'_>,
    delay: Option<f64>,
    per_month: Option<f64>,
) -> fmt::Result {
    if let Some(delay) = delay {
        write!(f, ", after {delay:.1} rows in the mean")?;
    }
    if let Some(alarms) = per_month {
        write!(f, "; {alarms:.1} false alarms a month")?;
    }
    writeln!(f)
}
