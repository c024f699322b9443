//! Parameters, names and checks that several functions of a module share.

use super::parameters::Checked;
use crate::lower::Port;
use crate::model::Encoder;

/// The parameter of the workspace with its type: `ws`, or `_ws` where it is not used.
pub(super) fn workspace_parameter(used: bool) -> String {
    format!("{}: &mut Workspace", if used { "ws" } else { "_ws" })
}

/// `count` names: the bare `name` for one, otherwise `name` with 0, 1 and so on behind it.
pub(super) fn numbered(name: &str, count: usize) -> Vec<String> {
    match count {
        1 => vec![name.into()],
        _ => (0..count).map(|at| format!("{name}{at}")).collect(),
    }
}

/// Name of the observation, `x`, with the constant that holds its length, `OBSERVED` behind `prefix`.
pub(super) fn observed(prefix: &str) -> [(String, String); 1] {
    [("x".into(), format!("{prefix}OBSERVED"))]
}

/// Expressions of the lengths of the encoder's posteriors: `LATENT` for one, otherwise `LATENTS[0]` and so
/// on.
pub(super) fn latent_lens(encoder: &Encoder) -> Vec<String> {
    match encoder.latents.len() {
        1 => vec!["LATENT".into()],
        count => (0..count).map(|at| format!("LATENTS[{at}]")).collect(),
    }
}

/// The encoder's states: name with shape for documentation, and length. Empty without an encoder.
pub(super) fn states(encoder: Option<&Encoder>) -> Vec<(String, usize)> {
    let pairs = encoder.map(|encoder| (encoder, encoder.state_pairs()));
    let state = |(encoder, pairs): (&Encoder, Vec<(usize, usize)>)| {
        let ports = pairs.into_iter().map(|(input, _)| &encoder.plan.inputs[input]);
        let described = |port: &Port| format!("`{}` {:?}", port.name.escape_debug(), port.shape);
        ports.map(|port| (described(port), port.len())).collect()
    };
    pairs.map_or_else(Vec::new, state)
}

/// Statements that return an `error` where the pack is another model's, or where a value of `inputs` is not
/// finite (for an input that may be missing: infinite).
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

/// The statement that returns `error` with an index where the function `first` finds one in `values`;
/// `before` is added to the index.
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
