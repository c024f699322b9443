//! What real users bring, through the command, against onnxruntime: `tests/field` has the files, and
//! `expected.toml` there says how each of them has to end.

use crate::common::{Outcome, elbow, inputs_of, repository};
use elbow::npy;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// An output by onnxruntime, relative to `max(1, |value|)`: orders of summation differ.
const ONNXRUNTIME: f32 = 1e-5;
/// Cases run side by side.
const WORKERS: usize = 2;

/// A row of the table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expected {
    ok: bool,
    refused: Vec<String>,
    never: Vec<String>,
    dims: Vec<String>,
    init: Vec<String>,
    asks: bool,
    decoder: Option<String>,
    unread: Vec<String>,
    disagrees: Vec<String>,
    expect: bool,
}

/// A file, and how it has to end.
struct Case {
    /// `case/file`
    name: String,
    onnx: PathBuf,
    values: PathBuf,
    expected: Expected,
}

impl Case {
    /// The manifest beside the file, if it needs one to be given its rows, else the file.
    fn model(&self) -> String {
        let manifest = self.onnx.with_extension("toml");
        let path = if manifest.exists() { &manifest } else { &self.onnx };
        path.to_string_lossy().into_owned()
    }
}

fn cases() -> Vec<Case> {
    let folder = repository("tests/field");
    let text = fs::read_to_string(folder.join("expected.toml")).expect("the table is there");
    let table: BTreeMap<String, BTreeMap<String, Expected>> =
        toml::from_str(&text).expect("cases of files");
    let rows = table.into_iter().flat_map(|(case, files)| {
        files.into_iter().map(move |(file, expected)| (case.clone(), file, expected))
    });
    let case = |(case, file, expected): (String, String, Expected)| Case {
        name: format!("{case}/{file}"),
        onnx: folder.join(&case).join(format!("{file}.onnx")),
        values: folder.join("values").join(&case).join(&file),
        expected,
    };
    rows.map(case).collect()
}

/// Files `PREFIX*.npy` of a folder, in order.
fn files(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| name(path).starts_with(prefix))
        .collect();
    found.sort_by_key(|path| (name(path).len(), name(path)));
    found
}

/// `--input NAME=FILE` of every input, which the file names of the values have with `_` for `/` and `:`.
fn inputs(case: &Case, model: &str) -> Result<Vec<String>, String> {
    let inspect = elbow(&[&["inspect", model, "--json"][..], &dims(case)].concat());
    let report = must(inspect, 0, "inspect")?.json();
    let names = report["inputs"].as_array().expect("inputs").iter();
    let names: Vec<String> =
        names.map(|input| input["name"].as_str().expect("a name").to_string()).collect();
    let given = inputs_of("tests/field/values", &case.name).into_iter().map(|(clean, file)| {
        let name = names.iter().find(|name| name.replace(['/', ':'], "_") == clean);
        let name = name.unwrap_or_else(|| panic!("{}: no input {clean} in {names:?}", case.name));
        ["--input".to_string(), format!("{name}={}", file.display())]
    });
    Ok(given.flatten().collect())
}

fn dims(case: &Case) -> Vec<&str> {
    case.expected.dims.iter().flat_map(|dim| ["--dim", dim]).collect()
}

fn must(outcome: Outcome, code: i32, what: &str) -> Result<Outcome, String> {
    match outcome.code == code {
        true => Ok(outcome),
        false => Err(format!(
            "{what}: exit {}, expected {code}: {}{}",
            outcome.code, outcome.stdout, outcome.stderr
        )),
    }
}

fn has_words(text: &str, words: &[String], never: &[String]) -> Result<(), String> {
    let missing: Vec<&String> = words.iter().filter(|word| !text.contains(*word)).collect();
    let wrong: Vec<&String> = never.iter().filter(|word| text.contains(*word)).collect();
    match (&missing[..], &wrong[..]) {
        ([], []) => Ok(()),
        _ => Err(format!("without the words {missing:?}, with {wrong:?}: {text}")),
    }
}

/// The worst error of a file's outputs, relative to `max(1, |value|)`.
fn agrees(case: &Case, model: &str, inputs: &[String]) -> Result<f32, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder.path().to_string_lossy().into_owned();
    let given: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let words = [&["run", model, "--out-dir", &out][..], &given, &dims(case)].concat();
    must(elbow(&words), 0, "run")?;
    let index = fs::read_to_string(folder.path().join("index.json")).expect("an index");
    let index: Vec<serde_json::Value> = serde_json::from_str(&index).expect("a list");
    let expected = files(&case.values, "out.");
    if index.len() != expected.len() {
        return Err(format!("{} outputs, onnxruntime has {}", index.len(), expected.len()));
    }
    let mut worst = 0.0f32;
    for (entry, expected) in index.iter().zip(&expected) {
        let found = npy::read(&folder.path().join(entry["file"].as_str().expect("a file")))
            .map_err(|error| error.to_string())?;
        let expected = npy::read(expected).map_err(|error| error.to_string())?;
        if found.values.len() != expected.values.len() {
            return Err(format!("{}: {:?}, not {:?}", entry["name"], found.shape, expected.shape));
        }
        for (found, expected) in found.values.iter().zip(&expected.values) {
            let same = found == expected || (found.is_nan() && expected.is_nan());
            let error = (found - expected).abs() / expected.abs().max(1.0);
            worst = if same { worst } else { worst.max(error) };
            if !same && !error.is_finite() {
                return Err(format!("{}: {found}, onnxruntime has {expected}", entry["name"]));
            }
        }
    }
    match worst <= ONNXRUNTIME {
        true => Ok(worst),
        false => Err(format!("run: error {worst:e} against onnxruntime")),
    }
}

fn compiles(case: &Case, model: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder.path().join("out").to_string_lossy().into_owned();
    let words = [&["compile", model, "--out-dir", &out][..], &dims(case)].concat();
    must(elbow(&words), 0, "compile").map(drop)
}

/// `parity` with the case's rows; of a file that tract does not compute so against onnxruntime's outputs.
fn parity(case: &Case, model: &str, inputs: Vec<String>) -> Result<Outcome, String> {
    let mut words = vec!["parity".to_string(), model.into()];
    words.extend(inputs);
    words.extend(dims(case).into_iter().map(String::from));
    if case.expected.expect {
        let report = must(elbow(&["inspect", model, "--json"]), 0, "inspect")?.json();
        let outputs = report["outputs"].as_array().expect("outputs").clone();
        for (output, file) in outputs.iter().zip(files(&case.values, "out.")) {
            let name = output["name"].as_str().expect("a name");
            words.extend(["--expect".into(), format!("{name}={}", file.display())]);
        }
    }
    Ok(elbow(&words))
}

/// Imports, agrees with onnxruntime, compiles, and is in parity with the reference, or not where that is
/// wrong.
fn is_ok(case: &Case) -> Result<f32, String> {
    let model = case.model();
    let inputs = inputs(case, &model)?;
    let worst = agrees(case, &model, &inputs)?;
    compiles(case, &model)?;
    let disagrees = &case.expected.disagrees;
    let outcome = parity(case, &model, inputs)?;
    let outcome = must(outcome, i32::from(!disagrees.is_empty()), "parity")?;
    has_words(&format!("{}{}", outcome.stdout, outcome.stderr), disagrees, &[])?;
    Ok(worst)
}

/// Imports and compiles, but its rows are refused.
fn is_unread(case: &Case) -> Result<(), String> {
    let model = case.onnx.to_string_lossy().into_owned();
    let inputs = inputs(case, &model)?;
    compiles(case, &model)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder.path().to_string_lossy().into_owned();
    let given: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let words = [&["run", &model, "--out-dir", &out][..], &given].concat();
    let outcome = must(elbow(&words), 2, "run")?;
    has_words(&outcome.stderr, &case.expected.unread, &[])
}

fn init(case: &Case) -> Result<(), String> {
    let onnx = case.onnx.to_string_lossy().into_owned();
    let decoder = case.expected.decoder.as_ref().map(|file| case.onnx.with_file_name(file));
    let decoder = decoder.map(|path| path.to_string_lossy().into_owned());
    let decoder: Vec<&str> = decoder.iter().flat_map(|path| ["--decoder", path]).collect();
    let outcome = elbow(&[&["init", &onnx][..], &decoder].concat());
    let code = if case.expected.asks { 2 } else { 0 };
    let outcome = must(outcome, code, "init")?;
    let text = if case.expected.asks { &outcome.stderr } else { &outcome.stdout };
    has_words(text, &case.expected.init, &[]).map_err(|what| format!("init: {what}"))
}

/// What the file does, in words, or what is wrong with it.
fn judged(case: &Case) -> Result<String, String> {
    let Expected { ok, refused, never, dims, unread, disagrees, init: words, .. } = &case.expected;
    let mut said = Vec::new();
    if !refused.is_empty() {
        let onnx = case.onnx.to_string_lossy().into_owned();
        let outcome = must(elbow(&["inspect", &onnx]), 2, "inspect")?;
        has_words(&format!("{}{}", outcome.stdout, outcome.stderr), refused, never)?;
        said.push(format!("refused with {refused:?}"));
    }
    if !unread.is_empty() {
        is_unread(case)?;
        said.push(format!("rows refused with {unread:?}"));
    }
    if *ok || !dims.is_empty() || !disagrees.is_empty() {
        said.push(format!("{:.1e}", is_ok(case)?));
    }
    if !words.is_empty() {
        init(case)?;
        said.push(format!("init: {words:?}"));
    }
    match said.is_empty() {
        true => Err("the table says nothing of it".into()),
        false => Ok(said.join("; ")),
    }
}

#[test]
fn every_file_of_the_field_ends_as_the_table_says() {
    let cases = cases();
    let folder = repository("tests/field");
    let there: BTreeSet<PathBuf> = fs::read_dir(&folder)
        .expect("cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .flat_map(|case| fs::read_dir(case).expect("files"))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    let listed: BTreeSet<PathBuf> = cases.iter().map(|case| case.onnx.clone()).collect();
    assert_eq!(there, listed, "a row for each file");
    let next = Mutex::new(cases.iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().expect("no panic").next() else { break };
                    match judged(case) {
                        Ok(said) => println!("{:40} {said}", case.name),
                        Err(what) => {
                            wrong.lock().expect("no panic").push(format!("{}: {what}", case.name));
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    println!("{} of {} files end as expected", cases.len() - wrong.len(), cases.len());
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}
