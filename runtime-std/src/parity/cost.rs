//! What the work of a model costs on a board: an inference, its score, a step of refinement, and the start.

use super::Program;
use super::on_device::{all_given, ask, compile, temporary};
use crate::device::{Device, Footprint, Spent, Target, Trace, timing};
use crate::emit::{Artifact, emit, emit_timed};
use crate::error::{Error, Result};
use crate::lower::plan::Integer;
use crate::lower::{Kernel, Plan, Step};
use crate::model::{Loaded, Model};
use crate::rows::{Batch, StreamKey};
use elbow_core::wire::Inference;
use serde::Serialize;
use std::fmt;
use std::io::{Read, Write};
use std::path::Path;

/// Inferences of a board whose time is measured.
const REPEATS: usize = 5;
/// Steps of the two refinements whose difference tells what a step takes: the timer's ticks are 32 to 50 instructions.
const STEPS: [u32; 2] = [2, 10];

/// Figures of a model on a board.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The parts of its work.
    pub work: WorkCost,
    /// Stack and arena of the inference, and its instructions by the board's timer.
    pub spent: Spent,
    /// Code bytes and stack bound of the inference.
    pub footprint: Footprint,
    /// Bytes of the whole program.
    pub program: Program,
}

/// What the parts of the work of a model take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkCost {
    /// The inference, of the encoder, the flow, or the graph without roles, in the image as it is shipped.
    pub encode: PartCost,
    /// The decoder, at the mean of the posterior; `None` for a model without a score.
    pub decode: Option<PartCost>,
    /// The score behind the inference: the decoder, likelihood and divergence.
    pub score: Option<PartCost>,
    /// A step of refinement; `None` for a model that is not compiled for it.
    pub refine_step: Option<PartCost>,
    /// The check of the weights, once when a program starts.
    pub boot: PartCost,
}

/// What a part of the work takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PartCost {
    /// Executed instructions, from the call to the return.
    pub instructions: u64,
    /// Estimate of their cycles, where Arm has published what instructions cost on the core.
    pub cycles_estimate: Option<u64>,
    /// The steps of its plan; empty where they are not told apart, and of a step of refinement.
    pub layers: Vec<LayerCost>,
    /// `instructions` less those of the layers: checks, clamps, likelihood. The layers hold some ten instructions each that
    /// keep them apart, so that it can be negative.
    pub outside_layers: i64,
}

/// A step of a plan.
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

/// The name of the part that runs once.
pub const BOOT: &str = "boot";

impl WorkCost {
    /// The parts that there are, with their names.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, &PartCost)> {
        let all = [
            ("encode", Some(&self.encode)),
            ("decode", self.decode.as_ref()),
            ("score", self.score.as_ref()),
            ("refine step", self.refine_step.as_ref()),
            (BOOT, Some(&self.boot)),
        ];
        all.into_iter().filter_map(|(name, part)| Some((name, part?)))
    }
}

impl fmt::Display for WorkCost {
    /// Writes a line for each part, and behind the first two a line for each of their layers; with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |cycles: Option<u64>| cycles.map_or(String::new(), |cycles| cycles.to_string());
        match self.encode.cycles_estimate {
            Some(_) => writeln!(f, "cycles are estimates by Arm's timings, without wait states\n")?,
            None => writeln!(f, "cycles not estimated: no published timings of this core\n")?,
        }
        writeln!(f, "{:>12} {:>12} {:>12}", "instructions", "cycles", "MACs")?;
        for (name, part) in self.parts() {
            let PartCost { instructions, cycles_estimate, layers, outside_layers } = part;
            let what = match name {
                "score" => "score (decode, likelihood, divergence)".into(),
                BOOT => "boot (the weights are checked)".into(),
                name => name.to_string(),
            };
            let macs: usize = layers.iter().map(|layer| layer.macs).sum();
            let macs = if layers.is_empty() { String::new() } else { macs.to_string() };
            writeln!(f, "{instructions:>12} {:>12} {macs:>12}  {what}", known(*cycles_estimate))?;
            if layers.is_empty() || name == "score" {
                continue;
            }
            for LayerCost { name, op, macs, instructions, cycles_estimate } in layers {
                let cycles = known(*cycles_estimate);
                writeln!(f, "{instructions:>12} {cycles:>12} {macs:>12}    {name} ({op})")?;
            }
            writeln!(f, "{outside_layers:>12} {:>12} {:>12}    outside the layers", "", "")?;
        }
        Ok(())
    }
}

impl PartCost {
    /// What executed `trace`, whose steps are `layers`.
    fn new(target: &Target, trace: &Trace, layers: Vec<LayerCost>) -> Self {
        let instructions = trace.instructions();
        let inside: u64 = layers.iter().map(|layer| layer.instructions).sum();
        Self {
            instructions,
            cycles_estimate: timing(target.row).map(|timing| trace.cycles(timing)),
            layers,
            outside_layers: instructions.cast_signed() - inside.cast_signed(),
        }
    }

    /// The same without its end, which took that.
    fn without(&self, end: &Self) -> Self {
        let less = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.saturating_sub(b));
        Self {
            instructions: self.instructions.saturating_sub(end.instructions),
            cycles_estimate: less(self.cycles_estimate, end.cycles_estimate),
            layers: self.layers.clone(),
            outside_layers: self.outside_layers - end.instructions.cast_signed(),
        }
    }

    /// So many instructions, with as many cycles each as those of `other`, which makes the same calls.
    fn paced(instructions: u64, other: &Self) -> Self {
        let cycles = other.cycles_estimate.filter(|_| other.instructions > 0).map(|cycles| {
            (instructions as f64 * cycles as f64 / other.instructions as f64).round() as u64
        });
        let outside_layers = instructions.cast_signed();
        Self { instructions, cycles_estimate: cycles, layers: Vec::new(), outside_layers }
    }
}

/// What the work of a model takes on the first row of `batch`, on `target`; steps are measured in an image of
/// their own, which reads a clock behind each. The workspace `firmware` is built and the image booted three
/// times, one after another; then the smallest program of the model is built.
///
/// # Errors
///
/// Environment errors of toolchain and emulator, an input that is missing, and executed instructions that are
/// not what the board's timer says.
pub fn cost(loaded: &Loaded, target: &Target, firmware: &Path, batch: &Batch) -> Result<Cost> {
    let meter = CostMeter { loaded, target, firmware, given: all_given(loaded, batch)? };
    let Timed { footprint, spent, is_scored, refine_step } = meter.timed()?;
    let functions: &[&str] =
        if is_scored { &["open", "infer", "score"] } else { &["open", "infer"] };
    let whole: Vec<Trace> = meter.traced(emit, functions, false)?.into_iter().flatten().collect();
    let [boot, infer, of_score @ ..] = &whole[..] else { return Err(meter.not_called(functions)) };
    agree(target, infer.instructions(), spent.instructions)?;
    let laps = meter.traced(emit_timed, &functions[1..], true)?;
    let [of_infer, laps_of_score @ ..] = &laps[..] else {
        return Err(meter.not_called(&functions[1..]));
    };
    let main = loaded.model.graphs.main().plan;
    let encode = PartCost::new(target, infer, layers(target, main, of_infer));
    let decoder = loaded.amortized().and_then(|(_, decoder)| decoder);
    let (mut score, mut decode) = (None, None);
    if let (Some(decoder), [trace], [laps]) = (decoder, of_score, laps_of_score) {
        let all = PartCost::new(target, trace, layers(target, &decoder.plan, laps));
        let behind = laps.last().ok_or_else(|| meter.not_called(&functions[2..]))?;
        decode = Some(all.without(&PartCost::new(target, behind, Vec::new())));
        score = Some(all);
    }
    let boot = PartCost::new(target, boot, Vec::new());
    let refine_step = refine_step.zip(score.as_ref());
    let refine_step = refine_step.map(|(taken, score)| PartCost::paced(taken, score));
    let work = WorkCost { encode, decode, score, refine_step, boot };
    let program = Program::of(&loaded.model, target, firmware)?;
    Ok(Cost { work, spent, footprint, program })
}

/// A model, what runs it, and what it is asked.
struct CostMeter<'a> {
    loaded: &'a Loaded,
    target: &'a Target,
    firmware: &'a Path,
    given: Batch,
}

/// What the image as it is shipped says of itself, and its timer.
struct Timed {
    footprint: Footprint,
    /// Of the inference.
    spent: Spent,
    is_scored: bool,
    /// Instructions of a step of refinement, where the model is compiled for it.
    refine_step: Option<u64>,
}

impl CostMeter<'_> {
    /// Builds and boots the image and asks it. Errors of toolchain, emulator and device.
    fn timed(&self) -> Result<Timed> {
        let folder = temporary()?;
        let models = [compile(&self.loaded.model, emit, folder.path())?];
        let mut device = Device::start(self.target, &models, self.firmware)?;
        device.select(0)?;
        let footprint = device.footprint(0)?.infer;
        let (spent, score) = ask(&mut device, self.loaded, &self.given, 0)?;
        let decoder = self.loaded.amortized().and_then(|(_, decoder)| decoder);
        let refines = decoder.is_some_and(|decoder| decoder.refine.is_some()) && score.is_some();
        let refine_step = refines.then(|| self.refine_step(&mut device)).transpose()?;
        device.finish()?;
        Ok(Timed { footprint, spent, is_scored: score.is_some(), refine_step })
    }

    /// Instructions of a step of refinement by the timer of `device`: the difference of two refinements of different
    /// length, by the steps that one has more. An error is the device's.
    fn refine_step(&self, device: &mut Device) -> Result<u64> {
        let stream = StreamKey { seed: 0, row: 0 };
        let given = self.given.row(0);
        let mut taken = |steps| device.infer(stream, Inference::Refine, steps, &given);
        let [short, long] = [taken(STEPS[0])?, taken(STEPS[1])?].map(|all| all.spent.instructions);
        Ok(long.saturating_sub(short) / u64::from(STEPS[1] - STEPS[0]))
    }

    /// What these functions execute in an image that `emit` makes, each a trace per lap. Errors of toolchain, emulator and
    /// device, and where one of them was not called.
    fn traced(
        &self,
        emit: fn(&Model) -> Result<Artifact>,
        functions: &[&str],
        laps: bool,
    ) -> Result<Vec<Vec<Trace>>> {
        let folder = temporary()?;
        let models = [compile(&self.loaded.model, emit, folder.path())?];
        let mut device =
            Device::start_traced(self.target, &models, self.firmware, functions, laps)?;
        device.select(0)?;
        ask(&mut device, self.loaded, &self.given, 0)?;
        let calls = device.traced()?;
        if calls.len() == functions.len() { Ok(calls) } else { Err(self.not_called(functions)) }
    }

    /// The environment error that the emulator's log lacks a call of one of these functions of the model's.
    fn not_called(&self, functions: &[&str]) -> Error {
        let (target, model) = (self.target.name, &self.loaded.model.name);
        Error::environment(format!(
            "{target}: the emulator's log lacks a call of `{model}`, expected one each of: {}; install QEMU 7.2, with which the log is tested, and try again",
            functions.join(", ")
        ))
    }
}

/// The steps of a plan, which took these laps.
fn layers(target: &Target, plan: &Plan, laps: &[Trace]) -> Vec<LayerCost> {
    let timing = timing(target.row);
    let layer = |(step, (name, lap)): (&Step, (String, &Trace))| LayerCost {
        name,
        op: step.op.clone(),
        macs: step.macs,
        instructions: lap.instructions(),
        cycles_estimate: timing.map(|timing| lap.cycles(timing)),
    };
    plan.steps.iter().zip(names(plan).into_iter().zip(laps)).map(layer).collect()
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
