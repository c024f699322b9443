//! Nodes that work along an axis: reductions, normalization, softmax, running sums.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::{Advice, Scheduler};
use crate::ir::Node;
use crate::lower::axes::along;
use crate::lower::plan::Kernel;
use elbow_core::kernels::{Along, Reduction};

impl Scheduler<'_> {
    /// Schedules a reduction over axes: one call for each run of neighbouring axes, from the last run on. No
    /// call for no axes. The calls after the first of a sum of squares or magnitudes are plain sums.
    pub(super) fn reduce(&mut self, node: &Node, reduction: Reduction, axes: &[usize]) -> Advice {
        let mut y = self.read(node.inputs[0]);
        let mut reduction = reduction;
        for run in runs(self.shape(node.inputs[0]), axes).into_iter().rev() {
            // The runs behind this one are reduced already.
            let inner = self.draft.tensors[y].len / (run.outer * run.len).max(1);
            let kernel = Kernel::Reduce(reduction, Along { inner, ..run });
            y = self.call(node, &[run.outer, inner], kernel, &[y]);
            reduction = match reduction {
                Reduction::SumOfSquares | Reduction::SumOfMagnitudes => Reduction::Sum,
                other => other,
            };
        }
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules `(x - mean) / sqrt(variance + epsilon)` over the axes from `axis` on; where `rms`, by the
    /// mean square without centring.
    pub(super) fn normalize(
        &mut self,
        node: &Node,
        axis: usize,
        epsilon: f32,
        rms: bool,
    ) -> Advice {
        let shape = self.shape(node.output);
        let along = along(shape, axis..shape.len());
        let kernel = if rms {
            Kernel::RmsNormalize(epsilon, along)
        } else {
            Kernel::Normalize(epsilon, along)
        };
        self.in_place(node, kernel)
    }

    /// Schedules a softmax along `axis`, or its logarithm where `log`.
    pub(super) fn softmax(&mut self, node: &Node, axis: usize, log: bool) -> Advice {
        let along = along(self.shape(node.output), axis..axis + 1);
        self.in_place(node, if log { Kernel::LogSoftmax(along) } else { Kernel::Softmax(along) })
    }

    /// Schedules running sums along `axis`: without the value itself where `exclusive`, from the end where
    /// `reverse`.
    pub(super) fn cumsum(
        &mut self,
        node: &Node,
        axis: usize,
        exclusive: bool,
        reverse: bool,
    ) -> Advice {
        let along = along(self.shape(node.output), axis..axis + 1);
        self.in_place(node, Kernel::CumSum { exclusive, reverse, along })
    }

    /// Schedules the index, as f32, of the largest value along `axis`, or of the smallest unless `largest`;
    /// of equal ones the last where `last`, else the first.
    pub(super) fn arg_extreme(
        &mut self,
        node: &Node,
        axis: usize,
        largest: bool,
        last: bool,
    ) -> Advice {
        let along = along(self.shape(node.inputs[0]), axis..axis + 1);
        let x = self.read(node.inputs[0]);
        let kernel = Kernel::ArgExtreme { largest, last, along };
        let y = self.call(node, self.shape(node.output), kernel, &[x]);
        self.bind(node.output, y);
        Ok(())
    }
}

/// Runs of neighbouring axes among `axes`, front to back, each seen as one axis of the shape; axes of length
/// 1 in between do not part them.
fn runs(shape: &[usize], axes: &[usize]) -> Vec<Along> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for axis in (0..shape.len()).filter(|axis| axes.contains(axis)) {
        match runs.last_mut() {
            Some(run) if shape[run.end..axis].iter().all(|&len| len == 1) => run.end = axis + 1,
            _ => runs.push(axis..axis + 1),
        }
    }
    runs.into_iter().map(|run| along(shape, run)).collect()
}
