//! The orders of weights, one definition for the compiler, the twin and the tests.

use super::depthwise::GROUP;
use crate::kernels::PANEL;
use crate::pieces::{pieces, pieces_mut};

/// An order of the weights of a [`Linear`](super::Linear), for one kind of core.
///
/// All are panels of four rows, one after another, the last one padded with rows of zeros; in a panel
/// the runs of a patch follow each other, each padded with zeros to a multiple of the [grain](Form::grain).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Form {
    /// `[inputs][4]`: M0, M3, the host; `x` of either type.
    Plain,
    /// `[inputs / 2][2 pairs of rows][2 inputs]` lanes of 16 bits, each `256 * b + a` for rows a, b: M4,
    /// M7 and M33 with DSP instructions; `x` is i16 that holds 8-bit values.
    Paired,
    /// `[inputs / 2][2 pairs of rows][2 inputs][2 rows]`: the same cores; `x` is i16.
    Wide,
    /// `[inputs / 16][4][16]`: M55; `x` of either type.
    Helium,
}

/// Why weights cannot be packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PackingError {
    /// The weights have another length than their shape, or the destination than [`packed_len`] or
    /// [`packed_depthwise_len`].
    Length,
    /// A pair of rows `a`, `b` has a weight `b = -128` with a negative `a`: `256 * b + a` is below the least
    /// i16.
    Range,
}

impl core::fmt::Display for PackingError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "the packed weights have another length",
            Self::Range => "a weight is -128 where rows are paired",
        })
    }
}

impl core::error::Error for PackingError {}

impl Form {
    /// Number of inputs of which each packed run is padded to a multiple.
    pub const fn grain(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Paired | Self::Wide => 2,
            Self::Helium => 16,
        }
    }

    /// Length of a run of `run` inputs as packed, rounded up to the grain:
    /// [`Linear::run`](super::Linear::run).
    pub const fn packed_run(self, run: usize) -> usize {
        run.next_multiple_of(self.grain())
    }

    /// Index, from the start of a panel's packed run, of the weight of the panel's row `row` (0 to 3) for
    /// number `input` of the run's inputs.
    const fn place(self, row: usize, input: usize) -> usize {
        match self {
            Self::Plain => PANEL * input + row,
            Self::Paired | Self::Wide => {
                let (block, pair) = (input / 2, row / 2);
                2 * PANEL * block + 4 * pair + 2 * (input % 2) + row % 2
            }
            Self::Helium => PANEL * 16 * (input / 16) + 16 * row + input % 16,
        }
    }
}

/// Bytes of the packed weights of `rows` rows, each of `runs` runs of `run` inputs; `rows` and `run` are
/// those before padding.
pub const fn packed_len(form: Form, rows: usize, run: usize, runs: usize) -> usize {
    rows.next_multiple_of(PANEL) * form.packed_run(run) * runs
}

/// Packs row-major weights, `[rows][runs][run]`, into `out`, all of which is written; padding is 0.
///
/// Weights are in `-127..=127`. Weights of -128 are packed as well, unless [`Form::Paired`] has one that no
/// lane holds.
///
/// # Errors
///
/// [`PackingError::Length`] where `out` has not [`packed_len`] bytes or `weights` not `rows * runs * run`,
/// with `out` left as it is; [`PackingError::Range`] where a lane of [`Form::Paired`] is no i16, with `out`
/// written in part.
pub fn pack_weights(
    form: Form,
    rows: usize,
    run: usize,
    runs: usize,
    weights: &[i8],
    out: &mut [i8],
) -> Result<(), PackingError> {
    if out.len() != packed_len(form, rows, run, runs) || weights.len() != rows * run * runs {
        return Err(PackingError::Length);
    }
    out.fill(0);
    let run_len = PANEL * form.packed_run(run);
    let panels = pieces_mut(out, run_len * runs).zip(pieces(weights, PANEL * run * runs));
    for (panel, rows) in panels {
        for (row, weights) in pieces(rows, run * runs).enumerate() {
            for (packed, weights) in pieces_mut(panel, run_len).zip(pieces(weights, run)) {
                for (input, weight) in weights.iter().enumerate() {
                    if let Some(place) = packed.get_mut(form.place(row, input)) {
                        *place = *weight;
                    }
                }
            }
        }
    }
    if form == Form::Paired { pair_rows(out) } else { Ok(()) }
}

/// Replaces the bytes a, b of each 16-bit lane by `256 * b + a`, little-endian, in place. `Err` is
/// [`PackingError::Range`], at the first lane where that is no i16; the lanes in front of it have been
/// replaced.
fn pair_rows(packed: &mut [i8]) -> Result<(), PackingError> {
    for lane in packed.as_chunks_mut::<2>().0 {
        let [a, b] = lane.map(i32::from);
        let both = i16::try_from(256 * b + a).map_err(|_| PackingError::Range)?;
        *lane = both.to_le_bytes().map(|byte| byte as i8);
    }
    Ok(())
}

/// Inputs of 8 bits for which paired rows are exact with weights in `-127..=127`:
/// `512 * 127 * 128 < 2^23`.
pub const ALWAYS_EXACT: usize = 512;

/// [`ALWAYS_EXACT`] where an odd row holds -128: `510 * 128 * 128 < 2^23`, and 512 inputs reach it.
pub const EXACT_WITH_128: usize = 510;

/// [`Linear::segment`](super::Linear::segment), in inputs, of row-major weights for values of magnitude
/// `largest` at most: `inputs` where the bound holds for all odd rows (the second of each pair), else
/// [`ALWAYS_EXACT`], or [`EXACT_WITH_128`] where one of them holds -128, but never more than `inputs`.
///
/// The bound is `largest * sum_k |w[r][k]| < 2^23`. `row_len` is the number of weights of a row, `inputs`
/// that of a row as packed. Pieces keep the bound for `largest` up to 128, which is all that [`Form::Paired`]
/// reads.
///
/// It is needed and it suffices. The form sums `S = sum (256 * b + a) * x = 256 * B + A` and `A = sum a * x`
/// in wrapping i32, for rows a, b, and takes `B = (S - A) >> 8`. `S - A` is `256 * B` modulo 2^32 however
/// both have wrapped, so that the shift gives `B` if and only if `256 * B` is an i32: `-2^23 <= B < 2^23`.
pub fn paired_segment(weights: &[i8], row_len: usize, inputs: usize, largest: u32) -> usize {
    let odd_rows = || pieces(weights, row_len).skip(1).step_by(2);
    let magnitude = |row: &[i8]| row.iter().map(|w| u64::from(w.unsigned_abs())).sum::<u64>();
    if odd_rows().all(|row| magnitude(row) * u64::from(largest) < 1 << 23) {
        return inputs;
    }
    let piece =
        if odd_rows().flatten().any(|w| *w == i8::MIN) { EXACT_WITH_128 } else { ALWAYS_EXACT };
    piece.min(inputs)
}

/// Bytes of packed depthwise weights: `taps` for each channel, channels rounded up to a multiple of four.
pub const fn packed_depthwise_len(channels: usize, taps: usize) -> usize {
    channels.next_multiple_of(GROUP) * taps
}

/// Packs weights `[channels][taps]` into `out` as [`depthwise`](super::depthwise()) reads them:
/// `[channels / 4][taps][4]`. All of `out` is written; padding is 0.
///
/// # Errors
///
/// [`PackingError::Length`] where `out` has not [`packed_depthwise_len`] bytes or `weights` not
/// `channels * taps`.
pub fn pack_depthwise(
    channels: usize,
    taps: usize,
    weights: &[i8],
    out: &mut [i8],
) -> Result<(), PackingError> {
    if out.len() != packed_depthwise_len(channels, taps) || weights.len() != channels * taps {
        return Err(PackingError::Length);
    }
    out.fill(0);
    let groups = pieces_mut(out, GROUP * taps).zip(pieces(weights, GROUP * taps));
    for (group, filters) in groups {
        for (channel, filter) in pieces(filters, taps).enumerate() {
            let places = group.iter_mut().skip(channel).step_by(GROUP);
            places.zip(filter).for_each(|(place, weight)| *place = *weight);
        }
    }
    Ok(())
}
