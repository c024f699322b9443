//! Integer formats of activations, from the range of their values.

use super::QuantizeError;
use crate::ir::Format;

/// Bits of the calibrated range of a wide activation: its step is the largest magnitude over
/// `2^(bits - 1) - 1`, which leaves i16 eight times that range.
///
/// Measured on stiff posteriors: 12 to 14 bits differ little, while 16, which leave no headroom, cost
/// ten times the nats in the tail.
pub const WIDE_BITS: u32 = 13;

impl Format {
    /// Eight bits for values from `min` to `max`, and the real 0.
    ///
    /// `scale = (max - min) / 255`, `zero_point = round(-128 - min / scale)`. Values that are never negative, as
    /// behind a ReLU, have the zero point -128; a range of 0 alone has a scale of 1.
    ///
    /// # Errors
    ///
    /// [`QuantizeError::Range`] for an infinity or NaN.
    ///
    /// ```
    /// use elbow::ir::Format;
    /// let format = Format::asymmetric_i8(0.0, 51.0)?;
    /// assert_eq!((format.scale, format.zero_point), (0.2, -128));
    /// assert_eq!(format.quantize(1.0), -123);
    /// # Ok::<(), elbow::lower::quantize::QuantizeError>(())
    /// ```
    pub fn asymmetric_i8(min: f32, max: f32) -> Result<Self, QuantizeError> {
        let (min, max) = (f64::from(finite(min)?.min(0.0)), f64::from(finite(max)?.max(0.0)));
        let scale = step((max - min) / 255.0);
        let zero_point = (-128.0 - min / f64::from(scale)).round_ties_even() as i32;
        Ok(Self { scale, zero_point: zero_point.clamp(-128, 127), low: -128, high: 127 })
    }

    /// Sixteen bits around 0, whose step divides the range up to `max_abs` as `bits` bits would:
    /// `scale = max_abs / (2^(bits - 1) - 1)`, with the clamp of i16 as headroom.
    ///
    /// `bits` is 2 to 16, normally [`WIDE_BITS`]; others are clamped to that. The sign of `max_abs` does not
    /// matter, and 0 gives a scale of 1.
    ///
    /// # Errors
    ///
    /// [`QuantizeError::Range`] for an infinity or NaN.
    pub fn symmetric(max_abs: f32, bits: u32) -> Result<Self, QuantizeError> {
        let steps = (1 << (bits.clamp(2, 16) - 1)) - 1;
        let scale = step(f64::from(finite(max_abs)?.abs()) / f64::from(steps));
        Ok(Self { scale, zero_point: 0, low: -32767, high: 32767 })
    }
}

/// Least and largest value seen, NaN aside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// Least value; infinity before the first.
    pub min: f32,
    /// Largest value; minus infinity before the first.
    pub max: f32,
}

/// The range before the first value.
impl Default for Range {
    fn default() -> Self {
        Self { min: f32::INFINITY, max: f32::NEG_INFINITY }
    }
}

impl Range {
    /// Extends the range by more values; NaN is skipped.
    pub fn observe(&mut self, values: &[f32]) {
        self.min = values.iter().copied().fold(self.min, f32::min);
        self.max = values.iter().copied().fold(self.max, f32::max);
    }

    /// Largest magnitude in the range; infinity before the first value.
    pub fn max_abs(&self) -> f32 {
        self.min.abs().max(self.max.abs())
    }
}

/// The value itself, or [`QuantizeError::Range`] for an infinity or NaN.
fn finite(value: f32) -> Result<f32, QuantizeError> {
    if value.is_finite() { Ok(value) } else { Err(QuantizeError::Range) }
}

/// The scale as f32: 1 for a scale of 0, and at least the smallest normal number.
fn step(scale: f64) -> f32 {
    if scale == 0.0 { 1.0 } else { (scale as f32).max(f32::MIN_POSITIVE) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Independent: the nearest of all 256 values by search in f64.
    #[test]
    fn an_asymmetric_format_rounds_every_value_to_its_nearest() {
        for (min, max) in [(-1.0, 3.0), (0.0, 6.0), (0.5, 2.0), (-7.3, -0.1), (-1e-3, 4e2)] {
            let format = Format::asymmetric_i8(min, max).expect("finite");
            let range = f64::from(max.max(0.0)) - f64::from(min.min(0.0));
            assert!((f64::from(format.scale) * 255.0 / range - 1.0).abs() < 1e-6, "{min} {max}");
            for i in 0..=1000 {
                let value = min + (max - min) * i as f32 / 1000.0;
                let real = |q: i32| f64::from(format.scale) * f64::from(q - format.zero_point);
                let distance = |q: i32| (real(q) - f64::from(value)).abs();
                let nearest = (-128..=127).map(distance).fold(f64::INFINITY, f64::min);
                let found = distance(format.quantize(value));
                assert!(found <= nearest + 1e-5 * f64::from(format.scale), "{min} {max} {value}");
                assert!(found <= 1.0001 * f64::from(format.scale), "{min} {max} {value}");
            }
        }
    }

    #[test]
    fn zero_is_exact_and_relu_starts_at_the_least_integer() {
        for (min, max) in [(-1.0, 3.0), (0.5, 2.0), (-3.0, -1.0), (0.0, 0.0)] {
            let format = Format::asymmetric_i8(min, max).expect("finite");
            assert_eq!(format.dequantize(format.quantize(0.0)), 0.0);
        }
        assert_eq!(Format::asymmetric_i8(0.0, 5.0).expect("finite").zero_point, -128);
        assert_eq!(Format::asymmetric_i8(-5.0, -1.0).expect("finite").zero_point, 127);
        assert_eq!(Format::asymmetric_i8(0.0, f32::INFINITY), Err(QuantizeError::Range));
        assert_eq!(Format::asymmetric_i8(f32::NAN, 1.0), Err(QuantizeError::Range));
    }

    #[test]
    fn a_wide_format_has_headroom_beyond_its_calibrated_range() {
        let format = Format::symmetric(4.095, WIDE_BITS).expect("finite");
        assert_eq!(format.quantize(4.095), 4095);
        assert_eq!(format.quantize(-8.0 * 4.095), -32760);
        assert_eq!((format.quantize(1e9), format.quantize(-1e9)), (32767, -32767));
        let limited = format.limited(20_000);
        assert_eq!((limited.quantize(1e9), limited.quantize(-1e9)), (20_000, -20_000));
    }

    #[test]
    fn a_range_skips_nan() {
        let mut range = Range::default();
        assert!(Format::asymmetric_i8(range.min, range.max).is_err());
        range.observe(&[f32::NAN, -2.0, 1.0]);
        range.observe(&[f32::NAN, 0.5]);
        assert_eq!((range.min, range.max, range.max_abs()), (-2.0, 1.0, 2.0));
    }
}
