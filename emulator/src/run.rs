//! Boots an image that prints over semihosting and ends by itself.

use crate::{Core, Error};
use elbow_toolchain::emulator;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// What an image printed: every `key=value` word of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(BTreeMap<String, String>);

impl Report {
    /// Takes the words of an image's output, whose last line must be `PASS`.
    ///
    /// # Errors
    ///
    /// Where it is not: an exit code alone proves nothing, since a reset ends QEMU with success.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.lines().last().map(str::trim) != Some("PASS") {
            return Err(Error::new(format!("the image did not pass: {}", text.trim())));
        }
        let words = text.split_whitespace().filter_map(|word| word.split_once('='));
        Ok(Self(words.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()))
    }

    /// A number that the image printed.
    ///
    /// # Errors
    ///
    /// Where it did not.
    pub fn number(&self, key: &str) -> Result<u64, Error> {
        let value = self.0.get(key).and_then(|value| value.parse().ok());
        value.ok_or_else(|| Error::new(format!("the image printed no number `{key}`")))
    }

    /// A word that the image printed.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// Runs an image with a nanosecond of virtual time per instruction, so that ticks are instructions.
///
/// # Errors
///
/// Where the emulator is missing, or the image does not print `PASS` within `seconds`.
pub fn run(core: &Core, image: &Path, arguments: &[&str], seconds: u32) -> Result<Report, Error> {
    let mut qemu = qemu(core, image, arguments, seconds)?;
    let output = qemu.args(["-icount", "shift=0"]).output();
    let output = output.map_err(|error| Error::new(format!("cannot start QEMU: {error}")))?;
    let printed = [&output.stderr[..], &output.stdout[..]].concat();
    Report::parse(&String::from_utf8_lossy(&printed))
        .map_err(|error| Error::new(format!("{} {arguments:?}: {error}", image.display())))
}

/// QEMU with an image and its command line, stopped after some seconds.
pub(crate) fn qemu(
    core: &Core,
    image: &Path,
    arguments: &[&str],
    seconds: u32,
) -> Result<Command, Error> {
    let emulator = emulator()?;
    let words = std::iter::once(&"fw").chain(arguments).map(|word| format!(",arg={word}"));
    // What the image prints goes to stdout, apart from the log.
    let words: String = words.collect();
    let semihosting = format!("enable=on,target=native,chardev=printed{words}");
    let mut qemu = Command::new("timeout");
    qemu.arg(seconds.to_string()).arg(emulator.program);
    qemu.args(["-M", core.board, "-display", "none", "-monitor", "none", "-serial", "none"]);
    qemu.args(["-chardev", "stdio,id=printed", "-semihosting-config", &semihosting]);
    qemu.arg("-kernel").arg(image);
    qemu.stdin(Stdio::null());
    Ok(qemu)
}
