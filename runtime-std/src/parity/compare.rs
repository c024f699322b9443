//! Differences in values between the outputs of target and reference.

/// Largest `|reference - target|` over the shorter of both; NaN where one of them is NaN, 0 of no values.
/// Equal infinities do not differ.
pub fn max_abs(reference: impl IntoIterator<Item = f64>, target: &[f32]) -> f64 {
    let pairs = reference.into_iter().zip(target);
    pairs.map(|(a, b)| difference(a, *b)).fold(0.0, worse)
}

/// Largest `|reference - target| / max(1, |reference|)` over the shorter of both; NaN where one of them is
/// NaN, 0 of no values. Equal infinities do not differ.
pub fn max_relative(reference: &[f32], target: &[f32]) -> f64 {
    let pairs = reference.iter().map(|a| f64::from(*a)).zip(target);
    pairs.map(|(a, b)| difference(a, *b) / a.abs().clamp(1.0, f64::MAX)).fold(0.0, worse)
}

/// The largest difference; NaN where one is NaN, `None` of none.
pub fn worst(differences: impl Iterator<Item = f64>) -> Option<f64> {
    differences.reduce(worse)
}

/// `|a - b|`; 0 between equal infinities, which masks are full of, and NaN where one is NaN.
fn difference(a: f64, b: f32) -> f64 {
    let b = f64::from(b);
    if a == b { 0.0 } else { (a - b).abs() }
}

/// The larger of both, NaN where one is NaN.
fn worse(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_never_hidden() {
        assert!(max_abs([1.0, f64::NAN], &[1.0, f32::NAN]).is_nan());
        assert!(max_relative(&[f32::NAN, 2.0], &[f32::NAN, 3.0]).is_nan());
        assert!(max_abs([1.0, 1.0], &[f32::NAN, 2.0]).is_nan());
        let inf = f32::INFINITY;
        assert_eq!(max_relative(&[inf, -inf, 1.0], &[inf, -inf, 1.0]), 0.0);
        assert_eq!(max_relative(&[inf, 1.0], &[-inf, 1.0]), f64::INFINITY);
        assert!(max_relative(&[1.0, f32::NAN], &[2.0, 2.0]).is_nan());
    }
}
