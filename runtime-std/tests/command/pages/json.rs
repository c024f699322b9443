//! `docs/reference/json.md`: it names every field that a command prints.

use crate::common::{elbow_in, repository};
use elbow_tests::pages::{page, section};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Fields whose own fields are names of the data.
const COUNTED: [&str; 2] = ["verdicts", "faults"];
/// A section of the page, and a command whose report it describes, from the root of the repository; `OUT` is a
/// folder for its files, with a copy of `models/shuttle`.
const COMMANDS: [(&str, &str); 14] = [
    ("inspect", "inspect models/imu"),
    ("inspect", "inspect tests/zoo/gru.keras"),
    ("init", "init models/digits/encoder.onnx --decoder models/digits/decoder.onnx"),
    ("ops", "ops"),
    ("run", "run models/imu --input models/imu/test.npy --out-dir OUT --refine-steps 1"),
    ("run", "run models/moons_spline --input models/moons_spline/test.npy --out-dir OUT"),
    ("compile", "compile models/imu --out-dir OUT"),
    (
        "compile",
        "compile models/shuttle --out-dir OUT --precision int8x8 --calibration models/shuttle/calibration.npy",
    ),
    ("parity", "parity models/digits --input models/digits/test.npy --rows 20 --layers"),
    (
        "parity",
        "parity models/digits --input models/digits/test.npy --rows 40 --precision int8x16 --calibration models/digits/calibration.npy",
    ),
    (
        "gap",
        "gap models/digits --input models/digits/test.npy --rows 2 --refine-steps 1 --prior-steps 8",
    ),
    (
        "score",
        "score models/shuttle --input models/shuttle/test.npy --labels models/shuttle/labels.npy",
    ),
    ("score", "score models/imu --readings models/imu/recording.npy --inject"),
    ("calibrate", "calibrate OUT/shuttle --input models/shuttle/normal.npy --arl 300"),
];

/// Adds the names of all fields in `value` to `names`.
fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
        Value::Object(fields) => {
            for (name, value) in fields {
                names.insert(name.clone());
                if !(COUNTED.contains(&name.as_str()) && value.is_object()) {
                    collect(value, names);
                }
            }
        }
        _ => {}
    }
}

/// Copies the manifest of a model and what lies beside it to `folder`, which is created.
fn copied(model: &str, folder: &Path) {
    fs::create_dir(folder).unwrap();
    for entry in fs::read_dir(repository(model)).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn the_page_of_json_names_every_field_that_is_printed() {
    let page = page("docs/reference/json.md");
    let shared = section(&page, "Shared objects").expect("a section");
    let out = tempfile::tempdir().unwrap();
    copied("models/shuttle", &out.path().join("shuttle"));
    let mut lacking = BTreeSet::new();
    for (title, line) in COMMANDS {
        let own = section(&page, title).unwrap_or_else(|| panic!("no section {title}"));
        let line = line.replace("OUT", &out.path().display().to_string()) + " --json";
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut names = BTreeSet::new();
        collect(&elbow_in(&repository(""), &words).json(), &mut names);
        let is_named = |name: &String| {
            let (alone, first) = (format!("`{name}`"), format!("`{name}."));
            let last = format!(".{name}`");
            [own, shared]
                .iter()
                .any(|text| [&alone, &first, &last].iter().any(|n| text.contains(*n)))
        };
        lacking.extend(names.into_iter().filter(|name| !is_named(name)).map(|name| (title, name)));
    }
    assert!(lacking.is_empty(), "docs/reference/json.md lacks {lacking:?}");
}
