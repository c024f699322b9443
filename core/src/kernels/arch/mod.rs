//! Inner loops of kernels, for one kind of core each: chosen here, and nowhere else.
//!
//! Each has a definition in plain Rust, with the same order of operations and, for slices that are as long as
//! their shapes say, the same bits.

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
#[cfg(any(elbow_dsp, elbow_v6m, elbow_v7m))]
#[allow(unsafe_code)] // one write through a pointer, with its reason
#[cfg_attr(elbow_helium, allow(dead_code))] // which convolves depthwise by itself
mod job;
pub mod native;
#[cfg(any(elbow_dsp, elbow_v6m, elbow_v7m))]
#[allow(unsafe_code)] // calls of machine code, each with its reason
mod panels;
#[cfg(elbow_v6m)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod v6m;
#[cfg(elbow_v7m)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod v7m;
mod walk;

#[cfg(not(all(target_arch = "arm", target_abi = "eabihf", target_os = "none")))]
pub(super) use float_portable as float;
#[cfg(all(target_arch = "arm", target_abi = "eabihf", target_os = "none"))]
pub(super) use float_vfp as float;
pub(super) use walk::{Factors, Steps, Walk};
