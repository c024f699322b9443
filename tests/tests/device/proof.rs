//! No panic is reachable: an image links whose panic handler calls a function that does not exist.
//!
//! The image is the whole program of a device but for its log: receive, check, encode, sample,
//! score, infer and refine, frame, answer; with every model of the tests, and so with every kernel.

use elbow_tests::fixtures::path;
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::models;
use elbow_toolchain::{Build, CORES, Core, build_firmware};

fn build(core: &Core, profile: &str, features: &[&str]) -> Result<(), String> {
    let (folder, _) = compiled(&[models::all(), models::refined(), models::all_watched()].concat());
    let firmware = path("firmware");
    let models = Some(folder.path());
    let build = Build { folder: &firmware, package: "proof", core, profile, features, models };
    build_firmware(&build).map(|_| ()).map_err(|error| error.to_string())
}

fn core(name: &str) -> &'static Core {
    or_cure(Core::named(name))
}

/// Cores of one compiler target, kernels and machine have one image.
#[test]
fn no_panic_is_reachable_on_any_core() {
    let image = |core: &Core| (core.triple, core.kernels, core.machine);
    for (index, core) in CORES.iter().enumerate() {
        if CORES[..index].iter().all(|other| image(other) != image(core)) {
            let built = build(core, "release", &[]);
            assert!(built.is_ok(), "{}: {built:?}", core.name());
        }
    }
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m3_optimized_for_size() {
    or_cure(build(core("m3"), "size", &[]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m4_optimized_for_size() {
    or_cure(build(core("m4"), "size", &[]));
}

#[test]
fn one_slice_index_is_enough_to_fail_the_proof() {
    let error = build(core("m4"), "release", &["plant-panic"]).expect_err("it must not link");
    assert!(error.contains("a_panic_is_reachable_in_this_image"), "{error}");
}
