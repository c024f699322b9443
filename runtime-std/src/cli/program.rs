//! `--max-flash` and `--max-ram` of a whole program.

use elbow::parity::Program;
use elbow::{Error, Result};

/// `Ok` where the program keeps both limits, or there are none.
///
/// # Errors
///
/// A failed check about each limit that is exceeded, or that cannot be held as the stack is not bounded.
pub fn check(program: Program, max_flash: Option<usize>, max_ram: Option<usize>) -> Result<()> {
    let mut over = Vec::new();
    if let Some(limit) = max_flash.filter(|limit| program.flash > *limit) {
        let bytes = program.flash;
        over.push(format!("the program needs {bytes} bytes of flash, --max-flash allows {limit}"));
    }
    match (max_ram, program.ram) {
        (Some(limit), Some(bytes)) if bytes > limit => over.push(format!(
            "the program and its stack need {bytes} bytes of RAM, --max-ram allows {limit}"
        )),
        (Some(_), None) => {
            over.push("the stack has no bound, so that --max-ram cannot be held".into());
        }
        _ => {}
    }
    match over.is_empty() {
        true => Ok(()),
        false => Err(Error::check(format!(
            "{}; make the model smaller or raise the limit",
            over.join("; ")
        ))),
    }
}
