//! Good models with a few things changed: operators, attributes, shapes, names, edges, weights, where weights
//! lie and what type they have.
//!
//! With `ELBOW_FUZZ_DUMP=FILE` the mutated model is written there before it is imported.
#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use std::sync::LazyLock;
use tract_onnx::pb::{GraphProto, ModelProto, StringStringEntryProto, TensorProto};

/// Models that between them have most operators.
static MODELS: LazyLock<Vec<ModelProto>> = LazyLock::new(|| {
    let files: [&[u8]; 12] = [
        include_bytes!("../../tests/zoo/activations.dynamo/model.onnx"),
        include_bytes!("../../tests/zoo/attention.torchscript/model.onnx"),
        include_bytes!("../../tests/zoo/bidirectional_lstm.torchscript/model.onnx"),
        include_bytes!("../../tests/zoo/bilinear_decoder.torchscript/model.onnx"),
        include_bytes!("../../tests/zoo/conv2d.dynamo/model.onnx"),
        include_bytes!("../../tests/zoo/conv1d.keras/model.onnx"),
        include_bytes!("../../tests/zoo/functions.onnxscript/model.onnx"),
        include_bytes!("../../tests/zoo/gru.torchscript/model.onnx"),
        include_bytes!("../../tests/zoo/hierarchical.dynamo/model.onnx"),
        include_bytes!("../../tests/zoo/mixture.torchscript/model.onnx"),
        include_bytes!("../../tests/zoo/realnvp.dynamo/model.onnx"),
        include_bytes!("../../tests/zoo/vector_quantizer.torchscript/model.onnx"),
    ];
    files.iter().map(|bytes| ModelProto::decode(*bytes).expect("a good model")).collect()
});

/// Operators that a node may become.
const OPERATORS: [&str; 44] = [
    "Add",
    "ArgMax",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "CumSum",
    "DepthToSpace",
    "Einsum",
    "Expand",
    "Flatten",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gemm",
    "GroupNormalization",
    "Hardmax",
    "IsNaN",
    "LSTM",
    "LayerNormalization",
    "MatMul",
    "MaxPool",
    "OneHot",
    "Pad",
    "Pow",
    "RNN",
    "RandomNormalLike",
    "Range",
    "ReduceMean",
    "Reshape",
    "Resize",
    "ScatterElements",
    "Slice",
    "Softmax",
    "Split",
    "Squeeze",
    "Tile",
    "Transpose",
    "Trilu",
    "Where",
];

/// Element types that a weight may get: those of ONNX, and some that there are not.
const TYPES: [i32; 10] = [0, 1, 3, 6, 7, 9, 10, 11, 16, 99];

/// Files that a weight may lie in, good and bad.
const LOCATIONS: [&str; 6] =
    ["elbow-fuzz.data", "none.data", "../elbow-fuzz.data", "/proc/self/environ", ".", ""];

/// Numbers at which arithmetic breaks.
const NUMBERS: [i64; 12] =
    [0, 1, -1, 2, 3, 7, 255, 1 << 20, 1 << 40, i64::MAX, i64::MIN, i64::MIN + 1];

fn number(u: &mut Unstructured<'_>) -> Result<i64> {
    if u.ratio(3, 4)? { u.choose(&NUMBERS).copied() } else { u.int_in_range(-8..=16) }
}

/// Any name of the graph.
fn name(u: &mut Unstructured<'_>, graph: &GraphProto) -> Result<String> {
    let names = graph.node.iter().flat_map(|node| node.output.iter());
    let names: Vec<&String> =
        names.chain(graph.initializer.iter().map(|tensor| &tensor.name)).collect();
    Ok(if u.ratio(1, 8)? { String::new() } else { u.choose(&names)?.to_string() })
}

/// Puts the weights of a tensor into another file, by name and place.
fn outside(u: &mut Unstructured<'_>, tensor: &mut TensorProto) -> Result<()> {
    let location = u.choose(&LOCATIONS)?.to_string();
    let mut entries = vec![("location", location)];
    for key in ["offset", "length"] {
        if u.ratio(1, 2)? {
            entries.push((key, number(u)?.to_string()));
        }
    }
    let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.into(), value };
    tensor.external_data = entries.into_iter().map(entry).collect();
    tensor.data_location = Some(1);
    Ok(())
}

fn mutate(u: &mut Unstructured<'_>, model: &mut ModelProto) -> Result<()> {
    let kind = u.int_in_range(0..=13)?;
    if kind == 0 {
        model.opset_import[0].version = u.int_in_range(7..=30)?;
        return Ok(());
    }
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let other = name(u, graph)?;
    let (nodes, tensors) = (graph.node.len(), graph.initializer.len());
    if nodes == 0 {
        return Ok(());
    }
    let at = u.choose_index(nodes)?;
    match kind {
        1 => graph.node[at].op_type = u.choose(&OPERATORS)?.to_string(),
        2 | 3 => {
            let inputs = &mut graph.node[at].input;
            match inputs.len() {
                0 => inputs.push(other),
                len => inputs[u.choose_index(len)?] = other,
            }
        }
        4 => graph.node[at].input.push(other),
        5 => drop(graph.node[at].input.pop()),
        6 | 7 => {
            let attributes = &mut graph.node[at].attribute;
            if !attributes.is_empty() {
                let attribute = u.choose_index(attributes.len())?;
                let attribute = &mut attributes[attribute];
                attribute.i = number(u)?;
                attribute.f = f32::from_bits(u.arbitrary()?);
                if !attribute.ints.is_empty() {
                    let index = u.choose_index(attribute.ints.len())?;
                    attribute.ints[index] = number(u)?;
                }
                if u.ratio(1, 6)? {
                    attribute.ints.push(number(u)?);
                }
                if u.ratio(1, 6)? {
                    attribute.s = u.bytes(3)?.to_vec();
                }
            }
        }
        8 => drop(graph.node.remove(at)),
        9 => {
            let copy = graph.node[at].clone();
            graph.node.push(copy);
        }
        10 if tensors > 0 => {
            let tensor = u.choose_index(tensors)?;
            let tensor = &mut graph.initializer[tensor];
            if !tensor.dims.is_empty() && u.ratio(1, 2)? {
                let axis = u.choose_index(tensor.dims.len())?;
                tensor.dims[axis] = number(u)?;
            } else if tensor.raw_data.len() >= 8 {
                // An integer of a shape or index, or two weights.
                let word = u.choose_index(tensor.raw_data.len() / 8)?;
                tensor.raw_data[8 * word..][..8].copy_from_slice(&number(u)?.to_le_bytes());
            }
        }
        11 if tensors > 0 => {
            let tensor = u.choose_index(tensors)?;
            graph.initializer[tensor].data_type = *u.choose(&TYPES)?;
        }
        12 if tensors > 0 => {
            let tensor = u.choose_index(tensors)?;
            outside(u, &mut graph.initializer[tensor])?;
        }
        _ => {
            if let Some(output) = graph.output.first_mut() {
                output.name = other;
                output.r#type = None;
            }
        }
    }
    Ok(())
}

fn mutated(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut u = Unstructured::new(bytes);
    let mut model = u.choose(&MODELS)?.clone();
    for _ in 0..u.int_in_range(1..=6)? {
        mutate(&mut u, &mut model)?;
    }
    Ok(model.encode_to_vec())
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(model) = mutated(bytes) else { return };
    if let Some(path) = std::env::var_os("ELBOW_FUZZ_DUMP") {
        std::fs::write(path, &model).expect("the dump can be written");
    }
    elbow_fuzz::run_file(&model);
});
