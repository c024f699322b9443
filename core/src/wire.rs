//! Frames between device and host, version 3.
//!
//! One frame is `COBS(postcard(message) ++ CRC-32) ++ 0`: a receiver that lost its place finds it
//! again at the next zero. The checksum is CRC-32/ISO-HDLC of the postcard bytes, little-endian.
//! The host sends [`Request`]s, the device answers with [`Reply`]s; the number of a variant is its
//! position in the enum and part of the format, as are the fields: new variants go to the end, and
//! any other change is a new [`PROTOCOL`].
//!
//! | Request | Replies |
//! |---|---|
//! | `Hello` | `Hello` |
//! | `Select` | `Described` |
//! | `Encode` | one `Posterior` per posterior, then `samples` times `Sample` |
//! | `Run` | `Ran`, then one `Output` per output |
//! | `Bye` | `Bye`, the last frame |
//! | `Reset` | `Reset` |
//! | `Trace` | `Traced`, then one `Layer` per layer |
//! | `Infer` | `Inferred` |
//! | `LogProb` | `LogProb` |
//! | `Watch` | `Watching` |
//! | `Reading` | `Judged` |
//! | `Clock` | `Clock` |
//!
//! Instead of any of these the device may send one `Refused`. An image that reads a sensor answers no requests:
//! it sends `Status` at its start and about every second, and `Sensed` for every window. Nothing here panics or
//! allocates.

mod frame;
mod judged;
mod refusal;
mod telemetry;

pub use frame::{Deframer, Framer, TooLong, frame_len, message_len, parse};
pub use judged::Judged;
pub use refusal::Refusal;
pub use telemetry::{Counts, Judgement, ResetReason, Sensed, SensorFaults, Status};

use crate::compiled::Buffers;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zerocopy::IntoBytes;

#[cfg(not(target_endian = "little"))]
compile_error!(
    "frames carry little-endian floats as they lie in memory: add a swap for this target"
);

/// Bits that fill the arena before every inference, so that what has changed was used: a NaN that no kernel
/// produces. What follows a tensor of bytes in its last word keeps them.
pub const PAINT: u32 = 0x7fe1_b0a7;

/// Version of messages and framing.
pub const PROTOCOL: u16 = 3;

/// A request of the host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Request<'a> {
    /// Ask for versions, the number of models and the speed of the clock.
    Hello,
    /// Use this model from now on; its pack is verified, its state zero.
    Select {
        /// Position in the image.
        model: u32,
    },
    /// Encode one observation with the selected model.
    Encode {
        /// Datapoint number: names the row in the replies and its noise stream.
        row: u64,
        /// Key of the noise stream.
        key: u64,
        /// How many samples to draw.
        samples: u32,
        /// All inputs, one after another: observation, conditions, noise.
        #[serde(borrow)]
        inputs: Floats<'a>,
    },
    /// Run a flow, or a graph without roles.
    Run {
        /// Datapoint number.
        row: u64,
        /// All inputs, one after another.
        #[serde(borrow)]
        inputs: Floats<'a>,
    },
    /// End the program, where the board can.
    Bye,
    /// Zero the state that the selected model keeps between calls.
    Reset,
    /// Ask for the checksums of what the steps of the last inference wrote.
    Trace,
    /// Encode one observation with the selected model, and go on from its posterior.
    Infer {
        /// Datapoint number: names the row in the reply and its noise stream.
        row: u64,
        /// Key of the noise stream.
        key: u64,
        /// What is asked for.
        task: Inference,
        /// Samples of a bound, or steps of a refinement.
        count: u32,
        /// All inputs, one after another: observation, conditions, noise.
        #[serde(borrow)]
        inputs: Floats<'a>,
    },
    /// Ask for `ln p(x)` of one observation, by a flow whose latent is standard normal.
    LogProb {
        /// Datapoint number.
        row: u64,
        /// All inputs, one after another.
        #[serde(borrow)]
        inputs: Floats<'a>,
    },
    /// Begin a recording: the detector of the selected model is as at the start, with its weights.
    Watch,
    /// Hand one reading to the detector.
    Reading {
        /// When it came, in microseconds.
        t_us: u64,
        /// One value for each channel, in raw units.
        #[serde(borrow)]
        values: Floats<'a>,
    },
    /// Ask how fast the clock of [`Cost::ticks`] is in seconds.
    Clock,
}

/// What is inferred with a decoder, by the functions of [`crate::infer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Inference {
    /// [`elbo`](crate::infer::elbo) with [`Independent`](crate::noise::Independent) draws.
    Elbo,
    /// [`iwae`](crate::infer::iwae) with [`Independent`](crate::noise::Independent) draws.
    Iwae,
    /// A refinement of the encoder's posterior, with its guard.
    Refine,
    /// A refinement that starts from the prior, with its guard.
    RefinePrior,
}

/// What was inferred.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Inferred {
    /// Log-likelihood and divergence of `Elbo`, bound and effective sample size of `Iwae`, gain and its
    /// standard error of a refinement.
    pub values: [f32; 2],
    /// True where the guard of a refinement kept its start; false otherwise.
    pub kept_start: bool,
}

/// A reply of the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reply<'a> {
    /// To `Hello`.
    Hello {
        /// [`PROTOCOL`] of the device.
        protocol: u16,
        /// Version of its noise, [`NOISE_VERSION`](crate::noise::NOISE_VERSION).
        noise_version: u32,
        /// Models in the image.
        models: u32,
        /// How often [`Cost::ticks`] ticks in a million instructions (or cycles), measured at start.
        ticks_per_million: u32,
    },
    /// To `Select`.
    Described(#[serde(borrow)] Described<'a>),
    /// A posterior of one observation.
    Posterior {
        /// From the request.
        row: u64,
        /// Which one, from 0.
        index: u32,
        /// Mean of `q(z | x)`.
        #[serde(borrow)]
        mean: Floats<'a>,
        /// Its log-variance.
        #[serde(borrow)]
        log_var: Floats<'a>,
        /// Log-variances that the model's clamps changed, of all posteriors.
        clamp_hits: u32,
        /// What encoding cost, all posteriors together.
        cost: Cost,
        /// The score at the posterior mean, where the model has one.
        score: Option<Score>,
    },
    /// One draw from every posterior, one after another.
    Sample {
        /// From the request.
        row: u64,
        /// Number of the draw, from 0.
        sample: u32,
        /// First block of the noise stream.
        words: [u32; 4],
        /// Standard normal noise.
        #[serde(borrow)]
        eps: Floats<'a>,
        /// `mean + exp(log_var / 2) * eps`
        #[serde(borrow)]
        z: Floats<'a>,
    },
    /// A flow or a graph without roles has run.
    Ran {
        /// From the request.
        row: u64,
        /// `Output` frames that follow.
        outputs: u32,
        /// What running cost.
        cost: Cost,
    },
    /// One output of it.
    Output {
        /// Position among the outputs.
        index: u32,
        /// Its values.
        #[serde(borrow)]
        values: Floats<'a>,
    },
    /// To any request that was not carried out.
    Refused(Refusal),
    /// To `Bye`.
    Bye,
    /// To `Reset`.
    Reset,
    /// To `Trace`.
    Traced {
        /// `Layer` frames that follow; none from a model that was not compiled for it.
        layers: u32,
    },
    /// One step of the last inference.
    Layer {
        /// Position among the steps.
        index: u32,
        /// [`crc32_of_floats`](crate::checksum::crc32_of_floats) of what it wrote.
        crc: u32,
    },
    /// To `Infer`.
    Inferred {
        /// From the request.
        row: u64,
        /// Mean of the posterior: the encoder's, or the refined one.
        #[serde(borrow)]
        mean: Floats<'a>,
        /// Its log-variance.
        #[serde(borrow)]
        log_var: Floats<'a>,
        /// What was inferred.
        found: Inferred,
        /// What it cost, without encoding.
        cost: Cost,
    },
    /// To `LogProb`.
    LogProb {
        /// From the request.
        row: u64,
        /// `ln p(x)` in nats.
        value: f32,
        /// What it cost, the flow included.
        cost: Cost,
    },
    /// To `Watch`.
    Watching {
        /// Bytes of the detector: all the RAM that it takes besides the stack.
        detector_bytes: u32,
    },
    /// To `Reading`.
    Judged(Judged),
    /// To no request: how a board with a sensor fares.
    Status(#[serde(borrow)] Status<'a>),
    /// To no request: what a board with a sensor found in a window.
    Sensed(#[serde(borrow)] Sensed<'a>),
    /// To `Clock`.
    Clock {
        /// How often [`Cost::ticks`] ticks in a second; `None` where that is not known, as in an emulator.
        ticks_per_second: Option<u32>,
    },
}

/// Name, fingerprint and sizes of a model on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Described<'a> {
    /// Name of the generated module.
    pub name: &'a str,
    /// Fingerprint of its plans.
    pub fingerprint: u64,
    /// What it computes.
    pub kind: Kind,
    /// Bytes of its workspace.
    pub workspace_bytes: u32,
}

/// What a model computes; lengths count floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// Posteriors.
    Amortized {
        /// Length of all inputs together.
        inputs: u32,
        /// Length of all latents together.
        latent: u32,
        /// Number of posteriors.
        posteriors: u32,
        /// Whether a decoder scores the observation.
        scored: bool,
    },
    /// Outputs: those of a flow, or without declared roles.
    Bare {
        /// Length of all inputs together.
        inputs: u32,
        /// Number of outputs.
        outputs: u32,
    },
}

/// What one inference took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cost {
    /// Ticks of the board's counter.
    pub ticks: u32,
    /// Stack bytes written below the caller; `None` where the board does not know.
    pub stack_bytes: Option<u32>,
    /// Bytes of the arena that were written.
    pub arena_bytes: u32,
}

/// The terms of [`elbo_at_mean`](crate::infer::elbo_at_mean), and what they cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Score {
    /// Log-likelihood at the posterior mean, in nats.
    pub log_likelihood: f32,
    /// Divergence from the prior, in nats.
    pub kl: f32,
    /// What decoding and scoring cost.
    pub cost: Cost,
}

/// Floats on the wire: little-endian, at any address.
///
/// Bytes that are no whole number of floats are refused with their message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Floats<'a>(&'a [[u8; FLOAT]]);

/// Bytes of a float.
const FLOAT: usize = size_of::<f32>();

impl<'a> Floats<'a> {
    /// The bytes of `values`, borrowed.
    #[must_use]
    pub fn new(values: &'a [f32]) -> Self {
        Self(values.as_bytes().as_chunks().0)
    }

    /// The values in order, with every bit as it was sent.
    pub fn iter(&self) -> impl Iterator<Item = f32> + 'a {
        self.0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// Fills `buffers`, one array after another, with the floats in their order; their bits are not checked.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLength`] unless there are exactly as many floats as the buffers hold; the buffers are
    /// then unchanged.
    pub fn copy_to<B: Buffers>(&self, buffers: &mut B) -> Result<(), Refusal> {
        let expected = B::LENS.iter().sum::<usize>();
        if self.0.len() != expected {
            let (expected, found_bytes) = (expected as u32, (self.0.len() * FLOAT) as u32);
            return Err(Refusal::WrongLength { expected, found_bytes });
        }
        let places = buffers.parts_mut().flatten();
        places.zip(self.iter()).for_each(|(place, value)| *place = value);
        Ok(())
    }
}

impl Serialize for Floats<'_> {
    /// Writes the floats as one byte string: its length in bytes, then the bytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_flattened())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Floats<'a> {
    /// Reads a byte string without copying it; an error where its length is not a multiple of four bytes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match <&[u8]>::deserialize(deserializer)?.as_chunks() {
            (floats, []) => Ok(Self(floats)),
            _ => Err(D::Error::custom("bytes that are no whole number of floats")),
        }
    }
}
