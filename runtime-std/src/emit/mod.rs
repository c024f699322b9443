//! Stage 3, emit: a [`Model`] becomes what a build needs: source, packed weights, figures.
//!
//! Nothing is decided here: the plans say which kernels run where, and the roles what surrounds them.

mod amortized;
mod bare;
mod budget;
mod calls;
mod pack;
mod rust;

pub use budget::{Budget, FlashBytes, Layer, RamBytes};
pub use rust::identifier;

use crate::model::{Graphs, Model};
use crate::{Error, Result};

/// A compiled model.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// A Rust module, `model.rs`: it depends on `elbow_core` alone, and neither allocates nor panics.
    pub source: String,
    /// Its weights, `weights.bin`: read by `elbow_core::pack::Pack::new_checked`.
    pub pack: Vec<u8>,
    /// What it needs, `budget.json`.
    pub budget: Budget,
}

/// Compiles a model.
///
/// # Errors
///
/// The plans do not fit together: an encoder without exactly one input and two equal outputs, or a
/// decoder that does not lead from such a latent to such an observation.
pub fn emit(model: &Model) -> Result<Artifact> {
    if let Graphs::Amortized { encoder, decoder } = &model.graphs {
        amortized::check(encoder, decoder.as_ref())?;
    }
    let fingerprint = pack::fingerprint(model);
    let pack = pack::bytes(&model.graphs, fingerprint)?;
    let budget = Budget::of(model, fingerprint, pack.len());
    let source = match &model.graphs {
        Graphs::Amortized { encoder, decoder } => {
            amortized::source(model, fingerprint, encoder, decoder.as_ref())
        }
        Graphs::Bare(plan) => bare::source(&model.name, fingerprint, plan),
    };
    Ok(Artifact { source, pack, budget })
}

/// An error about plans that do not fit together.
fn mismatch(message: String) -> Error {
    Error::input(format!("{message}; check the roles in the manifest"))
}
