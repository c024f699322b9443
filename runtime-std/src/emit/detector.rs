//! The detector of a calibrated model: its constants, and the implementation of `Monitored`.

use super::rust::{SKIP, float, imports};
use crate::lower::Port;
use crate::manifest::{ScoreKind, Window};
use crate::model::{Aggregate, Calibration, Model, RankTables};
use elbow_core::detect::{ChannelState, Clock, Limits, Moment, RankEntry};
use elbow_core::window::WindowShape;

/// What a detector is made of besides the calibration.
pub(super) struct Around<'a> {
    pub(super) model: &'a Model,
    pub(super) calibration: &'a Calibration,
    /// Statements that bind the `likelihood`; `None` without a decoder that scores.
    pub(super) likelihood: Option<&'a str>,
    /// Whether the workspace counts the values that integers could not hold.
    pub(super) saturates: bool,
}

/// The model's calibration, where it has a detector.
pub(super) fn calibration(model: &Model) -> Option<&Calibration> {
    model.calibration.as_ref().filter(|calibration| calibration.obstacle(model).is_none())
}

/// Bytes on a core of 32 bits of the checked weights, the place in the window, and the monitor: of `Option<Pack>`,
/// `Ring` with the count of unfit readings, and `Monitor`.
const FIXED: usize = 16 + 16 + 88;

/// Bytes of the detector on a core of 32 bits, with a workspace of this size; `None` for a model without one.
pub(super) fn bytes(model: &Model, workspace: usize) -> Option<usize> {
    let Calibration { kind, shape, drift, .. } = calibration(model)?;
    let WindowShape { channels, length, .. } = *shape;
    let parts = model.graphs.parts();
    let observed = channels * length;
    let outputs = match (parts.encoder, parts.flow) {
        (Some(encoder), _) => 2 * encoder.latent(),
        (None, flow) => flow.map_or(0, |flow| flow.plan.outputs.iter().map(Port::len).sum()),
    };
    let prediction = if decodes(*kind) { observed } else { 0 };
    let averages = drift.as_ref().map_or(0, |drift| drift.moments.len());
    let floats = observed + observed + outputs + prediction + averages;
    let states = channels * size_of::<ChannelState>();
    let bytes = FIXED + workspace + states + size_of::<f32>() * floats;
    Some(bytes.next_multiple_of(size_of::<u64>()))
}

/// Whether the score decodes, so that an anomaly is in a channel.
fn decodes(kind: ScoreKind) -> bool {
    matches!(kind, ScoreKind::ElboAtMean | ScoreKind::Reconstruction)
}

/// The lines of the `use` item with what the detector names besides the rest of a module: `detect` and the error, and
/// posteriors. Empty twice without a detector.
pub(super) fn imported(model: &Model) -> [String; 2] {
    match calibration(model) {
        None => [const { String::new() }; 2],
        Some(_) => [imports("Error", &["self"]), imports("detect", &["self"])],
    }
}

impl Around<'_> {
    /// Source of the detector.
    pub(super) fn text(&self) -> String {
        [self.statics(), self.design(), self.implementation(), self.raw_units()].concat()
    }

    /// Source of the tables in flash: limits, ranks, moments and references.
    fn statics(&self) -> String {
        let Calibration { limits, pooled, modes, drift, channel_log_likelihood, aggregate, .. } =
            self.calibration;
        let mut text = list(
            "Limits of the fault gate, per channel, in raw units.",
            ("LIMITS", "detect::Limits", "CHANNELS"),
            limits.iter().map(limit),
        );
        text += &ranks("", "Scores of normal windows with `-ln p` of what lies below.", pooled);
        let given = modes.iter().enumerate().filter_map(|(at, mode)| Some((at, mode.as_ref()?)));
        for (at, mode) in given {
            text += &ranks(&format!("_{at}"), &format!("The same of mode {at}."), mode);
        }
        let mode = |(at, mode): (usize, &Option<RankTables>)| match mode {
            None => "None".into(),
            Some(lists) => format!("Some({})", tables(&format!("_{at}"), lists)),
        };
        text += &list(
            "Tables of the operating modes.",
            ("MODES", "Option<detect::Ranks<'static>>", &modes.len().to_string()),
            modes.iter().enumerate().map(mode),
        );
        if let Some(drift) = drift {
            text += &list(
                "Moments of the latents of normal windows: the first and the second of each.",
                ("MOMENTS", "detect::Moment", "2 * LATENT"),
                drift.moments.iter().map(moment),
            );
        }
        let floats = |values: &[f32]| values.iter().map(|v| float(*v)).collect::<Vec<_>>();
        if self.names_channels() {
            text += &list(
                "Median log-likelihood of each channel of normal windows, in nats.",
                ("CHANNEL_LOG_LIKELIHOOD", "f32", "CHANNELS"),
                floats(channel_log_likelihood).into_iter(),
            );
        }
        for (values, name, what) in aggregate.iter().flat_map(|Aggregate { mean, var }| {
            [(mean, "AGGREGATE_MEAN", "Mean"), (var, "AGGREGATE_VAR", "Variance")]
        }) {
            let doc = format!("{what} of each latent of normal windows.");
            text += &list(&doc, (name, "f32", "LATENT"), floats(values).into_iter());
        }
        text
    }

    /// Whether an anomaly names a channel.
    fn names_channels(&self) -> bool {
        let known = !self.calibration.channel_log_likelihood.is_empty();
        known && decodes(self.calibration.kind) && self.likelihood.is_some()
    }

    /// Source of the constant `DESIGN`.
    fn design(&self) -> String {
        let Calibration { most_missing, clock, pooled, alpha_ppm, every, alarm, drift, .. } =
            self.calibration;
        let clock = clock.as_ref().map_or_else(|| "None".into(), time);
        let alarm = alarm.map_or_else(
            || "None".into(),
            |alarm| {
                let votes = alarm.votes.map_or_else(
                    || "None".into(),
                    |votes| {
                        let (needed, of) = (votes.needed, votes.of);
                        format!("Some(detect::Votes {{ needed: {needed}, of: {of} }})")
                    },
                );
                let (k, h) = (float(alarm.k), float(alarm.h));
                format!("Some(detect::AlarmDesign {{ k: {k}, h: {h}, votes: {votes} }})")
            },
        );
        let drift = drift.as_ref().map_or_else(
            || "None".into(),
            |drift| {
                let (lambda, threshold) = (float(drift.lambda), float(drift.threshold));
                format!(
                    "Some(detect::DriftDesign {{ lambda: {lambda}, threshold: {threshold}, moments: &MOMENTS }})"
                )
            },
        );
        format!(
            "
/// The calibration of the detector.
{SKIP}pub const DESIGN: detect::MonitorDesign<'static> = detect::MonitorDesign {{
    shape: WindowShape {{ channels: CHANNELS, length: LENGTH, hop: HOP }},
    limits: &LIMITS,
    most_missing: {most_missing},
    clock: {clock},
    tables: detect::Tables {{ pooled: {}, modes: &MODES }},
    alpha_ppm: {alpha_ppm},
    every: {every},
    alarm: {alarm},
    drift: {drift},
}};
",
            tables("", pooled),
        )
    }

    /// Source of the implementation of `Monitored`, and of the type `Detector`.
    fn implementation(&self) -> String {
        let prediction = if decodes(self.calibration.kind) { "[f32; OBSERVED]" } else { "()" };
        let averages = if self.calibration.drift.is_some() { "[f32; 2 * LATENT]" } else { "()" };
        let encodes = self.model.graphs.parts().encoder.is_some();
        let latents = if encodes {
            "Some(Posterior { loc: &outputs.loc, log_var: &outputs.log_var })"
        } else {
            "None"
        };
        let outputs = if encodes { "outputs" } else { "_" };
        format!(
            "
{SKIP}impl detect::Monitored for Model {{
    type Raw = [i16; CHANNELS];
    type States = [detect::ChannelState; CHANNELS];
    type Prediction = {prediction};
    type Averages = {averages};

    const STATES: Self::States = [detect::ChannelState::BLANK; CHANNELS];
    const MISSING: Self::Reading = [f32::NAN; CHANNELS];
    const DESIGN: detect::MonitorDesign<'static> = DESIGN;

    fn evaluate(pack: &Pack, memory: &mut detect::Memory<Self>, _: u64) -> Result<(f32, bool), Error> {{
{}    }}

    fn latents({outputs}: &Self::Outputs) -> Option<Posterior<'_>> {{
        {latents}
    }}

{}}}

/// Watches a sensor by this model: readings in, verdicts out. It owns all of the RAM that this takes.
pub type Detector<'p> = detect::Detector<'p, Model>;
",
            self.evaluate(),
            self.blame(),
        )
    }

    /// The body of `evaluate`.
    fn evaluate(&self) -> String {
        let (prediction, score) = match self.calibration.kind {
            ScoreKind::Reconstruction => {
                ("prediction", "log_likelihood(pack, workspace, inputs, &outputs.loc, prediction)?")
            }
            ScoreKind::LogProb => ("..", "log_prob(pack, workspace, inputs, &mut outputs.z)?"),
            ScoreKind::Kl => ("..", "-outputs.kl_to_standard()"),
            ScoreKind::Mahalanobis => {
                ("..", "detect::mahalanobis(&outputs.loc, &AGGREGATE_MEAN, &AGGREGATE_VAR)")
            }
            _ => ("prediction", "score(pack, workspace, inputs, outputs, prediction)?.elbo()"),
        };
        let mut text = format!(
            "        let detect::Memory {{ workspace, inputs, outputs, {prediction} }} = memory;\n"
        );
        let encodes = self.model.graphs.parts().encoder.is_some();
        if self.saturates && !encodes {
            text += "        workspace.saturated = 0;\n";
        }
        if encodes {
            text += "        encode(pack, workspace, inputs, outputs)?;\n";
        }
        let outside = if self.saturates { "workspace.saturated > 0" } else { "false" };
        text + &format!("        let score = {score};\n        Ok((score, {outside}))\n")
    }

    /// Source of the method `blame`.
    fn blame(&self) -> String {
        let Some(likelihood) = self.likelihood.filter(|_| self.names_channels()) else {
            return "    fn blame(_: &Pack, _: &detect::Memory<Self>) -> Option<usize> {
        None
    }
"
            .into();
        };
        let workspace = if likelihood.contains("ws.") { "workspace: ws, " } else { "" };
        let pack = if likelihood.contains("pack.") { "pack" } else { "_" };
        let bound: String = likelihood.lines().map(|line| format!("    {line}\n")).collect();
        format!(
            "    fn blame({pack}: &Pack, memory: &detect::Memory<Self>) -> Option<usize> {{
        let detect::Memory {{ {workspace}inputs, prediction, .. }} = memory;
{bound}        detect::worst_channel(&likelihood, inputs, prediction, NORMALIZATION.layout, &CHANNEL_LOG_LIKELIHOOD)
    }}
"
        )
    }

    /// Source of the constant `RAW_UNITS`, for `push_raw`; empty where the manifest says nothing of raw values.
    fn raw_units(&self) -> String {
        let Some(window) = &self.model.window else { return String::new() };
        let Window { channels, scale, offset, .. } = window;
        if scale.is_none() && offset.is_none() {
            return String::new();
        }
        let values = |list: &Option<Vec<f32>>, default: f32| {
            let all = list.clone().unwrap_or_else(|| vec![default; *channels]);
            all.iter().map(|value| float(*value)).collect::<Vec<_>>().join(", ")
        };
        format!(
            "
/// What the steps of a 16-bit converter are in the units of a reading.
{SKIP}pub const RAW_UNITS: detect::RawUnits<[f32; CHANNELS]> = detect::RawUnits {{
    scale: [{}],
    offset: [{}],
}};
",
            values(scale, 1.0),
            values(offset, 0.0)
        )
    }
}

/// Source of a static array, an item a line: its documentation, then name, type of an item, and length.
fn list(doc: &str, of: (&str, &str, &str), items: impl Iterator<Item = String>) -> String {
    let (name, kind, len) = of;
    let items: String = items.map(|item| format!("    {item},\n")).collect();
    format!("\n/// {doc}\n{SKIP}pub static {name}: [{kind}; {len}] = [\n{items}];\n")
}

/// Source of the entries of a table, in statics whose names end in `suffix`.
fn ranks(suffix: &str, doc: &str, lists: &RankTables) -> String {
    let one = |name: &str, doc: &str, entries: &[RankEntry]| {
        let of = (&*format!("{name}{suffix}"), "detect::RankEntry", &*entries.len().to_string());
        list(doc, of, entries.iter().map(entry))
    };
    let high = lists.high.as_deref();
    let negative = format!("{doc} Of the negative scores.");
    one("RANKS", doc, &lists.low)
        + &high.map_or_else(String::new, |high| one("HIGH_RANKS", &negative, high))
}

/// The expression of the tables in the statics whose names end in `suffix`.
fn tables(suffix: &str, lists: &RankTables) -> String {
    let table = |name: &str| {
        let calibrated = lists.calibrated;
        format!("detect::RankTable {{ entries: &{name}{suffix}, calibrated: {calibrated} }}")
    };
    match lists.high {
        None => format!("detect::Ranks::Low({})", table("RANKS")),
        Some(_) => format!(
            "detect::Ranks::Both {{ low: {}, high: {} }}",
            table("RANKS"),
            table("HIGH_RANKS")
        ),
    }
}

/// The literal of an entry.
fn entry(entry: &RankEntry) -> String {
    let (score, surprise) = (float(entry.score), float(entry.surprise));
    format!("detect::RankEntry {{ score: {score}, surprise: {surprise} }}")
}

/// The literal of a moment.
fn moment(moment: &Moment) -> String {
    let (mean, weight) = (float(moment.mean), float(moment.weight));
    format!("detect::Moment {{ mean: {mean}, weight: {weight} }}")
}

/// The literal of a channel's limits.
fn limit(limits: &Limits) -> String {
    let Limits { lo, hi, most_at_rails, longest_run, least_variance, largest_step } = *limits;
    format!(
        "detect::Limits {{ lo: {}, hi: {}, most_at_rails: {most_at_rails}, longest_run: {longest_run}, least_variance: {}, largest_step: {} }}",
        float(lo),
        float(hi),
        float(least_variance),
        float(largest_step)
    )
}

/// The expression of the times of readings.
fn time(clock: &Clock) -> String {
    let Clock { period_ns, max_gap_us, clears, stale_us } = clock;
    format!(
        "Some(detect::Clock {{ period_ns: {period_ns}, max_gap_us: {max_gap_us}, clears: {clears}, stale_us: {stale_us} }})"
    )
}
