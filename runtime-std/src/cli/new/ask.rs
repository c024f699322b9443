//! What `elbow new` asks where an option is missing and somebody can answer.

use super::manifest::RecordedOptions;
use super::template::wiring;
use super::{NewOptions, by_default};
use elbow::{Error, Result};
use elbow_toolchain::{BOARDS, Board};
use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::{Path, PathBuf};

/// The options with everything that has to be known: what is missing is asked for in a terminal.
///
/// # Errors
///
/// An input error that names the option where nobody can be asked; an environment error where nobody answers.
pub fn completed(options: &NewOptions) -> Result<NewOptions> {
    let mut options = options.clone();
    let asks =
        !options.headless && !options.json && stdin().is_terminal() && stdout().is_terminal();
    let names: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
    let missing = |what: &str| Err(Error::input(format!("{what}; see `elbow new --help`")));
    match (&options.name, &options.board) {
        _ if asks => {}
        (None, _) => return missing("the name of the project is missing: elbow new NAME"),
        (_, None) => return missing(&format!("--board is missing: one of {}", names.join(", "))),
        _ => return Ok(options),
    }
    // Whoever gave both, and a model, has decided; what is left has a default that is printed.
    let is_decided = options.name.is_some() && options.board.is_some() && options.has_model();
    if !asks || is_decided {
        return Ok(options);
    }
    if options.name.is_none() {
        options.name = Some(answer("Name of the project", "my-sensor")?);
    }
    if options.board.is_none() {
        options.board = Some(choice("Board", &names, names[0])?);
    }
    let board = Board::named(options.board.as_deref().unwrap_or_default());
    let board = board.map_err(|error| Error::input(error.to_string()))?;
    if !options.has_model() {
        ask_model(&mut options)?;
    }
    if options.encoder.is_some() {
        ask_recorded(&mut options.recorded)?;
    }
    let own = wiring(board)?;
    tell(&format!("Link: {}, the board's only one", own.linked))?;
    if options.sensor.is_none() {
        options.sensor = Some(choice("Sensor", &own.sensors(), own.sensor)?);
    }
    if options.precision.is_none() {
        options.precision = ask_precision(&options, board)?;
    }
    if !options.no_ci {
        options.no_ci = choice("A file for CI", &["yes", "no"], "yes")? == "no";
    }
    Ok(options)
}

/// Asks for the model: that of hand movements, a manifest, or an encoder, its decoder and a recording. An environment
/// error where nobody answers.
fn ask_model(options: &mut NewOptions) -> Result<()> {
    let model = answer("Model: `demo`, an elbow.toml, or an encoder's .onnx", "demo")?;
    match &model[..] {
        "demo" => options.demo = true,
        path if !path.ends_with(".onnx") => options.model = Some(PathBuf::from(path)),
        path => {
            options.encoder = Some(PathBuf::from(path));
            let decoder = answer("Its decoder's .onnx, for scores, or `none`", "none")?;
            options.decoder = (decoder != "none").then(|| PathBuf::from(decoder));
        }
    }
    Ok(())
}

/// Asks for what is missing of the recording, and for nothing that was given. An environment error where nobody answers.
fn ask_recorded(recorded: &mut RecordedOptions) -> Result<()> {
    if recorded.readings.is_none() {
        let path = answer("Readings of normal operation, float32 [time, channels]", "normal.npy")?;
        recorded.readings = Some(PathBuf::from(path));
    }
    if recorded.rate.is_none() {
        recorded.rate = Some(number("Readings of a second", 64.0)?);
    }
    if recorded.length.is_none() {
        recorded.length = Some(number("Readings of a window", 64)?);
    }
    if recorded.hop.is_none() {
        recorded.hop = Some(number("Readings from one window to the next", 16)?);
    }
    if recorded.unit.is_none() {
        recorded.unit = Some(answer("Unit of the readings", "mg")?);
    }
    Ok(())
}

/// The arithmetic that is asked for; `None` where the board's is taken, which falls back to floats without observations
/// that choose scales. A manifest without such can be in floats only, which is told in place of a question. An
/// environment error where nobody answers.
fn ask_precision(options: &NewOptions, board: &Board) -> Result<Option<String>> {
    if options.model.is_some() && !options.beside(Path::new("")).join("calibration.npy").is_file() {
        tell("Precision: f32; int8 needs a calibration.npy beside the elbow.toml")?;
        return Ok(None);
    }
    chosen("Precision", &["f32", "int8"], by_default(board))
}

/// Asks until the answer is one of `choices`, or `default`. An environment error where nobody answers.
fn choice(question: &str, choices: &[&str], default: &str) -> Result<String> {
    Ok(chosen(question, choices, default)?.unwrap_or_else(|| default.into()))
}

/// Asks until the answer is one of `choices`; `None` where the line is empty, which takes `default`. An environment error
/// where nobody answers.
fn chosen(question: &str, choices: &[&str], default: &str) -> Result<Option<String>> {
    loop {
        let found = typed(&format!("{question} ({})", choices.join(", ")), default)?;
        match found {
            Some(found) if !choices.contains(&&found[..]) => {
                tell(&format!("`{found}` is none of them"))?;
            }
            found => return Ok(found),
        }
    }
}

/// Asks until the answer is a number. An environment error where nobody answers.
fn number<T: std::str::FromStr + std::fmt::Display>(question: &str, default: T) -> Result<T> {
    let default = default.to_string();
    loop {
        let found = answer(question, &default)?;
        match found.parse() {
            Ok(number) => return Ok(number),
            Err(_) => tell(&format!("`{found}` is no such number"))?,
        }
    }
}

/// The line that is typed after a question, `default` where it is empty. An environment error where stdin ends.
fn answer(question: &str, default: &str) -> Result<String> {
    Ok(typed(question, default)?.unwrap_or_else(|| default.into()))
}

/// The line that is typed after a question, which shows `default`; `None` where it is empty. An environment error where
/// stdin ends.
fn typed(question: &str, default: &str) -> Result<Option<String>> {
    let mut line = String::new();
    let asked = write!(stdout(), "{question} [{default}]: ").and_then(|()| stdout().flush());
    let read = asked.and_then(|()| stdin().read_line(&mut line));
    match (read, line.trim()) {
        (Ok(0) | Err(_), _) => {
            Err(Error::environment("nobody answers; give the options, and --headless"))
        }
        (Ok(_), "") => Ok(None),
        (Ok(_), line) => Ok(Some(line.into())),
    }
}

/// Prints a line between questions. An environment error where stdout is closed.
fn tell(line: &str) -> Result<()> {
    writeln!(stdout(), "{line}")
        .map_err(|_| Error::environment("nobody reads; give the options, and --headless"))
}
