//! Models on their way into a firmware image.

use elbow::emit::emit;
use elbow::model::Model;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Compiles models, each into a folder of its own; the folders live as long as the first value.
///
/// # Panics
///
/// A model cannot be emitted, or nothing can be written.
pub fn compiled(models: &[Model]) -> (TempDir, Vec<(String, PathBuf)>) {
    let root = tempfile::tempdir().expect("a temporary folder");
    let folders = models.iter().map(|model| {
        let artifact = emit(model).expect("it can be emitted");
        let name = elbow::emit::identifier(&model.name);
        let folder = root.path().join(&name);
        fs::create_dir(&folder).expect("names differ");
        fs::write(folder.join("model.rs"), artifact.source).expect("the folder can be written");
        fs::write(folder.join("weights.bin"), artifact.pack).expect("the folder can be written");
        (name, folder)
    });
    let folders = folders.collect();
    (root, folders)
}

/// Ends a test whose machine cannot build or run firmware, saying what helps.
///
/// # Panics
///
/// Always, unless `result` is `Ok`.
pub fn or_cure<T>(result: Result<T, impl std::fmt::Display>) -> T {
    result.unwrap_or_else(|error| {
        panic!("{error}\nif this machine lacks something, run `cargo xtask test`: it installs it, or says how")
    })
}
