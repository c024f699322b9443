//! Float kernels on random shapes against plain sums in the order that their documentation states, bit
//! by bit: on a core with loops of its own for them, and on the host for the portable ones.

mod convolution;
mod product;
mod random;

use random::Random;

/// The values of every family of cases are drawn from this seed.
pub const SEED: u64 = 20_261_126;

/// Cases of each family in a full run.
pub const CASES: u64 = 2000;

/// Floats for the operands and the result of one case.
pub const MEMORY: usize = 5 * random::LONGEST;

/// A family of cases.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Name of the kernel.
    pub name: &'static str,
    /// Runs a case in memory that holds [`MEMORY`] floats, and compares it.
    run: fn(&mut Random, &mut [f32]) -> Option<usize>,
}

/// All families.
pub const FAMILIES: [Family; 6] = [
    Family { name: "dense", run: product::dense },
    Family { name: "dense_rows", run: product::dense_rows },
    Family { name: "matmul", run: product::matmul },
    Family { name: "conv", run: convolution::conv },
    Family { name: "conv_depthwise", run: convolution::conv_depthwise },
    Family { name: "conv_transpose", run: convolution::conv_transpose },
];

impl Family {
    /// Runs case number `case` in `memory`, which it overwrites; gives how many values were compared. Panics
    /// where `memory` holds fewer than [`MEMORY`] floats.
    ///
    /// # Errors
    ///
    /// [`Differs`] where a value has not the bits of its definition.
    pub fn check(&self, case: u64, memory: &mut [f32]) -> Result<usize, Differs> {
        let mut random = Random::new(case);
        (self.run)(&mut random, memory).ok_or(Differs)
    }
}

/// A value has not the bits of its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs;

/// Whether two values have the same bits, or both are NaN.
fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// The length of `y` where each of its values is `definition` of its index, bit by bit; `None` where one is
/// not.
fn compare(y: &[f32], definition: impl Fn(usize) -> f32) -> Option<usize> {
    let equal = y.iter().enumerate().all(|(at, y)| same(*y, definition(at)));
    equal.then_some(y.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn float_kernels_have_the_bits_of_their_definitions() {
        let mut memory = vec![0.0; MEMORY];
        for family in FAMILIES {
            for case in 0..CASES {
                let right = family.check(case, &mut memory);
                assert!(right.is_ok(), "{}: case {case} of seed {SEED} differs", family.name);
            }
        }
    }
}
