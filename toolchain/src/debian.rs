//! Debian's pair of rustc and cargo, which compiles `core` from source.

use crate::command::output;
use std::path::Path;
use std::process::Command;

pub(crate) const CARGO: &str = "/usr/bin/cargo";
pub(crate) const RUSTC: &str = "/usr/bin/rustc";
/// Source of the standard library that belongs to the compiler.
const LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";
pub(crate) const LINKER: &str = "/usr/bin/arm-none-eabi-ld";

/// The compiler pair, the source of its library, and a linker for Arm.
pub(crate) const PACKAGES: [&str; 4] =
    ["rustc-web", "cargo-web", "rust-web-src", "binutils-arm-none-eabi"];

/// The oldest compiler that builds the firmware.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The shell command that installs these packages.
pub(crate) fn apt_line(packages: &[&str]) -> String {
    format!("apt-get install --no-install-recommends {}", packages.join(" "))
}

/// `Ok` where Debian's compiler pair can build the firmware. The error is the first fault: a file of the
/// pair, its library or the linker is missing, or rustc is older than the oldest version that will do.
pub(crate) fn check() -> Result<(), String> {
    let files = [CARGO, RUSTC, LIBRARY, LINKER];
    if let Some(file) = files.iter().find(|file| !Path::new(file).exists()) {
        return Err(format!("{file} is missing"));
    }
    new_enough(&output(Command::new(RUSTC).arg("--version")).unwrap_or_default())
}

/// `Ok` where `version`, the output of `rustc --version`, has a release from [`OLDEST`] on; an error with
/// both versions otherwise, also where it has none.
fn new_enough(version: &str) -> Result<(), String> {
    if release(version).is_some_and(|release| Some(release) >= self::release(OLDEST)) {
        return Ok(());
    }
    Err(format!("{RUSTC} says `{version}`, expected {OLDEST} or newer"))
}

/// Major and minor number of the first word of the form `1.91`, `1.91.0` or with more behind a second point;
/// `None` where there is no such word.
fn release(text: &str) -> Option<[u32; 2]> {
    text.split(' ').find_map(|word| {
        let mut numbers = word.split('.').map(|number| number.parse().ok());
        Some([numbers.next()??, numbers.next()??])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_compiler_that_is_new_enough_is_taken() {
        for version in ["rustc 1.91.0 (0123 2025-10-28)", "rustc 1.100.0", "rustc 2.0.0"] {
            assert_eq!(new_enough(version), Ok(()), "{version}");
        }
        for version in ["rustc 1.63.0 (built from a source tarball)", "rustc 1.90.1", "", "rustc"] {
            let message = new_enough(version).expect_err(version);
            assert!(message.contains(version) && message.contains(OLDEST), "{message}");
        }
    }
}
