//! A model whose encoder, or whose graph without roles, computes with integers.

use super::{Graphs, Loaded, Source};
use crate::lower::integers::{Calibration, Quantization, choose};
use crate::lower::quantize::Adjust;
use crate::lower::{Core, Integers, Plan, Width};
use crate::parity::compare::{Kl, divergence};
use crate::parity::nats::Grade;
use crate::parity::target::twin_posteriors;
use crate::precision::Precision;
use crate::rows::{Rows, run_twin_in_sequence};
use crate::{Context, Error, Result};

impl Loaded {
    /// The model with integer weights, chosen by calibration rows: `inputs` holds its inputs, `rows` of
    /// each. The decoder and a flow beside the encoder stay in f32.
    ///
    /// # Errors
    ///
    /// A flow has no integer form; the rows are not finite; a sum could overflow.
    pub fn quantized(&self, precision: Precision, inputs: &[Rows], rows: usize) -> Result<Self> {
        if matches!(self.model.graphs, Graphs::Flow(_)) {
            return Err(Error::input(
                "a flow is computed in f32, an integer log-likelihood has no meaning; use --precision f32",
            )
            .context(self.encoder.path.display()));
        }
        let data = Trial { loaded: self, inputs, rows };
        match precision {
            Precision::F32 => self.with_integers(None),
            Precision::Int8x8 => data.best(Width::Eight).map(|(loaded, _)| loaded),
            Precision::Int8x16 => data.best(Width::Sixteen).map(|(loaded, _)| loaded),
            Precision::Int8 => {
                let (eight, loss) = data.best(Width::Eight)?;
                match loss.good {
                    true => Ok(eight),
                    false => data.best(Width::Sixteen).map(|(loaded, _)| loaded),
                }
            }
        }
    }

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
    fn integer_plan(&self) -> (&Plan, Vec<(usize, usize)>) {
        match &self.model.graphs {
            Graphs::Amortized { encoder, .. } => (&encoder.plan, encoder.state_pairs()),
            Graphs::Flow(flow) => (&flow.plan, Vec::new()),
            Graphs::Bare(plan) => (plan, self.encoder.states.clone()),
        }
    }
}

impl Source {
    /// Outputs of an encoder's plan: the heads, then the states of the next call.
    pub(super) fn heads_and_states(&self) -> Vec<usize> {
        let mut outputs = self.heads.concat();
        outputs.extend(self.states.iter().map(|(_, output)| output));
        outputs
    }
}

/// A model and the rows that it is tried on.
struct Trial<'t> {
    loaded: &'t Loaded,
    inputs: &'t [Rows],
    rows: usize,
}

/// What integers cost on the calibration rows.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// Nats of a posterior, or the mean squared error of a graph without.
    mean: f64,
    /// Whether a posterior needs nothing better.
    good: bool,
}

impl Trial<'_> {
    /// The better of the model with and without refitted scales and biases.
    fn best(&self, width: Width) -> Result<(Loaded, Loss)> {
        let plain = self.with(Quantization { width, adjust: Adjust::Bias })?;
        let refitted = self.with(Quantization { width, adjust: Adjust::Both })?;
        let better = refitted.1.mean <= plain.1.mean;
        Ok(if better { refitted } else { plain })
    }

    fn with(&self, options: Quantization) -> Result<(Loaded, Loss)> {
        let source = &self.loaded.encoder;
        let (_, states) = self.loaded.integer_plan();
        let outputs = match self.loaded.model.graphs {
            Graphs::Amortized { .. } => source.heads_and_states(),
            _ => (0..source.graph.outputs.len()).collect(),
        };
        let data = Calibration { inputs: self.inputs, rows: self.rows, states: &states };
        let integers = choose(&source.arranged(), &outputs, data, options);
        let integers = integers.context(source.path.display())?;
        let loaded = self.loaded.with_integers(Some(integers))?;
        let loss = self.loss(&loaded)?;
        Ok((loaded, loss))
    }

    fn loss(&self, loaded: &Loaded) -> Result<Loss> {
        let Self { inputs, rows, .. } = *self;
        if self.loaded.amortized().is_some() {
            let float = twin_posteriors(self.loaded, inputs, rows)?;
            let integer = twin_posteriors(loaded, inputs, rows)?;
            let rows = divergence(&float, &integer);
            let kl = Kl::of_rows(rows);
            return Ok(Loss {
                mean: kl.mean.unwrap_or(f64::NAN),
                good: Grade::of(&kl, None, None) == Grade::A,
            });
        }
        let run = |loaded: &Loaded| {
            let (plan, states) = loaded.integer_plan();
            run_twin_in_sequence(plan, &states, inputs, rows)
        };
        let (float, integer) = (run(self.loaded)?, run(loaded)?);
        let pairs = float.iter().flatten().zip(integer.iter().flatten());
        let squares = pairs.map(|(a, b)| f64::from(a - b).powi(2));
        Ok(Loss { mean: squares.sum(), good: false })
    }
}
