//! Inner loops of kernels, for one kind of core each: chosen here, and nowhere else.
//!
//! Each has a portable twin, which is its definition: same order of operations, same bits.

pub(super) mod integer;
