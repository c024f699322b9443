//! Backward passes of arithmetic, value by value.
//!
//! A `reverse_*` method gets a node of the forward pass and `g`, the cotangent of its result. It appends
//! nodes to the tape's graph and adds to the cotangents of the operands that depend on the inputs asked for;
//! "`x` gets" names what is added to that of `x`. `Err`, where a doc names one, says what was found and what
//! to do about it; what was appended before it stays.

use super::tape::{Advice, Tape};
use crate::ir::{Node, Op, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};

impl Tape {
    /// Of `y = f(x)`: `x` gets `g f'(x)`, by a `Slope` node that reads `y` or `x`, whichever `f` needs.
    pub(super) fn reverse_unary(&mut self, node: &Node, f: Unary, g: ValueId) {
        let x = node.inputs[0];
        let gx = match f {
            Unary::Neg => self.unary(Unary::Neg, g),
            _ => {
                let of = if f.slope_reads_result() { node.output } else { x };
                let shape = self.shape(g);
                self.node(&format!("{f:?}"), Op::Slope(f), &[g, of], &shape)
            }
        };
        self.give(x, gx);
    }

    /// Of `y = a op b`: each operand gets `g` times its derivative; nothing for comparisons and logic. Of a
    /// minimum or maximum the chosen operand gets all, of equal ones the first. The quotient's whole number
    /// in a remainder counts as constant. `Err` for fewer than two operands.
    pub(super) fn reverse_binary(&mut self, node: &Node, op: BinaryOp, g: ValueId) -> Advice {
        let [a, b] = *node.inputs.first_chunk().ok_or("it has fewer than two operands")?;
        match op {
            BinaryOp::Add => self.give_both(a, b, |_| g, |_| g),
            BinaryOp::Sub => self.give_both(a, b, |_| g, |tape| tape.unary(Unary::Neg, g)),
            BinaryOp::Mul => self.give_both(a, b, |tape| tape.mul(g, b), |tape| tape.mul(g, a)),
            BinaryOp::Div => self.reverse_div([a, b], node.output, g),
            BinaryOp::Pow => self.reverse_pow([a, b], node.output, g),
            BinaryOp::Min => {
                self.reverse_choice([a, b], [BinaryOp::LessOrEqual, BinaryOp::Greater], g);
            }
            BinaryOp::Max => {
                self.reverse_choice([a, b], [BinaryOp::GreaterOrEqual, BinaryOp::Less], g);
            }
            BinaryOp::PRelu => self.reverse_prelu([a, b], g),
            // `y = a - b * whole(a / b)`: the whole number changes by steps only.
            BinaryOp::Fmod | BinaryOp::Mod => {
                let whole = |tape: &mut Self| {
                    let rest = tape.binary(BinaryOp::Sub, node.output, a);
                    let whole = tape.binary(BinaryOp::Div, rest, b);
                    tape.mul(whole, g)
                };
                self.give_both(a, b, |_| g, whole);
            }
            BinaryOp::Greater
            | BinaryOp::GreaterOrEqual
            | BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Equal
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor => {}
        }
        Ok(())
    }

    /// Adds what `of_a` and `of_b` make to the cotangents of `a` and `b`; each is called only if its operand
    /// is needed.
    fn give_both(
        &mut self,
        a: ValueId,
        b: ValueId,
        of_a: impl FnOnce(&mut Self) -> ValueId,
        of_b: impl FnOnce(&mut Self) -> ValueId,
    ) {
        if self.is_needed(a) {
            let g = of_a(self);
            self.give(a, g);
        }
        if self.is_needed(b) {
            let g = of_b(self);
            self.give(b, g);
        }
    }

    /// Of `y = a / b`: `a` gets `g / b` and `b` gets `-g y / b`.
    fn reverse_div(&mut self, [a, b]: [ValueId; 2], y: ValueId, g: ValueId) {
        let of_a = self.binary(BinaryOp::Div, g, b);
        let of_b = |tape: &mut Self| {
            let product = tape.mul(of_a, y);
            tape.unary(Unary::Neg, product)
        };
        self.give_both(a, b, |_| of_a, of_b);
    }

    /// Of `y = a^b`: `a` gets `g b a^(b - 1)` and `b` gets `g y ln a`, with the smallest normal f32 in place
    /// of an `a` below it, so that it is 0 at `a = 0`, as in the limit for `b > 0`.
    fn reverse_pow(&mut self, [a, b]: [ValueId; 2], y: ValueId, g: ValueId) {
        let of_a = |tape: &mut Self| {
            let less = tape.exponent_less_one(b);
            let power = tape.binary(BinaryOp::Pow, a, less);
            let slope = tape.mul(power, b);
            tape.mul(slope, g)
        };
        let of_b = |tape: &mut Self| {
            let least = tape.number(f32::MIN_POSITIVE);
            let base = tape.binary(BinaryOp::Max, a, least);
            let log = tape.unary(Unary::Log, base);
            let slope = tape.mul(log, y);
            tape.mul(slope, g)
        };
        self.give_both(a, b, of_a, of_b);
    }

    /// `b - 1`, but 0 where `b` is a constant 0: its factor `b` makes the derivative 0 there, which `a^-1`,
    /// infinite at `a = 0`, would turn into NaN.
    fn exponent_less_one(&mut self, b: ValueId) -> ValueId {
        let less = |b: &f32| if *b == 0.0 { 0.0 } else { b - 1.0 };
        match self.constant(b) {
            Some(constant) => {
                let values = constant.iter().map(less).collect();
                let shape = self.shape(b);
                self.constant_of("exponent", &shape, values)
            }
            None => {
                let one = self.number(1.0);
                self.binary(BinaryOp::Sub, b, one)
            }
        }
    }

    /// Of a choice between `a` and `b`: each gets `g` where its comparison `a op b` in `chosen` holds.
    fn reverse_choice(&mut self, [a, b]: [ValueId; 2], chosen: [BinaryOp; 2], g: ValueId) {
        let of = |chosen: BinaryOp| {
            move |tape: &mut Self| {
                let is_chosen = tape.binary(chosen, a, b);
                tape.mul(is_chosen, g)
            }
        };
        let [of_a, of_b] = chosen.map(of);
        self.give_both(a, b, of_a, of_b);
    }

    /// Of `y = a` for `a >= 0`, else `b a`: `a` gets `g`, or `g b` where it is negative, and `b` gets
    /// `g min(a, 0)`.
    fn reverse_prelu(&mut self, [a, b]: [ValueId; 2], g: ValueId) {
        let zero = self.number(0.0);
        let of_a = |tape: &mut Self| {
            let below = tape.binary(BinaryOp::Less, a, zero);
            let steep = tape.mul(g, b);
            let shape = tape.shape(steep);
            tape.node("Where", Op::Where, &[below, steep, g], &shape)
        };
        let of_b = |tape: &mut Self| {
            let below = tape.binary(BinaryOp::Min, a, zero);
            tape.mul(below, g)
        };
        self.give_both(a, b, of_a, of_b);
    }

    /// Of a `Where` of a condition, `a` and `b`: `a` gets `g` where the condition is not 0 and zeros
    /// elsewhere, `b` gets `g` where the condition is 0 and zeros elsewhere. `Err` for fewer than three
    /// operands.
    pub(super) fn reverse_where(&mut self, node: &Node, g: ValueId) -> Advice {
        let [condition, a, b] =
            *node.inputs.first_chunk().ok_or("it has fewer than three operands")?;
        let (zero, shape) = (self.number(0.0), self.shape(g));
        let of = |operands: [ValueId; 3]| {
            move |tape: &mut Self| tape.node("Where", Op::Where, &operands, &shape)
        };
        let (of_a, of_b) = (of.clone()([condition, g, zero]), of([condition, zero, g]));
        self.give_both(a, b, of_a, of_b);
        Ok(())
    }
}
