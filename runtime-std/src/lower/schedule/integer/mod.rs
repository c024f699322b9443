//! Nodes that integer kernels compute: layers of integer weights, and what lies between two of them.
//!
//! A value is held as integers, as floats, or both; a kernel reads the one that it takes, made by a
//! `quantize` or `dequantize` call where it is missing. Feature maps are held channels last, so that a window
//! is a few runs of neighbouring values.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

mod between;
mod layer;
mod padded;

use super::{Advice, Scheduler};
use crate::ir::{Format, Node, ValueId};
use crate::lower::draft::{Home, TensorId};
use crate::lower::integers::{IntegerLayer, Integers, Width};
use crate::lower::layer::Layer;
use crate::lower::plan::{CompletedValue, Element, Encoding, InFloats, Integer, Kernel, Order};
use elbow_core::kernels::integer::PaddedCopy;

/// The integers that hold a value.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) tensor: TensorId,
    pub(super) encoding: Encoding,
}

impl<'g> Scheduler<'g> {
    /// Schedules a node with integer kernels, if it was chosen for that: true where they compute it, or the
    /// layer in front of it did so before. False where float kernels have to, with the reason in the draft if
    /// there is one. `Err` as `integer_layer` and `between`.
    pub(super) fn integer(&mut self, node: &Node) -> Advice<bool> {
        let Some(integers) = self.integers else { return Ok(false) };
        if self.tensors[node.output].is_some() || self.stored[node.output].is_some() {
            return Ok(true); // an activation that its layer has computed
        }
        let name = &self.graph.values[node.output].name;
        if let Some(own) = self.own.get(name.as_str()).copied()
            && let Some(layer) = Layer::of(self.graph, node)
        {
            return self.integer_layer(node, integers, &layer, own);
        }
        if let Some(reason) = integers.floats.get(name) {
            self.in_floats(node, reason);
        }
        match integers.formats.get(name) {
            Some(format) => self.between(node, *format, integers.width),
            _ => Ok(false),
        }
    }

    /// Notes in the draft the reason why a node is computed in f32. Always false: integers do not compute it.
    fn in_floats(&mut self, node: &Node, reason: &str) -> bool {
        self.draft.floats.push(InFloats { node: node.name.clone(), reason: reason.into() });
        false
    }

    /// The element type of values between kernels of this width.
    fn element(width: Width) -> Element {
        match width {
            Width::Eight => Element::I8,
            Width::Sixteen => Element::I16,
        }
    }

    /// Records that `tensor` holds `value` as integers of this encoding, and expects the value's reads of it;
    /// the last call, where it wrote the tensor, counts as the one that completes the value.
    fn hold(&mut self, value: ValueId, tensor: TensorId, encoding: Encoding) {
        self.pending[tensor] += self.links.uses(value);
        if let Some(call) = self.draft.calls.last_mut()
            && let Some(target) = call.outputs.iter().position(|target| *target == tensor)
        {
            let name = self.graph.values[value].name.clone();
            call.completes.push(CompletedValue {
                output: target,
                value: name,
                encoding: Some(encoding.clone()),
            });
        }
        self.stored[value] = Some(Stored { tensor, encoding });
    }

    /// A new tensor of the arena for `values` integers of this type.
    fn integers(&mut self, element: Element, values: usize) -> TensorId {
        self.tensor(element.words(values), Home::Arena)
    }

    /// The order in which a value is held as integers: channels last for shapes `[1, channels, ..]` with one
    /// or two axes behind, else the graph's.
    fn order_of(&self, value: ValueId) -> Order {
        match *self.shape(value) {
            [1, channels, ref positions @ ..] if matches!(positions.len(), 1 | 2) => {
                Order::ChannelsLast { channels, positions: positions.iter().product() }
            }
            ref shape => Order::AsIs(shape.iter().product()),
        }
    }

    /// The integers of a value; where there are none, a call for `node` quantizes its floats by `format` to
    /// integers of this width, which are recorded.
    fn stored(&mut self, node: &Node, value: ValueId, format: Format, width: Width) -> Stored {
        if let Some(stored) = &self.stored[value] {
            return stored.clone();
        }
        let x = self.read(value);
        self.quantized(node, value, x, format, width)
    }

    /// The integers of `value`, which a call for `node` makes of its floats in `x`, in the order of
    /// `order_of`; recorded as the integers that hold the value.
    fn quantized(
        &mut self,
        node: &Node,
        value: ValueId,
        x: TensorId,
        format: Format,
        width: Width,
    ) -> Stored {
        let (order, element) = (self.order_of(value), Self::element(width));
        let target = self.integers(element, order.len());
        let copy = compact(order, false);
        let kernel = Kernel::Integer(Integer::Quantize { copy, format, to: element });
        self.call_on(node, self.shape(value), kernel, &[x], &[target]);
        self.hold(value, target, Encoding { format, order, element });
        Stored { tensor: target, encoding: Encoding { format, order, element } }
    }

    /// The tensor of a value's floats in the graph's order, which a call makes of its integers; from here on
    /// the value is held there too.
    pub(super) fn dequantized(&mut self, value: ValueId, stored: &Stored) -> TensorId {
        let Encoding { format, order, element } = stored.encoding;
        let target = self.tensor(order.len(), Home::Arena);
        let kernel = Integer::Dequantize { copy: compact(order, true), format, from: element };
        let name = self.graph.values[value].name.clone();
        self.draft.calls.push(crate::lower::draft::UnplacedStep {
            op: "DequantizeLinear".into(),
            shape: self.shape(value).to_vec(),
            macs: 0,
            kernel: Kernel::Integer(kernel),
            sources: vec![stored.tensor],
            outputs: vec![target],
            completes: Vec::new(),
            name,
        });
        self.tensors[value] = Some(target);
        self.pending[target] += self.links.uses(value);
        target
    }

    /// Schedules a rounding to the values of `format`: the result is held as integers, those of the operand
    /// where it has the same format, else quantized to 8 bits. Floats are made of them where they are read.
    /// Never an error.
    pub(super) fn rounded(&mut self, node: &Node, format: Format) -> Advice {
        let x = node.inputs[0];
        match self.stored[x].clone() {
            Some(Stored { tensor, encoding }) if encoding.format == format => {
                self.hold(node.output, tensor, encoding);
            }
            _ => {
                let floats = self.read(x);
                self.quantized(node, node.output, floats, format, Width::Eight);
            }
        }
        Ok(())
    }
}

/// The copy of all values of a tensor, without pads, from the graph's order to `order`; the other way where
/// `back`.
fn compact(order: Order, back: bool) -> PaddedCopy {
    let (dims, graph, encoding) = match order {
        Order::AsIs(len) => ([1, 1, len], [len, len, 1], [len, len, 1]),
        Order::ChannelsLast { channels, positions } => {
            let len = channels * positions;
            ([1, positions, channels], [len, 1, positions], [len, channels, 1])
        }
    };
    let (from, to) = if back { (encoding, graph) } else { (graph, encoding) };
    PaddedCopy { dims, from, from_start: 0, to, to_start: 0, len: order.len() }.merged()
}
