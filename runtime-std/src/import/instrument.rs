//! A file as a reference runs it: random nodes are inputs, and inner values are outputs.
//!
//! References read files by schemas of their own. So whatever is not changed here stays as the file has it,
//! byte for byte: what is added stands behind it, since a protobuf message that follows another adds to it,
//! and only random nodes are written anew.

use super::problem::clean;
use super::proto::{
    self, AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorType, TypeProto,
    ValueInfoProto,
};
use super::{external, half, inline};
use crate::error::{Context, Error, Result};
use crate::ir::Graph as Imported;
use prost::{Message, decode_length_delimiter};
use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

/// Field number of the graph in a model.
const GRAPH: usize = 7;
/// Field number of the nodes in a graph.
const NODE: usize = 1;
/// Wire types of protobuf, in the lowest three bits of a field's key.
const VARINT: usize = 0;
const EIGHT_BYTES: usize = 1;
const LENGTH_DELIMITED: usize = 2;
const FOUR_BYTES: usize = 5;

/// A file for a reference.
#[derive(Clone, Debug)]
pub struct Instrumented {
    /// The ONNX file, as bytes.
    pub bytes: Vec<u8>,
    /// For each list of names, the first name that the file has, as its position in the list and the index of its
    /// output; `None` where the file has none of them.
    pub found: Vec<Option<(usize, usize)>>,
    /// Files in the folder of the file that hold values of its tensors, relative to it.
    pub data: Vec<PathBuf>,
}

/// The file at `path`, from which `graph` was imported, with an input for the noise of every random node, and
/// with an output for each of `values`, given as a list of names of which the first one in the file counts.
/// Functions of the file are replaced by their bodies; if `widened`, arithmetic of float16 by that of
/// float32, as import has it. The file itself is only read.
///
/// # Errors
///
/// The file cannot be read, is no ONNX model, or has functions that cannot be inlined.
pub fn instrumented(
    path: &Path,
    graph: &Imported,
    values: &[Vec<String>],
    widened: bool,
) -> Result<Instrumented> {
    let file = super::read(path)?;
    let widen = |graph: &mut GraphProto, opset| {
        let widens = widened && half::is_in(graph);
        if widens {
            half::widen(graph, opset);
        }
        widens
    };
    let rewritten = inline::rewritten(&file, widen).context(path.display())?;
    let noise = graph.noise.iter().map(|noise| Noise {
        input: graph.values[noise.value].name.clone(),
        output: noise.output.clone(),
    });
    let noise: Vec<Noise> = noise.collect();
    instrument(rewritten.unwrap_or(file), &noise, values).context(path.display())
}

/// A random node of the file.
struct Noise {
    /// The input that stands for its noise.
    input: String,
    /// Name of the output of the node.
    output: String,
}

/// The model `bytes` with its random nodes replaced by inputs, and with outputs for `values` (see
/// [`instrumented`]). What is added stands in a second message behind the file. A `noise` whose node is not
/// in the file is left out. An error where the bytes are no ONNX model.
fn instrument(mut bytes: Vec<u8>, noise: &[Noise], values: &[Vec<String>]) -> Result<Instrumented> {
    let file = ModelProto::decode(&bytes[..]).map_err(damaged)?.graph.unwrap_or_default();
    let drawn: Vec<Drawn> = noise.iter().filter_map(|noise| Drawn::of(&file, noise)).collect();
    if !drawn.is_empty() {
        bytes = replaced(&bytes, GRAPH, &mut |graph| {
            let graph = replaced(graph, NODE, &mut |node| {
                let node = NodeProto::decode(node).map_err(damaged)?;
                let own = drawn.iter().find(|drawn| node.output.contains(&drawn.output));
                Ok(own.map(|own| own.nodes.iter().map(Message::encode_to_vec).collect()))
            })?;
            Ok(Some(vec![graph]))
        })?;
    }
    let (output, found) = outputs(&file, &drawn, values);
    let added = GraphProto {
        input: drawn.iter().map(|drawn| drawn.input.clone()).collect(),
        initializer: drawn.iter().flat_map(|drawn| drawn.numbers.iter().cloned()).collect(),
        output,
        ..GraphProto::default()
    };
    bytes.extend(ModelProto { graph: Some(added), ..ModelProto::default() }.encode_to_vec());
    Ok(Instrumented { bytes, found, data: data(file) })
}

/// Files with values of tensors (external data) of a graph and the bodies in it, relative to the file's
/// folder: sorted, each once. Absolute paths and those with `..` are left out.
pub(super) fn data(mut file: GraphProto) -> Vec<PathBuf> {
    let entries = external::tensors(&mut file).flat_map(|(_, tensor)| &tensor.external_data);
    let locations = entries.filter(|entry| entry.key == "location");
    let inside = locations.filter_map(|entry| {
        let parts = Path::new(&entry.value).components();
        let parts = parts.filter(|part| *part != Component::CurDir);
        parts.map(|part| matches!(part, Component::Normal(_)).then_some(part)).collect()
    });
    inside.collect::<BTreeSet<PathBuf>>().into_iter().collect()
}

/// The outputs that have to be added, without a type, and for each list of names in `values` the position of
/// its first name that the file has and the index of that output among all, declared ones first; `None` where
/// the file has none of the names.
fn outputs(
    file: &GraphProto,
    drawn: &[Drawn],
    values: &[Vec<String>],
) -> (Vec<ValueInfoProto>, Vec<Option<(usize, usize)>>) {
    let is_input = |name: &String| drawn.iter().any(|drawn| drawn.input.name == *name);
    let given = file.node.iter().flat_map(|node| &node.output).filter(|name| !is_input(name));
    let given: HashMap<String, &String> = given.map(|name| (clean(name), name)).collect();
    let declared = file.output.len();
    let mut names: Vec<String> = file.output.iter().map(|output| clean(&output.name)).collect();
    let found = values.iter().map(|alternatives| {
        alternatives.iter().enumerate().find_map(|(place, name)| {
            let known = names.iter().position(|other| other == name);
            let output = known.or_else(|| {
                given.contains_key(name).then(|| {
                    names.push(name.clone());
                    names.len() - 1
                })
            });
            Some((place, output?))
        })
    });
    let found = found.collect();
    // References find the type themselves: not every value is a float.
    let added = names[declared..]
        .iter()
        .map(|name| ValueInfoProto { name: given[name].clone(), r#type: None });
    (added.collect(), found)
}

/// What takes the place of a random node: an input, and the nodes that scale and shift it.
struct Drawn {
    /// Name of the output of the random node, by the file.
    output: String,
    input: ValueInfoProto,
    /// Initializers of the scale and the shift.
    numbers: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
}

impl Drawn {
    /// What takes the place of the node that gives `noise.output`; `None` where no node gives it. If the
    /// input has the same name, that is the input alone; else `Mul` and `Add` compute `shift + scale * input`
    /// behind it.
    fn of(file: &GraphProto, noise: &Noise) -> Option<Self> {
        let gives = |name: &String| clean(name) == noise.output;
        let node = file.node.iter().find(|node| node.output.iter().any(gives))?;
        let output = node.output.iter().find(|name| gives(name))?.clone();
        let plain = noise.input == noise.output;
        let input = if plain { output.clone() } else { noise.input.clone() };
        let tensor = TensorType { elem_type: proto::data_type::FLOAT, shape: None };
        let declared = ValueInfoProto {
            name: input.clone(),
            r#type: Some(TypeProto { tensor: Some(tensor) }),
        };
        let mut drawn = Self {
            output: output.clone(),
            input: declared,
            numbers: Vec::new(),
            nodes: Vec::new(),
        };
        if plain {
            return Some(drawn);
        }
        let [shift, scale] = shift_and_scale(node);
        let scaled = format!("{output}/scaled for the reference");
        drawn.append("Mul", scale, input, scaled.clone());
        drawn.append("Add", shift, scaled, output);
        Some(drawn)
    }

    /// Adds the node `output = operator(input, number)`, and an initializer that holds the number.
    fn append(&mut self, operator: &str, number: f32, input: String, output: String) {
        let name = format!("{output}/{operator} of the reference");
        self.numbers.push(TensorProto {
            name: name.clone(),
            data_type: proto::data_type::FLOAT,
            float_data: vec![number],
            ..TensorProto::default()
        });
        self.nodes.push(NodeProto {
            op_type: operator.into(),
            name: format!("{name}, node"),
            input: vec![input, name],
            output: vec![output],
            ..NodeProto::default()
        });
    }
}

/// `[shift, scale]` of a random node, which gives `shift + scale * noise`: `[low, high - low]` of a uniform
/// one, by default `[0, 1]`; `[mean, scale]` of any other, by default `[0, 1]`.
fn shift_and_scale(node: &NodeProto) -> [f32; 2] {
    let number = |name: &str, default: f32| {
        let named = |attribute: &&AttributeProto| attribute.name == name;
        node.attribute.iter().find(named).map_or(default, |attribute| attribute.f)
    };
    match node.op_type.as_str() {
        "RandomUniform" | "RandomUniformLike" => {
            let low = number("low", 0.0);
            [low, number("high", 1.0) - low]
        }
        _ => [number("mean", 0.0), number("scale", 1.0)],
    }
}

/// Gives the bodies that take the place of a field with this body; `None` where the field stays as it is.
type Replace<'r> = dyn FnMut(&[u8]) -> Result<Option<Vec<Vec<u8>>>> + 'r;

/// A protobuf message with its fields of number `tag`, which hold messages, replaced; all others stay as they
/// are, byte for byte. An error where the message is cut off or damaged, or where `replace` fails.
fn replaced(message: &[u8], tag: usize, replace: &mut Replace<'_>) -> Result<Vec<u8>> {
    let mut written = Vec::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let field = rest;
        let (found, body) = next_field(&mut rest)?;
        match if found == tag { replace(body)? } else { None } {
            None => written.extend_from_slice(&field[..field.len() - rest.len()]),
            Some(bodies) => bodies.iter().for_each(|body| {
                written.extend(varint(tag << 3 | LENGTH_DELIMITED));
                written.extend(varint(body.len()));
                written.extend_from_slice(body);
            }),
        }
    }
    Ok(written)
}

/// Number and body of the field at the start of `rest`, which is advanced past it. The body of a number is
/// its encoding; that of a field with a length are the bytes behind the length. An error where the field is
/// cut off or its wire type is not known.
fn next_field<'m>(rest: &mut &'m [u8]) -> Result<(usize, &'m [u8])> {
    let key = decode_length_delimiter(&mut *rest).map_err(damaged)?;
    let len = match key & 7 {
        VARINT => {
            let start = *rest;
            decode_length_delimiter(&mut *rest).map_err(damaged)?;
            let len = start.len() - rest.len();
            *rest = start;
            len
        }
        EIGHT_BYTES => 8,
        LENGTH_DELIMITED => decode_length_delimiter(&mut *rest).map_err(damaged)?,
        FOUR_BYTES => 4,
        other => return Err(damaged(format!("a field of kind {other}"))),
    };
    let cut = || damaged(format!("a field of {len} bytes in the last {}", rest.len()));
    let (body, after) = rest.split_at_checked(len).ok_or_else(cut)?;
    *rest = after;
    Ok((key >> 3, body))
}

/// A number in protobuf's variable-length encoding (base 128).
fn varint(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encode_length_delimiter(number, &mut bytes).expect("a vector grows");
    bytes
}

/// The error of a file that is no ONNX model, with what was found.
#[cold]
fn damaged(found: impl std::fmt::Display) -> Error {
    Error::input(format!("not an ONNX model ({found}); export it again"))
}

#[cfg(test)]
mod tests {
    use super::super::proto::Entry;
    use super::*;

    fn node(op: &str, input: &str, output: &str) -> NodeProto {
        let (op_type, input, output) = (op.into(), vec![input.into()], vec![output.into()]);
        NodeProto { op_type, input, output, ..NodeProto::default() }
    }

    /// A file that draws `r`, with a field that the schema does not know behind its nodes.
    fn file() -> Vec<u8> {
        let low = AttributeProto { name: "low".into(), f: -1.0, ..AttributeProto::default() };
        let draw = NodeProto { attribute: vec![low], ..node("RandomUniformLike", "x", "r") };
        let graph = GraphProto {
            node: vec![draw, node("Tanh", "r", "y")],
            output: vec![ValueInfoProto { name: "y".into(), r#type: None }],
            ..GraphProto::default()
        };
        let mut graph = graph.encode_to_vec();
        let unknown = [varint(100 << 3 | LENGTH_DELIMITED), vec![3, 7, 8, 9]].concat();
        graph.extend(&unknown);
        [varint(GRAPH << 3 | LENGTH_DELIMITED), varint(graph.len()), graph].concat()
    }

    #[test]
    fn random_nodes_become_inputs_and_the_rest_stays() {
        let names = ["y", "r", "none"].map(|name| vec![name.to_string()]);
        let noise = Noise { input: "r/noise".into(), output: "r".into() };
        let given = instrument(file(), &[noise], &names).expect("a model");
        assert_eq!(given.found, [Some((0, 0)), Some((0, 1)), None]);
        assert!(given.bytes.windows(3).any(|bytes| bytes == [7, 8, 9]));
        let graph = ModelProto::decode(&given.bytes[..]).expect("a model").graph.expect("a graph");
        let operators: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
        assert_eq!(operators, ["Mul", "Add", "Tanh"]);
        assert_eq!(graph.node[1].output, ["r"]);
        let numbers: Vec<f32> = graph.initializer.iter().map(|one| one.float_data[0]).collect();
        assert_eq!(numbers, [2.0, -1.0]);
        assert_eq!((graph.input[0].name.as_str(), graph.output.len()), ("r/noise", 2));
    }

    #[test]
    fn data_outside_of_the_folder_is_left_alone() {
        let tensor = |location: &str| TensorProto {
            external_data: vec![Entry { key: "location".into(), value: location.into() }],
            ..TensorProto::default()
        };
        let locations = ["w.data", "./w.data", "sub/v.data", "../u.data", "/t.data"];
        let file =
            GraphProto { initializer: locations.map(tensor).to_vec(), ..GraphProto::default() };
        assert_eq!(data(file), [Path::new("sub/v.data"), Path::new("w.data")]);
    }

    #[test]
    fn data_of_bodies_is_found() {
        let location = Entry { key: "location".into(), value: "w.data".into() };
        let tensor = TensorProto { external_data: vec![location], ..TensorProto::default() };
        let within = |body: GraphProto| {
            let branch = AttributeProto { g: Some(body), ..AttributeProto::default() };
            let node = NodeProto { attribute: vec![branch], ..NodeProto::default() };
            GraphProto { node: vec![node], ..GraphProto::default() }
        };
        let body = GraphProto { initializer: vec![tensor], ..GraphProto::default() };
        assert_eq!(data(within(within(body))), [Path::new("w.data")]);
    }

    #[test]
    fn a_cut_message_is_an_error() {
        let bytes = file();
        let cut = &bytes[..bytes.len() - 1];
        assert!(replaced(cut, GRAPH, &mut |_| Ok(None)).is_err());
        assert_eq!(replaced(&bytes, GRAPH, &mut |_| Ok(None)).expect("whole"), bytes);
    }
}
