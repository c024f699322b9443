//! The steps of a plan as straight-line calls.

mod integer;
mod score;
mod shapes;

use super::rust::{SKIP, array, float};
use super::trace::Trace;
use crate::lower::{Buffer, Kernel, Plan, Step};
use elbow_core::kernels::{Along, Cell, Mean};
use integer::Operands;
use shapes::{
    along, binary, conv_shape, conv_transpose_shape, matmul, pool_shape, recurrence,
    recurrent_shape, strided, unary,
};
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
    /// What the workspace keeps of every step.
    pub(super) trace: Trace,
    /// Where the number of indices outside their table is added.
    pub(super) hits: Hits,
}

/// Where generated code adds the number of indices that lookups took as the nearest of their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hits {
    /// A variable `hits`.
    Variable,
    /// The workspace's `clamp_hits`.
    Workspace,
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
    /// Items of `elbow_core::distributions`, likewise.
    pub(super) distributions: BTreeSet<&'static str>,
    /// Where what the next call returns is added.
    counted: Option<Hits>,
}

impl Calls {
    pub(super) fn of(plan: &Plan, names: &Names) -> Self {
        let mut calls = Self::default();
        for (index, step) in plan.steps.iter().enumerate() {
            calls.step(index, step, names);
            if names.trace.is_on() {
                calls.trace(index, step, names);
            }
        }
        calls
    }

    fn step(&mut self, index: usize, step: &Step, names: &Names) {
        self.line(&format!("// {}: {} {:?}", step.name.escape_debug(), step.op, step.shape));
        let (sources, targets) = self.operands(step, names);
        let floats = |range: &Range<usize>| {
            format!("pack.f32({}, {})", names.weights + range.start, range.len())
        };
        let operand = |at: usize| sources.get(at).map_or("", String::as_str);
        let (x, second, y) = (operand(0), operand(1), targets[0].as_str());
        let shape = format!("{}_{index}", names.constants);
        match &step.kernel {
            Kernel::Integer(kernel) => {
                let operands = Operands { x, second, y, shape: &shape, words: &floats };
                self.integer(kernel, &operands);
            }
            Kernel::Dense { rows, weights, bias } => {
                self.weights(&floats(weights), &floats(bias));
                match rows {
                    1 => self.call("dense", &[x, "weights", "bias", y]),
                    _ => {
                        let rows = rows.to_string();
                        self.call("dense_rows", &[x, "weights", "bias", y, &rows]);
                    }
                }
            }
            Kernel::DenseTransposed { rows, weights } => {
                self.line(&format!("let weights = {};", floats(weights)));
                self.call("dense_transposed", &[x, "weights", y, &rows.to_string()]);
            }
            Kernel::Conv { shape: s, weights, bias } => {
                let shape = self.constant("ConvShape", &shape, &conv_shape(s));
                self.weights(&floats(weights), &floats(bias));
                let kernel = if s.is_depthwise() { "conv_depthwise" } else { "conv" };
                self.call(kernel, &[x, "weights", "bias", y, &shape]);
            }
            Kernel::ConvTranspose { shape: s, weights, bias } => {
                let shape = self.constant("ConvTransposeShape", &shape, &conv_transpose_shape(s));
                self.weights(&floats(weights), &floats(bias));
                self.call("conv_transpose", &[x, "weights", "bias", y, &shape]);
            }
            Kernel::Affine { scale, shift } => {
                self.line(&format!("let (scale, shift) = ({}, {});", floats(scale), floats(shift)));
                self.call("affine", &[y, "scale", "shift"]);
            }
            Kernel::Unary(f) => {
                self.items.insert("Unary");
                self.call("unary", &[y, &unary(*f)]);
            }
            Kernel::Slope(f) => {
                self.items.insert("Unary");
                self.call("slope", &[y, x, &unary(*f)]);
            }
            Kernel::Score { family, wrt } => self.score(*family, *wrt, &sources, y),
            Kernel::Binary(s) => {
                self.items.insert("BinaryOp");
                let shape = self.constant("Binary", &shape, &binary(s));
                self.call("binary", &[y, x, &shape]);
            }
            Kernel::Strided(s) => {
                let shape = self.constant("Strided", &shape, &strided(s));
                self.call("strided_copy", &[x, y, &shape]);
            }
            Kernel::Copy => self.call("copy", &[x, y]),
            Kernel::Fill(value) => self.call("fill", &[y, &float(*value)]),
            Kernel::MatMul(s) => {
                let shape = self.constant("MatMul", &shape, &matmul(s));
                self.call("matmul", &[x, second, y, &shape]);
            }
            Kernel::Select => self.call("select", &[y, x, second]),
            Kernel::Reduce(reduction, s) => {
                self.items.insert("Reduction");
                let shape = self.constant("Along", &shape, &along(s));
                self.call("reduce", &[x, y, &format!("Reduction::{reduction:?}"), &shape]);
            }
            Kernel::Softmax(s) => self.along("softmax", &[y], &shape, s),
            Kernel::LogSoftmax(s) => self.along("log_softmax", &[y], &shape, s),
            Kernel::Normalize(epsilon, s) => {
                self.along("normalize", &[y, &float(*epsilon)], &shape, s);
            }
            Kernel::RmsNormalize(epsilon, s) => {
                self.along("rms_normalize", &[y, &float(*epsilon)], &shape, s);
            }
            Kernel::CumSum { exclusive, reverse, along } => {
                let [exclusive, reverse] = [exclusive, reverse].map(bool::to_string);
                self.along("cumsum", &[y, &exclusive, &reverse], &shape, along);
            }
            Kernel::ArgExtreme { largest, last, along } => {
                let [largest, last] = [largest, last].map(bool::to_string);
                self.along("arg_extreme", &[x, y, &largest, &last], &shape, along);
            }
            Kernel::MaxPool(s) => {
                let shape = self.constant("PoolShape", &shape, &pool_shape(s));
                self.call("max_pool", &[x, y, &shape]);
            }
            Kernel::AveragePool(mean, s) => {
                let Mean { count_pads, by_column } = mean;
                let how = format!("    count_pads: {count_pads},\n    by_column: {by_column},\n");
                let mean = self.constant("Mean", &format!("{shape}_MEAN"), &how);
                let shape = self.constant("PoolShape", &shape, &pool_shape(s));
                self.call("average_pool", &[x, y, &mean, &shape]);
            }
            Kernel::Take(indices, s) => {
                let indices = self.indices(&shape, indices);
                self.along("take", &[x, &indices, y], &shape, s);
            }
            Kernel::TakeBy(s) => {
                self.count(names);
                self.along("take_by", &[x, second, y], &shape, s);
            }
            Kernel::TakeAlong { outputs, along } => {
                self.count(names);
                self.along("take_along", &[x, second, y, &outputs.to_string()], &shape, along);
            }
            Kernel::Resample { indices, weights, outputs, along } => {
                let indices = self.indices(&shape, indices);
                self.line(&format!("let weights = {};", floats(weights)));
                let operands = [x, &indices, "weights", y, &outputs.to_string()];
                self.along("resample", &operands, &shape, along);
            }
            Kernel::Recurrent { cell, shape: s, w, r, bias_w, bias_r, peepholes, sequence } => {
                self.items.extend(["Cell", "RecurrentWeights", "Unary"]);
                let (name, (variant, fields)) = (format!("{shape}_CELL"), recurrence(*cell));
                let _ = writeln!(
                    self.shapes,
                    "\n{SKIP}const {name}: Cell = Cell::{variant} {{\n{fields}}};"
                );
                let constant = self.constant("RecurrentShape", &shape, &recurrent_shape(s));
                self.line("let weights = RecurrentWeights {");
                let parts = [("w", w), ("r", r), ("bias_w", bias_w), ("bias_r", bias_r)];
                for (name, range) in parts.into_iter().chain([("peepholes", peepholes)]) {
                    self.line(&format!("    {name}: {},", floats(range)));
                }
                self.line("};");
                let mut rest = targets[1..].iter().map(String::as_str);
                let mut next = |wanted: bool| {
                    if wanted { rest.next().unwrap_or("&mut []") } else { "&mut []" }
                };
                let c = next(matches!(cell, Cell::Lstm { .. }));
                let (sequence, scratch) = (next(*sequence), next(true));
                self.call("recurrent", &[x, "&weights", &name, y, c, sequence, scratch, &constant]);
            }
        }
    }

    /// Keeps a checksum of all that the step wrote, or when it ended.
    fn trace(&mut self, index: usize, step: &Step, names: &Names) {
        if names.trace == Trace::Ticks {
            self.line("let mark = (ws.now)();");
        } else {
            self.checksum(step, names);
        }
        self.line(&format!("ws.trace.iter_mut().skip({index}).take(1).for_each(|t| *t = mark);"));
    }

    fn checksum(&mut self, step: &Step, names: &Names) {
        let written = step.targets.iter().map(|target| match target {
            Buffer::Output(index) => names.read[*index].clone(),
            Buffer::Arena(range) => format!("kernels::part(&ws.arena, {range:?})"),
            Buffer::Input(_) | Buffer::Weights(_) => "&[]".into(), // only ever read
        });
        let written: Vec<String> = written.collect();
        self.line(&format!("let mark = crc32_of_floats(&[{}]);", written.join(", ")));
    }

    /// A call of a kernel.
    fn call(&mut self, kernel: &str, arguments: &[&str]) {
        self.call_of("kernels", kernel, arguments);
    }

    /// [`call`](Self::call) of a function of `module`.
    fn call_of(&mut self, module: &str, kernel: &str, arguments: &[&str]) {
        let call = format!("{module}::{kernel}({});", arguments.join(", "));
        match self.counted.take() {
            None => self.line(&call),
            Some(Hits::Variable) => self.line(&format!("hits += {call}")),
            Some(Hits::Workspace) => {
                self.line(&format!("let outside = {call}"));
                self.line("ws.clamp_hits = ws.clamp_hits.saturating_add(outside);");
            }
        }
    }

    /// A call whose last argument is a shape along an axis.
    fn along(&mut self, kernel: &str, arguments: &[&str], name: &str, s: &Along) {
        let shape = self.constant("Along", name, &along(s));
        let arguments: Vec<&str> = arguments.iter().copied().chain([shape.as_str()]).collect();
        self.call(kernel, &arguments);
    }

    /// Adds what the next call returns to the hits.
    fn count(&mut self, names: &Names) {
        self.counted = Some(names.hits);
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "    {line}");
    }

    fn weights(&mut self, weights: &str, bias: &str) {
        self.line(&format!("let (weights, bias) = ({weights}, {bias});"));
    }

    /// Adds a constant of a type of `elbow_core::kernels`, and gives a reference to it.
    fn constant(&mut self, kind: &'static str, name: &str, fields: &str) -> String {
        self.items.insert(kind);
        self.constant_of(kind, name, fields)
    }

    /// Adds a constant of a type, and gives a reference to it.
    fn constant_of(&mut self, kind: &str, name: &str, fields: &str) -> String {
        let _ = writeln!(self.shapes, "\n{SKIP}const {name}: {kind} = {kind} {{\n{fields}}};");
        format!("&{name}")
    }

    /// Adds a table of indices, and gives a reference to it.
    fn indices(&mut self, name: &str, indices: &[u32]) -> String {
        self.table(&format!("{name}_INDICES"), "u32", indices)
    }

    /// Adds a table of numbers of a type, and gives a reference to it.
    fn table<T: std::fmt::Display>(&mut self, name: &str, kind: &str, numbers: &[T]) -> String {
        let (len, numbers) = (numbers.len(), array(numbers));
        let _ = writeln!(self.shapes, "\n{SKIP}const {name}: [{kind}; {len}] = {numbers};");
        format!("&{name}")
    }

    /// Expressions for sources and targets; parts of the arena are bound to names first.
    fn operands(&mut self, step: &Step, names: &Names) -> (Vec<String>, Vec<String>) {
        let parts = parts(step);
        let bound: Vec<String> = parts.iter().map(|(name, _)| name.clone()).collect();
        let ranges: Vec<String> = parts.iter().map(|(_, range)| format!("{range:?}")).collect();
        match (&bound[..], &ranges[..]) {
            ([], _) | (_, []) => {}
            ([name], [range]) if step.targets.iter().any(is_arena) => {
                self.line(&format!("let {name} = kernels::part_mut(&mut ws.arena, {range});"));
            }
            ([name], [range]) => {
                self.line(&format!("let {name} = kernels::part(&ws.arena, {range});"));
            }
            (names, ranges) => {
                let (names, ranges) = (names.join(", "), ranges.join(", "));
                let call = format!("kernels::disjoint(&mut ws.arena, [{ranges}])");
                self.line(&format!("let [{names}] = {call};"));
            }
        }
        let part = |range: &Range<usize>| {
            let own = parts.iter().find(|(_, other)| *other == range);
            own.map_or_else(String::new, |(name, _)| name.clone())
        };
        let source = |source: &Buffer| match source {
            Buffer::Input(index) => names.inputs[*index].clone(),
            Buffer::Output(index) => names.read[*index].clone(),
            Buffer::Arena(range) => part(range),
            Buffer::Weights(range) => {
                format!("pack.f32({}, {})", names.weights + range.start, range.len())
            }
        };
        let target = |target: &Buffer| match target {
            Buffer::Output(index) => names.written[*index].clone(),
            Buffer::Arena(range) => part(range),
            Buffer::Input(_) | Buffer::Weights(_) => String::new(), // only ever read
        };
        (step.sources.iter().map(source).collect(), step.targets.iter().map(target).collect())
    }
}

/// The parts of the arena that a step touches, each once, with a name: `source` and `target`, with
/// numbers where there are several.
fn parts(step: &Step) -> Vec<(String, &Range<usize>)> {
    let mut parts: Vec<(String, &Range<usize>)> = Vec::new();
    for (role, buffers) in [("source", &step.sources), ("target", &step.targets)] {
        let several = buffers.iter().filter(|buffer| is_arena(buffer)).count() > 1;
        for (at, buffer) in buffers.iter().enumerate() {
            let Buffer::Arena(range) = buffer else { continue };
            let name = if several { format!("{role}_{at}") } else { role.into() };
            if parts.iter().all(|(_, other)| *other != range) {
                parts.push((name, range));
            }
        }
    }
    parts
}

fn is_arena(buffer: &Buffer) -> bool {
    matches!(buffer, Buffer::Arena(_))
}

/// Whether a plan keeps anything in the workspace: in the arena, or how many indices it found outside.
pub(super) fn uses_workspace(plan: &Plan) -> bool {
    let reads_arena = |step: &Step| step.sources.iter().chain(&step.targets).any(is_arena);
    looks_up(plan) || plan.steps.iter().any(reads_arena)
}

/// Whether a plan picks from tables by computed indices, which may lie outside.
pub(super) fn looks_up(plan: &Plan) -> bool {
    let is_look_up =
        |step: &Step| matches!(step.kernel, Kernel::TakeBy(_) | Kernel::TakeAlong { .. });
    plan.steps.iter().any(is_look_up)
}
