//! Flash and RAM of a whole program on a board, from its image.

use super::on_device::{compile, temporary};
use crate::device::{Firmware, Image, Target, build_image};
use crate::emit::emit;
use crate::error::{Error, Result};
use crate::model::Model;
use serde::Serialize;
use std::path::Path;

/// Bytes of a program that is a detector and nothing else; of a model without one, that runs its main function and
/// nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// All that the linked image puts there: vector table, start, code, tables, weights, first values of variables.
    pub flash: usize,
    /// The detector, else workspace, inputs and outputs, and the bound of the stack from `main` on; `None` where the
    /// stack is not bounded.
    pub ram: Option<usize>,
}

impl Program {
    /// The program of a model on `target`, from an image that is built and not booted.
    ///
    /// # Errors
    ///
    /// Those of `emit`, and environment errors of the toolchain.
    pub fn of(model: &Model, target: &Target, firmware: &Path) -> Result<Self> {
        let folder = temporary()?;
        let files = compile(model, emit, folder.path())?;
        let file = build_image(Firmware::Alone, target, &[files], firmware)?;
        let bytes = std::fs::read(&file).map_err(|error| {
            Error::environment(format!("cannot read {}: {error}; build again", file.display()))
        })?;
        let environment = |error: elbow_emulator::Error| Error::environment(error.to_string());
        let image = Image::parse(&bytes).map_err(environment)?;
        let stack = image.footprint("main").map_err(environment)?.stack_bytes;
        let memory = image.memory_bytes() as usize;
        Ok(Self {
            flash: image.flash_bytes() as usize,
            ram: stack.map(|stack| memory + stack as usize),
        })
    }
}
