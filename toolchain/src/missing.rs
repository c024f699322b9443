//! Compilers and emulator that the computer lacks, and their installation.

use crate::build::Compiler;
use crate::command::output;
use crate::debian::{self, apt_line};
use crate::{ToolError, emulator};
use std::path::Path;
use std::process::{Command, Stdio};

/// A program that the computer needs and does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What is missing.
    pub what: String,
    /// The command that installs it with rustup; `None` where rustup cannot.
    pub rustup: Option<String>,
    /// Debian's packages that contain it.
    pub packages: Vec<&'static str>,
}

/// The compilers that this computer lacks to build for these compiler targets; `None` where it lacks none.
pub fn missing_compilers(targets: &[&str]) -> Option<Missing> {
    let lacking = |target: &&&str| Compiler::find(target).is_err();
    compilers(&targets.iter().filter(lacking).copied().collect::<Vec<_>>())
}

/// A compiler for these targets, as missing; `None` for no targets.
fn compilers(targets: &[&str]) -> Option<Missing> {
    (!targets.is_empty()).then(|| Missing {
        what: format!("a compiler for {}", targets.join(", ")),
        rustup: Some(format!("rustup target add {}", targets.join(" "))),
        packages: debian::PACKAGES.to_vec(),
    })
}

/// The emulator, where this computer lacks it; `None` where it is installed.
pub fn missing_emulator() -> Option<Missing> {
    emulator().is_err().then(|| Missing {
        what: "the emulator qemu-system-arm".into(),
        rustup: None,
        packages: vec!["qemu-system-arm"],
    })
}

/// Installs the Debian packages of everything in `missing` by `apt-get update` and `apt-get install`, whose
/// command lines and output go to stderr; does nothing where no packages are missing.
///
/// # Errors
///
/// Where this is not Debian or the user not root: what is missing, and the commands to type. Where apt fails:
/// its command and status.
pub fn install(missing: &[Missing]) -> Result<(), ToolError> {
    let mut packages: Vec<&str> = missing.iter().flat_map(|m| m.packages.clone()).collect();
    packages.sort_unstable();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    if !(is_debian() && is_root()) {
        return Err(ToolError::new(instructions(missing, &packages)));
    }
    apt(&["update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], &packages[..]].concat())
}

/// The message for a user who has to install it: what is missing, rustup's command for each where there is
/// one, and the apt command for `packages`.
fn instructions(missing: &[Missing], packages: &[&str]) -> String {
    let mut text = String::from("this machine lacks:\n");
    for missing in missing {
        text += &format!("  {}", missing.what);
        text += &missing.rustup.as_ref().map_or_else(String::new, |line| format!(" (`{line}`)"));
        text += "\n";
    }
    text + &format!("on Debian, as root: {}", apt_line(packages))
}

/// Runs `apt-get` with these arguments, without questions; its command line and output go to stderr. An error
/// where it cannot be run or fails.
fn apt(arguments: &[&str]) -> Result<(), ToolError> {
    let line = format!("apt-get {}", arguments.join(" "));
    eprintln!("+ {line}");
    let mut apt = Command::new("apt-get");
    apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    let status = apt.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(ToolError::new(format!("`{line}` failed ({status})"))),
        Err(error) => Err(ToolError::new(format!("`{line}`: {error}"))),
    }
}

/// Whether this is Debian or a relative of it, by its files, with `apt-get`.
fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists() && Path::new("/usr/bin/apt-get").exists()
}

/// Whether the user is root, by `id -u`; false where that cannot be run.
fn is_root() -> bool {
    output(Command::new("id").arg("-u")).as_deref() == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_brings_the_compilers_of_all_targets() {
        let missing = compilers(&["thumbv8", "thumbv9"]).expect("two");
        assert_eq!(missing.rustup.as_deref(), Some("rustup target add thumbv8 thumbv9"));
        assert_eq!(missing.what, "a compiler for thumbv8, thumbv9");
        assert_eq!(compilers(&[]), None);
    }

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
