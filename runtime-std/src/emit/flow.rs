//! The functions of a flow: `flow`, and `log_prob` where the density of its latent is known.

use super::bare::reset;
use super::calls::{Calls, Hits, Names, uses_workspace};
use super::mismatch::mismatch;
use super::parameters::{Parameters, Shared};
use super::rust::signature;
use super::text::{checks, observed, workspace_parameter};
use super::trace::Trace;
use super::types;
use crate::Result;
use crate::lower::Port;
use crate::model::{Density, Flow};

/// Source of the functions, and the kernel calls in it.
pub(super) struct Functions {
    pub(super) text: String,
    pub(super) calls: Calls,
}

/// `Ok` where the plan fits its roles.
///
/// # Errors
///
/// The flow's outputs are not a latent and one number, or an input has no role.
pub(super) fn check(flow: &Flow) -> Result<()> {
    let outputs: Vec<usize> = flow.plan.outputs.iter().map(Port::len).collect();
    if matches!(outputs[..], [_, 1]) && flow.plan.inputs.len() == flow.inputs.len() {
        return Ok(());
    }
    Err(mismatch(format!(
        "the flow has outputs of {outputs:?} values, expected a latent and one number"
    )))
}

/// The function `flow`, `log_prob` where the density of the latent is known, and their traits. `prefix`
/// stands before the constants with the lengths of observation and latent, and is empty without an encoder;
/// `weights` is the index in the pack of the first float of the plan's weights.
pub(super) fn functions(
    flow: &Flow,
    shared: &Shared,
    prefix: &str,
    weights: usize,
    trace: Trace,
) -> Functions {
    let parameters = shared.parameters(flow.part(), &observed(prefix));
    let calls = Calls::of(
        &flow.plan,
        &Names {
            inputs: parameters.inputs.clone(),
            read: vec!["&z[..]".into(), "&log[..]".into()],
            written: vec!["z".into(), "&mut log".into()],
            constants: "FLOW",
            weights,
            trace,
            hits: Hits::Workspace,
            saturates: shared.saturates,
        },
    );
    let z = format!("z: &mut [f32; {prefix}LATENT]");
    // Beside an encoder its hits are kept as well.
    let reset = if prefix.is_empty() { reset(&flow.plan) } else { "" };
    let body = format!("{reset}{}", calls.body);
    let mut text = flow_function(flow, &parameters, &z, &body, trace);
    if flow.has_log_prob() {
        text += &log_prob_function(&parameters, &z);
    }
    let name = if prefix.is_empty() { "Model" } else { "FlowModel" };
    text += &types::flow(flow, name, prefix, &parameters);
    Functions { text, calls }
}

/// Source of `flow`: `calls` are the statements of its body, `z` is its last parameter.
fn flow_function(
    flow: &Flow,
    parameters: &Parameters,
    z: &str,
    calls: &str,
    trace: Trace,
) -> String {
    let what = match flow.density {
        Density::LogDet { .. } => {
            "What `x` is mapped to, in `z`; returns `ln |det dz/dx|`, in nats."
        }
        Density::LogQ => {
            "A draw from the posterior of `x`, in `z`; returns `ln q(z | x)`, in nats."
        }
    };
    let all = head(parameters, uses_workspace(&flow.plan) || trace.is_on(), z);
    format!(
        "
/// {what}
{}///
/// Where the map overflows, `z` and the result are infinite or NaN.
///
/// # Errors
///
/// The weights are not this model's, or an input is not finite; `z` is then left as it was.
{}{}    let mut log = [0.0];
{calls}    let [log] = log;
    Ok(log)
}}
",
        parameters.documented(),
        signature("flow", &all, "Result<f32, RunError>"),
        checks("RunError", &parameters.checked()),
    )
}

/// Source of `log_prob`, whose last parameter is `z`.
fn log_prob_function(parameters: &Parameters, z: &str) -> String {
    let names: String = parameters.names.iter().map(|name| format!("{name}, ")).collect();
    format!(
        "
/// `ln p(x) = ln N(z; 0, I) + ln |det dz/dx|`, in nats; what `x` is mapped to is in `z`.
///
/// # Errors
///
/// As for `flow`.
{}    let log_det = flow(pack, ws, {names}z)?;
    Ok(standard_log_prob(z) + log_det)
}}
",
        signature("log_prob", &head(parameters, true, z), "Result<f32, RunError>"),
    )
}

/// Parameters with their types: pack, workspace (`_ws` where `workspace` is false, as it is not used), those
/// of the plan, and `z`.
fn head(parameters: &Parameters, workspace: bool, z: &str) -> Vec<String> {
    let fixed = ["pack: &Pack".to_string(), workspace_parameter(workspace)];
    fixed.into_iter().chain(parameters.typed.iter().cloned()).chain([z.to_string()]).collect()
}
