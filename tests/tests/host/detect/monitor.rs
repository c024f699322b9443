//! The monitor against a plain simulation that keeps everything that ever happened.

use super::gate::{limits, plain_fault, recording};
use super::{entries, table};
use elbow_core::detect::{
    AlarmDesign, ChannelState, Clock, DriftDesign, Evaluated, FaultKind, Limits, Moment, Monitor,
    MonitorDesign, Ranks, Tables, Verdict, Votes, WindowParts, ranks,
};
use elbow_core::infer::Posterior;
use elbow_core::window::{Ring, WindowError, WindowShape};
use elbow_tests::random::Random;

/// A monitor with its memory and a network that is a formula.
struct Device<'a> {
    design: MonitorDesign<'a>,
    monitor: Monitor,
    ring: Ring,
    memory: Vec<f32>,
    states: Vec<ChannelState>,
    w: Vec<f32>,
}

impl<'a> Device<'a> {
    fn new(design: MonitorDesign<'a>) -> Self {
        let WindowShape { channels, length, .. } = design.shape;
        Self {
            design,
            monitor: Monitor::NEW,
            ring: Ring::new(),
            memory: vec![0.0; channels * length],
            states: vec![ChannelState::NEW; channels],
            w: vec![0.0; 2],
        }
    }

    /// The verdict on a reading; `score` is what the network gives for the window that it completes.
    fn push(&mut self, t_us: u64, reading: &[f32], scored: (f32, bool)) -> Verdict {
        let Self { ring, memory, states, .. } = self;
        let window = WindowParts { ring, memory, states };
        let accepted = self.monitor.accept(&self.design, window, t_us, reading);
        accepted.expect("lengths fit").unwrap_or_else(|| {
            let (score, outside) = scored;
            let q = Some(Posterior { loc: &[score / 100.0], log_var: &[0.0] });
            let evaluated = Evaluated { score, outside, q };
            self.monitor.conclude(&self.design, &mut self.w, evaluated, || Some(7))
        })
    }
}

/// The same, simply: all readings since the last gap, all scores that were counted.
#[derive(Default)]
struct Plain {
    readings: Vec<Vec<f32>>,
    times: Vec<u64>,
    all_times: Vec<u64>,
    complete: Option<u64>,
    /// Due windows since one was counted.
    since_counted: Option<u32>,
    g: f32,
    anomalies: Vec<bool>,
    is_latched: bool,
    w: [f32; 2],
    statistic: f32,
}

impl Plain {
    fn push(
        &mut self,
        design: &MonitorDesign<'_>,
        scores: &[f32],
        t_us: u64,
        reading: &[f32],
        scored: (f32, bool),
    ) -> Option<Verdict> {
        let shape = design.shape;
        let last = self.all_times.last().copied();
        self.all_times.push(t_us);
        let clock = design.clock;
        let lost =
            |clock: Clock| last.is_some_and(|last| t_us < last || t_us - last > clock.max_gap_us);
        if clock.is_some_and(|clock| lost(clock) && clock.clears) {
            (self.readings, self.times) = (vec![reading.to_vec()], vec![t_us]);
            self.since_counted = None;
            return Some(Verdict::Gap);
        }
        self.readings.push(reading.to_vec());
        self.times.push(t_us);
        let count = self.readings.len();
        let due = count >= shape.length && (count - shape.length).is_multiple_of(shape.hop);
        if !due {
            let Some(clock) = clock else { return Some(Verdict::Pending) };
            let since = *self.complete.get_or_insert(t_us);
            if since > t_us {
                self.complete = Some(t_us);
            }
            let is_stale = t_us.saturating_sub(since) > clock.stale_us;
            return Some(if is_stale { Verdict::Stale } else { Verdict::Pending });
        }
        self.complete = Some(t_us);
        self.since_counted = self.since_counted.map(|since| since + 1);
        let fault =
            plain_fault(design.limits, design.most_missing, shape.length, &self.readings).ok()?;
        if let Some(fault) = fault {
            return Some(Verdict::SensorFault { channel: fault.channel, kind: fault.kind });
        }
        Some(self.judge(design, scores, scored))
    }

    /// The verdict on a healthy window.
    fn judge(
        &mut self,
        design: &MonitorDesign<'_>,
        scores: &[f32],
        scored: (f32, bool),
    ) -> Verdict {
        let (score, outside) = scored;
        let n = scores.len() as u32;
        let lowest = outside || score.is_nan();
        let rank =
            if lowest { 1 } else { 1 + scores.iter().filter(|s| **s <= score).count() as u32 };
        let rank = ranks(n).find(|kept| *kept >= rank).unwrap_or(n + 1);
        let p = f64::from(rank) / f64::from(n + 1);
        let is_anomaly = p <= f64::from(design.alpha_ppm) * 1e-6 + 1e-12;
        let was_latched = self.is_latched;
        if self.since_counted.is_none_or(|since| since >= design.every) {
            self.since_counted = Some(0);
            self.count(design, -p.ln() as f32, is_anomaly, score);
        }
        let (p, channel) = (p as f32, is_anomaly.then_some(7));
        let drift = design
            .drift
            .is_some_and(|drift| self.statistic > drift.threshold || self.statistic.is_nan());
        if self.is_latched {
            Verdict::Alarm { score, p, channel, outside, is_new: !was_latched }
        } else if is_anomaly {
            Verdict::Anomaly { score, p, channel, outside }
        } else if drift {
            Verdict::Drift { score, p, statistic: self.statistic, outside }
        } else {
            Verdict::Scored { score, p, outside }
        }
    }

    fn count(&mut self, design: &MonitorDesign<'_>, surprise: f32, is_anomaly: bool, score: f32) {
        if let Some(alarm) = design.alarm.filter(|_| !self.is_latched) {
            self.anomalies.push(is_anomaly);
            self.g = (self.g + surprise - alarm.k).max(0.0);
            let voted = alarm.votes.is_some_and(|votes| {
                let last = self.anomalies.iter().rev().take(usize::from(votes.of));
                last.filter(|anomaly| **anomaly).count() >= usize::from(votes.needed)
            });
            if voted || self.g > alarm.h {
                (self.is_latched, self.g) = (true, 0.0);
                self.anomalies.clear();
            }
        }
        if let Some(drift) = design.drift {
            let loc = score / 100.0;
            self.statistic = 0.0;
            for (at, value) in [loc, loc * loc + 1.0].into_iter().enumerate() {
                self.w[at] += drift.lambda * (value - drift.moments[at].mean - self.w[at]);
                self.statistic += self.w[at] * self.w[at] * drift.moments[at].weight;
            }
        }
    }
}

const PERIOD_US: u64 = 10_000;
const CLOCK: Clock =
    Clock { period_ns: PERIOD_US * 1000, max_gap_us: 25_000, clears: true, stale_us: 700_000 };

fn same(a: &Verdict, b: &Verdict) -> bool {
    format!("{a:?}") == format!("{b:?}") // NaN is itself here
}

#[test]
fn verdicts_are_those_of_a_plain_simulation() {
    let mut told = std::collections::BTreeMap::<String, usize>::new();
    for case in 0..400 {
        let mut random = Random::new(1502, case);
        let channels = random.int(1, 3);
        let shape = WindowShape { channels, length: random.int(1, 20), hop: random.int(1, 24) };
        let calibrated = random.choose(&[19, 99, 300]);
        let scores = random.vector(calibrated, -100.0, 0.0);
        let entries = entries(&scores);
        let pooled = Ranks::Low(table(&entries, scores.len()));
        let moments = [Moment::new(-0.5, 0.1, 0.1), Moment::new(1.3, 0.1, 0.1)];
        let limits = limits(&mut random, channels);
        let votes = random.choose(&[None, Some(Votes { needed: 2, of: 4 })]);
        let clears = random.choose(&[true, false]);
        let design = MonitorDesign {
            shape,
            limits: if random.choose(&[true, false]) {
                &limits
            } else {
                &[Limits::OFF; 3][..channels]
            },
            most_missing: random.choose(&[0, 0, 2]),
            clock: random.choose(&[None, Some(Clock { clears, ..CLOCK })]),
            tables: Tables { pooled, modes: &[] },
            alpha_ppm: random.choose(&[10_000, 50_000, 100_000]),
            every: random.choose(&[1, 2, 5]),
            alarm: random.choose(&[None, Some(AlarmDesign { k: 1.72, h: 6.0, votes })]),
            drift: random.choose(&[
                None,
                Some(DriftDesign { lambda: 0.1, threshold: 9.0, moments: &moments }),
            ]),
        };
        let (mut device, mut plain) = (Device::new(design), Plain::default());
        let mut t_us = 1_000_000;
        for (at, reading) in recording(&mut random, channels, 300).iter().enumerate() {
            t_us += PERIOD_US + random.int(0, 400) as u64 - 200;
            match random.int(0, 400) {
                0 => t_us += 5_000_000,
                1 => t_us -= 500_000,
                2 => t_us += 30_000,
                _ => (),
            }
            let score = random.choose(&[-110.0, -99.0, -50.0, -10.0, f32::NAN, -70.0, -30.0, -5.0]);
            let scored = (
                if score == -110.0 { score } else { score + random.uniform(0.0, 4.0) },
                random.int(0, 30) == 0,
            );
            let Some(expected) = plain.push(&design, &scores, t_us, reading, scored) else { break };
            let found = device.push(t_us, reading, scored);
            assert!(
                same(&found, &expected),
                "case {case}, {at}: {found:?}, not {expected:?}, {design:?}"
            );
            let name = format!("{found:?}");
            *told.entry(name.split([' ', '{']).next().unwrap_or_default().into()).or_default() += 1;
            if random.int(0, 25) == 0 {
                device.monitor.acknowledge(&mut device.w);
                (plain.is_latched, plain.w, plain.statistic) = (false, [0.0; 2], 0.0);
            }
        }
    }
    assert!(told.len() == 8 && told.values().all(|count| *count > 50), "{told:?}");
}

/// One channel, windows of 20 readings; a score that never surprises.
fn timed() -> MonitorDesign<'static> {
    let pooled = Ranks::Low(table(&[], 0));
    MonitorDesign {
        shape: WindowShape { channels: 1, length: 20, hop: 5 },
        limits: &[Limits::OFF],
        most_missing: 0,
        clock: Some(CLOCK),
        tables: Tables { pooled, modes: &[] },
        alpha_ppm: 10_000,
        every: 4,
        alarm: None,
        drift: None,
    }
}

/// Readings whose intervals vary by `jitter` around `period` microseconds; all verdicts.
fn at_rate(period: f64, jitter: f32, gap_at: Option<usize>) -> Vec<Verdict> {
    let mut random = Random::new(1503, 0);
    let mut device = Device::new(timed());
    let mut now = 5e6;
    let push = |at: usize| {
        now += if gap_at == Some(at) { 5e5 } else { period };
        let late = f64::from(random.uniform(0.0, jitter)) * period;
        device.push((now + late) as u64, &[at as f32], (0.0, false))
    };
    (0..400).map(push).collect()
}

#[test]
fn a_rate_that_is_off_by_more_than_a_fifth_is_told() {
    let wrong =
        |verdicts: &[Verdict]| verdicts.iter().filter(|v| **v == Verdict::WrongRate).count();
    let scored = |verdicts: &[Verdict]| {
        verdicts.iter().filter(|v| matches!(v, Verdict::Scored { .. })).count()
    };
    let windows = (400 - 20) / 5 + 1;
    for (period, jitter) in [(10_000.0, 0.0), (8_200.0, 0.0), (11_800.0, 0.0), (10_000.0, 0.9)] {
        let verdicts = at_rate(period, jitter, None);
        assert_eq!((wrong(&verdicts), scored(&verdicts)), (0, windows), "{period}");
    }
    for period in [7_500.0, 12_500.0, 5_000.0, 20_000.0] {
        let verdicts = at_rate(period, 0.05, None);
        assert_eq!((wrong(&verdicts), scored(&verdicts)), (windows, 0), "{period}");
    }
    // What is lost in a gap is no rate.
    let verdicts = at_rate(10_000.0, 0.1, Some(100));
    assert_eq!((wrong(&verdicts), verdicts[100]), (0, Verdict::Gap));
    let after: Vec<bool> = verdicts[101..130].iter().map(|v| *v != Verdict::Pending).collect();
    assert_eq!(after.iter().position(|told| *told), Some(18), "20 readings after the gap");
}

#[test]
fn a_sensor_that_brings_no_window_is_stale() {
    let mut device = Device::new(timed());
    assert_eq!(device.monitor.poll(&device.design, 1_000), Verdict::Pending);
    assert_eq!(device.monitor.poll(&device.design, 701_000), Verdict::Pending);
    assert_eq!(device.monitor.poll(&device.design, 701_001), Verdict::Stale, "no reading at all");
    // Ten readings, then a gap, again and again: never a window.
    let mut now = 2_000_000;
    let mut verdicts = Vec::new();
    for at in 0..100 {
        now += if at % 10 == 0 { 200_000 } else { PERIOD_US };
        verdicts.push(device.push(now, &[at as f32], (0.0, false)));
    }
    assert!(verdicts[1..].iter().skip(9).step_by(10).all(|verdict| *verdict == Verdict::Gap));
    assert_eq!(verdicts[99], Verdict::Stale);
    let mut next = || {
        now += PERIOD_US;
        device.push(now, &[now as f32], (0.0, false))
    };
    let again: Vec<Verdict> = (0..12).map(|_| next()).collect();
    assert_eq!(again[8], Verdict::Stale);
    assert!(matches!(again[9], Verdict::Scored { .. }), "{again:?}");
    assert_eq!(again[10], Verdict::Pending);
    assert_eq!(device.monitor.poll(&device.design, now + 800_000), Verdict::Stale);
    assert_eq!(device.monitor.poll(&device.design, 0), Verdict::Pending, "time that ran backwards");
}

#[test]
fn a_missing_reading_is_a_fault_until_it_has_left() {
    let mut device = Device::new(MonitorDesign { clock: None, ..timed() });
    let verdicts: Vec<Verdict> = (0..60)
        .map(|at| {
            let value = if at == 23 { f32::NAN } else { at as f32 };
            device.push(0, &[value], (0.0, false))
        })
        .collect();
    let missing = Verdict::SensorFault { channel: 0, kind: FaultKind::Missing };
    let scored = Verdict::Scored { score: 0.0, p: 1.0, outside: false };
    let due: Vec<Verdict> = verdicts.into_iter().skip(19).step_by(5).collect();
    assert_eq!(due, [&[scored][..], &[missing; 4], &[scored; 4]].concat());
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let timeless = Device::new(MonitorDesign { clock: None, ..timed() });
    let Device { design, mut monitor, mut ring, mut memory, mut states, .. } = timeless;
    let mut accept = |memory: &mut [f32], reading: &[f32]| {
        let window = WindowParts { ring: &mut ring, memory, states: &mut states };
        monitor.accept(&design, window, 0, reading)
    };
    let refused = Err(WindowError::ReadingLength);
    assert_eq!(accept(&mut memory, &[]), refused);
    assert_eq!(accept(&mut memory, &[1.0, 2.0]), refused);
    assert_eq!(accept(&mut memory[1..], &[1.0]), refused);
    for _ in 0..19 {
        assert_eq!(accept(&mut memory, &[1.0]), Ok(Some(Verdict::Pending)));
    }
    assert_eq!(accept(&mut memory, &[1.0]), Ok(None), "what was refused is not counted");
}
