//! The fault gate against a plain look at each whole window.

use elbow_core::detect::{ChannelState, Fault, FaultKind, Gate, Limits};
use elbow_core::window::{Readings, Ring, WindowShape};
use elbow_tests::random::Random;
use elbow_tests::tolerance;

/// The fault of the last `length` of these readings by the rules as they are written down; an error where a
/// variance is too close to its limit to say.
pub fn plain_fault(
    limits: &[Limits],
    most_missing: usize,
    length: usize,
    readings: &[Vec<f32>],
) -> Result<Option<Fault>, &'static str> {
    let window = &readings[readings.len() - length..];
    for (channel, limits) in limits.iter().enumerate() {
        let of = |rows: &[Vec<f32>]| -> Vec<f32> { rows.iter().map(|row| row[channel]).collect() };
        let values = of(window);
        let nan = values.iter().filter(|v| v.is_nan()).count();
        let lost = window.iter().any(|row| row.iter().all(|v| v.is_nan()));
        let at_rails = |v: &&f32| v.is_finite() && (**v <= limits.lo || **v >= limits.hi);
        let going_on =
            of(readings).iter().rev().take_while(|v| is_same(v, &values[length - 1])).count();
        let longest = values.chunk_by(is_same).map(<[f32]>::len).max().max(Some(going_on));
        let steps = values.windows(2).any(|pair| (pair[1] - pair[0]).abs() > limits.largest_step);
        let exceeds = |count: usize, most: u16| most != u16::MAX && count > usize::from(most);
        let rules = [
            (FaultKind::Missing, if most_missing == 0 { lost } else { nan > most_missing }),
            (
                FaultKind::NotFinite,
                most_missing == 0 && nan > 0 || values.iter().any(|v| v.is_infinite()),
            ),
            (
                FaultKind::Rails,
                exceeds(values.iter().filter(at_rails).count(), limits.most_at_rails),
            ),
            (FaultKind::Stuck, exceeds(longest.expect("a window"), limits.longest_run)),
            (FaultKind::Step, steps),
        ];
        if let Some((kind, _)) = rules.into_iter().find(|(_, broken)| *broken) {
            return Ok(Some(Fault { channel, kind }));
        }
        if limits.least_variance > 0.0 && nan < length {
            let there = values.iter().filter(|v| !v.is_nan()).map(|v| f64::from(*v));
            let n = there.clone().count() as f64;
            let mean = there.clone().sum::<f64>() / n;
            let variance = there.map(|v| (v - mean).powi(2)).sum::<f64>() / n;
            let ratio = variance / f64::from(limits.least_variance);
            if (ratio - 1.0).abs() < tolerance::VARIANCE_SIDE {
                return Err("too close");
            }
            if ratio < 1.0 {
                return Ok(Some(Fault { channel, kind: FaultKind::Dead }));
            }
        }
    }
    Ok(None)
}

/// Whether two values are identical, as a converter's are that does not move.
fn is_same(a: &f32, b: &f32) -> bool {
    a.to_bits() == b.to_bits() && !a.is_nan()
}

/// A recording with quiet and loud stretches, in steps of a converter, with faults planted in some channels.
pub fn recording(random: &mut Random, channels: usize, len: usize) -> Vec<Vec<f32>> {
    let loud: Vec<f32> = random.vector(channels, 0.2, 30.0);
    let offset: Vec<f32> = random.vector(channels, -50.0, 50.0);
    let mut rows: Vec<Vec<f32>> = (0..len)
        .map(|_| {
            let values = random.normal(channels).into_iter().zip(&loud).zip(&offset);
            values.map(|((v, loud), offset)| (v * loud + offset).round()).collect()
        })
        .collect();
    for _ in 0..random.int(0, 4) {
        let (channel, from) = (random.int(0, channels - 1), random.int(0, len - 1));
        let until = (from + random.int(1, 40)).min(len);
        let kind = random.int(0, 7);
        let (first, quiet) = (rows[from][channel], random.uniform(0.0, 2.0));
        for row in &mut rows[from..until] {
            let value = &mut row[channel];
            *value = match kind {
                0 => f32::NAN,
                1 => f32::INFINITY,
                2 => first,
                3 => value.clamp(offset[channel] - 5.0, offset[channel] + 5.0),
                4 => *value + 200.0,
                5 => offset[channel] + quiet * (*value - offset[channel]) / loud[channel],
                6 => f32::NEG_INFINITY,
                _ => f32::NAN,
            };
            if kind == 7 {
                row.fill(f32::NAN);
            }
        }
    }
    rows
}

/// Limits of which each rule is on or off.
pub fn limits(random: &mut Random, channels: usize) -> Vec<Limits> {
    let off = Limits::OFF;
    let one = |random: &mut Random| Limits {
        lo: random.choose(&[off.lo, -60.0, -20.0]),
        hi: random.choose(&[off.hi, 60.0, 20.0]),
        most_at_rails: random.choose(&[off.most_at_rails, 0, 3, 10]),
        longest_run: random.choose(&[off.longest_run, 2, 5, 12]),
        least_variance: random.choose(&[off.least_variance, 0.3, 2.0, 9.0]),
        largest_step: random.choose(&[off.largest_step, 30.0, 90.0]),
    };
    (0..channels).map(|_| one(random)).collect()
}

#[test]
fn every_window_is_judged_as_a_plain_look_at_it_says() {
    let mut kinds = std::collections::BTreeMap::<String, usize>::new();
    for case in 0..600 {
        let mut random = Random::new(1501, case);
        let (channels, length) = (random.int(1, 4), random.choose(&[1, 2, 7, 8, 9, 24, 64]));
        let most_missing = random.choose(&[0, 0, 3]);
        let limits = limits(&mut random, channels);
        let rows = recording(&mut random, channels, 160);
        let gate = Gate { limits: &limits, length, most_missing };
        let shape = WindowShape { channels, length, hop: 1 };
        let (mut ring, mut memory) = (Ring::new(), vec![0.0; channels * length]);
        let mut states = vec![ChannelState::NEW; channels];
        for t in 0..rows.len() {
            gate.push(&mut states, &rows[t]);
            if !ring.push(shape, &mut memory, &rows[t]) {
                continue;
            }
            let readings = ring.readings(shape, &memory).expect("complete");
            let Ok(expected) = plain_fault(&limits, most_missing, length, &rows[..=t]) else {
                continue;
            };
            let found = gate.judge(&states, &readings);
            assert_eq!(found, expected, "case {case}, reading {t}, {limits:?}");
            *kinds.entry(format!("{:?}", found.map(|fault| fault.kind))).or_default() += 1;
        }
    }
    assert!(kinds.len() == 7 && kinds.values().all(|count| *count > 500), "{kinds:?}");
}

/// Pushes these values of one channel; the fault of the window that ends with each.
fn faults(limits: Limits, length: usize, values: &[f32]) -> Vec<Option<FaultKind>> {
    let gate = Gate { limits: &[limits], length, most_missing: 0 };
    let mut states = [ChannelState::NEW];
    let push = |end: usize| {
        gate.push(&mut states, &values[end - 1..end]);
        let older = &values[end.saturating_sub(length)..end];
        let fault = gate.judge(&states, &Readings { channels: 1, older, newer: &[] });
        fault.map(|fault| fault.kind)
    };
    (1..=values.len()).map(push).collect()
}

/// A run may be allowed to be longer than a window; it is then counted from before it.
#[test]
fn a_run_is_counted_from_before_the_window() {
    let limits = Limits { longest_run: 10, ..Limits::OFF };
    let mut values = vec![3.0; 14];
    values.push(4.0);
    let found = faults(limits, 4, &values);
    assert_eq!(found[9], None);
    assert_eq!(found[10..14], [Some(FaultKind::Stuck); 4]);
    assert_eq!(found[14], None);
}

/// After 2^16 equal values, and after as many readings as a word counts, nothing wraps.
#[test]
fn counters_stay_at_their_largest() {
    let longest = u16::MAX - 1;
    let limits = [Limits { longest_run: longest, ..Limits::OFF }];
    let gate = Gate { limits: &limits, length: 2, most_missing: 0 };
    let mut states = [ChannelState::NEW];
    let readings = Readings { channels: 1, older: &[1.0, 1.0], newer: &[] };
    for count in 1..=200_000 {
        gate.push(&mut states, &[1.0]);
        let stuck = gate.judge(&states, &readings).is_some();
        assert_eq!(stuck, count > usize::from(longest), "{count} equal values");
    }
    let long = 70_000; // readings of a window, more than a state counts
    let gate = Gate { limits: &[Limits::OFF], length: long, most_missing: 0 };
    let mut values = vec![1.0; long];
    values[0] = f32::NAN;
    let mut states = [ChannelState::NEW];
    values.iter().for_each(|value| gate.push(&mut states, &[*value]));
    let fault = gate.judge(&states, &Readings { channels: 1, older: &values, newer: &[] });
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Missing));
}

/// Lengths that do not fit shorten the loops; nothing panics.
#[test]
fn a_gate_of_odd_lengths_judges_what_there_is() {
    let gate = Gate { limits: &[Limits::OFF; 2], length: 0, most_missing: 0 };
    gate.push(&mut [], &[1.0, 2.0]);
    let mut states = [ChannelState::NEW; 3];
    gate.push(&mut states, &[f32::NAN]);
    for channels in [0, 1, 5] {
        let readings = Readings { channels, older: &[f32::NAN, 1.0, 2.0], newer: &[3.0] };
        gate.judge(&states, &readings);
        gate.judge(&[], &readings);
    }
}
