//! Calls of integer kernels.

use super::Calls;
use super::shapes::{fields, pool_shape};
use crate::lower::plan::{Element, Integer};
use elbow_core::kernels::integer::{Add, Depthwise, Form, Linear, Piecewise, Requantize, Spread};
use std::ops::Range;

/// What a call is written with: its operands, its shape's name, and how weights are read.
pub(super) struct Operands<'o> {
    pub(super) x: &'o str,
    pub(super) second: &'o str,
    pub(super) y: &'o str,
    pub(super) shape: &'o str,
    pub(super) words: &'o dyn Fn(&Range<usize>) -> String,
}

impl Calls {
    pub(super) fn integer(&mut self, kernel: &Integer, operands: &Operands) {
        let Operands { x, second, y, shape, words } = *operands;
        match kernel {
            Integer::Quantize { spread: s, format, to } => {
                let spread = self.integer_constant("Spread", shape, &spread(s));
                let (scale, zero) = (super::float(format.scale), format.zero_point.to_string());
                let bounds = format!("[{}, {}]", format.low, format.high);
                let (x, y) = (read(x, Element::F32), write(y, *to));
                self.kernel("quantize", &[&x, &y, &scale, &zero, &bounds, &spread]);
            }
            Integer::Spread { spread: s, fill, from, to } => {
                let spread = self.integer_constant("Spread", shape, &spread(s));
                let (x, y) = (read(x, *from), write(y, *to));
                self.kernel("spread", &[&x, &y, &fill.to_string(), &spread]);
            }
            Integer::Dequantize { spread: s, format, from } => {
                let spread = self.integer_constant("Spread", shape, &spread(s));
                let (scale, zero) = (super::float(format.scale), format.zero_point.to_string());
                self.kernel("dequantize", &[&read(x, *from), y, &scale, &zero, &spread]);
            }
            Integer::Linear { form, shape: s, weights, outputs, from, to, .. } => {
                let kernel = match form {
                    Form::Plain => "linear_plain",
                    Form::Paired => "linear_paired",
                    Form::Wide => "linear_wide",
                    Form::Helium => "linear_helium",
                };
                let shape = self.integer_constant("Linear", shape, &linear(s));
                self.layer(kernel, [x, y], [weights, outputs], [*from, *to], &shape, words);
            }
            Integer::Depthwise { shape: s, weights, outputs, from, to } => {
                let shape = self.integer_constant("Depthwise", shape, &depthwise(s));
                self.layer("depthwise", [x, y], [weights, outputs], [*from, *to], &shape, words);
            }
            Integer::MaxPool(s, element) => {
                let shape = self.constant("PoolShape", shape, &pool_shape(s));
                self.kernel("max_pool", &[&read(x, *element), &write(y, *element), &shape]);
            }
            Integer::AveragePool {
                shape: s,
                zero_point,
                multipliers,
                count_pads,
                rule,
                element,
            } => {
                let name = format!("{shape}_RULE");
                let rule = self.integer_constant("Requantize", &name, &rule_fields(rule));
                let multipliers = self.table(&format!("{shape}_MULTIPLIERS"), "i32", multipliers);
                let shape = self.constant("PoolShape", shape, &pool_shape(s));
                let (zero, count_pads) = (zero_point.to_string(), count_pads.to_string());
                let (x, y) = (read(x, *element), write(y, *element));
                let operands: [&str; 7] = [&x, &y, &zero, &multipliers, &count_pads, &rule, &shape];
                self.kernel("average_pool", &operands);
            }
            Integer::Lookup(table) => {
                self.line(&format!("let table = {};", read(&words(table), Element::I8)));
                self.kernel("lookup", &[&write(y, Element::I8), "table"]);
            }
            Integer::Piecewise { coefficients, shape: s } => {
                let shape = self.integer_constant("Piecewise", shape, &piecewise(s));
                let coefficients = format!("integer::triples({})", words(coefficients));
                self.line(&format!("let coefficients = {coefficients};"));
                self.kernel("piecewise", &[&write(y, Element::I16), "coefficients", &shape]);
            }
            Integer::Add(s, element) => {
                let shape = self.integer_constant("Add", shape, &add(s));
                let (a, b) = (read(x, *element), read(second, *element));
                self.kernel("add", &[&a, &b, &write(y, *element), &shape]);
            }
        }
    }

    fn layer(
        &mut self,
        kernel: &str,
        [x, y]: [&str; 2],
        [weights, outputs]: [&Range<usize>; 2],
        [from, to]: [Element; 2],
        shape: &str,
        words: &dyn Fn(&Range<usize>) -> String,
    ) {
        self.line(&format!("let weights = {};", read(&words(weights), Element::I8)));
        self.line(&format!("let outputs = integer::pairs({});", words(outputs)));
        self.kernel(kernel, &[&read(x, from), "weights", "outputs", &write(y, to), shape]);
    }

    /// A call of `kernels::integer`.
    fn kernel(&mut self, kernel: &str, arguments: &[&str]) {
        self.items.insert("integer");
        self.call_of("integer", kernel, arguments);
    }

    /// A constant of a type of `kernels::integer`.
    fn integer_constant(&mut self, kind: &str, name: &str, fields: &str) -> String {
        self.constant_of(&format!("integer::{kind}"), name, fields)
    }
}

/// Words seen as values, read.
fn read(words: &str, element: Element) -> String {
    match element {
        Element::I8 => format!("integer::i8s({words})"),
        Element::I16 => format!("integer::i16s({words})"),
        Element::F32 => words.into(),
    }
}

/// Words seen as values, written.
fn write(words: &str, element: Element) -> String {
    match element {
        Element::I8 => format!("integer::i8s_mut({words})"),
        Element::I16 => format!("integer::i16s_mut({words})"),
        Element::F32 => words.into(),
    }
}

fn spread(s: &Spread) -> String {
    let Spread { dims, from, from_start, to, to_start, len } = s;
    fields(&[
        ("dims", format!("{dims:?}")),
        ("from", format!("{from:?}")),
        ("from_start", from_start.to_string()),
        ("to", format!("{to:?}")),
        ("to_start", to_start.to_string()),
        ("len", len.to_string()),
    ])
}

/// A rule inside of a shape, indented.
fn rule(rule: &Requantize) -> String {
    let lines = rule_fields(rule).replace("    ", "        ");
    format!("integer::Requantize {{\n{lines}    }}")
}

fn rule_fields(rule: &Requantize) -> String {
    let Requantize { zero_point, low, high, shift } = rule;
    let lines = [("zero_point", zero_point), ("low", low), ("high", high)];
    let lines = lines.map(|(name, value)| (name, value.to_string()));
    fields(&[&lines[..], &[("shift", shift.to_string())]].concat())
}

fn linear(s: &Linear) -> String {
    fields(&[
        ("rows", s.rows.to_string()),
        ("run", s.run.to_string()),
        ("runs", format!("{:?}", s.runs)),
        ("run_steps", format!("{:?}", s.run_steps)),
        ("positions", format!("{:?}", s.positions)),
        ("position_steps", format!("{:?}", s.position_steps)),
        ("x_start", s.x_start.to_string()),
        ("y_start", s.y_start.to_string()),
        ("y_steps", format!("{:?}", s.y_steps)),
        ("segment", s.segment.to_string()),
        ("rule", rule(&s.rule)),
    ])
}

fn depthwise(s: &Depthwise) -> String {
    fields(&[
        ("channels", s.channels.to_string()),
        ("kernel", format!("{:?}", s.kernel)),
        ("tap_steps", format!("{:?}", s.tap_steps)),
        ("positions", format!("{:?}", s.positions)),
        ("position_steps", format!("{:?}", s.position_steps)),
        ("x_start", s.x_start.to_string()),
        ("y_start", s.y_start.to_string()),
        ("y_steps", format!("{:?}", s.y_steps)),
        ("rule", rule(&s.rule)),
    ])
}

fn piecewise(s: &Piecewise) -> String {
    fields(&[
        ("start", s.start.to_string()),
        ("piece_bits", s.piece_bits.to_string()),
        ("low", s.low.to_string()),
        ("high", s.high.to_string()),
    ])
}

fn add(s: &Add) -> String {
    fields(&[
        ("multipliers", format!("{:?}", s.multipliers)),
        ("constant", s.constant.to_string()),
        ("rule", rule(&s.rule)),
    ])
}
