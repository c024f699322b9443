//! Pooling over one or two spatial axes.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::conv::two;
use super::{Advice, Scheduler};
use crate::ir::{Node, Pooling};
use crate::lower::axes::PoolAttributes;
use crate::lower::plan::Kernel;
use elbow_core::kernels::PoolShape;

impl Scheduler<'_> {
    /// Schedules a max or average pool in f32. `Err` as `pool_shape`.
    pub(super) fn pool(&mut self, node: &Node, windows: &PoolAttributes, kind: Pooling) -> Advice {
        let shape = self.pool_shape(node, windows)?;
        let kernel = match kind {
            Pooling::Max => Kernel::MaxPool(shape),
            Pooling::Average(mean) => Kernel::AveragePool(mean, shape),
        };
        let x = self.read(node.inputs[0]);
        let y = self.call(node, self.shape(node.output), kernel, &[x]);
        self.bind(node.output, y);
        Ok(())
    }

    /// Shape of the pool for the kernel; the axes in front of the pooled ones count as channels, and a single
    /// pooled axis is a width, of height 1. `Err` unless one or two axes are pooled.
    pub(super) fn pool_shape(&self, node: &Node, windows: &PoolAttributes) -> Advice<PoolShape> {
        let (from, to) = (self.shape(node.inputs[0]), self.shape(node.output));
        let front = from.len().saturating_sub(windows.kernel.len());
        Ok(PoolShape {
            channels: from[..front].iter().product(),
            input: two(&from[front..], 1)?,
            output: two(&to[front..], 1)?,
            kernel: two(windows.kernel, 1)?,
            strides: two(windows.strides, 1)?,
            dilations: two(windows.dilations, 1)?,
            pads: two(windows.pads, 0)?,
            pads_end: two(windows.pads_end, 0)?,
        })
    }
}
