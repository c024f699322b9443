//! Kernels that work in place: arithmetic of two tensors, choice, batch normalization.

use super::weights::Constant;
use super::{Advice, Scheduler};
use crate::ir::{Node, ValueId};
use crate::lower::axes::{broadcast, collapse, padded, row_major, strided};
use crate::lower::draft::{Home, TensorId};
use crate::lower::fuse::Affine;
use crate::lower::plan::Kernel;
use elbow_core::kernels::{Binary, BinaryOp, Unary};

/// A tensor, and the shape of the value that it holds.
#[derive(Clone, Copy)]
pub(super) struct Shaped<'s> {
    pub tensor: TensorId,
    pub shape: &'s [usize],
}

impl<'g> Scheduler<'g> {
    fn shaped(&mut self, value: ValueId) -> Shaped<'g> {
        Shaped { tensor: self.read(value), shape: self.shape(value) }
    }

    /// One operand, stretched to the result's shape where it must be, becomes the result in place.
    pub(super) fn binary(&mut self, node: &Node, op: BinaryOp) -> Advice {
        let [a, b] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        let shape = self.shape(node.output);
        let (left, right) = (self.read(a), self.read(b));
        let reversed = self.cost_of_target(right, shape) < self.cost_of_target(left, shape);
        let (target, operand) = if reversed { (right, left) } else { (left, right) };
        let (target_shape, operand_shape) =
            if reversed { (self.shape(b), self.shape(a)) } else { (self.shape(a), self.shape(b)) };
        let y = self.stretched(node, Shaped { tensor: target, shape: target_shape }, shape)?;
        let operand = Shaped { tensor: operand, shape: operand_shape };
        self.combine(node, op, reversed, y, operand)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// Nothing where a tensor can be overwritten; a copy; worst, a copy of a constant, which
    /// leaves the other operand, that may die here, in the arena.
    fn cost_of_target(&self, tensor: TensorId, shape: &[usize]) -> usize {
        let fits = self.draft.tensors[tensor].len == shape.iter().product::<usize>();
        match self.draft.tensors[tensor].home {
            Home::Arena if fits && self.pending[tensor] == 0 => 0,
            Home::Arena | Home::Input(_) | Home::Output(_) => 1 + usize::from(!fits),
            Home::Weights(_) => 3,
        }
    }

    /// A tensor of `shape` that may be overwritten, with the values of `x` repeated as needed.
    fn stretched(&mut self, node: &Node, x: Shaped<'_>, shape: &[usize]) -> Advice<TensorId> {
        let Shaped { tensor: x, shape: x_shape } = x;
        if x_shape.iter().product::<usize>() == shape.iter().product::<usize>() {
            return Ok(self.copy(node, shape, x));
        }
        let axes = collapse(shape, &broadcast(x_shape, shape), &row_major(shape));
        let shape_of_copy = strided(&axes, 0, 0).ok_or(TOO_MANY_AXES)?;
        Ok(self.call(node, shape, Kernel::Strided(shape_of_copy), &[x]))
    }

    /// `y = y op operand`, or `operand op y`, in place.
    pub(super) fn combine(
        &mut self,
        node: &Node,
        op: BinaryOp,
        reversed: bool,
        y: TensorId,
        operand: Shaped<'_>,
    ) -> Advice {
        let shape = self.shape(node.output);
        let axes = collapse(shape, &broadcast(operand.shape, shape), &row_major(shape));
        let (dims, strides, _) = padded(&axes).ok_or(TOO_MANY_AXES)?;
        let strides = strides.map(isize::unsigned_abs);
        let reversed = reversed && !op.commutes();
        let kernel = Kernel::Binary(Binary { op, reversed, dims, strides });
        self.call_on(node, shape, kernel, &[operand.tensor], &[y]);
        Ok(())
    }

    /// `g`, the first operand, becomes the result in place.
    pub(super) fn slope(&mut self, node: &Node, f: Unary) -> Advice {
        let [g, of] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        let (g, of) = (self.read(g), self.read(of));
        let shape = self.shape(node.output);
        let y = self.copy(node, shape, g);
        self.call_on(node, shape, Kernel::Slope(f), &[of], &[y]);
        self.bind(node.output, y);
        Ok(())
    }

    /// A normalization that no layer could take in.
    pub(super) fn batch_norm(&mut self, node: &Node) -> Advice {
        let affine = Affine::of(self.graph, node).ok_or(
            "its scale, bias, mean and variance must be constants: export in inference mode",
        )?;
        let shape = self.shape(node.output);
        let channels = affine.scale.len();
        if shape.get(1) != Some(&channels) {
            return Err(format!(
                "it normalizes {channels} channels of shape {shape:?}, expected [1, channels, ..]: \
                 keep the batch axis in front"
            ));
        }
        let rounded = |values: &[f64]| values.iter().map(|&value| value as f32).collect();
        let operands = node.inputs[1..].to_vec();
        let scale = self.weights.pack(Constant::Scale(operands.clone()), || rounded(&affine.scale));
        let shift = self.weights.pack(Constant::Shift(operands), || rounded(&affine.shift));
        let x = self.read(node.inputs[0]);
        let y = self.copy(node, shape, x);
        if shape.first() == Some(&1) {
            self.call_on(node, shape, Kernel::Affine { scale, shift }, &[], &[y]);
        } else {
            let per_channel: Vec<usize> =
                [channels].into_iter().chain(shape[2..].iter().map(|_| 1)).collect();
            for (op, operand) in [(BinaryOp::Mul, scale), (BinaryOp::Add, shift)] {
                let operand = self.tensor(channels, Home::Weights(operand));
                self.combine(node, op, false, y, Shaped { tensor: operand, shape: &per_channel })?;
            }
        }
        self.bind(node.output, y);
        Ok(())
    }

    /// `a` becomes the result in place; what is stretched is stretched first.
    pub(super) fn choose(&mut self, node: &Node) -> Advice {
        let [condition, a, b] =
            *node.inputs.first_chunk().ok_or("it has fewer than three operands")?;
        let shape = self.shape(node.output);
        let operands = [condition, b].map(|operand| self.shaped(operand));
        let a = self.shaped(a);
        let y = self.stretched(node, a, shape)?;
        let mut sources = [y; 2];
        for (source, operand) in sources.iter_mut().zip(operands) {
            let fits = operand.shape.iter().product::<usize>() == shape.iter().product::<usize>();
            *source = if fits { operand.tensor } else { self.stretched(node, operand, shape)? };
        }
        self.call_on(node, shape, Kernel::Select, &sources, &[y]);
        self.bind(node.output, y);
        Ok(())
    }
}

/// Advice where a box stays too complicated.
pub(super) const TOO_MANY_AXES: &str = "it moves along more than six axes that cannot be joined: \
    split it into two nodes, or reshape to fewer axes before it";
