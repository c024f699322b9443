//! Backward passes of layers: the transposed map, with the weights that the layer has.
//!
//! A `reverse_*` method gets a node of the forward pass and `g`, the cotangent of its result. It appends
//! nodes to the tape's graph and adds to the cotangents of the operands that depend on the inputs asked for;
//! "`x` gets" names what is added to that of `x`. `Err`, where a doc names one, says what was found and what
//! to do about it; what was appended before it stays.

use super::tape::{Advice, Tape};
use crate::ir::{Node, Op, ValueId};
use crate::lower::fuse::Affine;

/// Attributes of a convolution, one number per spatial axis.
#[derive(Clone, Copy)]
pub(super) struct ConvAttributes<'n> {
    pub(super) strides: &'n [usize],
    pub(super) dilations: &'n [usize],
    pub(super) pads: &'n [usize],
    pub(super) groups: usize,
}

impl Tape {
    /// Of `y = alpha op(a) op(b) + beta c`: `op(a)` gets `alpha g op(b)^T`, `op(b)` gets `alpha op(a)^T g`,
    /// and `c` gets `beta g`. `Err` for fewer than two operands.
    pub(super) fn reverse_gemm(
        &mut self,
        node: &Node,
        [trans_a, trans_b]: [bool; 2],
        [alpha, beta]: [f32; 2],
        g: ValueId,
    ) -> Advice {
        let [a, b] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        if self.is_needed(a) {
            let shape = self.shape(a);
            let ga = match trans_a {
                false => self.product([g, b], [false, !trans_b], alpha, &shape),
                true => self.product([b, g], [trans_b, true], alpha, &shape),
            };
            self.give(a, ga);
        }
        if self.is_needed(b) {
            let shape = self.shape(b);
            let gb = match trans_b {
                false => self.product([a, g], [!trans_a, false], alpha, &shape),
                true => self.product([g, a], [true, trans_a], alpha, &shape),
            };
            self.give(b, gb);
        }
        if let Some(&c) = node.inputs.get(2).filter(|&&c| self.is_needed(c)) {
            let gc = self.scaled(g, beta);
            self.give(c, gc);
        }
        Ok(())
    }

    /// Of `y = a b`: `a` gets `g b^T` and `b` gets `a^T g`, summed over the stacks that were broadcast. A
    /// vector counts as a row on the left and as a column on the right. `Err` for fewer than two operands.
    pub(super) fn reverse_matmul(&mut self, node: &Node, g: ValueId) -> Advice {
        let [a, b] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        let (of_a, of_b) = (self.shape(a), self.shape(b));
        let left = if let [len] = of_a[..] { vec![1, len] } else { of_a };
        let right = if let [len] = of_b[..] { vec![len, 1] } else { of_b };
        let (rows, inner) = (left[left.len() - 2], left[left.len() - 1]);
        let columns = right[right.len() - 1];
        let (left_stack, right_stack) = (&left[..left.len() - 2], &right[..right.len() - 2]);
        let stack = super::tape::broadcast(left_stack, right_stack);
        let of = |matrix: [usize; 2]| [&stack[..], &matrix].concat();
        let g = self.reshape(g, &of([rows, columns]));
        if self.is_needed(a) {
            let b = self.reshape(b, &right);
            let ga = self.product([g, b], [false, true], 1.0, &of([rows, inner]));
            let ga = self.sum_to(ga, &left);
            let ga = self.reshape(ga, &self.shape(a));
            self.give(a, ga);
        }
        if self.is_needed(b) {
            let a = self.reshape(a, &left);
            let gb = self.product([a, g], [true, false], 1.0, &of([inner, columns]));
            let gb = self.sum_to(gb, &right);
            let gb = self.reshape(gb, &self.shape(b));
            self.give(b, gb);
        }
        Ok(())
    }

    /// `alpha * op(a) * op(b)` of this shape, where `op` transposes as the flags say; operands may be stacks
    /// of matrices. The shape is not checked.
    fn product(
        &mut self,
        [a, b]: [ValueId; 2],
        [trans_a, trans_b]: [bool; 2],
        alpha: f32,
        shape: &[usize],
    ) -> ValueId {
        let op = Op::Gemm { trans_a, trans_b, alpha, beta: 1.0 };
        self.node("Gemm", op, &[a, b], shape)
    }

    /// Of a convolution: `x` gets the transposed convolution of `g` by the same weights. With strides of 1
    /// that is written as a convolution by the reversed filters, whose kernel is faster. `Err` for fewer than
    /// two operands, and where the weights or bias depend on the inputs asked for.
    pub(super) fn reverse_conv(
        &mut self,
        node: &Node,
        window: ConvAttributes,
        g: ValueId,
    ) -> Advice {
        let [x, w] = *node.inputs.first_chunk().ok_or("it has no weights")?;
        let shape = self.shape(x);
        if let Some((reversed, pads)) = self.reversed(w, window) {
            let op = Op::Conv {
                strides: window.strides.to_vec(),
                dilations: window.dilations.to_vec(),
                pads,
                groups: window.groups,
            };
            let gx = self.node("Conv", op, &[g, reversed], &shape);
            self.give(x, gx);
            return self.only_first(node);
        }
        let op = Op::ConvTranspose {
            strides: window.strides.to_vec(),
            dilations: window.dilations.to_vec(),
            pads: window.pads.to_vec(),
            groups: window.groups,
        };
        let gx = self.node("ConvTranspose", op, &[g, w], &shape);
        self.give(x, gx);
        self.only_first(node)
    }

    /// Of a transposed convolution: `x` gets the convolution of `g` by the same weights. `Err` for fewer than
    /// two operands, and where the weights or bias depend on the inputs asked for.
    pub(super) fn reverse_conv_transpose(
        &mut self,
        node: &Node,
        window: ConvAttributes,
        g: ValueId,
    ) -> Advice {
        let [x, w] = *node.inputs.first_chunk().ok_or("it has no weights")?;
        let shape = self.shape(x);
        let op = Op::Conv {
            strides: window.strides.to_vec(),
            dilations: window.dilations.to_vec(),
            pads: window.pads.to_vec(),
            groups: window.groups,
        };
        let gx = self.node("Conv", op, &[g, w], &shape);
        self.give(x, gx);
        self.only_first(node)
    }

    /// Constant filters `[filters][channels / groups][taps]` as `[channels][filters / groups][taps]` with the
    /// taps from last to first, and the pads in front that go with them. `None` where a stride is larger than
    /// 1, a pad larger than the filter's reach, or the weights are no constant.
    fn reversed(&mut self, w: ValueId, window: ConvAttributes) -> Option<(ValueId, Vec<usize>)> {
        if window.strides.iter().any(|&stride| stride != 1) {
            return None;
        }
        let shape = self.shape(w);
        let (&[filters, own], kernel) = shape.split_first_chunk()?;
        let reach =
            kernel.iter().zip(window.dilations).map(|(taps, dilation)| (taps - 1) * dilation);
        let pads: Option<Vec<usize>> =
            reach.zip(window.pads).map(|(reach, pad)| reach.checked_sub(*pad)).collect();
        let (pads, constant) = (pads?, self.constant(w)?);
        let (taps, group) = (kernel.iter().product::<usize>(), filters / window.groups.max(1));
        let mut reversed = Vec::with_capacity(constant.len());
        for channel in 0..own * window.groups {
            for filter in 0..group {
                let filter = channel / own * group + filter;
                let start = (filter * own + channel % own) * taps;
                reversed.extend(constant[start..start + taps].iter().rev());
            }
        }
        let shape = [&[own * window.groups, group], kernel].concat();
        Some((self.constant_of("reversed filters", &shape, reversed), pads))
    }

    /// Of a batch normalization: `x` gets `g scale / sqrt(variance + epsilon)`, by its channel. `Err` where
    /// scale, bias, mean or variance is not constant.
    pub(super) fn reverse_batch_norm(&mut self, node: &Node, g: ValueId) -> Advice {
        let affine = Affine::of(&self.graph, node).ok_or(
            "its scale, bias, mean and variance must be constants: export in inference mode",
        )?;
        let scale: Vec<f32> = affine.scale.iter().map(|&scale| scale as f32).collect();
        let behind = self.shape(node.inputs[0]).len().saturating_sub(2);
        let shape = [vec![scale.len()], vec![1; behind]].concat();
        let scale = self.constant_of("scale", &shape, scale);
        let gx = self.mul(g, scale);
        self.give(node.inputs[0], gx);
        self.only_first(node)
    }

    /// `Err` where an operand of the node besides the first depends on the inputs asked for. The node has an
    /// operand.
    fn only_first(&self, node: &Node) -> Advice {
        match node.inputs[1..].iter().any(|&operand| self.is_needed(operand)) {
            true => Err("its weights depend on the latent, and must be constant".into()),
            false => Ok(()),
        }
    }
}
