//! Puts cortex-m-rt's linker script, defmt's where it logs, and the machine's memory on the linker's
//! command line.

/// Writes the linker script of the machine's memory and names the other scripts to cargo, defmt's with the
/// feature `defmt` only.
fn main() {
    elbow_toolchain::memory_script();
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if std::env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    }
}
