//! A model whose encoder, or whose graph without roles, computes with integers.

use super::{Graphs, Loaded, Source};
use crate::Result;
use crate::lower::{Core, Integers, Width};
use crate::precision::Precision;

impl Loaded {
    /// The precision of the main graph: f32 without integers, else weights of eight bits with activations of
    /// eight or sixteen. Never [`Precision::Int8`], which is a choice between the two.
    pub fn precision(&self) -> Precision {
        match self.main.integers.as_ref().map(|integers| integers.width) {
            None => Precision::F32,
            Some(Width::Eight) => Precision::Int8x8,
            Some(Width::Sixteen) => Precision::Int8x16,
        }
    }

    /// The model lowered again with its integer weights in the form that the kernels of `core` read; an f32
    /// model is unchanged.
    ///
    /// # Errors
    ///
    /// As for lowering.
    pub fn for_core(&self, core: Core) -> Result<Self> {
        let integers = self.main.integers.clone();
        self.with_integers(integers.map(|integers| Integers { core, ..integers }))
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
}

impl Source {
    /// Positions of the outputs of an encoder's plan: mean and spread of each posterior, then the states of
    /// the next call.
    pub(crate) fn heads_and_states(&self) -> Vec<usize> {
        let mut outputs = self.heads.concat();
        outputs.extend(self.states.iter().map(|(_, output)| output));
        outputs
    }
}
