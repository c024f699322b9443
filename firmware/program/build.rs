//! Puts cortex-m-rt's linker script on the linker's command line; the board brings its memory.x.

/// Names cortex-m-rt's linker script to cargo.
fn main() {
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
