//! Floats as words, so that every bit counts.

/// The words of all values, by which zeros of both signs differ, and NaNs of the same word do not.
pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
