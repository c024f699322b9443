//! What a board with a sensor tells by itself: frames of a stream, as values of one's own.

use super::{Error, PAYLOAD, Result};
use elbow_core::detect::Verdict;
use elbow_core::wire::{
    Counts, Deframer, Judgement, PROTOCOL, Reply, ResetReason, Sensed, Status, message_len, parse,
};
use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

/// What arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// How the board fares.
    Status(BoardStatus),
    /// What it found in a window.
    Window(WindowFinding),
}

/// How a board with a sensor fares; [`Status`] has the meaning of each.
#[derive(Clone, Debug, PartialEq)]
pub struct BoardStatus {
    /// Name of the model.
    pub model: String,
    /// Fingerprint of its plans.
    pub fingerprint: u64,
    /// Name of the sensor.
    pub sensor: String,
    /// Values of a reading.
    pub channels: u32,
    /// Readings from one window to the next.
    pub hop: u32,
    /// Readings of a second.
    pub rate: f32,
    /// Why the program began.
    pub reset: ResetReason,
    /// Seconds since the start.
    pub seconds: f64,
    /// Share of that time in which inference was busy; 0 at the start.
    pub duty: f64,
    /// What has come in, and what has not.
    pub counts: Counts,
}

/// What a board found in a window; [`Sensed`] has the meaning of each.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowFinding {
    /// Number of the message since the start.
    pub number: u32,
    /// Number of the window's last reading.
    pub reading: u32,
    /// When that came, in seconds since the start.
    pub seconds: f64,
    /// Seconds from then to the result.
    pub delay: f64,
    /// Seconds that inference took of these.
    pub busy: f64,
    /// Means of the posterior; empty where the window was not encoded.
    pub mean: Vec<f32>,
    /// Its log-variances.
    pub log_var: Vec<f32>,
    /// What is said of the window.
    pub judgement: Judgement,
}

impl WindowFinding {
    /// The score in nats; `None` where there is none.
    pub fn score(&self) -> Option<f32> {
        match self.judgement {
            Judgement::Scored { score, .. } => Some(score),
            Judgement::Verdict {
                verdict:
                    Verdict::Scored { score, .. }
                    | Verdict::Anomaly { score, .. }
                    | Verdict::Alarm { score, .. }
                    | Verdict::Drift { score, .. },
                ..
            } => Some(score),
            _ => None,
        }
    }

    /// The share of normal windows that score no better; `None` where there is none.
    pub fn p(&self) -> Option<f32> {
        let Judgement::Verdict { verdict, .. } = self.judgement else { return None };
        match verdict {
            Verdict::Scored { p, .. }
            | Verdict::Anomaly { p, .. }
            | Verdict::Alarm { p, .. }
            | Verdict::Drift { p, .. } => Some(p),
            _ => None,
        }
    }

    /// The channel that the verdict names; `None` where it names none.
    pub fn channel(&self) -> Option<usize> {
        let Judgement::Verdict { verdict, .. } = self.judgement else { return None };
        match verdict {
            Verdict::Anomaly { channel, .. } | Verdict::Alarm { channel, .. } => channel,
            Verdict::SensorFault { channel, .. } => Some(channel),
            _ => None,
        }
    }

    /// Sum of the alarm in nats and statistic of the drift; `None` for a model without a detector.
    pub fn sums(&self) -> Option<[f32; 2]> {
        let Judgement::Verdict { g, statistic, .. } = self.judgement else { return None };
        Some([g, statistic])
    }

    /// What is said of the window in a word: `encoded`, `scored`, `anomaly`, `refused`, and the verdicts by their
    /// names, a fault with its kind.
    pub fn verdict(&self) -> String {
        match self.judgement {
            Judgement::Encoded => "encoded".into(),
            Judgement::Scored { is_anomalous: Some(true), .. } => "anomaly".into(),
            Judgement::Scored { .. } => "scored".into(),
            Judgement::Verdict { verdict, .. } => crate::detect::verdict_name(&verdict),
            Judgement::Refused(_) => "refused".into(),
        }
    }
}

/// Reads what a board tells from a stream, which should give up a read after a short time.
#[derive(Debug)]
pub struct Listener<S> {
    stream: S,
    deframer: Deframer<Vec<u8>>,
    received: Vec<u8>,
    /// Bytes that have come.
    bytes: u64,
    /// Whole frames that were none of telemetry.
    foreign: u32,
    /// Whether the stream has failed or ended.
    gone: bool,
}

impl<S: Read> Listener<S> {
    /// Listens to `stream`.
    pub fn new(stream: S) -> Self {
        let deframer = Deframer::new(vec![0; message_len(PAYLOAD)]);
        Self { stream, deframer, received: Vec::new(), bytes: 0, foreign: 0, gone: false }
    }

    /// Whether the stream has failed or ended, so that it has to be opened again.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Number of damaged frames so far; the first bytes of a stream are often such a frame.
    pub fn damaged(&self) -> u32 {
        self.deframer.bad_frames()
    }

    /// The next that the board tells; `None` where nothing came in `wait`.
    ///
    /// # Errors
    ///
    /// An environment error where the stream fails or ends, and for a board of another version of the protocol.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Told>> {
        let deadline = Instant::now() + wait;
        loop {
            for (at, byte) in self.received.iter().enumerate() {
                let Some(message) = self.deframer.push(*byte) else { continue };
                match told(message)? {
                    None => self.foreign += 1,
                    Some(told) => {
                        self.received.drain(..=at);
                        return Ok(Some(told));
                    }
                }
            }
            self.received.clear();
            if Instant::now() >= deadline {
                return Ok(None);
            }
            self.receive()?;
        }
    }

    /// Why nothing was heard, and what to do, of a board that told nothing.
    pub fn silence(&self) -> String {
        match (self.bytes, self.foreign) {
            (0, _) => "the board is silent: does it have power, and does the sensor image run on it? The parity \
                       image tells nothing by itself"
                .into(),
            (_, 1..) => "the board answers somebody else's requests, or is of another version of elbow: close the \
                         other program, and flash the sensor image with this version"
                .into(),
            (bytes, 0) => format!(
                "{bytes} bytes came, and nothing that a sensor image tells: the board runs another program, or sends \
                 at another speed"
            ),
        }
    }

    /// Waits for bytes, as long as the stream does. An environment error where it fails or ends.
    fn receive(&mut self) -> Result<()> {
        self.received.resize(4096, 0);
        let read = self.stream.read(&mut self.received);
        self.received.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => {
                self.gone = true;
                Err(Error::environment("the link to the board has ended"))
            }
            Ok(count) => {
                self.bytes += count as u64;
                Ok(())
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
                ) =>
            {
                Ok(())
            }
            Err(error) => {
                self.gone = true;
                Err(Error::environment(format!("the link to the board broke: {error}")))
            }
        }
    }
}

/// What a message tells; `None` where it is none of telemetry. An environment error for the status of a board of
/// another version of the protocol.
fn told(message: &[u8]) -> Result<Option<Told>> {
    Ok(match parse(message) {
        Some(Reply::Status(status)) if status.protocol != PROTOCOL => {
            return Err(Error::environment(format!(
                "the version of the protocol is {} on the device and {PROTOCOL} here: build and flash its firmware \
                 with this version of elbow",
                status.protocol
            )));
        }
        Some(Reply::Status(status)) => Some(Told::Status(status.into())),
        Some(Reply::Sensed(sensed)) => Some(Told::Window(sensed.into())),
        _ => None,
    })
}

/// A microsecond in seconds.
const US: f64 = 1e-6;

impl From<Status<'_>> for BoardStatus {
    fn from(status: Status<'_>) -> Self {
        Self {
            model: status.model.into(),
            fingerprint: status.fingerprint,
            sensor: status.sensor.into(),
            channels: status.channels,
            hop: status.hop,
            rate: status.rate,
            reset: status.reset,
            seconds: status.t_us as f64 * US,
            duty: status.busy_us as f64 / (status.t_us as f64).max(1.0),
            counts: status.counts,
        }
    }
}

impl From<Sensed<'_>> for WindowFinding {
    fn from(sensed: Sensed<'_>) -> Self {
        Self {
            number: sensed.number,
            reading: sensed.reading,
            seconds: sensed.t_us as f64 * US,
            delay: f64::from(sensed.delay_us) * US,
            busy: f64::from(sensed.busy_us) * US,
            mean: sensed.mean.iter().collect(),
            log_var: sensed.log_var.iter().collect(),
            judgement: sensed.judgement,
        }
    }
}
