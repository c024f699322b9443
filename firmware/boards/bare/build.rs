//! Puts the machine's memory map where the linker looks.

fn main() {
    let has = |feature: &str| std::env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    let machine = match () {
        () if has("AN505") => "an505",
        () if has("AN547") => "an547",
        () => "mps2",
    };
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-search={here}/memory/{machine}");
    println!("cargo::rerun-if-changed=memory");
}
