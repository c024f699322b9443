//! The verdicts of a detector on recorded readings: by the device's own window, gate, table, alarm and drift, and by
//! the twin of its network, so that a device gives the same in every bit.

use super::network::{Network, ScoredWindow};
use crate::error::{Error, Result};
use crate::manifest::Window;
use crate::model::{Calibration, Model};
use crate::watch;
use elbow_core::Error as DeviceError;
use elbow_core::detect::{ChannelState, Evaluated, Monitor, Verdict, WindowParts};
use elbow_core::window::Ring;

/// What a detector says at one reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Number of the reading, from 0.
    pub reading: usize,
    /// When it came, in microseconds.
    pub t_us: u64,
    /// The verdict, or why a due window could not be scored, after which the detector goes on.
    pub verdict: std::result::Result<Verdict, DeviceError>,
    /// Sum of the alarm after it, in nats.
    pub g: f32,
    /// Statistic of the drift after it.
    pub statistic: f32,
}

/// Readings with their times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stream<'r> {
    /// Readings in raw units, `[time, channels]`; NaN for a value that is not known, a whole reading of NaN for one
    /// that did not come.
    pub readings: &'r [f32],
    /// When each came, in microseconds; by the rate of the window where it is `None`.
    pub times: Option<&'r [u64]>,
}

impl Stream<'_> {
    /// When reading number `at` came, in microseconds: as given, else by the window's rate, else its number.
    pub fn t_us(&self, window: Option<&Window>, at: usize) -> u64 {
        let by_rate = |rate: f64| (at as f64 * 1e6 / rate).round() as u64;
        let rate = window.and_then(|window| window.rate);
        let given = self.times.and_then(|times| times.get(at)).copied();
        given.unwrap_or_else(|| rate.map_or(at as u64, by_rate))
    }
}

/// The verdicts on all readings, one for each of them, in order; the alarm is never acknowledged.
///
/// `model` is in the precision of its calibration; of the form of its weights for one core or another nothing depends.
///
/// # Errors
///
/// An input error: the readings are no whole number of readings, there are not as many times, or the model has no
/// detector.
pub fn verdicts(
    model: &Model,
    calibration: &Calibration,
    stream: Stream<'_>,
) -> Result<Vec<Judged>> {
    verdicts_observed(model, calibration, stream, |_, _| {})
}

/// [`verdicts`], which calls `observe` for each window that was scored, with the number of its last reading and what the
/// network says of it.
///
/// # Errors
///
/// As there.
pub fn verdicts_observed(
    model: &Model,
    calibration: &Calibration,
    stream: Stream<'_>,
    mut observe: impl FnMut(usize, &ScoredWindow<'_>),
) -> Result<Vec<Judged>> {
    let shape = calibration.shape;
    let window = model.window.as_ref();
    let Some(settings) =
        window.filter(|_| stream.readings.len().is_multiple_of(shape.channels.max(1)))
    else {
        return Err(Error::input(format!(
            "{} values are no whole number of readings of {} channels; give an array [time, channels]",
            stream.readings.len(),
            shape.channels
        )));
    };
    let count = stream.readings.len() / shape.channels.max(1);
    if let Some(times) = stream.times.filter(|times| times.len() != count) {
        return Err(Error::input(format!(
            "found {} times of {count} readings; give one for each",
            times.len()
        )));
    }
    let modes = calibration.ranks_of_modes();
    let design = calibration.design(&modes);
    let mut network = Network::new(model, calibration)?;
    let mut monitor = Monitor::NEW;
    let (mut ring, mut memory) = (Ring::new(), vec![0.0; shape.channels * shape.length]);
    let mut states = vec![ChannelState::NEW; shape.channels];
    let mut x = vec![0.0; memory.len()];
    let mut w = vec![0.0; design.drift.map_or(0, |drift| drift.moments.len())];
    let done = watch::begin("readings", count);
    let mut all = Vec::with_capacity(count);
    for (at, reading) in stream.readings.chunks_exact(shape.channels.max(1)).enumerate() {
        let t_us = stream.t_us(window, at);
        let parts = WindowParts { ring: &mut ring, memory: &mut memory, states: &mut states };
        let accepted = monitor.accept(&design, parts, t_us, reading).map_err(damaged)?;
        let verdict = match accepted {
            Some(verdict) => {
                if verdict == Verdict::Gap {
                    network.reset();
                }
                Ok(verdict)
            }
            None => {
                let readings = ring.readings(shape, &memory).ok_or_else(no_window)?;
                readings.normalize(&settings.mean, &settings.std, settings.layout().into(), &mut x);
                network.evaluate(&x)?.map(|(score, outside)| {
                    observe(at, &network.scored(&x, (score, outside)));
                    let evaluated = Evaluated { score, outside, q: network.posterior() };
                    monitor.conclude(&design, &mut w, evaluated, || network.blame(&x))
                })
            }
        };
        let (g, statistic) = (monitor.cusum().g(), monitor.statistic());
        all.push(Judged { reading: at, t_us, verdict, g, statistic });
        done();
    }
    Ok(all)
}

/// The error on readings that do not fit the calibration.
fn damaged(error: elbow_core::window::WindowError) -> Error {
    Error::input(format!("{error}; calibrate the model again"))
}

/// The error on a window that is due and not complete.
fn no_window() -> Error {
    Error::input("a window is due and not complete; calibrate the model again")
}
/// The name under which a verdict is told and counted, `sensor_fault_stuck` for one of a fault with its kind.
pub fn verdict_name(verdict: &Verdict) -> String {
    let text = match verdict {
        Verdict::SensorFault { kind, .. } => format!("SensorFault{kind:?}"),
        verdict => format!("{verdict:?}"),
    };
    let mut name = String::new();
    for letter in text.chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
