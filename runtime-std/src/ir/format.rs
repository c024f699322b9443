//! The format of quantized values: scale, zero point and range.

/// An integer `q` in `low..=high` stands for `scale * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// Distance of the real values of neighbouring integers; positive and finite.
    pub scale: f32,
    /// The integer that represents the real number 0.
    pub zero_point: i32,
    /// Least integer.
    pub low: i32,
    /// Largest integer.
    pub high: i32,
}

impl Format {
    /// The format with `low` raised to -limit and `high` lowered to `limit` where they lie beyond; `limit`,
    /// not negative, is the headroom that overflow leaves, see
    /// [`largest_input`](crate::lower::quantize::largest_input).
    #[must_use]
    pub fn limited(self, limit: i32) -> Self {
        Self { low: self.low.max(-limit), high: self.high.min(limit), ..self }
    }

    /// `clamp(round(value / scale) + zero_point)`, ties to even, the quotient in f32; infinities are clamped,
    /// NaN counts as 0. Panics where `low > high`.
    pub fn quantize(&self, value: f32) -> i32 {
        let steps = (value / self.scale).round_ties_even() as i32; // saturates; NaN gives 0
        steps.saturating_add(self.zero_point).clamp(self.low, self.high)
    }

    /// `scale * (q - zero_point)`, rounded once where the difference is at most 2^24 in magnitude. The
    /// difference must not overflow i32; that `q` lies in the range is not checked.
    pub fn dequantize(&self, q: i32) -> f32 {
        (q - self.zero_point) as f32 * self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantizing_follows_the_definition_of_quantize_linear() {
        let format = Format { scale: 0.5, zero_point: 3, low: -128, high: 127 };
        let cases = [
            (0.0, 3),
            (0.25, 3), // 0.5 to the even 0
            (0.75, 5), // 1.5 to the even 2
            (-0.25, 3),
            (-0.75, 1),
            (1e30, 127),
            (f32::INFINITY, 127),
            (f32::NEG_INFINITY, -128),
            (f32::NAN, 3),
        ];
        for (value, q) in cases {
            assert_eq!(format.quantize(value), q, "{value}");
        }
    }
}
