//! What a machine lacks, and how it gets it.

use crate::build::Compiler;
use crate::command::output;
use crate::debian::{self, apt_line};
use crate::{COMPILER_TARGETS, Error, emulator};
use std::path::Path;
use std::process::{Command, Stdio};

/// Something that a machine needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub what: String,
    /// The command that mends it with rustup, where rustup is the way.
    pub rustup: Option<String>,
    /// Debian's packages.
    pub packages: Vec<&'static str>,
}

/// What this machine lacks to build for every target.
pub fn missing_compilers() -> Vec<Missing> {
    let targets = COMPILER_TARGETS.into_iter();
    let compilers = targets.filter(|target| Compiler::find(target).is_err());
    compilers
        .map(|target| Missing {
            what: format!("a compiler for {target}"),
            rustup: Some(format!("rustup target add {target}")),
            packages: debian::PACKAGES.to_vec(),
        })
        .collect()
}

/// What this machine lacks to emulate a target.
pub fn missing_emulator() -> Option<Missing> {
    emulator().is_err().then(|| Missing {
        what: "the emulator qemu-system-arm".into(),
        rustup: None,
        packages: vec!["qemu-system-arm"],
    })
}

/// Installs what is missing with apt, as root on Debian, saying so on stderr.
///
/// # Errors
///
/// Elsewhere, or where apt fails: what is missing and the commands to type.
pub fn install(missing: &[Missing]) -> Result<(), Error> {
    let mut packages: Vec<&str> = missing.iter().flat_map(|m| m.packages.clone()).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    if !(is_debian() && is_root()) {
        return Err(Error::new(instructions(missing, &packages)));
    }
    apt(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], &packages[..]].concat())
}

fn instructions(missing: &[Missing], packages: &[&str]) -> String {
    let mut text = String::from("this machine lacks:\n");
    for missing in missing {
        text += &format!("  {}", missing.what);
        text += &missing.rustup.as_ref().map_or_else(String::new, |line| format!(" (`{line}`)"));
        text += "\n";
    }
    text + &format!("on Debian, as root: {}", apt_line(packages))
}

fn apt(arguments: &[&str]) -> Result<(), Error> {
    let line = format!("apt-get {}", arguments.join(" "));
    eprintln!("+ {line}");
    let mut apt = Command::new("apt-get");
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    let status = apt.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::new(format!("`{line}` failed ({status})"))),
        Err(error) => Err(Error::new(format!("`{line}`: {error}"))),
    }
}

fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_name_what_is_missing_and_every_command() {
        let missing = [
            Missing {
                what: "a compiler for t".into(),
                rustup: Some("rustup target add t".into()),
                packages: debian::PACKAGES.to_vec(),
            },
            Missing { what: "qemu".into(), rustup: None, packages: vec!["qemu-system-arm"] },
        ];
        let text = instructions(&missing, &["rustc-web", "qemu-system-arm"]);
        for part in ["a compiler for t", "rustup target add t", "qemu", "apt-get install"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
