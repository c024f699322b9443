//! What a graph computes with integers: the formats of its values and the weights of its layers.
//!
//! Decided by [`choose`](crate::calibrate::choose()) from calibration rows, or given by a file with
//! `QuantizeLinear` and `DequantizeLinear`. Everything is addressed by the names of values, which stay
//! the same however many outputs of a graph are lowered.

mod given;
mod select;

pub(crate) use select::{Selection, keeps_format};

pub use given::given;

use super::links::Links;
use super::quantize::ScaleBias;
use crate::ir::{Format, Graph, Node, Op, ValueId};
use elbow_core::kernels::Unary;
use elbow_core::kernels::integer::Form;
use std::collections::HashMap;

/// The integer part of a graph.
#[derive(Clone, Debug)]
pub struct Integers {
    /// Integer formats, by the names of the values that integer kernels write or read.
    pub formats: HashMap<String, Format>,
    /// Layers with integer weights, in their order.
    pub layers: Vec<IntegerLayer>,
    /// Layers that stay in floats, by the name of their output, and why.
    pub floats: HashMap<String, &'static str>,
    /// How activations are held between layers.
    pub width: Width,
    /// The core that the model is lowered for: it decides the form of weights.
    pub core: Core,
}

/// How activations are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// In eight bits, with a zero point.
    Eight,
    /// In sixteen bits, symmetric.
    Sixteen,
}

/// Cores that differ in the form of their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Core {
    /// M0, M3, and the desktop by itself.
    #[default]
    Plain,
    /// M4, M7, M33: products of pairs.
    Dsp,
    /// M55: vectors.
    Helium,
}

/// Integer weights of a layer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntegerLayer {
    /// Name of the node.
    pub node: String,
    /// Name of the value that it reads.
    pub reads: String,
    /// Name of its output.
    pub gives: String,
    /// Row by row: the inputs of an output as the graph has them, `[channels][kernel]` of a convolution.
    pub weights: Vec<i8>,
    /// Scale and bias of each output: `y = scale * sum((x_q - zero_point) * w_q) + bias`.
    pub lines: Vec<ScaleBias>,
}

impl Integers {
    /// The layers by the name of their output.
    pub(super) fn by_result(&self) -> HashMap<&str, &IntegerLayer> {
        self.layers.iter().map(|layer| (layer.gives.as_str(), layer)).collect()
    }

    /// A copy in which only `layer` has integer weights, and only its input an integer format (if it has one
    /// here); everything else computes with floats.
    #[must_use]
    pub fn alone(&self, layer: &IntegerLayer) -> Self {
        let reads = self.formats.get_key_value(&layer.reads);
        Self {
            formats: reads.into_iter().map(|(name, format)| (name.clone(), *format)).collect(),
            layers: vec![layer.clone()],
            ..self.clone()
        }
    }
}

impl Core {
    /// The form of weights for activations of this width: of a DSP core `Paired` for eight bits and `Wide`
    /// for sixteen; of the others the same for both.
    pub fn form(self, width: Width) -> Form {
        match (self, width) {
            (Self::Plain, _) => Form::Plain,
            (Self::Dsp, Width::Eight) => Form::Paired,
            (Self::Dsp, Width::Sixteen) => Form::Wide,
            (Self::Helium, _) => Form::Helium,
        }
    }
}

/// The output of an integer layer: its value, format and bounds.
pub(crate) struct LayerOutput {
    /// The value: that of the activation behind the layer, where it computes that as well.
    pub(crate) value: ValueId,
    /// How it is held; floats without.
    pub(crate) format: Option<Format>,
    /// Bounds of the activation.
    pub(crate) bounds: (f32, f32),
}

impl LayerOutput {
    /// The output of the integer layer `node`. Where a ReLU or clip alone reads it and has an integer format,
    /// that is the result of the clamp, with its bounds; where the clamp has no format, the layer's own
    /// result in floats; without a clamp the layer's own result, in its format if it has one. Bounds without
    /// a clamp are infinite.
    pub(crate) fn of(graph: &Graph, links: &Links, node: &Node, integers: &Integers) -> Self {
        const NONE: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);
        let format = |node: &Node| integers.formats.get(&graph.values[node.output].name).copied();
        match absorbed(graph, links, node).map(|behind| (behind, format(behind))) {
            Some((behind, Some(format))) => Self {
                value: behind.output,
                format: Some(format),
                bounds: clamp(&behind.op).unwrap_or(NONE),
            },
            Some((_, None)) => Self { value: node.output, format: None, bounds: NONE },
            None => Self { value: node.output, format: format(node), bounds: NONE },
        }
    }
}

/// The ReLU or clip that alone reads the result of `node`, so that the clamp of an integer layer can compute
/// it; `None` without such a node.
pub(super) fn absorbed<'g>(graph: &'g Graph, links: &Links, node: &Node) -> Option<&'g Node> {
    links.reader(graph, node.output).filter(|reader| clamp(&reader.op).is_some())
}

/// Lower and upper bound of a ReLU (0 and infinity) or clip; `None` for any other operator.
pub(super) fn clamp(op: &Op) -> Option<(f32, f32)> {
    match op {
        Op::Unary(Unary::Relu) => Some((0.0, f32::INFINITY)),
        Op::Unary(Unary::Clip(low, high)) => Some((*low, *high)),
        _ => None,
    }
}
