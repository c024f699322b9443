//! Quasi-random draws: signed and permuted rows of a Hadamard matrix.

use super::{Draws, NoiseError, Stream, standard_normal};
use crate::math::sqrt;

/// Blocks of a stream from here on hold the columns of a matrix.
const COLUMNS: u32 = 1 << 30;
/// Blocks of a stream from here on hold the rows of a matrix.
const ROWS: u32 = 1 << 31;
/// Sets are counted within each of the ranges of numbers in [`Draws`].
const RANGE: u32 = (1 << 30) - 1;
/// The sign of a column, above its number.
const SIGN: u32 = 1 << 31;
/// A matrix has at least this many rows, and a radius this many degrees of freedom.
const LEAST: u32 = 4;

/// Points that fill space more evenly than independent draws: `eps = r` times a row of a matrix of signs.
///
/// Draws `set i .. set (i + 1)` are one set: the rows of one matrix, in another order for every set, and
/// of further matrices where there are more draws than rows. For `d` values of `eps` the matrix is the
/// Hadamard matrix of Sylvester with `N = max(4, d)` rows, rounded up to a power of two; its columns are
/// permuted and given random signs, its rows are permuted, and the first `d` columns are used. Rows of one
/// matrix are orthogonal where `d = N`, columns always: an average over all `N` rows and their opposites
/// ([`Antithetic`](super::Antithetic), or what takes draws in pairs) is exact for any quadratic function
/// with [`Radius::One`].
///
/// Each draw takes `d^2 / 2` comparisons and `d / 2 + j / 4` blocks of words, `j` being its place in the
/// set, and no memory. Up to `2^24` values.
///
/// Streams: the radius of draw `s` uses the stream of sample `s` from block 0 on; the matrix that begins
/// with draw `s` uses the same stream from block `2^30` (columns) and `2^31` on (rows).
///
/// ```
/// use elbow_core::noise::{Draws, Hadamard, Radius};
/// let mut noise = Hadamard { key: 7, datapoint: 3, set: 4, radius: Radius::One };
/// let [mut a, mut b] = [[0.0; 4]; 2];
/// noise.draw(0, &mut a)?;
/// noise.draw(1, &mut b)?;
/// assert_eq!(a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>(), 0.0);
/// # Ok::<(), elbow_core::noise::NoiseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hadamard {
    /// The key of the streams.
    pub key: u64,
    /// The observation that the noise is for.
    pub datapoint: u64,
    /// Draws of one average, at least 1.
    pub set: u32,
    /// How long `eps` is.
    pub radius: Radius,
}

/// How far from the origin a [`Hadamard`] point lies, per dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Radius {
    /// `r^2` is chi-squared with `m = max(4, d)` degrees of freedom, divided by `m`, fresh for every
    /// draw: as far as a normal draw of `m` dimensions, which keeps few dimensions from meeting the
    /// same points again and again.
    Chi,
    /// `r = 1`: averages over a whole matrix and its opposite are exact for quadratic functions.
    One,
}

impl Draws for Hadamard {
    /// Fills `eps` with point number `sample`; never fails. A `set` of 0 counts as 1.
    fn draw(&mut self, sample: u32, eps: &mut [f32]) -> Result<(), NoiseError> {
        let rows = rows(eps.len() as u32);
        let place = (sample & RANGE) % self.set.max(1);
        let row_number = place & (rows - 1);
        let matrix = self.stream(sample.wrapping_sub(row_number));
        let radius = match self.radius {
            Radius::Chi => chi(self.stream(sample), LEAST.max(eps.len() as u32)),
            Radius::One => 1.0,
        };
        let row = row(matrix, row_number, rows);
        place_columns(matrix, rows, eps);
        for eps in eps {
            let column = eps.to_bits();
            let odd = (row & column).count_ones() % 2 == 1;
            *eps = if odd == (column & SIGN == 0) { -radius } else { radius };
        }
        Ok(())
    }
}

impl Hadamard {
    /// The stream of words of draw number `sample`, at its first block.
    const fn stream(&self, sample: u32) -> Stream {
        Stream::new(self.key, self.datapoint, sample)
    }
}

/// Number of rows of the matrix for `d` values, up to 2^31: `max(4, d)`, rounded up to a power of two.
const fn rows(d: u32) -> u32 {
    let last = if d > LEAST { d - 1 } else { LEAST - 1 };
    (u32::MAX >> last.leading_zeros()).wrapping_add(1)
}

/// A whole number in `0 .. n` from a random word, `floor(word n / 2^32)`; each has the probability `1 / n` up
/// to a relative error of `n / 2^32`.
const fn below(n: u32, word: u32) -> u32 {
    ((word as u64 * n as u64) >> 32) as u32
}

/// Square root of a chi-squared variable of `m` degrees of freedom divided by `m`: the norm of `m` standard
/// normal draws, divided by `sqrt(m)`. The words are the first `m` from the stream's current block on.
fn chi(mut stream: Stream, m: u32) -> f32 {
    let (mut sum, mut left) = (0.0, m);
    while left > 0 {
        for word in stream.next_block().into_iter().take(left as usize) {
            let normal = standard_normal(word);
            sum += normal * normal;
        }
        left = left.saturating_sub(4);
    }
    sqrt(sum / m as f32)
}

/// Entry `j`, which is below `rows`, of a random permutation of `0 .. rows`, by the words of `stream` from
/// block `2^31` on.
///
/// Digit `i` of the permutation (Lehmer, 1960) is uniform below `rows - i`, from word `i`. Entry `j` is digit
/// `j`, counted among the numbers that entries `0 .. j` have left: each of these, last to first, that is not
/// above it moves it up by one.
fn row(stream: Stream, j: u32, rows: u32) -> u32 {
    let mut entry = 0;
    for block in (0..=j / 4).rev() {
        let words = stream.at_block(ROWS | block).next_block();
        for (place, word) in words.into_iter().enumerate().rev() {
            let i = 4 * block + place as u32;
            let digit = below(rows.wrapping_sub(i), word);
            if i == j {
                entry = digit;
            } else if i < j && digit <= entry {
                entry += 1;
            }
        }
    }
    entry
}

/// Fills `columns`, at most `rows` of them, with different numbers in `0 .. rows`, in random order and with
/// random signs, by the words of `stream` from block `2^30` on. Each is stored as the bits of a float
/// (number, and bit 31 for a negative sign), since there is no other memory.
///
/// The numbers are the entries of a permutation as in [`row`], decoded in place; the sign is the lowest bit
/// of the word, on which the digit hardly depends.
fn place_columns(stream: Stream, rows: u32, columns: &mut [f32]) {
    let mut stream = stream.at_block(COLUMNS);
    let mut left = rows;
    for columns in columns.chunks_mut(4) {
        for (column, word) in columns.iter_mut().zip(stream.next_block()) {
            *column = f32::from_bits(below(left, word) | (word << 31));
            left = left.wrapping_sub(1);
        }
    }
    for i in (0..columns.len()).rev() {
        let Some((column, later)) = columns.get_mut(i..).and_then(<[f32]>::split_first_mut) else {
            continue;
        };
        let number = column.to_bits() & !SIGN;
        for other in later {
            let bits = other.to_bits();
            *other = f32::from_bits(bits.wrapping_add(u32::from(number <= bits & !SIGN)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(sample: u32, rows: u32) -> Vec<u32> {
        (0..rows).map(|j| row(Stream::new(3, 1, sample), j, rows)).collect()
    }

    /// Columns from 0, and whether they are negative.
    fn columns(sample: u32, rows: u32) -> Vec<(u32, bool)> {
        let mut columns = vec![0.0_f32; rows as usize];
        place_columns(Stream::new(3, 1, sample), rows, &mut columns);
        columns.iter().map(|c| c.to_bits()).map(|c| (c & !SIGN, c & SIGN != 0)).collect()
    }

    #[test]
    fn rows_and_columns_are_permutations() {
        for rows in [4, 8, 64, 1024] {
            let mut first = entries(rows, rows);
            let mut second: Vec<u32> = columns(rows, rows).iter().map(|(c, _)| *c).collect();
            assert_ne!(first, second);
            first.sort_unstable();
            second.sort_unstable();
            assert!(first.iter().copied().eq(0..rows) && second.iter().copied().eq(0..rows));
        }
    }

    /// Pearson's statistic of 24 permutations has 23 degrees of freedom, of 16 signs 15: above 60
    /// in less than one key of 10,000.
    #[test]
    fn all_permutations_and_signs_are_as_frequent() {
        const DRAWS: u32 = 24_000;
        let [mut by_row, mut by_column, mut by_sign] = [const { [0u32; 256] }; 3];
        let code = |entries: &mut dyn Iterator<Item = u32>| entries.fold(0, |c, e| 4 * c + e);
        for sample in 0..DRAWS {
            let columns = columns(sample, 4);
            by_row[code(&mut entries(sample, 4).into_iter()) as usize] += 1;
            by_column[code(&mut columns.iter().map(|(c, _)| *c)) as usize] += 1;
            by_sign[columns.iter().fold(0, |c, (_, s)| 2 * c + usize::from(*s))] += 1;
        }
        for (counts, kinds) in [(by_row, 24), (by_column, 24), (by_sign, 16)] {
            let met = counts.iter().filter(|count| **count > 0);
            assert_eq!(met.clone().count(), kinds);
            let expected = f64::from(DRAWS) / kinds as f64;
            let pearson: f64 = met.map(|c| (f64::from(*c) - expected).powi(2) / expected).sum();
            assert!(pearson < 60.0, "{kinds} kinds: {pearson}");
        }
    }
}
