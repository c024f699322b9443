//! Standard faults of sensors, put into windows of raw readings, to see which of them a detector finds.

use std::fmt;

/// A fault of one channel, or of a whole sensor. Sizes are in standard deviations of the channel, its own mean being that of
/// the training data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InjectedFault {
    /// The channel keeps the value that it has at the start of the window.
    Stuck,
    /// The channel reads 0.
    Zero,
    /// The channel reads 20 standard deviations above its mean, as at the end of its range.
    Rail,
    /// All channels keep their training means: a sensor that sends its offset.
    Dead,
    /// The channel's deviations from its mean are halved.
    HalfGain,
    /// The channel's deviations from its mean are doubled.
    DoubleGain,
    /// 3 standard deviations are added to the channel.
    Offset,
    /// 20 standard deviations are added to one reading in the middle.
    Spike,
    /// The channel and the next one are exchanged.
    Swapped,
    /// The second half of the window repeats its first half: readings were lost, and the buffer was sent again.
    Lost,
    /// One reading in ten does not come.
    Dropout,
    /// One value in ten of the channel is NaN.
    NotANumber,
    /// The sensor samples 1.2 times as often as its readings are taken for; values between two readings are interpolated.
    WrongRate,
    /// The channel is clipped at 1.5 standard deviations.
    Saturated,
}

impl InjectedFault {
    /// Every fault.
    pub const ALL: [Self; 14] = [
        Self::Stuck,
        Self::Zero,
        Self::Rail,
        Self::Dead,
        Self::HalfGain,
        Self::DoubleGain,
        Self::Offset,
        Self::Spike,
        Self::Swapped,
        Self::Lost,
        Self::Dropout,
        Self::NotANumber,
        Self::WrongRate,
        Self::Saturated,
    ];

    /// Its name, as in `stuck`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Zero => "zero",
            Self::Rail => "rail",
            Self::Dead => "dead",
            Self::HalfGain => "gain 0.5",
            Self::DoubleGain => "gain 2",
            Self::Offset => "offset",
            Self::Spike => "spike",
            Self::Swapped => "swapped",
            Self::Lost => "lost",
            Self::Dropout => "dropout",
            Self::NotANumber => "nan",
            Self::WrongRate => "rate 1.2",
            Self::Saturated => "saturated",
        }
    }

    /// Whether values are missing by it.
    pub fn loses_values(self) -> bool {
        matches!(self, Self::Dropout | Self::NotANumber)
    }

    /// Whether it affects every channel, so that there is one case of it and not one per channel.
    pub fn is_of_all_channels(self) -> bool {
        matches!(self, Self::Dead | Self::Lost | Self::Dropout | Self::WrongRate)
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Mean and standard deviation of each channel in the training data, in raw units.
#[derive(Clone, Copy, Debug)]
pub struct Normal<'a> {
    /// Means.
    pub mean: &'a [f32],
    /// Standard deviations.
    pub std: &'a [f32],
}

/// Of so many readings one is lost, or is NaN.
const ONE_IN: usize = 10;
/// Readings that a sensor with the wrong rate sends in place of one.
const TOO_FAST: f64 = 1.2;

/// Puts a fault of `channel` into one window: `readings` is `[time][channels]` in raw units, with as many channels as
/// `normal` has. A value that does not come is NaN. Nothing changes for a channel that is not there.
pub fn inject(fault: InjectedFault, channel: usize, normal: Normal<'_>, readings: &mut [f32]) {
    let channels = normal.mean.len();
    let (Some(mean), Some(std)) = (normal.mean.get(channel), normal.std.get(channel)) else {
        return;
    };
    if fault == InjectedFault::WrongRate {
        return resample(channels, readings);
    }
    let time = readings.len() / channels.max(1);
    let half = time / 2;
    let first = readings.get(channel).copied().unwrap_or(0.0);
    for at in 0..time {
        let (before, reading) = readings.split_at_mut(at * channels);
        let Some(value) = reading.get_mut(channel) else { continue };
        match fault {
            InjectedFault::Stuck => *value = first,
            InjectedFault::Zero => *value = 0.0,
            InjectedFault::Rail => *value = mean + 20.0 * std,
            InjectedFault::HalfGain => *value = mean + (*value - mean) / 2.0,
            InjectedFault::DoubleGain => *value = mean + (*value - mean) * 2.0,
            InjectedFault::Offset => *value += 3.0 * std,
            InjectedFault::Spike if at == half => *value += 20.0 * std,
            InjectedFault::Saturated => *value = value.clamp(mean - 1.5 * std, mean + 1.5 * std),
            InjectedFault::Swapped => reading[..channels].swap(channel, (channel + 1) % channels),
            InjectedFault::Dead => reading[..channels].copy_from_slice(normal.mean),
            InjectedFault::Lost if at >= half && half > 0 => {
                let from = (at - half) * channels;
                let earlier = &before[from..from + channels];
                reading[..channels].copy_from_slice(earlier);
            }
            InjectedFault::Dropout if at % ONE_IN == 0 => reading[..channels].fill(f32::NAN),
            InjectedFault::NotANumber if at % ONE_IN == 0 => *value = f32::NAN,
            InjectedFault::Spike
            | InjectedFault::Lost
            | InjectedFault::Dropout
            | InjectedFault::NotANumber
            | InjectedFault::WrongRate => {}
        }
    }
}

/// The readings as a sensor sends them that samples too fast: the first ones stretched over all of the time.
fn resample(channels: usize, readings: &mut [f32]) {
    let sent = readings.to_vec();
    for (at, reading) in readings.chunks_exact_mut(channels.max(1)).enumerate() {
        let place = at as f64 / TOO_FAST;
        let (from, part) = (place.floor() as usize, place.fract() as f32);
        for (channel, value) in reading.iter_mut().enumerate() {
            let of = |at: usize| sent.get(at * channels + channel).copied();
            if let (Some(before), after) = (of(from), of(from + 1)) {
                *value = before + (after.unwrap_or(before) - before) * part;
            }
        }
    }
}

/// [`inject`] into the readings of a recording, `[time][channels]`: once where the fault lasts, and into each run of
/// `length` readings where it is of a moment.
pub fn inject_into_recording(
    fault: InjectedFault,
    channel: usize,
    normal: Normal<'_>,
    length: usize,
    readings: &mut [f32],
) {
    match fault {
        InjectedFault::Spike | InjectedFault::Lost => {
            let values = (length * normal.mean.len()).max(1);
            readings.chunks_mut(values).for_each(|own| inject(fault, channel, normal, own));
        }
        _ => inject(fault, channel, normal, readings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_change_their_channel_alone() {
        let normal = Normal { mean: &[1.0, 10.0], std: &[1.0, 2.0] };
        let window = [0.0, 9.0, 2.0, 11.0, 4.0, 7.0, 6.0, 30.0];
        let with = |fault, channel| {
            let mut readings = window;
            inject(fault, channel, normal, &mut readings);
            readings
        };
        assert_eq!(with(InjectedFault::Stuck, 1), [0.0, 9.0, 2.0, 9.0, 4.0, 9.0, 6.0, 9.0]);
        assert_eq!(with(InjectedFault::Zero, 1), [0.0, 0.0, 2.0, 0.0, 4.0, 0.0, 6.0, 0.0]);
        assert_eq!(with(InjectedFault::Dead, 0), [1.0, 10.0, 1.0, 10.0, 1.0, 10.0, 1.0, 10.0]);
        assert_eq!(with(InjectedFault::Rail, 1), [0.0, 50.0, 2.0, 50.0, 4.0, 50.0, 6.0, 50.0]);
        assert_eq!(with(InjectedFault::HalfGain, 0), [0.5, 9.0, 1.5, 11.0, 2.5, 7.0, 3.5, 30.0]);
        assert_eq!(
            with(InjectedFault::DoubleGain, 0),
            [-1.0, 9.0, 3.0, 11.0, 7.0, 7.0, 11.0, 30.0]
        );
        assert_eq!(with(InjectedFault::Offset, 1), [0.0, 15.0, 2.0, 17.0, 4.0, 13.0, 6.0, 36.0]);
        assert_eq!(with(InjectedFault::Spike, 0), [0.0, 9.0, 2.0, 11.0, 24.0, 7.0, 6.0, 30.0]);
        assert_eq!(with(InjectedFault::Swapped, 0), [9.0, 0.0, 11.0, 2.0, 7.0, 4.0, 30.0, 6.0]);
        assert_eq!(with(InjectedFault::Lost, 0), [0.0, 9.0, 2.0, 11.0, 0.0, 9.0, 2.0, 11.0]);
        assert_eq!(with(InjectedFault::Saturated, 1), [0.0, 9.0, 2.0, 11.0, 4.0, 7.0, 6.0, 13.0]);
        assert_eq!(with(InjectedFault::Zero, 2), window);
        let lacks = |fault, channel| with(fault, channel).map(f32::is_nan);
        let [n, y] = [false, true];
        assert_eq!(lacks(InjectedFault::Dropout, 0), [y, y, n, n, n, n, n, n]);
        assert_eq!(lacks(InjectedFault::NotANumber, 1), [n, y, n, n, n, n, n, n]);
    }

    #[test]
    fn a_sensor_that_samples_too_fast_sends_values_between_the_readings() {
        let normal = Normal { mean: &[0.0], std: &[1.0] };
        let mut readings: Vec<f32> = (0..13_u8).map(f32::from).collect();
        inject(InjectedFault::WrongRate, 0, normal, &mut readings);
        for (at, value) in readings.iter().enumerate() {
            assert!((value - at as f32 / 1.2).abs() < 1e-6, "{at}: {value}");
        }
    }
}
