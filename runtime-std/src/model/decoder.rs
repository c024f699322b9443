//! A graph and its declared likelihood to a [`Decoder`].

use super::{Decoder, Encoder, Likelihood, Role, Source};
use crate::error::Result;
use crate::manifest::{DecoderTable, Family, LikelihoodTable, MeanIs, Parameter, Window};

/// Checks that the decoder takes the encoder's latent and answers its observation, and lowers it.
pub(super) fn build(
    mut source: Source,
    table: &DecoderTable,
    encoder: &Encoder,
    window: Option<&Window>,
) -> Result<(Decoder, Source)> {
    let latent = source.input("decoder.latent", &table.latent)?;
    let mean = source.output("decoder.mean", &table.mean)?;
    let plan = source.lower_from("decoder", latent, &[mean])?;
    let (z, x_mean) = (&plan.inputs[0], &plan.outputs[0]);
    let (loc, x) = (&encoder.plan.outputs[0], &encoder.plan.inputs[0]);
    if z.len() != loc.len() {
        return Err(source.fault(format!(
            "decoder.latent: {:?} takes {} values, the encoder's mean {:?} has {}; pair the encoder with its own decoder",
            z.name,
            z.len(),
            loc.name,
            loc.len()
        )));
    }
    if x_mean.len() != x.len() {
        return Err(source.fault(format!(
            "decoder.mean: {:?} has {} values, the observation {:?} has {}; pair the encoder with its own decoder",
            x_mean.name,
            x_mean.len(),
            x.name,
            x.len()
        )));
    }
    let likelihood = likelihood(&table.likelihood, &x_mean.shape, window)
        .map_err(|what| source.fault(format!("decoder.likelihood: {what}")))?;
    source.input_roles[latent] = Some(Role::Z);
    source.output_roles[mean] = Some(Role::XMean);
    Ok((Decoder { plan, likelihood }, source))
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
