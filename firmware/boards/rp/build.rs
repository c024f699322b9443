//! Puts the board's memory and the linker scripts on the linker's command line.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The script of the blocks of a Pico 2's image.
const PICO2: &str = "link-pico2.x";

/// Copies `memory.x` of the board to where the linker looks, and names the scripts to cargo. An error of cargo's
/// without exactly one board among the features, or where the file cannot be copied.
fn main() {
    let has = |board: &str| env::var_os(format!("CARGO_FEATURE_{board}")).is_some();
    let board = match (has("PICO"), has("PICO2")) {
        (true, false) => "pico",
        (false, true) => "pico2",
        _ => {
            println!(
                "cargo::error=choose one board: `--features pico`, or pico2 without default features"
            );
            return;
        }
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for (from, to) in [(format!("memory-{board}.x"), "memory.x"), (PICO2.into(), PICO2)] {
        if let Err(error) = fs::copy(&from, out.join(to)) {
            println!("cargo::error={from}: {error}");
        }
        println!("cargo::rerun-if-changed={from}");
    }
    println!("cargo::rustc-link-search={}", out.display());
    // A project of `elbow new` has this crate without its programs, and arguments of its own.
    if !Path::new("src/bin").is_dir() {
        return;
    }
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    match board {
        "pico" => println!("cargo::rustc-link-arg-bins=-Tlink-rp.x"),
        _ => println!("cargo::rustc-link-arg-bins=-T{PICO2}"),
    }
}
