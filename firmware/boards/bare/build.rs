//! Puts the machine's memory where the linker looks.

fn main() {
    elbow_toolchain::memory_script();
}
