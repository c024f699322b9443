//! The reference: tract runs the ONNX file itself, in a process of its own.
//!
//! It shares nothing with `import` and `lower`, which is what makes parity against it mean something.
//! Fed odd models tract may panic, hang or ask for all memory; so the command re-executes itself with
//! the hidden subcommand `oracle`, under a limit of memory and time, and no failure of tract's reaches
//! the user as anything but a sentence. Tensors travel as `.npy` files in a temporary folder.

use crate::error::{Context, Error, Result};
use crate::import;
use crate::model::Source;
use crate::npy;
use crate::rows::Rows;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tract_onnx::pb;
use tract_onnx::prelude::*;

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "oracle";
/// Address space of the child, in bytes.
const MEMORY_LIMIT: u64 = 4 << 30;
/// Wall time of the child.
const TIME_LIMIT: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(5);
const REQUEST: &str = "request.json";
const CURE: &str =
    "use --backend twin with `run`, or give the reference with --expect with `parity`";

#[derive(Serialize, Deserialize)]
struct Request {
    model: PathBuf,
    rows: usize,
    inputs: Vec<Port>,
    /// Inputs that hold one row, and the outputs that they are at the next row.
    states: Vec<(usize, usize)>,
    /// Random nodes that become inputs.
    noise: Vec<Noise>,
    /// Values that are outputs as well, each by the names that the file may have for it.
    values: Vec<Vec<String>>,
}

/// A random node, which tract cannot run by most names that exporters give it (0.23.9).
#[derive(Serialize, Deserialize)]
struct Noise {
    /// The input that stands for its noise.
    input: String,
    /// What the node gives.
    output: String,
}

#[derive(Serialize, Deserialize)]
struct Port {
    name: String,
    shape: Vec<usize>,
}

/// Runs every row through tract, batch 1; one flat vector per graph output, in the order of the file.
///
/// Nothing but the states of `source` is kept from row to row: tract's recurrent layers start anew.
///
/// # Errors
///
/// An input error where tract cannot run the model, an environment error where the child process
/// cannot be started or runs out of time.
pub fn run(source: &Source, inputs: &[Rows], rows: usize) -> Result<Vec<Vec<f32>>> {
    let inner: Vec<Vec<String>> =
        source.inner_outputs().map(|name| vec![name.to_string()]).collect();
    let (mut outputs, found) = ask(source, inputs, rows, &inner)?;
    for (names, found) in inner.iter().zip(found) {
        let (_, values) = found.ok_or_else(|| {
            let what = format!(
                "the file computes no {:?} for the reference; name a value that a node of the file gives",
                names[0]
            );
            Error::input(what).context(source.path.display())
        })?;
        outputs.push(values);
    }
    checked(source, &outputs, rows).context(source.path.display())?;
    Ok(outputs)
}

/// Values between inputs and outputs, all rows of each: of every list of names the first that the file
/// has, with its place in the list; `None` if it has none.
///
/// # Errors
///
/// As [`run`].
pub fn values(
    source: &Source,
    inputs: &[Rows],
    rows: usize,
    names: &[Vec<String>],
) -> Result<Vec<Option<Found>>> {
    ask(source, inputs, rows, names).map(|(_, values)| values)
}

/// The place of a name among those asked for, and what it holds.
pub type Found = (usize, Vec<f32>);

type Answers = (Vec<Vec<f32>>, Vec<Option<Found>>);

fn ask(source: &Source, inputs: &[Rows], rows: usize, values: &[Vec<String>]) -> Result<Answers> {
    let model = &source.path;
    let inputs = in_order(source, inputs, rows)?;
    let folder = tempfile::tempdir().map_err(|error| {
        Error::environment(format!(
            "cannot make a temporary folder: {error}; set TMPDIR to one that is writable"
        ))
    })?;
    let inlined = import::without_functions(model)?;
    let read = folder.path().join("model.onnx");
    if let Some(bytes) = &inlined {
        write(&read, bytes)?;
    }
    let request = Request {
        model: if inlined.is_some() { read } else { model.clone() },
        rows,
        inputs: inputs
            .iter()
            .map(|i| Port { name: i.name.clone(), shape: i.shape.clone() })
            .collect(),
        states: source.states.clone(),
        noise: noise(source),
        values: values.to_vec(),
    };
    let json =
        serde_json::to_vec(&request).map_err(|error| Error::environment(error.to_string()))?;
    write(&folder.path().join(REQUEST), &json)?;
    for (index, input) in inputs.iter().enumerate() {
        let bytes = npy::encode(&[input.values.len()], &input.values);
        write(&folder.path().join(format!("in.{index}.npy")), &bytes)?;
    }
    let status = wait(folder.path())?;
    if !status.success() {
        return Err(Error::input(format!(
            "the reference (tract) cannot run this model: {}; {CURE}",
            complaint(folder.path(), status)
        ))
        .context(model.display()));
    }
    let read = |path: PathBuf| npy::read(&path).map(|array| array.values);
    let file = |index: usize| folder.path().join(format!("out.{index}.npy"));
    let files = (0..).map(file).take_while(|path| path.exists());
    let outputs: Vec<Vec<f32>> = files.map(read).collect::<Result<_>>()?;
    let found = values.iter().enumerate().map(|(index, names)| {
        let path = |name| folder.path().join(value_file(index, name));
        let name = (0..names.len()).find(|name| path(*name).exists());
        name.map(|name| Ok((name, read(path(name))?))).transpose()
    });
    Ok((outputs, found.collect::<Result<_>>()?))
}

/// The file of a value that was asked for by the name at this place.
fn value_file(value: usize, name: usize) -> String {
    format!("value.{value}.{name}.npy")
}

/// The random nodes of the file and the inputs that stand for them.
fn noise(source: &Source) -> Vec<Noise> {
    let graph = &source.graph;
    let noise = graph.noise.iter().map(|noise| Noise {
        input: graph.values[noise.value].name.clone(),
        output: noise.output.clone(),
    });
    noise.collect()
}

/// The rows of every input of the graph, in its order; a state is its first row, zeros.
fn in_order<'r>(source: &Source, inputs: &'r [Rows], rows: usize) -> Result<Vec<Cow<'r, Rows>>> {
    let own = (0..source.graph.inputs.len()).map(|at| {
        let (name, shape) = (source.input_name(at), source.input_shape(at));
        let owned =
            |values| Ok(Cow::Owned(Rows { name: name.into(), shape: shape.to_vec(), values }));
        if source.states.iter().any(|(state, _)| *state == at) {
            return owned(vec![0.0; shape.iter().product()]);
        }
        if let Some((_, value)) = source.fixed.iter().find(|(fixed, _)| *fixed == at) {
            return owned(value.repeat(rows));
        }
        let given = inputs.iter().find(|input| input.name == name);
        given.map(Cow::Borrowed).ok_or_else(|| {
            let cure = format!("the reference needs input {name:?}; give --input {name}=FILE.npy");
            Error::input(cure).context(source.path.display())
        })
    });
    own.collect()
}

/// There are as many outputs and as long ones as the graph says.
fn checked(source: &Source, outputs: &[Vec<f32>], rows: usize) -> Result<()> {
    let graph = &source.graph;
    let expected: Vec<usize> =
        graph.outputs.iter().map(|(_, id)| rows * graph.values[*id].len()).collect();
    let found: Vec<usize> = outputs.iter().map(Vec::len).collect();
    if found == expected {
        return Ok(());
    }
    Err(Error::environment(format!(
        "the reference (tract) answered with outputs of {found:?} values, the graph has {expected:?}; {CURE}"
    )))
}

fn wait(folder: &Path) -> Result<ExitStatus> {
    let start = |error: std::io::Error| {
        Error::environment(format!(
            "cannot start the reference process: {error}; start elbow by its full path"
        ))
    };
    let log = File::create(folder.join("log")).map_err(start)?;
    let mut child = Command::new(std::env::current_exe().map_err(start)?)
        .arg(SUBCOMMAND)
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(start)?;
    let started = Instant::now();
    loop {
        match child.try_wait().map_err(start)? {
            Some(status) => return Ok(status),
            None if started.elapsed() > TIME_LIMIT => {
                let stopped = child.kill().and_then(|()| child.wait());
                stopped.map_err(start)?;
                return Err(Error::environment(format!(
                    "the reference (tract) ran for more than {} s and was stopped; use fewer rows, or {CURE}",
                    TIME_LIMIT.as_secs()
                )));
            }
            None => std::thread::sleep(POLL),
        }
    }
}

/// What the child said, in one line of bearable length.
fn complaint(folder: &Path, status: ExitStatus) -> String {
    const LONGEST: usize = 300;
    let log = fs::read(folder.join("log")).unwrap_or_default();
    let line: Vec<String> =
        String::from_utf8_lossy(&log).split_whitespace().map(str::to_string).collect();
    let line = line.join(" ");
    match line.char_indices().nth(LONGEST) {
        _ if line.is_empty() => format!("it ended with {status}"),
        Some((end, _)) => format!("{} ...", &line[..end]),
        None => line,
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| {
        Error::environment(format!(
            "cannot write {}: {error}; make room or set TMPDIR",
            path.display()
        ))
    })
}

/// The child's side: answers the request in `folder`.
///
/// # Errors
///
/// Whatever tract says.
pub fn answer(folder: &Path) -> Result<()> {
    std::panic::set_hook(Box::new(|panic| {
        let what = panic.payload_as_str().unwrap_or("it stopped without a reason");
        // Nobody is left to tell if this fails.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), what.as_bytes());
    }));
    let own = |error: std::io::Error| Error::environment(error.to_string());
    rlimit::setrlimit(rlimit::Resource::AS, MEMORY_LIMIT, MEMORY_LIMIT).map_err(own)?;
    let text = fs::read(folder.join(REQUEST)).map_err(own)?;
    let request: Request =
        serde_json::from_slice(&text).map_err(|error| Error::environment(error.to_string()))?;
    let read =
        |index: usize| npy::read(&folder.join(format!("in.{index}.npy"))).map(|array| array.values);
    let inputs = (0..request.inputs.len()).map(read).collect::<Result<Vec<_>>>()?;
    let results = execute(&request, &inputs).map_err(|error| Error::input(format!("{error:#}")))?;
    for (files, values) in results {
        let bytes = npy::encode(&[values.len()], &values);
        for file in files {
            write(&folder.join(file), &bytes).context("the reference")?;
        }
    }
    Ok(())
}

/// The declaration of a float tensor of any shape.
fn float_tensor(name: &str) -> pb::ValueInfoProto {
    let elem_type = pb::tensor_proto::DataType::Float as i32;
    let tensor = pb::type_proto::Tensor { elem_type, shape: None };
    let value = Some(pb::type_proto::Value::TensorType(tensor));
    let r#type = Some(pb::TypeProto { denotation: String::new(), value });
    pb::ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}

/// Replaces a random node by an input; mean and scale, or the limits, become nodes.
fn draw_outside(graph: &mut pb::GraphProto, noise: &Noise) {
    let Some(at) = graph.node.iter().position(|node| node.output.contains(&noise.output)) else {
        return;
    };
    let node = graph.node.remove(at);
    let number = |name: &str, default: f32| {
        node.attribute.iter().find(|attribute| attribute.name == name).map_or(default, |a| a.f)
    };
    let (shift, scale) = match node.op_type.as_str() {
        "RandomUniform" | "RandomUniformLike" => {
            let low = number("low", 0.0);
            (low, number("high", 1.0) - low)
        }
        _ => (number("mean", 0.0), number("scale", 1.0)),
    };
    graph.input.push(float_tensor(&noise.input));
    if noise.input == noise.output {
        return;
    }
    let mut read = noise.input.clone();
    for (op_type, role, value) in [("Mul", "scale", scale), ("Add", "shift", shift)] {
        let name = format!("{}/{role} of the reference", noise.output);
        let output = if role == "shift" { noise.output.clone() } else { format!("{name}d") };
        graph.initializer.push(pb::TensorProto {
            name: name.clone(),
            data_type: pb::tensor_proto::DataType::Float as i32,
            float_data: vec![value],
            ..Default::default()
        });
        let node = pb::NodeProto {
            op_type: op_type.into(),
            name: format!("{name}: {op_type}"),
            input: vec![read, name],
            output: vec![output.clone()],
            ..Default::default()
        };
        graph.node.insert(at + usize::from(role == "shift"), node);
        read = output;
    }
}

/// Every result, with the files that it belongs into.
fn execute(request: &Request, inputs: &[Vec<f32>]) -> TractResult<Vec<(Vec<String>, Vec<f32>)>> {
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut proto = onnx.proto_model_for_path(&request.model)?;
    let mut files = Vec::new();
    if let Some(graph) = &mut proto.graph {
        request.noise.iter().for_each(|noise| draw_outside(graph, noise));
        files.extend((0..graph.output.len()).map(|index| vec![format!("out.{index}.npy")]));
        let given: HashSet<String> =
            graph.node.iter().flat_map(|node| node.output.iter().cloned()).collect();
        for (index, names) in request.values.iter().enumerate() {
            let is_output = |name: &String| graph.output.iter().position(|o| o.name == *name);
            let found = names.iter().enumerate().find_map(|(at, name)| match is_output(name) {
                Some(output) => Some((at, name, Some(output))),
                None => given.contains(name).then_some((at, name, None)),
            });
            let Some((at, name, output)) = found else { continue };
            let output = output.unwrap_or_else(|| {
                graph.output.push(float_tensor(name));
                files.push(Vec::new());
                files.len() - 1
            });
            files[output].push(value_file(index, at));
        }
    }
    let mut model = onnx.model_for_proto_model(&proto)?;
    let names: Vec<String> =
        model.input_outlets()?.iter().map(|outlet| model.node(outlet.node).name.clone()).collect();
    // Which of our inputs tract's input is; where it has renamed them, both keep the file's order.
    let sources: Vec<usize> = names
        .iter()
        .enumerate()
        .map(|(at, name)| request.inputs.iter().position(|port| port.name == *name).unwrap_or(at))
        .collect();
    for (at, source) in sources.iter().enumerate() {
        model = model.with_input_fact(at, f32::fact(&request.inputs[*source].shape).into())?;
    }
    let model = model.into_optimized()?.into_runnable()?;
    let mut outputs: Vec<Vec<f32>> = Vec::new();
    for row in 0..request.rows {
        let tensors = sources.iter().map(|source| {
            let shape = &request.inputs[*source].shape;
            let len: usize = shape.iter().product();
            let state = request.states.iter().find(|(input, _)| input == source);
            let values = match state.and_then(|(_, output)| outputs.get(*output)) {
                Some(kept) => &kept[(row - 1) * len..row * len],
                None if state.is_some() => &inputs[*source],
                None => &inputs[*source][row * len..(row + 1) * len],
            };
            Tensor::from_shape(shape, values).map(IntoTValue::into_tvalue)
        });
        let results = model.run(tensors.collect::<TractResult<TVec<_>>>()?)?;
        outputs.resize(results.len(), Vec::new());
        for (output, result) in outputs.iter_mut().zip(results) {
            output.extend(result.cast_to::<f32>()?.to_plain_array_view::<f32>()?.iter());
        }
    }
    Ok(files.into_iter().zip(outputs).collect())
}
