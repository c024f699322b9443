//! Backward passes of what works along axes: reductions, normalization, softmax, running sums.

use super::tape::{Tape, kept};
use crate::ir::{Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

impl Tape {
    pub(super) fn reverse_reduce(
        &mut self,
        node: &Node,
        reduction: Reduction,
        axes: &[usize],
        g: ValueId,
    ) {
        let x = node.inputs[0];
        let shape = self.shape(x);
        let one = kept(&shape, axes);
        let g = self.reshape(g, &one);
        let gx = match reduction {
            Reduction::Sum => self.expand(g, &shape),
            Reduction::Mean => {
                let count: usize = axes.iter().map(|&axis| shape[axis]).product();
                let share = self.scaled(g, 1.0 / count as f32);
                self.expand(share, &shape)
            }
            // Equal extremes share.
            Reduction::Max | Reduction::Min => {
                let y = self.reshape(node.output, &one);
                let is_extreme = self.binary(BinaryOp::Equal, x, y);
                let count = self.reduce(Reduction::Sum, is_extreme, axes);
                let share = self.binary(BinaryOp::Div, g, count);
                self.mul(is_extreme, share)
            }
            Reduction::SumOfSquares => {
                let double = self.scaled(g, 2.0);
                self.mul(x, double)
            }
            Reduction::SumOfMagnitudes => {
                let sign = self.unary(Unary::Sign, x);
                self.mul(sign, g)
            }
            Reduction::Product => {
                let others = self.products_of_others(x, axes);
                self.mul(others, g)
            }
        };
        self.give(x, gx);
    }

    /// For each value the product of all others along the axes; a quotient would not do at 0.
    fn products_of_others(&mut self, x: ValueId, axes: &[usize]) -> ValueId {
        let shape = self.shape(x);
        let front: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let perm = [&front[..], axes].concat();
        let last = self.transpose(x, &perm);
        let last_shape = self.shape(last);
        let count: usize = axes.iter().map(|&axis| shape[axis]).product();
        let rows = shape.iter().product::<usize>() / count.max(1);
        let mut product = self.number(1.0);
        if count > 1 {
            let rows_of = self.reshape(last, &[rows, count]);
            let others = (0..count).flat_map(|own| (0..count).filter(move |&other| other != own));
            let take = Op::Take { axis: 1, indices: others.collect() };
            let others = self.node("Gather", take, &[rows_of], &[rows, count * (count - 1)]);
            let others = self.reshape(others, &[rows, count, count - 1]);
            product = self.reduce(Reduction::Product, others, &[2]);
            product = self.reshape(product, &last_shape);
            product = self.transpose(product, &inverse(&perm));
        }
        product
    }

    pub(super) fn transpose(&mut self, x: ValueId, perm: &[usize]) -> ValueId {
        let shape = self.shape(x);
        let shape: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
        self.node("Transpose", Op::Transpose { perm: perm.to_vec() }, &[x], &shape)
    }

    /// With `y = (x - mean) / r`: `(g - mean(g) - y mean(g y)) / r`; without the mean of `g` where the
    /// forward pass took none off.
    pub(super) fn reverse_normalize(
        &mut self,
        node: &Node,
        axis: usize,
        epsilon: f32,
        rms: bool,
        g: ValueId,
    ) {
        let (x, y) = (node.inputs[0], node.output);
        let shape = self.shape(x);
        let axes: Vec<usize> = (axis..shape.len()).collect();
        let root = self.root_of_variance(x, &axes, epsilon, rms);
        let product = self.mul(g, y);
        let along_y = self.reduce(Reduction::Mean, product, &axes);
        let part = self.mul(y, along_y);
        let mut gx = self.binary(BinaryOp::Sub, g, part);
        if !rms {
            let mean = self.reduce(Reduction::Mean, g, &axes);
            gx = self.binary(BinaryOp::Sub, gx, mean);
        }
        let gx = self.binary(BinaryOp::Div, gx, root);
        self.give(x, gx);
    }

    fn root_of_variance(&mut self, x: ValueId, axes: &[usize], epsilon: f32, rms: bool) -> ValueId {
        let shape = self.shape(x);
        let count: usize = axes.iter().map(|&axis| shape[axis]).product();
        let mut centred = x;
        if !rms {
            let mean = self.reduce(Reduction::Mean, x, axes);
            centred = self.binary(BinaryOp::Sub, x, mean);
        }
        let squares = self.reduce(Reduction::SumOfSquares, centred, axes);
        let variance = self.scaled(squares, 1.0 / count as f32);
        let epsilon = self.number(epsilon);
        let sum = self.binary(BinaryOp::Add, variance, epsilon);
        self.unary(Unary::Sqrt, sum)
    }

    /// `y (g - sum(g y))`, for the logarithm `g - e^y sum(g)`.
    pub(super) fn reverse_softmax(&mut self, node: &Node, axis: usize, log: bool, g: ValueId) {
        let y = node.output;
        let gx = if log {
            let sum = self.reduce(Reduction::Sum, g, &[axis]);
            let softmax = self.unary(Unary::Exp, y);
            let part = self.mul(softmax, sum);
            self.binary(BinaryOp::Sub, g, part)
        } else {
            let product = self.mul(g, y);
            let sum = self.reduce(Reduction::Sum, product, &[axis]);
            let rest = self.binary(BinaryOp::Sub, g, sum);
            self.mul(rest, y)
        };
        self.give(node.inputs[0], gx);
    }

    pub(super) fn reverse_cumsum(
        &mut self,
        node: &Node,
        axis: usize,
        exclusive: bool,
        reverse: bool,
        g: ValueId,
    ) {
        let op = Op::CumSum { axis, exclusive, reverse: !reverse };
        let shape = self.shape(g);
        let gx = self.node("CumSum", op, &[g], &shape);
        self.give(node.inputs[0], gx);
    }
}

/// The permutation that undoes this one.
pub(super) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    perm.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
    inverse
}
