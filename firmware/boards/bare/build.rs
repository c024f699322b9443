//! Puts the machine's memory where the linker looks.

/// Writes the linker script of the machine's memory to where the linker looks.
fn main() {
    elbow_toolchain::memory_script();
}
