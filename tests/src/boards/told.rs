//! What a board with a sensor tells.

use elbow_core::wire::{
    Counts, Deframer, Judgement, Reply, ResetReason, Sensed, Status, message_len, parse,
};
use std::io::Read;

/// Bytes of floats or text that a message may carry.
const PAYLOAD: usize = 1 << 16;

/// A status that a board told.
#[derive(Clone, Debug)]
pub struct ToldStatus {
    /// Name of the model.
    pub model: String,
    /// Name of the sensor.
    pub sensor: String,
    /// Readings of a second.
    pub rate: f32,
    /// Why the program began.
    pub reset: ResetReason,
    /// Microseconds since the start.
    pub t_us: u64,
    /// Microseconds of inference.
    pub busy_us: u64,
    /// The counters.
    pub counts: Counts,
}

impl From<Status<'_>> for ToldStatus {
    /// The fields of the same names.
    fn from(status: Status<'_>) -> Self {
        let Status { rate, reset, t_us, busy_us, counts, .. } = status;
        let (model, sensor) = (status.model.into(), status.sensor.into());
        Self { model, sensor, rate, reset, t_us, busy_us, counts }
    }
}

/// A window that a board told.
#[derive(Clone, Debug)]
pub struct ToldWindow {
    /// Number of the message.
    pub number: u32,
    /// Number of its last reading.
    pub reading: u32,
    /// When that came, in microseconds.
    pub t_us: u64,
    /// Microseconds from then to the result.
    pub delay_us: u32,
    /// Microseconds of inference.
    pub busy_us: u32,
    /// Means.
    pub mean: Vec<f32>,
    /// Log-variances.
    pub log_var: Vec<f32>,
    /// What was said of it.
    pub judgement: Judgement,
}

impl From<Sensed<'_>> for ToldWindow {
    /// The fields of the same names.
    fn from(sensed: Sensed<'_>) -> Self {
        let Sensed { number, reading, t_us, delay_us, busy_us, judgement, .. } = sensed;
        let (mean, log_var) = (sensed.mean.iter().collect(), sensed.log_var.iter().collect());
        Self { number, reading, t_us, delay_us, busy_us, mean, log_var, judgement }
    }
}

/// All that a board told until its link ended.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// Status, in order.
    pub status: Vec<ToldStatus>,
    /// Windows, in order.
    pub windows: Vec<ToldWindow>,
    /// Frames that were damaged.
    pub bad_frames: u32,
}

impl Telemetry {
    /// Reads until the link ends.
    ///
    /// # Panics
    ///
    /// The link fails or is silent for too long, or a frame holds another message.
    pub fn read(mut link: impl Read) -> Self {
        let mut told = Self::default();
        let mut deframer = Deframer::new(vec![0; message_len(PAYLOAD)]);
        let mut bytes = [0; 4096];
        loop {
            let count = link.read(&mut bytes).expect("the link holds");
            if count == 0 {
                told.bad_frames = deframer.bad_frames();
                return told;
            }
            for byte in &bytes[..count] {
                match deframer.push(*byte).map(parse) {
                    None => {}
                    Some(Some(Reply::Status(status))) => told.status.push(status.into()),
                    Some(Some(Reply::Sensed(sensed))) => told.windows.push(sensed.into()),
                    Some(other) => panic!("{other:?}"),
                }
            }
        }
    }

    /// The counters of the last status.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn counts(&self) -> Counts {
        self.status.last().expect("a status").counts
    }
}
