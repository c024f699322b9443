//! A graph and its declared likelihood to a [`Decoder`].

use super::{Decoder, Encoder, Likelihood, Role, Source};
use crate::error::Result;
use crate::lower::Port;
use crate::manifest::{DecoderTable, Manifest, Parameter, TensorRef};

/// Checks that the decoder takes the encoder's latents and answers its observation, and lowers it.
pub(super) fn build(
    mut source: Source,
    table: &DecoderTable,
    encoder: &Encoder,
    manifest: &Manifest,
) -> Result<(Decoder, Source)> {
    let latents = table.latent.all();
    let mut positions = Vec::new();
    for tensor in latents {
        let latent = source.input("decoder.latent", tensor)?;
        source.assign("decoder.latent", latent, Role::Z)?;
        positions.push(latent);
    }
    source.declare(&manifest.input)?;
    let mean = source.output("decoder.mean", &table.mean)?;
    let mut outputs = vec![mean];
    for (key, given) in table.likelihood.parameters() {
        let Parameter::Output(name) = given else { continue };
        let key = format!("decoder.likelihood.{key}");
        let output = source.output(&key, &TensorRef::Name(name.clone()))?;
        if outputs.contains(&output) {
            return Err(source.fault(format!(
                "{key}: output {name:?} is the mean or another parameter already; give each an output of its own"
            )));
        }
        outputs.push(output);
    }
    let (plan, inputs) = source.lower_from("decoder", &positions, &outputs)?;
    let means = encoder.plan.outputs.iter().step_by(2);
    for (z, loc) in plan.inputs.iter().zip(means.take(encoder.latents.len())) {
        if z.len() != loc.len() {
            return Err(source.fault(format!(
                "decoder.latent: {:?} takes {} values, the encoder's mean {:?} has {}; pair the encoder with its own decoder",
                z.name,
                z.len(),
                loc.name,
                loc.len()
            )));
        }
    }
    if let Some((port, _)) =
        plan.inputs.iter().zip(&inputs).find(|(_, role)| !matches!(role, Role::Z | Role::Condition))
    {
        return Err(source.fault(format!(
            "decoder: input {:?} is neither a latent nor a condition; a decoder reads nothing else",
            port.name
        )));
    }
    let (x_mean, x) = (&plan.outputs[0], &encoder.plan.inputs[0]);
    if x_mean.len() != x.len() {
        return Err(source.fault(format!(
            "decoder.mean: {:?} has {} values, the observation {:?} has {}; pair the encoder with its own decoder",
            x_mean.name,
            x_mean.len(),
            x.name,
            x.len()
        )));
    }
    let lens: Vec<usize> = plan.outputs[1..].iter().map(Port::len).collect();
    let window = manifest.window.as_ref();
    let likelihood = Likelihood::of_table(&table.likelihood, &x_mean.shape, window, &lens)
        .map_err(|what| source.fault(format!("decoder.likelihood: {what}")))?;
    source.output_roles[mean] = Some(Role::XMean);
    for (parameter, output) in likelihood.outputs() {
        source.output_roles[outputs[output]] = Some(Role::of_parameter(parameter));
    }
    Ok((Decoder { plan, inputs, likelihood }, source))
}
