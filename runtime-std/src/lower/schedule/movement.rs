//! Nodes that move values: `Transpose`, `Slice`, `Concat`, `Pad`, `Take`.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::elementwise::TOO_MANY_AXES;
use super::weights::Constant;
use super::{Advice, Scheduler};
use crate::ir::Node;
use crate::lower::axes::{
    StridedAxis, along, broadcast, collapse, is_contiguous, row_major, strided,
};
use crate::lower::draft::{Home, TensorId};
use crate::lower::plan::Kernel;

impl Scheduler<'_> {
    /// Schedules `y.shape[i] = x.shape[perm[i]]`. `Err` for more axes than kernels walk.
    pub(super) fn transpose(&mut self, node: &Node, perm: &[usize]) -> Advice {
        let x = self.read(node.inputs[0]);
        let y = self.permuted(node, x, self.shape(node.inputs[0]), perm)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// The tensor of `x`, of this shape, with its axes permuted: `y.shape[i] = shape[perm[i]]`; `x` itself
    /// where no value moves. `Err` for more axes than kernels walk.
    fn permuted(
        &mut self,
        node: &Node,
        x: TensorId,
        shape: &[usize],
        perm: &[usize],
    ) -> Advice<TensorId> {
        let steps = row_major(shape);
        let from: Vec<isize> = perm.iter().map(|&axis| steps[axis]).collect();
        let permuted: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
        let axes = collapse(&permuted, &from, &row_major(&permuted));
        self.gather(node, x, &permuted, &axes, 0)
    }

    /// The tensor of a stack `[batch][rows][columns]` of matrices with each transposed; `x` itself where no
    /// value moves. `Err` for more axes than kernels walk.
    pub(super) fn transposed(
        &mut self,
        node: &Node,
        x: TensorId,
        shape: [usize; 3],
    ) -> Advice<TensorId> {
        self.permuted(node, x, &shape, &[0, 2, 1])
    }

    /// Schedules `y[i] = x[start + i * step]` along every axis. `Err` for more axes than kernels walk.
    pub(super) fn slice(&mut self, node: &Node, starts: &[usize], steps: &[isize]) -> Advice {
        let shape = self.shape(node.output);
        let strides = row_major(self.shape(node.inputs[0]));
        let from: Vec<isize> =
            strides.iter().zip(steps).map(|(stride, step)| stride * step).collect();
        let offsets = strides.iter().zip(starts).map(|(stride, start)| *stride as usize * start);
        let start = offsets.sum();
        let axes = collapse(shape, &from, &row_major(shape));
        let x = self.read(node.inputs[0]);
        let y = self.gather(node, x, shape, &axes, start)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules the first operand broadcast to the shape of the result. `Err` for more axes than kernels
    /// walk.
    pub(super) fn expand(&mut self, node: &Node) -> Advice {
        let (from, shape) = (self.shape(node.inputs[0]), self.shape(node.output));
        let axes = collapse(shape, &broadcast(from, shape), &row_major(shape));
        let x = self.read(node.inputs[0]);
        let y = self.gather(node, x, shape, &axes, 0)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// The tensor of this shape with the values of `x` that a walk along `axes` from the position `start`
    /// visits; `x` itself where these are all of its values in order. `Err` for more axes than kernels walk.
    fn gather(
        &mut self,
        node: &Node,
        x: TensorId,
        shape: &[usize],
        axes: &[StridedAxis],
        start: usize,
    ) -> Advice<TensorId> {
        let len: usize = shape.iter().product();
        if is_contiguous(axes) && len == self.draft.tensors[x].len {
            return Ok(x);
        }
        let copy = strided(axes, start, 0).ok_or(TOO_MANY_AXES)?;
        Ok(self.call(node, shape, Kernel::Strided(copy), &[x]))
    }

    /// Schedules one copy per operand to its place along `axis` of the result. `Err` for more axes than
    /// kernels walk.
    pub(super) fn concat(&mut self, node: &Node, axis: usize) -> Advice {
        let shape = self.shape(node.output);
        let steps = row_major(shape);
        let y = self.tensor(shape.iter().product(), Home::Arena);
        let mut start = 0;
        for &input in &node.inputs {
            let part = self.shape(input);
            let axes = collapse(part, &row_major(part), &steps);
            let copy = strided(&axes, 0, start).ok_or(TOO_MANY_AXES)?;
            let x = self.read(input);
            self.call_on(node, part, Kernel::Strided(copy), &[x], &[y]);
            start += part[axis] * steps[axis] as usize;
        }
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules a fill of the result with `value` and a copy of the operand into it, `starts` places from
    /// the front of each axis. `Err` for more axes than kernels walk.
    pub(super) fn pad(&mut self, node: &Node, starts: &[usize], value: f32) -> Advice {
        let (part, shape) = (self.shape(node.inputs[0]), self.shape(node.output));
        let steps = row_major(shape);
        let start = steps.iter().zip(starts).map(|(step, start)| *step as usize * start).sum();
        let axes = collapse(part, &row_major(part), &steps);
        let copy = strided(&axes, 0, start).ok_or(TOO_MANY_AXES)?;
        let x = self.read(node.inputs[0]);
        let y = self.call(node, shape, Kernel::Fill(value), &[]);
        self.call_on(node, part, Kernel::Strided(copy), &[x], &[y]);
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules the values at known indices along an axis. `Err` for an index beyond u32.
    pub(super) fn take(&mut self, node: &Node, axis: usize, indices: &[usize]) -> Advice {
        let kernel =
            Kernel::Take(narrow(indices)?, along(self.shape(node.inputs[0]), axis..axis + 1));
        let x = self.read(node.inputs[0]);
        let y = self.call(node, self.shape(node.output), kernel, &[x]);
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules the values at computed indices along an axis; in the shape, the axes of the indices replace
    /// this one. `Err` for fewer than two operands.
    pub(super) fn take_by(&mut self, node: &Node, axis: usize) -> Advice {
        let [x, indices] = *node.inputs.first_chunk().ok_or("it has no indices")?;
        let kernel = Kernel::TakeBy(along(self.shape(x), axis..axis + 1));
        let (x, indices) = (self.read(x), self.read(indices));
        let y = self.call(node, self.shape(node.output), kernel, &[x, indices]);
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules the values at computed indices along an axis, one index for every value of the result. `Err`
    /// for fewer than two operands.
    pub(super) fn take_along(&mut self, node: &Node, axis: usize) -> Advice {
        let [x, indices] = *node.inputs.first_chunk().ok_or("it has no indices")?;
        let shape = self.shape(node.output);
        let along = along(self.shape(x), axis..axis + 1);
        let (x, indices) = (self.read(x), self.read(indices));
        let y = self.call(
            node,
            shape,
            Kernel::TakeAlong { outputs: shape[axis], along },
            &[x, indices],
        );
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules weighted sums of `taps` values along an axis: `indices` and `weights` hold those of one
    /// result place after another. `Err` for an index beyond u32.
    pub(super) fn resample(
        &mut self,
        node: &Node,
        axis: usize,
        taps: usize,
        indices: &[usize],
        weights: &[f32],
    ) -> Advice {
        let form = Constant::Factors(weights.iter().map(|weight| weight.to_bits()).collect());
        let kernel = Kernel::Resample {
            indices: narrow(indices)?,
            weights: self.weights.pack(form, || weights.to_vec()),
            outputs: indices.len() / taps.max(1),
            along: along(self.shape(node.inputs[0]), axis..axis + 1),
        };
        let x = self.read(node.inputs[0]);
        let y = self.call(node, self.shape(node.output), kernel, &[x]);
        self.bind(node.output, y);
        Ok(())
    }
}

/// Indices as u32, the type in generated code; `Err` for one that does not fit.
fn narrow(indices: &[usize]) -> Advice<Vec<u32>> {
    let narrow: Result<_, _> = indices.iter().map(|&index| u32::try_from(index)).collect();
    narrow.map_err(|_| "it takes values from a tensor of more than 2^32: make it smaller".into())
}
