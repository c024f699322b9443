//! Implementations of the traits of `elbow_core::compiled` by the module's functions, for code that is generic over
//! models.

use super::parameters::{Array, Parameters};
use super::rust::{SKIP, float};
use super::text::{latent_lens, numbered};
use super::trace::Trace;
use crate::manifest::Window;
use crate::model::{Density, Encoder, Flow, Model};

/// The arrays of a call as a type of the module: `()` for none, one array itself, or a struct of several.
pub(super) struct Arrays {
    kind: String,
    is_struct: bool,
    /// Source of the struct; empty where the type is none.
    declared: String,
}

impl Arrays {
    /// The type of these arrays; `name` and `doc` are those of the struct, if it becomes one.
    pub(super) fn of(name: &str, doc: &str, arrays: &[Array]) -> Self {
        match arrays {
            [] => Self { kind: "()".into(), is_struct: false, declared: String::new() },
            [Array { kind, .. }] => {
                Self { kind: kind.clone(), is_struct: false, declared: String::new() }
            }
            _ => {
                let declared = structure(name, doc, arrays);
                Self { kind: name.into(), is_struct: true, declared }
            }
        }
    }

    /// The expression of the array `name`, by the variable that is a reference to all of them; `borrow` is
    /// put in front of a field of a struct, and the variable alone comes back for a single array.
    fn field(&self, borrow: &str, variable: &str, name: &str) -> String {
        if self.is_struct { format!("{borrow}{variable}.{name}") } else { variable.into() }
    }

    /// The expressions of the arrays with these names, each with a comma behind it.
    fn fields(&self, borrow: &str, variable: &str, names: &[String]) -> String {
        names.iter().map(|name| self.field(borrow, variable, name) + ", ").collect()
    }
}

/// Source of a struct of arrays, with its implementation of `Buffers`.
fn structure(name: &str, doc: &str, arrays: &[Array]) -> String {
    let all = |each: &dyn Fn(&Array) -> String| arrays.iter().map(each).collect::<String>();
    let fields =
        all(&|Array { name, kind, doc, .. }| format!("    /// {doc}\n    pub {name}: {kind},\n"));
    let zeros = all(&|Array { name, .. }| format!("{name}: compiled::Buffers::ZEROS, "));
    let each = |list: &dyn Fn(&Array) -> Vec<String>| -> String {
        arrays.iter().flat_map(list).collect::<Vec<_>>().join(", ")
    };
    let lens = each(&|array| vec![array.len.clone(); array.parts.len()]);
    let parts = |borrow: &str| {
        let part = |array: &Array, part: &&str| format!("{borrow}self.{}{part}[..]", array.name);
        each(&|array| array.parts.iter().map(|p| part(array, p)).collect())
    };
    format!(
        "
/// {doc}
#[derive(Clone, Debug)]
{SKIP}pub struct {name} {{
{fields}}}

{SKIP}impl compiled::Buffers for {name} {{
    const ZEROS: Self = Self {{ {zeros}}};
    const LENS: &'static [usize] = &[{lens}];

    fn parts(&self) -> impl Iterator<Item = &[f32]> {{
        [{}].into_iter()
    }}

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {{
        [{}].into_iter()
    }}
}}
",
        parts("&"),
        parts("&mut ")
    )
}

/// Contents of a type's implementation of `Compiled`.
struct Main<'m> {
    name: &'m str,
    doc: &'m str,
    kind: &'m str,
    inputs: &'m Arrays,
    outputs: &'m Arrays,
    error: &'m str,
    body: String,
}

impl Main<'_> {
    /// Source of the type, of the structs of its inputs and outputs, and of its implementation of `Compiled`.
    fn text(&self) -> String {
        let Self { name, doc, kind, inputs, outputs, error, body } = self;
        let variable = |arrays: &Arrays, name| if arrays.kind == "()" { "_" } else { name };
        let (x, y) = (variable(inputs, "inputs"), variable(outputs, "outputs"));
        format!(
            "{}{}
/// {doc}
#[derive(Clone, Copy, Debug)]
pub struct {name};

{SKIP}impl compiled::Compiled for {name} {{
    const NAME: &'static str = NAME;
    const FINGERPRINT: u64 = FINGERPRINT;
    type Kind = compiled::kind::{kind};
    type Workspace = Workspace;
    type Inputs = {};
    type Outputs = {};
    type Error = {error};

    fn run(pack: &Pack, ws: &mut Workspace, {x}: &Self::Inputs, {y}: &mut Self::Outputs) -> Result<(), {error}> {{
{body}    }}
}}
",
            inputs.declared, outputs.declared, inputs.kind, outputs.kind,
        )
    }
}

/// Source of the implementation of the trait `Workspace`, for this number of states; `hits` and `saturated` say
/// whether there are fields `clamp_hits` and `saturated`.
pub(super) fn workspace(states: usize, hits: bool, saturated: bool, trace: Trace) -> String {
    let mut text = format!(
        "
{SKIP}impl compiled::Workspace for Workspace {{
    const NEW: Self = Self::new();

    fn arena(&mut self) -> &mut [f32] {{
        &mut self.arena
    }}
"
    );
    if states > 0 {
        text += "\n    fn reset(&mut self) {\n        self.reset();\n    }\n";
    }
    if hits {
        text += "\n    fn clamp_hits(&self) -> u32 {\n        self.clamp_hits\n    }\n";
    }
    if saturated {
        text += "\n    fn saturated(&self) -> u32 {\n        self.saturated\n    }\n";
    }
    if trace.is_on() {
        text += "\n    fn trace(&self) -> &[u32] {\n        &self.trace\n    }\n";
    }
    if trace == Trace::Ticks {
        text +=
            "\n    fn set_clock(&mut self, now: fn() -> u32) {\n        self.now = now;\n    }\n";
    }
    text + "}\n"
}

/// Source of the type `Model` of a graph without roles.
pub(super) fn graph(inputs: &[Array], outputs: &[Array]) -> String {
    let names = |arrays: &[Array]| arrays.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
    let (x, y) = (names(inputs), names(outputs));
    let inputs = Arrays::of("Inputs", "What a call reads.", inputs);
    let outputs = Arrays::of("Outputs", "What a call gives.", outputs);
    let read = inputs.fields("&", "inputs", &x);
    let written = outputs.fields("&mut ", "outputs", &y);
    let body = format!("        run(pack, ws, {read}{})\n", written.trim_end_matches(", "));
    Main {
        name: "Model",
        doc: TYPE,
        kind: "GraphModel",
        inputs: &inputs,
        outputs: &outputs,
        error: "RunError",
        body,
    }
    .text()
}

const TYPE: &str = "The model as a type, for code that is generic over compiled models.";

/// Source of the type of a flow, called `name`; `prefix` stands before the names of its constants, and is
/// empty without an encoder.
pub(super) fn flow(flow: &Flow, name: &str, prefix: &str, parameters: &Parameters) -> String {
    let (struct_of_inputs, doc) = match prefix {
        "" => ("Inputs", TYPE),
        _ => ("FlowInputs", "The flow as a type, for code that is generic over compiled models."),
    };
    let inputs = Arrays::of(struct_of_inputs, "What the flow reads.", &parameters.arrays);
    let outputs = Arrays {
        kind: format!("compiled::Mapped<[f32; {prefix}LATENT]>"),
        is_struct: true,
        declared: String::new(),
    };
    let read = inputs.fields("&", "inputs", &parameters.names);
    let kind = if flow.has_log_prob() { "DensityModel" } else { "FlowModel" };
    let body =
        format!("        outputs.log = [flow(pack, ws, {read}&mut outputs.z)?];\n        Ok(())\n");
    let error = "RunError";
    let text = Main { name, doc, kind, inputs: &inputs, outputs: &outputs, error, body }.text();
    let method = |function: &str| {
        format!(
            "    fn {function}(pack: &Pack, ws: &mut Workspace, inputs: &Self::Inputs, z: &mut [f32; {prefix}LATENT]) -> Result<f32, RunError> {{
        {function}(pack, ws, {read}z)
    }}
"
        )
    };
    let density = match flow.density {
        Density::LogDet { standard_normal: true } => {
            format!("\n{SKIP}impl compiled::Density for {name} {{\n{}}}\n", method("log_prob"))
        }
        _ => String::new(),
    };
    format!(
        "{text}
{SKIP}impl compiled::Flow for {name} {{
    type Latent = [f32; {prefix}LATENT];

{}}}
{density}",
        method("flow")
    )
}

/// The contents of the type `Model` of a model with an encoder.
pub(super) struct Amortized<'m> {
    pub(super) encoder: &'m Encoder,
    pub(super) encode: &'m Parameters,
    /// Parameters of the decoder's function, the latents first.
    pub(super) decode: Option<&'m Parameters>,
    /// Whether there are functions that take an observation, and whether `refine` is one of them.
    pub(super) scored: bool,
    pub(super) refined: bool,
    /// Whether the manifest has a threshold.
    pub(super) threshold: bool,
    /// Inputs of encoder and decoder, in order.
    pub(super) inputs: Vec<Array>,
}

impl Amortized<'_> {
    /// Source of the type `Model` with its traits.
    pub(super) fn text(&self) -> String {
        let inputs = Arrays::of("Inputs", "What a call reads.", &self.inputs);
        let posteriors = posteriors(self.encoder);
        let q: Vec<String> = posteriors.iter().map(|array| array.name.clone()).collect();
        let outputs = Arrays::of("Posteriors", "What `encode` answers.", &posteriors);
        let read = inputs.fields("&", "inputs", &self.encode.names);
        let written = outputs.fields("&mut ", "outputs", &q);
        let body = format!("        encode(pack, ws, {read}{})\n", written.trim_end_matches(", "));
        let kind = match self.decode {
            _ if self.refined => "RefinedModel",
            _ if self.scored => "ScoredModel",
            Some(_) => "DecoderModel",
            None => "EncoderModel",
        };
        let main = Main {
            name: "Model",
            doc: TYPE,
            kind,
            inputs: &inputs,
            outputs: &outputs,
            error: "EncodeError",
            body,
        };
        let mut text = format!(
            "{}
{SKIP}impl compiled::Encoder for Model {{
    const OBSERVED: usize = OBSERVED;
    const LATENT: usize = LATENT;
}}
",
            main.text()
        );
        if let Some(decode) = self.decode {
            text += &self.decoder(&inputs, decode);
        }
        if self.refined {
            text += REFINED;
        }
        text
    }

    /// Source of the traits of a decoder: `Decoder`, and `Scored` where functions take an observation.
    /// `inputs` is the type of a call's inputs, `decode` holds the parameters of `decode`.
    fn decoder(&self, inputs: &Arrays, decode: &Parameters) -> String {
        let (z, conditions) = decode.arrays.split_at(self.encoder.latents.len());
        let names = |arrays: &[Array]| arrays.iter().map(|a| a.name.clone()).collect::<Vec<_>>();
        let latents = Arrays::of("Latents", "One latent vector per posterior.", z);
        let decoded = latents.fields("&", "z", &names(z));
        let given = inputs.fields("&", "inputs", &names(conditions));
        let variable = if conditions.is_empty() { "_" } else { "inputs" };
        let mut text = format!(
            "{}
{SKIP}impl compiled::Decoder for Model {{
    type Latents = {};
    type Mean = [f32; OBSERVED];

    fn decode(pack: &Pack, ws: &mut Workspace, {variable}: &Self::Inputs, z: &Self::Latents, x_mean: &mut Self::Mean) -> Result<(), DecodeError> {{
        decode(pack, ws, {decoded}{given}x_mean)
    }}
}}
",
            latents.declared, latents.kind
        );
        if self.scored {
            let x = inputs.field("&", "inputs", "x");
            let field = |array: &Array| {
                format!("{}: {}, ", array.name, inputs.field("&", "inputs", &array.name))
            };
            let fields: String = conditions.iter().map(field).collect();
            let threshold = if self.threshold { "Some(THRESHOLD)" } else { "None" };
            text += &format!(
                "
{SKIP}impl compiled::Scored for Model {{
    type Observation<'a> = Observation<'a>;
    const THRESHOLD: Option<f32> = {threshold};

    fn observation<'a>(pack: &'a Pack<'a>, ws: &'a mut Workspace, inputs: &'a Self::Inputs, x_mean: &'a mut Self::Mean) -> Observation<'a> {{
        Observation {{ pack, ws, x: {x}, {fields}x_mean }}
    }}

    fn score(pack: &Pack, ws: &mut Workspace, inputs: &Self::Inputs, q: &Self::Outputs, x_mean: &mut Self::Mean) -> Result<ElboTerms, DecodeError> {{
        score(pack, ws, {x}, {given}q, x_mean)
    }}

    fn generate(pack: &Pack, ws: &mut Workspace, {variable}: &Self::Inputs, (q, eps): (&Self::Outputs, &Self::Latents), z: &mut Self::Latents, x_mean: &mut Self::Mean) -> Result<(), DecodeError> {{
        generate(pack, ws, {given}q, eps, z, x_mean)
    }}
}}
"
            );
        }
        text
    }
}

const REFINED: &str = "
#[rustfmt::skip]
impl compiled::Refined for Model {
    const STEPS: u32 = REFINE_STEPS;

    fn refine(observation: &mut Observation<'_>, q: &mut Self::Outputs, steps: u32, stream: (u64, u64)) -> Result<Guarded, InferError> {
        refine(observation, q, steps, stream)
    }
}
";

/// The posteriors that `encode` writes, as arrays of two parts: means and log-variances.
fn posteriors(encoder: &Encoder) -> Vec<Array> {
    let lens = latent_lens(encoder);
    let names = numbered("q", lens.len());
    let array = |(name, len): (String, String)| Array {
        kind: match encoder.latents.len() {
            1 => format!("DiagNormal<{len}>"),
            _ => format!("DiagNormal<{{ {len} }}>"),
        },
        doc: "A posterior.".into(),
        parts: vec![".loc", ".log_var"],
        name,
        len,
    };
    names.into_iter().zip(lens).map(array).collect()
}

/// Source of the implementation of `Windowed`, which makes observations of raw readings; empty without a
/// window.
pub(super) fn windowed(model: &Model) -> String {
    let Some(window) = &model.window else { return String::new() };
    let missing = if window.max_missing > 0 { ", MAX_MISSING" } else { "" };
    let sensed = sensed(window);
    format!(
        "
{SKIP}impl compiled::Windowed for Model {{
    type Window = Window<CHANNELS, LENGTH, HOP{missing}>;
    type Reading = [f32; CHANNELS];
    const WINDOW: Self::Window = Window::new();
{sensed}
    fn push(window: &mut Self::Window, reading: Self::Reading) -> Result<bool, WindowError> {{
        window.push(reading)
    }}

    fn observe(window: &Self::Window, inputs: &mut Self::Inputs) -> Result<(), WindowError> {{
        window.observation(&NORMALIZATION, compiled::Buffers::first_mut(inputs))
    }}
}}
"
    )
}

/// Source of the constants of `Windowed` that say what the sensor of the readings gives: those that the manifest
/// names, a line each.
fn sensed(window: &Window) -> String {
    let rate = window.rate.map(|rate| ("RATE", "f32", float(rate as f32)));
    let unit = window.unit.as_ref().map(|unit| ("UNIT", "&'static str", format!("{unit:?}")));
    let range = window
        .range
        .map(|[lo, hi]| ("RANGE", "[f32; 2]", format!("[{}, {}]", float(lo), float(hi))));
    let line = |(name, kind, value)| format!("    const {name}: Option<{kind}> = Some({value});\n");
    [rate, unit, range].into_iter().flatten().map(line).collect()
}
