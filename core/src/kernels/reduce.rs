//! One number for many.

/// Which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reduction {
    /// `sum x`
    Sum,
    /// `sum x / n`
    Mean,
    /// The largest value; NaN where one is NaN.
    Max,
    /// The smallest value; NaN where one is NaN.
    Min,
    /// `prod x`
    Product,
    /// `sum x * x`
    SumOfSquares,
    /// `sum |x|`
    SumOfMagnitudes,
}
