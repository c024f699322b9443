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
    /// All channels keep their training means: a sensor that sends its offset.
    Dead,
    /// The channel's deviations from its mean are halved.
    Gain,
    /// 3 standard deviations are added to the channel.
    Offset,
    /// 20 standard deviations are added to one reading in the middle.
    Spike,
    /// The channel and the next one are exchanged.
    Swapped,
    /// The second half of the window repeats its first half: readings were lost, and the buffer was sent again.
    Lost,
    /// The channel is clipped at 1.5 standard deviations.
    Saturated,
}

impl InjectedFault {
    /// Every fault.
    pub const ALL: [Self; 9] = [
        Self::Stuck,
        Self::Zero,
        Self::Dead,
        Self::Gain,
        Self::Offset,
        Self::Spike,
        Self::Swapped,
        Self::Lost,
        Self::Saturated,
    ];

    /// Its name, as in `stuck`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Zero => "zero",
            Self::Dead => "dead",
            Self::Gain => "gain",
            Self::Offset => "offset",
            Self::Spike => "spike",
            Self::Swapped => "swapped",
            Self::Lost => "lost",
            Self::Saturated => "saturated",
        }
    }

    /// Whether it affects every channel, so that there is one case of it and not one per channel.
    pub fn is_of_all_channels(self) -> bool {
        matches!(self, Self::Dead | Self::Lost)
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

/// Puts a fault of `channel` into one window: `readings` is `[time][channels]` in raw units, with as many channels as
/// `normal` has. Nothing changes for a channel that is not there.
pub fn inject(fault: InjectedFault, channel: usize, normal: Normal<'_>, readings: &mut [f32]) {
    let channels = normal.mean.len();
    let (Some(mean), Some(std)) = (normal.mean.get(channel), normal.std.get(channel)) else {
        return;
    };
    let time = readings.len() / channels.max(1);
    let half = time / 2;
    let first = readings.get(channel).copied().unwrap_or(0.0);
    for at in 0..time {
        let (before, reading) = readings.split_at_mut(at * channels);
        let Some(value) = reading.get_mut(channel) else { continue };
        match fault {
            InjectedFault::Stuck => *value = first,
            InjectedFault::Zero => *value = 0.0,
            InjectedFault::Gain => *value = mean + (*value - mean) / 2.0,
            InjectedFault::Offset => *value += 3.0 * std,
            InjectedFault::Spike if at == half => *value += 20.0 * std,
            InjectedFault::Spike => {}
            InjectedFault::Saturated => *value = value.clamp(mean - 1.5 * std, mean + 1.5 * std),
            InjectedFault::Swapped => reading[..channels].swap(channel, (channel + 1) % channels),
            InjectedFault::Dead => reading[..channels].copy_from_slice(normal.mean),
            InjectedFault::Lost if at >= half && half > 0 => {
                let from = (at - half) * channels;
                let earlier = &before[from..from + channels];
                reading[..channels].copy_from_slice(earlier);
            }
            InjectedFault::Lost => {}
        }
    }
}

/// [`inject`] into a whole recording of `[time][channels]`: once where the fault lasts, and into each run of `length`
/// readings where it is of a moment.
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
        assert_eq!(with(InjectedFault::Gain, 0), [0.5, 9.0, 1.5, 11.0, 2.5, 7.0, 3.5, 30.0]);
        assert_eq!(with(InjectedFault::Offset, 1), [0.0, 15.0, 2.0, 17.0, 4.0, 13.0, 6.0, 36.0]);
        assert_eq!(with(InjectedFault::Spike, 0), [0.0, 9.0, 2.0, 11.0, 24.0, 7.0, 6.0, 30.0]);
        assert_eq!(with(InjectedFault::Swapped, 0), [9.0, 0.0, 11.0, 2.0, 7.0, 4.0, 30.0, 6.0]);
        assert_eq!(with(InjectedFault::Lost, 0), [0.0, 9.0, 2.0, 11.0, 0.0, 9.0, 2.0, 11.0]);
        assert_eq!(with(InjectedFault::Saturated, 1), [0.0, 9.0, 2.0, 11.0, 4.0, 7.0, 6.0, 13.0]);
        assert_eq!(with(InjectedFault::Zero, 2), window);
    }
}
