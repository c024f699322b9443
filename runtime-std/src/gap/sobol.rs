//! Quasi-random standard normal points, shifted at random: means over them converge faster than over
//! independent draws, and independent shifts tell the standard error.
//!
//! Refinement has a scheme of its own, made for eight points; this one is made for thousands.

use crate::rows::StreamKey;
use elbow_core::noise::{Stream, standard_normal};

/// Primitive polynomial and first direction numbers of coordinates 2, 3, .. (Joe and Kuo, "Constructing
/// Sobol sequences with better two-dimensional projections", SIAM J. Sci. Comput. 30, 2008).
const DIRECTIONS: [(u32, &[u32]); 20] = [
    (0, &[1]),
    (1, &[1, 3]),
    (1, &[1, 3, 1]),
    (2, &[1, 1, 1]),
    (1, &[1, 1, 3, 3]),
    (4, &[1, 3, 5, 13]),
    (2, &[1, 1, 5, 5, 17]),
    (4, &[1, 1, 5, 5, 5]),
    (7, &[1, 1, 7, 11, 19]),
    (11, &[1, 1, 5, 1, 1]),
    (13, &[1, 1, 1, 3, 11]),
    (14, &[1, 3, 5, 5, 31]),
    (1, &[1, 3, 3, 9, 7, 49]),
    (13, &[1, 1, 1, 15, 21, 21]),
    (16, &[1, 3, 1, 13, 27, 49]),
    (19, &[1, 1, 1, 15, 7, 5]),
    (22, &[1, 3, 1, 15, 13, 25]),
    (25, &[1, 1, 5, 5, 19, 61]),
    (1, &[1, 3, 7, 11, 23, 15, 103]),
    (4, &[1, 3, 7, 13, 13, 15, 69]),
];

/// Bits of an index: no sequence here is longer.
const BITS: usize = 24;

/// Sobol's sequence in as many dimensions as the table has; coordinates beyond are independent draws.
#[derive(Debug)]
pub struct Sobol {
    /// Direction numbers `columns[d][bit]`: a point is the XOR of the columns at the set bits of its index.
    columns: Vec<[u32; BITS]>,
    dimensions: usize,
}

/// The sequence under one random shift: points of different keys, rows or numbers are independent.
#[derive(Debug)]
pub struct Shifted<'s> {
    sobol: &'s Sobol,
    shift: Vec<u32>,
    stream: StreamKey,
    number: u32,
}

impl Sobol {
    /// Coordinates of a point.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The sequence of points of `dimensions` coordinates: Sobol's in the first 21, independent draws beyond.
    pub fn new(dimensions: usize) -> Self {
        let tabled = DIRECTIONS.iter().map(|(polynomial, first)| columns(*polynomial, first));
        let columns = std::iter::once(halves()).chain(tabled).take(dimensions).collect();
        Self { columns, dimensions }
    }

    /// The sequence under a random shift: its coordinates are XORed with the words of draw `number` of
    /// `stream`.
    pub fn shifted(&self, stream: StreamKey, number: u32) -> Shifted<'_> {
        let mut own = stream.stream(number);
        let words = std::iter::repeat_with(|| own.next_block()).flatten();
        let shift = words.take(self.columns.len()).collect();
        Shifted { sobol: self, shift, stream, number }
    }
}

impl Shifted<'_> {
    /// Fills `eps`, which has a value per dimension, with point `index` (below 2^24) as standard normal
    /// values; the same index gives the same point.
    pub fn fill(&self, index: u32, eps: &mut [f64]) {
        for ((eps, columns), shift) in eps.iter_mut().zip(&self.sobol.columns).zip(&self.shift) {
            let bits = columns.iter().enumerate().filter(|(bit, _)| index >> bit & 1 == 1);
            *eps = standard_normal(bits.fold(*shift, |word, (_, column)| word ^ column)).into();
        }
        let tabled = self.sobol.columns.len();
        if tabled < self.sobol.dimensions {
            let StreamKey { seed, row } = self.stream;
            // The words of the stream that shifts lie far in front of these.
            let mut stream = Stream::new(seed ^ BEYOND, row, self.number ^ index << 8);
            let words = std::iter::repeat_with(|| stream.next_block()).flatten();
            eps[tabled..].iter_mut().zip(words).for_each(|(eps, word)| {
                *eps = standard_normal(word).into();
            });
        }
    }
}

/// Keeps the draws beyond the table apart from the shifts.
const BEYOND: u64 = 0x5EED_0000_0000_0000;

/// Direction numbers of the first coordinate, `2^(31 - bit)`: the van der Corput sequence.
fn halves() -> [u32; BITS] {
    std::array::from_fn(|bit| 1 << (31 - bit))
}

/// Direction numbers of a coordinate by the recurrence of Bratley and Fox (1988), from the inner coefficients
/// of its primitive `polynomial`, as bits, and its `first` odd numbers, as many as the degree.
fn columns(polynomial: u32, first: &[u32]) -> [u32; BITS] {
    let degree = first.len();
    let mut columns = [0; BITS];
    for bit in 0..BITS {
        columns[bit] = match first.get(bit) {
            Some(number) => number << (31 - bit),
            None => {
                let base = columns[bit - degree];
                let taken = (1..degree).filter(|k| polynomial >> (degree - 1 - k) & 1 == 1);
                taken.fold(base ^ base >> degree, |sum, k| sum ^ columns[bit - k])
            }
        };
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interval_of_every_coordinate_is_hit_once() {
        let sobol = Sobol::new(21);
        for columns in &sobol.columns {
            let mut hit = [false; 1024];
            for index in 0..1024u32 {
                let bits = columns.iter().enumerate().filter(|(bit, _)| index >> bit & 1 == 1);
                hit[(bits.fold(0, |word, (_, column)| word ^ column) >> 22) as usize] = true;
            }
            assert!(hit.iter().all(|hit| *hit));
        }
    }

    /// Dyadic boxes of the first two coordinates: Sobol's sequence is a (0, 2)-sequence there.
    #[test]
    fn every_box_of_the_first_two_coordinates_is_hit_once() {
        let sobol = Sobol::new(2);
        for wide in 0..=8u32 {
            let mut hit = [false; 256];
            for index in 0..256u32 {
                let word = |columns: &[u32; BITS]| {
                    let bits = columns.iter().enumerate().filter(|(bit, _)| index >> bit & 1 == 1);
                    u64::from(bits.fold(0, |word, (_, column)| word ^ column))
                };
                let [x, y] = [word(&sobol.columns[0]), word(&sobol.columns[1])];
                hit[((x >> (32 - wide)) << (8 - wide) | y >> (24 + wide)) as usize] = true;
            }
            assert!(hit.iter().all(|hit| *hit), "{wide}");
        }
    }

    #[test]
    fn coordinates_beyond_the_table_are_draws() {
        let sobol = Sobol::new(30);
        let (mut one, mut two) = (vec![0.0; 30], vec![0.0; 30]);
        let points = sobol.shifted(StreamKey { seed: 7, row: 3 }, 1);
        points.fill(5, &mut one);
        points.fill(6, &mut two);
        assert!(one.iter().zip(&two).all(|(one, two)| one != two && *one != 0.0));
    }
}
