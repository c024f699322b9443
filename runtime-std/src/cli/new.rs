//! `elbow new`

mod ask;
mod figures;
mod manifest;
mod template;

use super::output;
use super::sources::{Sources, fault, write};
use clap::builder::PossibleValuesParser;
use elbow::import::data_files;
use elbow::manifest::Manifest;
use elbow::model::Loaded;
use elbow::rows::{Batch, Rows};
use elbow::{Context, Error, Precision, Result, npy};
use elbow_toolchain::{BOARDS, Board};
use figures::Figures;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use template::Project;

/// Rows that `elbow parity` is given by the project's README.
const ROWS: usize = 16;
/// Rows that choose the scales of integers, at most.
const CALIBRATION: usize = 512;

#[derive(Clone, Debug, clap::Args)]
pub struct NewOptions {
    /// Name of the project and of its folder
    name: Option<String>,
    /// The board
    #[arg(long, value_parser = PossibleValuesParser::new(BOARDS.iter().map(|board| board.name)))]
    board: Option<String>,
    /// The encoder; needs --readings as well
    #[arg(long, value_name = "E.onnx", conflicts_with_all = ["model", "demo"])]
    encoder: Option<PathBuf>,
    /// Its decoder, for scores
    #[arg(long, value_name = "D.onnx", requires = "encoder")]
    decoder: Option<PathBuf>,
    #[command(flatten)]
    recorded: manifest::RecordedOptions,
    /// A model with an elbow.toml, whose [window] names rate, unit and range, in place of --encoder
    #[arg(long, value_name = "elbow.toml", conflicts_with = "demo")]
    model: Option<PathBuf>,
    /// A model of hand movements from an accelerometer, for those who have none yet
    #[arg(long)]
    demo: bool,
    /// The sensor; that of the board's row in the documentation where left out
    #[arg(long, value_parser = PossibleValuesParser::new(template::SENSORS.iter().map(|sensor| sensor.name)))]
    sensor: Option<String>,
    /// Arithmetic of the program: int8 on a core without a floating-point unit, f32 on any other, where left out
    #[arg(long, value_parser = ["f32", "int8"])]
    precision: Option<String>,
    /// Ask nothing: what is missing is an error
    #[arg(long)]
    headless: bool,
    /// Leave out the file for CI
    #[arg(long)]
    no_ci: bool,
    /// Elbow's sources for the project, from this clone in place of those that the command carries
    #[arg(long, value_name = "CLONE")]
    elbow: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl NewOptions {
    /// Whether a model is named.
    fn has_model(&self) -> bool {
        self.demo || self.model.is_some() || self.encoder.is_some()
    }

    /// The folder whose `calibration.npy` and `test.npy` belong to the model: that of its manifest, `model` where none is
    /// named.
    fn beside<'a>(&'a self, model: &'a Path) -> &'a Path {
        match &self.model {
            Some(path) if path.is_dir() => path,
            Some(path) => path.parent().unwrap_or(Path::new("")),
            None => model,
        }
    }
}

/// What was made.
#[derive(Debug, Serialize)]
struct NewReport {
    project: PathBuf,
    board: &'static str,
    model: String,
    files: Vec<String>,
    #[serde(flatten)]
    figures: Figures,
    /// The line that builds both programs on this computer.
    build: Option<String>,
}

/// Makes the project's folder, and prints what decides whether the model fits the board.
///
/// # Errors
///
/// An input error where an option is missing or wrong, the folder exists, or the model cannot be used; a failed check
/// where it does not fit the board, with what would; an environment error where the folder cannot be written, or the
/// command carries no sources. Nothing is left behind then.
pub fn run(options: &NewOptions) -> Result<()> {
    let options = &ask::completed(options)?;
    let name = options.name.as_deref().unwrap_or_default();
    check_name(name)?;
    let folder = Path::new(name);
    if folder.exists() {
        return Err(Error::input(format!(
            "{name} exists and is left as it is; choose another name"
        )));
    }
    let sources = Sources::find(options.elbow.as_deref())?;
    let board = Board::named(options.board.as_deref().unwrap_or_default());
    let board = board.map_err(|error| Error::input(error.to_string()))?;
    // In the current folder, so that the finished project is only renamed.
    let staged = tempfile::Builder::new().prefix(".elbow-new-").tempdir_in(".");
    let staged = staged.map_err(|error| {
        Error::environment(format!(
            "cannot write here: {error}; change to a folder that is writable"
        ))
    })?;
    let model = staged.path().join("model");
    place_model(options, &sources, &model)?;
    let loaded = Loaded::read(&model, None, &Default::default())?;
    manifest::check(&loaded).context(model.join("elbow.toml").display())?;
    let calibration = write_rows(options, &loaded, &model)?;
    let float = loaded.clone();
    let loaded = in_precision(options, loaded, board, &calibration)?;
    let figures = Figures::of(&loaded, board)?;
    figures.fit(board, || match calibration.is_empty() {
        true => Ok(None),
        false => Figures::of(&in_int8(float, &calibration)?, board).map(Some),
    })?;
    let sensor = options.sensor.as_deref();
    let ci = !options.no_ci;
    let project = Project { name, board, loaded: &loaded, figures: &figures, sensor, ci };
    project.write(staged.path())?;
    sources.write_memory(staged.path(), board)?;
    sources.write(&staged.path().join("elbow"), board)?;
    let staged = staged.keep();
    let renamed = fs::rename(&staged, folder);
    renamed.map_err(|error| {
        let _ = fs::remove_dir_all(&staged);
        Error::environment(format!("cannot make {name}: {error}"))
    })?;
    report(options, board, &loaded, figures, folder)
}

/// Prints what was made. An environment error where stdout cannot be written.
fn report(
    options: &NewOptions,
    board: &'static Board,
    loaded: &Loaded,
    figures: Figures,
    folder: &Path,
) -> Result<()> {
    let build = template::build_line(board, folder);
    if !options.json {
        let mut text = figures.to_string();
        text += &format!(
            "\nwrote {}: its README says how to flash, watch and check it\n",
            folder.display()
        );
        text += &match &build {
            Ok(line) => format!("build it with: {line}\n"),
            Err(why) => format!("{why}\n"),
        };
        return output::text(&text);
    }
    let files = template::files(folder);
    output::json(&NewReport {
        project: folder.into(),
        board: board.name,
        model: loaded.model.name.clone(),
        files,
        figures,
        build: build.ok(),
    })
}

/// An input error unless `name` is the name of a cargo package: a letter, then letters, digits, `-` and `_`.
fn check_name(name: &str) -> Result<()> {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let known = ["parity", "elbow", "model", "test", "core", "std"].contains(&name);
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(rest) && !known {
        return Ok(());
    }
    Err(Error::input(format!(
        "the name {name:?}: expected that of a cargo package, a letter and then letters, digits, `-` or `_`, such as \
         my-sensor"
    )))
}

/// Puts the model that the options name into the folder `model`. An input error where it cannot be used.
fn place_model(options: &NewOptions, sources: &Sources, model: &Path) -> Result<()> {
    fs::create_dir_all(model).map_err(|error| fault(model, &error))?;
    if options.demo {
        return sources.write_demo(model);
    }
    if let Some(path) = &options.model {
        return copy_manifest(path, model);
    }
    let Some(encoder) = &options.encoder else {
        return Err(Error::input(
            "no model is named: give --encoder E.onnx [--decoder D.onnx] --readings RAW.npy, or --model elbow.toml, or \
             --demo",
        ));
    };
    let encoder = copy_onnx(encoder, "encoder.onnx", model)?;
    let decoder = options.decoder.as_deref();
    let decoder = decoder.map(|decoder| copy_onnx(decoder, "decoder.onnx", model)).transpose()?;
    let text = manifest::proposed(&encoder, decoder.as_deref(), &options.recorded)?;
    write(&model.join("elbow.toml"), text.as_bytes())
}

/// Copies the manifest at `path`, or in the folder `path`, with every file that it names, into `model`. An input error
/// where one is missing or lies elsewhere.
fn copy_manifest(path: &Path, model: &Path) -> Result<()> {
    let path = Loaded::find(path)?;
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Err(Error::input("--model takes an elbow.toml; a bare .onnx is --encoder")
            .context(path.display()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = fs::read_to_string(&path).map_err(|error| fault(&path, &error))?;
    let manifest = Manifest::parse(&text).map_err(Error::input).context(path.display())?;
    write(&model.join("elbow.toml"), text.as_bytes())?;
    for (_, onnx) in manifest.files() {
        copy_onnx(&folder.join(onnx), onnx, model)?;
    }
    let calibration = manifest.score.as_ref().and_then(|score| score.calibration.as_ref());
    if let Some(file) = calibration {
        copy(&folder.join(file), &model.join(file))?;
    }
    Ok(())
}

/// Copies the ONNX file `from` into the folder `model` under the name `to`, with the files of its weights; gives the
/// new path. An input error where one cannot be read.
fn copy_onnx(from: &Path, to: impl AsRef<Path>, model: &Path) -> Result<PathBuf> {
    let target = model.join(to);
    for data in data_files(from)? {
        let beside = from.parent().unwrap_or(Path::new("")).join(&data);
        copy(&beside, &target.parent().unwrap_or(model).join(&data))?;
    }
    copy(from, &target)?;
    Ok(target)
}

/// Copies a file; folders above `to` are created. An input error where `from` cannot be read.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).map_err(|error| {
        Error::input(format!("{}: {error}; name a file that is there", from.display()))
    })?;
    write(to, &bytes)
}

/// Writes `rows.npy`, observations for a check of parity, and `calibration.npy`, others that choose the scales of integers:
/// windows of the readings, or what lies beside the model. Gives the latter; nothing where there are none. An input error
/// where the readings do not fit.
fn write_rows(options: &NewOptions, loaded: &Loaded, model: &Path) -> Result<Vec<f32>> {
    let observed = loaded.model.graphs.main().plan.inputs.first();
    let shape = observed.map_or(Vec::new(), |input| input.shape.clone());
    let len = shape.iter().product::<usize>().max(1);
    let recorded = options.recorded.readings.as_deref();
    let beside = options.beside(model);
    let rows_of = |file: &str| match beside.join(file) {
        path if path.is_file() => Ok(npy::read_rows(&path, &shape)?.values),
        _ => Ok(Vec::new()),
    };
    let (mut calibration, mut rows) = match (recorded, &loaded.model.window) {
        (Some(path), Some(window)) => {
            let mut all = elbow::detect::Recording::read(path, window)?.observations(window).0;
            // The last windows are not among those that choose scales.
            let rows = all.split_off(all.len().saturating_sub(ROWS * len));
            (all, rows)
        }
        _ => (rows_of("calibration.npy")?, rows_of("test.npy")?),
    };
    let _ = fs::remove_file(model.join("test.npy"));
    rows.truncate(ROWS * len);
    if rows.is_empty() {
        rows = vec![0.0; len];
    }
    calibration.truncate(CALIBRATION * len);
    let file = |values: &[f32]| {
        let shape: Vec<usize> =
            [values.len() / len].into_iter().chain(shape.iter().skip(1).copied()).collect();
        npy::encode(&shape, values)
    };
    write(&model.join("rows.npy"), &file(&rows))?;
    if !calibration.is_empty() {
        write(&model.join("calibration.npy"), &file(&calibration))?;
    }
    Ok(calibration)
}

/// The arithmetic of a board's programs where nothing else is asked for: int8 where floats are computed by software.
fn by_default(board: &Board) -> &'static str {
    if board.has_fpu { "f32" } else { "int8" }
}

/// The model in the precision of the options, else in that of the board: int8 where floats are computed by software and
/// `calibration` holds observations. An input error where int8 is asked for without such.
fn in_precision(
    options: &NewOptions,
    loaded: Loaded,
    board: &Board,
    calibration: &[f32],
) -> Result<Loaded> {
    let int8 = match options.precision.as_deref() {
        Some(precision) => precision == "int8",
        None => by_default(board) == "int8" && !calibration.is_empty(),
    };
    if !int8 || loaded.precision() != Precision::F32 {
        return Ok(loaded);
    }
    if calibration.is_empty() {
        return Err(Error::input(
            "--precision int8 needs observations that choose its scales: give --readings, or put a calibration.npy \
             beside the elbow.toml",
        ));
    }
    in_int8(loaded, calibration)
}

/// The model in integers, whose scales are chosen by these observations. An error where it has none.
fn in_int8(loaded: Loaded, calibration: &[f32]) -> Result<Loaded> {
    let Some(input) = loaded.model.graphs.main().plan.inputs.first() else { return Ok(loaded) };
    let (name, shape) = (input.name.clone(), input.shape.clone());
    let rows = Rows { name, shape, values: calibration.to_vec() };
    loaded.quantized(Precision::Int8, &Batch { len: rows.count(), inputs: vec![rows] })
}
