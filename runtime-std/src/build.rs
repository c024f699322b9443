//! Compiles a model while the crate that runs it is built, from that crate's `build.rs`:
//!
//! ```no_run
//! elbow::build::compile("model/elbow.toml"); // the whole `main` of build.rs
//! ```
//!
//! For a model of the name `imu` the folder `imu` of `OUT_DIR` then holds the module and the weights:
//!
//! ```ignore
//! mod imu {
//!     include!(concat!(env!("OUT_DIR"), "/imu/model.rs"));
//! }
//! static WEIGHTS: &Aligned<[u8]> =
//!     &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/imu/weights.bin")));
//! ```
//!
//! Of this crate that needs no feature, and a build without any is the fast one:
//!
//! ```toml
//! [dependencies]
//! elbow-core = "0.1"
//!
//! [build-dependencies]
//! elbow = { version = "0.1", default-features = false }
//! ```

use crate::detect::with_calibration;
use crate::emit::emit;
use crate::error::{Context, Error, Result};
use crate::import::data_files;
use crate::lower::Core;
use crate::manifest::Manifest;
use crate::model::Loaded;
use crate::npy;
use crate::precision::Precision;
use crate::rows::{Batch, Rows};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Compiles the model at `path`, an `.onnx` file, an `elbow.toml` or the folder of one, into `OUT_DIR`. For
/// build scripts only: it prints cargo's lines to stdout.
///
/// A model of integers gets the form of weights that the kernels of the target read fastest, as far as the
/// name of the target says which those are; [`compile_with`] decides that otherwise.
///
/// Cargo is told to run the script again when the manifest, an ONNX file or a file of its weights changes.
/// Where the model cannot be compiled, this returns all the same, and cargo fails the build with the sentence
/// that says why.
pub fn compile(path: impl AsRef<Path>) {
    compile_with(path, |loaded| match of_target() {
        Core::Plain => Ok(loaded),
        core => loaded.for_core(core),
    });
}

/// [`compile`] with integer weights ([`Precision::Int8`]), whose scales are chosen by the observations in the file
/// `rows`, an `.npy` with the batch in front.
pub fn compile_int8(path: impl AsRef<Path>, rows: impl AsRef<Path>) {
    changes(rows.as_ref());
    compile_with(path, |loaded| {
        let batch = observations(&loaded, rows.as_ref())?;
        let quantized = loaded.quantized(Precision::Int8, &batch)?;
        match of_target() {
            Core::Plain => Ok(quantized),
            core => quantized.for_core(core),
        }
    });
}

/// The rows of the file `path` for the model's only input that is given. An input error where they do not fit, or the
/// model has further inputs.
fn observations(loaded: &Loaded, path: &Path) -> Result<Batch> {
    let inputs = &loaded.model.graphs.main().plan.inputs;
    let [input] = &inputs[..] else {
        return Err(Error::input(format!(
            "the model has {} inputs; quantize it by compile_with",
            inputs.len()
        )));
    };
    let (name, shape) = (input.name.clone(), input.shape.clone());
    let rows = Rows { name, values: npy::read_rows(path, &shape)?.values, shape };
    Ok(Batch { len: rows.count(), inputs: vec![rows] })
}

/// [`compile`] of the model that `prepare` makes of the loaded one: quantized ([`Loaded::quantized`]), or
/// with another form of its weights ([`Loaded::for_core`]). An error, also of `prepare`, fails the build.
pub fn compile_with(path: impl AsRef<Path>, prepare: impl FnOnce(Loaded) -> Result<Loaded>) {
    if let Err(error) = compiled(path.as_ref(), prepare) {
        error.to_string().lines().for_each(|line| println!("cargo::error={line}"));
    }
}

/// Writes `model.rs` and `weights.bin` of the prepared model into the folder of its name below `OUT_DIR`; the
/// folder is created, and older files are replaced. An error where it cannot be loaded, prepared, compiled or
/// written.
fn compiled(path: &Path, prepare: impl FnOnce(Loaded) -> Result<Loaded>) -> Result<()> {
    let out = env::var_os("OUT_DIR").map(PathBuf::from).ok_or_else(|| {
        Error::environment("OUT_DIR is not set: elbow::build is for a build script, build.rs")
    })?;
    watch(path)?;
    let loaded = prepare(Loaded::read(path, None, &Default::default())?)?;
    let (loaded, unusable) = with_calibration(loaded);
    let artifact = emit(&loaded.model)?;
    let unusable = unusable.map(|error| error.to_string());
    if let Some(why) = unusable.as_ref().or(artifact.without_detector.as_ref()) {
        println!("cargo::warning={}: no Detector: {why}", path.display());
    }
    let folder = out.join(&loaded.model.name);
    let files =
        [("model.rs", artifact.source.as_bytes()), ("weights.bin", artifact.pack.as_slice())];
    let written = fs::create_dir_all(&folder).and_then(|()| {
        files.iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
    });
    written.map_err(|error| {
        Error::environment(format!("cannot be written ({error}); make room"))
            .context(folder.display())
    })
}

/// Names every file of the model to cargo, as files whose change runs the script again. Each is named before
/// it is read, so that a build that has failed is tried again once the file is mended. An error where one
/// cannot be read.
fn watch(path: &Path) -> Result<()> {
    changes(path);
    let path = Loaded::find(path)?;
    changes(&path);
    if path.extension().is_some_and(|extension| extension == "onnx") {
        return watch_data(&path);
    }
    let manifest = Manifest::read(&path).context(path.display())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let files: Vec<PathBuf> = manifest.files().map(|(_, onnx)| folder.join(onnx)).collect();
    files.iter().for_each(|file| changes(file));
    files.iter().try_for_each(|file| watch_data(file))
}

/// Names to cargo the files beside an ONNX file that hold its weights. An error where the ONNX file cannot be
/// read.
fn watch_data(onnx: &Path) -> Result<()> {
    let folder = onnx.parent().unwrap_or(Path::new(""));
    data_files(onnx)?.iter().for_each(|data| changes(&folder.join(data)));
    Ok(())
}

/// Prints the line by which cargo runs the script again when `path` changes.
fn changes(path: &Path) {
    println!("cargo::rerun-if-changed={}", path.display());
}

/// The form of weights for the compiler target in `TARGET`: [`Core::Dsp`] for `thumbv7em` (M4 and M7, which
/// have the DSP extension), else [`Core::Plain`].
fn of_target() -> Core {
    match env::var("TARGET") {
        Ok(target) if target.starts_with("thumbv7em") => Core::Dsp,
        _ => Core::Plain,
    }
}
