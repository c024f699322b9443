//! ONNX files with the outputs that onnxruntime gave for them.

use elbow::lower::{Plan, Port};
use elbow::twin::Twin;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Rows of a tensor, the batch in front.
#[derive(Clone, Debug)]
pub struct Rows {
    /// All values.
    pub values: Vec<f32>,
    /// Number of rows.
    pub count: usize,
}

impl Rows {
    /// The values of one row.
    pub fn row(&self, index: usize) -> &[f32] {
        let len = self.values.len() / self.count;
        &self.values[index * len..(index + 1) * len]
    }
}

/// A graph, inputs by name, and the expected outputs by name, or by position where that is the name.
#[derive(Debug)]
pub struct Case {
    /// For messages.
    pub name: String,
    /// The file.
    pub onnx: PathBuf,
    /// Names of inputs, with `/` and `:` replaced by `_`, and their files.
    pub inputs: Vec<(String, PathBuf)>,
    /// Files of outputs, in the order of the graph.
    pub outputs: Vec<PathBuf>,
}

/// Trained models that are flows.
pub const FLOWS: [&str; 4] = ["cancer_realnvp", "cancer_maf", "moons_spline", "wine_linear"];

/// A path below the root of the repository.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(relative)
}

/// Reads a float32 `.npy` file.
///
/// # Panics
///
/// The file is missing, or something else.
pub fn rows(path: &Path) -> Rows {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = npyz::NpyFile::new(&bytes[..]).expect("an .npy file");
    let count = file.shape()[0] as usize;
    Rows { values: file.into_vec().expect("float32"), count }
}

/// Every folder of `tests/fixtures`, and the graphs of each trained model.
///
/// # Panics
///
/// A folder cannot be read.
pub fn cases() -> Vec<Case> {
    let mut cases = folders("tests/fixtures");
    let both = ["", ".torchscript"].as_slice();
    let models = [
        ("imu", "x_mean", both),
        ("digits", "x_logit", both),
        ("digits_gaussian", "x_mean", &[""]),
        ("digits_conv", "x_mean", &[""]),
        ("motion3", "x_mean", &[""]),
        ("shuttle", "x_mean", &[""]),
        ("heartbeat", "x_mean", &[""]),
        ("vibration", "x_mean", &[""]),
        ("motions", "x_mean", &[""]),
    ];
    for (model, decoded, exporters) in models {
        for exporter in exporters {
            cases.push(trained(model, &format!("encoder{exporter}"), "x", &["mu", "logvar"]));
            cases.push(trained(model, &format!("decoder{exporter}"), "z", &[decoded]));
        }
    }
    cases.extend(FLOWS.map(|model| trained(model, "flow", "x", &["z", "log_det"])));
    cases
}

/// Every graph of the zoo; those that onnxruntime cannot run have no outputs.
///
/// # Panics
///
/// A folder cannot be read.
pub fn zoo() -> Vec<Case> {
    folders("tests/zoo")
}

/// Every folder below this one that holds a model.
///
/// # Panics
///
/// The folder cannot be read.
pub fn folders(relative: &str) -> Vec<Case> {
    let folder = std::fs::read_dir(path(relative)).expect("the folder is there");
    let folders = folder.map(|entry| entry.expect("the folder can be read").path());
    let shared = shared(&path(relative));
    let mut cases: Vec<Case> = folders
        .filter(|folder| folder.join("model.onnx").exists())
        .map(|case| fixture(&case, &shared))
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// One of them.
///
/// # Panics
///
/// There is none of this name.
pub fn case(relative: &str, name: &str) -> Case {
    let case = folders(relative).into_iter().find(|case| case.name == name);
    case.unwrap_or_else(|| panic!("{relative} has no {name}"))
}

/// The inputs that cases of a collection share, by the name of the case: names and files.
fn shared(collection: &Path) -> BTreeMap<String, Vec<(String, PathBuf)>> {
    let table = collection.join("inputs.toml");
    if !table.exists() {
        return BTreeMap::new();
    }
    let text = std::fs::read_to_string(&table).expect("the table can be read");
    let table: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(&text).expect("cases with the files of their inputs");
    let file = |name: String| collection.join("inputs").join(name + ".npy");
    let inputs = |inputs: BTreeMap<String, String>| {
        inputs.into_iter().map(|(input, name)| (input, file(name))).collect()
    };
    table.into_iter().map(|(case, names)| (case, inputs(names))).collect()
}

fn fixture(folder: &Path, shared: &BTreeMap<String, Vec<(String, PathBuf)>>) -> Case {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let names: Vec<String> =
        files.filter_map(|file| file.ok()?.file_name().into_string().ok()).collect();
    let input = |name: &String| {
        let input = name.strip_prefix("in.")?.strip_suffix(".npy")?;
        Some((input.to_string(), folder.join(name)))
    };
    let outputs = names.iter().filter(|name| name.starts_with("out.")).count();
    let shared = shared.get(&name).into_iter().flatten().cloned();
    Case {
        onnx: folder.join("model.onnx"),
        inputs: names.iter().filter_map(input).chain(shared).collect(),
        outputs: (0..outputs).map(|index| folder.join(format!("out.{index}.npy"))).collect(),
        name,
    }
}

fn trained(model: &str, graph: &str, input: &str, outputs: &[&str]) -> Case {
    let folder = path("models").join(model);
    let golden = folder.join("golden");
    let observed =
        if input == "x" { folder.join("test.npy") } else { golden.join("decoder.z.npy") };
    Case {
        name: format!("{model}/{graph}"),
        onnx: folder.join(format!("{graph}.onnx")),
        inputs: vec![(input.to_string(), observed)],
        outputs: outputs.iter().map(|name| golden.join(format!("{graph}.{name}.npy"))).collect(),
    }
}

impl Case {
    /// The largest error of a plan of all outputs over the first `most` rows, relative to
    /// `max(1, |value|)`.
    ///
    /// # Panics
    ///
    /// The files do not fit the plan, or a value is NaN on one side only.
    pub fn error_of(&self, plan: &Plan, most: usize) -> f64 {
        let file = |name: &str| name.replace(['/', ':'], "_");
        let named = |port: &Port| {
            let input = self.inputs.iter().find(|(name, _)| *name == file(&port.name));
            rows(&input.unwrap_or_else(|| panic!("{}: no input {}", self.name, port.name)).1)
        };
        let inputs: Vec<Rows> = plan.inputs.iter().map(named).collect();
        let goldens: Vec<Rows> = self.outputs.iter().map(|path| rows(path)).collect();
        assert_eq!(plan.outputs.len(), goldens.len(), "{}", self.name);
        let mut twin = Twin::new(plan);
        let mut worst = 0.0f64;
        for row in 0..goldens[0].count.min(most) {
            let x: Vec<&[f32]> = inputs.iter().map(|input| input.row(row)).collect();
            let outputs = twin.run(&x).unwrap_or_else(|error| panic!("{}: {error}", self.name));
            for (output, golden) in outputs.iter().zip(&goldens) {
                assert_eq!(output.len(), golden.row(row).len(), "{}", self.name);
                for (&value, &truth) in output.iter().zip(golden.row(row)) {
                    let error = f64::from(value - truth).abs() / f64::from(truth.abs()).max(1.0);
                    assert!(!error.is_nan(), "{}: {value} for {truth}", self.name);
                    worst = worst.max(error);
                }
            }
        }
        worst
    }
}
