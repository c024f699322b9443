//! Bounds of values that are valid for every input.

/// Bounds of all values of a tensor.
#[derive(Clone, Debug)]
pub struct Range {
    /// No value is below; minus infinity where nothing is known.
    pub low: f32,
    /// No value is above.
    pub high: f32,
    /// Whether some value is negative for some input, as far as the operator goes.
    pub goes_negative: bool,
    /// The operator that the bounds come from.
    pub op: String,
}

impl Range {
    /// Whether the lower bound rules out negative values for every input; false where nothing is known.
    pub fn is_never_negative(&self) -> bool {
        self.low >= 0.0
    }

    /// The range of these bounds by the operator `op`, with `goes_negative` false; a bound that is NaN
    /// becomes infinite.
    pub(crate) fn new(low: f32, high: f32, op: &str) -> Self {
        let low = if low.is_nan() { f32::NEG_INFINITY } else { low };
        let high = if high.is_nan() { f32::INFINITY } else { high };
        Self { low, high, goes_negative: false, op: op.into() }
    }

    /// The range without bounds, by the operator `op`.
    pub(crate) fn unknown(op: &str) -> Self {
        Self::new(f32::NEG_INFINITY, f32::INFINITY, op)
    }

    /// The range with these bounds instead, of the same operator; `goes_negative` stays true only where `low`
    /// is below 0.
    pub(crate) fn within(&self, low: f32, high: f32) -> Self {
        let bounds = Self::new(low, high, &self.op);
        Self { goes_negative: self.goes_negative && bounds.low < 0.0, ..bounds }
    }

    /// The smallest range that contains both, of the operator of `self`; `goes_negative` where both do.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let bounds = Self::new(self.low.min(other.low), self.high.max(other.high), &self.op);
        Self { goes_negative: self.goes_negative && other.goes_negative, ..bounds }
    }
}
