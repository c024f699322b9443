//! Calls of `elbow_core::kernels::integer`.
//!
//! Integers lie in the words of arena and weights; a call's element types are part of it.

use super::Encoding;
use crate::ir::Format;
use elbow_core::kernels::PoolShape;
use elbow_core::kernels::integer::{
    Add, Depthwise, Form, Linear, PaddedCopy, Piecewise, Requantize,
};
use std::ops::Range;

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// Eight bits.
    I8,
    /// Sixteen bits; also eight that were widened for their kernel.
    I16,
    /// A float.
    F32,
}

/// A node that an integer model computes in f32 although its operator has integer kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFloats {
    /// Name of the node.
    pub node: String,
    /// Why.
    pub reason: String,
}

/// An integer kernel, with its weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Integer {
    /// `integer::quantize(source, target, copy, format)`
    Quantize {
        /// Shape of the copy.
        copy: PaddedCopy,
        /// Format of the target.
        format: Format,
        /// Type of the target.
        to: Element,
    },
    /// `integer::padded_copy(source, target, copy, fill)`
    PaddedCopy {
        /// Shape of the copy.
        copy: PaddedCopy,
        /// Value of the padding in the target.
        fill: i32,
        /// Type of the source.
        from: Element,
        /// Type of the target.
        to: Element,
    },
    /// `integer::dequantize(source, target, copy, format)`
    Dequantize {
        /// Shape of the copy.
        copy: PaddedCopy,
        /// Format of the source.
        format: Format,
        /// Type of the source.
        from: Element,
    },
    /// `integer::linear_<form>(source, weights, outputs, target, shape)`
    Linear {
        /// Form of the weights.
        form: Form,
        /// Shapes.
        shape: Linear,
        /// Multiply-accumulates without padding.
        macs: usize,
        /// Packed weights.
        weights: Range<usize>,
        /// Bias and multiplier of every output; the scale in place of the multiplier of a float.
        outputs: Range<usize>,
        /// Type of the source.
        from: Element,
        /// Type of the target.
        to: Element,
    },
    /// `integer::depthwise(source, weights, outputs, target, shape)`
    Depthwise {
        /// Shapes.
        shape: Depthwise,
        /// Packed weights.
        weights: Range<usize>,
        /// Bias and multiplier of every channel.
        outputs: Range<usize>,
        /// Type of the source.
        from: Element,
        /// Type of the target.
        to: Element,
    },
    /// `integer::max_pool(source, target, shape)`
    MaxPool(PoolShape, Element),
    /// `integer::average_pool(source, target, mean, shape)`, where all but the shape makes the mean
    AveragePool {
        /// Shapes.
        shape: PoolShape,
        /// The same for source and target.
        zero_point: i32,
        /// One for each number of taps that a window may lack.
        multipliers: Vec<i32>,
        /// Whether pads count.
        count_pads: bool,
        /// From sums to outputs.
        rule: Requantize,
        /// The same for source and target.
        element: Element,
    },
    /// `integer::lookup(target, table)`, in place.
    Lookup(Range<usize>),
    /// `integer::piecewise(target, coefficients, shape)`, in place.
    Piecewise {
        /// Three coefficients of every piece.
        coefficients: Range<usize>,
        /// Pieces and bounds.
        shape: Piecewise,
    },
    /// `integer::add(source, source, target, sum)`
    Add(Add, Element),
}

impl Element {
    /// Bytes of a value.
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I16 => 2,
            Self::F32 => 4,
        }
    }

    /// Number of four-byte words that hold this many values, rounded up.
    pub fn words(self, values: usize) -> usize {
        (values * self.bytes()).div_ceil(size_of::<f32>())
    }
}

impl Encoding {
    /// The floats that the integers in `words` stand for, in the file's order; `words` holds at least as many
    /// integers as the order has values; the element type is I8 or I16.
    pub fn floats(&self, words: &[f32]) -> Vec<f32> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let integer = |at: usize| match self.element {
            Element::I8 => i32::from(bytes[at] as i8),
            Element::I16 => i32::from(i16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]])),
            Element::F32 => 0, // floats are not held so
        };
        let places = 0..self.order.len();
        places.map(|at| self.format.dequantize(integer(self.order.place(at)))).collect()
    }
}
