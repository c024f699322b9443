//! From recorded readings to the observations that a device makes of them.

use crate::error::{Error, Result};
use crate::manifest::{Layout, Window};
use crate::npy;
use elbow_core::window::{Readings, Ring, WindowShape};
use std::path::Path;

/// Readings of one recording, in raw units.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Values of a reading.
    pub channels: usize,
    /// All readings, `[time, channels]`.
    pub values: Vec<f32>,
}

impl Recording {
    /// The recording in the file `path`, for this window.
    ///
    /// # Errors
    ///
    /// An input error names the file: it is no float32 array of shape `[time, channels]`, or shorter than a window.
    pub fn read(path: &Path, window: &Window) -> Result<Self> {
        let array = npy::read(path)?;
        let fault = |what: String| Err(Error::input(format!("{}: {what}", path.display())));
        match array.shape[..] {
            [time, channels] if channels == window.channels && time >= window.length => {
                Ok(Self { channels, values: array.values })
            }
            [time, channels] if channels == window.channels => fault(format!(
                "found {time} readings, expected at least the {} of a window; give a longer recording",
                window.length
            )),
            _ => fault(format!(
                "found shape {:?}, expected [time, {}]: raw readings, one value per channel of the [window]; save them so",
                array.shape, window.channels
            )),
        }
    }

    /// Calls `each` with every complete window of the readings, in order, at the window's hop; true says that all
    /// of its values are finite.
    pub fn for_each_window(&self, window: &Window, mut each: impl FnMut(&Readings<'_>, bool)) {
        let Window { channels, length, hop, .. } = *window;
        let shape = WindowShape { channels, length, hop };
        let (mut ring, mut memory) = (Ring::new(), vec![0.0; channels * length]);
        let mut unfit = 0;
        for reading in self.values.chunks_exact(channels) {
            let is_finite = reading.iter().all(|value| value.is_finite());
            unfit = if is_finite { unfit.max(1) - 1 } else { length };
            let due = ring.push(shape, &mut memory, reading);
            if let Some(readings) = ring.readings(shape, &memory).filter(|_| due) {
                each(&readings, unfit == 0);
            }
        }
    }

    /// The observations of all windows whose values are finite, one after the other, and the number of the others.
    pub fn observations(&self, window: &Window) -> (Vec<f32>, usize) {
        let (mut all, mut unfit) = (Vec::new(), 0);
        self.for_each_window(window, |readings, is_finite| match is_finite {
            true => {
                let start = all.len();
                all.resize(start + window.channels * window.length, 0.0);
                let layout = window.layout().into();
                readings.normalize(&window.mean, &window.std, layout, &mut all[start..]);
            }
            false => unfit += 1,
        });
        (all, unfit)
    }
}

/// Every how many windows one shares no reading with the one before: `length / hop`, rounded up; 1 without a window.
pub fn every(window: Option<&Window>) -> u32 {
    let every = window.map_or(1, |window| window.length.div_ceil(window.hop.max(1)));
    u32::try_from(every).unwrap_or(u32::MAX)
}

/// Indices of rows that share no reading with the one kept before, and the number of rows that begin inside the row
/// before them: neighbours overlap where the end of one equals the beginning of the next in every bit. Without a
/// window all rows are kept.
pub fn disjoint(rows: &[&[f32]], window: Option<&Window>) -> (Vec<usize>, usize) {
    let Some(window) = window else { return ((0..rows.len()).collect(), 0) };
    let (mut kept, mut overlapping) = (Vec::new(), 0);
    // Readings from the start of the kept row to that of the current one; `None` where they share none.
    let mut distance = None;
    for (at, row) in rows.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| rows[before]);
        let shift = before.and_then(|before| shift(before, row, window));
        overlapping += usize::from(shift.is_some());
        distance = distance.zip(shift).map(|(far, shift): (usize, usize)| far + shift);
        if distance.is_none_or(|far| far >= window.length) {
            kept.push(at);
            distance = Some(0);
        }
    }
    (kept, overlapping)
}

/// By how many readings, fewer than a window, `next` lies behind `row`: the window's hop where that fits, else the
/// smallest number that does; `None` where they share no readings.
fn shift(row: &[f32], next: &[f32], window: &Window) -> Option<usize> {
    let Window { channels, length, hop, .. } = *window;
    let time_first = window.layout() == Layout::TimeFirst;
    let at = |x: &[f32], channel: usize, time: usize| {
        let index = if time_first { time * channels + channel } else { channel * length + time };
        x.get(index).map(|value| value.to_bits())
    };
    let fits = |shift: &usize| {
        (0..channels).all(|channel| {
            (*shift..length).all(|time| at(row, channel, time) == at(next, channel, time - shift))
        })
    };
    let mut shifts = std::iter::once(hop).filter(|hop| *hop < length).chain(1..length);
    shifts.find(fits)
}
