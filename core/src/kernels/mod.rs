//! The arithmetic of layers: what generated code calls on the device and the twin on the desktop.
//!
//! Every kernel is infallible and checks nothing that `elbow compile` has proved: shapes are
//! arguments, tensors are flat row-major slices (channels first, batch 1). A slice shorter than its
//! shape says shortens the loop; it never panics. Each kernel's doc states its evaluation order,
//! which is part of its definition: the same order gives the same bits on every target.

mod activation;
mod affine;
mod along;
mod binary;
mod conv;
mod conv_transpose;
mod dense;
mod layout;
mod recurrent;
mod reduce;

pub use activation::{Unary, unary};
pub use affine::affine;
pub use along::Along;
pub use binary::{Binary, BinaryOp, binary};
pub use conv::{ConvShape, conv, conv_depthwise};
pub use conv_transpose::{ConvTransposeShape, conv_transpose};
pub use dense::{PANEL, dense, dense_rows};
pub use layout::{Strided, copy, part, part_mut, split, strided_copy};
pub use recurrent::{Cell, RecurrentShape};
pub use reduce::Reduction;
