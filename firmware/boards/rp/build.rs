//! Puts the board's memory and the linker scripts on the linker's command line.

use std::path::{Path, PathBuf};
use std::{env, fs};

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
    let from = format!("memory-{board}.x");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    if let Err(error) = fs::copy(&from, out.join("memory.x")) {
        println!("cargo::error={from}: {error}");
    }
    println!("cargo::rerun-if-changed={from}");
    println!("cargo::rustc-link-search={}", out.display());
    // A project of `elbow new` has this crate without its programs, and arguments of its own.
    if !Path::new("src/bin").is_dir() {
        return;
    }
    println!("cargo::rustc-link-arg-bins=--nmagic");
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    if board == "pico" {
        println!("cargo::rustc-link-arg-bins=-Tlink-rp.x");
    }
}
