//! What `elbow new` asks where an option is missing and somebody can answer.

use super::NewOptions;
use elbow::{Error, Result};
use elbow_toolchain::BOARDS;
use std::io::{IsTerminal, Write, stdin, stdout};
use std::path::PathBuf;

/// The options with everything that has to be known: what is missing is asked for in a terminal.
///
/// # Errors
///
/// An input error that names the option where nobody can be asked.
pub fn completed(options: &NewOptions) -> Result<NewOptions> {
    let mut options = options.clone();
    let asks =
        !options.headless && !options.json && stdin().is_terminal() && stdout().is_terminal();
    let missing = |what: &str| Err(Error::input(format!("{what}; see `elbow new --help`")));
    if options.name.is_none() {
        options.name = match asks {
            true => Some(answer("Name of the project", "my-sensor")?),
            false => return missing("the name of the project is missing: elbow new NAME"),
        };
    }
    if options.board.is_none() {
        let names: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
        options.board = match asks {
            true => Some(answer(&format!("Board ({})", names.join(", ")), names[0])?),
            false => return missing(&format!("--board is missing: one of {}", names.join(", "))),
        };
    }
    if asks && options.encoder.is_none() && options.model.is_none() && !options.demo {
        let model = answer("Model: an elbow.toml, or `demo`", "demo")?;
        match &model[..] {
            "demo" => options.demo = true,
            path => options.model = Some(PathBuf::from(path)),
        }
        options.no_ci |= answer("A file for CI (yes, no)", "yes")? != "yes";
    }
    Ok(options)
}

/// The line that is typed after a question, `default` where it is empty. An environment error where stdin ends.
fn answer(question: &str, default: &str) -> Result<String> {
    let mut line = String::new();
    let asked = write!(stdout(), "{question} [{default}]: ").and_then(|()| stdout().flush());
    let read = asked.and_then(|()| stdin().read_line(&mut line));
    match (read, line.trim()) {
        (Ok(0) | Err(_), _) => {
            Err(Error::environment("nobody answers; give the options, and --headless"))
        }
        (Ok(_), "") => Ok(default.into()),
        (Ok(_), line) => Ok(line.into()),
    }
}
