//! The manifest of a new project: proposed by graphs and readings, with a reason for every value.

use elbow::detect::Recording;
use elbow::manifest::{Layout, Window};
use elbow::model::Loaded;
use elbow::roles::{self, ProposalFiles};
use elbow::rows::{Batch, Rows};
use elbow::{Context, Error, Result, npy};
use std::path::{Path, PathBuf};

/// The recording that the window and the likelihood are made of.
#[derive(Clone, Debug, clap::Args)]
pub struct RecordedOptions {
    /// Readings of normal operation in raw units, [time, channels]: mean, deviation and the decoder's residuals are
    /// taken from them
    #[arg(long, value_name = "RAW.npy", requires = "encoder")]
    pub readings: Option<PathBuf>,
    /// Readings of a second
    #[arg(long, value_name = "HZ", requires = "readings")]
    pub rate: Option<f64>,
    /// Readings of a window
    #[arg(long, value_name = "N", requires = "readings")]
    pub length: Option<usize>,
    /// Readings from one window to the next; the length where left out
    #[arg(long, value_name = "N", requires = "readings")]
    pub hop: Option<usize>,
    /// Unit of the readings, as the sensor's driver names it: mg for the LIS3DH
    #[arg(long, requires = "readings")]
    pub unit: Option<String>,
    /// Order of the observation, where its shape does not show it: channels_first or time_first
    #[arg(long, value_name = "ORDER", requires = "readings")]
    layout: Option<String>,
}

/// The end of a proposal that only says what a window would be.
const WITHOUT_WINDOW: &str = "\n# If the device makes observations of readings, it needs a window.";

/// The text of a manifest for the files `encoder` and `decoder`, which lie where it will lie.
///
/// # Errors
///
/// An input error where an option is missing, the readings do not fit the encoder, or the heads are not decided.
pub fn proposed(
    encoder: &Path,
    decoder: Option<&Path>,
    recorded: &RecordedOptions,
) -> Result<String> {
    let Some(path) = &recorded.readings else {
        return Err(Error::input(
            "--readings RAW.npy is missing: mean and deviation of the window are taken from a recording; a finished \
             elbow.toml is --model",
        ));
    };
    let folder = encoder.parent().unwrap_or(Path::new(""));
    let plain = roles::propose(encoder, decoder, folder, &Default::default());
    let array = npy::read(path)?;
    let [time, channels] = array.shape[..] else {
        return Err(Error::input(format!(
            "found shape {:?}, expected [time, channels]",
            array.shape
        ))
        .context(path.display()));
    };
    let moments = ChannelMoments::of(&array.values, channels).context(path.display())?;
    let windowed = |loaded: &Loaded| -> Result<(Window, Vec<usize>, String)> {
        let x = loaded.model.graphs.main().plan.inputs.first();
        let x = x.ok_or_else(|| Error::input("the encoder has no input"))?;
        let window = recorded.window(&x.shape, channels, &moments)?;
        Ok((window, x.shape.clone(), x.name.clone()))
    };
    let rows = |loaded: &Loaded| -> Result<Batch> {
        let (window, shape, name) = windowed(loaded)?;
        let values = Recording::read(path, &window)?.observations(&window).0;
        let len = values.len() / shape.iter().product::<usize>().max(1);
        Ok(Batch { inputs: vec![Rows { name, shape, values }], len })
    };
    let proposal = match decoder {
        Some(decoder) => {
            let files = ProposalFiles { encoder, decoder, folder };
            roles::propose_measured(files, &Default::default(), rows)?.0
        }
        None => plain?,
    };
    let text = proposal.text.split(WITHOUT_WINDOW).next().unwrap_or_default();
    let manifest = elbow::manifest::Manifest::parse(text).map_err(Error::input)?;
    let (window, shape, name) = windowed(&Loaded::of_manifest(manifest, folder)?)?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{text}\n{}", told(&window, &shape, &name, &format!("{file} ({time} readings)"))))
}

/// The text of `[window]`, with the reason of every value: `shape` and `name` of the observation, and the recording.
fn told(window: &Window, shape: &[usize], name: &str, recording: &str) -> String {
    let Window { channels, length, hop, mean, std, .. } = window;
    let layout = window.layout().name();
    let rate = window.rate.unwrap_or_default();
    let [lo, hi] = window.range.unwrap_or_default();
    let unit = window.unit.clone().unwrap_or_default();
    format!(
        "[window]
# the columns of {recording}
channels = {channels}
# --length; the observation {name:?} has shape {shape:?}, which is {channels} channels of {length} readings
length = {length}
# --hop: a window every {:.3} s
hop = {hop}
# the shape of {name:?}, or --layout
layout = {layout:?}
# --rate: the board asks the sensor for so many readings in a second
rate = {rate:?}
# --unit: a sensor of another unit does not compile
unit = {unit:?}
# least and greatest value of {recording}: a sensor that gives less does not compile
range = [{lo:?}, {hi:?}]
# mean of each channel of {recording}: REPLACE it by the one that the model was trained with, if that is known
mean = {mean:?}
# standard deviation of the same: likewise
std = {std:?}
",
        *hop as f64 / rate
    )
}

/// Mean, deviation and range of readings.
struct ChannelMoments {
    mean: Vec<f32>,
    std: Vec<f32>,
    range: [f32; 2],
}

impl ChannelMoments {
    /// Those of `values`, `[time, channels]`, over the finite readings. An input error where there are none or a
    /// channel never changes.
    fn of(values: &[f32], channels: usize) -> Result<Self> {
        let (mut mean, mut std) = (Vec::new(), Vec::new());
        let mut range = [f32::MAX, f32::MIN];
        for channel in 0..channels {
            let own = values.iter().skip(channel).step_by(channels.max(1));
            let own: Vec<f64> =
                own.filter(|value| value.is_finite()).map(|v| f64::from(*v)).collect();
            let count = own.len() as f64;
            let average = own.iter().sum::<f64>() / count;
            let variance = own.iter().map(|value| (value - average).powi(2)).sum::<f64>() / count;
            if variance.is_nan() || variance <= 0.0 {
                return Err(Error::input(format!(
                    "channel {channel} has no two different readings, by which a window could be normalized; record \
                     the sensor in operation"
                )));
            }
            mean.push(average as f32);
            std.push(variance.sqrt() as f32);
            for value in own {
                range = [range[0].min(value as f32), range[1].max(value as f32)];
            }
        }
        Ok(Self { mean, std, range })
    }
}

impl RecordedOptions {
    /// The window of readings of so many `channels` for an observation of this `shape`. An input error names the
    /// option that is missing or does not fit.
    fn window(&self, shape: &[usize], channels: usize, moments: &ChannelMoments) -> Result<Window> {
        let needed = |option: &str, why: &str| Error::input(format!("{option} is missing: {why}"));
        let values: usize = shape.iter().product();
        let length = self.length.or_else(|| Some(values / channels.max(1)));
        let length = length.filter(|length| length * channels == values && *length > 0);
        let length = length.ok_or_else(|| {
            Error::input(format!(
                "the observation has shape {shape:?}, {values} values, and the recording {channels} channels: expected \
                 --length times channels to be that many"
            ))
        })?;
        let rate = self.rate.filter(|rate| rate.is_finite() && *rate > 0.0);
        let rate = rate.ok_or_else(|| needed("--rate HZ", "the board asks the sensor so often"))?;
        let unit = self.unit.clone();
        let unit = unit.ok_or_else(|| {
            needed("--unit", "the sensor's driver has to give the same, such as mg")
        })?;
        Ok(Window {
            channels,
            length,
            hop: self.hop.unwrap_or(length).max(1),
            layout: Some(self.order(shape, channels, length)?),
            max_missing: 0,
            mean: moments.mean.clone(),
            std: moments.std.clone(),
            rate: Some(rate),
            max_gap: None,
            on_gap: Default::default(),
            stale: None,
            scale: None,
            offset: None,
            unit: Some(unit),
            range: Some(moments.range),
        })
    }

    /// The order of an observation of this shape: of `--layout`, or by its two axes that are longer than 1. An input
    /// error where neither decides.
    fn order(&self, shape: &[usize], channels: usize, length: usize) -> Result<Layout> {
        let axes: Vec<usize> = shape.iter().copied().filter(|axis| *axis > 1).collect();
        match (self.layout.as_deref(), &axes[..]) {
            (Some("channels_first"), _) => Ok(Layout::ChannelsFirst),
            (Some("time_first"), _) => Ok(Layout::TimeFirst),
            (Some(other), _) => Err(Error::input(format!(
                "--layout {other}: expected channels_first or time_first"
            ))),
            (None, _) if channels == 1 || length == 1 => Ok(Layout::ChannelsFirst),
            (None, [a, b]) if (*a, *b) == (channels, length) && a != b => Ok(Layout::ChannelsFirst),
            (None, [a, b]) if (*a, *b) == (length, channels) && a != b => Ok(Layout::TimeFirst),
            _ => Err(Error::input(format!(
                "the shape {shape:?} does not show whether the observation has all readings of a channel one after \
                 another, or all channels of a reading: --layout channels_first, or --layout time_first"
            ))),
        }
    }
}

/// `Ok` for a model that a program with a sensor can be made of.
///
/// # Errors
///
/// An input error names what the manifest lacks.
pub fn check(loaded: &Loaded) -> Result<()> {
    let Some(window) = &loaded.model.window else {
        return Err(Error::input(
            "[window] is missing, which says how readings become an observation; add it",
        ));
    };
    if loaded.amortized().is_none() {
        return Err(Error::input(
            "the model has no posterior, which the board would tell; add [encoder]",
        ));
    }
    let missing = [
        ("rate", "readings of a second", window.rate.is_none()),
        (
            "unit",
            "the unit of readings as the sensor's driver names it, such as \"mg\"",
            window.unit.is_none(),
        ),
        ("range", "least and greatest value of a reading, [lo, hi]", window.range.is_none()),
    ];
    match missing.iter().find(|(.., missing)| *missing) {
        Some((key, what, _)) => Err(Error::input(format!("window.{key} is missing: add {what}"))),
        None => Ok(()),
    }
}
