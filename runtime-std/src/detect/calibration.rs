//! The calibration of a model, loaded from the files beside its manifest and held against the model.

use super::conformal::Scores;
use super::recording::every;
use super::{arl, identity, reference};
use crate::error::{Context, Error, Result};
use crate::lower::Port;
use crate::manifest::{
    AlarmTable, Calibrated, DriftTable, GateTable, OnGap, Score, ScoreKind, TailName, Window,
};
use crate::model::{Aggregate, Calibration, DriftMoments, Loaded, RankTables};
use crate::npy;
use elbow_core::detect::{AlarmDesign, Clock, Limits, Votes};
use elbow_core::window::WindowShape;
use std::path::Path;

/// What a calibration that is damaged or another model's needs.
const CURE: &str = "run `elbow calibrate` again";

impl Calibration {
    /// The calibration that the manifest of `loaded` names, with its files; `None` for a manifest without
    /// `score.calibration`, and for an ONNX file alone. Without a window every value is a channel of its own, and every
    /// row is judged.
    ///
    /// # Errors
    ///
    /// An input error with the cure: the calibration belongs to another model, other weights or another precision, or
    /// one of its files is missing, damaged, or does not fit the manifest.
    pub fn read(loaded: &Loaded) -> Result<Option<Self>> {
        let Some(manifest) = &loaded.manifest else { return Ok(None) };
        let Some(score) = &manifest.score else { return Ok(None) };
        let (Some(file), Some(calibrated)) = (&score.calibration, &score.calibrated) else {
            return Ok(None);
        };
        belongs(calibrated, loaded)?;
        let pooled = scores(&loaded.folder.join(file), score.tail, Some(calibrated.rows))?;
        let drift = manifest.drift.as_ref();
        let reference = reference::read(loaded)?;
        let (alarm, window) = (score.alarm.as_ref(), manifest.window.as_ref());
        let shape = shape(loaded, window);
        Ok(Some(Self {
            kind: score.kind,
            shape,
            limits: limits(manifest.gate.as_ref(), shape.channels),
            most_missing: window.map_or(0, |window| window.max_missing),
            clock: window.and_then(clock),
            pooled,
            modes: modes(score, &loaded.folder)?,
            alpha_ppm: u32::try_from(score.alpha_ppm()).unwrap_or(u32::MAX),
            every: alarm.map_or(every(window), |alarm| alarm.every),
            alarm: alarm.map(design),
            drift: drift.zip(reference.as_deref()).map(|(drift, values)| moments(drift, values)),
            channel_log_likelihood: score.channel_log_likelihood.clone(),
            aggregate: aggregate(score.kind, reference.as_deref())?,
        }))
    }

    /// [`read`](Self::read), of a model that has to have one.
    ///
    /// # Errors
    ///
    /// As there, and an input error with the command that calibrates where there is none.
    pub fn required(loaded: &Loaded) -> Result<Self> {
        let score = loaded.manifest.as_ref().and_then(|manifest| manifest.score.as_ref());
        let missing = || {
            Error::input(match score {
                None => {
                    "the model has no [score]; run `elbow calibrate MODEL --input normal.npy`, which writes one"
                }
                Some(Score { threshold: Some(_), .. }) => {
                    "score.threshold is not calibrated, so that it has no p-values; run `elbow calibrate MODEL --input normal.npy`"
                }
                Some(_) => {
                    "[score] is not calibrated; run `elbow calibrate MODEL --input normal.npy`"
                }
            })
        };
        Self::read(loaded)?.ok_or_else(missing)
    }
}

/// Size of the window; without one, a reading is the observation of the main graph.
fn shape(loaded: &Loaded, window: Option<&Window>) -> WindowShape {
    let values = loaded.model.graphs.main().plan.inputs.first().map_or(0, Port::len);
    match window {
        Some(Window { channels, length, hop, .. }) => {
            WindowShape { channels: *channels, length: *length, hop: *hop }
        }
        None => WindowShape { channels: values, length: 1, hop: 1 },
    }
}

/// The model with its calibration in [`Model::calibration`](crate::model::Model::calibration), so that its module gets
/// a detector; unchanged, with the reason, where the calibration cannot be used.
pub fn with_calibration(mut loaded: Loaded) -> (Loaded, Option<Error>) {
    match Calibration::read(&loaded) {
        Ok(calibration) => {
            loaded.model.calibration = calibration;
            (loaded, None)
        }
        Err(error) => (loaded, Some(error)),
    }
}

/// `Ok` where the calibration is of this model in this precision. An input error that says what differs otherwise.
fn belongs(calibrated: &Calibrated, loaded: &Loaded) -> Result<()> {
    let found = loaded.precision();
    if calibrated.precision != found {
        let (own, other) = (calibrated.precision.name(), found.name());
        return Err(Error::input(format!(
            "the calibration of [score] is for --precision {own}, and this is {other}, whose scores are others; use --precision {own}, or run `elbow calibrate --precision {other}`"
        )));
    }
    let found = identity(loaded)?;
    if calibrated.model != found {
        return Err(Error::input(format!(
            "the calibration of [score] belongs to the model {}, and this is {found}: its graphs, window, weights or integers have changed; {CURE}",
            calibrated.model
        )));
    }
    Ok(())
}

/// The rank tables of the scores in the file `path`, which has to hold `rows` of them where that is known; an error where
/// it is no ascending list of finite numbers, or empty.
fn scores(path: &Path, tail: TailName, rows: Option<usize>) -> Result<RankTables> {
    let array = npy::read(path).context(CURE)?;
    let found = array.values.len();
    let fault = |what: String| Err(Error::input(format!("{}: {what}; {CURE}", path.display())));
    if array.shape.len() != 1 || found == 0 || rows.is_some_and(|rows| rows != found) {
        let rows = rows.map_or("rows".into(), |rows| rows.to_string());
        return fault(format!("found shape {:?}, expected [{rows}]", array.shape));
    }
    if !array.values.iter().all(|score| score.is_finite()) || !array.values.is_sorted() {
        return fault("expected finite scores in ascending order".into());
    }
    Ok(RankTables::new(&Scores::new(array.values), tail))
}

/// The tables of the operating modes, by their numbers; an error where a file is wrong, or a number is above 255.
fn modes(score: &Score, folder: &Path) -> Result<Vec<Option<RankTables>>> {
    let mut modes = Vec::new();
    for mode in &score.mode {
        if mode.index > usize::from(u8::MAX) {
            return Err(Error::input(format!(
                "score.mode.index: found {}, expected at most {}; number the modes from 0 on",
                mode.index,
                u8::MAX
            )));
        }
        if modes.len() <= mode.index {
            modes.resize_with(mode.index + 1, || None);
        }
        modes[mode.index] = Some(scores(&folder.join(&mode.calibration), score.tail, None)?);
    }
    Ok(modes)
}

/// The alarm of the manifest, as the device has it.
fn design(alarm: &AlarmTable) -> AlarmDesign {
    AlarmDesign {
        k: arl::drift(alarm.kappa) as f32,
        h: alarm.threshold as f32,
        votes: alarm.votes.map(|[needed, of]| Votes { needed, of }),
    }
}

/// The limits of every channel; those that the manifest leaves out are off.
fn limits(gate: Option<&GateTable>, channels: usize) -> Vec<Limits> {
    fn at<T: Copy>(list: Option<&Vec<T>>, channel: usize, off: T) -> T {
        list.and_then(|list| list.get(channel)).copied().unwrap_or(off)
    }
    let off = Limits::OFF;
    let limits = |channel: usize| match gate {
        None => off,
        Some(gate) => Limits {
            lo: at(gate.lo.as_ref(), channel, off.lo),
            hi: at(gate.hi.as_ref(), channel, off.hi),
            most_at_rails: at(gate.most_at_rails.as_ref(), channel, off.most_at_rails),
            longest_run: at(gate.longest_run.as_ref(), channel, off.longest_run),
            least_variance: at(gate.least_variance.as_ref(), channel, off.least_variance),
            largest_step: at(gate.largest_step.as_ref(), channel, off.largest_step),
        },
    };
    (0..channels).map(limits).collect()
}

/// When readings are expected, in whole units of time; `None` without a rate.
fn clock(window: &Window) -> Option<Clock> {
    let (rate, gap, stale) = (window.rate?, window.max_gap()?, window.stale()?);
    Some(Clock {
        period_ns: (1e9 / rate).round() as u64,
        max_gap_us: (1e6 * gap).round() as u64,
        clears: window.on_gap == OnGap::Clear,
        stale_us: (1e6 * stale).round() as u64,
    })
}

/// The moments of the device, for latent after latent, from a reference `[4, latents]`.
fn moments(drift: &DriftTable, values: &[f32]) -> DriftMoments {
    let moments = reference::of_device(values, drift.lambda);
    DriftMoments { lambda: drift.lambda as f32, threshold: drift.threshold as f32, moments }
}

/// The aggregate posterior for the Mahalanobis score, from a reference `[4, latents]`; `None` for other scores. An input
/// error without a reference, and as those of [`reference::aggregate`].
fn aggregate(kind: ScoreKind, reference: Option<&[f32]>) -> Result<Option<Aggregate>> {
    match kind {
        ScoreKind::Mahalanobis => {
            reference::aggregate(reference.ok_or_else(reference::missing)?).map(Some)
        }
        _ => Ok(None),
    }
}
