//! The arithmetic of layers: what generated code calls on the device and the twin on the desktop.
//!
//! Every kernel is infallible and checks nothing that `elbow compile` has proved: shapes are arguments,
//! tensors are flat row-major slices (channels first, batch 1). Where a slice is shorter than its shape says,
//! products or outputs are left out, which ones may differ from core to core; no kernel panics. Each kernel's
//! doc states its evaluation order, which is part of its definition: the same order gives the same bits on
//! every target.

mod activation;
mod affine;
mod along;
mod arch;
mod binary;
mod conv;
mod conv_transpose;
mod dense;
pub mod integer;
mod layout;
mod matmul;
mod normalize;
mod pool;
mod recurrent;
mod reduce;
mod scan;
mod slope;
mod softmax;
mod take;

pub use activation::{Unary, unary};
pub use affine::affine;
pub use along::Along;
pub use binary::{Binary, BinaryOp, binary};
pub use conv::{ConvShape, conv, conv_depthwise};
pub use conv_transpose::{
    ConvTransposeShape, Phases, conv_phases, conv_transpose, pack_transposed,
};
pub use dense::{PANEL, dense, dense_rows, dense_transposed};
pub use layout::{AXES, Strided, copy, disjoint, fill, part, part_mut, select, strided_copy};
pub use matmul::{MatMul, matmul};
pub use normalize::{normalize, rms_normalize};
pub use pool::{Mean, PoolShape, average_pool, max_pool};
pub use recurrent::{Cell, RecurrentMemory, RecurrentShape, RecurrentWeights, recurrent};
pub use reduce::{Reduction, arg_extreme, reduce};
pub use scan::cumsum;
pub use slope::slope;
pub use softmax::{log_softmax, softmax};
pub use take::{resample, take, take_along, take_by};
