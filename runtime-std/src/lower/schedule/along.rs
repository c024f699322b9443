//! Nodes that work along an axis: reductions, normalization, softmax, running sums.

use super::{Advice, Scheduler};
use crate::ir::Node;
use crate::lower::axes::along;
use crate::lower::plan::Kernel;
use elbow_core::kernels::{Along, Reduction};

impl Scheduler<'_> {
    /// A reduction over axes that are not neighbours is one call for each run of neighbours.
    pub(super) fn reduce(&mut self, node: &Node, reduction: Reduction, axes: &[usize]) -> Advice {
        let mut y = self.read(node.inputs[0]);
        let mut reduction = reduction;
        for run in runs(self.shape(node.inputs[0]), axes).into_iter().rev() {
            // The runs behind it are gone already.
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

    pub(super) fn softmax(&mut self, node: &Node, axis: usize, log: bool) -> Advice {
        let along = along(self.shape(node.output), axis..axis + 1);
        self.in_place(node, if log { Kernel::LogSoftmax(along) } else { Kernel::Softmax(along) })
    }

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

/// The axes in runs of neighbours, front to back; axes of length 1 belong to any run.
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
