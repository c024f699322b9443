//! A detector whose model, readings and calibration the compiler cannot know.

use core::hint::black_box;
use elbow_core::Error;
use elbow_core::compiled::{Compiled, Windowed, Workspace, kind};
use elbow_core::detect::{
    AlarmDesign, ChannelState, Clock, Detector, DriftDesign, Limits, Memory, Moment, MonitorDesign,
    Monitored, RankEntry, RankTable, Ranks, RawUnits, Tables, Verdict, Votes, worst_channel,
};
use elbow_core::distributions::{DiagNormal, Likelihood};
use elbow_core::infer::{EncodeError, Posterior};
use elbow_core::pack::Pack;
use elbow_core::window::{Layout, Normalization, Sliding, Window, WindowError};

const CHANNELS: usize = 3;
const LENGTH: usize = 8;
const OBSERVED: usize = CHANNELS * LENGTH;

/// A network that may answer anything.
pub struct Unknown;

/// Scratch memory, of which there is none.
pub struct Nothing;

impl Workspace for Nothing {
    const NEW: Self = Self;

    fn arena(&mut self) -> &mut [f32] {
        &mut []
    }
}

impl Compiled for Unknown {
    const NAME: &'static str = "unknown";
    const FINGERPRINT: u64 = 15;
    type Kind = kind::EncoderModel;
    type Workspace = Nothing;
    type Inputs = [f32; OBSERVED];
    type Outputs = DiagNormal<2>;
    type Error = EncodeError;

    fn run(
        _: &Pack<'_>,
        _: &mut Nothing,
        inputs: &Self::Inputs,
        outputs: &mut DiagNormal<2>,
    ) -> Result<(), EncodeError> {
        black_box((inputs, outputs));
        black_box(Err(EncodeError::WrongPack))
    }
}

impl Windowed for Unknown {
    type Window = Window<CHANNELS, LENGTH, 3, 1>;
    type Reading = [f32; CHANNELS];
    const WINDOW: Self::Window = Window::new();

    fn push(window: &mut Self::Window, reading: Self::Reading) -> Result<bool, WindowError> {
        window.push(reading)
    }

    fn observe(window: &Self::Window, inputs: &mut Self::Inputs) -> Result<(), WindowError> {
        let (mean, std) = black_box(([0.0; CHANNELS], [1.0; CHANNELS]));
        let layout = black_box(Layout::TimeFirst);
        window.observation(&Normalization { mean, std, layout }, inputs)
    }
}

const ENTRIES: [RankEntry; 2] = [RankEntry { score: 0.5, surprise: 1.0 }; 2];
const TABLE: RankTable<'static> = RankTable { entries: &ENTRIES, calibrated: 2 };

impl Monitored for Unknown {
    type Raw = [i16; CHANNELS];
    type States = [ChannelState; CHANNELS];
    type Prediction = [f32; OBSERVED];
    type Averages = [f32; 4];

    const STATES: Self::States = [ChannelState::BLANK; CHANNELS];
    const MISSING: Self::Reading = [f32::NAN; CHANNELS];
    const DESIGN: MonitorDesign<'static> = MonitorDesign {
        shape: <Self::Window as Sliding>::SHAPE,
        limits: &[Limits { longest_run: 3, least_variance: 0.1, ..Limits::OFF }; CHANNELS],
        most_missing: 1,
        clock: Some(Clock {
            period_ns: 1_000_000,
            max_gap_us: 2_500,
            clears: true,
            stale_us: 100_000,
        }),
        tables: Tables {
            pooled: Ranks::Both { low: TABLE, high: TABLE },
            modes: &[None, Some(Ranks::Low(TABLE))],
        },
        alpha_ppm: 10_000,
        every: 3,
        alarm: Some(AlarmDesign { k: 1.7, h: 9.0, votes: Some(Votes { needed: 2, of: 3 }) }),
        drift: Some(DriftDesign {
            lambda: 0.02,
            threshold: 31.0,
            moments: &[Moment::new(0.0, 1.0, 0.02); 4],
        }),
    };

    fn evaluate(
        pack: &Pack<'_>,
        memory: &mut Memory<Self>,
        number: u64,
    ) -> Result<(f32, bool), Error> {
        Self::run(pack, &mut memory.workspace, &memory.inputs, &mut memory.outputs)?;
        black_box(number);
        Ok(black_box((-1.0, false)))
    }

    fn latents(outputs: &DiagNormal<2>) -> Option<Posterior<'_>> {
        Some(outputs.into())
    }

    fn blame(_: &Pack<'_>, memory: &Memory<Self>) -> Option<usize> {
        let likelihood = Likelihood::gaussian(black_box(&[0.0; CHANNELS]));
        let reference = black_box(&[-1.0; CHANNELS]);
        let (x, x_mean) = (&memory.inputs, &memory.prediction);
        worst_channel(&likelihood, x, x_mean, black_box(Layout::TimeFirst), reference)
    }
}

/// Everything that a detector does, with arguments that the compiler cannot know.
pub fn watch(
    detector: &mut Detector<'static, Unknown>,
    weights: &'static [u8],
) -> Result<Verdict, Error> {
    detector.boot(weights)?;
    let units = RawUnits { scale: [0.5; CHANNELS], offset: [1.0; CHANNELS] };
    for _ in 0..black_box(9) {
        black_box(detector.push_at(black_box(1), &black_box([0.5; CHANNELS])))?;
        black_box(detector.push_raw(black_box(2), &black_box([7; CHANNELS]), &black_box(units)))?;
        black_box(detector.push_missing(black_box(3)))?;
        detector.set_mode(black_box(1));
    }
    detector.acknowledge();
    detector.clear();
    black_box(detector.posterior());
    Ok(detector.poll_at(black_box(4)))
}
