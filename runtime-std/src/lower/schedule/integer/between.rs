//! What lies between two integer layers: activations, pools, sums, other shapes.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::super::weights::Constant;
use super::super::{Advice, Scheduler};
use super::compact;
use super::{Encoding, Format, Integer, Kernel, Node, Order, Stored, TensorId, Width};
use crate::ir::{Op, Pooling};
use crate::lower::axes::PoolAttributes;
use crate::lower::plan::words_of_bytes;
use crate::lower::quantize::{Multipliers, PiecewiseFit, QuantizeError, SumBounds, table};
use elbow_core::kernels::integer::{self, Add, Requantize};
use elbow_core::kernels::{BinaryOp, Mean, PoolShape, Unary, unary};

impl<'g> Scheduler<'g> {
    /// Schedules with integer kernels a node whose result is held in `format`; true. False, with nothing
    /// scheduled, where an operand is not held as integers, the operation has no integer kernel, or a reshape
    /// or pool would change the format; also, with the reason in the draft, where a sum could overflow or a
    /// function is too steep for its table. `Err` as `pool_shape`.
    pub(super) fn between(&mut self, node: &Node, format: Format, width: Width) -> Advice<bool> {
        let inputs: Option<Vec<Stored>> =
            node.inputs.iter().map(|&input| self.stored[input].clone()).collect();
        let Some(inputs) = inputs else { return Ok(false) };
        match (&node.op, &inputs[..]) {
            (Op::Reshape | Op::Pool { .. }, [x]) if x.encoding.format != format => {
                return Ok(false);
            }
            (Op::Reshape, [x]) => self.hold(node.output, x.tensor, x.encoding.clone()),
            (Op::Unary(f), [x]) => return Ok(self.activation(node, *f, x, format, width)),
            (Op::Binary(BinaryOp::Add), [a, b]) => return Ok(self.sum(node, a, b, format)),
            (Op::Pool { kernel, strides, dilations, pads, pads_end, kind }, [x]) => {
                let windows = PoolAttributes { kernel, strides, dilations, pads, pads_end };
                let shape = self.pool_shape(node, &windows)?;
                return Ok(self.integer_pool(node, shape, *kind, x));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Schedules `f` of every value: by a table of all 256 values for 8 bits, by a table of pieces for 16;
    /// true. False, with the reason in the draft, where `f` is too steep for the pieces.
    fn activation(
        &mut self,
        node: &Node,
        f: Unary,
        x: &Stored,
        format: Format,
        width: Width,
    ) -> bool {
        let place = Constant::Table(node.output);
        let kernel = match width {
            Width::Eight => {
                let table = table(&x.encoding.format, &format, |x| value_of(f, x));
                Integer::Lookup(self.weights.pack(place, || words_of_bytes(&table)))
            }
            Width::Sixteen => {
                let fit = PiecewiseFit::fit(&x.encoding.format, &format, |x| value_of(f, x));
                let PiecewiseFit { start, piece_bits, coefficients, low, high, .. } = match fit {
                    Ok(fit) => fit,
                    Err(error) => return self.in_floats(node, &error.to_string()),
                };
                let words = coefficients.into_iter().flatten();
                let words = || words.map(|word| f32::from_bits(word as u32)).collect();
                let coefficients = self.weights.pack(place, words);
                let shape = integer::Piecewise { start, piece_bits, low, high };
                Integer::Piecewise { coefficients, shape }
            }
        };
        let shape = self.shape(node.output);
        let y = self.integers(x.encoding.element, x.encoding.order.len());
        self.call_on(node, shape, Kernel::Copy, &[x.tensor], &[y]);
        self.call_on(node, shape, Kernel::Integer(kernel), &[], &[y]);
        self.hold(node.output, y, Encoding { format, ..x.encoding.clone() });
        true
    }

    /// Schedules the sum of two values, in the order of `a`; true. False, with the reason in the draft, where
    /// it could overflow.
    fn sum(&mut self, node: &Node, a: &Stored, b: &Stored, format: Format) -> bool {
        let Encoding { order, element, .. } = a.encoding;
        let sum = match added(&[a.encoding.format, b.encoding.format], &format) {
            Ok(sum) => sum,
            Err(error) => return self.in_floats(node, &error.to_string()),
        };
        let b_tensor = self.in_order(node, b, order);
        let kernel = Kernel::Integer(Integer::Add(sum, element));
        let y = self.integers(element, order.len());
        self.call_on(node, self.shape(node.output), kernel, &[a.tensor, b_tensor], &[y]);
        self.hold(node.output, y, Encoding { format, order, element });
        true
    }

    /// Schedules a max or average pool, in the format of `x`; true. False, with the reason in the draft,
    /// where the sums of an average could overflow.
    fn integer_pool(&mut self, node: &Node, shape: PoolShape, kind: Pooling, x: &Stored) -> bool {
        let Encoding { format, element, .. } = x.encoding;
        let positions = |[height, width]: [usize; 2]| height * width;
        let order =
            |size| Order::ChannelsLast { channels: shape.channels, positions: positions(size) };
        let kernel = match kind {
            Pooling::Max => Integer::MaxPool(shape, element),
            Pooling::Average(Mean { count_pads, .. }) => {
                let means = match means(positions(shape.kernel), &format) {
                    Ok(means) => means,
                    Err(error) => return self.in_floats(node, &error.to_string()),
                };
                let Multipliers { shift, multipliers } = means;
                let (zero_point, rule) = (format.zero_point, rule(&format, shift));
                Integer::AveragePool { shape, zero_point, multipliers, count_pads, rule, element }
            }
        };
        let source = self.in_order(node, x, order(shape.input));
        let order = order(shape.output);
        let y = self.integers(element, order.len());
        let shape = self.shape(node.output);
        self.call_on(node, shape, Kernel::Integer(kernel), &[source], &[y]);
        self.hold(node.output, y, Encoding { format, order, element });
        true
    }

    /// The tensor of a value's integers in this order; its own where both orders are the same, else one that
    /// calls copy it to.
    pub(super) fn in_order(&mut self, node: &Node, x: &Stored, order: Order) -> TensorId {
        let Encoding { format, order: own, element } = x.encoding;
        let same = |order: Order| match order {
            Order::ChannelsLast { channels: 1, positions: len }
            | Order::ChannelsLast { channels: len, positions: 1 } => Order::AsIs(len),
            other => other,
        };
        if same(own) == same(order) {
            return x.tensor;
        }
        let mut tensor = x.tensor;
        // By way of the graph's order: to it from the present one, then to the other.
        for (order, back) in [(own, true), (order, false)] {
            if !matches!(same(order), Order::AsIs(_)) {
                let target = self.integers(element, order.len());
                let copy = compact(order, back);
                let (from, to) = (element, element);
                let kernel = Integer::PaddedCopy { copy, fill: format.zero_point, from, to };
                let shape = [order.len()];
                self.call_on(node, &shape, Kernel::Integer(kernel), &[tensor], &[target]);
                tensor = target;
            }
        }
        tensor
    }
}

/// `f(x)` as the float kernel computes it.
fn value_of(f: Unary, x: f32) -> f32 {
    let mut y = [x];
    unary(&mut y, f);
    y[0]
}

/// Multipliers of the kernel for the sum of values of two formats, in the format `to`.
///
/// # Errors
///
/// A multiplier is out of range, or some sum, shifted, exceeds 64 bits, of which the upper 32 are steps of
/// the result.
fn added(formats: &[Format; 2], to: &Format) -> Result<Add, QuantizeError> {
    let real = formats.map(|own| f64::from(own.scale) / f64::from(to.scale));
    let Multipliers { shift, multipliers } = Multipliers::of(&real)?;
    let multipliers = [multipliers[0], multipliers[1]];
    let products = formats.iter().zip(multipliers);
    let constant = products.clone().map(|(own, m)| -i64::from(own.zero_point) * i64::from(m)).sum();
    let reach = products.map(|(own, m)| i128::from(largest(own)) * i128::from(m)).sum::<i128>();
    let steps = ((reach << shift) >> 32) + i128::from(to.zero_point.unsigned_abs()) + 1;
    if steps > i128::from(i32::MAX) {
        return Err(QuantizeError::Overflow {
            row: 0,
            reach: i64::try_from(steps).unwrap_or(i64::MAX),
        });
    }
    Ok(Add { multipliers, constant, rule: rule(to, shift) })
}

/// Multipliers and shift for means of `taps` (at least one) down to 1 values, in this order: windows at the
/// edge have fewer taps.
///
/// # Errors
///
/// The sum of all taps, shifted, could leave i32, or a multiplier is out of range.
fn means(taps: usize, format: &Format) -> Result<Multipliers, QuantizeError> {
    let real: Vec<f64> = (1..=taps).rev().map(|taps| 1.0 / taps as f64).collect();
    let means = Multipliers::of(&real)?;
    let reach = (taps as i64).saturating_mul(largest(format));
    SumBounds { low: -reach, high: reach }.check(means.shift, 0)?;
    Ok(means)
}

/// The largest distance of a value of the format from its zero point.
fn largest(format: &Format) -> i64 {
    let Format { zero_point, low, high, .. } = *format;
    (i64::from(high) - i64::from(zero_point)).max(i64::from(zero_point) - i64::from(low))
}

/// How a kernel turns sums into values of the format: its zero point and limits, and the shift.
fn rule(format: &Format, shift: u32) -> Requantize {
    let Format { zero_point, low, high, .. } = *format;
    Requantize { zero_point, low, high, shift }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Format = Format { scale: 1.0, zero_point: 0, low: -32767, high: 32767 };

    /// Independent: the kernel itself, against the same rule in i128.
    #[test]
    fn a_sum_has_room_or_is_refused() {
        let mut refused = 0;
        for bits in 0..31 {
            let to = Format { scale: 0.7 / (1u32 << bits) as f32, zero_point: -5, ..WIDE };
            let near = Format { scale: 0.9, zero_point: 9, low: -128, high: 127 };
            let Ok(sum) = added(&[WIDE, near], &to) else {
                refused += 1;
                continue;
            };
            assert_eq!(refused, 0, "a larger scale was refused");
            for (a, b) in [(WIDE.low, -128), (WIDE.high, 127), (WIDE.low, 127)] {
                let mut y = [0i16];
                integer::add(&[a as i16], &[b as i8], &mut y, &sum);
                let [ma, mb] = sum.multipliers.map(i128::from);
                let all = i128::from(a) * ma + i128::from(b) * mb + i128::from(sum.constant);
                let exact = (((all << sum.rule.shift) + (1 << 31)) >> 32) - 5;
                let exact = exact.clamp(i128::from(to.low), i128::from(to.high));
                assert_eq!(i128::from(y[0]), exact, "{bits}: {a} {b}");
            }
        }
        assert!((10..20).contains(&refused), "{refused}");
    }

    #[test]
    fn means_have_room_or_are_refused() {
        // The mean of one value has the multiplier 1, which needs a shift of 2.
        let most = (1usize << 31) / (4 * 32767);
        assert!(means(most, &WIDE).is_ok());
        assert!(matches!(means(most + 1, &WIDE), Err(QuantizeError::Overflow { .. })));
        let bytes = Format { zero_point: -128, low: -128, high: 127, ..WIDE };
        assert!(means(most + 1, &bytes).is_ok());
    }
}
