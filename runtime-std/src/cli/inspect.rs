//! `elbow inspect`

use super::on_target::{OnTarget, TargetOptions};
use super::{ModelOptions, output};
use elbow::Result;
use elbow::emit::{LayerBudget, emit};
use elbow::import::{self, Group, Survey, Unsupported};
use elbow::manifest::Manifest;
use elbow::model::{Loaded, Part, Role, Source};
use elbow::stages;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub struct InspectOptions {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    on_target: TargetOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What is printed; everything of all graphs of the model.
#[derive(Debug, Serialize)]
struct InspectReport {
    model: String,
    graphs: Vec<GraphReport>,
    inputs: Vec<TensorReport>,
    outputs: Vec<TensorReport>,
    layers: Vec<LayerBudget>,
    macs: Option<usize>,
    flash_bytes: Value,
    ram_bytes: Value,
    unsupported: Vec<Problem>,
    /// Of `--target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_target: Option<OnTarget>,
}

#[derive(Debug, Serialize)]
struct GraphReport {
    graph: &'static str,
    file: PathBuf,
    opset: i64,
    /// Planned bytes of intermediate tensors, and the largest input plus output of one layer, below
    /// which no plan can be.
    peak_bytes: Option<usize>,
    peak_lower_bound_bytes: Option<usize>,
}

#[derive(Debug, Serialize)]
struct TensorReport {
    graph: &'static str,
    name: String,
    shape: Option<Vec<usize>>,
    role: Option<Role>,
}

#[derive(Debug, Serialize)]
struct Problem {
    graph: &'static str,
    #[serde(flatten)]
    what: Unsupported,
}

/// Prints the report to stdout; of a model that cannot be loaded, what its files show, where one of them has
/// nodes that are not supported.
///
/// # Errors
///
/// Those of loading, after the report, and those of printing.
pub fn run(options: &InspectOptions) -> Result<()> {
    match options.model.load() {
        Ok(loaded) => {
            let mut report = InspectReport::of_loaded(&loaded)?;
            report.on_target = options.on_target.measured(&loaded)?;
            print(&report, options.json)
        }
        Err(error) => {
            let surveys = surveys(&options.model);
            if surveys.iter().any(|(_, _, survey)| !survey.problems.is_empty()) {
                print(&InspectReport::of_surveys(&options.model.model, surveys), options.json)?;
            }
            Err(error)
        }
    }
}

/// Prints the report to stdout, as JSON or text; an environment error where that fails.
fn print(report: &InspectReport, json: bool) -> Result<()> {
    if json { output::json(report) } else { output::text(&report.to_string()) }
}

/// The survey of each file of the model, with its role (`encoder`, `decoder` or `flow`; `graph` of a bare
/// file) and path; files that cannot be read are left out. Empty where there is no model or its dimensions do
/// not fit.
fn surveys(model: &ModelOptions) -> Vec<(&'static str, PathBuf, Survey)> {
    let Ok(path) = Loaded::find(&model.model) else { return Vec::new() };
    let (files, options): (Vec<_>, _) = match Manifest::read(&path) {
        Ok(manifest) => {
            let folder = path.parent().unwrap_or(Path::new("."));
            let files = manifest.files().map(|(graph, file)| (graph, folder.join(file)));
            (files.collect(), manifest.import_options())
        }
        Err(_) => (vec![("graph", path)], model.import.decided()),
    };
    let paths: Vec<&Path> = files.iter().map(|(_, path)| path.as_path()).collect();
    let Ok(options) = options.per_file(&paths) else { return Vec::new() };
    let survey = |((graph, path), options): ((&'static str, PathBuf), import::Options)| {
        stages::survey(&path, &options).ok().map(|survey| (graph, path, survey))
    };
    files.into_iter().zip(options).filter_map(survey).collect()
}

impl InspectReport {
    /// The report on a model that is loaded, with its budget; an error where it cannot be emitted.
    fn of_loaded(loaded: &Loaded) -> Result<Self> {
        let budget = emit(&loaded.model)?.budget;
        let mut report = Self {
            model: loaded.model.name.clone(),
            layers: budget.layers,
            macs: Some(budget.macs),
            flash_bytes: json!(budget.flash_bytes),
            ram_bytes: json!(budget.ram_bytes),
            ..Self::empty()
        };
        for (part, source) in loaded.model.graphs.parts().graphs().zip(loaded.sources()) {
            report.add(part, source);
        }
        Ok(report)
    }

    /// The report on files that cannot be imported: boundary tensors and unsupported nodes.
    fn of_surveys(model: &Path, surveys: Vec<(&'static str, PathBuf, Survey)>) -> Self {
        let mut report = Self { model: model.display().to_string(), ..Self::empty() };
        for (graph, file, survey) in surveys {
            let tensor = |boundary: import::Boundary| TensorReport {
                graph,
                name: boundary.name,
                shape: boundary.shape,
                role: None,
            };
            report.inputs.extend(survey.inputs.into_iter().map(tensor));
            report.outputs.extend(survey.outputs.into_iter().map(tensor));
            let problem = |what| Problem { graph, what };
            report.unsupported.extend(survey.problems.into_iter().map(problem));
            report.graphs.push(GraphReport {
                graph,
                file,
                opset: survey.opset,
                peak_bytes: None,
                peak_lower_bound_bytes: None,
            });
        }
        report
    }

    /// A report in which nothing is known.
    fn empty() -> Self {
        Self {
            model: String::new(),
            graphs: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            layers: Vec::new(),
            macs: None,
            flash_bytes: json!({"code": null, "weights": null}),
            ram_bytes: json!({"workspace": null, "stack": null}),
            unsupported: Vec::new(),
            on_target: None,
        }
    }

    /// Adds inputs, outputs and memory of one graph to the report; `source` is the file that `part` was
    /// lowered from.
    fn add(&mut self, part: Part<'_>, source: &Source) {
        let (graph, plan) = (part.name.name(), part.plan);
        let values = &source.graph.values;
        let tensor = |(name, id, role): (&str, usize, &Option<Role>)| TensorReport {
            graph,
            name: name.to_string(),
            shape: Some(values[id].shape.clone()),
            role: *role,
        };
        let inputs = source.graph.inputs.iter().zip(&source.input_roles);
        self.inputs.extend(inputs.map(|(id, role)| tensor((&values[*id].name, *id, role))));
        let outputs = source.graph.outputs.iter().zip(&source.output_roles);
        self.outputs.extend(outputs.map(|((name, id), role)| tensor((name, *id, role))));
        self.graphs.push(GraphReport {
            graph,
            file: source.path.clone(),
            opset: source.graph.opset,
            peak_bytes: Some(plan.arena * size_of::<f32>()),
            peak_lower_bound_bytes: Some(plan.arena_lower_bound * size_of::<f32>()),
        });
    }
}

impl fmt::Display for InspectReport {
    /// Writes graph by graph tensors, layers and memory, then what is not supported, and the sums where they
    /// are known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.model)?;
        for graph in &self.graphs {
            writeln!(f, "\n{} {} (opset {})", graph.graph, graph.file.display(), graph.opset)?;
            for (kind, tensors) in [("input", &self.inputs), ("output", &self.outputs)] {
                for tensor in tensors.iter().filter(|tensor| tensor.graph == graph.graph) {
                    let shape = tensor
                        .shape
                        .as_ref()
                        .map_or("unknown shape".into(), |shape| format!("{shape:?}"));
                    let role =
                        tensor.role.map_or(String::new(), |role| format!("  role {}", role.name()));
                    writeln!(f, "  {kind:<6} {:<24} {shape}{role}", tensor.name)?;
                }
            }
            for layer in self.layers.iter().filter(|layer| layer.graph == graph.graph) {
                let shape = format!("{:?}", layer.shape);
                writeln!(
                    f,
                    "  {:<40} {:<18} {shape:<16} {:>9} MACs",
                    layer.name, layer.op, layer.macs
                )?;
            }
            if let (Some(peak), Some(bound)) = (graph.peak_bytes, graph.peak_lower_bound_bytes) {
                writeln!(
                    f,
                    "  peak of intermediate tensors {peak} bytes; no plan needs less than {bound}"
                )?;
            }
        }
        for GraphReport { graph, .. } in &self.graphs {
            let own = self.unsupported.iter().filter(|problem| problem.graph == *graph);
            for group in Group::all(own.map(|problem| &problem.what)) {
                let (what, advice) = (group.what(), group.advice());
                writeln!(f, "\nunsupported in {graph}: {what}\n  {advice}")?;
            }
        }
        if let Some(macs) = self.macs {
            let known = |value: &Value| match value {
                Value::Null => "known once an image is built".to_string(),
                value => format!("{value} bytes"),
            };
            writeln!(f, "\nmultiply-accumulates {macs}")?;
            writeln!(
                f,
                "flash: weights {}, code {}",
                known(&self.flash_bytes["weights"]),
                known(&self.flash_bytes["code"])
            )?;
            writeln!(
                f,
                "RAM: workspace {}, stack {}",
                known(&self.ram_bytes["workspace"]),
                known(&self.ram_bytes["stack"])
            )?;
        }
        self.on_target.iter().try_for_each(|own| own.fmt(f))
    }
}

impl fmt::Display for OnTarget {
    /// Writes the parts of the work and their schedule; with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, work, schedule } = self;
        write!(f, "\non {target}, with a row of zeros; {work}")?;
        schedule.iter().try_for_each(|schedule| write!(f, "\n{schedule}"))
    }
}
