//! What generated functions take besides pack and workspace.

use super::rust::array;
use crate::lower::{Plan, Port};
use crate::model::{Model, Role};

/// Conditions and noise of all graphs of a model: those of one name are one.
#[derive(Debug, Default)]
pub(super) struct Shared {
    conditions: Vec<Port>,
    noise: Vec<Port>,
    /// Names of inputs that may hold NaN.
    missing: Vec<String>,
}

/// The inputs of one plan as parameters of its function.
pub(super) struct Parameters {
    /// What the plan's inputs are called in the function's body.
    pub(super) inputs: Vec<String>,
    /// Names of the parameters, in order; states are none.
    pub(super) names: Vec<String>,
    /// With their types.
    pub(super) typed: Vec<String>,
    /// What they refer to.
    pub(super) arrays: Vec<Array>,
    /// Values in front of each, through all parameters.
    pub(super) before: Vec<usize>,
    /// Which of them may hold NaN.
    pub(super) missing: Vec<bool>,
    /// Lines of the function's documentation on conditions and noise.
    pub(super) docs: String,
}

/// Memory of a call.
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
    pub(super) fn of(model: &Model) -> Self {
        let mut shared = Self { missing: model.missing.clone(), ..Self::default() };
        for part in model.graphs.parts().graphs() {
            for (port, role) in part.plan.inputs.iter().zip(part.roles) {
                let list = match role {
                    Role::Condition => &mut shared.conditions,
                    Role::Eps => &mut shared.noise,
                    _ => continue,
                };
                if list.iter().all(|other| other.name != port.name) {
                    list.push(port.clone());
                }
            }
        }
        shared
    }

    /// Documentation, name with type, and value of the constants with the lengths.
    pub(super) fn constants(&self) -> Vec<(&'static str, String, String)> {
        let lists = [
            ("Values of each condition.", "CONDITIONS", &self.conditions),
            ("Values of each noise input.", "EPS", &self.noise),
        ];
        let given = lists.into_iter().filter(|(_, _, ports)| !ports.is_empty());
        let constant = |(doc, name, ports): (_, _, &Vec<Port>)| {
            let lens: Vec<usize> = ports.iter().map(Port::len).collect();
            (doc, format!("{name}: [usize; {}]", lens.len()), array(&lens))
        };
        given.map(constant).collect()
    }

    /// The inputs of `plan`; `own` gives name and length of those that are neither shared nor state.
    pub(super) fn parameters(
        &self,
        plan: &Plan,
        roles: &[Role],
        own: &[(String, String)],
    ) -> Parameters {
        let (mut own, mut states) = (own.iter(), 0..);
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
        for (port, role) in plan.inputs.iter().zip(roles) {
            let shared = |list: &[Port]| list.iter().position(|other| other.name == port.name);
            let (name, len, what) = match role {
                Role::State => {
                    let state = states.next().unwrap_or(0);
                    parameters.inputs.push(format!("&ws.state_{state}"));
                    continue;
                }
                Role::Condition => {
                    let at = shared(&self.conditions).unwrap_or(0);
                    (format!("c{at}"), format!("CONDITIONS[{at}]"), Some("condition"))
                }
                Role::Eps => {
                    let at = shared(&self.noise).unwrap_or(0);
                    (format!("eps{at}"), format!("EPS[{at}]"), Some("noise"))
                }
                _ => {
                    let (name, len) = own.next().cloned().unwrap_or_default();
                    (name, len, None)
                }
            };
            if let Some(what) = what {
                let (input, shape) = (port.name.escape_debug(), &port.shape);
                parameters.docs += &format!("/// - `{name}`: {what} `{input}` {shape:?}\n");
            }
            let doc = match what {
                Some(what) => format!("The {what} `{}`.", port.name.escape_debug()),
                None => "What the model is asked about.".into(),
            };
            parameters.inputs.push(name.clone());
            parameters.typed.push(format!("{name}: &[f32; {len}]"));
            parameters.arrays.push(Array::of(name.clone(), doc, len));
            parameters.names.push(name);
            parameters.before.push(before);
            parameters.missing.push(self.missing.contains(&port.name));
            before += port.len();
        }
        parameters
    }
}

impl Parameters {
    /// What it and `other` take, besides what `other` alone takes as its own: the observation, conditions,
    /// noise, each in the order of the numbers.
    pub(super) fn with(&self, other: Option<&Self>) -> Vec<Array> {
        let others = other.iter().flat_map(|other| &other.arrays);
        let others = others.filter(|array| !array.name.starts_with('z'));
        let mut all = self.arrays.clone();
        for array in others {
            if !all.contains(array) {
                all.push(array.clone());
            }
        }
        all.sort_by_key(|array| {
            let kind = array.name.trim_end_matches(|c: char| c.is_ascii_digit());
            let number = array.name[kind.len()..].parse().unwrap_or(0u32);
            (["x", "c", "eps"].iter().position(|other| *other == kind), number)
        });
        all
    }

    /// The documentation with an empty line in front, if there is any.
    pub(super) fn documented(&self) -> String {
        if self.docs.is_empty() { String::new() } else { format!("///\n{}", self.docs) }
    }

    /// What is checked of each.
    pub(super) fn checked(&self) -> Vec<Checked<'_>> {
        let places = self.before.iter().zip(&self.missing);
        let all = self.names.iter().zip(places);
        all.map(|(name, (before, missing))| Checked { name, before: *before, missing: *missing })
            .collect()
    }
}
