//! Parameters of generated functions besides pack and workspace.

use super::detector;
use super::rust::array;
use crate::lower::plan::Integer;
use crate::lower::{Kernel, Step};
use crate::model::{Argument, Input, Model, Part, Signature};

/// Conditions and noise of all graphs of a model, as its signature numbers them.
pub(super) struct Shared {
    signature: Signature,
    /// Names of inputs that may hold NaN.
    missing: Vec<String>,
    /// Whether the workspace counts the values that integers could not hold: for a detector alone.
    pub(super) saturates: bool,
}

/// The inputs of one plan as parameters of its function.
pub(super) struct Parameters {
    /// Expressions for the plan's inputs in the function's body.
    pub(super) inputs: Vec<String>,
    /// Names of the parameters, in order; a state is not a parameter.
    pub(super) names: Vec<String>,
    /// Names with types.
    pub(super) typed: Vec<String>,
    /// The arrays that they refer to.
    pub(super) arrays: Vec<Array>,
    /// For each, the number of values in all parameters before it.
    pub(super) before: Vec<usize>,
    /// Which of them may hold NaN.
    pub(super) missing: Vec<bool>,
    /// Lines of the function's documentation on conditions and noise.
    pub(super) docs: String,
}

/// An array that a call reads or writes.
#[derive(Clone, PartialEq)]
pub(super) struct Array {
    pub(super) name: String,
    pub(super) kind: String,
    /// Its documentation.
    pub(super) doc: String,
    /// Its length, or that of each of its parts.
    pub(super) len: String,
    /// Fields that are arrays, with the point in front; an array is its own only part.
    pub(super) parts: Vec<&'static str>,
}

impl Array {
    /// An array of `len` floats, where `len` is an expression.
    pub(super) fn of(name: String, doc: String, len: String) -> Self {
        Self { name, kind: format!("[f32; {len}]"), doc, len, parts: vec![""] }
    }
}

/// An input whose values are checked.
pub(super) struct Checked<'a> {
    pub(super) name: &'a str,
    /// Values in front of it, through all inputs.
    pub(super) before: usize,
    /// Whether it may hold NaN.
    pub(super) missing: bool,
}

impl Shared {
    /// Conditions, noise and inputs that may hold NaN of a model.
    pub(super) fn of(model: &Model) -> Self {
        let steps = model.graphs.parts().plans().flat_map(|(_, plan)| &plan.steps);
        let is_quantizing =
            |step: &Step| matches!(step.kernel, Kernel::Integer(Integer::Quantize { .. }));
        Self {
            signature: model.signature(),
            missing: model.missing.clone(),
            saturates: detector::calibration(model).is_some()
                && steps.into_iter().any(is_quantizing),
        }
    }

    /// The constants `CONDITIONS` and `EPS` with the lengths of conditions and noise, each as documentation,
    /// name with type, and value; left out where the model has none.
    pub(super) fn constants(&self) -> Vec<(&'static str, String, String)> {
        let lens = |of: fn(Argument) -> bool| -> Vec<usize> {
            let inputs = self.signature.inputs.iter();
            inputs.filter(|input| of(input.argument)).map(Input::len).collect()
        };
        let conditions = lens(|argument| matches!(argument, Argument::Condition(_)));
        let noise = lens(|argument| matches!(argument, Argument::Noise(_)));
        let lists = [
            ("Values of each condition.", "CONDITIONS", conditions),
            ("Values of each noise input.", "EPS", noise),
        ];
        let given = lists.into_iter().filter(|(_, _, lens)| !lens.is_empty());
        given
            .map(|(doc, name, lens)| {
                (doc, format!("{name}: [usize; {}]", lens.len()), array(&lens))
            })
            .collect()
    }

    /// The inputs of a graph's plan as parameters; `own` gives name and length of those that are neither
    /// shared nor state, in their order.
    pub(super) fn parameters(&self, part: Part<'_>, own: &[(String, String)]) -> Parameters {
        let mut parameters = Parameters {
            inputs: Vec::new(),
            names: Vec::new(),
            typed: Vec::new(),
            arrays: Vec::new(),
            before: Vec::new(),
            missing: Vec::new(),
            docs: String::new(),
        };
        let mut before = 0;
        for (port, argument) in self.signature.arguments(part) {
            if let Argument::State(at) = argument {
                parameters.inputs.push(format!("&ws.state_{at}"));
                continue;
            }
            let array = array_of(argument, &port.name, own);
            if let Some(what) = shared(argument) {
                let (name, input, shape) = (&array.name, port.name.escape_debug(), &port.shape);
                parameters.docs += &format!("/// - `{name}`: {what} `{input}` {shape:?}\n");
            }
            let Array { name, len, .. } = &array;
            parameters.inputs.push(name.clone());
            parameters.typed.push(format!("{name}: &[f32; {len}]"));
            parameters.names.push(name.clone());
            parameters.arrays.push(array);
            parameters.before.push(before);
            parameters.missing.push(self.missing.contains(&port.name));
            before += port.len();
        }
        parameters
    }

    /// The arrays that an inference reads, in order; `own` gives name and length of the observation.
    pub(super) fn of_call(&self, own: &[(String, String)]) -> Vec<Array> {
        let inputs = self.signature.call();
        inputs.map(|input| array_of(input.argument, &input.name, own)).collect()
    }
}

/// The array of an argument of a plan, for an input called `input` in the file; `own` gives names and lengths
/// of observation and latents, which an argument counts; beyond them both are empty.
fn array_of(argument: Argument, input: &str, own: &[(String, String)]) -> Array {
    let (name, len) = match argument {
        Argument::Condition(at) => (format!("c{at}"), format!("CONDITIONS[{at}]")),
        Argument::Noise(at) => (format!("eps{at}"), format!("EPS[{at}]")),
        Argument::Own(at) | Argument::State(at) => own.get(at).cloned().unwrap_or_default(),
    };
    let doc = match shared(argument) {
        Some(what) => format!("The {what} `{}`.", input.escape_debug()),
        None => "What the model is asked about.".into(),
    };
    Array::of(name, doc, len)
}

/// `condition` or `noise`; `None` for an argument that the graphs do not share.
fn shared(argument: Argument) -> Option<&'static str> {
    match argument {
        Argument::Condition(_) => Some("condition"),
        Argument::Noise(_) => Some("noise"),
        Argument::Own(_) | Argument::State(_) => None,
    }
}

impl Parameters {
    /// The lines of documentation with an empty one in front; empty where there are none.
    pub(super) fn documented(&self) -> String {
        if self.docs.is_empty() { String::new() } else { format!("///\n{}", self.docs) }
    }

    /// The parameters in order, for the checks of their values.
    pub(super) fn checked(&self) -> Vec<Checked<'_>> {
        let places = self.before.iter().zip(&self.missing);
        let all = self.names.iter().zip(places);
        all.map(|(name, (before, missing))| Checked { name, before: *before, missing: *missing })
            .collect()
    }
}
