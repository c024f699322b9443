//! Shapes and activations as literals of generated code.

use super::super::rust::float;
use elbow_core::kernels::{
    Along, Binary, Cell, ConvShape, ConvTransposeShape, MatMul, Mean, PoolShape, RecurrentShape,
    Strided, Unary,
};

/// A struct of `elbow_core::kernels` that can be written as a literal.
pub(super) trait Literal {
    /// Name of the struct.
    fn kind(&self) -> &'static str;

    /// The item of `elbow_core::kernels` that its fields name besides, `None` by default.
    fn items(&self) -> Option<&'static str> {
        None
    }

    /// Lines of its fields in the literal.
    fn fields(&self) -> String;
}

/// The literal of an elementwise function, `Unary::Clip(0.0, 6.0)`.
pub(super) fn unary(f: Unary) -> String {
    let f = match f {
        Unary::LeakyRelu(alpha) => format!("LeakyRelu({})", float(alpha)),
        Unary::Elu(alpha) => format!("Elu({})", float(alpha)),
        Unary::Clip(low, high) => format!("Clip({}, {})", float(low), float(high)),
        Unary::HardSigmoid(alpha, beta) => {
            format!("HardSigmoid({}, {})", float(alpha), float(beta))
        }
        Unary::Selu(alpha, gamma) => format!("Selu({}, {})", float(alpha), float(gamma)),
        Unary::Celu(alpha) => format!("Celu({})", float(alpha)),
        Unary::ThresholdedRelu(alpha) => format!("ThresholdedRelu({})", float(alpha)),
        other => format!("{other:?}"),
    };
    format!("Unary::{f}")
}

/// Name of the variant of `cell`, and the lines of its fields in a literal.
pub(super) fn recurrence(cell: Cell) -> (&'static str, String) {
    match cell {
        Cell::Rnn { f } => ("Rnn", fields(&[("f", unary(f))])),
        Cell::Gru { f, g, linear_before_reset } => {
            let linear = ("linear_before_reset", linear_before_reset.to_string());
            ("Gru", fields(&[("f", unary(f)), ("g", unary(g)), linear]))
        }
        Cell::Lstm { f, g, h, coupled } => {
            let coupled = ("coupled", coupled.to_string());
            ("Lstm", fields(&[("f", unary(f)), ("g", unary(g)), ("h", unary(h)), coupled]))
        }
    }
}

/// Lines `name: value,` of a struct's literal, indented by four spaces.
pub(super) fn fields(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("    {name}: {value},\n")).collect()
}

impl Literal for ConvShape {
    /// `"ConvShape"`.
    fn kind(&self) -> &'static str {
        "ConvShape"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let &ConvShape {
            channels,
            input,
            filters,
            output,
            kernel,
            strides,
            dilations,
            pads,
            groups,
        } = self;
        window([channels, filters, groups], [input, output, kernel, strides, dilations, pads])
    }
}

impl Literal for ConvTransposeShape {
    /// `"ConvTransposeShape"`.
    fn kind(&self) -> &'static str {
        "ConvTransposeShape"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let &ConvTransposeShape {
            channels,
            input,
            filters,
            output,
            kernel,
            strides,
            dilations,
            pads,
            groups,
        } = self;
        window([channels, filters, groups], [input, output, kernel, strides, dilations, pads])
    }
}

/// Lines of the fields of a convolution's shape; `pairs` are input, output, kernel, strides, dilations and
/// pads.
fn window([channels, filters, groups]: [usize; 3], pairs: [[usize; 2]; 6]) -> String {
    let [input, output, kernel, strides, dilations, pads] = pairs.map(|pair| format!("{pair:?}"));
    fields(&[
        ("channels", channels.to_string()),
        ("input", input),
        ("filters", filters.to_string()),
        ("output", output),
        ("kernel", kernel),
        ("strides", strides),
        ("dilations", dilations),
        ("pads", pads),
        ("groups", groups.to_string()),
    ])
}

impl Literal for Binary {
    /// `"Binary"`.
    fn kind(&self) -> &'static str {
        "Binary"
    }

    /// `BinaryOp`, the type of a field.
    fn items(&self) -> Option<&'static str> {
        Some("BinaryOp")
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let Binary { op, reversed, dims, strides } = self;
        fields(&[
            ("op", format!("BinaryOp::{op:?}")),
            ("reversed", reversed.to_string()),
            ("dims", format!("{dims:?}")),
            ("strides", format!("{strides:?}")),
        ])
    }
}

impl Literal for Strided {
    /// `"Strided"`.
    fn kind(&self) -> &'static str {
        "Strided"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let Strided { dims, from, from_start, to, to_start } = self;
        fields(&[
            ("dims", format!("{dims:?}")),
            ("from", format!("{from:?}")),
            ("from_start", from_start.to_string()),
            ("to", format!("{to:?}")),
            ("to_start", to_start.to_string()),
        ])
    }
}

impl Literal for Along {
    /// `"Along"`.
    fn kind(&self) -> &'static str {
        "Along"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let Along { outer, len, inner } = self;
        numbers(&[("outer", outer), ("len", len), ("inner", inner)])
    }
}

impl Literal for MatMul {
    /// `"MatMul"`.
    fn kind(&self) -> &'static str {
        "MatMul"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let MatMul { batch, rows, inner, columns, a_step, b_step } = self;
        numbers(&[
            ("batch", batch),
            ("rows", rows),
            ("inner", inner),
            ("columns", columns),
            ("a_step", a_step),
            ("b_step", b_step),
        ])
    }
}

/// Lines of fields that are numbers.
fn numbers(lines: &[(&str, &usize)]) -> String {
    let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.to_string())).collect();
    fields(&lines)
}

impl Literal for PoolShape {
    /// `"PoolShape"`.
    fn kind(&self) -> &'static str {
        "PoolShape"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let &PoolShape { channels, input, output, kernel, strides, dilations, pads, pads_end } =
            self;
        let pair = |pair: [usize; 2]| format!("{pair:?}");
        fields(&[
            ("channels", channels.to_string()),
            ("input", pair(input)),
            ("output", pair(output)),
            ("kernel", pair(kernel)),
            ("strides", pair(strides)),
            ("dilations", pair(dilations)),
            ("pads", pair(pads)),
            ("pads_end", pair(pads_end)),
        ])
    }
}

impl Literal for Mean {
    /// `"Mean"`.
    fn kind(&self) -> &'static str {
        "Mean"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let Self { count_pads, by_column } = self;
        fields(&[("count_pads", count_pads.to_string()), ("by_column", by_column.to_string())])
    }
}

impl Literal for RecurrentShape {
    /// `"RecurrentShape"`.
    fn kind(&self) -> &'static str {
        "RecurrentShape"
    }

    /// Lines of the fields of this shape.
    fn fields(&self) -> String {
        let RecurrentShape { steps, rows, inputs, hidden, reverse } = self;
        let lines = [
            ("steps", steps.to_string()),
            ("rows", rows.to_string()),
            ("inputs", inputs.to_string()),
            ("hidden", hidden.to_string()),
            ("reverse", reverse.to_string()),
        ];
        fields(&lines)
    }
}
