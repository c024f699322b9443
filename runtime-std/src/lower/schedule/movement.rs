//! Nodes that move values: `Transpose`, `Slice`, `Concat`.

use super::elementwise::TOO_MANY_AXES;
use super::{Advice, Scheduler};
use crate::import::Node;
use crate::lower::axes::{Axis, broadcast, collapse, is_contiguous, row_major, strided};
use crate::lower::draft::{Home, TensorId};
use crate::lower::plan::Kernel;

impl Scheduler<'_> {
    pub(super) fn transpose(&mut self, node: &Node, perm: &[usize]) -> Advice {
        let x = self.read(node.inputs[0]);
        let y = self.permuted(node, x, self.shape(node.inputs[0]), perm)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// `y.shape[i] = shape[perm[i]]`; the tensor itself where no value moves.
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

    /// A stack of `[rows][columns]` matrices, each transposed.
    pub(super) fn transposed(
        &mut self,
        node: &Node,
        x: TensorId,
        shape: [usize; 3],
    ) -> Advice<TensorId> {
        self.permuted(node, x, &shape, &[0, 2, 1])
    }

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

    pub(super) fn expand(&mut self, node: &Node) -> Advice {
        let (from, shape) = (self.shape(node.inputs[0]), self.shape(node.output));
        let axes = collapse(shape, &broadcast(from, shape), &row_major(shape));
        let x = self.read(node.inputs[0]);
        let y = self.gather(node, x, shape, &axes, 0)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// The values of `x` along `axes`; the tensor itself where those are all of its values in order.
    fn gather(
        &mut self,
        node: &Node,
        x: TensorId,
        shape: &[usize],
        axes: &[Axis],
        start: usize,
    ) -> Advice<TensorId> {
        let len: usize = shape.iter().product();
        if is_contiguous(axes) && len == self.draft.tensors[x].len {
            return Ok(x);
        }
        let copy = strided(axes, start, 0).ok_or(TOO_MANY_AXES)?;
        Ok(self.call(node, shape, Kernel::Strided(copy), Some(x), None))
    }

    /// Every operand goes to its place in the result.
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
            self.call(node, part, Kernel::Strided(copy), Some(x), Some(y));
            start += part[axis] * steps[axis] as usize;
        }
        self.bind(node.output, y);
        Ok(())
    }
}
