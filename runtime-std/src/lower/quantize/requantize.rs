//! From real scales and biases to what the kernels add and multiply, and the proof that sums fit i32.
//!
//! The rule they serve, with `acc = bias' + sum w x`:
//! `y = clamp(zero_point + floor((acc * 2^shift * M + 2^31) / 2^32), low, high)`.

use super::QuantizeError;

/// 2^32, what a multiplier is counted in.
const ONE: f64 = 4_294_967_296.0;

/// Multipliers of a layer's outputs and the pre-shift that they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multipliers {
    /// Bits by which sums are shifted left first; 0 where every multiplier is below 1/2.
    pub shift: u32,
    /// `round(m / 2^shift * 2^32)`, one per output.
    pub multipliers: Vec<i32>,
}

impl Multipliers {
    /// The integer multipliers, and their common shift, for the real multipliers
    /// `m = scale_x * scale_w / scale_y` of the outputs.
    ///
    /// The shift is the least with which all of them are below 2^31 once rounded. An output moves by
    /// `2^-33 * |acc| * 2^shift` at most from that of the real multiplier: a quarter of a step.
    ///
    /// # Errors
    ///
    /// [`QuantizeError::Multiplier`] for a multiplier that is not positive and finite, or needs a shift beyond 31.
    ///
    /// ```
    /// use elbow::lower::quantize::Multipliers;
    /// let small = Multipliers::of(&[0.25, 1e-3])?;
    /// assert_eq!((small.shift, small.multipliers), (0, vec![1 << 30, 4_294_967]));
    /// assert_eq!(Multipliers::of(&[0.75])?.shift, 1);
    /// # Ok::<(), elbow::lower::quantize::QuantizeError>(())
    /// ```
    pub fn of(real: &[f64]) -> Result<Self, QuantizeError> {
        let odd = real.iter().position(|m| !(m.is_finite() && *m > 0.0));
        if let Some(row) = odd {
            return Err(QuantizeError::Multiplier { row });
        }
        let at = |shift: u32| {
            let all =
                real.iter().map(move |m| (m * ONE / f64::from(1u32 << shift)).round_ties_even());
            all.enumerate()
        };
        let fits = |shift: &u32| at(*shift).all(|(_, m)| m <= f64::from(i32::MAX));
        match (0..32).find(fits) {
            Some(shift) => {
                Ok(Self { shift, multipliers: at(shift).map(|(_, m)| m as i32).collect() })
            }
            None => {
                let row = real.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
                Err(QuantizeError::Multiplier { row: row.map_or(0, |(row, _)| row) })
            }
        }
    }
}

/// The bias as the kernels add it: `round(bias / scale) - zero_point * sum w`.
///
/// `scale` is that of the sum, `scale_x * scale_w`; the quotient rounds to nearest, ties to even; the
/// rest is exact in i64. `row` is for the message.
///
/// # Errors
///
/// [`QuantizeError::Bias`] where the result is no i32.
pub fn fold_bias(
    bias: f64,
    scale: f64,
    zero_point: i32,
    weights: &[i8],
    row: usize,
) -> Result<i32, QuantizeError> {
    let refused = QuantizeError::Bias { row };
    let steps = (bias / scale).round_ties_even();
    if steps.is_nan() || steps.abs() >= ONE {
        return Err(refused);
    }
    let sum: i64 = weights.iter().map(|w| i64::from(*w)).sum();
    i32::try_from(steps as i64 - i64::from(zero_point) * sum).map_err(|_| refused)
}

/// Bounds of the sum of an output, at its end and at every step on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumBounds {
    /// Never below.
    pub low: i64,
    /// Never above.
    pub high: i64,
}

impl SumBounds {
    /// The bounds of `bias + sum w x` and of every partial sum, with every `x` anywhere in `x[0]..=x[1]`, the
    /// products in any order and the bias at the start or at the end: `low` is the sum of all negative parts,
    /// `high` that of all positive ones.
    ///
    /// Within i32, no sum of the kernels wraps (the packed sums of the paired form do, harmlessly: see
    /// [`paired_segment`](elbow_core::kernels::integer::paired_segment)).
    pub fn of(bias: i32, weights: &[i8], x: [i32; 2]) -> Self {
        let start = Self { low: i64::from(bias.min(0)), high: i64::from(bias.max(0)) };
        weights.iter().fold(start, |reach, w| {
            let products = x.map(|x| i64::from(x) * i64::from(*w));
            Self {
                low: reach.low + products[0].min(products[1]).min(0),
                high: reach.high + products[0].max(products[1]).max(0),
            }
        })
    }

    /// An error where the sum, shifted left by `shift`, at most 31, can leave i32.
    ///
    /// # Errors
    ///
    /// [`QuantizeError::Overflow`] with `row`, the index of the output, and the largest magnitude of the
    /// shifted sum.
    pub fn check(&self, shift: u32, row: usize) -> Result<(), QuantizeError> {
        let (low, high) =
            (self.low.saturating_mul(1 << shift), self.high.saturating_mul(1 << shift));
        if low >= i64::from(i32::MIN) && high <= i64::from(i32::MAX) {
            return Ok(());
        }
        Err(QuantizeError::Overflow { row, reach: high.max(low.saturating_neg()) })
    }
}

/// The largest magnitude of symmetric inputs with which this output cannot overflow, 0 where its bias does
/// alone: `((2^31 - 1) / 2^shift - |bias|) / sum |w|`. Zero weights allow any, i32::MAX. `shift` is at most
/// 31.
///
/// Smaller than the format's clamp, it is the input's new clamp:
/// [`Format::limited`](crate::ir::Format::limited).
pub fn largest_input(bias: i32, weights: &[i8], shift: u32) -> i32 {
    let room = (i64::from(i32::MAX) >> shift) - i64::from(bias).abs();
    let sum: i64 = weights.iter().map(|w| i64::from(w.unsigned_abs())).sum();
    let largest = if sum == 0 { i64::from(i32::MAX) } else { room / sum };
    if room < 0 { 0 } else { largest.min(i64::from(i32::MAX)) as i32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_share_the_least_shift() {
        for (m, shift) in [(0.499_999, 0), (0.5, 1), (0.999, 1), (1.0, 2), (3.9, 3), (100.0, 8)] {
            let all = Multipliers::of(&[1e-3, m]).expect("a multiplier");
            assert_eq!(all.shift, shift, "{m}");
            for (integer, real) in all.multipliers.iter().zip([1e-3, m]) {
                let back = f64::from(*integer) * 2f64.powi(shift as i32 - 32);
                assert!((back - real).abs() <= 2f64.powi(shift as i32 - 33), "{m} {back}");
            }
        }
        // Rounds up to 2^31, which is no i32 any more.
        assert_eq!(Multipliers::of(&[0.5 - 2f64.powi(-40)]).expect("a multiplier").shift, 1);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e30] {
            let refused = Err(QuantizeError::Multiplier { row: 1 });
            assert_eq!(Multipliers::of(&[0.1, bad]), refused, "{bad}");
        }
    }

    #[test]
    fn a_bias_takes_the_zero_point_in() {
        assert_eq!(fold_bias(1.25, 0.5, -128, &[127, -27], 0), Ok(2 + 12_800)); // 2.5 to even
        assert_eq!(fold_bias(-1.75, 0.5, 3, &[1, 1], 0), Ok(-4 - 6)); // -3.5 to even
        let refused = Err(QuantizeError::Bias { row: 9 });
        assert_eq!(fold_bias(2.2e9, 1.0, 0, &[], 9), refused);
        assert_eq!(fold_bias(f64::NAN, 1.0, 0, &[], 9), refused);
        assert_eq!(fold_bias(1.0, 0.0, 0, &[], 9), refused);
        assert_eq!(fold_bias(2_147_483_647.0, 1.0, -1, &[1], 9), refused);
        assert_eq!(fold_bias(2_147_483_648.0, 1.0, 1, &[1], 9), Ok(i32::MAX));
    }

    /// Independent: every choice of least and largest inputs, in every rotation of the order.
    #[test]
    fn reach_holds_every_partial_sum_and_is_reached() {
        let weights = [3i8, -127, 0, 88, -5, 127];
        for (bias, x) in [(-700, [-128, 127]), (90, [-5, 127]), (0, [3, 9])] {
            let reach = SumBounds::of(bias, &weights, x);
            let (mut low, mut high) = (0i64, 0i64);
            for corner in 0..1 << weights.len() {
                for start in 0..weights.len() {
                    for first in [0, i64::from(bias)] {
                        let mut sum = first;
                        for k in 0..weights.len() {
                            let k = (start + k) % weights.len();
                            sum += i64::from(weights[k]) * i64::from(x[corner >> k & 1]);
                            (low, high) = (low.min(sum), high.max(sum));
                        }
                    }
                }
            }
            assert!(reach.low <= low && reach.high >= high, "{reach:?} {low} {high}");
            let sorted_low = low.min(
                weights.iter().filter(|w| **w < 0).map(|w| i64::from(*w) * i64::from(x[1])).sum(),
            );
            assert!(reach.low <= sorted_low, "{reach:?}");
        }
        let reach = SumBounds::of(-700, &[127; 3], [-128, 127]);
        assert_eq!(reach, SumBounds { low: -700 - 3 * 127 * 128, high: 3 * 127 * 127 });
    }

    #[test]
    fn overflow_is_found_at_the_last_value_that_fits() {
        let max = i64::from(i32::MAX);
        assert_eq!(SumBounds { low: -max - 1, high: max }.check(0, 4), Ok(()));
        let over = QuantizeError::Overflow { row: 4, reach: max + 1 };
        assert_eq!(SumBounds { low: 0, high: max + 1 }.check(0, 4), Err(over));
        assert!(SumBounds { low: -max - 2, high: 0 }.check(0, 4).is_err());
        assert_eq!(SumBounds { low: 0, high: max >> 3 }.check(3, 4), Ok(()));
        assert!(SumBounds { low: 0, high: (max >> 3) + 1 }.check(3, 4).is_err());
    }

    #[test]
    fn the_largest_input_is_the_last_that_cannot_overflow() {
        for (bias, weights, shift) in [(5, vec![127i8; 2000], 0), (-80_000, vec![-127, 3], 9)] {
            let limit = largest_input(bias, &weights, shift);
            let check = |x: i32| SumBounds::of(bias, &weights, [-x, x]).check(shift, 0);
            assert_eq!(check(limit), Ok(()), "{limit}");
            assert!(check(limit + 1).is_err(), "{limit}");
        }
        assert_eq!(largest_input(1, &[0, 0], 0), i32::MAX);
        assert_eq!(largest_input(i32::MAX, &[1], 1), 0);
        assert_eq!(largest_input(i32::MIN, &[0], 0), 0);
    }
}
