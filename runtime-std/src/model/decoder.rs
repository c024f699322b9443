//! A graph and its declared likelihood to a [`Decoder`].

use super::{Decoder, Encoder, Likelihood, Role, Source};
use crate::error::Result;
use crate::manifest::{DecoderTable, Family, LikelihoodTable, Manifest, MeanIs, Parameter, Window};

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
    let (plan, inputs) = source.lower_from("decoder", &positions, &[mean])?;
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
    let window = manifest.window.as_ref();
    let likelihood = likelihood(&table.likelihood, &x_mean.shape, window)
        .map_err(|what| source.fault(format!("decoder.likelihood: {what}")))?;
    source.output_roles[mean] = Some(Role::XMean);
    Ok((Decoder { plan, inputs, likelihood }, source))
}

/// The manifest has been checked: families that are not run yet do not come here.
fn likelihood(
    table: &LikelihoodTable,
    shape: &[usize],
    window: Option<&Window>,
) -> std::result::Result<Likelihood, String> {
    if table.family == Family::Bernoulli {
        return Ok(match table.mean_is {
            MeanIs::Logit => Likelihood::BernoulliLogits,
            _ => Likelihood::BernoulliProbabilities,
        });
    }
    let log_scale = match &table.log_sigma {
        Some(Parameter::Number(value)) => vec![*value],
        Some(Parameter::List(list)) => list.clone(),
        Some(Parameter::Output(_)) | None => {
            return Err("log_sigma must be a number or a list".into());
        }
    };
    let all: usize = shape.iter().product();
    let leading = shape.get(1).copied().unwrap_or(all);
    let channels = window.map_or(leading, |window| window.channels);
    if ![1, leading, channels, all].contains(&log_scale.len()) {
        return Err(format!(
            "log_sigma has {} values, expected 1, one per channel ({channels}) or one per value ({all})",
            log_scale.len()
        ));
    }
    Ok(Likelihood::Gaussian { log_scale })
}
