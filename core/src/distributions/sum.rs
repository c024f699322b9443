//! Compensated sums, and sums of exponentials.

use crate::math::{exp_exact, ln};

/// A running sum, and the sum of the rounding errors of its additions.
///
/// Each `add` is six additions and subtractions in a fixed order (TwoSum) and one of the error, without a
/// branch. An infinity or NaN in the terms gives what a plain sum gives.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Sum {
    sum: f32,
    lost: f32,
}

impl Sum {
    /// The sum of no terms.
    pub(crate) const ZERO: Self = Self { sum: 0.0, lost: 0.0 };

    /// The sum with `term` added.
    #[inline]
    pub(crate) fn add(self, term: f32) -> Self {
        let sum = self.sum + term;
        let added = sum - self.sum;
        let lost = (self.sum - (sum - added)) + (term - added);
        Self { sum, lost: self.lost + lost }
    }

    /// The sum, with the rounding errors added once; infinite or NaN where the plain sum is.
    #[inline]
    pub(crate) fn value(self) -> f32 {
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

/// Compensated sum of `terms`, first to last; 0 for none.
#[inline]
pub(crate) fn sum(terms: impl Iterator<Item = f32>) -> f32 {
    terms.fold(Sum::ZERO, Sum::add).value()
}

/// A running log-sum-exp: the largest term, and the sum of `e^(term - largest)`.
#[derive(Clone, Copy)]
pub(crate) struct LogSum {
    largest: f32,
    rest: f32,
}

impl LogSum {
    /// The log-sum-exp of no terms.
    pub(crate) const ZERO: Self = Self { largest: f32::NEG_INFINITY, rest: 0.0 };

    /// The sum with `e^term` added; minus infinity adds nothing.
    #[inline]
    pub(crate) fn add(self, term: f32) -> Self {
        let Self { largest, rest } = self;
        if term == f32::NEG_INFINITY {
            self
        } else if term > largest {
            Self { largest: term, rest: rest * exp_exact(largest - term) + 1.0 }
        } else {
            Self { largest, rest: rest + exp_exact(term - largest) }
        }
    }

    /// `ln sum e^term`; minus infinity for no terms, NaN where a term is NaN or two are plus infinity.
    #[inline]
    pub(crate) fn value(self) -> f32 {
        self.largest + ln(self.rest)
    }
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
    #[test]
    fn a_logarithm_of_a_sum_overflows_no_more_than_its_terms() {
        let of = |terms: &[f32]| terms.iter().copied().fold(LogSum::ZERO, LogSum::add).value();
        assert_eq!(of(&[]), f32::NEG_INFINITY);
        assert_eq!(of(&[f32::NEG_INFINITY, 3.0, f32::NEG_INFINITY]), 3.0);
        assert!((of(&[1000.0, 1001.0, 1000.0]) - 1001.5514).abs() < 1e-4);
        assert!((of(&[-1e6, -1e6]) - (-1e6 + core::f32::consts::LN_2)).abs() < 0.1);
        assert!(of(&[1.0, f32::NAN]).is_nan() && of(&[f32::NAN, 1.0]).is_nan());
    }
}
