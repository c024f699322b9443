//! What decides whether a model fits a board, before anything is built for it.

use elbow::detect::with_calibration;
use elbow::emit::emit;
use elbow::model::Loaded;
use elbow::{Error, Precision, Result};
use elbow_toolchain::Board;
use serde::Serialize;
use std::fmt;

/// Cycles of a multiply-accumulate of `models/imu`, all of its inference together, which other models come near to:
/// 26.5 million of the RP2040 in floats, by software, 1.5 million in bytes; on cores with a floating-point unit by the
/// count of an emulated M4F, and the wait states of flash.
const CYCLES: [(bool, bool, f64); 4] =
    [(true, false, 330.0), (true, true, 20.0), (false, false, 6.0), (false, true, 4.0)];
/// Flash of the sensor image besides the weights, by the crate of the board, of `models/motion3` in floats and with the
/// largest of its boards; what a log or a panic says is in it.
const PROGRAM_FLASH: [(&str, usize); 3] = [("rp", 74_000), ("nrf", 68_000), ("stm32", 89_000)];
/// What integers add to that: without a floating-point unit much of the scales' arithmetic is by software as well.
const INTEGER_FLASH: [(bool, usize); 2] = [(true, 22_000), (false, 10_000)];
/// RAM of it besides the model: queues, buffers, and the stacks of tasks and interrupts.
const PROGRAM_RAM: usize = 20_000;
/// Share of the time between two windows that inference may take: sampling and telling need the rest.
const DUTY: f64 = 0.9;

/// Figures of a model on a board; estimates, but for the hop.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// Arithmetic.
    pub precision: Precision,
    /// Multiply-accumulates of encoder and decoder.
    pub macs: usize,
    /// Milliseconds from one window to the next.
    pub hop_ms: f64,
    /// Milliseconds of inference, at the board's clock.
    pub window_ms: f64,
    /// Share of the time that inference takes.
    pub duty: f64,
    /// Flash of the sensor image.
    pub flash_bytes: usize,
    /// Flash of the board.
    pub flash_of_board: usize,
    /// RAM of the sensor image.
    pub ram_bytes: usize,
    /// RAM of the board.
    pub ram_of_board: usize,
    /// Readings from one window to the next.
    hop: usize,
    /// Readings of a second.
    rate: f64,
}

impl Figures {
    /// Those of a model with a window and a rate, with the detector that its calibration gives it. An error is that of
    /// `emit`.
    pub fn of(loaded: &Loaded, board: &Board) -> Result<Self> {
        // As `build.rs` of the project does; a calibration that cannot be used gives no detector there either.
        let (loaded, _) = with_calibration(loaded.clone());
        let budget = emit(&loaded.model)?.budget;
        let precision = loaded.precision();
        let (soft, int8) = (!board.has_fpu, precision != Precision::F32);
        let cycles = CYCLES.iter().find(|(s, i, _)| (*s, *i) == (soft, int8));
        let cycles = cycles.map_or(0.0, |(.., cycles)| *cycles);
        let window = loaded.model.window.as_ref();
        let (hop, rate) =
            window.map_or((1, 1.0), |window| (window.hop, window.rate.unwrap_or(1.0)));
        let hop_ms = 1e3 * hop as f64 / rate;
        let window_ms = 1e3 * budget.macs as f64 * cycles / f64::from(board.hertz);
        let memory = budget.ram_bytes.detector.unwrap_or(budget.ram_bytes.workspace);
        Ok(Self {
            precision,
            macs: budget.macs,
            hop_ms,
            window_ms,
            duty: window_ms / hop_ms,
            flash_bytes: budget.flash_bytes.weights + program_flash(board, soft, int8),
            flash_of_board: board.flash.length as usize,
            ram_bytes: memory + PROGRAM_RAM,
            ram_of_board: board.ram.length as usize,
            hop,
            rate,
        })
    }

    /// `Ok` where the model fits the board; `in_int8` gives the figures of the same model in int8, `None` where no
    /// observations choose its scales.
    ///
    /// # Errors
    ///
    /// A failed check with everything that does not fit, and what would; or the error of `in_int8`.
    pub fn fit(&self, board: &Board, in_int8: impl FnOnce() -> Result<Option<Self>>) -> Result<()> {
        let over = self.over();
        if over.is_empty() {
            return Ok(());
        }
        let integers = match self.precision {
            Precision::F32 => match in_int8()? {
                None => "; whether it would in int8 was not tried, which needs observations: --readings, or a \
                         calibration.npy beside the elbow.toml"
                    .into(),
                Some(figures) if figures.over().is_empty() => format!(
                    "; --precision int8 fits: {:.1} ms, {} bytes of flash, {} bytes of RAM",
                    figures.window_ms, figures.flash_bytes, figures.ram_bytes
                ),
                Some(_) => "; it would not in int8 either".into(),
            },
            _ => String::new(),
        };
        Err(Error::check(format!(
            "the model does not fit the {} in {}: {}{integers}",
            board.title,
            self.precision.name(),
            over.join("; ")
        )))
    }

    /// What does not fit, each with what would.
    fn over(&self) -> Vec<String> {
        let mut over = Vec::new();
        if self.duty > DUTY {
            let hop = (self.window_ms / DUTY / 1e3 * self.rate).ceil();
            over.push(format!(
                "a window takes about {:.1} ms and the next one comes after {:.1} ms: a hop of at least {hop} readings \
                 fits (it is {}), or a model with {:.0} multiply-accumulates (it has {})",
                self.window_ms,
                self.hop_ms,
                self.hop,
                (self.macs as f64 * DUTY / self.duty).floor(),
                self.macs
            ));
        }
        for (what, needed, there) in [
            ("flash", self.flash_bytes, self.flash_of_board),
            ("RAM", self.ram_bytes, self.ram_of_board),
        ] {
            if needed > there {
                over.push(format!(
                    "the program needs about {needed} bytes of {what} and the board has {there}: a model that is \
                     smaller by {} bytes fits",
                    needed - there
                ));
            }
        }
        over
    }
}

/// Flash of a board's sensor image besides the weights.
fn program_flash(board: &Board, soft: bool, int8: bool) -> usize {
    let of_crate = PROGRAM_FLASH.iter().find(|(package, _)| *package == board.package);
    let of_integers = INTEGER_FLASH.iter().find(|(own, _)| *own == soft && int8);
    of_crate.map_or(0, |(_, bytes)| *bytes) + of_integers.map_or(0, |(_, bytes)| *bytes)
}

impl fmt::Display for Figures {
    /// Writes a line for time, flash and RAM each, with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window_ms, hop_ms, duty, macs, .. } = self;
        writeln!(
            f,
            "time    about {window_ms:.1} ms of {hop_ms:.1} ms from window to window, duty {:.0} % ({macs} \
             multiply-accumulates, {})",
            100.0 * duty,
            self.precision.name()
        )?;
        writeln!(f, "flash   about {} of {} bytes", self.flash_bytes, self.flash_of_board)?;
        writeln!(f, "RAM     about {} of {} bytes", self.ram_bytes, self.ram_of_board)?;
        writeln!(f, "Estimates; `elbow bench model --target serial:PORT` measures on the board.")
    }
}
