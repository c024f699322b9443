//! What one inference costs on a board, in all and by step.

use super::Program;
use super::on_device::{all_given, ask, compile, temporary};
use crate::device::{Device, Footprint, Spent, Target, Trace, timing};
use crate::emit::{emit, emit_timed};
use crate::error::{Error, Result};
use crate::lower::plan::Integer;
use crate::lower::{Kernel, Plan, Step};
use crate::model::{Loaded, Model};
use crate::rows::Batch;
use serde::Serialize;
use std::io::{Read, Write};
use std::path::Path;

/// Inferences of a board whose time is measured.
const REPEATS: usize = 5;

/// Figures of one inference: of the encoder, the flow, or the graph without roles.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Executed instructions of the image as it is shipped, from the call of the inference to its return.
    pub instructions: u64,
    /// Estimate of their cycles, where Arm has published what instructions cost on the core.
    pub cycles: Option<u64>,
    /// Stack and arena, and the instructions by the board's timer.
    pub spent: Spent,
    /// Instructions of the score behind the inference, decoder and likelihood, by the board's timer; `None` for a
    /// model without a score.
    pub score: Option<u64>,
    /// Its code bytes and stack bound.
    pub footprint: Footprint,
    /// Bytes of the whole program.
    pub program: Program,
    /// Every step.
    pub layers: Vec<LayerCost>,
}

/// A step of the inference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerCost {
    /// Name of the node that it comes from; a step that only brings values into another form or place for its
    /// node says so behind it: `fc1 (quantize)`.
    pub name: String,
    /// Operator of that node.
    pub op: String,
    /// Multiply-accumulates.
    pub macs: usize,
    /// Executed instructions, with some ten that keep the steps apart.
    pub instructions: u64,
    /// Estimate of their cycles, where that of the inference is known.
    pub cycles_estimate: Option<u64>,
}

/// The cost of one inference on the first row of `batch`, on `target`; steps are measured in an image of
/// their own, which reads a clock behind each. The workspace `firmware` is built and the image booted three
/// times, one after another; then the smallest program of the model is built.
///
/// # Errors
///
/// Environment errors of toolchain and emulator, an input that is missing, and executed instructions that are
/// not what the board's timer says.
pub fn cost(loaded: &Loaded, target: &Target, firmware: &Path, batch: &Batch) -> Result<Cost> {
    let given = all_given(loaded, batch)?;
    let folder = temporary()?;
    let models = [compile(&loaded.model, emit, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    let footprint = device.footprint(0)?.infer;
    let (spent, score) = ask(&mut device, loaded, &given, 0)?;
    device.finish()?;
    let traced = |emit: fn(&Model) -> Result<_>, laps| {
        let models = [compile(&loaded.model, emit, folder.path())?];
        let mut device = Device::start_traced(target, &models, firmware, laps)?;
        device.select(0)?;
        ask(&mut device, loaded, &given, 0)?;
        device.traced()
    };
    let whole = traced(emit, false)?;
    let instructions = whole.iter().map(Trace::instructions).sum();
    agree(target, instructions, spent.instructions)?;
    let timing = timing(target.row);
    let cycles = |trace: &Trace| timing.map(|timing| trace.cycles(timing));
    let layer = |(step, (name, trace)): (&Step, (String, &Trace))| LayerCost {
        name,
        op: step.op.clone(),
        macs: step.macs,
        instructions: trace.instructions(),
        cycles_estimate: cycles(trace),
    };
    let laps = traced(emit_timed, true)?;
    let plan = loaded.model.graphs.main().plan;
    let layers = plan.steps.iter().zip(names(plan).into_iter().zip(&laps)).map(layer).collect();
    let cycles = whole.iter().map(cycles).sum();
    let score = score.map(|spent| spent.instructions);
    let program = Program::of(&loaded.model, target, firmware)?;
    Ok(Cost { instructions, cycles, spent, score, footprint, program, layers })
}

/// The longest of five inferences on the first row of `batch`, and of the scores behind them where the model has one,
/// on a board that has the model selected.
///
/// # Errors
///
/// An input that is missing; whatever the board answers in place of a posterior.
pub fn longest<S: Read + Write>(
    device: &mut Device<S>,
    loaded: &Loaded,
    batch: &Batch,
) -> Result<(Spent, Option<Spent>)> {
    let given = all_given(loaded, batch)?;
    let longer = |a: Spent, b: Spent| if b.instructions > a.instructions { b } else { a };
    let (mut spent, mut score) = ask(device, loaded, &given, 0)?;
    for _ in 1..REPEATS {
        let (again, scored) = ask(device, loaded, &given, 0)?;
        spent = longer(spent, again);
        score = score.zip(scored).map(|(a, b)| longer(a, b));
    }
    Ok((spent, score))
}

/// `Ok` where the instructions by the emulator's log and by the board's timer differ by at most a tick at
/// either end and 40 instructions around the call; an environment error otherwise.
fn agree(target: &Target, executed: u64, timed: u64) -> Result<()> {
    const AROUND: u64 = 40;
    let tick = 1_000_000 / u64::from(target.row.machine.ticks_per_million);
    if executed.abs_diff(timed) <= 2 * tick + AROUND {
        return Ok(());
    }
    let name = target.name;
    Err(Error::environment(format!(
        "{name}: {executed} instructions by the emulator's log, {timed} by the timer: is it another QEMU?"
    )))
}

/// Name of each step: its node's name, and where that node has several steps and this one only brings values
/// into another form or place, what it does in parentheses.
fn names(plan: &Plan) -> Vec<String> {
    let name = |step: &Step| {
        let several = plan.steps.iter().filter(|other| other.name == step.name).count() > 1;
        match what(&step.kernel).filter(|_| several) {
            Some(what) => format!("{} ({what})", step.name),
            None => step.name.clone(),
        }
    };
    plan.steps.iter().map(name).collect()
}

/// What a kernel does that brings values into another form or place; `None` for all that compute.
fn what(kernel: &Kernel) -> Option<&'static str> {
    match kernel {
        Kernel::Integer(Integer::Quantize { .. }) => Some("quantize"),
        Kernel::Integer(Integer::Dequantize { .. }) => Some("dequantize"),
        Kernel::Integer(Integer::PaddedCopy { .. }) => Some("spread"),
        Kernel::Copy | Kernel::Strided(_) => Some("copy"),
        Kernel::Fill(_) => Some("fill"),
        _ => None,
    }
}
