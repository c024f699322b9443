//! What shows that a graph is a flow.

use super::inputs::{self, Inputs, Named};
use super::{Decision, quoted};
use crate::import::{Graph, ValueId};
use crate::manifest::InputRole;
use crate::model::names::{is_log_det, is_log_q};

/// Roles of a flow.
pub(super) struct Flow {
    pub inputs: Inputs,
    pub z: Named,
    /// `log_det` or `log_q`.
    pub density: &'static str,
    pub log: Named,
}

/// The roles of a flow, if the graph is one: two outputs, one of them a single number. Its name must
/// say that it is a density.
pub(super) fn flow(graph: &Graph) -> Option<Result<Flow, Decision>> {
    let [a, b] = &graph.outputs[..] else { return None };
    let len = |id: ValueId| graph.values[id].len();
    let mut pairs = [(a, b), (b, a)].into_iter().filter(|(_, (_, id))| len(*id) == 1);
    let ((z, latent), (name, _)) = pairs.next().filter(|_| pairs.next().is_none())?;
    if !is_log_det(name) && !is_log_q(name) {
        return Some(Err(undecided(z, name)));
    }
    Some(inputs::inputs(graph, &[z, name]).and_then(|inputs| {
        let x = graph.inputs.iter().find(|id| graph.values[**id].name == inputs.x.0);
        let observed = x.map_or(0, |id| len(*id));
        let noise = inputs.further.iter().any(|(_, role)| *role == InputRole::Eps)
            || !graph.noise.is_empty();
        let (density, fits, expected) = match is_log_det(name) {
            true => ("log_det", observed == len(*latent) && !noise, "as many values as the input, and no noise"),
            false => ("log_q", noise, "noise among the inputs"),
        };
        if !fits {
            return Err(Decision(format!(
                "output {name:?} is named like {density}, which needs {expected}; {z:?} has {} values, the input {:?} {observed}. Write [flow] by hand",
                len(*latent),
                inputs.x.0
            )));
        }
        let why = format!("one number, named like {density}");
        let why = match density {
            "log_det" => format!("{why}; add base = \"standard_normal\" where that is the density of z"),
            _ => why,
        };
        let z = (z.clone(), "the other output".into());
        Ok(Flow { inputs, z, density, log: (name.clone(), why) })
    }))
}

fn undecided(z: &str, log: &str) -> Decision {
    let [z, log] = [z, log].map(quoted);
    Decision(format!(
        "{log} is one number and {z} is not, as of a flow, but nothing tells whether it is a density; decide, and write in place of [encoder] a [flow] with onnx, input and one of\n  z = {z}, log_det = {log}\n  z = {z}, log_q = {log}, eps = NAME\nor export with output_names=[\"z\", \"log_det\"]"
    ))
}
