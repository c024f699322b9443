//! Floats as words, so that every bit counts.

/// The bits of every value; zeros of both signs differ, and equal NaNs do not.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
