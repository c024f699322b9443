//! The corners of integer arithmetic that random layers do not come to, against plain sums in i64: sums
//! at the bound of paired rows, accumulators at the ends of i32, the least and the largest multiplier,
//! large shifts, values at the ends of i16.
//!
//! Biases take every accumulator to an end of what a plan may promise: shifted, it is an i32. Where the
//! products alone leave that, no plan has the layer, and it is left out.

mod depthwise;
mod linear;
mod spread;

use elbow_core::kernels::integer::{Output, Requantize, Value, i8s, i8s_mut, i16s, i16s_mut};

/// Most inputs of a patch, rounded up to whole blocks.
const INPUTS: usize = 528;
/// Two full panels of rows, or six groups of channels.
const ROWS: usize = 24;

/// Memory of a corner.
#[derive(Debug)]
pub struct Memory {
    x: [f32; INPUTS],
    row_major: [i8; 6 * INPUTS],
    packed: [f32; 2 * INPUTS],
    outputs: [[i32; 2]; ROWS],
    y: [f32; INPUTS],
}

impl Memory {
    /// All zero: what it holds before a corner does not matter.
    pub const fn new() -> Self {
        Self {
            x: [0.0; INPUTS],
            row_major: [0; 6 * INPUTS],
            packed: [0.0; 2 * INPUTS],
            outputs: [[0; 2]; ROWS],
            y: [0.0; INPUTS],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a kernel differs from plain sums, or a corner does not fit its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs {
    /// Name of the kernel.
    pub kernel: &'static str,
    /// Inputs of a row, or values of a line.
    pub inputs: usize,
    /// Every value of `x`.
    pub x: i32,
    /// The multiplier and the shift.
    pub factor: (i32, u32),
}

/// How many there are.
pub const COUNT: u32 = 4190;

/// Runs every corner; gives how many there are, which should be [`COUNT`]. Overwrites `m`.
///
/// # Errors
///
/// The first corner where a kernel differs from plain sums, or that does not fit `m`.
pub fn run(m: &mut Memory) -> Result<u32, Differs> {
    Ok(linear::run(m)? + depthwise::run(m)? + spread::run(m)?)
}

/// The ends of i8 and i16, and the 0 that leaves room for every shift.
const BYTES: [i32; 3] = [-128, 127, 0];
const HALVES: [i32; 3] = [-32768, 32767, 0];
/// Multipliers and shifts.
const FACTORS: [(i32, u32); 8] =
    [(1, 0), (i32::MAX, 0), (1, 1), (i32::MAX, 1), (1, 8), (i32::MAX, 8), (1, 31), (i32::MAX, 31)];
/// The scale of outputs that are floats.
const SCALE: f32 = 0.75;

/// Values in the words of a buffer.
trait Cell: Copy + PartialEq {
    /// All values that the words hold.
    fn of_words(words: &[f32]) -> &[Self];
    /// All values that the words hold, to write.
    fn of_words_mut(words: &mut [f32]) -> &mut [Self];
}

impl Cell for i8 {
    /// Four values per word.
    fn of_words(words: &[f32]) -> &[Self] {
        i8s(words)
    }

    /// Four values per word, to write.
    fn of_words_mut(words: &mut [f32]) -> &mut [Self] {
        i8s_mut(words)
    }
}

impl Cell for i16 {
    /// Two values per word.
    fn of_words(words: &[f32]) -> &[Self] {
        i16s(words)
    }

    /// Two values per word, to write.
    fn of_words_mut(words: &mut [f32]) -> &mut [Self] {
        i16s_mut(words)
    }
}

impl Cell for f32 {
    /// The words.
    fn of_words(words: &[f32]) -> &[Self] {
        words
    }

    /// The words, to write.
    fn of_words_mut(words: &mut [f32]) -> &mut [Self] {
        words
    }
}

/// What a layer writes.
trait Written: Output + Cell {
    /// The least and the largest value; none of floats.
    const ENDS: Option<[i32; 2]>;

    /// The output of a sum with its bias; floats are the sum times [`SCALE`].
    fn expected(sum: i64, multiplier: i32, rule: &Requantize) -> Self;
}

impl Written for i8 {
    const ENDS: Option<[i32; 2]> = Some([-128, 127]);

    /// The rule in i64.
    fn expected(sum: i64, multiplier: i32, rule: &Requantize) -> Self {
        requantized(sum, multiplier, rule) as i8
    }
}

impl Written for i16 {
    const ENDS: Option<[i32; 2]> = Some([-32768, 32767]);

    /// The rule in i64.
    fn expected(sum: i64, multiplier: i32, rule: &Requantize) -> Self {
        requantized(sum, multiplier, rule) as i16
    }
}

impl Written for f32 {
    const ENDS: Option<[i32; 2]> = None;

    /// The sum, rounded to f32, times [`SCALE`].
    fn expected(sum: i64, _: i32, _: &Requantize) -> Self {
        sum as f32 * SCALE
    }
}

/// The rule in i64: exact, as long as the shifted sum times the multiplier is an i64.
fn requantized(sum: i64, multiplier: i32, rule: &Requantize) -> i64 {
    let scaled = ((sum << rule.shift) * i64::from(multiplier) + (1 << 31)) >> 32;
    let value = i64::from(rule.zero_point) + scaled;
    value.max(rule.low.into()).min(rule.high.into())
}

/// One way to take the sums of all rows to an end.
#[derive(Clone, Copy)]
struct Corner {
    x: i32,
    factor: (i32, u32),
    /// Whether sums go to their largest value, and the zero point to its least.
    top: bool,
}

impl Corner {
    /// All corners of layers in which every `x` is one of `values`: each value with every factor, at both
    /// ends.
    fn each(values: [i32; 3]) -> impl Iterator<Item = Self> {
        values.into_iter().flat_map(|x| {
            FACTORS.into_iter().flat_map(move |factor| {
                [false, true].into_iter().map(move |top| Self { x, factor, top })
            })
        })
    }

    /// The rule for outputs of this type; `None` for floats unless the factor is the first one, since floats
    /// have no rule and would repeat that corner.
    fn rule<Y: Written>(&self) -> Option<Requantize> {
        let shift = self.factor.1;
        match Y::ENDS {
            Some([low, high]) => {
                let zero_point = if self.top { low } else { high };
                Some(Requantize { zero_point, low, high, shift })
            }
            None => (self.factor == (1, 0)).then(Requantize::default),
        }
    }

    /// The bias that takes a sum of products to its end; `None` where the products alone leave the room that
    /// the shift leaves in i32, or the bias is no i32.
    fn bias(&self, products: i64) -> Option<i32> {
        let [low, high] = [i32::MIN, i32::MAX].map(|end| i64::from(end >> self.factor.1));
        if products < low || products > high {
            return None;
        }
        let bias = if self.top { high - products.max(0) } else { low - products.min(0) };
        i32::try_from(bias).ok()
    }

    /// Writes bias and parameter of every row to `outputs`; `products(row)` is the row's sum of products.
    /// `None`, with `outputs` written in part, where a row has no bias, so that no plan has the layer.
    fn fill<Y: Written>(
        &self,
        outputs: &mut [[i32; 2]],
        products: impl Fn(usize) -> i64,
    ) -> Option<()> {
        let parameter = if Y::ENDS.is_some() { self.factor.0 } else { SCALE.to_bits() as i32 };
        for (row, output) in outputs.iter_mut().enumerate() {
            *output = [self.bias(products(row))?, parameter];
        }
        Some(())
    }

    /// Runs `kernel` on an `x` of equal values, with the packed weights in `m` and `rows` rows whose sums of
    /// products are `products(row)`; it has to write its outputs from the second value of `y` on. Gives the
    /// number of corners, 1, or 0 where there is no such corner. `Err` is `differs`, where an output is
    /// wrong, a value around the outputs has changed, or the rows do not fit. Overwrites `m` but for the
    /// weights.
    fn check<X: Value + Cell, Y: Written>(
        &self,
        m: &mut Memory,
        rows: usize,
        differs: Differs,
        products: impl Fn(usize) -> i64,
        kernel: impl FnOnce(&[X], &[i8], &[[i32; 2]], &mut [Y], Requantize),
    ) -> Result<u32, Differs> {
        let Memory { x, packed, outputs, y, .. } = m;
        let outputs = outputs.get_mut(..rows).ok_or(differs)?;
        let Some(rule) = self.rule::<Y>() else { return Ok(0) };
        if self.fill::<Y>(outputs, &products).is_none() {
            return Ok(0);
        }
        X::of_words_mut(x).fill(X::of(self.x));
        y.fill(f32::from_bits(0x5a5a_5a5a));
        let untouched = Y::of_words(y).first().copied().ok_or(differs)?;
        kernel(X::of_words(x), i8s(packed), outputs, Y::of_words_mut(y), rule);
        let expected = outputs.iter().enumerate().map(|(row, [bias, multiplier])| {
            Y::expected(i64::from(*bias) + products(row), *multiplier, &rule)
        });
        let expected = [untouched].into_iter().chain(expected).chain([untouched]);
        if Y::of_words(y).iter().zip(expected).all(|(y, expected)| *y == expected) {
            Ok(1)
        } else {
            Err(differs)
        }
    }

    /// What is reported where `kernel` differs at this corner.
    fn differs(&self, kernel: &'static str, inputs: usize) -> Differs {
        Differs { kernel, inputs, x: self.x, factor: self.factor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_corner_fits_and_is_right() {
        let mut memory = Box::new(Memory::new());
        assert_eq!(run(&mut memory), Ok(COUNT));
    }
}
