//! The twin: a plan run on the desktop by the very kernels that the device links.

mod evaluate;
mod integer;
mod step_buffers;

pub use evaluate::evaluate;

use crate::lower::{Kernel, Plan, Recurrent, Step};
use crate::{Error, Result};
use elbow_core::distributions::Likelihood;
use elbow_core::kernels::{self, Cell, RecurrentMemory, RecurrentWeights};
use elbow_core::wire::PAINT;
use std::fmt;
use std::ops::Range;
use step_buffers::StepBuffers;

/// A plan and the memory to run it in.
#[derive(Debug)]
pub struct Twin<'p> {
    plan: &'p Plan,
    /// Buffers of each step; `None` where they overlap or lie outside of their memory.
    buffers: Vec<Option<StepBuffers>>,
    arena: Vec<f32>,
    /// Number of computed indices so far that were not a row of their table.
    hits: u64,
    /// The first such index.
    outside: Option<Outside>,
    /// Number of values so far that integers could not hold.
    saturated: u64,
}

/// A computed index that is not a row of its table.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// Name of the step that looked it up.
    pub step: String,
    /// The index.
    pub index: f32,
    /// Length of the table.
    pub table: usize,
}

impl fmt::Display for Outside {
    /// Writes a sentence with step, index and the range of the table, without a newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, index, table } = self;
        write!(
            f,
            "step `{step}` looks up the index {index} in a table of {table}, expected whole numbers from 0 to {}, or -{table} to -1 from its end",
            table.saturating_sub(1)
        )
    }
}

impl<'p> Twin<'p> {
    /// A twin of the plan, with its arena and nothing counted; where a plan is damaged, an error comes only
    /// at the run.
    pub fn new(plan: &'p Plan) -> Self {
        let buffers = plan.steps.iter().map(|step| StepBuffers::of(step, plan)).collect();
        Self { plan, buffers, arena: vec![0.0; plan.arena], hits: 0, outside: None, saturated: 0 }
    }

    /// The plan.
    pub fn plan(&self) -> &'p Plan {
        self.plan
    }

    /// Number of computed indices, in all runs so far, that were outside of their table and were taken as its
    /// nearest.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// The first of the [`hits`](Self::hits) in all runs so far; `None` where there were none.
    pub fn outside(&self) -> Option<&Outside> {
        self.outside.as_ref()
    }

    /// Number of floats, in all runs so far, that were beyond the range of the integers that had to hold them.
    pub fn saturated(&self) -> u64 {
        self.saturated
    }

    /// The plan's outputs for these inputs, in the plan's order. Runs do not depend on one another, but for
    /// the counts of [`hits`](Self::hits) and [`saturated`](Self::saturated).
    ///
    /// # Errors
    ///
    /// The number of inputs or the length of one differs from the plan's, or the plan is damaged: buffers of a step
    /// overlap or lie outside their memory.
    pub fn run(&mut self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>> {
        self.run_observed(inputs, |_, _| {})
    }

    /// [`run`](Self::run) that calls `observe` after every step, with the outputs of the step.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub fn run_observed(
        &mut self,
        inputs: &[&[f32]],
        mut observe: impl FnMut(&Step, &[&[f32]]),
    ) -> Result<Vec<Vec<f32>>> {
        let mut outputs: Vec<Vec<f32>> =
            self.plan.outputs.iter().map(|port| vec![0.0; port.len()]).collect();
        self.run_into(inputs, &mut outputs, &mut observe)?;
        Ok(outputs)
    }

    /// [`run_observed`](Self::run_observed) that overwrites `outputs`, those of an earlier run or zeros of
    /// the same lengths, without an allocation for them: for callers that run the same plan millions of
    /// times.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run); outputs of other lengths than the plan's may count as a damaged plan. The
    /// outputs may be partly overwritten then.
    pub fn run_into(
        &mut self,
        inputs: &[&[f32]],
        outputs: &mut [Vec<f32>],
        mut observe: impl FnMut(&Step, &[&[f32]]),
    ) -> Result<()> {
        self.check(inputs)?;
        let Self { plan, buffers, arena, hits, outside, saturated } = self;
        arena.fill(f32::from_bits(PAINT)); // as a device does that measures
        for (step, buffers) in plan.steps.iter().zip(buffers) {
            let memory = buffers.as_ref().and_then(|buffers| {
                let (sources, written) = buffers.borrow(inputs, &plan.weights, arena, outputs)?;
                Some(BorrowedBuffers { sources, written })
            });
            let mut memory = memory.ok_or_else(|| damaged(step))?;
            let counted = memory.call(&step.kernel, &plan.weights);
            let (outside_here, cut_off) = match step.kernel {
                Kernel::Integer(_) => (0, counted),
                _ => (counted, 0),
            };
            *saturated += u64::from(cut_off);
            if outside_here > 0 && outside.is_none() {
                *outside = first_outside(step, memory.sources.get(1).copied().unwrap_or_default());
            }
            *hits += u64::from(outside_here);
            let BorrowedBuffers { sources: _, written } = memory;
            let written: Vec<&[f32]> = written.iter().map(|target| &**target).collect();
            observe(step, &written);
        }
        Ok(())
    }

    /// `Ok` where there are as many inputs as the plan has, each as long as its own.
    ///
    /// # Errors
    ///
    /// An input error with the numbers.
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
}

/// The buffers of one step, borrowed together.
struct BorrowedBuffers<'a> {
    sources: Vec<&'a [f32]>,
    written: Vec<&'a mut [f32]>,
}

impl<'a> BorrowedBuffers<'a> {
    /// The source of this index; empty where there is none.
    fn source(&self, index: usize) -> &'a [f32] {
        self.sources.get(index).copied().unwrap_or_default()
    }

    /// Calls a kernel exactly as generated code does, with these buffers and the plan's `weights`. Returns
    /// the number of indices that were outside of their table for `TakeBy` and `TakeAlong`, for an integer
    /// kernel the number of values that integers could not hold, 0 for all others and without a buffer to write
    /// to.
    fn call(&mut self, kernel: &Kernel, weights: &[f32]) -> u32 {
        let w = |range: &Range<usize>| &weights[range.clone()];
        let [x, second, third, fourth] = [0, 1, 2, 3].map(|at| self.source(at));
        let Some(y) = self.written.first_mut() else { return 0 };
        match kernel {
            Kernel::Integer(kernel) => return integer::call(kernel, [x, second], y, weights),
            Kernel::Dense { weights, bias } => kernels::dense(x, w(weights), w(bias), y),
            Kernel::DenseRows { rows, weights, bias } => {
                kernels::dense_rows(x, w(weights), w(bias), y, *rows);
            }
            Kernel::DenseTransposed { rows, weights } => {
                kernels::dense_transposed(x, w(weights), y, *rows);
            }
            Kernel::Conv { shape, weights, bias } => {
                kernels::conv(x, w(weights), w(bias), y, shape);
            }
            Kernel::ConvDepthwise { shape, weights, bias } => {
                kernels::conv_depthwise(x, w(weights), w(bias), y, shape);
            }
            Kernel::ConvTranspose { shape, weights, bias } => {
                kernels::conv_transpose(x, w(weights), w(bias), y, shape);
            }
            Kernel::Affine { scale, shift } => kernels::affine(y, w(scale), w(shift)),
            Kernel::Unary(f) => kernels::unary(y, *f),
            Kernel::Slope(f) => kernels::slope(y, x, *f),
            Kernel::Score { family, wrt } => {
                let likelihood = Likelihood { family: *family, parameters: [third, fourth] };
                likelihood.score(x, second, *wrt, y);
            }
            Kernel::Binary(shape) => kernels::binary(y, x, shape),
            Kernel::Strided(shape) => kernels::strided_copy(x, y, shape),
            Kernel::Copy => kernels::copy(x, y),
            Kernel::Fill(value) => kernels::fill(y, *value),
            Kernel::MatMul(shape) => kernels::matmul(x, second, y, shape),
            Kernel::Select => kernels::select(y, x, second),
            Kernel::Reduce(reduction, s) => kernels::reduce(x, y, *reduction, s),
            Kernel::Softmax(s) => kernels::softmax(y, s),
            Kernel::LogSoftmax(s) => kernels::log_softmax(y, s),
            Kernel::Normalize(epsilon, s) => kernels::normalize(y, *epsilon, s),
            Kernel::RmsNormalize(epsilon, s) => kernels::rms_normalize(y, *epsilon, s),
            Kernel::CumSum { exclusive, reverse, along: s } => {
                kernels::cumsum(y, *exclusive, *reverse, s);
            }
            Kernel::ArgExtreme { largest, last, along: s } => {
                kernels::arg_extreme(x, y, *largest, *last, s);
            }
            Kernel::MaxPool(shape) => kernels::max_pool(x, y, shape),
            Kernel::AveragePool(mean, shape) => kernels::average_pool(x, y, mean, shape),
            Kernel::Take(indices, s) => kernels::take(x, indices, y, s),
            Kernel::TakeBy(s) => return kernels::take_by(x, second, y, s),
            Kernel::TakeAlong { outputs, along: s } => {
                return kernels::take_along(x, second, y, *outputs, s);
            }
            Kernel::Resample { indices, weights, outputs, along: s } => {
                kernels::resample(x, indices, w(weights), y, *outputs, s);
            }
            Kernel::Recurrent(layer) => self.recurrent(layer, weights),
        }
        0
    }

    /// Calls the kernel of a recurrent layer with the plan's `weights`. The buffers it writes are the state,
    /// for an LSTM the cell, the sequence if wanted, and scratch memory, in this order.
    fn recurrent(&mut self, layer: &Recurrent, weights: &[f32]) {
        let Recurrent { cell, shape, w, r, bias_w, bias_r, peepholes, sequence } = layer;
        let floats = |range: &Range<usize>| &weights[range.clone()];
        let weights = RecurrentWeights {
            w: floats(w),
            r: floats(r),
            bias_w: floats(bias_w),
            bias_r: floats(bias_r),
            peepholes: floats(peepholes),
        };
        let x = self.source(0);
        let mut written = self.written.iter_mut();
        let mut next = |wanted: bool| -> &mut [f32] {
            if wanted { written.next().map_or(&mut [], |target| target) } else { &mut [] }
        };
        let memory = RecurrentMemory {
            h: next(true),
            c: next(matches!(cell, Cell::Lstm { .. })),
            y: next(*sequence),
            scratch: next(true),
        };
        kernels::recurrent(x, &weights, *cell, memory, shape);
    }
}

/// The first of `indices` that is not a row of the table that `step` looks up in: not whole, or not in
/// `-len..len`, or NaN. `None` where all are, and for steps that look nothing up.
fn first_outside(step: &Step, indices: &[f32]) -> Option<Outside> {
    let (Kernel::TakeBy(along) | Kernel::TakeAlong { along, .. }) = &step.kernel else {
        return None;
    };
    let len = along.len as f32;
    let is_outside = |index: &&f32| !(-len..len).contains(*index) || index.trunc() != **index;
    let index = *indices.iter().find(is_outside)?;
    Some(Outside { step: step.name.clone(), index, table: along.len })
}

/// The input error on a step whose buffers overlap or lie outside their memory.
fn damaged(step: &Step) -> Error {
    Error::input(format!(
        "step `{}`: its buffers overlap or lie outside; the plan is damaged, lower it again",
        step.name
    ))
}
