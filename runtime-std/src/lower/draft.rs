//! The result of scheduling and argument of memory planning: kernel calls on tensors without an offset.

use super::plan::{CompletedValue, InFloats, Kernel, Port};
use std::ops::Range;

/// A plan before its tensors are placed.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    pub(super) name: String,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    pub(super) tensors: Vec<Tensor>,
    pub(super) calls: Vec<UnplacedStep>,
    pub(super) weights: Vec<f32>,
    pub(super) floats: Vec<InFloats>,
}

/// Index into [`Draft::tensors`].
pub(super) type TensorId = usize;

/// Values that lie together.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) len: usize,
    pub(super) home: Home,
}

/// Where a tensor must lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// The caller's input of this index.
    Input(usize),
    /// The caller's output of this index; it keeps its values until the end.
    Output(usize),
    /// Among the weights.
    Weights(Range<usize>),
    /// In the arena, wherever there is room.
    Arena,
}

/// A [`Step`](super::Step) before its operands are placed.
#[derive(Clone, Debug)]
pub(super) struct UnplacedStep {
    pub(super) name: String,
    pub(super) op: String,
    pub(super) shape: Vec<usize>,
    pub(super) macs: usize,
    pub(super) kernel: Kernel,
    pub(super) sources: Vec<TensorId>,
    pub(super) outputs: Vec<TensorId>,
    pub(super) completes: Vec<CompletedValue>,
}
