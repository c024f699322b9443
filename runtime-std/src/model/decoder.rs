//! A graph and its declared likelihood to a [`Decoder`].

use super::axis::DecoderMean;
use super::{Decoder, Encoder, Likelihood, ParameterSource, Refine, Role, Source};
use crate::error::{Context, Result};
use crate::lower::{Plan, Port};
use crate::manifest::{DecoderTable, Manifest, Parameter, TensorRef, Window};
use crate::stages::log_likelihood_gradient;

impl Decoder {
    /// The plan of `d ln p(x | z) / dz`, lowered from `source`, the file that the decoder comes from; always
    /// f32.
    ///
    /// Its inputs are those of the decoder's plan, then the observation; its outputs are those of the
    /// decoder's plan, then the gradient of every latent. Where the decoder is f32 its outputs have the bits
    /// of the decoder's, and its weights begin with the decoder's.
    ///
    /// # Errors
    ///
    /// One error lists every node without a gradient, with advice.
    pub fn gradient(&self, source: &Source) -> Result<Plan> {
        let graph = source.arranged();
        let named = |port: &Port| graph.outputs.iter().position(|(name, _)| *name == port.name);
        let outputs: Vec<usize> = self.plan.outputs.iter().filter_map(named).collect();
        let latents = self.latents().count();
        let parameters = self.likelihood.parameters.iter().map(|parameter| match parameter {
            ParameterSource::Fixed(values) => Some(&values[..]),
            ParameterSource::Output(_) => None,
        });
        let (parameters, latents) = (Vec::from_iter(parameters), Vec::from_iter(0..latents));
        let (outputs, family) = (&outputs, self.likelihood.family);
        let plan = log_likelihood_gradient(&graph, outputs, &latents, family, &parameters);
        plan.context(source.path.display())
    }
}

/// The decoder of `source`, and the source with the roles entered. An input error where latents, mean or
/// likelihood do not fit the encoder, or an input is neither latent nor condition.
pub(super) fn build(
    mut source: Source,
    table: &DecoderTable,
    encoder: &Encoder,
    window: Option<&Window>,
    manifest: &Manifest,
) -> Result<(Decoder, Source)> {
    let mut latents = Vec::new();
    for tensor in table.latent.all() {
        let latent = source.input("decoder.latent", tensor)?;
        source.assign("decoder.latent", latent, Role::Z)?;
        latents.push(latent);
    }
    source.declare(&manifest.input)?;
    let outputs = outputs(&source, table)?;
    let (plan, inputs) = source.lower_from("decoder", &latents, &outputs)?;
    fits_latents(&source, encoder, &plan)?;
    if let Some((port, _)) =
        plan.inputs.iter().zip(&inputs).find(|(_, role)| !matches!(role, Role::Z | Role::Condition))
    {
        return Err(source.fault(format!(
            "decoder: input {:?} is neither a latent nor a condition; a decoder reads nothing else",
            port.name
        )));
    }
    let axes = DecoderMean { shape: &plan.outputs[0].shape, window, axis: table.likelihood.axis };
    fits_observation(&source, encoder, &plan, &axes)?;
    let likelihood = Likelihood::of_table(&table.likelihood, &axes, &plan.outputs[1..])
        .map_err(|what| source.fault(format!("decoder.likelihood: {what}")))?;
    source.output_roles[outputs[0]] = Some(Role::XMean);
    for (parameter, output) in likelihood.outputs() {
        source.output_roles[outputs[output]] = Some(Role::of_parameter(parameter));
    }
    let mut decoder = Decoder { plan, inputs, likelihood, refine: None };
    let refine = manifest.refine.clone().map(|table| Refine::of(&decoder, &source, table));
    decoder.refine = refine.transpose()?;
    Ok((decoder, source))
}

/// Positions of the outputs that the table names: the mean, then those that are parameters of the likelihood.
/// An input error where one is not found or named twice.
fn outputs(source: &Source, table: &DecoderTable) -> Result<Vec<usize>> {
    let mut outputs = vec![source.output("decoder.mean", &table.mean)?];
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
    Ok(outputs)
}

/// `Ok` where each latent input of the plan has as many values as the encoder's mean of the same posterior;
/// an input error about the first that has not.
fn fits_latents(source: &Source, encoder: &Encoder, plan: &Plan) -> Result<()> {
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
    Ok(())
}

/// `Ok` where the plan's mean has the values of the encoder's observation in the same order; an input error
/// where it has another number of them or another order.
fn fits_observation(
    source: &Source,
    encoder: &Encoder,
    plan: &Plan,
    axes: &DecoderMean<'_>,
) -> Result<()> {
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
    match axes.disorder(&x.shape) {
        Some(what) => Err(source.fault(format!("decoder.mean: {:?} {what}", x_mean.name))),
        None => Ok(()),
    }
}
