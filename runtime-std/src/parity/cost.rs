//! What one inference costs on a board, in all and by step.

use super::layers;
use super::on_device::{all_given, ask, compile, temporary};
use crate::device::{Device, Footprint, Spent, Target};
use crate::emit::{emit, emit_timed};
use crate::error::Result;
use crate::lower::Step;
use crate::model::Loaded;
use crate::rows::Rows;
use serde::Serialize;
use std::path::Path;

/// Figures of one inference: of the encoder, the flow, or the graph without roles.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Instructions, stack and arena of the image as it is shipped.
    pub spent: Spent,
    /// Its code bytes and stack bound.
    pub footprint: Footprint,
    /// Every step.
    pub layers: Vec<Layer>,
}

/// A step of the inference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// Name of the node that it comes from.
    pub name: String,
    /// Operator of that node.
    pub op: String,
    /// Multiply-accumulates.
    pub macs: usize,
    /// Instructions, to a tick of the board's timer (32 to 50 instructions), with some twenty for reading
    /// it.
    pub instructions: u64,
}

/// Measures the first row of `inputs` on `target`; steps are measured in an image of their own, which
/// reads the timer behind each.
///
/// # Errors
///
/// Environment errors of toolchain and emulator, and an input that is missing.
pub fn cost(loaded: &Loaded, target: &Target, firmware: &Path, inputs: &[Rows]) -> Result<Cost> {
    let given = all_given(loaded, inputs)?;
    let folder = temporary()?;
    let models = [compile(&loaded.model, emit, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    let footprint = device.footprint(0)?.infer;
    let spent = ask(&mut device, loaded, &given, 0)?;
    device.finish()?;
    let models = [compile(&loaded.model, emit_timed, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    ask(&mut device, loaded, &given, 0)?;
    let instructions = device.steps()?;
    device.finish()?;
    let layer = |(step, instructions): (&Step, u64)| Layer {
        name: step.name.clone(),
        op: step.op.clone(),
        macs: step.macs,
        instructions,
    };
    let layers = layers::plan(loaded).0.steps.iter().zip(instructions).map(layer).collect();
    Ok(Cost { spent, footprint, layers })
}
