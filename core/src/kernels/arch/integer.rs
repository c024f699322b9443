//! Which core runs which form of the integer kernels.

use super::super::integer::portable;

#[cfg(elbow_dsp)]
pub use super::dsp::{depthwise, linear_paired, linear_wide, spread};
pub use portable::helium as linear_helium;
pub use portable::plain as linear_plain;
#[cfg(not(elbow_dsp))]
pub use portable::{depthwise, paired as linear_paired, spread, wide as linear_wide};
