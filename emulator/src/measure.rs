//! Instructions and cycles of pieces of work.

use crate::run::run;
use crate::timing::timing;
use crate::trace::trace;
use crate::{Core, Error};
use std::path::{Path, PathBuf};

/// Instructions of the calibration loop of an image.
const CALIBRATION: f64 = 100_000.0;

/// The name of the work that does nothing, and its number of turns, enough for a resolution of a tenth of an
/// instruction.
const EMPTY: (&str, u32) = ("empty", 1000);

/// How a piece of work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Most turns of the first run; the second has twice as many.
    pub turns: u32,
    /// Whether executed blocks are read, for the cycles and for the exact count.
    pub blocks: bool,
    /// Seconds of wall-clock time after which a run is stopped, and fails.
    pub seconds: u32,
}

impl Default for Look {
    /// Ten turns with blocks, for at most 300 s.
    fn default() -> Self {
        Self { turns: 10, blocks: true, seconds: 300 }
    }
}

/// Number of turns for work of so many instructions a turn: ten million instructions in all, but between 3
/// and 1000.
fn enough(instructions: u64) -> u32 {
    const INSTRUCTIONS: u64 = 10_000_000;
    (INSTRUCTIONS / instructions.max(1)).clamp(3, 1000) as u32
}

/// Instructions and cycles of one turn of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Instructions: exact where blocks were read, otherwise with an error of up to two ticks divided by the
    /// turns.
    pub instructions: u64,
    /// Estimate of cycles, where the core's timings are published and blocks were read.
    pub cycles: Option<u64>,
    /// CRC-32 of the output, as the image printed it.
    pub check: String,
}

/// Measures the pieces of work of one image, less an empty turn of the loop around them.
#[derive(Clone, Debug)]
pub struct Meter {
    core: &'static Core,
    image: PathBuf,
    /// Instructions of an empty turn, from ticks.
    ticks: f64,
    /// Instructions and cycles between the markers with one empty turn, from blocks.
    blocks: (u64, u64),
}

impl Meter {
    /// A meter for an image, of which it runs the empty turn, to be subtracted later. The image's protocol is
    /// in the crate's documentation.
    ///
    /// # Errors
    ///
    /// Where the emulator is missing, the image does not pass, or its ticks are not instructions.
    pub fn new(core: &'static Core, image: &Path) -> Result<Self, Error> {
        let mut meter = Self { core, image: image.to_owned(), ticks: 0.0, blocks: (0, 0) };
        let look = Look { turns: EMPTY.1, ..Look::default() };
        meter.ticks = meter.by_ticks(EMPTY.0, &look)?.0;
        meter.blocks = meter.by_blocks(EMPTY.0, &look)?;
        Ok(meter)
    }

    /// Instructions, cycles and checksum of one turn of the piece of work with this name, by some runs of the
    /// image.
    ///
    /// # Errors
    ///
    /// As for [`Meter::new`], and where the two ways of counting disagree.
    pub fn measure(&self, work: &str, look: &Look) -> Result<Measured, Error> {
        if !look.blocks {
            let (ticks, check) = self.by_ticks(work, look)?;
            let instructions = (ticks - self.ticks).round().max(0.0) as u64;
            return Ok(Measured { instructions, cycles: None, check });
        }
        let (instructions, cycles) = self.by_blocks(work, look)?;
        let instructions = instructions.saturating_sub(self.blocks.0);
        let look = Look { turns: look.turns.min(enough(instructions)), ..*look };
        let (ticks, check) = self.by_ticks(work, &look)?;
        self.agree(work, &look, ticks - self.ticks, instructions)?;
        let cycles = timing(self.core).map(|_| cycles.saturating_sub(self.blocks.1));
        Ok(Measured { instructions, cycles, check })
    }

    /// Instructions of one turn by the board's timer, the loop included, and the checksum that the image
    /// prints (empty where it prints none): the ticks of `2 * turns` turns less those of `turns`, in two
    /// runs. An error where a run fails, or its ticks do not count instructions.
    fn by_ticks(&self, work: &str, look: &Look) -> Result<(f64, String), Error> {
        let ticks = |turns: u32| {
            let arguments = [work, &turns.to_string()];
            let report = run(self.core, &self.image, &arguments, look.seconds)?;
            self.calibrated(report.number("calibration")?)?;
            let check = report.word("check").unwrap_or_default().to_owned();
            Ok::<_, Error>((report.number("ticks")?, check))
        };
        let (once, check) = ticks(look.turns)?;
        let (twice, _) = ticks(2 * look.turns)?;
        let turn = (twice as f64 - once as f64) / f64::from(look.turns);
        Ok((turn * self.core.tick(), check))
    }

    /// Instructions and cycles between the markers by executed blocks, with one turn and the loop; 0 cycles
    /// where the core's timings are not published. An error where the run does not reach the second marker.
    fn by_blocks(&self, work: &str, look: &Look) -> Result<(u64, u64), Error> {
        let trace = trace(self.core, &self.image, &[work, "1"], look.seconds)?;
        Ok((trace.instructions(), timing(self.core).map_or(0, |timing| trace.cycles(timing))))
    }

    /// `Ok` where the calibration loop, which took this number of ticks, has as many instructions per tick as
    /// the table of cores says, to less than 1%; else an error with both numbers.
    fn calibrated(&self, ticks: u64) -> Result<(), Error> {
        let (tick, expected) = (CALIBRATION / ticks.max(1) as f64, self.core.tick());
        if (tick / expected - 1.0).abs() < 0.01 {
            return Ok(());
        }
        let board = self.core.board;
        Err(Error::new(format!("{board}: {tick} instructions a tick, expected {expected}")))
    }

    /// `Ok` where the instructions of a turn by ticks and by blocks differ by no more than the resolution of
    /// the timer: a count of ticks is good to a tick, so that the difference of two is good to two, divided
    /// by the turns between them; half an instruction is added for rounding. Else an error with both numbers.
    fn agree(&self, work: &str, look: &Look, ticks: f64, blocks: u64) -> Result<(), Error> {
        let slack = 2.0 * self.core.tick() / f64::from(look.turns) + 0.5;
        if (ticks - blocks as f64).abs() <= slack {
            return Ok(());
        }
        let image = self.image.display();
        Err(Error::new(format!("{image} {work}: {ticks} by ticks, {blocks} by blocks")))
    }
}
