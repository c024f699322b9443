//! The steps of a plan as straight-line calls.

use super::rust::float;
use crate::lower::{Buffer, Kernel, Plan, Step};
use elbow_core::kernels::{Binary, ConvShape, ConvTransposeShape, Strided, Unary};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

/// What the generated code calls a plan's inputs and outputs.
pub(super) struct Names<'n> {
    /// Inputs, as shared references.
    pub(super) inputs: Vec<String>,
    /// Outputs, read.
    pub(super) read: Vec<String>,
    /// Outputs, written.
    pub(super) written: Vec<String>,
    /// In front of the constants' numbers.
    pub(super) constants: &'n str,
    /// Where the plan's weights start in the pack.
    pub(super) weights: usize,
}

/// The body of a function, and what it needs around it.
#[derive(Default)]
pub(super) struct Calls {
    /// Statements.
    pub(super) body: String,
    /// Constants with the shapes.
    pub(super) shapes: String,
    /// Items of `elbow_core::kernels` that are named.
    pub(super) items: BTreeSet<&'static str>,
}

impl Calls {
    pub(super) fn of(plan: &Plan, names: &Names) -> Self {
        let mut calls = Self::default();
        for (index, step) in plan.steps.iter().enumerate() {
            calls.step(index, step, names);
        }
        calls
    }

    fn step(&mut self, index: usize, step: &Step, names: &Names) {
        self.line(&format!("// {}: {} {:?}", step.name.escape_debug(), step.op, step.shape));
        let (source, target) = self.operands(step, names);
        let floats = |range: &Range<usize>| {
            format!("pack.f32({}, {})", names.weights + range.start, range.len())
        };
        let shape = format!("{}_{index}", names.constants);
        match &step.kernel {
            Kernel::Dense { rows, weights, bias } => {
                self.weights(&floats(weights), &floats(bias));
                if *rows == 1 {
                    self.line(&format!("kernels::dense({source}, weights, bias, {target});"));
                } else {
                    let call =
                        format!("kernels::dense_rows({source}, weights, bias, {target}, {rows});");
                    self.line(&call);
                }
            }
            Kernel::Conv { shape: s, weights, bias } => {
                self.constant("ConvShape", &shape, &conv_shape(s));
                self.weights(&floats(weights), &floats(bias));
                let kernel = if s.is_depthwise() { "conv_depthwise" } else { "conv" };
                self.line(&format!(
                    "kernels::{kernel}({source}, weights, bias, {target}, &{shape});"
                ));
            }
            Kernel::ConvTranspose { shape: s, weights, bias } => {
                self.constant("ConvTransposeShape", &shape, &conv_transpose_shape(s));
                self.weights(&floats(weights), &floats(bias));
                self.line(&format!(
                    "kernels::conv_transpose({source}, weights, bias, {target}, &{shape});"
                ));
            }
            Kernel::Affine { scale, shift } => {
                self.line(&format!("let (scale, shift) = ({}, {});", floats(scale), floats(shift)));
                self.line(&format!("kernels::affine({target}, scale, shift);"));
            }
            Kernel::Unary(f) => {
                self.items.insert("Unary");
                self.line(&format!("kernels::unary({target}, Unary::{});", unary(*f)));
            }
            Kernel::Binary(s) => {
                self.items.insert("BinaryOp");
                self.constant("Binary", &shape, &binary(s));
                self.line(&format!("kernels::binary({target}, {source}, &{shape});"));
            }
            Kernel::Strided(s) => {
                self.constant("Strided", &shape, &strided(s));
                self.line(&format!("kernels::strided_copy({source}, {target}, &{shape});"));
            }
            Kernel::Copy => self.line(&format!("kernels::copy({source}, {target});")),
        }
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "    {line}");
    }

    fn weights(&mut self, weights: &str, bias: &str) {
        self.line(&format!("let (weights, bias) = ({weights}, {bias});"));
    }

    /// Adds a constant of a type of `elbow_core::kernels`.
    fn constant(&mut self, kind: &'static str, name: &str, fields: &str) {
        self.items.insert(kind);
        let _ = writeln!(self.shapes, "\nconst {name}: {kind} = {kind} {{\n{fields}}};");
    }

    /// Expressions for source and target; parts of the arena are bound to names first.
    fn operands(&mut self, step: &Step, names: &Names) -> (String, String) {
        let source = match &step.source {
            None => String::new(),
            Some(Buffer::Input(index)) => names.inputs[*index].clone(),
            Some(Buffer::Output(index)) => names.read[*index].clone(),
            Some(Buffer::Arena(_)) => "source".into(),
            Some(Buffer::Weights(range)) => {
                format!("pack.f32({}, {})", names.weights + range.start, range.len())
            }
        };
        match (&step.source, &step.target) {
            (Some(Buffer::Arena(source)), Buffer::Arena(target)) => {
                let split = format!("kernels::split(&mut ws.arena, {source:?}, {target:?})");
                self.line(&format!("let (source, target) = {split};"));
            }
            (Some(Buffer::Arena(source)), _) => {
                self.line(&format!("let source = kernels::part(&ws.arena, {source:?});"));
            }
            (_, Buffer::Arena(target)) => {
                self.line(&format!("let target = kernels::part_mut(&mut ws.arena, {target:?});"));
            }
            _ => {}
        }
        let target = match &step.target {
            Buffer::Output(index) => names.written[*index].clone(),
            Buffer::Arena(_) | Buffer::Input(_) | Buffer::Weights(_) => "target".into(),
        };
        (source, target)
    }
}

/// Whether a plan keeps anything in the arena.
pub(super) fn uses_arena(plan: &Plan) -> bool {
    let in_arena = |buffer: &Buffer| matches!(buffer, Buffer::Arena(_));
    plan.steps.iter().any(|step| step.source.iter().chain([&step.target]).any(in_arena))
}

fn unary(f: Unary) -> String {
    match f {
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
    }
}

/// Lines of a struct's literal.
fn fields(fields: &[(&str, String)]) -> String {
    fields.iter().map(|(name, value)| format!("    {name}: {value},\n")).collect()
}

/// [`fields`] with a comment on the first, which keeps every rustfmt from joining the lines.
fn commented_fields(comment: &str, lines: &[(&str, String)]) -> String {
    fields(lines).replacen('\n', &format!(" // {comment}\n"), 1)
}

fn conv_shape(s: &ConvShape) -> String {
    let &ConvShape { channels, input, filters, output, kernel, strides, dilations, pads, groups } =
        s;
    window([channels, filters, groups], [input, output, kernel, strides, dilations, pads])
}

fn conv_transpose_shape(s: &ConvTransposeShape) -> String {
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
    } = s;
    window([channels, filters, groups], [input, output, kernel, strides, dilations, pads])
}

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

fn binary(s: &Binary) -> String {
    let Binary { op, reversed, dims, strides } = s;
    commented_fields(
        "the operand's stride 0 repeats",
        &[
            ("op", format!("BinaryOp::{op:?}")),
            ("reversed", reversed.to_string()),
            ("dims", format!("{dims:?}")),
            ("strides", format!("{strides:?}")),
        ],
    )
}

fn strided(s: &Strided) -> String {
    let Strided { dims, from, from_start, to, to_start } = s;
    commented_fields(
        "the source's stride 0 repeats",
        &[
            ("dims", format!("{dims:?}")),
            ("from", format!("{from:?}")),
            ("from_start", from_start.to_string()),
            ("to", format!("{to:?}")),
            ("to_start", to_start.to_string()),
        ],
    )
}
