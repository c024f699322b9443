//! The twin: a plan run on the desktop by the very kernels that the device links.

use crate::lower::{Buffer, Kernel, Plan, Step};
use crate::model::{Decoder, Likelihood};
use crate::{Error, Result};
use elbow_core::distributions::{self, kl_to_standard};
use elbow_core::infer::ElboTerms;
use elbow_core::kernels;

/// A plan and the memory to run it in.
#[derive(Debug)]
pub struct Twin<'p> {
    plan: &'p Plan,
    arena: Vec<f32>,
}

impl<'p> Twin<'p> {
    /// Allocates the arena.
    pub fn new(plan: &'p Plan) -> Self {
        Self { plan, arena: vec![0.0; plan.arena] }
    }

    /// The plan's outputs for these inputs, in the plan's order.
    ///
    /// # Errors
    ///
    /// The number of inputs or the length of one differs from the plan's.
    pub fn run(&mut self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>> {
        self.run_observed(inputs, |_, _| {})
    }

    /// [`run`](Self::run), showing every step with what it has just written.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub fn run_observed(
        &mut self,
        inputs: &[&[f32]],
        mut observe: impl FnMut(&Step, &[f32]),
    ) -> Result<Vec<Vec<f32>>> {
        self.check(inputs)?;
        let plan = self.plan;
        let mut outputs: Vec<Vec<f32>> =
            plan.outputs.iter().map(|port| vec![0.0; port.len()]).collect();
        for step in &plan.steps {
            let target = self.step(step, inputs, &mut outputs);
            observe(step, target);
        }
        Ok(outputs)
    }

    fn check(&self, inputs: &[&[f32]]) -> Result<()> {
        let (plan, found, expected) = (&self.plan.name, inputs.len(), self.plan.inputs.len());
        if found != expected {
            let message = format!("plan `{plan}` was given {found} inputs, and has {expected}");
            return Err(Error::input(message));
        }
        for (port, input) in self.plan.inputs.iter().zip(inputs) {
            let (name, shape) = (&port.name, &port.shape);
            if port.len() != input.len() {
                return Err(Error::input(format!(
                    "input `{name}` was given {} values, and holds {}: its shape is {shape:?}",
                    input.len(),
                    port.len()
                )));
            }
        }
        Ok(())
    }

    /// Runs one step and shows its target.
    fn step<'a>(
        &'a mut self,
        step: &Step,
        inputs: &[&'a [f32]],
        outputs: &'a mut [Vec<f32>],
    ) -> &'a [f32] {
        let (weights, arena) = (&self.plan.weights, &mut self.arena);
        let (source, target): (&[f32], &mut [f32]) = match (&step.source, &step.target) {
            (Some(Buffer::Arena(source)), Buffer::Arena(target)) => {
                kernels::split(arena, source.clone(), target.clone())
            }
            (Some(Buffer::Output(source)), Buffer::Output(target)) => {
                match outputs.get_disjoint_mut([*source, *target]) {
                    Ok([source, target]) => (source, target),
                    Err(_) => (&[], &mut []),
                }
            }
            (source, Buffer::Output(target)) => {
                (read(source, inputs, weights, arena, &[]), &mut outputs[*target])
            }
            (source, Buffer::Arena(target)) => {
                let source = read(source, inputs, weights, &[], outputs);
                (source, kernels::part_mut(arena, target.clone()))
            }
            (_, Buffer::Input(_) | Buffer::Weights(_)) => (&[], &mut []), // only ever read
        };
        call(&step.kernel, weights, source, target);
        target
    }
}

/// What the mean of a posterior decodes to, and the terms of the score at the mean; the generated
/// `score`.
///
/// # Errors
///
/// As for [`Twin::run`], or the decoder's plan has no output.
pub fn score(
    decoder: &Decoder,
    x: &[f32],
    loc: &[f32],
    log_var: &[f32],
) -> Result<(Vec<f32>, ElboTerms)> {
    let outputs = Twin::new(&decoder.plan).run(&[loc])?;
    let without_output = || Error::input(format!("plan `{}` has no output", decoder.plan.name));
    let x_mean = outputs.into_iter().next().ok_or_else(without_output)?;
    let likelihood = match &decoder.likelihood {
        Likelihood::Gaussian { log_scale } => distributions::Likelihood::Gaussian { log_scale },
        Likelihood::BernoulliLogits => distributions::Likelihood::BernoulliLogit,
        Likelihood::BernoulliProbabilities => distributions::Likelihood::Bernoulli,
    };
    let log_likelihood = likelihood.log_prob(x, &x_mean);
    Ok((x_mean, ElboTerms { log_likelihood, kl: kl_to_standard(loc, log_var) }))
}

/// A step's source; empty where it has none.
fn read<'a>(
    source: &Option<Buffer>,
    inputs: &[&'a [f32]],
    weights: &'a [f32],
    arena: &'a [f32],
    outputs: &'a [Vec<f32>],
) -> &'a [f32] {
    match source {
        Some(Buffer::Input(index)) => inputs[*index],
        Some(Buffer::Output(index)) => &outputs[*index],
        Some(Buffer::Arena(range)) => kernels::part(arena, range.clone()),
        Some(Buffer::Weights(range)) => kernels::part(weights, range.clone()),
        None => &[],
    }
}

/// Calls a kernel, exactly as generated code does.
fn call(kernel: &Kernel, floats: &[f32], source: &[f32], target: &mut [f32]) {
    let floats = |range: &std::ops::Range<usize>| &floats[range.clone()];
    match kernel {
        Kernel::Dense { rows: 1, weights, bias } => {
            kernels::dense(source, floats(weights), floats(bias), target);
        }
        Kernel::Dense { rows, weights, bias } => {
            kernels::dense_rows(source, floats(weights), floats(bias), target, *rows);
        }
        Kernel::Conv { shape, weights, bias } if shape.is_depthwise() => {
            kernels::conv_depthwise(source, floats(weights), floats(bias), target, shape);
        }
        Kernel::Conv { shape, weights, bias } => {
            kernels::conv(source, floats(weights), floats(bias), target, shape);
        }
        Kernel::ConvTranspose { shape, weights, bias } => {
            kernels::conv_transpose(source, floats(weights), floats(bias), target, shape);
        }
        Kernel::Affine { scale, shift } => kernels::affine(target, floats(scale), floats(shift)),
        Kernel::Unary(f) => kernels::unary(target, *f),
        Kernel::Binary(shape) => kernels::binary(target, source, shape),
        Kernel::Strided(shape) => kernels::strided_copy(source, target, shape),
        Kernel::Copy => kernels::copy(source, target),
    }
}
