//! Pieces of Rust source. Items that rustfmt would lay out in another way tell it to leave them alone.

use super::trace::Trace;
use std::collections::BTreeSet;
use std::fmt::Write;

/// In front of an item that rustfmt leaves as it is. An attribute of the whole module would have to be an
/// inner one, which `include!` refuses.
pub(super) const SKIP: &str = "#[rustfmt::skip]\n";

/// Numbers in a line of a table.
const PER_LINE: usize = 16;

/// A literal that reads back as exactly this number.
pub(super) fn float(value: f32) -> String {
    match value {
        f32::INFINITY => "f32::INFINITY".into(),
        f32::NEG_INFINITY => "f32::NEG_INFINITY".into(),
        _ if value.is_nan() => "f32::NAN".into(),
        _ => format!("{value:?}"),
    }
}

/// A fingerprint as a literal.
pub(super) fn hexadecimal(value: u64) -> String {
    let part = |shift: u32| (value >> shift) & 0xffff;
    format!("0x{:04x}_{:04x}_{:04x}_{:04x}", part(48), part(32), part(16), part(0))
}

/// A branch of the module's imports, nothing for no names.
pub(super) fn imports(path: &str, names: &[&str]) -> String {
    match names {
        [] => String::new(),
        ["self"] => format!("    {path},\n"),
        [name] => format!("    {path}::{name},\n"),
        names => format!("    {path}::{{{}}},\n", names.join(", ")),
    }
}

/// The module's imports of these branches.
pub(super) fn use_core(branches: &str) -> String {
    format!("{SKIP}use elbow_core::{{\n{branches}}};\n\n")
}

/// The right side of an array constant of whole numbers.
pub(super) fn array(numbers: &[impl ToString]) -> String {
    let lines = numbers.chunks(PER_LINE).map(|line| {
        let line: Vec<String> = line.iter().map(ToString::to_string).collect();
        line.join(", ")
    });
    let lines: Vec<String> = lines.collect();
    match &lines[..] {
        [line] => format!("[{line}]"),
        lines => format!("[\n    {},\n]", lines.join(",\n    ")),
    }
}

/// A function's head up to its opening brace.
pub(super) fn signature(name: &str, parameters: &[String], result: &str) -> String {
    let parameters: String =
        parameters.iter().map(|parameter| format!("    {parameter},\n")).collect();
    format!("{SKIP}pub fn {name}(\n{parameters}) -> {result} {{\n")
}

/// What every generated module has: constants and workspace. A state has a description and a length,
/// a parameter of the likelihood a name and a length; `trace` is kept of so many `steps`.
pub(super) fn workspace(
    constants: &[(&str, String, String)],
    arena: usize,
    states: &[(String, usize)],
    parameters: &[(&str, usize)],
    trace: Trace,
    steps: usize,
    hits: Option<&str>,
) -> String {
    let mut text = String::new();
    for (doc, name, value) in constants {
        let _ = writeln!(text, "/// {doc}\npub const {name} = {value};");
    }
    let each = |line: &dyn Fn(usize, &str, usize) -> String| -> String {
        states.iter().enumerate().map(|(at, (what, len))| line(at, what, *len)).collect()
    };
    let fields = each(&|at, what, len| {
        format!(
            "    /// State {what}.
    pub state_{at}: [f32; {len}],
    /// The same after the current call.
    pub next_{at}: [f32; {len}],
"
        )
    });
    let (kept, no_trace) = trace_fields(trace, steps);
    let given: String = parameters
        .iter()
        .map(|(name, len)| {
            format!(
                "    /// The likelihood's parameter, as `decode` last gave it.\n    pub {name}: [f32; {len}],\n"
            )
        })
        .collect();
    let not_given: String = parameters
        .iter()
        .map(|(name, len)| format!("            {name}: [0.0; {len}],\n"))
        .collect();
    let no_hits = hits.map_or("", |_| "            clamp_hits: 0,\n");
    let hits =
        hits.map_or_else(String::new, |doc| format!("    /// {doc}\n    pub clamp_hits: u32,\n"));
    let no_state = each(&|at, _, len| {
        format!("            state_{at}: [0.0; {len}],\n            next_{at}: [0.0; {len}],\n")
    });
    let reset = match states {
        [] => String::new(),
        _ => format!(
            "
    /// Zeros the state: the next call is the first of a sequence.
    pub fn reset(&mut self) {{
{}    }}
",
            each(&|at, _, len| format!("        self.state_{at} = [0.0; {len}];\n"))
        ),
    };
    let scratch = match states {
        [] => "Scratch memory; a static of it serves every call.",
        _ => "State and scratch memory; one for every sequence of calls.",
    };
    let _ = write!(
        text,
        "\
/// Floats of the arena.
pub const ARENA: usize = {arena};

/// {scratch}
pub struct Workspace {{
    /// Intermediate values.
    pub arena: [f32; ARENA],
{hits}{kept}{given}{fields}}}

{SKIP}impl Workspace {{
    /// Zeros.
    pub const fn new() -> Self {{
        Self {{
            arena: [0.0; ARENA],
{no_hits}{no_trace}{not_given}{no_state}        }}
    }}
{reset}}}

impl Default for Workspace {{
    fn default() -> Self {{
        Self::new()
    }}
}}
"
    );
    text
}

/// Fields of the workspace for what is kept of the steps, and their first values.
fn trace_fields(trace: Trace, steps: usize) -> (String, String) {
    let fields = |doc: &str| format!("    /// {doc}\n    pub trace: [u32; {steps}],\n");
    let values = format!("            trace: [0; {steps}],\n");
    match trace {
        Trace::Off => Default::default(),
        Trace::Checksums => (fields("Checksums of what the steps wrote."), values),
        Trace::Ticks => (
            fields("When the steps ended.") + "    /// The clock.\n    pub now: fn() -> u32,\n",
            values + "            now: || 0,\n",
        ),
    }
}

/// Items of `elbow_core::kernels` that a module names.
pub(super) fn kernel_imports(items: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = ["self"].into_iter().chain(items.iter().copied()).collect();
    imports("kernels", &names)
}

/// What a traced module imports besides.
pub(super) fn trace_import(trace: Trace) -> &'static str {
    if trace == Trace::Checksums { "    checksum::crc32_of_floats,\n" } else { "" }
}
