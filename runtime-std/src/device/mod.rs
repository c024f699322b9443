//! Stage 6, the device's side: an image with models is built, booted, and asked.
//!
//! | File | Does |
//! |---|---|
//! | `target` | the table of emulated devices |
//! | `build` | models and firmware become an image |
//! | `emulated` | an image is built, booted in an emulator, and looked at |
//! | `qemu` | an emulator as a byte stream |
//! | `address` | a serial port, or a TCP port in its place, as a byte stream |
//! | `wired` | a board at an address: found, greeted, asked again where something was lost |
//! | `link` | requests and replies over a byte stream |
//! | `telemetry` | what a board with a sensor tells by itself |
//! | `log` | defmt frames become lines |
//!
//! `elbow-emulator` finds code bytes and stack bound of an image.

mod address;
mod build;
mod emulated;
mod link;
mod log;
mod qemu;
mod target;
mod telemetry;
#[cfg(test)]
mod tests;
mod wired;

pub use address::{Address, Connection};
pub use build::{Firmware, build_image, find_firmware};
pub use elbow_emulator::{Call, Executed, Footprint, Image, Trace, timing};
pub use emulated::ModelFootprint;
pub use link::Link;
pub use qemu::Qemu;
pub use target::Target;
pub use telemetry::{BoardStatus, Listener, Told, WindowFinding};

use crate::rows::StreamKey;
use crate::{Error, Result};
use elbow_core::infer::ElboTerms;
use elbow_core::noise::NOISE_VERSION;
use elbow_core::wire::{
    Cost, Floats, Inference, Inferred, Judged, Kind, PROTOCOL, Refusal, Reply, Request,
};
use std::io::{Read, Write};

/// Bytes that a message may carry: more than the memory of any target.
const PAYLOAD: usize = 16 << 20;

/// A device with models in it, at the other end of a byte stream: an emulator, or a board at a serial port.
#[derive(Debug)]
pub struct Device<S = Qemu> {
    link: Link<S>,
    timer: TimerSpeed,
    models: Vec<String>,
    selected: Option<Selected>,
    /// How a lost link is found again; an emulator's is not lost.
    recovery: Option<wired::Recovery>,
}

/// The speed of the device's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimerSpeed {
    /// Ticks in a million instructions, or cycles; not 0.
    ticks_per_million: u32,
    /// Ticks in a second; `None` where the device does not say.
    ticks_per_second: Option<u32>,
}

/// The selected model, as the device describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Name of the generated module.
    pub name: String,
    /// Fingerprint of its plans.
    pub fingerprint: u64,
    /// What it computes.
    pub kind: Kind,
    /// Bytes of its workspace.
    pub workspace_bytes: u32,
}

/// Posteriors that the device computed, one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    /// Means.
    pub loc: Vec<f32>,
    /// Log-variances.
    pub log_var: Vec<f32>,
    /// Draws, in order.
    pub samples: Vec<DeviceSample>,
    /// The bound's terms at the mean, where the model has a decoder, and what they cost.
    pub score: Option<(ElboTerms, Spent)>,
    /// Log-variances that the clamp changed.
    pub clamp_hits: u32,
    /// What encoding cost.
    pub spent: Spent,
}

/// A draw from the posterior.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceSample {
    /// First block of the noise stream.
    pub words: [u32; 4],
    /// Standard normal noise.
    pub eps: Vec<f32>,
    /// The sample.
    pub z: Vec<f32>,
}

/// What the device inferred with its decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceInferred {
    /// What was found.
    pub found: Inferred,
    /// Means of the posterior afterwards.
    pub loc: Vec<f32>,
    /// Its log-variances.
    pub log_var: Vec<f32>,
    /// What it cost, without encoding.
    pub spent: Spent,
}

/// What one inference took on the device.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Instructions of an emulated board, cycles of a real one, from ticks of its timer; the resolution of the former
    /// is 32 to 50 instructions.
    pub instructions: u64,
    /// The same in seconds of the board's time; `None` where the board does not know its speed.
    pub seconds: Option<f64>,
    /// Stack bytes used, by painting.
    pub stack_bytes: Option<u32>,
    /// Arena bytes written, by painting.
    pub arena_bytes: u32,
}

impl TimerSpeed {
    /// What so much is in instructions and seconds.
    fn spent(self, cost: Cost) -> Spent {
        let ticks = u64::from(cost.ticks);
        Spent {
            instructions: ticks * 1_000_000 / u64::from(self.ticks_per_million),
            seconds: self.ticks_per_second.map(|rate| ticks as f64 / f64::from(rate)),
            stack_bytes: cost.stack_bytes,
            arena_bytes: cost.arena_bytes,
        }
    }
}

impl<S: Read + Write> Device<S> {
    /// Opens a session with a device whose image contains the models of these names; `select` counts them in
    /// this order. No model is selected yet.
    ///
    /// Where it is known how often the device's timer ticks in a million instructions, a device that says
    /// anything else is refused.
    ///
    /// # Errors
    ///
    /// Where the device does not answer, or is of another version than this library.
    pub fn connect(stream: S, models: Vec<String>, ticks_per_million: Option<u32>) -> Result<Self> {
        let mut link = Link::new(stream, PAYLOAD);
        let greeting = link.ask(&Request::Hello, |reply| greeted(&reply, ticks_per_million))?;
        let timer =
            TimerSpeed { ticks_per_million: greeting.ticks_per_million, ticks_per_second: None };
        Ok(Self { link, timer, models, selected: None, recovery: None })
    }

    /// Uses the model that has this `index` among those of [`connect`](Self::connect) from now on, with its
    /// state zero; returns its description.
    ///
    /// # Errors
    ///
    /// Where there is no such model or its weights are damaged.
    pub fn select(&mut self, index: usize) -> Result<&Selected> {
        let name = self.models.get(index).ok_or_else(|| {
            Error::input(format!("model {index} of an image with {}", self.models.len()))
        })?;
        let selected = self.choose(build::number(&self.models, name))?;
        Ok(self.selected.insert(selected))
    }

    /// The description of the model with this number in the image, which is the selected one from now on. An
    /// environment error where there is none or its weights are damaged.
    fn choose(&mut self, model: u32) -> Result<Selected> {
        self.link.ask(&Request::Select { model }, |reply| match reply {
            Reply::Described(d) => Ok(Selected {
                name: d.name.to_owned(),
                fingerprint: d.fingerprint,
                kind: d.kind,
                workspace_bytes: d.workspace_bytes,
            }),
            other => Err(unexpected(&other)),
        })
    }

    /// Zeros the state that the selected model keeps between calls.
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as without a selected model; where the link fails.
    pub fn reset(&mut self) -> Result<()> {
        self.link.ask(&Request::Reset, |reply| match reply {
            Reply::Reset => Ok(()),
            other => Err(unexpected(&other)),
        })
    }

    /// Posteriors of one observation, all of a hierarchy one after another, and `samples` draws from them,
    /// with the noise of `Stream::new(key, row, sample)`. `inputs` are the observation, conditions and noise,
    /// one after another.
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as without a selected model; where the link fails.
    pub fn encode(
        &mut self,
        row: u64,
        key: u64,
        samples: u32,
        inputs: &[f32],
    ) -> Result<DeviceRow> {
        self.insist(|device| device.encode_once(row, key, samples, inputs))
    }

    /// [`encode`](Self::encode), asked once.
    fn encode_once(
        &mut self,
        row: u64,
        key: u64,
        samples: u32,
        inputs: &[f32],
    ) -> Result<DeviceRow> {
        let request = Request::Encode { row, key, samples, inputs: Floats::new(inputs) };
        self.link.send(&request)?;
        let timer = self.timer;
        let mut answer = self.link.reply(|reply| posterior(&reply, row, 0, timer))?;
        let posteriors = match self.selected.as_ref().map(|selected| selected.kind) {
            Some(Kind::Amortized { posteriors, .. }) => posteriors,
            _ => 1,
        };
        for index in 1..posteriors {
            let next = self.link.reply(|reply| posterior(&reply, row, index, timer))?;
            answer.loc.extend(next.loc);
            answer.log_var.extend(next.log_var);
        }
        for number in 0..samples {
            answer.samples.push(self.link.reply(|reply| match reply {
                Reply::Sample { row: r, sample, words, eps, z } if (r, sample) == (row, number) => {
                    Ok(DeviceSample { words, eps: eps.iter().collect(), z: z.iter().collect() })
                }
                other => Err(unexpected(&other)),
            })?);
        }
        Ok(answer)
    }

    /// What the decoder infers for one observation after encoding it: `task` with `count` samples or steps,
    /// with the noise of `stream`, whose row it is. `inputs` as for [`encode`](Self::encode).
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as without a selected model; where the link fails.
    pub fn infer(
        &mut self,
        stream: StreamKey,
        task: Inference,
        count: u32,
        inputs: &[f32],
    ) -> Result<DeviceInferred> {
        let StreamKey { seed: key, row } = stream;
        let request = Request::Infer { row, key, task, count, inputs: Floats::new(inputs) };
        let timer = self.timer;
        self.insist(|device| {
            device.link.ask(&request, |reply| match reply {
                Reply::Inferred { row: r, mean, log_var, found, cost } if r == row => {
                    Ok(DeviceInferred {
                        found,
                        loc: mean.iter().collect(),
                        log_var: log_var.iter().collect(),
                        spent: timer.spent(cost),
                    })
                }
                other => Err(unexpected(&other)),
            })
        })
    }

    /// The outputs of a flow or a graph without roles, in its order, and the cost; `inputs` are all its
    /// inputs, one after another. `row` is only given back by the device.
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as without a selected model; where the link fails.
    pub fn run(&mut self, row: u64, inputs: &[f32]) -> Result<(Vec<Vec<f32>>, Spent)> {
        self.insist(|device| device.run_once(row, inputs))
    }

    /// [`run`](Self::run), asked once.
    fn run_once(&mut self, row: u64, inputs: &[f32]) -> Result<(Vec<Vec<f32>>, Spent)> {
        let request = Request::Run { row, inputs: Floats::new(inputs) };
        let (count, cost) = self.link.ask(&request, |reply| match reply {
            Reply::Ran { row: r, outputs, cost } if r == row => Ok((outputs, cost)),
            other => Err(unexpected(&other)),
        })?;
        let mut outputs = Vec::new();
        for number in 0..count {
            outputs.push(self.link.reply(|reply| match reply {
                Reply::Output { index, values } if index == number => Ok(values.iter().collect()),
                other => Err(unexpected(&other)),
            })?);
        }
        Ok((outputs, self.timer.spent(cost)))
    }

    /// `ln p(x)` in nats by a flow whose latent is standard normal, and the cost; `inputs` are all its
    /// inputs, one after another. `row` is only given back by the device.
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as without a selected model; where the link fails.
    pub fn log_prob(&mut self, row: u64, inputs: &[f32]) -> Result<(f32, Spent)> {
        let request = Request::LogProb { row, inputs: Floats::new(inputs) };
        let timer = self.timer;
        self.insist(|device| {
            device.link.ask(&request, |reply| match reply {
                Reply::LogProb { row: r, value, cost } if r == row => {
                    Ok((value, timer.spent(cost)))
                }
                other => Err(unexpected(&other)),
            })
        })
    }

    /// Begins a recording for the detector of the selected model; gives the bytes of RAM that it takes.
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as for a model without a detector; where the link fails.
    pub fn watch(&mut self) -> Result<u32> {
        self.insist(|device| {
            device.link.ask(&Request::Watch, |reply| match reply {
                Reply::Watching { detector_bytes } => Ok(detector_bytes),
                other => Err(unexpected(&other)),
            })
        })
    }

    /// The verdict of the detector on a reading that came at `t_us`, in microseconds, and the cost; or why the
    /// device refused the reading or its window, after which it goes on. The detector of a board keeps what it was
    /// handed, so that [`ask_once`](Self::ask_once) has to come before.
    ///
    /// # Errors
    ///
    /// Where the link fails.
    pub fn reading(
        &mut self,
        t_us: u64,
        values: &[f32],
    ) -> Result<std::result::Result<(Judged, Spent), Refusal>> {
        let request = Request::Reading { t_us, values: Floats::new(values) };
        let timer = self.timer;
        self.insist(|device| {
            device.link.send(&request)?;
            device.link.reply_or_refusal(|reply| match reply {
                Reply::Judged(judged) => Ok((judged, timer.spent(judged.cost))),
                other => Err(unexpected(&other)),
            })
        })
    }

    /// One word per step of the last inference: a checksum of what it wrote, or the ticks when it ended, as
    /// the model was compiled; empty for a model compiled for neither.
    ///
    /// # Errors
    ///
    /// Where the device refuses, with its reason, as without a selected model; where the link fails.
    pub fn trace(&mut self) -> Result<Vec<u32>> {
        let layers = self.link.ask(&Request::Trace, |reply| match reply {
            Reply::Traced { layers } => Ok(layers),
            other => Err(unexpected(&other)),
        })?;
        let mut layer = |number: u32| {
            self.link.reply(|reply| match reply {
                Reply::Layer { index, crc } if index == number => Ok(crc),
                other => Err(unexpected(&other)),
            })
        };
        (0..layers).map(&mut layer).collect()
    }

    /// Ends the session, and returns the stream.
    ///
    /// # Errors
    ///
    /// Where the device does not answer.
    pub fn bye(mut self) -> Result<S> {
        self.link.ask(&Request::Bye, |reply| match reply {
            Reply::Bye => Ok(()),
            other => Err(unexpected(&other)),
        })?;
        Ok(self.link.into_inner())
    }
}

/// Posterior number `index` of row `row` from a reply, without samples; an environment error for any other
/// reply.
fn posterior(reply: &Reply<'_>, row: u64, index: u32, timer: TimerSpeed) -> Result<DeviceRow> {
    let spent = |cost| timer.spent(cost);
    match *reply {
        Reply::Posterior { row: r, index: i, mean, log_var, clamp_hits, cost, score }
            if (r, i) == (row, index) =>
        {
            let terms = |s: elbow_core::wire::Score| {
                (ElboTerms { log_likelihood: s.log_likelihood, kl: s.kl }, spent(s.cost))
            };
            Ok(DeviceRow {
                loc: mean.iter().collect(),
                log_var: log_var.iter().collect(),
                samples: Vec::new(),
                score: score.map(terms),
                clamp_hits,
                spent: spent(cost),
            })
        }
        ref other => Err(unexpected(other)),
    }
}

/// What a device says of itself in its reply to `Hello`.
#[derive(Clone, Copy, Debug)]
struct Greeting {
    /// Models in the image.
    models: u32,
    /// Ticks of its timer in a million instructions, or cycles; not 0.
    ticks_per_million: u32,
}

/// What the device reports in its reply to `Hello`. An environment error where protocol, noise version or
/// `expected_ticks` (if known) differ, the timer does not run, or the reply is another.
fn greeted(reply: &Reply<'_>, expected_ticks: Option<u32>) -> Result<Greeting> {
    let &Reply::Hello { protocol, noise_version, models, ticks_per_million } = reply else {
        return Err(unexpected(reply));
    };
    let versions = [
        ("version of the protocol", u32::from(protocol), u32::from(PROTOCOL)),
        ("version of the noise", noise_version, NOISE_VERSION),
    ];
    for (what, found, expected) in versions {
        if found != expected {
            return Err(Error::environment(format!(
                "the {what} is {found} on the device and {expected} here: build and flash its firmware with this \
                 version of elbow"
            )));
        }
    }
    if ticks_per_million == 0 {
        return Err(Error::environment("the device's timer stands still: it measures nothing"));
    }
    match expected_ticks.filter(|expected| *expected != ticks_per_million) {
        None => Ok(Greeting { models, ticks_per_million }),
        Some(expected) => Err(Error::environment(format!(
            "the device's timer ticks {ticks_per_million} times in a million instructions, expected {expected}: is it \
             another emulator?"
        ))),
    }
}

/// The environment error that the device sent another reply than the request asks for.
fn unexpected(reply: &Reply<'_>) -> Error {
    Error::environment(format!("an unexpected reply from the device: {reply:?}"))
}
