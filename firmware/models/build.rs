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
    println!("cargo::rustc-check-cfg=cfg(amortized, bare, flow)");
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
    let trace = traced(&text);
    let glue = if declares(&text, "encode") {
        println!("cargo::rustc-cfg=amortized");
        amortized(&text, &weights)
    } else if declares(&text, "flow") {
        println!("cargo::rustc-cfg=flow");
        let given = parameters(&text, "flow");
        let (shared, reads) = (shared(&given), reads(&given).join(", "));
        let density = if declares(&text, "log_prob") { "known" } else { "unknown" };
        format!("flow!({weights:?}, {density}, {trace}, {shared}, flow [{reads}]);")
    } else if declares(&text, "run") {
        println!("cargo::rustc-cfg=bare");
        let numbered = |letter, count| (0..count).map(move |i| format!("{letter}{i} {i}"));
        let inputs: Vec<String> = numbered('x', count(&text, "INPUTS", &source)?).collect();
        let outputs: Vec<String> = numbered('y', count(&text, "OUTPUTS", &source)?).collect();
        let (inputs, outputs) = (inputs.join(", "), outputs.join(", "));
        format!("bare!({trace}, [{inputs}], [{outputs}], {weights:?});")
    } else {
        return Err(damaged(&source, "none of `pub fn encode(`, `pub fn flow(` and `pub fn run(`"));
    };
    Ok(format!(
        "/// The model `{name}`.\npub mod {name} {{\n    #[path = {source:?}]\n    pub mod model;\n    {glue}\n}}\n"
    ))
}

/// The call of `amortized!` for a module with an encoder.
fn amortized(text: &str, weights: &Path) -> String {
    let (encode, score) = (parameters(text, "encode"), parameters(text, "score"));
    let decoder = if score.is_empty() { "unscored" } else { "scored" };
    let refined = if declares(text, "refine") { "refined" } else { "unrefined" };
    let stateful = text.lines().any(|line| line == "    pub fn reset(&mut self) {");
    let state = if stateful { "stateful" } else { "stateless" };
    let trace = traced(text);
    let decoded: Vec<&str> = score.iter().copied().filter(|name| name.starts_with('c')).collect();
    let posteriors: Vec<&str> =
        encode.iter().copied().filter(|name| name.starts_with('q')).collect();
    let lens = posteriors.iter().enumerate().map(|(at, q)| {
        let len = match posteriors.len() {
            1 => "model::LATENT".to_string(),
            _ => format!("model::LATENTS[{at}]"),
        };
        format!("{q} {len}, {} {}", 2 * at, 2 * at + 1)
    });
    let lens: Vec<String> = lens.collect();
    let all: Vec<&str> = encode.iter().chain(&score).copied().collect();
    format!(
        "amortized!({weights:?}, {decoder}, {refined}, {state}, {trace}, {}, encode [{}], score [{}], posteriors [{}]);",
        shared(&all),
        reads(&encode).join(", "),
        decoded.join(", "),
        lens.join("; ")
    )
}

/// Whether the workspace of a module keeps checksums of what its steps write, or when they ended.
fn traced(text: &str) -> &'static str {
    let has = |field: &str| text.lines().any(|line| line.starts_with(field));
    match () {
        () if has("    pub now: fn() -> u32,") => "timed",
        () if has("    pub trace: [u32; ") => "traced",
        () => "untraced",
    }
}

/// Conditions and noise among these parameters, each once, with their numbers.
fn shared(parameters: &[&str]) -> String {
    let numbered = |letters: &str| {
        let numbers = parameters.iter().filter_map(|name| name.strip_prefix(letters)?.parse().ok());
        let mut numbers: Vec<u32> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        let named = numbers.iter().map(|number| format!("{letters}{number} {number}"));
        named.collect::<Vec<_>>().join(", ")
    };
    format!("conditions [{}], noise [{}]", numbered("c"), numbered("eps"))
}

/// What a function only reads, in its order.
fn reads<'t>(parameters: &[&'t str]) -> Vec<&'t str> {
    let is_read =
        |name: &&str| *name == "x" || ["c", "eps"].iter().any(|letters| has_number(name, letters));
    parameters.iter().copied().filter(is_read).collect()
}

fn has_number(name: &str, letters: &str) -> bool {
    name.strip_prefix(letters).is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Names of the parameters of a generated function, if there is one.
fn parameters<'t>(text: &'t str, function: &str) -> Vec<&'t str> {
    let declaration = format!("\npub fn {function}(");
    let head = text.split_once(&declaration).and_then(|(_, rest)| rest.split_once(") -> "));
    let list = head.map_or("", |(list, _)| list);
    list.split(", ")
        .flat_map(|part| part.split('\n'))
        .filter_map(|part| part.split_once(": ").map(|(name, _)| name.trim()))
        .collect()
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
