//! Kernels that work in place: arithmetic of two tensors, choice, batch normalization.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::weights::Constant;
use super::{Advice, Scheduler};
use crate::ir::Node;
use crate::lower::axes::{broadcast, collapse, padded, row_major, strided};
use crate::lower::draft::{Home, TensorId};
use crate::lower::fuse::Affine;
use crate::lower::plan::Kernel;
use elbow_core::kernels::{Binary, BinaryOp, Unary};

/// A tensor, and the shape that it is read in.
#[derive(Clone, Copy)]
pub(super) struct Shaped<'s> {
    pub(super) tensor: TensorId,
    pub(super) shape: &'s [usize],
}

impl Scheduler<'_> {
    /// Schedules `a op b`, broadcast: a copy of one operand, stretched to the result's shape, is combined
    /// with the other in place. The copied one is that which costs less (see `cost_of_target`), the first if
    /// equal. `Err` for fewer than two operands, or more axes than kernels walk.
    pub(super) fn binary(&mut self, node: &Node, op: BinaryOp) -> Advice {
        let [a, b] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        let shape = self.shape(node.output);
        let (left, right) = (self.read(a), self.read(b));
        let reversed = self.cost_of_target(right, shape) < self.cost_of_target(left, shape);
        let left = Shaped { tensor: left, shape: self.shape(a) };
        let right = Shaped { tensor: right, shape: self.shape(b) };
        let (target, operand) = if reversed { (right, left) } else { (left, right) };
        let y = self.stretched(node, target, shape)?;
        self.combine(node, op, reversed, y, operand)?;
        self.bind(node.output, y);
        Ok(())
    }

    /// Cost of making the result of this shape in the place of a tensor: 0 where it can be overwritten, as
    /// nothing else reads it and it has the size; 1 for a copy; 2 for a stretched copy; 3 for a constant,
    /// since the other operand is then not overwritten and takes space beside the result, even if nothing
    /// reads it later.
    fn cost_of_target(&self, tensor: TensorId, shape: &[usize]) -> usize {
        let fits = self.draft.tensors[tensor].len == shape.iter().product::<usize>();
        match self.draft.tensors[tensor].home {
            Home::Arena if fits && self.pending[tensor] == 0 => 0,
            Home::Arena | Home::Input(_) | Home::Output(_) => 1 + usize::from(!fits),
            Home::Weights(_) => 3,
        }
    }

    /// A new tensor of `shape` with the values of `x`, broadcast; a kernel may overwrite it. `Err` for more
    /// axes than kernels walk.
    fn stretched(&mut self, node: &Node, x: Shaped<'_>, shape: &[usize]) -> Advice<TensorId> {
        if x.shape.iter().product::<usize>() == shape.iter().product::<usize>() {
            return Ok(self.copy(node, shape, x.tensor));
        }
        let axes = collapse(shape, &broadcast(x.shape, shape), &row_major(shape));
        let shape_of_copy = strided(&axes, 0, 0).ok_or(TOO_MANY_AXES)?;
        Ok(self.call(node, shape, Kernel::Strided(shape_of_copy), &[x.tensor]))
    }

    /// Appends `y = y op operand` (`operand op y` where `reversed`), in place; `y` has the shape of the
    /// node's result, to which the operand is broadcast. `Err` for more axes than kernels walk.
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

    /// Schedules `g * f'(..)`, the backward pass of `f`: in place on a copy of `g`, the first operand; the
    /// second is the argument or result of `f`. `Err` for fewer than two operands.
    pub(super) fn slope(&mut self, node: &Node, f: Unary) -> Advice {
        let [g, of] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        let (g, of) = (self.read(g), self.read(of));
        let shape = self.shape(node.output);
        let y = self.copy(node, shape, g);
        self.call_on(node, shape, Kernel::Slope(f), &[of], &[y]);
        self.bind(node.output, y);
        Ok(())
    }

    /// Schedules a batch normalization that no layer took in: `scale * x + shift` per channel (axis 1), by
    /// one call for a batch of 1, else by two. `Err` unless its statistics are constants and the channels
    /// fit, and for more axes than kernels walk.
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

    /// Schedules `a` where `condition` is not 0, else `b`, in place on a copy of `a`; operands of other sizes
    /// are stretched first. `Err` for fewer than three operands, or more axes than kernels walk.
    pub(super) fn choose(&mut self, node: &Node) -> Advice {
        let [condition, a, b] =
            *node.inputs.first_chunk().ok_or("it has fewer than three operands")?;
        let shape = self.shape(node.output);
        let operands =
            [condition, b, a].map(|id| Shaped { tensor: self.read(id), shape: self.shape(id) });
        let [condition, b, a] = operands;
        let y = self.stretched(node, a, shape)?;
        let mut sources = [y; 2];
        for (source, operand) in sources.iter_mut().zip([condition, b]) {
            let fits = operand.shape.iter().product::<usize>() == shape.iter().product::<usize>();
            *source = if fits { operand.tensor } else { self.stretched(node, operand, shape)? };
        }
        self.call_on(node, shape, Kernel::Select, &sources, &[y]);
        self.bind(node.output, y);
        Ok(())
    }
}

/// Advice where a walk has more axes than kernels take, after neighbouring ones were joined.
pub(super) const TOO_MANY_AXES: &str = "it moves along more than six axes that cannot be joined: \
    split it into two nodes, or reshape to fewer axes before it";
