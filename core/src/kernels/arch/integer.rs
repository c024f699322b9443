//! Which core runs which form of the integer kernels.

pub use super::super::integer::portable::{
    depthwise, helium as linear_helium, paired as linear_paired, plain as linear_plain, spread,
    wide as linear_wide,
};
