//! Functions of wide activations: a quadratic in each of 2^n equal pieces of the input's integers.

use super::QuantizeError;
use crate::ir::Format;

/// Largest allowed distance of a polynomial from the function, in output steps: rounding takes half a step of it, and
/// the rest of a whole step is left for the error of the f32 function that was fitted.
pub const LARGEST_ERROR: f64 = 0.95;
/// Fractional bits of a step; the kernel's.
const FRACTION: f64 = 1024.0;
/// A parabola that bends by less than this, in output steps, is a straight line: kernels have a shorter way for two of
/// them, and what a rounded slope seems to bend is not the function's.
const STRAIGHT: f64 = 1.0 / 256.0;
/// 2^10 pieces take 12 KiB.
const MOST_PIECES_BITS: u32 = 10;
/// A piece of fewer inputs than 2^2 has no three places for a quadratic.
const LEAST_PIECE_BITS: u32 = 2;
/// Largest input magnitude, and its bits with sign.
const INPUT_BITS: u32 = 16;

/// Arguments of `elbow_core::kernels::integer::piecewise` for a function.
///
/// With `u = q - start`, cut to the pieces there are, `[c0, c1, c2]` the coefficients of piece
/// `u >> piece_bits` and `r` the rest of `u` as a fraction of 2^31,
/// `y = clamp(floor((c0 + hi(r, c1 + hi(r, c2)) + 2^9) / 2^10), low, high)`, `hi(a, b) = floor(a b / 2^32)`.
#[derive(Clone, Debug, PartialEq)]
pub struct PiecewiseFit {
    /// Input of the first piece: `-2^(n + piece_bits - 1)`.
    pub start: i32,
    /// Bits of the inputs of a piece.
    pub piece_bits: u32,
    /// One entry per piece.
    pub coefficients: Vec<[i32; 3]>,
    /// Clamp.
    pub low: i32,
    /// Clamp.
    pub high: i32,
    /// Largest distance, over every input, from the function's value clamped to the output's range.
    pub largest_error: f64,
}

impl PiecewiseFit {
    /// The fewest pieces that keep [`LARGEST_ERROR`] over every input of the format.
    ///
    /// `f` is evaluated at every i16 and may be infinite; NaN stands for the real 0. Inputs beyond the
    /// pieces get the value at the end of the nearest: pieces may cover less than the input's range
    /// where the function has become constant. Each piece is the parabola through three Chebyshev
    /// nodes, moved so that its largest errors to both sides are equal. Both formats are symmetric:
    /// the real 0 is an edge of pieces, so that functions may have a kink there.
    ///
    /// # Errors
    ///
    /// [`QuantizeError::Rough`] where 2^10 pieces are not enough.
    pub fn fit(
        input: &Format,
        output: &Format,
        f: impl Fn(f32) -> f32,
    ) -> Result<Self, QuantizeError> {
        let values = Values::of(input, output, f);
        let pieces = 0..=MOST_PIECES_BITS;
        let mut shapes = pieces.flat_map(|pieces| {
            let widest = INPUT_BITS.min(15 + pieces);
            (pieces + LEAST_PIECE_BITS..=widest).rev().map(move |bits| (pieces, bits - pieces))
        });
        let fit = shapes.find_map(|(pieces, piece_bits)| values.fit(output, pieces, piece_bits));
        fit.ok_or(QuantizeError::Rough)
    }

    /// The output for the input `q`, by the kernel's arithmetic; `None` where a sum leaves i32. There is at
    /// least one piece.
    pub fn eval(&self, q: i32) -> Option<i32> {
        let last = (self.coefficients.len() << self.piece_bits) - 1;
        let u = (q.saturating_sub(self.start).max(0) as usize).min(last);
        let [c0, c1, c2] = self.coefficients[u >> self.piece_bits];
        let rest = (u & ((1 << self.piece_bits) - 1)) as i64;
        let r = rest << (31 - self.piece_bits);
        let high_word = |b: i32| ((r * i64::from(b)) >> 32) as i32;
        let p = c0.checked_add(high_word(c1.checked_add(high_word(c2))?))?;
        Some((p.checked_add(1 << 9)? >> 10).clamp(self.low, self.high))
    }
}

/// The function at every i16, as output integers without rounding.
struct Values {
    /// From -2^15 on.
    steps: Vec<f64>,
    /// Inputs that the format allows.
    inputs: std::ops::RangeInclusive<i32>,
}

impl Values {
    /// The function `f` at every i16 of the input's format, as an output integer without rounding, clamped to
    /// twice the output's range; NaN becomes the zero point.
    fn of(input: &Format, output: &Format, f: impl Fn(f32) -> f32) -> Self {
        // Twice the output's range: further out the clamp hides the polynomial.
        let (low, high) = (2.0 * f64::from(output.low), 2.0 * f64::from(output.high));
        let value = |q: i32| {
            let y = f64::from(f(input.dequantize(q))) / f64::from(output.scale);
            let y = y + f64::from(output.zero_point);
            if y.is_nan() { f64::from(output.zero_point) } else { y.clamp(low, high) }
        };
        let all = -(1 << (INPUT_BITS - 1))..1 << (INPUT_BITS - 1);
        Self { steps: all.map(value).collect(), inputs: input.low..=input.high }
    }

    /// The function at the input `q`, which is any i16.
    fn at(&self, q: i32) -> f64 {
        self.steps[(q + (1 << (INPUT_BITS - 1))) as usize]
    }

    /// The fit by `2^pieces` pieces of `2^piece_bits` inputs each; `None` where it is further than
    /// [`LARGEST_ERROR`] from the function at some input of the format.
    fn fit(&self, output: &Format, pieces: u32, piece_bits: u32) -> Option<PiecewiseFit> {
        let start = -(1 << (pieces + piece_bits)) / 2;
        let (count, half) = (1i32 << pieces, (1i32 << pieces) / 2);
        // From the middle, where most functions bend most, so that too few pieces are soon given up.
        let indices = (half..count).chain(0..half);
        let each =
            indices.map(|piece| self.piece(start + (piece << piece_bits), piece_bits, output));
        let mut coefficients = each.collect::<Option<Vec<_>>>()?;
        coefficients.rotate_right(half as usize);
        let (low, high) = (output.low, output.high);
        let mut fit =
            PiecewiseFit { start, piece_bits, coefficients, low, high, largest_error: 0.0 };
        for q in self.inputs.clone() {
            let target = self.at(q).clamp(f64::from(low), f64::from(high));
            let error = (f64::from(fit.eval(q)?) - target).abs();
            if error > LARGEST_ERROR {
                return None;
            }
            fit.largest_error = fit.largest_error.max(error);
        }
        Some(fit)
    }

    /// Coefficients of the piece of `2^piece_bits` inputs from `start` on; `None` where its parabola is
    /// further than [`LARGEST_ERROR`] from the function already before rounding, or a coefficient leaves i32.
    fn piece(&self, start: i32, piece_bits: u32, output: &Format) -> Option<[i32; 3]> {
        let len = 1 << piece_bits;
        let nodes = nodes(len);
        let place = |node: i32| f64::from(node) / f64::from(len);
        let [(x0, y0), (x1, y1), (x2, y2)] = nodes.map(|node| (place(node), self.at(start + node)));
        // Newton's divided differences, then powers of the place in the piece.
        let (d01, d12) = ((y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1));
        let a2 = (d12 - d01) / (x2 - x0);
        let a2 = if a2.abs() < STRAIGHT { 0.0 } else { a2 };
        let a1 = d01 - a2 * (x0 + x1);
        let a0 = y0 - x0 * (a1 + a2 * x0);
        let parabola = |i: i32| a0 + place(i) * (a1 + place(i) * a2);
        let errors = (0..len).map(|i| self.at(start + i) - parabola(i));
        let (least, largest) = errors.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), e| {
            (f64::min(low, e), f64::max(high, e))
        });
        let middle = (least + largest) / 2.0;
        let clamp = |y: f64| y.clamp(f64::from(output.low), f64::from(output.high));
        let error = |i: i32| (clamp(self.at(start + i)) - clamp(parabola(i) + middle)).abs();
        if (0..len).any(|i| error(i) > LARGEST_ERROR) {
            return None;
        }
        // hi() divides by two each time, as r is a fraction of 2^31.
        let scaled = [a0 + middle, 2.0 * a1, 4.0 * a2].map(|a| a * FRACTION);
        let integer = |a: f64| {
            let a = a.round_ties_even();
            (a.abs() < f64::from(i32::MAX)).then_some(a as i32)
        };
        Some([integer(scaled[0])?, integer(scaled[1])?, integer(scaled[2])?])
    }
}

/// Three offsets in a piece of `len` inputs, ascending, next to the roots of the cubic Chebyshev polynomial.
fn nodes(len: i32) -> [i32; 3] {
    const ROOT: f64 = 0.866_025_403_784_438_6; // cos(pi / 6)
    let half = f64::from(len - 1) / 2.0;
    [-ROOT, 0.0, ROOT].map(|root| (half + half * root).round_ties_even() as i32)
}
