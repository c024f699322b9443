//! Flash and RAM of a whole program on a board, from its image.

use super::on_device::{compile, temporary};
use crate::device::{Footprint, ModelFootprint, Target};
use crate::emit::{Budget, emit};
use crate::error::Result;
use crate::model::Loaded;
use serde::Serialize;
use std::path::Path;

/// Bytes of a program that is a detector and nothing else; of a model without one, that encodes and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Weights, and code and tables that are reached.
    pub flash: usize,
    /// The detector, else the workspace, and the stack bound; `None` where the stack is not bounded.
    pub ram: Option<usize>,
}

impl Program {
    /// The program of a model with this budget, whose only call from `main` has this footprint.
    pub fn new(budget: &Budget, called: Footprint) -> Self {
        let memory = budget.ram_bytes.detector.unwrap_or(budget.ram_bytes.workspace);
        Self {
            flash: budget.flash_bytes.weights + called.code_bytes as usize,
            ram: called.stack_bytes.map(|stack| memory + stack as usize),
        }
    }

    /// The program of a model on `target`, from an image that is built and not booted.
    ///
    /// # Errors
    ///
    /// Those of `emit`, and environment errors of the toolchain.
    pub fn of(loaded: &Loaded, target: &Target, firmware: &Path) -> Result<Self> {
        let folder = temporary()?;
        let model = compile(&loaded.model, emit, folder.path())?;
        let footprint = ModelFootprint::of_model(target, &model, firmware)?;
        Ok(Self::new(&emit(&loaded.model)?.budget, called(&footprint, &loaded.model)))
    }
}

/// What a program calls: the detector of a model that has one, else an inference.
pub fn called(footprint: &ModelFootprint, model: &crate::model::Model) -> Footprint {
    let judge = footprint.judge.filter(|_| {
        model.calibration.as_ref().is_some_and(|calibration| calibration.obstacle(model).is_none())
    });
    judge.unwrap_or(footprint.infer)
}
