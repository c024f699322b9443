//! Boots an image that prints over semihosting and ends by itself.

use crate::{Core, Error};
use elbow_toolchain::emulator;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// The `key=value` words that an image printed; the last of equal keys counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(BTreeMap<String, String>);

impl Report {
    /// The `key=value` words of an image's output; other words are passed over.
    ///
    /// # Errors
    ///
    /// Where the last line is not `PASS`: an exit code alone proves nothing, since a reset ends QEMU with
    /// success.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.lines().last().map(str::trim) != Some("PASS") {
            return Err(Error::new(format!("the image did not pass: {}", text.trim())));
        }
        let words = text.split_whitespace().filter_map(|word| word.split_once('='));
        Ok(Self(words.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    /// The unsigned decimal number that the image printed as `key=number`.
    ///
    /// # Errors
    ///
    /// Where it printed no such key, or another value.
    pub fn number(&self, key: &str) -> Result<u64, Error> {
        let value = self.0.get(key).and_then(|value| value.parse().ok());
        value.ok_or_else(|| Error::new(format!("the image printed no number `{key}`")))
    }

    /// The value that the image printed as `key=value`; `None` where it did not.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// What the image prints, in a run to its end in QEMU, with a nanosecond of virtual time per instruction, so
/// that ticks count instructions. `arguments` follow `fw` on its semihosting command line.
///
/// # Errors
///
/// Where the emulator is missing, or the image does not print `PASS` within `seconds`.
pub fn run(core: &Core, image: &Path, arguments: &[&str], seconds: u32) -> Result<Report, Error> {
    let qemu = qemu(core, image, arguments)?;
    let mut limited = Command::new("timeout");
    limited.arg(seconds.to_string()).arg(qemu.get_program()).args(qemu.get_args());
    let output = limited.args(["-icount", "shift=0"]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| Error::new(format!("cannot start QEMU: {error}")))?;
    let printed = [&output.stderr[..], &output.stdout[..]].concat();
    Report::parse(&String::from_utf8_lossy(&printed))
        .map_err(|error| Error::new(format!("{} {arguments:?}: {error}", image.display())))
}

/// The command, not started, that runs the image in QEMU with `fw` and `arguments` as its semihosting command
/// line, and prints its output to stdout. An error where QEMU is not installed.
pub(crate) fn qemu(core: &Core, image: &Path, arguments: &[&str]) -> Result<Command, Error> {
    let emulator = emulator()?;
    let words = std::iter::once(&"fw").chain(arguments).map(|word| format!(",arg={word}"));
    // What the image prints goes to stdout, apart from the log.
    let words: String = words.collect();
    let semihosting = format!("enable=on,target=native,chardev=printed{words}");
    let mut qemu = Command::new(emulator.program);
    qemu.args(["-M", core.board, "-display", "none", "-monitor", "none", "-serial", "none"]);
    qemu.args(["-chardev", "stdio,id=printed", "-semihosting-config", &semihosting]);
    qemu.arg("-kernel").arg(image);
    qemu.stdin(Stdio::null());
    Ok(qemu)
}
