//! Lists the models of `$ELBOW_MODELS` for `src/lib.rs`.
//!
//! The folder holds one folder per model, named like its module, with `model.rs` and `weights.bin`
//! as `elbow compile` writes them. They are numbered in the order of their names. Without the
//! variable the image holds the small models of `tests/golden`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=ELBOW_MODELS");
    println!("cargo::rustc-check-cfg=cfg(amortized, bare)");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("models.rs");
    match folder().and_then(|folder| list(&folder)) {
        Ok(text) => fs::write(&out, text).unwrap_or_else(|e| panic!("{}: {e}", out.display())),
        Err(message) => println!("cargo::error={message}"),
    }
}

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

/// The module of each model, and the table of all.
fn list(folder: &Path) -> Result<String, String> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(folder).map_err(|e| {
        format!("{}: {e}; write models there with `elbow compile`", folder.display())
    })?;
    let mut models: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(|path| path.is_dir()).collect();
    models.sort();
    if models.is_empty() {
        return Err(format!(
            "{}: no models; `elbow compile --out-dir` writes one",
            folder.display()
        ));
    }
    let mut text = String::new();
    let mut names = Vec::new();
    for model in &models {
        let name = model.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        text += &module(name, model)?;
        names.push(name);
    }
    writeln!(text, "table! {{ {} }}", names.join(", ")).map_err(|e| e.to_string())?;
    Ok(text)
}

/// One model: its generated module and what ties it to the program.
fn module(name: &str, folder: &Path) -> Result<String, String> {
    let (source, weights) = (folder.join("model.rs"), folder.join("weights.bin"));
    let text = fs::read_to_string(&source).map_err(|e| format!("{}: {e}", source.display()))?;
    let glue = if declares(&text, "encode") {
        println!("cargo::rustc-cfg=amortized");
        let decoder = if declares(&text, "score") { "scored" } else { "unscored" };
        format!("amortized!({decoder}, {weights:?});")
    } else if declares(&text, "run") {
        println!("cargo::rustc-cfg=bare");
        let numbered = |letter, count| (0..count).map(move |i| format!("{letter}{i} {i}"));
        let inputs: Vec<String> = numbered('x', count(&text, "INPUTS", &source)?).collect();
        let outputs: Vec<String> = numbered('y', count(&text, "OUTPUTS", &source)?).collect();
        format!("bare!([{}], [{}], {weights:?});", inputs.join(", "), outputs.join(", "))
    } else {
        return Err(damaged(&source, "neither `pub fn encode(` nor `pub fn run(`"));
    };
    Ok(format!(
        "/// The model `{name}`.\npub mod {name} {{\n    #[path = {source:?}]\n    pub mod model;\n    {glue}\n}}\n"
    ))
}

/// Whether a generated module has this function: its items start their lines.
fn declares(text: &str, function: &str) -> bool {
    let declaration = format!("pub fn {function}(");
    text.lines().any(|line| line.starts_with(&declaration))
}

/// `N` of `pub const NAME: [usize; N]`.
fn count(text: &str, name: &str, source: &Path) -> Result<usize, String> {
    let declaration = format!("pub const {name}: [usize; ");
    let number = text.lines().find_map(|line| line.strip_prefix(&declaration)?.split(']').next());
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| damaged(source, &format!("no line `{declaration}N]`")))
}

fn damaged(source: &Path, found: &str) -> String {
    format!("{}: {found}: write it again with `elbow compile`", source.display())
}
