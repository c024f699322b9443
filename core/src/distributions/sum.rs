//! Compensated sums.

/// A running sum and what its roundings lost.
///
/// Each `add` is six additions in a fixed order (TwoSum), without a branch. An infinity or NaN in
/// the terms comes out as in a plain sum.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Sum {
    sum: f32,
    lost: f32,
}

impl Sum {
    pub(crate) const ZERO: Self = Self { sum: 0.0, lost: 0.0 };

    #[inline]
    pub(crate) fn add(self, term: f32) -> Self {
        let sum = self.sum + term;
        let added = sum - self.sum;
        let lost = (self.sum - (sum - added)) + (term - added);
        Self { sum, lost: self.lost + lost }
    }

    #[inline]
    pub(crate) fn value(self) -> f32 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// The sum of `terms`, first to last.
#[inline]
pub(crate) fn sum(terms: impl Iterator<Item = f32>) -> f32 {
    terms.fold(Sum::ZERO, Sum::add).value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_a_plain_one_loses() {
        assert_eq!(sum([1.0, 1e8, 1.0, -1e8].into_iter()), 2.0);
        assert_eq!(sum([1.0, f32::INFINITY, 1.0].into_iter()), f32::INFINITY);
        assert!(sum([f32::INFINITY, f32::NEG_INFINITY].into_iter()).is_nan());
        assert_eq!(sum(core::iter::empty()), 0.0);
    }
}
