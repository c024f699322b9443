//! A model whose encoder, or whose graph without roles, computes with integers.

use super::{Graphs, Loaded, Source};
use crate::Result;
use crate::lower::{Core, Integers, Plan, Width};
use crate::precision::Precision;

impl Loaded {
    /// The precision that the model computes with.
    pub fn precision(&self) -> Precision {
        match self.encoder.integers.as_ref().map(|integers| integers.width) {
            None => Precision::F32,
            Some(Width::Eight) => Precision::Int8x8,
            Some(Width::Sixteen) => Precision::Int8x16,
        }
    }

    /// The model with the weights in the form of a core.
    ///
    /// # Errors
    ///
    /// As for lowering.
    pub fn for_core(&self, core: Core) -> Result<Self> {
        let integers = self.encoder.integers.clone();
        self.with_integers(integers.map(|integers| Integers { core, ..integers }))
    }

    /// The model computing with these integers.
    ///
    /// # Errors
    ///
    /// As for lowering.
    pub fn with_integers(&self, integers: Option<Integers>) -> Result<Self> {
        let mut loaded = self.clone();
        loaded.encoder.integers = integers;
        let source = &loaded.encoder;
        match &mut loaded.model.graphs {
            Graphs::Amortized { encoder, .. } => {
                encoder.plan = source.lower(&source.heads_and_states())?
            }
            Graphs::Bare(plan) => *plan = source.whole()?.0,
            Graphs::Flow(_) => {}
        }
        Ok(loaded)
    }

    /// The plan that integers change, with its pairs of state input and output.
    pub(crate) fn integer_plan(&self) -> (&Plan, Vec<(usize, usize)>) {
        match &self.model.graphs {
            Graphs::Amortized { encoder, .. } => (&encoder.plan, encoder.state_pairs()),
            Graphs::Flow(flow) => (&flow.plan, Vec::new()),
            Graphs::Bare(plan) => (plan, self.encoder.states.clone()),
        }
    }
}

impl Source {
    /// Outputs of an encoder's plan: the heads, then the states of the next call.
    pub(crate) fn heads_and_states(&self) -> Vec<usize> {
        let mut outputs = self.heads.concat();
        outputs.extend(self.states.iter().map(|(_, output)| output));
        outputs
    }
}
