//! A graph and its declared density to a [`Flow`].

use super::signature::with_role;
use super::{Density, Flow, Role, Source};
use crate::error::Result;
use crate::lower::Port;
use crate::manifest::{FlowTable, InputTable};

/// The flow of `source`, and the source with the roles entered. An input error where a name is not found, an
/// input has no role, or shapes and noise do not suit the density.
pub(super) fn build(
    mut source: Source,
    table: &FlowTable,
    inputs: &[InputTable],
) -> Result<(Flow, Source)> {
    let x = source.input("flow.input", &table.input)?;
    source.assign("flow.input", x, Role::X)?;
    if let Some(eps) = &table.eps {
        let eps = source.input("flow.eps", eps)?;
        source.assign("flow.eps", eps, Role::Eps)?;
    }
    source.declare(inputs)?;
    let z = source.output("flow.z", &table.z)?;
    let (key, tensor, density) = match (&table.log_det, &table.log_q) {
        (_, Some(log_q)) => ("flow.log_q", log_q, Density::LogQ),
        (Some(log_det), None) => {
            let standard_normal = table.base.is_some();
            ("flow.log_det", log_det, Density::LogDet { standard_normal })
        }
        (None, None) => return Err(source.fault("flow: expected log_det or log_q".into())),
    };
    let log = source.output(key, tensor)?;
    if z == log {
        let name = &source.graph.outputs[z].0;
        return Err(
            source.fault(format!("flow.z and {key} are both output {name:?}; name the two"))
        );
    }
    let (plan, inputs) = source.lower_from("flow", &[x], &[z, log])?;
    let flow = Flow { plan, inputs, density };
    if let Some(what) = fault(&flow, key) {
        return Err(source.fault(what));
    }
    source.output_roles[z] = Some(Role::Z);
    source.output_roles[log] = Some(match density {
        Density::LogDet { .. } => Role::LogDet,
        Density::LogQ => Role::LogQ,
    });
    Ok((flow, source))
}

/// Why inputs and outputs of a flow (two outputs, `z` and the density) do not suit its density, which the key
/// `key` declares; `None` where they do.
fn fault(flow: &Flow, key: &str) -> Option<String> {
    let Flow { plan, density, .. } = flow;
    if plan.outputs[1].len() != 1 {
        let port = &plan.outputs[1];
        return Some(format!(
            "{key}: output {:?} has shape {:?}, expected one number per observation; sum it over the dimensions before the export",
            port.name, port.shape
        ));
    }
    let (observed, latent) = (plan.inputs[0].len(), plan.outputs[0].len());
    if *density != Density::LogQ && observed != latent {
        return Some(format!(
            "flow: {observed} values become {latent}, and only a map between equal numbers has a log_det; declare log_q for a posterior"
        ));
    }
    let noise: usize = with_role(flow.part(), Role::Eps).map(Port::len).sum();
    match density {
        Density::LogQ if noise == 0 => {
            Some("flow: a posterior with log_q needs noise; name its input as flow.eps".into())
        }
        Density::LogDet { .. } if noise > 0 => Some(
            "flow: a flow with log_det is deterministic, and this one reads noise; declare log_q"
                .into(),
        ),
        _ => None,
    }
}
