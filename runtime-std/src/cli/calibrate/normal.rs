//! The rows of normal operation: read, scored, and thinned to disjoint ones.

use super::seen::{observation, rows_of};
use super::{CalibrateOptions, raw};
use crate::cli::inputs;
use elbow::detect::{NormalRow, Recording, disjoint, every, reference};
use elbow::manifest::{Exchangeable, Score, ScoreKind, Window};
use elbow::model::Loaded;
use elbow::posterior::{Posteriors, twin_posteriors, twin_posteriors_flagged};
use elbow::rows::{Batch, Rows};
use elbow::scoring::{Encoded, RowScore, Settings, score_posteriors, score_rows};
use elbow::{Error, Result, npy};
use std::path::Path;

/// Largest number of an operating mode.
const MOST_MODES: f32 = 255.0;

/// Scored rows of one origin.
pub struct Set {
    /// Names of the files.
    pub files: Vec<String>,
    /// The observations.
    pub x: Rows,
    /// The score of every row.
    pub scores: Vec<RowScore>,
    /// The posterior of every row; `None` for a model without a single one.
    pub posteriors: Option<Posteriors>,
    /// Disjoint rows, in order.
    pub kept: Vec<usize>,
    /// Rows that begin inside the one before.
    pub overlapping: usize,
    /// The operating mode of every row; empty where there are none.
    pub modes: Vec<usize>,
}

/// Everything that is normal.
pub struct NormalData {
    /// Rows of `--input`; `None` without it.
    pub rows: Option<Set>,
    /// Windows of all recordings; `None` without them.
    pub windows: Option<Set>,
    /// The recordings.
    pub recordings: Vec<Recording>,
    /// Windows of recordings in which a reading is not finite, which are left out.
    pub unfit: usize,
    /// How the rows of the table were made exchangeable.
    pub basis: Exchangeable,
    /// Moments of the posteriors, `[4, latents]`; `None` for a model without a single posterior.
    pub reference: Option<Vec<f32>>,
}

impl NormalData {
    /// The rows of the options, scored by `score`.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with a file; recordings for a model without a window or with further inputs; modes of another
    /// number than rows; `mahalanobis` without the rows that trained the model.
    pub fn read(options: &CalibrateOptions, loaded: &Loaded, score: &Score) -> Result<Self> {
        let mut settings = Settings {
            kind: score.kind,
            samples: score.samples(),
            seed: options.seed,
            aggregate: None,
        };
        let mut trained = None;
        if score.kind == ScoreKind::Mahalanobis {
            let reference = of_training(options, loaded)?;
            settings.aggregate = Some(reference::aggregate(&reference)?);
            trained = Some(reference);
        }
        let window = loaded.model.window.as_ref();
        let rows = (!options.input.is_empty()).then(|| {
            let batch = inputs::of_model(loaded, &options.input, options.seed)?.batch;
            let files: Vec<String> = options.input.iter().map(|file| file_name(file)).collect();
            if let Some(window) = window.filter(|_| !options.normalized) {
                raw::question(&files, batch.given(observation(loaded)?)?, window)?;
            }
            let mut set = Set::scored(files, batch, loaded, &settings)?;
            let all: Vec<&[f32]> = (0..set.x.count()).map(|row| set.x.row(row)).collect();
            (set.kept, set.overlapping) = disjoint(&all, window);
            set.modes = modes(options.mode.as_deref(), all.len())?;
            Ok::<_, Error>(set)
        });
        let rows = rows.transpose()?;
        let (recordings, windows, unfit) = recorded(options, loaded, &settings)?;
        let several = recordings.len() > 1;
        let basis = match &rows {
            Some(set) if set.overlapping > 0 => Exchangeable::Blocks,
            Some(_) => Exchangeable::Rows,
            None if several => Exchangeable::Recordings,
            None => Exchangeable::Blocks,
        };
        let mut normal = Self { rows, windows, recordings, unfit, basis, reference: None };
        let own = |set: &Set| {
            set.posteriors.as_ref().map(|posteriors| reference::moments(posteriors, &set.kept))
        };
        normal.reference = trained.or_else(|| normal.table_set().and_then(own));
        Ok(normal)
    }

    /// The set that makes the table: the rows, else the recordings' windows.
    pub fn table_set(&self) -> Option<&Set> {
        self.rows.as_ref().or(self.windows.as_ref())
    }

    /// The set that is replayed: the recordings' windows, else the rows.
    pub fn replay_set(&self) -> Option<&Set> {
        self.windows.as_ref().or(self.rows.as_ref())
    }

    /// All sets.
    pub fn sets(&self) -> impl Iterator<Item = &Set> {
        self.rows.iter().chain(&self.windows)
    }

    /// The disjoint rows of the table.
    pub fn table(&self) -> Vec<NormalRow> {
        self.table_set().map(Set::normal).unwrap_or_default()
    }

    /// The disjoint rows of the replay.
    pub fn replay(&self) -> Vec<NormalRow> {
        self.replay_set().map(Set::normal).unwrap_or_default()
    }

    /// Posteriors and disjoint rows of the replay.
    pub fn posteriors_in_order(&self) -> Option<(&Posteriors, &[usize])> {
        let set = self.replay_set()?;
        Some((set.posteriors.as_ref()?, &set.kept))
    }

    /// Median log-likelihood of each channel over the rows of the table; empty where it is unknown.
    pub fn channel_log_likelihood(&self) -> Vec<f32> {
        let Some(set) = self.table_set() else { return Vec::new() };
        let rows = || set.kept.iter().map(|row| &set.scores[*row].channels);
        let channels = rows().next().map_or(0, |channels| channels.len());
        let of = |channel: usize| rows().filter_map(move |own| own.get(channel).copied());
        (0..channels).filter_map(|channel| median(of(channel).collect())).collect()
    }
}

/// The value in the middle, of two the larger one, which a few outliers do not move; `None` of none. The order is the
/// total one, where NaN lies at the ends.
fn median(mut values: Vec<f32>) -> Option<f32> {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied()
}

impl Set {
    /// The rows of `batch`, scored; all kept.
    fn scored(
        files: Vec<String>,
        batch: Batch,
        loaded: &Loaded,
        settings: &Settings,
    ) -> Result<Self> {
        let (mut posteriors, outside) = twin_posteriors_flagged(loaded, &batch)?;
        let only = if posteriors.len() == 1 { posteriors.pop() } else { None };
        let scores = match &only {
            Some(q) => {
                let encoded = Encoded { q, outside: &outside };
                score_posteriors(loaded, settings, &batch, encoded)?
            }
            None => score_rows(loaded, settings, &batch)?,
        };
        let x = batch.given(observation(loaded)?)?.clone();
        let kept = (0..batch.len).collect();
        let (overlapping, modes) = (0, Vec::new());
        Ok(Self { files, x, scores, posteriors: only, kept, overlapping, modes })
    }

    /// Number of rows with a value beyond the range of the integers; 0 in floats.
    pub fn outside(&self) -> usize {
        self.scores.iter().filter(|row| row.outside).count()
    }

    /// The kept rows.
    fn normal(&self) -> Vec<NormalRow> {
        let row = |row: &usize| NormalRow {
            score: self.scores[*row].score,
            outside: self.scores[*row].outside,
            mode: self.modes.get(*row).copied().unwrap_or(0),
        };
        self.kept.iter().map(row).collect()
    }
}

/// The recordings, their windows scored, of which one in `every` is kept, and the number of windows that hold a reading
/// that is not finite.
fn recorded(
    options: &CalibrateOptions,
    loaded: &Loaded,
    settings: &Settings,
) -> Result<(Vec<Recording>, Option<Set>, usize)> {
    if options.recording.is_empty() {
        return Ok((Vec::new(), None, 0));
    }
    let window = window(loaded)?;
    let read = |path: &std::path::PathBuf| Recording::read(path, window);
    let recordings: Vec<Recording> = options.recording.iter().map(read).collect::<Result<_>>()?;
    let (mut values, mut kept, mut unfit) = (Vec::new(), Vec::new(), 0);
    let len = window.channels * window.length;
    for recording in &recordings {
        let (own, left_out) = recording.observations(window);
        let start = values.len() / len;
        kept.extend((start..start + own.len() / len).step_by(every(Some(window)) as usize));
        values.extend(own);
        unfit += left_out;
    }
    if values.is_empty() {
        return Err(Error::input(format!(
            "every window of the recordings holds a reading that is not finite ({unfit}); record again"
        )));
    }
    let name = observation(loaded)?;
    let shape = [&[1], npy::row_shape(&port_shape(loaded)?)].concat();
    let batch = Batch::from(Rows { name: name.to_string(), shape, values });
    let files = options.recording.iter().map(|path| file_name(&path.to_string_lossy())).collect();
    let overlapping = batch.len - kept.len();
    let set = Set::scored(files, batch, loaded, settings)?;
    Ok((recordings, Some(Set { kept, overlapping, ..set }), unfit))
}

/// The window; an input error where the model has none, or an input besides the observation.
fn window(loaded: &Loaded) -> Result<&Window> {
    let others = loaded.main.given().map(|input| loaded.main.input_name(input));
    let x = observation(loaded)?;
    let others: Vec<&str> = others.filter(|name| *name != x).collect();
    if !others.is_empty() {
        return Err(Error::input(format!(
            "--recording: the model reads {others:?} besides the observation, which a recording does not hold; give all inputs as rows by --input"
        )));
    }
    loaded.model.window.as_ref().ok_or_else(|| {
        Error::input("--recording: the model has no [window] to make observations of readings; add it, or give rows by --input")
    })
}

/// Shape of the observation, the batch axis included.
fn port_shape(loaded: &Loaded) -> Result<Vec<usize>> {
    let x = observation(loaded)?;
    let source = &loaded.main;
    let input = source.given().find(|input| source.input_name(*input) == x);
    let shape = input.map(|input| source.input_shape(input).to_vec());
    shape.ok_or_else(|| Error::input(format!("no graph has the input {x:?}")))
}

/// The modes in the file `path`, one for each of `rows`; empty without a file.
fn modes(path: Option<&Path>, rows: usize) -> Result<Vec<usize>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let array = npy::read(path)?;
    let fault = |what: String| Err(Error::input(format!("{}: {what}", path.display())));
    if array.shape != [rows] {
        return fault(format!(
            "found shape {:?}, expected [{rows}]: one mode for each row of --input",
            array.shape
        ));
    }
    let is_mode = |mode: &f32| mode.fract() == 0.0 && (0.0..=MOST_MODES).contains(mode);
    if let Some(bad) = array.values.iter().find(|mode| !is_mode(mode)) {
        return fault(format!(
            "found the mode {bad}, expected whole numbers from 0 to {MOST_MODES}"
        ));
    }
    Ok(array.values.iter().map(|mode| *mode as usize).collect())
}

/// Moments of the posteriors of the rows that trained the model, `[4, latents]`, for `mahalanobis`.
fn of_training(options: &CalibrateOptions, loaded: &Loaded) -> Result<Vec<f32>> {
    if options.trained_on.is_empty() {
        return Err(Error::input(
            "mahalanobis compares with the aggregate posterior of the training data: give its rows by --trained-on",
        ));
    }
    let batch = Batch::from(rows_of("--trained-on", &options.trained_on, loaded)?);
    let rows: Vec<usize> = (0..batch.len).collect();
    match &twin_posteriors(loaded, &batch)?[..] {
        [only] => Ok(reference::moments(only, &rows)),
        _ => Err(Error::input(
            "mahalanobis takes one posterior; give a model with an [encoder] that has one",
        )),
    }
}

/// The last part of a path, of `NAME=PATH` too.
fn file_name(text: &str) -> String {
    let name = Path::new(text).file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| text.to_string())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn a_median_stays_where_an_outlier_goes_far() {
        assert_eq!(median(vec![2.0, -1e6, 1.0]), Some(1.0));
        assert_eq!(median(vec![2.0, 1.0, 4.0, 3.0]), Some(3.0));
        assert_eq!(median(vec![1.0, f32::NAN, 0.5]), Some(1.0));
        assert_eq!(median(Vec::new()), None);
    }
}
