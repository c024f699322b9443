//! Calls of integer kernels, exactly as generated code makes them.

use crate::lower::plan::{Element, Integer};
use elbow_core::kernels::integer::{self, Depthwise, Form, Linear, Output, Value};
use std::ops::Range;

/// A type of values that lie packed in the words of a buffer.
trait Words: Sized + 'static {
    /// The words as values of this type.
    fn read(words: &[f32]) -> &[Self];
    /// The words as values of this type, to be written.
    fn write(words: &mut [f32]) -> &mut [Self];
}

impl Words for i8 {
    /// The four values in each word, in the order of memory.
    fn read(words: &[f32]) -> &[Self] {
        integer::i8s(words)
    }

    /// The four values in each word, in the order of memory.
    fn write(words: &mut [f32]) -> &mut [Self] {
        integer::i8s_mut(words)
    }
}

impl Words for i16 {
    /// The two values in each word, in the order of memory.
    fn read(words: &[f32]) -> &[Self] {
        integer::i16s(words)
    }

    /// The two values in each word, in the order of memory.
    fn write(words: &mut [f32]) -> &mut [Self] {
        integer::i16s_mut(words)
    }
}

impl Words for f32 {
    /// The words themselves.
    fn read(words: &[f32]) -> &[Self] {
        words
    }

    /// The words themselves.
    fn write(words: &mut [f32]) -> &mut [Self] {
        words
    }
}

/// Evaluates an expression in which a name stands for the type of an element; does nothing for `F32`.
macro_rules! with {
    ($element:expr, $name:ident, $value:expr) => {
        match $element {
            Element::I8 => {
                type $name = i8;
                $value
            }
            Element::I16 => {
                type $name = i16;
                $value
            }
            Element::F32 => {} // no kernel has this type here
        }
    };
}

/// Calls an integer kernel, which reads `sources` (the second is empty where it has one) and writes `y`;
/// ranges of the kernel lie in `weights`, the words of the plan, and panic outside of them. Gives the number of
/// values that `Quantize` has cut off, 0 for any other.
pub(super) fn call(kernel: &Integer, sources: [&[f32]; 2], y: &mut [f32], weights: &[f32]) -> u32 {
    let [x, second] = sources;
    let words = |range: &Range<usize>| &weights[range.clone()];
    match kernel {
        Integer::Quantize { copy, format: f, to } => with!(*to, Y, {
            let bounds = [f.low, f.high];
            return integer::quantize(x, Y::write(y), f.scale, f.zero_point, bounds, copy);
        }),
        Integer::PaddedCopy { copy, fill, from, to } => with!(*from, X, {
            with!(*to, Y, integer::padded_copy(X::read(x), Y::write(y), *fill, copy));
        }),
        Integer::Dequantize { copy, format: f, from } => with!(*from, X, {
            integer::dequantize(X::read(x), y, f.scale, f.zero_point, copy);
        }),
        Integer::Linear { form, shape, weights, outputs, from, to, .. } => {
            let (weights, outputs) = (words(weights), words(outputs));
            let operands = Operands { x, weights, outputs };
            match (from, to) {
                (Element::I8, Element::I8) => linear::<i8, i8>(*form, operands, y, shape),
                (Element::I8, _) => linear::<i8, f32>(*form, operands, y, shape),
                (_, Element::I8) => linear::<i16, i8>(*form, operands, y, shape),
                (_, Element::I16) => linear::<i16, i16>(*form, operands, y, shape),
                (_, Element::F32) => linear::<i16, f32>(*form, operands, y, shape),
            }
        }
        Integer::Depthwise { shape, weights, outputs, from, to } => {
            let (weights, outputs) = (words(weights), words(outputs));
            let operands = Operands { x, weights, outputs };
            match (from, to) {
                (Element::I8, Element::I8) => depthwise::<i8, i8>(operands, y, shape),
                (Element::I8, _) => depthwise::<i8, f32>(operands, y, shape),
                (_, Element::I8) => depthwise::<i16, i8>(operands, y, shape),
                (_, Element::I16) => depthwise::<i16, i16>(operands, y, shape),
                (_, Element::F32) => depthwise::<i16, f32>(operands, y, shape),
            }
        }
        Integer::MaxPool(shape, element) => with!(*element, X, {
            integer::max_pool(X::read(x), X::write(y), shape);
        }),
        Integer::AveragePool { shape, zero_point, multipliers, count_pads, rule, element } => {
            let (zero_point, count_pads, rule) = (*zero_point, *count_pads, *rule);
            let mean = integer::RoundedMean { zero_point, multipliers, count_pads, rule };
            with!(*element, X, {
                integer::average_pool(X::read(x), X::write(y), &mean, shape);
            });
        }
        Integer::Lookup(table) => {
            integer::lookup(integer::i8s_mut(y), integer::i8s(words(table)));
        }
        Integer::Piecewise { coefficients, shape } => {
            let coefficients = integer::triples(words(coefficients));
            integer::piecewise(integer::i16s_mut(y), coefficients, shape);
        }
        Integer::Add(sum, element) => with!(*element, X, {
            integer::add(X::read(x), X::read(second), X::write(y), sum);
        }),
    }
    0
}

/// The words that a layer reads.
#[derive(Clone, Copy)]
struct Operands<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    /// Parameters of its outputs.
    outputs: &'a [f32],
}

/// Calls the linear kernel of this form, from inputs of type `X` to outputs of type `Y`; the paired and wide
/// forms read i16 whatever `X` is.
fn linear<X: Words + Value, Y: Words + Output>(
    form: Form,
    operands: Operands<'_>,
    y: &mut [f32],
    s: &Linear,
) {
    let Operands { x, weights, outputs } = operands;
    let (weights, outputs, y) = (integer::i8s(weights), integer::pairs(outputs), Y::write(y));
    match form {
        Form::Plain => integer::linear_plain(X::read(x), weights, outputs, y, s),
        Form::Paired => integer::linear_paired(integer::i16s(x), weights, outputs, y, s),
        Form::Wide => integer::linear_wide(integer::i16s(x), weights, outputs, y, s),
        Form::Helium => integer::linear_helium(X::read(x), weights, outputs, y, s),
    }
}

/// Calls the depthwise kernel, from inputs of type `X` to outputs of type `Y`.
fn depthwise<X: Words + Value, Y: Words + Output>(
    operands: Operands<'_>,
    y: &mut [f32],
    s: &Depthwise,
) {
    let Operands { x, weights, outputs } = operands;
    integer::depthwise(X::read(x), integer::i8s(weights), integer::pairs(outputs), Y::write(y), s);
}
