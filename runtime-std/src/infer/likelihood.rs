//! `ln p(x | z)` of one row in nats, by the decoder on the twin, and its gradient by `z`.

use super::log_likelihood;
use crate::lower::Plan;
use crate::model::Decoder;
use crate::rows::{Batch, Rows};
use crate::twin::Twin;
use crate::{Error, Result};
use elbow_core::infer::{DecodeError, Gradient, InferError, LogLikelihood};

/// Log-likelihood of one row: a decoder with its observation and conditions; [`at`](Self::at) selects the row.
#[derive(Debug)]
pub struct TwinLikelihood<'d> {
    row: ObservedRow<'d>,
    twin: Twin<'d>,
    outputs: Vec<Vec<f32>>,
    /// Runs of the decoder or its gradient so far.
    passes: u64,
}

/// The observation and the conditions of one row: the arguments of a likelihood besides the latent.
#[derive(Debug)]
struct ObservedRow<'d> {
    decoder: &'d Decoder,
    x: &'d Rows,
    conditions: Vec<&'d Rows>,
    number: usize,
}

impl<'d> ObservedRow<'d> {
    /// The observation of the selected row; panics beyond the last.
    fn observed(&self) -> &'d [f32] {
        self.x.row(self.number)
    }

    /// Inputs of the decoder's plan for the latent `z`: its parts, then the conditions of the selected row.
    ///
    /// # Errors
    ///
    /// `z` has another length than the latents together, or a value of it is not finite.
    fn inputs<'z>(&self, z: &'z [f32]) -> std::result::Result<Vec<&'z [f32]>, InferError>
    where
        'd: 'z,
    {
        let wrong = InferError::WrongLength { expected: self.decoder.latent(), found: z.len() };
        let conditions = self.conditions.iter().map(|rows| rows.row(self.number));
        let inputs = self.decoder.call(z, conditions).ok_or(wrong)?;
        if let Some(index) = z.iter().position(|z| !z.is_finite()) {
            return Err(DecodeError::NonFiniteInput { index }.into());
        }
        Ok(inputs)
    }
}

/// Runs the twin on `inputs`, and writes its outputs to `outputs`.
///
/// # Errors
///
/// `WrongPack` for every error of the twin, as on a device with the weights of another model: the inputs do
/// not fit the plan.
fn run(
    twin: &mut Twin<'_>,
    inputs: &[&[f32]],
    outputs: &mut [Vec<f32>],
) -> std::result::Result<(), InferError> {
    twin.run_into(inputs, outputs, |_, _| {}).map_err(|_| DecodeError::WrongPack.into())
}

/// Zeros for every output of the plan.
fn memory(plan: &Plan) -> Vec<Vec<f32>> {
    plan.outputs.iter().map(|port| vec![0.0; port.len()]).collect()
}

impl<'d> TwinLikelihood<'d> {
    /// The likelihood of row 0 of `x`, with the decoder's conditions in `batch`.
    ///
    /// # Errors
    ///
    /// A condition is missing, or the output of the decoder has another length than a row of `x`.
    pub fn new(decoder: &'d Decoder, x: &'d Rows, batch: &'d Batch) -> Result<Self> {
        let conditions = decoder.conditions().map(|port| batch.given(&port.name));
        let conditions = conditions.collect::<Result<_>>()?;
        let outputs = memory(&decoder.plan);
        if outputs.first().map(Vec::len) != Some(x.shape.iter().product()) {
            let name = &decoder.plan.name;
            return Err(Error::input(format!(
                "plan `{name}` answers no observation of shape {:?}; pair the encoder with its own decoder",
                x.shape
            )));
        }
        let row = ObservedRow { decoder, x, conditions, number: 0 };
        Ok(Self { row, twin: Twin::new(&decoder.plan), outputs, passes: 0 })
    }

    /// Selects the row that all calls from now on are about; they panic where it is beyond the last.
    pub fn at(&mut self, row: usize) {
        self.row.number = row;
    }

    /// Values that were beyond the range of the decoder's integers so far, in all rows; 0 in floats.
    pub fn saturated(&self) -> u64 {
        self.twin.saturated()
    }

    /// Runs of the decoder, and of its gradient where this is part of a [`TwinGradient`], so far, in all rows.
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// The observation of the selected row; panics where that is beyond the last.
    pub fn observed(&self) -> &'d [f32] {
        self.row.observed()
    }

    /// The outputs of the decoder's plan for a latent under the conditions of the selected row: the mean
    /// first.
    ///
    /// # Errors
    ///
    /// A value of `z` is not finite, or there are not as many as the decoder takes.
    pub fn decode(&mut self, z: &[f32]) -> std::result::Result<&[Vec<f32>], InferError> {
        self.passes += 1;
        run(&mut self.twin, &self.row.inputs(z)?, &mut self.outputs)?;
        Ok(&self.outputs)
    }
}

impl LogLikelihood for TwinLikelihood<'_> {
    /// `ln p(x | z)` of the selected row, in nats; errors as for [`decode`](Self::decode).
    fn log_likelihood(&mut self, z: &[f32]) -> std::result::Result<f32, InferError> {
        let (likelihood, x) = (&self.row.decoder.likelihood, self.observed());
        Ok(log_likelihood(likelihood, x, self.decode(z)?))
    }
}

/// [`TwinLikelihood`] with its gradient, by the plan of the decoder's backward pass.
#[derive(Debug)]
pub struct TwinGradient<'d> {
    forward: TwinLikelihood<'d>,
    twin: Twin<'d>,
    /// The decoder's outputs, then the gradient of every latent.
    outputs: Vec<Vec<f32>>,
}

impl<'d> TwinGradient<'d> {
    /// The likelihood `forward` with `plan`, the gradient of its decoder by [`Decoder::gradient`].
    pub fn new(forward: TwinLikelihood<'d>, plan: &'d Plan) -> Self {
        Self { forward, twin: Twin::new(plan), outputs: memory(plan) }
    }

    /// The likelihood without its gradient, by which the row is selected for both.
    pub fn forward(&mut self) -> &mut TwinLikelihood<'d> {
        &mut self.forward
    }
}

impl LogLikelihood for TwinGradient<'_> {
    /// `ln p(x | z)` of the selected row, in nats, without the backward pass.
    fn log_likelihood(&mut self, z: &[f32]) -> std::result::Result<f32, InferError> {
        self.forward.log_likelihood(z)
    }
}

impl Gradient for TwinGradient<'_> {
    /// `ln p(x | z)` of the selected row, in nats; its gradient by `z` is written to `grad`, which has a
    /// value per latent. Errors as for [`TwinLikelihood::decode`], with `grad` unchanged.
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> std::result::Result<f32, InferError> {
        let Self { forward: TwinLikelihood { row, passes, .. }, twin, outputs } = self;
        *passes += 1;
        let mut inputs = row.inputs(z)?;
        inputs.push(row.observed());
        run(twin, &inputs, outputs)?;
        let latents = row.decoder.latents().count();
        let (answers, gradients) = outputs.split_at(outputs.len().saturating_sub(latents));
        let gradients = gradients.iter().flatten();
        grad.iter_mut().zip(gradients).for_each(|(grad, own)| *grad = *own);
        Ok(log_likelihood(&row.decoder.likelihood, row.observed(), answers))
    }
}
