//! The steps of a plan as straight-line calls.

mod integer;
mod score;
mod shapes;

use super::rust::{SKIP, array, float};
use super::trace::Trace;
use crate::lower::plan::Integer;
use crate::lower::{Buffer, Kernel, Plan, Recurrent, Step};
use elbow_core::kernels::{Along, Cell, ConvTransposeShape, Mean, PoolShape, Reduction, Unary};
use shapes::{Literal, recurrence, unary};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

/// Expressions for a plan's inputs and outputs in the generated code, and where its constants, weights and
/// counts are.
pub(super) struct Names<'n> {
    /// Inputs, as shared references.
    pub(super) inputs: Vec<String>,
    /// Outputs, as expressions to read them.
    pub(super) read: Vec<String>,
    /// Outputs, as expressions to write them.
    pub(super) written: Vec<String>,
    /// First part of the names of constants, which the number of the step follows.
    pub(super) constants: &'n str,
    /// Index in the pack of the first float of the plan's weights.
    pub(super) weights: usize,
    /// The mark that the workspace keeps of every step.
    pub(super) trace: Trace,
    /// Where the number of indices outside their table is added.
    pub(super) hits: Hits,
}

/// Where generated code adds what a call counts: the number of indices that lookups took as the nearest of their
/// table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hits {
    /// A variable `hits`.
    Variable,
    /// The workspace's `clamp_hits`.
    Workspace,
    /// The workspace's `saturated`: a number of values that integers could not hold, not of indices.
    Saturated,
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
    /// Where the result of the next call is added; `None` for a call without one.
    counted: Option<Hits>,
}

/// Expressions that the call of a step is written with.
pub(super) struct Operands<'o> {
    pub(super) sources: Vec<String>,
    pub(super) outputs: Vec<String>,
    /// First part of the names of the call's constants.
    pub(super) name: String,
    /// The expression that reads a range of the plan's weights.
    pub(super) words: &'o dyn Fn(&Range<usize>) -> String,
}

impl Operands<'_> {
    /// The expression of the source of this index; empty where the step has fewer.
    pub(super) fn source(&self, at: usize) -> &str {
        self.sources.get(at).map_or("", String::as_str)
    }

    /// The expression of the first output; empty where the step has none.
    pub(super) fn target(&self) -> &str {
        self.outputs.first().map_or("", String::as_str)
    }
}

impl Calls {
    /// The statements that run the plan, step by step, with the constants and imports that they need. `names`
    /// has an expression for every input and output of the plan.
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

    /// Appends the statements of step number `index` of the plan, with a comment that names its node.
    fn step(&mut self, index: usize, step: &Step, names: &Names) {
        self.line(&format!("// {}: {} {:?}", step.name.escape_debug(), step.op, step.shape));
        let (sources, outputs) = self.operands(step, names);
        let name = format!("{}_{index}", names.constants);
        let words = |range: &Range<usize>| {
            format!("pack.f32({}, {})", names.weights + range.start, range.len())
        };
        if matches!(step.kernel, Kernel::TakeBy(_) | Kernel::TakeAlong { .. }) {
            self.counted = Some(names.hits);
        }
        if is_quantize(step) {
            self.counted = Some(Hits::Saturated);
        }
        self.spell(&step.kernel, &Operands { sources, outputs, name, words: &words });
    }

    /// Appends the call of a kernel, with its constants.
    fn spell(&mut self, kernel: &Kernel, o: &Operands<'_>) {
        let (x, second, y) = (o.source(0), o.source(1), o.target());
        match kernel {
            Kernel::Integer(kernel) => self.integer(kernel, o),
            Kernel::Dense { weights, bias } => self.layer("dense", o, [weights, bias], &[]),
            Kernel::DenseRows { rows, weights, bias } => {
                self.layer("dense_rows", o, [weights, bias], &[&rows.to_string()]);
            }
            Kernel::DenseTransposed { rows, weights } => {
                self.line(&format!("let weights = {};", (o.words)(weights)));
                self.call("dense_transposed", &[x, "weights", y, &rows.to_string()]);
            }
            Kernel::Conv { shape, weights, bias } => {
                let shape = self.shape(&o.name, shape);
                self.layer("conv", o, [weights, bias], &[&shape]);
            }
            Kernel::ConvDepthwise { shape, weights, bias } => {
                let shape = self.shape(&o.name, shape);
                self.layer("conv_depthwise", o, [weights, bias], &[&shape]);
            }
            Kernel::ConvTranspose { shape, weights, bias } => {
                let phases = self.phases(&o.name, shape);
                self.layer("conv_phases", o, [weights, bias], &[&phases]);
            }
            Kernel::Affine { scale, shift } => self.affine(o, scale, shift),
            Kernel::Unary(f) => self.function("unary", &[y], *f),
            Kernel::Slope(f) => self.function("slope", &[y, x], *f),
            Kernel::Score { family, wrt } => self.score(*family, *wrt, &o.sources, y),
            Kernel::Binary(s) => self.shaped("binary", &[y, x], o, s),
            Kernel::Strided(s) => self.shaped("strided_copy", &[x, y], o, s),
            Kernel::Copy => self.call("copy", &[x, y]),
            Kernel::Fill(value) => self.call("fill", &[y, &float(*value)]),
            Kernel::MatMul(s) => self.shaped("matmul", &[x, second, y], o, s),
            Kernel::Select => self.call("select", &[y, x, second]),
            Kernel::Reduce(by, s) => self.reduce(*by, o, s),
            Kernel::Softmax(s) => self.shaped("softmax", &[y], o, s),
            Kernel::LogSoftmax(s) => self.shaped("log_softmax", &[y], o, s),
            Kernel::Normalize(eps, s) => self.shaped("normalize", &[y, &float(*eps)], o, s),
            Kernel::RmsNormalize(eps, s) => self.shaped("rms_normalize", &[y, &float(*eps)], o, s),
            Kernel::CumSum { exclusive, reverse, along: s } => {
                self.shaped("cumsum", &[y, spelled(*exclusive), spelled(*reverse)], o, s);
            }
            Kernel::ArgExtreme { largest, last, along: s } => {
                self.shaped("arg_extreme", &[x, y, spelled(*largest), spelled(*last)], o, s);
            }
            Kernel::MaxPool(s) => self.shaped("max_pool", &[x, y], o, s),
            Kernel::AveragePool(mean, s) => self.average_pool(mean, o, s),
            Kernel::Take(indices, s) => self.take(indices, o, s),
            Kernel::TakeBy(s) => self.shaped("take_by", &[x, second, y], o, s),
            Kernel::TakeAlong { outputs, along: s } => {
                self.shaped("take_along", &[x, second, y, &outputs.to_string()], o, s);
            }
            Kernel::Resample { indices, weights, outputs, along: s } => {
                self.line(&format!("let weights = {};", (o.words)(weights)));
                let indices = self.indices(&o.name, indices);
                self.shaped("resample", &[x, &indices, "weights", y, &outputs.to_string()], o, s);
            }
            Kernel::Recurrent(layer) => self.recurrent(layer, o),
        }
    }

    /// Appends the call of a layer on the first source and output, with these ranges of its weights and bias;
    /// `more` are the arguments behind them.
    fn layer(&mut self, kernel: &str, o: &Operands, ranges: [&Range<usize>; 2], more: &[&str]) {
        let [weights, bias] = ranges.map(o.words);
        self.line(&format!("let (weights, bias) = ({weights}, {bias});"));
        self.call(kernel, &[&[o.source(0), "weights", "bias", o.target()], more].concat());
    }

    /// Appends the call of `affine` on the first output, with these ranges of the weights.
    fn affine(&mut self, o: &Operands, scale: &Range<usize>, shift: &Range<usize>) {
        let [scale, shift] = [scale, shift].map(o.words);
        self.line(&format!("let (scale, shift) = ({scale}, {shift});"));
        self.call("affine", &[o.target(), "scale", "shift"]);
    }

    /// Appends a call whose last argument is the elementwise function `f`.
    fn function(&mut self, kernel: &str, arguments: &[&str], f: Unary) {
        self.items.insert("Unary");
        self.call(kernel, &[arguments, &[&unary(f)]].concat());
    }

    /// Appends the call of `reduce`.
    fn reduce(&mut self, by: Reduction, o: &Operands, s: &Along) {
        self.items.insert("Reduction");
        let by = format!("Reduction::{by:?}");
        self.shaped("reduce", &[o.source(0), o.target(), &by], o, s);
    }

    /// Appends the call of `average_pool`, and a constant for its mean.
    fn average_pool(&mut self, mean: &Mean, o: &Operands, s: &PoolShape) {
        let mean = self.shape(&format!("{}_MEAN", o.name), mean);
        self.shaped("average_pool", &[o.source(0), o.target(), &mean], o, s);
    }

    /// Appends the call of `take`, and a constant with its indices.
    fn take(&mut self, indices: &[u32], o: &Operands, s: &Along) {
        let indices = self.indices(&o.name, indices);
        self.shaped("take", &[o.source(0), &indices, o.target()], o, s);
    }

    /// Appends the call of a recurrent layer, with constants for its cell and shape; outputs that it does not
    /// have are empty slices.
    fn recurrent(&mut self, layer: &Recurrent, o: &Operands) {
        let Recurrent { cell, shape, w, r, bias_w, bias_r, peepholes, sequence } = layer;
        self.items.extend(["Cell", "RecurrentMemory", "RecurrentWeights", "Unary"]);
        let (name, (variant, fields)) = (format!("{}_CELL", o.name), recurrence(*cell));
        let _ =
            writeln!(self.shapes, "\n{SKIP}const {name}: Cell = Cell::{variant} {{\n{fields}}};");
        let shape = self.shape(&o.name, shape);
        self.line("let weights = RecurrentWeights {");
        let parts = [("w", w), ("r", r), ("bias_w", bias_w), ("bias_r", bias_r)];
        for (name, range) in parts.into_iter().chain([("peepholes", peepholes)]) {
            self.line(&format!("    {name}: {},", (o.words)(range)));
        }
        self.line("};");
        let mut outputs = o.outputs.iter().map(String::as_str);
        let mut next =
            |wanted: bool| if wanted { outputs.next().unwrap_or("&mut []") } else { "&mut []" };
        let is_lstm = matches!(cell, Cell::Lstm { .. });
        let parts = [("h", true), ("c", is_lstm), ("y", *sequence), ("scratch", true)];
        self.line("let memory = RecurrentMemory {");
        for (name, wanted) in parts {
            self.line(&format!("    {name}: {},", next(wanted)));
        }
        self.line("};");
        self.call("recurrent", &[o.source(0), "&weights", &name, "memory", &shape]);
    }

    /// Appends statements that store a mark of the step in the workspace: the time of its end, or a checksum
    /// of everything it wrote.
    fn trace(&mut self, index: usize, step: &Step, names: &Names) {
        if names.trace == Trace::Ticks {
            self.line("let mark = (ws.now)();");
        } else {
            self.checksum(step, names);
        }
        self.line(&format!("ws.trace.iter_mut().skip({index}).take(1).for_each(|t| *t = mark);"));
    }

    /// Appends the statement that binds `mark` to the checksum of all outputs of the step.
    fn checksum(&mut self, step: &Step, names: &Names) {
        let written = step.outputs.iter().map(|target| match target {
            Buffer::Output(index) => names.read[*index].clone(),
            Buffer::Arena(range) => format!("kernels::part(&ws.arena, {range:?})"),
            Buffer::Input(_) | Buffer::Weights(_) => "&[]".into(), // only ever read
        });
        let written: Vec<String> = written.collect();
        self.line(&format!("let mark = crc32_of_floats(&[{}]);", written.join(", ")));
    }

    /// Appends the call of the function `kernel` of `elbow_core::kernels`, as [`call_of`](Self::call_of)
    /// does.
    fn call(&mut self, kernel: &str, arguments: &[&str]) {
        self.call_of("kernels", kernel, arguments);
    }

    /// Appends the call of a function of `module`. Where `self.counted` is set, the result of the call is
    /// added there, and `counted` becomes `None`.
    fn call_of(&mut self, module: &str, kernel: &str, arguments: &[&str]) {
        let call = format!("{module}::{kernel}({});", arguments.join(", "));
        match self.counted.take() {
            None => self.line(&call),
            Some(Hits::Variable) => self.line(&format!("hits += {call}")),
            Some(Hits::Workspace) => {
                self.line(&format!("let outside = {call}"));
                self.line("ws.clamp_hits = ws.clamp_hits.saturating_add(outside);");
            }
            Some(Hits::Saturated) => {
                self.line(&format!("let cut_off = {call}"));
                self.line("ws.saturated = ws.saturated.saturating_add(cut_off);");
            }
        }
    }

    /// Appends a line to the body, indented by four spaces.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "    {line}");
    }

    /// Appends a call whose last argument is a reference to a new constant with this shape.
    fn shaped(&mut self, kernel: &str, arguments: &[&str], o: &Operands, shape: &impl Literal) {
        let shape = self.shape(&o.name, shape);
        self.call(kernel, &[arguments, &[&shape]].concat());
    }

    /// Adds the constant `name` with this shape, a struct of `elbow_core::kernels`, and its imports. Returns
    /// the expression of a reference to it.
    fn shape(&mut self, name: &str, shape: &impl Literal) -> String {
        self.items.extend([shape.kind()].into_iter().chain(shape.items()));
        self.constant_of(shape.kind(), name, &shape.fields())
    }

    /// Adds the constant `name` of the struct `kind`, with these lines of fields. Returns the expression of a
    /// reference to it.
    fn constant_of(&mut self, kind: &str, name: &str, fields: &str) -> String {
        let _ = writeln!(self.shapes, "\n{SKIP}const {name}: {kind} = {kind} {{\n{fields}}};");
        format!("&{name}")
    }

    /// Adds the constant `name` with the phases of this shape, which the compiler computes from the constant
    /// `{name}_SHAPE`. Returns the expression of a reference to it.
    fn phases(&mut self, name: &str, shape: &ConvTransposeShape) -> String {
        let (own, count) = (format!("{name}_SHAPE"), shape.phase_count());
        self.items.insert("Phases");
        let of = self.shape(&own, shape);
        let _ = writeln!(self.shapes, "\n{SKIP}const {name}: Phases<{count}> = Phases::new({of});");
        format!("&{name}")
    }

    /// Adds the constant `{name}_INDICES` with these numbers, of which there is at least one. Returns the
    /// expression of a reference to it.
    fn indices(&mut self, name: &str, indices: &[u32]) -> String {
        self.table(&format!("{name}_INDICES"), "u32", indices)
    }

    /// Adds the constant `name`, an array of these numbers of the type `kind`, of which there is at least
    /// one. Returns the expression of a reference to it.
    fn table<T: std::fmt::Display>(&mut self, name: &str, kind: &str, numbers: &[T]) -> String {
        let (len, numbers) = (numbers.len(), array(numbers));
        let _ = writeln!(self.shapes, "\n{SKIP}const {name}: [{kind}; {len}] = {numbers};");
        format!("&{name}")
    }

    /// Expressions for the sources and outputs of a step; appends a statement that binds the parts of the
    /// arena among them to names.
    fn operands(&mut self, step: &Step, names: &Names) -> (Vec<String>, Vec<String>) {
        let parts = parts(step);
        let bound: Vec<String> = parts.iter().map(|(name, _)| name.clone()).collect();
        let ranges: Vec<String> = parts.iter().map(|(_, range)| format!("{range:?}")).collect();
        match (&bound[..], &ranges[..]) {
            ([], _) | (_, []) => {}
            ([name], [range]) if step.outputs.iter().any(is_arena) => {
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
        (step.sources.iter().map(source).collect(), step.outputs.iter().map(target).collect())
    }
}

/// The literal of a truth value.
fn spelled(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// The ranges of the arena that a step reads or writes, each once, with a name: `source` and `target`, with
/// the buffer's index behind it where the step has several.
fn parts(step: &Step) -> Vec<(String, &Range<usize>)> {
    let mut parts: Vec<(String, &Range<usize>)> = Vec::new();
    for (role, buffers) in [("source", &step.sources), ("target", &step.outputs)] {
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

/// Whether a buffer lies in the arena.
fn is_arena(buffer: &Buffer) -> bool {
    matches!(buffer, Buffer::Arena(_))
}

/// Whether code for the plan needs the workspace: for the arena, or to count indices outside their table or values
/// beyond their range.
pub(super) fn uses_workspace(plan: &Plan) -> bool {
    let reads_arena = |step: &Step| step.sources.iter().chain(&step.outputs).any(is_arena);
    looks_up(plan) || saturates(plan) || plan.steps.iter().any(reads_arena)
}

/// Whether a step of the plan makes integers of floats, which may be beyond their range.
pub(super) fn saturates(plan: &Plan) -> bool {
    plan.steps.iter().any(is_quantize)
}

/// Whether a step makes integers of floats.
fn is_quantize(step: &Step) -> bool {
    matches!(step.kernel, Kernel::Integer(Integer::Quantize { .. }))
}

/// Whether a step of the plan looks up computed indices, which may lie outside their table.
pub(super) fn looks_up(plan: &Plan) -> bool {
    let is_look_up =
        |step: &Step| matches!(step.kernel, Kernel::TakeBy(_) | Kernel::TakeAlong { .. });
    plan.steps.iter().any(is_look_up)
}
