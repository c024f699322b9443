//! Calls of integer kernels.

use super::shapes::fields;
use super::{Calls, Operands, array, float};
use crate::lower::plan::{Element, Integer};
use elbow_core::kernels::integer::{
    Add, Depthwise, Form, Linear, PaddedCopy, Piecewise, Requantize, RoundedMean,
};
use std::ops::Range;

impl Calls {
    /// Appends the call of an integer kernel, with its constants.
    pub(super) fn integer(&mut self, kernel: &Integer, o: &Operands) {
        let (x, second, y) = (o.source(0), o.source(1), o.target());
        match kernel {
            Integer::Quantize { copy: s, format, to } => {
                let copy = self.integer_constant("PaddedCopy", &o.name, &copy(s));
                let (scale, zero) = (float(format.scale), format.zero_point.to_string());
                let bounds = format!("[{}, {}]", format.low, format.high);
                self.kernel("quantize", &[x, &write(y, *to), &scale, &zero, &bounds, &copy]);
            }
            Integer::PaddedCopy { copy: s, fill, from, to } => {
                let copy = self.integer_constant("PaddedCopy", &o.name, &copy(s));
                let (x, y, fill) = (read(x, *from), write(y, *to), fill.to_string());
                self.kernel("padded_copy", &[&x, &y, &fill, &copy]);
            }
            Integer::Dequantize { copy: s, format, from } => {
                let copy = self.integer_constant("PaddedCopy", &o.name, &copy(s));
                let (scale, zero) = (float(format.scale), format.zero_point.to_string());
                self.kernel("dequantize", &[&read(x, *from), y, &scale, &zero, &copy]);
            }
            Integer::Linear { form, shape: s, weights, outputs, from, to, .. } => {
                let shape = self.integer_constant("Linear", &o.name, &linear(s));
                let types = [*from, *to];
                self.integer_layer(kernel_of(*form), o, [weights, outputs], types, &shape);
            }
            Integer::Depthwise { shape: s, weights, outputs, from, to } => {
                let shape = self.integer_constant("Depthwise", &o.name, &depthwise(s));
                self.integer_layer("depthwise", o, [weights, outputs], [*from, *to], &shape);
            }
            Integer::MaxPool(s, element) => {
                let shape = self.shape(&o.name, s);
                self.kernel("max_pool", &[&read(x, *element), &write(y, *element), &shape]);
            }
            Integer::AveragePool { shape, zero_point, multipliers, count_pads, rule, element } => {
                let (zero_point, count_pads, rule) = (*zero_point, *count_pads, *rule);
                let mean = RoundedMean { zero_point, multipliers, count_pads, rule };
                let mean = rounded_mean(&mean);
                let mean = self.integer_constant("RoundedMean", &format!("{}_MEAN", o.name), &mean);
                let shape = self.shape(&o.name, shape);
                let (x, y) = (read(x, *element), write(y, *element));
                self.kernel("average_pool", &[&x, &y, &mean, &shape]);
            }
            Integer::Lookup(table) => {
                self.line(&format!("let table = {};", read(&(o.words)(table), Element::I8)));
                self.kernel("lookup", &[&write(y, Element::I8), "table"]);
            }
            Integer::Piecewise { coefficients, shape: s } => {
                let shape = self.integer_constant("Piecewise", &o.name, &piecewise(s));
                let coefficients = format!("integer::triples({})", (o.words)(coefficients));
                self.line(&format!("let coefficients = {coefficients};"));
                self.kernel("piecewise", &[&write(y, Element::I16), "coefficients", &shape]);
            }
            Integer::Add(s, element) => {
                let shape = self.integer_constant("Add", &o.name, &add(s));
                let (a, b) = (read(x, *element), read(second, *element));
                self.kernel("add", &[&a, &b, &write(y, *element), &shape]);
            }
        }
    }

    /// Appends the call of a layer whose `ranges` are its weights and the parameters of its outputs; `types`
    /// are those of source and target, `shape` the expression of its shape.
    fn integer_layer(
        &mut self,
        kernel: &str,
        o: &Operands,
        ranges: [&Range<usize>; 2],
        types: [Element; 2],
        shape: &str,
    ) {
        let ([weights, outputs], [from, to]) = (ranges.map(o.words), types);
        self.line(&format!("let weights = {};", read(&weights, Element::I8)));
        self.line(&format!("let outputs = integer::pairs({outputs});"));
        let (x, y) = (read(o.source(0), from), write(o.target(), to));
        self.kernel(kernel, &[&x, "weights", "outputs", &y, shape]);
    }

    /// Appends the call of the function `kernel` of `kernels::integer`, and imports that module.
    fn kernel(&mut self, kernel: &str, arguments: &[&str]) {
        self.items.insert("integer");
        self.call_of("integer", kernel, arguments);
    }

    /// Adds the constant `name` of the struct `kind` of `kernels::integer`, with these lines of fields.
    /// Returns the expression of a reference to it.
    fn integer_constant(&mut self, kind: &str, name: &str, fields: &str) -> String {
        self.constant_of(&format!("integer::{kind}"), name, fields)
    }
}

/// Name of the kernel that reads weights of this form.
fn kernel_of(form: Form) -> &'static str {
    match form {
        Form::Plain => "linear_plain",
        Form::Paired => "linear_paired",
        Form::Wide => "linear_wide",
        Form::Helium => "linear_helium",
    }
}

/// The expression of the buffer `words` as values of this type, to be read.
fn read(words: &str, element: Element) -> String {
    match element {
        Element::I8 => format!("integer::i8s({words})"),
        Element::I16 => format!("integer::i16s({words})"),
        Element::F32 => words.into(),
    }
}

/// The expression of the buffer `words` as values of this type, to be written.
fn write(words: &str, element: Element) -> String {
    match element {
        Element::I8 => format!("integer::i8s_mut({words})"),
        Element::I16 => format!("integer::i16s_mut({words})"),
        Element::F32 => words.into(),
    }
}

/// Lines of the fields of a `PaddedCopy` in a literal.
fn copy(s: &PaddedCopy) -> String {
    let PaddedCopy { dims, from, from_start, to, to_start, len } = s;
    fields(&[
        ("dims", format!("{dims:?}")),
        ("from", format!("{from:?}")),
        ("from_start", from_start.to_string()),
        ("to", format!("{to:?}")),
        ("to_start", to_start.to_string()),
        ("len", len.to_string()),
    ])
}

/// The literal of a rule as a field of another constant, indented once more.
fn rule(rule: &Requantize) -> String {
    let lines = rule_fields(rule).replace("    ", "        ");
    format!("integer::Requantize {{\n{lines}    }}")
}

/// Lines of the fields of a `Requantize` in a literal.
fn rule_fields(rule: &Requantize) -> String {
    let Requantize { zero_point, low, high, shift } = rule;
    let lines = [("zero_point", zero_point), ("low", low), ("high", high)];
    let lines = lines.map(|(name, value)| (name, value.to_string()));
    fields(&[&lines[..], &[("shift", shift.to_string())]].concat())
}

/// Lines of the fields of a `Linear`.
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

/// Lines of the fields of a `Depthwise`.
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

/// Lines of the fields of a `RoundedMean`.
fn rounded_mean(mean: &RoundedMean<'_>) -> String {
    fields(&[
        ("zero_point", mean.zero_point.to_string()),
        ("multipliers", format!("&{}", array(mean.multipliers).replace('\n', "\n    "))),
        ("count_pads", mean.count_pads.to_string()),
        ("rule", rule(&mean.rule)),
    ])
}

/// Lines of the fields of a `Piecewise`.
fn piecewise(s: &Piecewise) -> String {
    fields(&[
        ("start", s.start.to_string()),
        ("piece_bits", s.piece_bits.to_string()),
        ("low", s.low.to_string()),
        ("high", s.high.to_string()),
    ])
}

/// Lines of the fields of an `Add`.
fn add(s: &Add) -> String {
    fields(&[
        ("multipliers", format!("{:?}", s.multipliers)),
        ("constant", s.constant.to_string()),
        ("rule", rule(&s.rule)),
    ])
}
