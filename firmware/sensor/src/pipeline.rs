//! What the tasks share: two queues, the counters, and signs of life.

use crate::sensor::{hold_against, rate};
use crate::{Sensing, Sensor};
use core::cell::Cell;
use core::marker::PhantomData;
use elbow_core::wire::{Counts, Judgement};
use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex as Critical;
use embassy_sync::channel::Channel;

/// Readings that may wait for inference: a second of them at 64 Hz.
const READINGS: usize = 64;
/// Findings that may wait for the link.
const FINDINGS: usize = 8;

/// Source of a program for the documentation, whose sensor has readings of this type, unit and range.
macro_rules! sensor {
    ($reading:literal, $unit:literal, $range:literal) => {
        concat!(
            "# include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/tests/fake/model.rs\"));\n",
            "# use elbow_sensor::{SensorFault, Pipeline, Scoring, Sensor};\n",
            "struct Mine;\n\n",
            "impl Sensor for Mine {\n",
            "    type Reading = ",
            $reading,
            ";\n",
            "    const NAME: &'static str = \"mine\";\n",
            "    const UNIT: &'static str = \"",
            $unit,
            "\";\n",
            "    const RANGE: [f32; 2] = [",
            $range,
            "];\n",
            "#\n",
            "#   async fn start(&mut self) -> Result<(), SensorFault> { Ok(()) }\n",
            "#   async fn read(&mut self) -> Result<",
            $reading,
            ", SensorFault> { Err(SensorFault::Silent) }\n",
            "    // ...\n",
            "}\n\n",
            "static PIPELINE: Pipeline<Mine, Scoring<Model>> = Pipeline::new();\n",
            "# fn main() { PIPELINE.counts(); }\n",
        )
    };
}

/// A reading that was due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<R> {
    /// Its number since the start, from 0; those that did not come are counted too.
    pub number: u32,
    /// When it was taken, in microseconds since the start.
    pub t_us: u64,
    /// `None` where it did not come.
    pub reading: Option<R>,
}

/// What was found in a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finding<Q> {
    pub(crate) number: u32,
    pub(crate) reading: u32,
    pub(crate) t_us: u64,
    pub(crate) delay_us: u32,
    pub(crate) busy_us: u32,
    pub(crate) outputs: Option<Q>,
    pub(crate) judgement: Judgement,
}

/// A task that must make progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worker {
    Sample,
    Infer,
    Tell,
}

/// Figures of the program since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) counts: Counts,
    pub(crate) busy_us: u64,
    /// How often each task went round, modulo 2^32.
    pub(crate) rounds: [u32; 3],
}

/// What the tasks share, for a sensor and what is made of its readings: a `static`.
///
/// The sensor is held against the model's manifest. Here `[window]` names one channel, `unit = "mg"` and
/// `range = [-100, 100]`:
///
/// ```
#[doc = sensor!("[f32; 1]", "mg", "-200.0, 200.0")]
/// ```
///
/// A sensor of two channels does not compile,
///
/// ```compile_fail,E0271
#[doc = sensor!("[f32; 2]", "mg", "-200.0, 200.0")]
/// ```
///
/// nor does one of another unit,
///
/// ```compile_fail,E0080
#[doc = sensor!("[f32; 1]", "g", "-200.0, 200.0")]
/// ```
///
/// nor one that gives less than the range:
///
/// ```compile_fail,E0080
#[doc = sensor!("[f32; 1]", "mg", "-50.0, 50.0")]
/// ```
pub struct Pipeline<S: Sensor, G: Sensing<Reading = S::Reading>> {
    pub(crate) samples: Channel<Critical, Sample<S::Reading>, READINGS>,
    pub(crate) findings: Channel<Critical, Finding<G::Outputs>, FINDINGS>,
    figures: Mutex<Critical, Cell<Figures>>,
    is_for: PhantomData<fn(S, G)>,
}

impl<S: Sensor, G: Sensing<Reading = S::Reading>> Pipeline<S, G> {
    /// Nothing waits, nothing was counted. Does not compile where the sensor does not give what the manifest's
    /// `[window]` names.
    #[must_use]
    pub const fn new() -> Self {
        const { hold_against::<S, G::Model>() };
        Self {
            samples: Channel::new(),
            findings: Channel::new(),
            figures: Mutex::new(Cell::new(Figures { counts: NONE, busy_us: 0, rounds: [0; 3] })),
            is_for: PhantomData,
        }
    }

    /// Readings of a second.
    pub const RATE: f32 = rate::<G::Model>();

    /// Nanoseconds from one reading to the next.
    pub(crate) const PERIOD_NS: u64 = (1e9 / Self::RATE as f64) as u64;

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.figures().counts
    }

    /// All figures.
    pub(crate) fn figures(&self) -> Figures {
        self.figures.lock(Cell::get)
    }

    /// Changes the figures, with interrupts masked.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Figures)) {
        self.figures.lock(|cell| {
            let mut figures = cell.get();
            change(&mut figures);
            cell.set(figures);
        });
    }

    /// Says that the task went round once more.
    pub(crate) fn progress(&self, task: Worker) {
        self.note(|figures| {
            if let Some(rounds) = figures.rounds.get_mut(task as usize) {
                *rounds = rounds.wrapping_add(1);
            }
        });
    }
}

impl<S: Sensor, G: Sensing<Reading = S::Reading>> Default for Pipeline<S, G> {
    fn default() -> Self {
        Self::new()
    }
}

/// Counters at the start, for a constant.
const NONE: Counts = Counts {
    readings: 0,
    missed: 0,
    lost: 0,
    windows: 0,
    late: 0,
    untold: 0,
    faults: elbow_core::wire::SensorFaults {
        silent: 0,
        stuck: 0,
        wrong_identity: 0,
        implausible: 0,
        other: 0,
        recovered: 0,
    },
};

/// Adds to a counter, which stays at its end.
pub(crate) fn add(counter: &mut u32, count: u32) {
    *counter = counter.saturating_add(count);
}
