//! A score that needs no decoder.

/// `-sum (loc - mean)^2 / var`, the negative squared Mahalanobis distance of a posterior's mean from the aggregate of
/// normal ones, whose covariance is taken as diagonal; larger is more normal. Summed in order; the shortest slice ends
/// the sum.
///
/// ```
/// use elbow_core::detect::mahalanobis;
/// assert_eq!(mahalanobis(&[3.0, 1.0], &[1.0, 1.0], &[4.0, 1.0]), -1.0);
/// ```
#[inline]
#[must_use]
pub fn mahalanobis(loc: &[f32], mean: &[f32], var: &[f32]) -> f32 {
    let mut sum = 0.0;
    for ((loc, mean), var) in loc.iter().zip(mean).zip(var) {
        let d = loc - mean;
        sum += d * d / var;
    }
    -sum
}
