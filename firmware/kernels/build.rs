//! Puts cortex-m-rt's linker script on the linker's command line; the board brings its memory.x.

fn main() {
    if std::env::var("TARGET").is_ok_and(|target| target.starts_with("thumb")) {
        println!("cargo::rustc-link-arg-bins=-Tlink.x");
    }
}
