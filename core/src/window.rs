//! From readings to observations: a sliding window, normalized per channel.
//!
//! [`Window`] has the size of one model. [`Ring`] is what it does, on a slice that somebody else holds: the
//! desktop has windows whose size is known at run time alone.

use crate::pieces::{pieces, pieces_mut};

/// Why a reading was not stored or an observation not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WindowError {
    /// A reading is infinite in this channel, or NaN where none may be missing; no observation is made of it.
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
    /// A reading has not one value for each channel.
    ReadingLength,
}

impl core::fmt::Display for WindowError {
    /// What is wrong, without the number of the channel.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotFinite { .. } => "a reading is not finite",
            Self::Missing { .. } => "too many readings of a channel are missing",
            Self::Incomplete => "the window is not complete yet",
            Self::ObservationLength => "the observation's buffer has the wrong length",
            Self::ReadingLength => "a reading has not one value for each channel",
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

/// What a window has of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct WindowShape {
    /// Values of a reading.
    pub channels: usize,
    /// Readings of the window.
    pub length: usize,
    /// Readings from one observation to the next.
    pub hop: usize,
}

/// The readings of a complete window, each with one value per channel, in two parts: a ring has an end in its
/// middle.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Readings<'a> {
    /// Values of a reading.
    pub channels: usize,
    /// The older readings, from the oldest on, one after the other.
    pub older: &'a [f32],
    /// The newer ones, up to the newest.
    pub newer: &'a [f32],
}

impl<'a> Readings<'a> {
    /// The readings from the oldest to the newest.
    #[inline(always)]
    pub fn rows(&self) -> impl Iterator<Item = &'a [f32]> {
        pieces(self.older, self.channels).chain(pieces(self.newer, self.channels))
    }

    /// The values of one channel from the oldest to the newest; none of a channel that does not exist.
    #[inline(always)]
    pub fn channel(&self, channel: usize) -> impl Iterator<Item = f32> {
        let exists = channel < self.channels;
        let of = |part: &'a [f32]| {
            let from = part.get(channel..).filter(|_| exists).unwrap_or(&[]);
            from.iter().step_by(self.channels.max(1))
        };
        of(self.older).chain(of(self.newer)).copied()
    }

    /// Writes `(reading_t[c] - mean[c]) / std[c]` to `x[c][t]` or, time first, to `x[t][c]`; the oldest
    /// reading is `t = 0`. The shortest of a reading, `mean` and `std` says how many channels are written;
    /// where `x` is shorter than the readings, what has no place in it is not written.
    #[inline]
    pub fn normalize(&self, mean: &[f32], std: &[f32], layout: Layout, x: &mut [f32]) {
        let length = (self.older.len() + self.newer.len()).checked_div(self.channels).unwrap_or(0);
        for (t, reading) in self.rows().enumerate() {
            let channels = reading.iter().zip(mean).zip(std);
            let values = channels.map(|((value, mean), std)| (value - mean) / std);
            match layout {
                Layout::ChannelsFirst => write(x.iter_mut().skip(t).step_by(length.max(1)), values),
                Layout::TimeFirst => write(x.iter_mut().skip(t * self.channels), values),
            }
        }
    }
}

/// Where a window stands in the memory of its readings, `[length][channels]`, and when its next observation
/// is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ring {
    /// Place of the oldest reading; of the next one while the window is incomplete.
    at: usize,
    /// Whether `length` readings have come in.
    is_full: bool,
    /// Counts readings, wrapping; an observation is due when it is `length`. From zero, so that a static detector is all
    /// zeros, of which no copy is in flash.
    ahead: usize,
}

impl Ring {
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        Self { at: 0, is_full: false, ahead: 0 }
    }

    /// Stores one reading in place of the oldest one; `true` says that an observation is due now. Where the
    /// reading or the memory is shorter than the shape says, the missing values are not stored.
    #[inline]
    pub fn push(&mut self, shape: WindowShape, memory: &mut [f32], reading: &[f32]) -> bool {
        if let Some(place) = pieces_mut(memory, shape.channels).nth(self.at) {
            write(place.iter_mut(), reading.iter().copied());
        }
        self.at += 1;
        if self.at >= shape.length {
            (self.at, self.is_full) = (0, true);
        }
        self.ahead = self.ahead.wrapping_add(1);
        let due = self.ahead == shape.length;
        if due {
            self.ahead = shape.length.wrapping_sub(shape.hop);
        }
        due
    }

    /// The readings; `None` while there are fewer than `length`, and where the memory is too short for them.
    #[inline]
    #[must_use]
    pub fn readings<'a>(&self, shape: WindowShape, memory: &'a [f32]) -> Option<Readings<'a>> {
        let memory = memory.get(..shape.channels.checked_mul(shape.length)?)?;
        let (newer, older) = memory.split_at_checked(self.at.checked_mul(shape.channels)?)?;
        self.is_full.then_some(Readings { channels: shape.channels, older, newer })
    }
}

/// The last `LENGTH` readings of `CHANNELS` channels, in raw units; an observation every `HOP`.
///
/// The first observation is due after `LENGTH` readings, the next ones after `HOP` readings each;
/// with `HOP` above `LENGTH` some readings are in no observation. The size is
/// `4 * CHANNELS * LENGTH` bytes and a few words. Zero `LENGTH` or `HOP` does not compile.
///
/// For a model that handles missing values itself, up to `MAX_MISSING` readings of a channel may be NaN in
/// an observation, where they stay NaN. Any other reading that is not finite keeps its place in time: there is
/// no observation until it has left the window.
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
    memory: [[f32; CHANNELS]; LENGTH],
    ring: Ring,
    /// Readings until the last one that no observation may hold has left the window; 0 where there is none.
    unfit: usize,
}

impl<const CHANNELS: usize, const LENGTH: usize, const HOP: usize, const MAX_MISSING: usize>
    Window<CHANNELS, LENGTH, HOP, MAX_MISSING>
{
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(LENGTH > 0 && HOP > 0, "a window needs a length and a hop") }
        Self { memory: [[0.0; CHANNELS]; LENGTH], ring: Ring::new(), unfit: 0 }
    }

    /// Stores one reading, in place of the oldest one where the window is full; `true` says that an
    /// observation is due now.
    ///
    /// # Errors
    ///
    /// [`WindowError::NotFinite`] where a value is infinite, or NaN and none may be missing. The reading is
    /// stored all the same, and counts towards `LENGTH` and `HOP`; no observation is due with it.
    pub fn push(&mut self, reading: [f32; CHANNELS]) -> Result<bool, WindowError> {
        let due = self.ring.push(Self::SHAPE, self.memory.as_flattened_mut(), &reading);
        self.unfit = self.unfit.saturating_sub(1);
        if let Some(channel) = reading.iter().position(Self::is_unfit) {
            self.unfit = LENGTH;
            return Err(WindowError::NotFinite { channel });
        }
        Ok(due)
    }

    /// Whether no observation may hold a value: where it is infinite, or NaN and none may be missing.
    fn is_unfit(value: &f32) -> bool {
        !value.is_finite() && (MAX_MISSING == 0 || !value.is_nan())
    }

    /// Writes `(reading_t[c] - mean[c]) / std[c]` to `x[c][t]` or, time first, to `x[t][c]`; the oldest
    /// reading is `t = 0`.
    ///
    /// May be called at any time once the window is complete; between hops it gives the last
    /// `LENGTH` readings.
    ///
    /// # Errors
    ///
    /// When the window is incomplete, `x` has not `CHANNELS * LENGTH` values, a reading in it is not finite
    /// or too many readings of a channel are missing; `x` is untouched.
    pub fn observation(
        &self,
        normalization: &Normalization<CHANNELS>,
        x: &mut [f32],
    ) -> Result<(), WindowError> {
        let readings = self.readings().ok_or(WindowError::Incomplete)?;
        if x.len() != CHANNELS * LENGTH {
            return Err(WindowError::ObservationLength);
        }
        if self.unfit > 0
            && let Some(channel) =
                readings.rows().find_map(|row| row.iter().position(Self::is_unfit))
        {
            return Err(WindowError::NotFinite { channel });
        }
        if MAX_MISSING > 0
            && let Some(channel) =
                (0..CHANNELS).find(|channel| self.missing(*channel) > MAX_MISSING)
        {
            return Err(WindowError::Missing { channel });
        }
        readings.normalize(&normalization.mean, &normalization.std, normalization.layout, x);
        Ok(())
    }

    /// Number of readings in the window that are NaN in this channel; 0 for a channel that does not exist.
    fn missing(&self, channel: usize) -> usize {
        let own = self.memory.iter().filter_map(|reading| reading.get(channel));
        own.filter(|value| value.is_nan()).count()
    }

    /// Empties the window, as is needed where readings were lost: the next observation is due after `LENGTH`
    /// readings.
    pub fn clear(&mut self) {
        *self = Self::new();
    }
}

/// A window of any size, for code that works with all of them.
pub trait Sliding {
    /// Its size.
    const SHAPE: WindowShape;
    /// So many readings of a channel may be missing in an observation.
    const MAX_MISSING: usize;

    /// The readings; `None` while the window is incomplete.
    fn readings(&self) -> Option<Readings<'_>>;

    /// The place in the memory, and the memory: what is pushed there directly is not checked, and
    /// `observation` does not know of it.
    fn parts_mut(&mut self) -> (&mut Ring, &mut [f32]);
}

impl<const CHANNELS: usize, const LENGTH: usize, const HOP: usize, const MAX_MISSING: usize> Sliding
    for Window<CHANNELS, LENGTH, HOP, MAX_MISSING>
{
    const SHAPE: WindowShape = WindowShape { channels: CHANNELS, length: LENGTH, hop: HOP };
    const MAX_MISSING: usize = MAX_MISSING;

    fn readings(&self) -> Option<Readings<'_>> {
        self.ring.readings(Self::SHAPE, self.memory.as_flattened())
    }

    fn parts_mut(&mut self) -> (&mut Ring, &mut [f32]) {
        (&mut self.ring, self.memory.as_flattened_mut())
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
