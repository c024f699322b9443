//! What lies between two integer layers: activations, pools, sums, other shapes.

use super::super::weights::Form as Constant;
use super::super::{Advice, Scheduler, pool};
use super::compact;
use super::{Format, Held, Integer, Kernel, Node, Order, Stored, TensorId, Width};
use crate::import::{Op, Pooling};
use crate::lower::plan::words_of_bytes;
use crate::lower::quantize::{Multipliers, Piecewise, table};
use elbow_core::kernels::integer::{self, Add, Requantize};
use elbow_core::kernels::{BinaryOp, PoolShape, Unary, unary};

impl<'g> Scheduler<'g> {
    /// A node whose result is held in `format`; whether integer kernels compute it.
    pub(super) fn between(&mut self, node: &Node, format: Format, width: Width) -> Advice<bool> {
        let inputs: Option<Vec<Stored>> =
            node.inputs.iter().map(|&input| self.stored[input].clone()).collect();
        let Some(inputs) = inputs else { return Ok(false) };
        match (&node.op, &inputs[..]) {
            (Op::Reshape | Op::Pool { .. }, [x]) if x.held.format != format => return Ok(false),
            (Op::Reshape, [x]) => self.hold(node.output, x.tensor, x.held.clone()),
            (Op::Unary(f), [x]) => return Ok(self.activation(node, *f, x, format, width)),
            (Op::Binary(BinaryOp::Add), [a, b]) => self.sum(node, a, b, format)?,
            (Op::Pool { kernel, strides, dilations, pads, pads_end, kind }, [x]) => {
                let windows = pool::Windows { kernel, strides, dilations, pads, pads_end };
                let shape = self.pool_shape(node, &windows)?;
                self.integer_pool(node, shape, *kind, x)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A function of every value, on a copy; not where it is too steep for a table of pieces.
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
                let table = table(&x.held.format, &format, |x| value_of(f, x));
                Integer::Lookup(self.weights.pack(place, || words_of_bytes(&table)))
            }
            Width::Sixteen => {
                let fit = Piecewise::fit(&x.held.format, &format, |x| value_of(f, x));
                let Ok(fit) = fit else { return false };
                let Piecewise { start, piece_bits, coefficients, low, high, .. } = fit;
                let words = coefficients.into_iter().flatten();
                let words = || words.map(|word| f32::from_bits(word as u32)).collect();
                let coefficients = self.weights.pack(place, words);
                let shape = integer::Piecewise { start, piece_bits, low, high };
                Integer::Piecewise { coefficients, shape }
            }
        };
        let shape = self.shape(node.output);
        let y = self.integers(x.held.element, x.held.order.len());
        self.call_on(node, shape, Kernel::Copy, &[x.tensor], &[y]);
        self.call_on(node, shape, Kernel::Integer(kernel), &[], &[y]);
        self.hold(node.output, y, Held { format, ..x.held.clone() });
        true
    }

    /// A sum of two values, in the order of the first.
    fn sum(&mut self, node: &Node, a: &Stored, b: &Stored, format: Format) -> Advice {
        let Held { order, element, .. } = a.held;
        let b_tensor = self.in_order(node, b, order);
        let formats = [a.held.format, b.held.format];
        let real = formats.map(|own| f64::from(own.scale) / f64::from(format.scale));
        let Multipliers { shift, multipliers } =
            Multipliers::of(&real).map_err(|error| error.to_string())?;
        let products = formats.iter().zip(&multipliers);
        let constant = products.map(|(own, m)| -i64::from(own.zero_point) * i64::from(*m)).sum();
        let multipliers = [multipliers[0], multipliers[1]];
        let rule = rule(&format, shift);
        let kernel = Kernel::Integer(Integer::Add(Add { multipliers, constant, rule }, element));
        let y = self.integers(element, order.len());
        self.call_on(node, self.shape(node.output), kernel, &[a.tensor, b_tensor], &[y]);
        self.hold(node.output, y, Held { format, order, element });
        Ok(())
    }

    fn integer_pool(&mut self, node: &Node, shape: PoolShape, kind: Pooling, x: &Stored) -> Advice {
        let Held { format, element, .. } = x.held;
        let positions = |[height, width]: [usize; 2]| height * width;
        let order =
            |size| Order::ChannelsLast { channels: shape.channels, positions: positions(size) };
        let source = self.in_order(node, x, order(shape.input));
        let kernel = match kind {
            Pooling::Max => Integer::MaxPool(shape, element),
            Pooling::Average { count_pads } => {
                // Windows at the edge lack taps, one multiplier for each number of those left.
                let taps = (1..=positions(shape.kernel)).rev();
                let real: Vec<f64> = taps.map(|taps| 1.0 / taps as f64).collect();
                let Multipliers { shift, multipliers } =
                    Multipliers::of(&real).map_err(|error| error.to_string())?;
                let (zero_point, rule) = (format.zero_point, rule(&format, shift));
                Integer::AveragePool { shape, zero_point, multipliers, count_pads, rule, element }
            }
        };
        let order = order(shape.output);
        let y = self.integers(element, order.len());
        let shape = self.shape(node.output);
        self.call_on(node, shape, Kernel::Integer(kernel), &[source], &[y]);
        self.hold(node.output, y, Held { format, order, element });
        Ok(())
    }

    /// A value's integers in another order.
    pub(super) fn in_order(&mut self, node: &Node, x: &Stored, order: Order) -> TensorId {
        let Held { format, order: own, element } = x.held;
        let same = |order: Order| match order {
            Order::ChannelsLast { channels: 1, positions: len }
            | Order::ChannelsLast { channels: len, positions: 1 } => Order::AsIs(len),
            other => other,
        };
        if same(own) == same(order) {
            return x.tensor;
        }
        let mut tensor = x.tensor;
        // By the order of the graph: from the own one, then to the other.
        for (order, back) in [(own, true), (order, false)] {
            if !matches!(same(order), Order::AsIs(_)) {
                let target = self.integers(element, order.len());
                let spread = compact(order, back);
                let (from, to) = (element, element);
                let kernel = Integer::Spread { spread, fill: format.zero_point, from, to };
                let shape = [order.len()];
                self.call_on(node, &shape, Kernel::Integer(kernel), &[tensor], &[target]);
                tensor = target;
            }
        }
        tensor
    }
}

/// The kernel's function of one value.
fn value_of(f: Unary, x: f32) -> f32 {
    let mut y = [x];
    unary(&mut y, f);
    y[0]
}

/// From sums to values of a format.
fn rule(format: &Format, shift: u32) -> Requantize {
    let Format { zero_point, low, high, .. } = *format;
    Requantize { zero_point, low, high, shift }
}
