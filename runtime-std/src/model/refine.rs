//! What refinement needs besides the decoder.

use super::{Decoder, Source};
use crate::error::{Error, Result};
use crate::lower::Plan;
use crate::manifest::RefineTable;

impl Decoder {
    /// The settings of refinement: those of the manifest's `[refine]`, or the defaults without it.
    pub fn refinement(&self) -> RefineTable {
        self.refine.as_ref().map_or_else(RefineTable::default, |refine| refine.settings.clone())
    }
}

/// The decoder's backward pass, and how it is used.
#[derive(Clone, Debug)]
pub struct Refine {
    /// [`Decoder::gradient`]
    pub gradient: Plan,
    /// Rule, steps and samples.
    pub settings: RefineTable,
}

impl Refine {
    /// Refinement by these settings, with the lowered gradient of a decoder that comes from `source`.
    ///
    /// # Errors
    ///
    /// A node of the decoder has no gradient, the decoder computes with integers, or there are several
    /// posteriors.
    pub fn of(decoder: &Decoder, source: &Source, settings: RefineTable) -> Result<Self> {
        let fault = |what: &str| Err(Error::input(what).context(source.path.display()));
        if source.integers.is_some() {
            return fault(
                "refinement follows the gradient of an f32 decoder, and this one computes with integers; export the decoder in f32",
            );
        }
        if source.latents().count() != 1 {
            return fault(
                "refinement takes one posterior, and this decoder several latents; leave refinement out",
            );
        }
        Ok(Self { gradient: decoder.gradient(source)?, settings })
    }
}
