//! Instructions and cycles of one piece of work.

use crate::run::run;
use crate::trace::trace;
use crate::{Error, Machine};
use std::path::Path;

/// Instructions between two readings of a tick that are counted into it by the calibration loop.
const CALIBRATION: f64 = 100_000.0;

/// The work that does nothing.
const EMPTY: &str = "empty";
/// Turns of it, enough for a tenth of an instruction.
const EMPTY_TURNS: u32 = 1000;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<'a> {
    /// The machine that runs it.
    pub machine: &'static Machine,
    /// The image, whose protocol is described in the crate's documentation.
    pub image: &'a Path,
    /// The piece of work.
    pub work: &'a str,
    /// How often the work is done in the first run; the second does it twice as often.
    pub repeat: u32,
    /// Whether executed blocks are looked at, for the cycles and for the exact count.
    pub blocks: bool,
    /// Longest run.
    pub seconds: u32,
}

/// What a piece of work takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Instructions: exact where blocks were looked at, otherwise to a tick divided by `repeat`.
    pub instructions: u64,
    /// Estimate of cycles, where the core's timings are published and blocks were looked at.
    pub cycles: Option<u64>,
    /// CRC-32 of the output.
    pub check: String,
}

/// Measures a piece of work, less an empty turn of the loop around it.
///
/// # Errors
///
/// Where an image does not pass, where ticks are not instructions, or where the two ways of
/// counting disagree.
pub fn measure(m: &Measurement<'_>) -> Result<Measured, Error> {
    let (ticks, check) = by_ticks(m, m.work, m.repeat)?;
    let (turn, _) = by_ticks(m, EMPTY, EMPTY_TURNS)?;
    let ticks = ticks - turn;
    if !m.blocks {
        let instructions = ticks.round().max(0.0) as u64;
        return Ok(Measured { instructions, cycles: None, check });
    }
    let work = trace(m.machine, m.image, &[m.work, "1"], m.seconds)?;
    let nothing = trace(m.machine, m.image, &[EMPTY, "1"], m.seconds)?;
    let instructions = work.instructions().saturating_sub(nothing.instructions());
    agree(m, ticks, instructions)?;
    let cycles = m.machine.timing.map(|t| work.cycles(t).saturating_sub(nothing.cycles(t)));
    Ok(Measured { instructions, cycles, check })
}

/// Instructions of one turn by ticks: `2 * repeat` turns less `repeat` turns.
fn by_ticks(m: &Measurement<'_>, work: &str, repeat: u32) -> Result<(f64, String), Error> {
    let ticks = |turns: u32| {
        let report = run(m.machine, m.image, &[work, &turns.to_string()], m.seconds)?;
        calibrated(m.machine, report.number("calibration")?)?;
        let check = report.word("check").unwrap_or_default().to_owned();
        Ok::<_, Error>((report.number("ticks")?, check))
    };
    let (once, check) = ticks(repeat)?;
    let (twice, _) = ticks(2 * repeat)?;
    Ok(((twice as f64 - once as f64) * m.machine.tick / f64::from(repeat), check))
}

/// Whether a tick is as many instructions as the machine's table says.
fn calibrated(machine: &Machine, ticks: u64) -> Result<(), Error> {
    let tick = CALIBRATION / ticks.max(1) as f64;
    if (tick / machine.tick - 1.0).abs() < 0.01 {
        return Ok(());
    }
    let expected = machine.tick;
    Err(Error::new(format!("{}: {tick} instructions a tick, expected {expected}", machine.board)))
}

/// Whether the sum over blocks is what the ticks say. A reading is good to a tick, so that the
/// difference of two, divided by the turns between them, is good to two ticks over the turns.
fn agree(m: &Measurement<'_>, ticks: f64, blocks: u64) -> Result<(), Error> {
    let slack = 2.0 * m.machine.tick / f64::from(m.repeat) + 0.5;
    if (ticks - blocks as f64).abs() <= slack {
        return Ok(());
    }
    Err(Error::new(format!(
        "{} {}: {ticks} instructions by ticks, {blocks} by blocks",
        m.image.display(),
        m.work
    )))
}
