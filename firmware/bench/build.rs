//! Puts cortex-m-rt's linker script on the linker's command line; the board brings its memory.x.

fn main() {
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
}
