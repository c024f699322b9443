//! A model whose encoder and decoder, or whose graph without roles, compute with integers.

use super::{Graphs, Loaded, Source};
use crate::Result;
use crate::lower::plan::Integer;
use crate::lower::quantize::WIDE_BITS;
use crate::lower::{Buffer, Core, Integers, Kernel, Plan, Port, Width};
use crate::precision::Precision;
use serde::Serialize;
use std::fmt;

impl Loaded {
    /// The precision of the main graph: f32 without integers, else weights of eight bits with activations of
    /// eight or sixteen. Never [`Precision::Int8`], which is a choice between the two.
    pub fn precision(&self) -> Precision {
        precision(&self.main)
    }

    /// The precision of the decoder, as [`precision`](Self::precision); `None` without a decoder.
    pub fn decoder_precision(&self) -> Option<Precision> {
        Some(precision(self.decoder.as_ref()?))
    }

    /// The model lowered again with its integer weights in the form that the kernels of `core` read; an f32
    /// model is unchanged.
    ///
    /// # Errors
    ///
    /// As for lowering.
    pub fn for_core(&self, core: Core) -> Result<Self> {
        let of = |source: &Source| Some(Integers { core, ..source.integers.clone()? });
        let loaded = self.with_integers(of(&self.main))?;
        match self.decoder.as_ref().and_then(of) {
            None => Ok(loaded),
            Some(integers) => loaded.with_decoder_integers(Some(integers)),
        }
    }

    /// The model with its main graph lowered again for these integers, or in f32 without; decoder and flows,
    /// also a flow alone, stay as they are.
    ///
    /// # Errors
    ///
    /// As for lowering.
    pub fn with_integers(&self, integers: Option<Integers>) -> Result<Self> {
        let mut loaded = self.clone();
        loaded.main.integers = integers;
        let source = &loaded.main;
        match &mut loaded.model.graphs {
            Graphs::Amortized { encoder, .. } => {
                encoder.plan = source.lower(&source.heads_and_states())?
            }
            Graphs::Bare(plan) => *plan = source.whole()?.0,
            Graphs::Flow(_) => {}
        }
        Ok(loaded)
    }

    /// The model with its decoder lowered again for these integers, or in f32 without, its Gaussian likelihood
    /// evaluated in steps or in floats accordingly; all else stays as it is. A model without a decoder is
    /// unchanged.
    ///
    /// # Errors
    ///
    /// As for lowering, or integers for a decoder whose gradient refinement follows.
    pub fn with_decoder_integers(&self, integers: Option<Integers>) -> Result<Self> {
        let mut loaded = self.clone();
        let Graphs::Amortized { decoder: Some(decoder), .. } = &mut loaded.model.graphs else {
            return Ok(loaded);
        };
        let Some(source) = &mut loaded.decoder else { return Ok(loaded) };
        if decoder.refine.is_some() && integers.is_some() {
            return Err(source.fault("refinement follows the gradient of an f32 decoder".into()));
        }
        let values = decoder.plan.outputs.first().map_or(0, Port::len);
        let steps = integers.is_some() && !source.is_quantized();
        decoder.likelihood.in_steps = steps && decoder.likelihood.has_steps(values);
        source.integers = integers;
        decoder.plan = source.lower(&source.positions(&decoder.plan))?;
        Ok(loaded)
    }
}

/// The range of an input that integers hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Covered {
    /// ONNX name of the input.
    pub input: String,
    /// Least value.
    pub least: f32,
    /// Largest value.
    pub largest: f32,
    /// The same as a multiple of the largest magnitude among the calibration rows.
    pub times_calibrated: f32,
}

impl Loaded {
    /// The range of every input of encoder and decoder, or of the graph without roles, that integers hold: values
    /// beyond it are cut off and counted as saturated. Where several layers read an input, the narrowest.
    pub fn covered(&self) -> Vec<Covered> {
        let parts = self.model.graphs.parts();
        parts.graphs().flat_map(|part| covered(part.plan)).collect()
    }
}

/// The range of every input of the plan that integers hold.
fn covered(plan: &Plan) -> Vec<Covered> {
    let mut all: Vec<Covered> = Vec::new();
    for step in &plan.steps {
        let Kernel::Integer(Integer::Quantize { format, .. }) = &step.kernel else { continue };
        let Some(Buffer::Input(index)) = step.sources.first() else { continue };
        let name = &plan.inputs[*index].name;
        let calibrated = match format.zero_point == 0 && format.high > i32::from(i8::MAX) {
            true => (1 << (WIDE_BITS - 1)) - 1,
            false => format.high,
        };
        let (least, largest) = (format.dequantize(format.low), format.dequantize(format.high));
        let times_calibrated = format.high as f32 / calibrated as f32;
        let own = Covered { input: name.clone(), least, largest, times_calibrated };
        match all.iter_mut().find(|other| other.input == own.input) {
            Some(other) if other.largest <= own.largest => {}
            Some(other) => *other = own,
            None => all.push(own),
        }
    }
    all
}

impl fmt::Display for Covered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input, least, largest, times_calibrated } = self;
        write!(
            f,
            "{input} from {least:.4} to {largest:.4}, {times_calibrated:.2} times the calibrated range"
        )
    }
}

/// The precision of a source: f32 without integers, else that of their width.
fn precision(source: &Source) -> Precision {
    match source.integers.as_ref().map(|integers| integers.width) {
        None => Precision::F32,
        Some(Width::Eight) => Precision::Int8x8,
        Some(Width::Sixteen) => Precision::Int8x16,
    }
}

impl Source {
    /// Positions in the graph of the outputs of `plan`, which was lowered from it.
    pub(crate) fn positions(&self, plan: &Plan) -> Vec<usize> {
        let named =
            |port: &Port| self.graph.outputs.iter().position(|(name, _)| *name == port.name);
        plan.outputs.iter().filter_map(named).collect()
    }

    /// Positions of the outputs of an encoder's plan: mean and spread of each posterior, then the states of
    /// the next call.
    pub(crate) fn heads_and_states(&self) -> Vec<usize> {
        let mut outputs = self.heads.concat();
        outputs.extend(self.states.iter().map(|(_, output)| output));
        outputs
    }
}
