//! What costs much more than elsewhere on the core that the crate is compiled for. It decides between two ways to the
//! same bits, and nothing else.

/// Whether an operation of floats costs tens of instructions, and a division hundreds: there is no float unit.
pub const FLOATS_ARE_DEAR: bool = cfg!(any(elbow_v6m, elbow_v7m)) && !cfg!(target_abi = "eabihf");

/// Whether the high word of a product of words costs tens of instructions.
pub const PRODUCT_IS_DEAR: bool = cfg!(elbow_v6m);
