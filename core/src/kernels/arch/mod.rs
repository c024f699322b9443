//! Inner loops of kernels, for one kind of core each: chosen here, and nowhere else.
//!
//! Each has a portable twin, which is its definition: same order of operations, same bits.

#[cfg(elbow_dsp)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod dsp;
pub(super) mod integer;
#[cfg(any(elbow_dsp, elbow_v6m, elbow_v7m))]
#[allow(unsafe_code)] // one write through a pointer, with its reason
mod job;
#[cfg(elbow_v6m)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod v6m;
#[cfg(elbow_v7m)]
#[allow(unsafe_code)] // machine code, each call with its reason
mod v7m;
