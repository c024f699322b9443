//! A detector with a network that is a formula: what it hands on, what it keeps, and what it refuses.

use elbow_core::Error;
use elbow_core::compiled::{Buffers, Compiled, Windowed, Workspace, kind};
use elbow_core::detect::{
    AlarmDesign, ChannelState, Clock, Detector, DriftDesign, FaultKind, Limits, Memory, Moment,
    MonitorDesign, Monitored, RankEntry, RankTable, Ranks, RawUnits, Tables, Verdict,
    worst_channel,
};
use elbow_core::distributions::{DiagNormal, Likelihood};
use elbow_core::infer::{EncodeError, Posterior};
use elbow_core::pack::{Pack, PackError, header};
use elbow_core::window::{Layout, Normalization, Window, WindowError};
use std::sync::LazyLock;
use zerocopy::IntoBytes;

const CHANNELS: usize = 2;
const LENGTH: usize = 4;

/// Its score is the log-density of standard normal values, less the number of calls before.
struct Toy;

/// Counts calls since the beginning or a gap: the model has state.
#[derive(Default)]
struct Calls(u32);

impl Workspace for Calls {
    const NEW: Self = Self(0);

    fn reset(&mut self) {
        self.0 = 0;
    }

    fn arena(&mut self) -> &mut [f32] {
        &mut []
    }
}

const NORMALIZATION: Normalization<CHANNELS> =
    Normalization { mean: [0.0; CHANNELS], std: [1.0; CHANNELS], layout: Layout::ChannelsFirst };

impl Compiled for Toy {
    const NAME: &'static str = "toy";
    const FINGERPRINT: u64 = 15;
    type Kind = kind::EncoderModel;
    type Workspace = Calls;
    type Inputs = [f32; CHANNELS * LENGTH];
    type Outputs = DiagNormal<1>;
    type Error = EncodeError;

    fn run(
        _: &Pack<'_>,
        ws: &mut Calls,
        x: &Self::Inputs,
        q: &mut DiagNormal<1>,
    ) -> Result<(), EncodeError> {
        if x[0] > 1000.0 {
            return Err(EncodeError::NonFinitePosterior { index: 0 });
        }
        ws.0 += 1;
        q.loc = [x.iter().sum::<f32>() / x.len() as f32];
        Ok(())
    }
}

impl Windowed for Toy {
    type Window = Window<CHANNELS, LENGTH, 2>;
    type Reading = [f32; CHANNELS];
    const WINDOW: Self::Window = Window::new();

    fn push(window: &mut Self::Window, reading: Self::Reading) -> Result<bool, WindowError> {
        window.push(reading)
    }

    fn observe(window: &Self::Window, inputs: &mut Self::Inputs) -> Result<(), WindowError> {
        window.observation(&NORMALIZATION, inputs)
    }
}

const LIKELIHOOD: Likelihood<'static> = Likelihood::gaussian(&[0.0]);

/// p = 1 / 4 below -50, 1 / 2 below -20, 3 / 4 below -12.
const ENTRIES: [RankEntry; 3] = [
    RankEntry { score: -50.0, surprise: 1.386_294_4 },
    RankEntry { score: -20.0, surprise: core::f32::consts::LN_2 },
    RankEntry { score: -12.0, surprise: 0.287_682_07 },
];
const POOLED: Ranks<'static> = Ranks::Low(RankTable { entries: &ENTRIES, calibrated: 3 });
/// In mode 1 all is normal.
const CALM: Ranks<'static> = Ranks::Low(RankTable { entries: &[], calibrated: 0 });

impl Monitored for Toy {
    type Raw = [i16; CHANNELS];
    type States = [ChannelState; CHANNELS];
    type Prediction = [f32; CHANNELS * LENGTH];
    type Averages = [f32; 2];

    const STATES: Self::States = [ChannelState::BLANK; CHANNELS];
    const MISSING: Self::Reading = [f32::NAN; CHANNELS];
    const DESIGN: MonitorDesign<'static> = MonitorDesign {
        shape: <Self::Window as elbow_core::window::Sliding>::SHAPE,
        limits: &[Limits { longest_run: 3, ..Limits::OFF }; CHANNELS],
        most_missing: 0,
        clock: Some(Clock {
            period_ns: 1_000_000,
            max_gap_us: 2_500,
            clears: true,
            stale_us: 100_000,
        }),
        tables: Tables { pooled: POOLED, modes: &[None, Some(CALM)] },
        alpha_ppm: 250_000,
        every: 2,
        alarm: Some(AlarmDesign { k: 0.5, h: 1.5, votes: None }),
        drift: Some(DriftDesign {
            lambda: 0.5,
            threshold: 12.0,
            moments: &[Moment::new(0.0, 1.0, 0.5), Moment::new(1.0, 1.0, 0.5)],
        }),
    };

    fn evaluate(pack: &Pack<'_>, memory: &mut Memory<Self>, _: u64) -> Result<(f32, bool), Error> {
        let before = memory.workspace.0 as f32;
        Self::run(pack, &mut memory.workspace, &memory.inputs, &mut memory.outputs)?;
        let score = LIKELIHOOD.log_prob(&memory.inputs, &memory.prediction) - before;
        Ok((score, memory.inputs[7] == 99.0))
    }

    fn latents(outputs: &DiagNormal<1>) -> Option<Posterior<'_>> {
        Some(outputs.into())
    }

    fn blame(_: &Pack<'_>, memory: &Memory<Self>) -> Option<usize> {
        let layout = NORMALIZATION.layout;
        worst_channel(&LIKELIHOOD, &memory.inputs, &memory.prediction, layout, &[-4.0; CHANNELS])
    }
}

/// Bytes of weights, of which there are none, of this plan.
fn weights(fingerprint: u64) -> Vec<u32> {
    let header = header(fingerprint, &[]);
    header.as_chunks::<4>().0.iter().map(|word| u32::from_ne_bytes(*word)).collect()
}

/// A detector that is ready.
fn booted() -> Detector<'static, Toy> {
    static WEIGHTS: LazyLock<Vec<u32>> = LazyLock::new(|| weights(15));
    let mut detector = Detector::new();
    detector.boot(WEIGHTS.as_bytes()).expect("its weights");
    detector
}

/// Pushes readings of which the first channel has these values and the second others that vary, a millisecond
/// apart from `from` on.
fn push(detector: &mut Detector<'_, Toy>, from: u64, values: &[f32]) -> Vec<Verdict> {
    let mut at = from;
    let mut one = |value: &f32| {
        let reading = [*value, (at % 2) as f32 * 0.5];
        at += 1;
        detector.push_at((at - 1) * 1000, &reading).expect("scored")
    };
    values.iter().map(&mut one).collect()
}

fn score(verdict: &Verdict) -> Option<f32> {
    match verdict {
        Verdict::Scored { score, .. }
        | Verdict::Anomaly { score, .. }
        | Verdict::Alarm { score, .. }
        | Verdict::Drift { score, .. } => Some(*score),
        _ => None,
    }
}

#[test]
fn a_detector_takes_its_own_weights_alone() {
    static EMPTY: Detector<'static, Toy> = Detector::new(); // a value that the compiler makes
    assert!(EMPTY.posterior().is_some_and(|q| q.loc == [0.0]));
    let (own, foreign) = (weights(15), weights(16));
    let mut detector = Detector::<Toy>::new();
    assert_eq!(detector.push_at(0, &[0.0; 2]), Err(Error::NotBooted));
    let refused = detector.boot(foreign.as_bytes());
    assert_eq!(refused, Err(Error::Encode(EncodeError::WrongPack)));
    assert_eq!(detector.boot(&[]), Err(Error::Pack(PackError::Truncated)));
    assert_eq!(detector.push_at(0, &[0.0; 2]), Err(Error::NotBooted));
    assert_eq!(detector.boot(own.as_bytes()), Ok(()));
    assert_eq!(detector.push_at(0, &[0.0; 2]), Ok(Verdict::Pending));
    assert_eq!(detector.boot(foreign.as_bytes()), refused);
    assert_eq!(detector.push_at(1000, &[0.0; 2]), Ok(Verdict::Pending), "the old weights stay");
}

#[test]
fn a_window_is_scored_and_blamed_and_counted() {
    let mut detector = booted();
    let verdicts = push(&mut detector, 0, &[0.1, -0.2, 0.3, -0.1, 8.0, -9.0, 0.2, 0.1, 0.3, -0.2]);
    let due: Vec<&Verdict> = verdicts.iter().filter(|v| **v != Verdict::Pending).collect();
    let normal = -4.0 * (2.0 * std::f32::consts::PI).ln() - 0.5 * (0.15 + 0.5);
    assert!((score(due[0]).expect("a score") - normal).abs() < 1e-5, "{due:?}");
    assert!(matches!(due[0], Verdict::Scored { p: 1.0, outside: false, .. }));
    assert!(matches!(due[1], Verdict::Anomaly { p: 0.25, channel: Some(0), .. }));
    assert!(matches!(due[2], Verdict::Anomaly { p: 0.25, channel: Some(0), .. }));
    assert!(matches!(due[3], Verdict::Scored { .. }), "{due:?}");
    // Windows 0 and 2 were counted: 1.386 - 0.5.
    assert_eq!(detector.monitor().cusum().g(), ENTRIES[0].surprise - 0.5);
    assert_eq!(detector.monitor().evaluated(), 4);
    let q = detector.posterior().expect("an encoder");
    assert!((q.loc[0] - 0.175).abs() < 1e-6, "{q:?}");
}

#[test]
fn an_alarm_lasts_until_it_is_acknowledged() {
    let mut detector = booted();
    let loud: Vec<f32> = (0..12).map(|at| if at % 2 == 0 { 9.0 } else { -9.0 }).collect();
    let verdicts = push(&mut detector, 0, &loud);
    let alarms: Vec<Option<bool>> = verdicts[3..]
        .iter()
        .step_by(2)
        .map(|v| if let Verdict::Alarm { is_new, .. } = v { Some(*is_new) } else { None })
        .collect();
    assert_eq!(alarms, [None, None, Some(true), Some(false), Some(false)], "g: 0.886, 1.773");
    let calm = push(&mut detector, 12, &[0.1, 0.2, 0.0, 0.3]);
    assert!(matches!(calm[3], Verdict::Alarm { p: 0.75, channel: None, is_new: false, .. }));
    detector.acknowledge();
    let calm = push(&mut detector, 16, &[0.1, 0.2, 0.0, 0.3]);
    assert!(matches!(calm[3], Verdict::Scored { .. }), "{calm:?}");
    assert_eq!(detector.monitor().cusum().g(), 0.0);
}

#[test]
fn a_drift_is_told_while_it_lasts() {
    let mut detector = booted();
    let moved: Vec<f32> = (0..12).map(|at| 3.0 + (at % 3) as f32 * 0.1).collect();
    detector.set_mode(1);
    let verdicts = push(&mut detector, 0, &moved);
    let found =
        verdicts.iter().any(|v| matches!(v, Verdict::Drift { statistic, .. } if *statistic > 12.0));
    assert!(found, "{verdicts:?}");
    assert!(detector.monitor().statistic() > 12.0);
    detector.acknowledge();
    assert_eq!(detector.monitor().statistic(), 0.0);
    let calm = push(&mut detector, 12, &[0.1, 0.2, 0.0, 0.3]);
    assert!(matches!(calm[3], Verdict::Scored { .. }), "{calm:?}");
}

#[test]
fn a_mode_has_its_own_table_or_that_of_all() {
    let mut detector = booted();
    let loud = [9.0, -9.0];
    push(&mut detector, 0, &loud);
    let p = |detector: &mut Detector<'_, Toy>, at| match push(detector, at, &loud)[1] {
        Verdict::Scored { p, .. } | Verdict::Anomaly { p, .. } => p,
        Verdict::Drift { p, .. } | Verdict::Alarm { p, .. } => p,
        other => panic!("{other:?}"),
    };
    assert_eq!(p(&mut detector, 2), 0.25);
    detector.set_mode(1);
    assert_eq!(p(&mut detector, 4), 1.0);
    detector.set_mode(9);
    assert_eq!(p(&mut detector, 6), 0.25);
}

/// A gap empties window and state; a window that the network refuses is an error and is not counted.
#[test]
fn gaps_and_errors_count_for_nothing() {
    let mut detector = booted();
    let values = [0.1, 0.4, 0.2, 0.3, 0.5, 0.1];
    let first = push(&mut detector, 0, &values);
    assert_eq!(detector.memory().workspace.0, 2);
    let second = push(&mut detector, 1000, &values);
    assert_eq!(second[0], Verdict::Gap);
    let scores = |verdicts: &[Verdict]| verdicts.iter().filter_map(score).collect::<Vec<f32>>();
    assert_eq!(scores(&first), scores(&second), "the state begins anew");
    detector.clear();
    let third = push(&mut detector, 1006, &values);
    assert_eq!(scores(&first), scores(&third));
    assert_eq!(third[..3], [Verdict::Pending; 3]);

    let push = |detector: &mut Detector<'_, Toy>, at: u64, value: f32| {
        detector.push_at(at * 1000, &[value, 0.5 * (at % 2) as f32])
    };
    let refused = Err(Error::Encode(EncodeError::NonFinitePosterior { index: 0 }));
    for (at, value) in [(1012, 2000.0), (1013, 0.1), (1014, 0.3)] {
        assert_ne!(push(&mut detector, at, value), refused);
    }
    let before = *detector.monitor().cusum();
    assert_eq!(push(&mut detector, 1015, 0.2), refused, "2000 is the oldest value of the window");
    assert_eq!(*detector.monitor().cusum(), before);
}

#[test]
fn raw_and_missing_readings_are_readings() {
    let (mut plain, mut raw) = (booted(), booted());
    let units = RawUnits { scale: [0.25, 0.5], offset: [-1.0, 3.0] };
    for at in 0..40u64 {
        let values = [(at as i16 * 37) % 100 - 50, (at as i16 * 53) % 90 - 45];
        let reading = [f32::from(values[0]) * 0.25 - 1.0, f32::from(values[1]) * 0.5 + 3.0];
        let found = raw.push_raw(at * 1000, &values, &units);
        assert_eq!(found, plain.push_at(at * 1000, &reading), "reading {at}");
    }
    let fault = |kind, channel| Ok(Verdict::SensorFault { channel, kind });
    assert_eq!(raw.push_missing(40_000), Ok(Verdict::Pending));
    assert_eq!(raw.push_raw(41_000, &[1, 2], &units), fault(FaultKind::Missing, 0));
    raw.push_at(42_000, &[1.0, f32::INFINITY]).expect("nothing due");
    assert_eq!(raw.push_raw(43_000, &[1, 2], &units), fault(FaultKind::Missing, 0));
    assert_eq!(raw.push_raw(44_000, &[3, 1], &units), Ok(Verdict::Pending));
    assert_eq!(raw.push_raw(45_000, &[1, 2], &units), fault(FaultKind::NotFinite, 1));
    assert_eq!(raw.push_raw(46_000, &[3, 1], &units), Ok(Verdict::Pending));
    assert!(raw.push_raw(47_000, &[1, 2], &units).is_ok_and(|v| score(&v).is_some()));
    assert_eq!(raw.poll_at(147_000), Verdict::Pending);
    assert_eq!(raw.poll_at(147_001), Verdict::Stale);
}

#[test]
fn a_score_outside_the_calibrated_range_has_the_lowest_rank() {
    let mut detector = booted();
    for (at, second) in [0.5, 0.1, 0.4].into_iter().enumerate() {
        detector.push_at(at as u64 * 1000, &[0.1 * at as f32, second]).expect("nothing due");
    }
    let found = detector.push_at(3000, &[0.0, 99.0]);
    assert!(matches!(found, Ok(Verdict::Anomaly { p: 0.25, outside: true, channel: Some(1), .. })));
}

/// All memory of a program is one value: what its parts take, and little more.
#[test]
fn a_detector_is_as_large_as_what_it_owns() {
    let parts = size_of::<Pack<'_>>()
        + size_of::<<Toy as Windowed>::Window>()
        + size_of::<<Toy as Monitored>::States>()
        + size_of::<Calls>()
        + 4 * (<Toy as Compiled>::Inputs::LENS[0] + 2 + 8 + 2);
    let size = size_of::<Detector<'_, Toy>>();
    assert!((parts..parts + 128).contains(&size), "{size} bytes, of which {parts} are its parts");
}
