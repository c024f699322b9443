//! Lists the models of `$ELBOW_MODELS` for `src/lib.rs`.
//!
//! The folder holds one folder per model, named like its module, with `model.rs` and `weights.bin`
//! as `elbow compile` writes them. They are numbered in the order of their names. Without the
//! variable the image holds the small models of `tests/golden`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// What `elbow compile` writes of a model.
const FILES: [&str; 2] = ["model.rs", "weights.bin"];

/// What the generated module of a calibrated model has.
const MONITORED: &str = "impl detect::Monitored for Model";

/// Writes `models.rs` to the output folder; an error of cargo's where the folder of models cannot be listed.
/// Panics where the file cannot be written.
fn main() {
    println!("cargo::rerun-if-env-changed=ELBOW_MODELS");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("models.rs");
    match folder().and_then(|folder| list(&folder)) {
        Ok(text) => fs::write(&out, text).unwrap_or_else(|e| panic!("{}: {e}", out.display())),
        Err(message) => println!("cargo::error={message}"),
    }
}

/// `$ELBOW_MODELS`, or `tests/golden` without the variable; `Err` for a path that is not absolute.
fn folder() -> Result<PathBuf, String> {
    let Some(folder) = env::var_os("ELBOW_MODELS").map(PathBuf::from) else {
        let here = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
        return Ok(Path::new(&here).join("../../tests/golden"));
    };
    if folder.is_absolute() {
        return Ok(folder);
    }
    Err(format!("ELBOW_MODELS={}: give an absolute path", folder.display()))
}

/// Source of `models.rs`: the module of each folder in `folder`, an absolute path, in the order of their names,
/// and the table of all; files are passed over. Tells cargo on stdout to watch `folder`. `Err` where it cannot
/// be read, has no folder in it, the name of one is no identifier, or a model lacks a file.
fn list(folder: &Path) -> Result<String, String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).map_err(|e| {
        format!("{}: {e}; write models there with `elbow compile`", folder.display())
    })?;
    // A folder of other things has neither file.
    let is_model = |path: &PathBuf| FILES.iter().any(|file| path.join(file).is_file());
    let mut models: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(is_model).collect();
    models.sort();
    if models.is_empty() {
        return Err(format!(
            "{}: no models; `elbow compile --out-dir` writes one",
            folder.display()
        ));
    }
    let names = models.iter().map(|model| name(model)).collect::<Result<Vec<String>, String>>()?;
    let modules = names.iter().zip(&models).map(|(name, folder)| module(name, folder));
    let modules = modules.collect::<Result<String, String>>()?;
    let sensing = match env::var_os("CARGO_FEATURE_SENSING") {
        Some(_) => sensing(folder, &names, &models)?,
        None => String::new(),
    };
    let alone = alone(&names, &models)?;
    Ok(format!("{modules}table! {{ {} }}\n{sensing}{alone}", names.join(", ")))
}

/// Source of the type `Alone` for the only model; nothing where there are several. `Err` where its file cannot be read.
fn alone(names: &[String], models: &[PathBuf]) -> Result<String, String> {
    let ([name], [model]) = (names, models) else { return Ok(String::new()) };
    let kind = if read(&model.join(FILES[0]))?.contains(MONITORED) { "Judging" } else { "Running" };
    Ok(format!(
        "
/// A program that has nothing but `{name}`.
pub type Alone = alone::{kind}<{name}::model::Model>;
"
    ))
}

/// The text of a file; `Err` where it cannot be read.
fn read(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

/// Source of the type `Sensing` and of its weights, for the only model. `Err` where there are several, or the model
/// has no window of readings.
fn sensing(folder: &Path, names: &[String], models: &[PathBuf]) -> Result<String, String> {
    let ([name], [model]) = (names, models) else {
        let count = names.len();
        let folder = folder.display();
        return Err(format!("{folder}: {count} models; an image with a sensor takes one"));
    };
    let file = model.join(FILES[0]);
    let text = read(&file)?;
    let sensing = match text.as_str() {
        text if text.contains(MONITORED) => "Judging",
        text if text.contains("impl compiled::Windowed for Model") => "Scoring",
        _ => {
            let file = file.display();
            return Err(format!("{file}: no window of readings; add [window] to the manifest"));
        }
    };
    Ok(format!(
        "
/// What is done with the readings of `{name}`.
pub type Sensing = elbow_sensor::{sensing}<{name}::model::Model>;

/// The weights of `{name}`.
pub fn weights() -> &'static [u8] {{
    <{name}::model::Model as Linked>::weights()
}}
"
    ))
}

/// The name of the model's folder, which its module gets. `Err` where it is no Rust identifier of ASCII letters,
/// digits and `_`.
fn name(model: &Path) -> Result<String, String> {
    let name = model.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_identifier = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match is_identifier {
        true => Ok(name.to_owned()),
        false => Err(format!("{}: name the folder as a Rust module", model.display())),
    }
}

/// Source of one model's module: its generated module, its weights, and the names by which the host finds its
/// functions. `Err` where `folder` lacks `model.rs` or `weights.bin`.
fn module(name: &str, folder: &Path) -> Result<String, String> {
    let [source, weights] = FILES.map(|file| folder.join(file));
    if let Some(missing) = [&source, &weights].into_iter().find(|file| !file.is_file()) {
        return Err(format!("{}: no such file; `elbow compile` writes it", missing.display()));
    }
    let text = read(&source)?;
    let watch = match text.contains(MONITORED) {
        true => "elbow_app::Watched<model::Model>",
        false => "elbow_app::Unwatched",
    };
    Ok(format!(
        "/// The model `{name}`.
pub mod {name} {{
    /// As `elbow compile` wrote it.
    #[path = {source:?}]
    pub mod model;
    linked! {{
        {weights:?},
        open \"elbow.{name}.open\",
        infer \"elbow.{name}.infer\",
        score \"elbow.{name}.score\",
        explain \"elbow.{name}.explain\",
        log_prob \"elbow.{name}.log_prob\",
        judge \"elbow.{name}.judge\" by {watch}
    }}
}}
"
    ))
}
