//! Puts the board's memory and the linker scripts on the linker's command line.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The boards, as features and in the names of linker scripts.
const BOARDS: [&str; 3] = ["microbit-v2", "nrf52840-dk", "xiao-sense"];

/// Copies `memory.x` of the board to where the linker looks, and names the scripts to cargo. An error of cargo's
/// without exactly one board among the features, or where the file cannot be copied.
fn main() {
    let feature = |board: &str| board.to_uppercase().replace('-', "_");
    let has = |board: &&&str| env::var_os(format!("CARGO_FEATURE_{}", feature(board))).is_some();
    let chosen: Vec<&&str> = BOARDS.iter().filter(has).collect();
    let [board] = chosen[..] else {
        println!(
            "cargo::error=choose one board: `--no-default-features --features NAME`, of {BOARDS:?}"
        );
        return;
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
}
