//! Inner loops of kernels, for one kind of core each: chosen here, and nowhere else.
//!
//! Each has a portable twin, which is its definition: same order of operations, same bits.

pub(super) mod float_portable;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
pub(super) mod float_vfp;
pub(super) mod integer;
mod walk;

#[cfg(not(all(target_arch = "arm", target_abi = "eabihf", target_os = "none")))]
pub(super) use float_portable as float;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
pub(super) use float_vfp as float;
pub(super) use walk::{Steps, Walk};
