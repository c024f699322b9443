//! From readings to observations: a sliding window, normalized per channel.

use heapless::Deque;

/// Why a reading was not stored or an observation not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WindowError {
    /// A reading was infinite in this channel, or NaN where none may be missing; it was dropped.
    NotFinite {
        /// Index of the first such channel.
        channel: usize,
    },
    /// More than `MAX_MISSING` of the window's readings are missing in this channel.
    Missing {
        /// Index of the first such channel.
        channel: usize,
    },
    /// Fewer than `LENGTH` readings have come in.
    Incomplete,
    /// The buffer for the observation has not `CHANNELS * LENGTH` values.
    ObservationLength,
}

impl core::fmt::Display for WindowError {
    /// What is wrong, without the number of the channel.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotFinite { .. } => "a reading is not finite",
            Self::Missing { .. } => "too many readings of a channel are missing",
            Self::Incomplete => "the window is not complete yet",
            Self::ObservationLength => "the observation's buffer has the wrong length",
        })
    }
}

impl core::error::Error for WindowError {}

/// Order of the values of an observation; readings always go from the oldest to the newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Layout {
    /// `[channels][length]`: all readings of one channel, then those of the next.
    #[default]
    ChannelsFirst,
    /// `[length][channels]`: all channels of one reading, then those of the next.
    TimeFirst,
}

/// From readings to the observation of one model: mean and standard deviation per channel, in the
/// readings' units, from the training data, and the order that the model's input has.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Normalization<const CHANNELS: usize> {
    /// Subtracted first.
    pub mean: [f32; CHANNELS],
    /// Divided by second; nonzero.
    pub std: [f32; CHANNELS],
    /// Order of the values in the observation.
    pub layout: Layout,
}

/// The last `LENGTH` readings of `CHANNELS` channels, in raw units; an observation every `HOP`.
///
/// The first observation is due after `LENGTH` readings, the next ones after `HOP` readings each;
/// with `HOP` above `LENGTH` some readings are in no observation. The size is
/// `4 * CHANNELS * LENGTH` bytes and a few words. Zero `LENGTH` or `HOP` does not compile.
///
/// For a model that handles missing values itself, up to `MAX_MISSING` readings of a channel may be NaN in
/// an observation, where they stay NaN.
///
/// ```
/// use elbow_core::window::{Layout, Normalization, Window};
/// let layout = Layout::ChannelsFirst;
/// let mut normalization = Normalization { mean: [1.0, 0.0], std: [2.0, 1.0], layout };
/// let mut window = Window::<2, 3, 1>::new();
/// let mut x = [0.0; 6];
/// assert!(!window.push([1.0, 10.0])?);
/// assert!(!window.push([3.0, 20.0])?);
/// assert!(window.push([5.0, 30.0])?);
/// window.observation(&normalization, &mut x)?;
/// assert_eq!(x, [0.0, 1.0, 2.0, 10.0, 20.0, 30.0]);
/// normalization.layout = Layout::TimeFirst;
/// window.observation(&normalization, &mut x)?;
/// assert_eq!(x, [0.0, 10.0, 1.0, 20.0, 2.0, 30.0]);
/// # Ok::<(), elbow_core::window::WindowError>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Window<
    const CHANNELS: usize,
    const LENGTH: usize,
    const HOP: usize,
    const MAX_MISSING: usize = 0,
> {
    readings: Deque<[f32; CHANNELS], LENGTH>,
    /// Readings until the next observation is due.
    until_due: usize,
}

impl<const CHANNELS: usize, const LENGTH: usize, const HOP: usize, const MAX_MISSING: usize>
    Window<CHANNELS, LENGTH, HOP, MAX_MISSING>
{
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(LENGTH > 0 && HOP > 0, "a window needs a length and a hop") }
        Self { readings: Deque::new(), until_due: LENGTH }
    }

    /// Stores one reading, in place of the oldest one where the window is full; `true` says that an
    /// observation is due now.
    ///
    /// # Errors
    ///
    /// [`WindowError::NotFinite`] where a value is infinite, or NaN and none may be missing: the reading is
    /// dropped and does not count towards `LENGTH` or `HOP`.
    pub fn push(&mut self, reading: [f32; CHANNELS]) -> Result<bool, WindowError> {
        let is_wrong = |value: &f32| !value.is_finite() && (MAX_MISSING == 0 || !value.is_nan());
        if let Some(channel) = reading.iter().position(is_wrong) {
            return Err(WindowError::NotFinite { channel });
        }
        if self.readings.is_full() {
            self.readings.pop_front();
        }
        // A place is free now: the push cannot be refused.
        let _ = self.readings.push_back(reading);
        self.until_due = self.until_due.saturating_sub(1);
        let due = self.until_due == 0;
        if due {
            self.until_due = HOP;
        }
        Ok(due)
    }

    /// Writes `(reading_t[c] - mean[c]) / std[c]` to `x[c][t]` or, time first, to `x[t][c]`; the oldest
    /// reading is `t = 0`.
    ///
    /// May be called at any time once the window is complete; between hops it gives the last
    /// `LENGTH` readings.
    ///
    /// # Errors
    ///
    /// When the window is incomplete, `x` has not `CHANNELS * LENGTH` values or too many readings of a
    /// channel are missing; `x` is untouched.
    pub fn observation(
        &self,
        normalization: &Normalization<CHANNELS>,
        x: &mut [f32],
    ) -> Result<(), WindowError> {
        if !self.readings.is_full() {
            return Err(WindowError::Incomplete);
        }
        if x.len() != CHANNELS * LENGTH {
            return Err(WindowError::ObservationLength);
        }
        if MAX_MISSING > 0
            && let Some(channel) =
                (0..CHANNELS).find(|channel| self.missing(*channel) > MAX_MISSING)
        {
            return Err(WindowError::Missing { channel });
        }
        for (t, reading) in self.readings.iter().enumerate() {
            let channels = reading.iter().zip(&normalization.mean).zip(&normalization.std);
            let values = channels.map(|((value, mean), std)| (value - mean) / std);
            match normalization.layout {
                Layout::ChannelsFirst => write(x.iter_mut().skip(t).step_by(LENGTH), values),
                Layout::TimeFirst => write(x.iter_mut().skip(t * CHANNELS), values),
            }
        }
        Ok(())
    }

    /// Number of readings in the window that are NaN in this channel; 0 for a channel that does not exist.
    fn missing(&self, channel: usize) -> usize {
        let own = self.readings.iter().filter_map(|reading| reading.get(channel));
        own.filter(|value| value.is_nan()).count()
    }

    /// Empties the window, as is needed where readings were lost: the next observation is due after `LENGTH`
    /// readings.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

impl<const CHANNELS: usize, const LENGTH: usize, const HOP: usize, const MAX_MISSING: usize> Default
    for Window<CHANNELS, LENGTH, HOP, MAX_MISSING>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Writes `values` to `places` in order, as many as there are of both.
#[inline]
fn write<'x>(places: impl Iterator<Item = &'x mut f32>, values: impl Iterator<Item = f32>) {
    places.zip(values).for_each(|(place, value)| *place = value);
}
