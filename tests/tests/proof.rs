//! No panic is reachable: an image links whose panic handler calls a function that does not exist.
//!
//! The image is the whole program of a device but for its log: receive, check, encode, sample,
//! score, infer and refine, frame, answer; with every model of the tests, and so with every kernel.

use elbow_tests::fixtures::path;
use elbow_tests::images::{compiled, or_cure};
use elbow_toolchain::{Build, CORTEX_M0, CORTEX_M3, CORTEX_M4, CORTEX_M33, build_firmware};

use elbow_tests::models;

fn build(target: &str, profile: &str, features: &[&str]) -> Result<(), String> {
    let (folder, _) = compiled(&[models::all(), models::refined()].concat());
    let firmware = path("firmware");
    let models = Some(folder.path());
    let build = Build { folder: &firmware, package: "proof", target, profile, features, models };
    build_firmware(&build).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m0() {
    or_cure(build(CORTEX_M0, "release", &[]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m3() {
    or_cure(build(CORTEX_M3, "release", &[]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m4_or_m7() {
    or_cure(build(CORTEX_M4, "release", &[]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m33() {
    or_cure(build(CORTEX_M33, "release", &["an505"]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m55() {
    or_cure(build(CORTEX_M33, "release", &["an547"]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m3_optimized_for_size() {
    or_cure(build(CORTEX_M3, "size", &[]));
}

#[test]
fn no_panic_is_reachable_on_a_cortex_m4_optimized_for_size() {
    or_cure(build(CORTEX_M4, "size", &[]));
}

#[test]
fn one_slice_index_is_enough_to_fail_the_proof() {
    let error = build(CORTEX_M4, "release", &["plant-panic"]).expect_err("it must not link");
    assert!(error.contains("a_panic_is_reachable_in_this_image"), "{error}");
}
