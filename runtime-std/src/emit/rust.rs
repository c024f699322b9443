//! Pieces of Rust source. Items that rustfmt would lay out in another way tell it to leave them alone.

use super::trace::Trace;
use std::collections::BTreeSet;
use std::f32::consts;

/// In front of an item that rustfmt leaves as it is. An attribute of the whole module would have to be an
/// inner one, which `include!` refuses.
pub(super) const SKIP: &str = "#[rustfmt::skip]\n";

/// Numbers in a line of a table.
const PER_LINE: usize = 16;

/// Constants of mathematics that a lint would see in numbers which are nearly equal.
const FAMOUS: [f32; 20] = [
    consts::E,
    consts::FRAC_1_PI,
    consts::FRAC_1_SQRT_2,
    consts::FRAC_2_PI,
    consts::FRAC_2_SQRT_PI,
    consts::FRAC_PI_2,
    consts::FRAC_PI_3,
    consts::FRAC_PI_4,
    consts::FRAC_PI_6,
    consts::FRAC_PI_8,
    consts::LN_2,
    consts::LN_10,
    consts::LOG10_2,
    consts::LOG10_E,
    consts::LOG2_10,
    consts::LOG2_E,
    consts::PI,
    consts::SQRT_2,
    consts::TAU,
    1.618_034,
];

/// The expression of a number; its value is exactly this one, except that every NaN becomes `f32::NAN`. Bits instead of
/// digits where a lint of the user's would ask for a constant's name.
pub(super) fn float(value: f32) -> String {
    let is_famous = |constant: &f32| (value.abs() - constant).abs() < 1e-3 * constant;
    match value {
        f32::INFINITY => "f32::INFINITY".into(),
        f32::NEG_INFINITY => "f32::NEG_INFINITY".into(),
        _ if value.is_nan() => "f32::NAN".into(),
        _ if FAMOUS.iter().any(is_famous) => format!("f32::from_bits({:#x})", value.to_bits()),
        _ => format!("{value:?}"),
    }
}

/// The hexadecimal literal of all 64 bits, in four groups.
pub(super) fn hexadecimal(value: u64) -> String {
    let part = |shift: u32| (value >> shift) & 0xffff;
    format!("0x{:04x}_{:04x}_{:04x}_{:04x}", part(48), part(32), part(16), part(0))
}

/// A line of the module's `use` item, with these names of the module `path`; empty for no names.
pub(super) fn imports(path: &str, names: &[&str]) -> String {
    match names {
        [] => String::new(),
        ["self"] => format!("    {path},\n"),
        [name] => format!("    {path}::{name},\n"),
        names => format!("    {path}::{{{}}},\n", names.join(", ")),
    }
}

/// The `use` item of the module, with these lines, and an empty line behind it.
pub(super) fn use_core(branches: &str) -> String {
    format!("{SKIP}use elbow_core::{{\n{branches}}};\n\n")
}

/// The literal of an array of whole numbers, in one line or in lines of 16; `numbers` is not empty.
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

/// The head of a public function, from its attribute to its opening brace.
pub(super) fn signature(name: &str, parameters: &[String], result: &str) -> String {
    let parameters: String =
        parameters.iter().map(|parameter| format!("    {parameter},\n")).collect();
    format!("{SKIP}pub fn {name}(\n{parameters}) -> {result} {{\n")
}

/// The head of a private function that is never inlined, from its attributes to its opening brace.
pub(super) fn apart(name: &str, parameters: &[String], result: &str) -> String {
    let parameters: String =
        parameters.iter().map(|parameter| format!("    {parameter},\n")).collect();
    format!("{SKIP}#[inline(never)]\nfn {name}(\n{parameters}) -> {result} {{\n")
}

/// Source of public constants, each given as documentation, name with type, and value.
pub(super) fn constants(constants: &[(&str, String, String)]) -> String {
    let line = |(doc, name, value): &(&str, String, String)| {
        format!("/// {doc}\npub const {name} = {value};\n")
    };
    constants.iter().map(line).collect()
}

/// Fields of a workspace besides the arena.
pub(super) struct Workspace<'a> {
    /// Floats of the arena.
    pub(super) arena: usize,
    /// Name and shape of each state for people, and its length.
    pub(super) states: &'a [(String, usize)],
    /// Parameters of the likelihood that the decoder computes, with their lengths.
    pub(super) parameters: &'a [(&'static str, usize)],
    pub(super) trace: Trace,
    /// Steps that are traced.
    pub(super) steps: usize,
    /// Documentation of the field `clamp_hits`; `None` without this field.
    pub(super) hits: Option<&'static str>,
    /// Documentation of the field `saturated`; `None` without this field.
    pub(super) saturated: Option<&'static str>,
}

/// A field of the workspace: documentation, name, type, and its first value.
type Field = (String, String, String, String);

impl Workspace<'_> {
    /// Source of the constant `ARENA` and of the struct `Workspace` with its implementations.
    pub(super) fn text(&self) -> String {
        let fields: Vec<Field> = self.counts().chain(self.trace()).chain(self.kept()).collect();
        let declared =
            |(doc, name, kind, _): &Field| format!("    /// {doc}\n    pub {name}: {kind},\n");
        let zero = |(_, name, _, zero): &Field| format!("            {name}: {zero},\n");
        let (declared, zeros): (String, String) =
            (fields.iter().map(declared).collect(), fields.iter().map(zero).collect());
        let scratch = match self.states {
            [] => "Scratch memory; a static of it serves every call.",
            _ => "State and scratch memory; one for every sequence of calls.",
        };
        let (arena, reset) = (self.arena, self.reset());
        format!(
            "\
/// Floats of the arena.
pub const ARENA: usize = {arena};

/// {scratch}
pub struct Workspace {{
    /// Intermediate values.
    pub arena: [f32; ARENA],
{declared}}}

{SKIP}impl Workspace {{
    /// Zeros.
    pub const fn new() -> Self {{
        Self {{
            arena: [0.0; ARENA],
{zeros}        }}
    }}
{reset}}}

impl Default for Workspace {{
    fn default() -> Self {{
        Self::new()
    }}
}}
"
        )
    }

    /// The fields `clamp_hits` and `saturated`, each if there is one.
    fn counts(&self) -> impl Iterator<Item = Field> {
        let named = [(self.hits, "clamp_hits"), (self.saturated, "saturated")];
        named.into_iter().filter_map(|(doc, name)| Some(field(doc?, name, "u32", "0")))
    }

    /// The fields that keep marks of the steps; none where nothing is traced.
    fn trace(&self) -> Vec<Field> {
        let trace = |doc| array_field(doc, "trace", "u32", self.steps);
        match self.trace {
            Trace::Off => Vec::new(),
            Trace::Checksums => vec![trace("Checksums of what the steps wrote.")],
            Trace::Ticks => vec![
                trace("When the steps ended."),
                field("The clock.", "now", "fn() -> u32", "|| 0"),
            ],
        }
    }

    /// The fields of parameters of the likelihood, then of states, two for each.
    fn kept(&self) -> Vec<Field> {
        let doc = "The likelihood's parameter, as `decode` last gave it.";
        let parameter = |(name, len): &(&str, usize)| array_field(doc, name, "f32", *len);
        let state = |(at, (what, len)): (usize, &(String, usize))| {
            let after = "The same after the current call.";
            [
                array_field(&format!("State {what}."), &format!("state_{at}"), "f32", *len),
                array_field(after, &format!("next_{at}"), "f32", *len),
            ]
        };
        let states = self.states.iter().enumerate().flat_map(state);
        self.parameters.iter().map(parameter).chain(states).collect()
    }

    /// Source of the method `reset`; empty without states.
    fn reset(&self) -> String {
        if self.states.is_empty() {
            return String::new();
        }
        let states = self.states.iter().enumerate();
        let zero = |(at, (_, len)): (usize, &(String, usize))| {
            format!("        self.state_{at} = [0.0; {len}];\n")
        };
        format!(
            "
    /// Zeros the state: the next call is the first of a sequence.
    pub fn reset(&mut self) {{
{}    }}
",
            states.map(zero).collect::<String>()
        )
    }
}

/// A field from its documentation, name, type, and first value.
fn field(doc: &str, name: &str, kind: &str, zero: &str) -> Field {
    (doc.into(), name.into(), kind.into(), zero.into())
}

/// A field that is an array of `len` numbers of the type `kind`, all 0 at first.
fn array_field(doc: &str, name: &str, kind: &str, len: usize) -> Field {
    let zero = if kind == "f32" { "0.0" } else { "0" };
    field(doc, name, &format!("[{kind}; {len}]"), &format!("[{zero}; {len}]"))
}

/// The line of the `use` item for `elbow_core::kernels` itself and these of its items.
pub(super) fn kernel_imports(items: &BTreeSet<&str>) -> String {
    let names: Vec<&str> = ["self"].into_iter().chain(items.iter().copied()).collect();
    imports("kernels", &names)
}

/// The line of the `use` item for checksums; empty where none are taken.
pub(super) fn trace_import(trace: Trace) -> &'static str {
    if trace == Trace::Checksums { "    checksum::crc32_of_floats,\n" } else { "" }
}
