//! `elbow parity --readings` on a board: the verdicts of a calibrated model's detector.

use super::{Answering, ParityOptions, answering, limit};
use crate::cli::chosen_target::ChosenTarget;
use crate::cli::{inputs, output};
use elbow::detect::{Calibration, Recording, Stream, with_calibration};
use elbow::parity::{compare_verdicts, compare_verdicts_on};
use elbow::{Error, Result};

/// Whether the options ask for verdicts: a recording, on a board. A recording without a board makes rows.
pub fn are_asked(options: &ParityOptions) -> bool {
    options.rows_of.readings.is_some() && !matches!(options.target, ChosenTarget::Twin)
}

/// Hands every reading to the detector on the board, and prints the report to stdout.
///
/// # Errors
///
/// After the report a failed check, where a verdict of the board has other bits than the twin's, or the program is
/// larger than allowed; without a report where an option, the model or the readings are wrong, or the board cannot run.
pub fn run(options: &ParityOptions) -> Result<()> {
    let (loaded, answering) = answering(&options.model.load()?, options)?;
    let calibration = Calibration::required(&loaded)?;
    let (loaded, _) = with_calibration(loaded);
    let (Some(path), Some(window)) = (&options.rows_of.readings, &loaded.model.window) else {
        return Err(Error::input("--readings needs a [window] in the elbow.toml; add it"));
    };
    let recording = Recording::read(path, window)?;
    let count = recording.values.len() / window.channels;
    let times = options.times.as_deref().map(|path| inputs::times(path, count)).transpose()?;
    let stream = Stream { readings: &recording.values, times: times.as_deref() };
    let report = match answering {
        Answering::Twin => {
            return Err(Error::input("--readings on a board needs --target; name one"));
        }
        Answering::Emulated(board, firmware) => {
            compare_verdicts(&loaded, &calibration, (&board, &firmware), stream)?
        }
        Answering::Board(mut device) => {
            let target = options.target.to_string();
            compare_verdicts_on(&mut device, &target, &loaded, &calibration, stream)?
        }
    };
    match options.json {
        true => output::json(&report)?,
        false => output::text(&report.to_string())?,
    }
    report.check()?;
    limit(options, &loaded)
}
