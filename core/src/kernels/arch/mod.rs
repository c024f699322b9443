//! Inner loops of kernels, for one kind of core each: chosen here, and nowhere else.
//!
//! Each has a portable twin, which is its definition: same order of operations, same bits.

#[cfg(elbow_dsp)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod dsp;
pub(super) mod float_portable;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
#[allow(unsafe_code)] // machine code, each call with its reason
pub(super) mod float_vfp;
#[cfg(elbow_helium)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod helium;
pub(super) mod integer;
#[cfg(elbow_dsp)]
mod job;
mod walk;

#[cfg(not(all(target_arch = "arm", target_abi = "eabihf", target_os = "none")))]
pub(super) use float_portable as float;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
pub(super) use float_vfp as float;
pub(super) use walk::{Steps, Walk};
