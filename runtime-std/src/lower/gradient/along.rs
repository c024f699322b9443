//! Backward passes of what works along axes: reductions, normalization, softmax, running sums.
//!
//! A `reverse_*` method gets a node of the forward pass and `g`, the cotangent of its result. It appends
//! nodes to the tape's graph and adds to the cotangents of the operands that depend on the inputs asked for;
//! "`x` gets" names what is added to that of `x`. `Err`, where a doc names one, says what was found and what
//! to do about it; what was appended before it stays.

use super::tape::{Tape, kept};
use crate::ir::{Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

impl Tape {
    /// Of a reduction over `axes`: every value gets `g` times its derivative. Equal extremes share `g`
    /// equally; the sign of a 0 is 0 in a sum of magnitudes.
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

    /// For each value of `x` the product of all others along the axes, the constant 1 where there is no
    /// other. Not the quotient of product and value, which would fail at 0; takes `count * (count - 1)`
    /// values per line of `count`.
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

    /// `x` with its axes permuted: `y.shape[i] = x.shape[perm[i]]`.
    pub(super) fn transpose(&mut self, x: ValueId, perm: &[usize]) -> ValueId {
        let shape = self.shape(x);
        let shape: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
        self.node("Transpose", Op::Transpose { perm: perm.to_vec() }, &[x], &shape)
    }

    /// Of `y = (x - mean) / r` over the axes from `axis` on: `x` gets `(g - mean(g) - y mean(g y)) / r`,
    /// without `mean(g)` where `rms`, as nothing was subtracted.
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

    /// `r = sqrt(variance of x + epsilon)` over `axes`, which stay with length 1; where `rms`, of the mean
    /// square in place of the variance.
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

    /// Of a softmax `y` along `axis`: `x` gets `y (g - sum(g y))`; of its logarithm (`log`),
    /// `g - e^y sum(g)`.
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

    /// Of running sums along `axis`: `x` gets the running sums of `g` from the other end.
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

/// The permutation that undoes `perm`.
pub(super) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    perm.iter().enumerate().for_each(|(to, &from)| inverse[from] = to);
    inverse
}
