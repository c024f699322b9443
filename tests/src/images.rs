//! Models on their way into a firmware image.

use elbow::emit::emit;
use elbow::model::Model;
use elbow_toolchain::{CORES, Core};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
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
        let name = elbow::identifier::identifier(&model.name);
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

/// Checks every core of the table, as many at a time as the machine has processors, whatever fails.
///
/// # Panics
///
/// With the names of the cores whose check panicked.
pub fn on_every_core(check: impl Fn(&'static Core) + Sync) {
    let next = AtomicUsize::new(0);
    let some = || {
        let cores = std::iter::from_fn(|| CORES.get(next.fetch_add(1, Ordering::Relaxed)));
        let fails = |core: &&'static Core| catch_unwind(AssertUnwindSafe(|| check(core))).is_err();
        cores.filter(fails).map(Core::name).collect::<Vec<_>>()
    };
    let failed = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let failed = threads.into_iter().map(|thread| thread.join().expect("panics are caught"));
        failed.collect::<Vec<_>>().concat()
    });
    assert!(failed.is_empty(), "failed on {}", failed.join(", "));
}
