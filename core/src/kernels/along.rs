//! Tensors seen along one axis.

/// A row-major tensor as `[outer][len][inner]`: what a kernel does along `len` it repeats for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Along {
    /// Product of the axes in front.
    pub outer: usize,
    /// Length of the axis.
    pub len: usize,
    /// Product of the axes behind.
    pub inner: usize,
}
