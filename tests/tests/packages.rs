//! What others build on: each feature alone, what the library by itself depends on, packages and their pages.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Of `elbow-core`; the empty one is none.
const OF_CORE: [&str; 8] =
    ["", "defmt", "wire", "dsp", "helium", "fast-math", "rand_core_09", "rand_core_010"];
/// Of `elbow`, without tract.
const OF_ELBOW: [&str; 3] = ["", "device", "cli"];
/// That of `elbow` with tract, which is checked for minutes.
const WITH_TRACT: &str = "reference";
/// In the order of their dependencies.
const PACKAGES: [&str; 4] = ["elbow-core", "elbow-toolchain", "elbow-emulator", "elbow"];
/// What only the command and the reference need.
const ABSENT: [&str; 8] = [
    "clap",
    "defmt-decoder",
    "elbow-emulator",
    "indicatif",
    "plotters",
    "serialport",
    "tract-core",
    "tract-onnx",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What cargo prints on stdout; its warnings are errors.
fn cargo(line: &str, more: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(line.split_whitespace()).args(more).current_dir(root());
    // Other features than those of the workspace's build, which would be built anew afterwards.
    cargo.env("CARGO_TARGET_DIR", root().join("target/library"));
    cargo.env("RUSTDOCFLAGS", "-Dwarnings");
    let output = cargo.output().expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let warned = said.contains("` (lib) generated ");
    assert!(output.status.success() && !warned, "cargo {line} {more:?}: {said}");
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

#[test]
fn each_feature_alone_compiles_and_is_documented() {
    for feature in OF_CORE {
        let alone = ["--features", feature];
        cargo("check -p elbow-core --no-default-features", &alone);
        cargo("doc -p elbow-core --no-deps --no-default-features", &alone);
    }
    OF_ELBOW.into_iter().for_each(of_elbow);
}

#[test]
#[ignore = "tract is checked: `cargo xtask test --packages`"]
fn the_reference_alone_compiles_and_is_documented() {
    of_elbow(WITH_TRACT);
}

/// Compiles and documents `elbow` with this feature alone.
fn of_elbow(feature: &str) {
    let alone = ["--features", feature];
    cargo("check -p elbow --no-default-features", &alone);
    cargo("doc -p elbow --lib --no-deps --no-default-features", &alone);
}

#[test]
fn the_library_by_itself_depends_on_little() {
    let tree = cargo("tree -p elbow --no-default-features -e normal,build --prefix none", &[]);
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"elbow-core") && names.contains(&"prost"), "{tree}");
    let found: Vec<&str> = names.into_iter().filter(|name| ABSENT.contains(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn packages_have_their_pages_and_licences() {
    for name in PACKAGES {
        let files = cargo("package --list --allow-dirty", &["-p", name]);
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"] {
            assert!(files.lines().any(|line| line == file), "{name}: {file}");
        }
    }
}

/// Each is compiled from its package, with the others' packages and without tract.
#[test]
#[ignore = "each is compiled: `cargo xtask test --packages`"]
fn packages_compile() {
    let packages: Vec<&str> = PACKAGES.iter().flat_map(|name| ["-p", name]).collect();
    cargo("package --no-default-features --allow-dirty", &packages);
}

/// The list above names every feature that a manifest has.
#[test]
fn every_feature_is_in_the_list() {
    let of_elbow = [&OF_ELBOW[1..], &[WITH_TRACT]].concat();
    for (manifest, listed) in [("core", &OF_CORE[1..]), ("runtime-std", &of_elbow)] {
        let text = std::fs::read_to_string(root().join(manifest).join("Cargo.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let features = table["features"].as_table().unwrap().keys();
        let features = features.filter(|name| *name != "default");
        let mut listed = listed.to_vec();
        listed.sort_unstable();
        assert_eq!(features.collect::<Vec<_>>(), listed, "{manifest}");
    }
}
