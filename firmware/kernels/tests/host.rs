//! The portable loops against the definitions.

use kernels::{FAMILIES, MEMORY, SEED};

#[test]
fn every_kernel_has_the_bits_of_its_definition() {
    let mut memory = vec![0.0; MEMORY];
    for family in FAMILIES {
        for case in 0..3000 {
            let right = family.check(case, &mut memory);
            assert!(right.is_ok(), "{}: case {case} of seed {SEED} differs", family.name);
        }
    }
}
