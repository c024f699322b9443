//! Calls of integer kernels, exactly as generated code makes them.

use crate::lower::plan::{Element, Integer};
use elbow_core::kernels::integer::{self, Depthwise, Form, Linear, Output, Value};
use std::ops::Range;

/// Words seen as values of a type.
trait Words: Sized + 'static {
    fn read(words: &[f32]) -> &[Self];
    fn write(words: &mut [f32]) -> &mut [Self];
}

impl Words for i8 {
    fn read(words: &[f32]) -> &[Self] {
        integer::i8s(words)
    }

    fn write(words: &mut [f32]) -> &mut [Self] {
        integer::i8s_mut(words)
    }
}

impl Words for i16 {
    fn read(words: &[f32]) -> &[Self] {
        integer::i16s(words)
    }

    fn write(words: &mut [f32]) -> &mut [Self] {
        integer::i16s_mut(words)
    }
}

impl Words for f32 {
    fn read(words: &[f32]) -> &[Self] {
        words
    }

    fn write(words: &mut [f32]) -> &mut [Self] {
        words
    }
}

/// Names a type for each element, and evaluates an expression with it.
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

/// Calls a kernel: `sources` are read, `y` is written, ranges lie in `weights`.
pub(super) fn call(kernel: &Integer, sources: [&[f32]; 2], y: &mut [f32], weights: &[f32]) {
    let [x, second] = sources;
    let words = |range: &Range<usize>| &weights[range.clone()];
    match kernel {
        Integer::Quantize { copy, format: f, to } => with!(*to, Y, {
            integer::quantize(x, Y::write(y), f.scale, f.zero_point, [f.low, f.high], copy);
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
}

/// What a layer reads.
#[derive(Clone, Copy)]
struct Operands<'a> {
    x: &'a [f32],
    weights: &'a [f32],
    /// Parameters of its outputs.
    outputs: &'a [f32],
}

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

fn depthwise<X: Words + Value, Y: Words + Output>(
    operands: Operands<'_>,
    y: &mut [f32],
    s: &Depthwise,
) {
    let Operands { x, weights, outputs } = operands;
    integer::depthwise(X::read(x), integer::i8s(weights), integer::pairs(outputs), Y::write(y), s);
}
