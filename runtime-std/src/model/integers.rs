//! A model whose encoder and decoder, or whose graph without roles, compute with integers.

use super::{Graphs, Loaded, Source};
use crate::Result;
use crate::lower::{Core, Integers, Plan, Port, Width};
use crate::precision::Precision;

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
