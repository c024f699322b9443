//! Tells kernels which instructions a target has beyond those that every build may use.
//!
//! Stable Rust hides `target_feature = "dsp"` and knows no `"mve"`, and Helium is not asked for with
//! `-Ctarget-cpu`: the features `dsp` and `helium` of this crate say what the triple does not.

use std::env::{var, var_os};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(elbow_dsp, elbow_helium, elbow_v6m, elbow_v7m)");
    let target = var("TARGET").unwrap_or_default();
    let armv8m = target.starts_with("thumbv8m.main-");
    let has = |feature: &str| armv8m && var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if target.starts_with("thumbv7em-") || has("DSP") {
        println!("cargo::rustc-cfg=elbow_dsp");
    } else if target.starts_with("thumbv7m-") || armv8m {
        println!("cargo::rustc-cfg=elbow_v7m");
    }
    if target.starts_with("thumbv6m-") || target.starts_with("thumbv8m.base-") {
        println!("cargo::rustc-cfg=elbow_v6m");
    }
    if has("HELIUM") {
        println!("cargo::rustc-cfg=elbow_helium");
    }
}
