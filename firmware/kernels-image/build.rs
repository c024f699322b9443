//! Puts cortex-m-rt's linker script and the machine's memory on the linker's command line.

/// Writes the linker script of the machine's memory, and names cortex-m-rt's to cargo.
fn main() {
    elbow_toolchain::memory_script();
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
