//! Puts cortex-m-rt's linker script and the machine's memory on the linker's command line.

use std::env::var_os;
use std::path::PathBuf;

fn main() {
    let has = |feature: &str| var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let machine = match () {
        () if has("AN505") => "an505",
        () if has("AN547") => "an547",
        () => "mps2",
    };
    let here = PathBuf::from(var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let memory = here.join("../boards/qemu-mps2/memory").join(machine);
    println!("cargo::rustc-link-search={}", memory.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rerun-if-changed={}", memory.display());
}
