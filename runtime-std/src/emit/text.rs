//! Lines that several functions of a module share: parameters, names, and checks of what they are given.

use super::parameters::Checked;
use crate::lower::Port;
use crate::model::Encoder;

/// A workspace's parameter; its name says whether it is used.
pub(super) fn workspace_parameter(used: bool) -> String {
    format!("{}: &mut Workspace", if used { "ws" } else { "_ws" })
}

/// Names with a number where there are several: `q`, or `q0` and `q1`.
pub(super) fn numbered(name: &str, count: usize) -> Vec<String> {
    match count {
        1 => vec![name.into()],
        _ => (0..count).map(|at| format!("{name}{at}")).collect(),
    }
}

/// Name and length of the observation; `prefix` stands before the constant.
pub(super) fn observed(prefix: &str) -> [(String, String); 1] {
    [("x".into(), format!("{prefix}OBSERVED"))]
}

/// Lengths of the latents, as constants.
pub(super) fn latent_lens(encoder: &Encoder) -> Vec<String> {
    match encoder.latents.len() {
        1 => vec!["LATENT".into()],
        count => (0..count).map(|at| format!("LATENTS[{at}]")).collect(),
    }
}

/// The encoder's states: name and shape for people, and length.
pub(super) fn states(encoder: Option<&Encoder>) -> Vec<(String, usize)> {
    let pairs = encoder.map(|encoder| (encoder, encoder.state_pairs()));
    let state = |(encoder, pairs): (&Encoder, Vec<(usize, usize)>)| {
        let ports = pairs.into_iter().map(|(input, _)| &encoder.plan.inputs[input]);
        let described = |port: &Port| format!("`{}` {:?}", port.name.escape_debug(), port.shape);
        ports.map(|port| (described(port), port.len())).collect()
    };
    pairs.map_or_else(Vec::new, state)
}

/// Checks of the pack and of inputs, each with the number of values in front of it.
pub(super) fn checks(error: &str, inputs: &[Checked<'_>]) -> String {
    let mut text = format!(
        "    if pack.fingerprint() != FINGERPRINT || pack.floats().len() != WEIGHTS {{
        return Err({error}::WrongPack);
    }}
"
    );
    for Checked { name, before, missing } in inputs {
        let first = if *missing { "first_infinite" } else { "first_non_finite" };
        text += &refuse(first, name, *before, &format!("{error}::NonFiniteInput"));
    }
    text
}

/// Refuses the first of `values` that `first` finds, with `before` values in front of them.
pub(super) fn refuse(first: &str, values: &str, before: usize, error: &str) -> String {
    let offset = match before {
        0 => String::new(),
        before => format!(".map(|index| {before} + index)"),
    };
    format!(
        "    if let Some(index) = {first}({values}){offset} {{
        return Err({error} {{ index }});
    }}
"
    )
}
