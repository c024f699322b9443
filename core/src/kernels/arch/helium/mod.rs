//! M55: Helium, the M-profile vector extension.
//!
//! | File | Machine code of |
//! |---|---|
//! | `linear` | dense layers and convolutions |
//! | `depthwise` | depthwise convolutions |
//! | `padded_copy` | copies |
//!
//! `vrmulh.s32` is the product of the rounding rule: `floor((a * b + 2^31) / 2^32)`; the doubling one,
//! `vqrdmulh`, is not.
//!
//! The compiler knows nothing of Helium, which `-Ctarget-cpu=cortex-m55` would teach it along with float
//! vectors that flush subnormal numbers: only the assembler does, by `.cpu` in each function.

mod depthwise;
mod linear;
mod padded_copy;

pub use depthwise::depthwise;
pub use linear::linear;
pub use padded_copy::padded_copy;

/// Whether no count is 0 and all are below 2^20, so that [`reach`] and [`product`] are exact.
#[inline(always)]
fn are_counts(counts: [[usize; 2]; 3]) -> bool {
    let counts = counts.as_flattened();
    !counts.contains(&0) && counts.iter().fold(0, |all, count| all | count) < 1 << 20
}

/// The product of four counts, of which one has to be 1, so that it fits.
#[inline(always)]
fn product(counts: [usize; 4]) -> u64 {
    counts.iter().fold(1, |product, count| product * *count as u64)
}

/// Distance in values from the first to the last position of two nested loops: the sum of
/// `(count - 1) * step` of both. The counts have passed [`are_counts`].
#[inline(always)]
fn reach(counts: [usize; 2], steps: [usize; 2]) -> u64 {
    let last = |count: usize, step: usize| u64::from(count.wrapping_sub(1) as u32) * step as u64;
    last(counts[0], steps[0]).wrapping_add(last(counts[1], steps[1]))
}
