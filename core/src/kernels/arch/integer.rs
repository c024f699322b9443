//! Which core runs which form of the integer kernels.

use super::super::integer::portable;

#[cfg(all(elbow_dsp, not(elbow_helium)))]
pub use super::dsp::{depthwise, padded_copy};
#[cfg(elbow_dsp)]
pub use super::dsp::{linear_paired, linear_wide};
#[cfg(elbow_helium)]
pub use super::helium::{depthwise, linear as linear_helium, padded_copy};
#[cfg(any(elbow_v6m, elbow_v7m))]
pub use super::panels::linear_plain;
#[cfg(not(elbow_helium))]
pub use portable::helium as linear_helium;
#[cfg(not(any(elbow_v6m, elbow_v7m)))]
pub use portable::plain as linear_plain;
#[cfg(not(elbow_dsp))]
pub use portable::{depthwise, padded_copy, paired as linear_paired, wide as linear_wide};
