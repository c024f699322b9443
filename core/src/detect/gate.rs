//! The fault gate: which channel of a sensor is broken, by its raw readings alone.
//!
//! A dead sensor can look better to a model than every real window. So a window with a fault is neither
//! encoded nor scored nor counted; what it gives is the name of the channel and of the fault.

use crate::window::Readings;

/// Limits of one channel, in raw units.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limits {
    /// A value at or below it lies at a rail; minus infinity for no such rail.
    pub lo: f32,
    /// A value at or above it lies at a rail; infinity for no such rail.
    pub hi: f32,
    /// So many values of a window may lie at rails; `u16::MAX` for any number.
    pub most_at_rails: u16,
    /// So many equal values may follow each other; `u16::MAX` for any number.
    pub longest_run: u16,
    /// The variance of a window, its mean squared deviation, is above it; 0 for any variance.
    pub least_variance: f32,
    /// Neighbours differ by no more; infinity for any difference.
    pub largest_step: f32,
}

impl Limits {
    /// No limits: only values that are missing or not finite are faults.
    pub const OFF: Self = Self {
        lo: f32::NEG_INFINITY,
        hi: f32::INFINITY,
        most_at_rails: u16::MAX,
        longest_run: u16::MAX,
        least_variance: 0.0,
        largest_step: f32::INFINITY,
    };
}

/// What the gate remembers of a channel: two words.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChannelState {
    /// The last value; NaN before the first one.
    last: f32,
    /// How often it came in a row, 65,535 for more often.
    run: u16,
    /// Readings until the last suspicious value has left the window; 0 where none is in it.
    left: u16,
}

impl ChannelState {
    /// Before the first reading, and after a gap.
    pub const NEW: Self = Self { last: f32::NAN, run: 0, left: 0 };

    /// The place of one that is not known yet: zeros, of which no copy is in flash.
    pub const BLANK: Self = Self { last: 0.0, run: 0, left: 0 };
}

/// What is wrong with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))] // a variant's place is its number
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FaultKind {
    /// A reading has no value at all, or more values of the channel are NaN than the model handles.
    Missing,
    /// A value is infinite or NaN.
    NotFinite,
    /// More values lie at the rails than [`Limits::most_at_rails`].
    Rails,
    /// More equal values follow each other than [`Limits::longest_run`].
    Stuck,
    /// Neighbours differ by more than [`Limits::largest_step`].
    Step,
    /// The variance of the window is not above [`Limits::least_variance`].
    Dead,
}

/// The first channel of a window that is broken, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fault {
    /// Its index.
    pub channel: usize,
    /// Of several faults of the channel, the first in the order of [`FaultKind`].
    pub kind: FaultKind,
}

/// The gate of one model: what does not change from reading to reading.
///
/// ```
/// use elbow_core::detect::{ChannelState, Fault, FaultKind, Gate, Limits};
/// use elbow_core::window::Readings;
/// let limits = [Limits { longest_run: 2, ..Limits::OFF }; 2];
/// let gate = Gate { limits: &limits, length: 3, most_missing: 0 };
/// let mut states = [ChannelState::NEW; 2];
/// let window = [1.0, 5.0, 2.0, 5.0, 3.0, 5.0];
/// window.chunks(2).for_each(|reading| gate.push(&mut states, reading));
/// let readings = Readings { channels: 2, older: &window, newer: &[] };
/// let stuck = Fault { channel: 1, kind: FaultKind::Stuck };
/// assert_eq!(gate.judge(&states, &readings), Some(stuck));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Gate<'a> {
    /// One for each channel.
    pub limits: &'a [Limits],
    /// Readings of a window.
    pub length: usize,
    /// So many values of a channel may be NaN in a window; 0 unless the model handles missing values.
    pub most_missing: usize,
}

impl Gate<'_> {
    /// Notes one reading, which the window holds from now on: each value is compared with the one before
    /// and with the limits. A reading, states or limits that are shorter than the others shorten the loop.
    #[inline]
    pub fn push(&self, states: &mut [ChannelState], reading: &[f32]) {
        for ((state, limits), value) in states.iter_mut().zip(self.limits).zip(reading) {
            let is_inside = limits.lo < *value && *value < limits.hi; // not so for NaN and infinities
            // Above 0 and not above the largest step: magnitudes are in the order of their bits, NaN above all.
            let step = (value - state.last).abs().to_bits();
            let is_near = step.wrapping_sub(1) < limits.largest_step.to_bits();
            if is_inside && is_near && state.left == 0 {
                (state.last, state.run) = (*value, 1);
            } else {
                self.note(state, limits, *value);
            }
        }
    }

    /// Notes a value, whatever it is.
    #[cold]
    #[inline(never)]
    fn note(&self, state: &mut ChannelState, limits: &Limits, value: f32) {
        let is_same = value.to_bits() == state.last.to_bits();
        state.run = match value.is_nan() {
            true => 0,
            false if is_same => state.run.saturating_add(1),
            false => 1,
        };
        let is_inside = limits.lo < value && value < limits.hi;
        let is_step = (value - state.last).abs() > limits.largest_step;
        state.left = if !is_inside || is_step || state.run > limits.longest_run {
            u16::try_from(self.length).unwrap_or(u16::MAX)
        } else {
            state.left.saturating_sub(1)
        };
        state.last = value;
    }

    /// The fault of the window whose last reading was pushed last; `None` for a healthy one.
    ///
    /// A channel of which no suspicious value lies in the window costs its variance alone, and of that only
    /// as much as shows that it is large enough.
    #[inline(never)]
    pub fn judge(&self, states: &[ChannelState], readings: &Readings<'_>) -> Option<Fault> {
        let too_long = self.length > usize::from(u16::MAX); // for `ChannelState::left`
        let channels = states.iter().zip(self.limits).enumerate();
        channels.take(readings.channels).find_map(|(channel, (state, limits))| {
            let suspicious = state.left > 0 || too_long;
            let kind = suspicious.then(|| self.scan(readings, channel, (state, limits))).flatten();
            let dead = || self.is_dead(readings, channel, limits.least_variance);
            let kind = kind.or_else(|| dead().then_some(FaultKind::Dead))?;
            Some(Fault { channel, kind })
        })
    }

    /// Whether the variance of a channel is not above `least`; never where that is 0 or NaN.
    fn is_dead(&self, readings: &Readings<'_>, channel: usize, least: f32) -> bool {
        if least.is_nan() || least <= 0.0 {
            return false;
        }
        if self.most_missing == 0 {
            return is_dead::<false>(readings, channel, least * self.length as f32);
        }
        let present = readings.channel(channel).filter(|value| !value.is_nan()).count();
        is_dead::<true>(readings, channel, least * present as f32)
    }

    /// The first fault that the values of `channel` have by themselves, the variance aside.
    #[cold]
    #[inline(never)]
    fn scan(
        &self,
        readings: &Readings<'_>,
        channel: usize,
        of: (&ChannelState, &Limits),
    ) -> Option<FaultKind> {
        let (state, limits) = of;
        let mut seen = Seen { last: f32::NAN, longest: usize::from(state.run), ..Seen::default() };
        readings.rows().for_each(|row| seen.add(row, channel, limits));
        let most_at_rails = match limits.most_at_rails {
            u16::MAX => usize::MAX,
            most => usize::from(most),
        };
        let is_missing = if self.most_missing > 0 {
            seen.not_a_number > self.most_missing
        } else {
            seen.without_value
        };
        let not_finite = seen.infinite || self.most_missing == 0 && seen.not_a_number > 0;
        let faults = [
            (is_missing, FaultKind::Missing),
            (not_finite, FaultKind::NotFinite),
            (seen.at_rails > most_at_rails, FaultKind::Rails),
            (is_longer(seen.longest, limits.longest_run), FaultKind::Stuck),
            (seen.step, FaultKind::Step),
        ];
        faults.into_iter().find_map(|(found, kind)| found.then_some(kind))
    }
}

/// Whether a run is longer than a limit, of which `u16::MAX` is none.
fn is_longer(run: usize, longest: u16) -> bool {
    longest < u16::MAX && run > usize::from(longest)
}

/// What a scan of one channel has found.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The value before.
    last: f32,
    /// Equal values up to it.
    run: usize,
    /// The most of them so far; at first those that the channel's state knows of.
    longest: usize,
    /// Values at a rail, infinite ones not among them.
    at_rails: usize,
    /// Values that are NaN.
    not_a_number: usize,
    /// Whether a reading had no value in any channel.
    without_value: bool,
    /// Whether a value was infinite.
    infinite: bool,
    /// Whether neighbours differ by too much.
    step: bool,
}

impl Seen {
    /// Adds the value of `channel` in the reading `row`; does nothing where it has none.
    fn add(&mut self, row: &[f32], channel: usize, limits: &Limits) {
        let Some(&value) = row.get(channel) else { return };
        let is_same = value.to_bits() == self.last.to_bits() && !value.is_nan();
        self.run = if is_same { self.run + 1 } else { 1 };
        self.longest = self.longest.max(self.run);
        self.step |= (value - self.last).abs() > limits.largest_step;
        self.infinite |= value.is_infinite();
        self.not_a_number += usize::from(value.is_nan());
        self.without_value |= value.is_nan() && row.iter().all(|value| value.is_nan());
        let at_rail = value <= limits.lo || value >= limits.hi;
        self.at_rails += usize::from(at_rail && value.is_finite());
        self.last = value;
    }
}

/// Values between two tests whether the variance is large enough already.
const BETWEEN_TESTS: usize = 4;

/// Whether the sum of the squared deviations of a channel's values from their mean is not above `bound`.
/// With `MISSING` values that are NaN are missing and not counted, else there are none.
///
/// In one pass, with `d` the distance from the first value: `n` values have a sum of squared deviations of
/// `sum d^2 - (sum d)^2 / n`, which more values only increase. It is compared with the bound after every
/// fourth value and after the last one, without a division; the first test that finds it larger ends the
/// pass. A channel without any value is not dead but missing.
#[inline(never)]
fn is_dead<const MISSING: bool>(readings: &Readings<'_>, channel: usize, bound: f32) -> bool {
    let mut values = readings.channel(channel);
    let origin = if MISSING { values.find(|value| !value.is_nan()) } else { values.next() };
    let Some(origin) = origin else { return false };
    let (mut n, mut sum, mut squares) = (0, 0.0, 0.0);
    for part in [readings.older, readings.newer] {
        let mut at = channel;
        while let Some(value) = part.get(at) {
            at += readings.channels;
            let d = value - origin;
            if MISSING && d.is_nan() {
                continue;
            }
            (n, sum, squares) = (n + 1, sum + d, squares + d * d);
            if n % BETWEEN_TESTS == 0 && n as f32 * (squares - bound) > sum * sum {
                return false;
            }
        }
    }
    n as f32 * (squares - bound) <= sum * sum
}
