//! Small models built and broken by hand, by another implementation of the file format (tract's).

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::type_proto::{Tensor, Value};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto,
};

pub const FLOAT: DataType = DataType::Float;

/// A dimension: a length, or a symbol.
#[derive(Clone, Copy)]
pub enum Dim {
    N(i64),
    S(&'static str),
}

/// `x[batch, 4] -> Gemm("fc", w[4, 3], b[3]) -> Relu("act") -> y[batch, 3]`
pub fn dense() -> ModelProto {
    let nodes =
        vec![node("Gemm", "fc", &["x", "w", "b"], &["h"]), node("Relu", "act", &["h"], &["y"])];
    let weights = vec![floats("w", &[4, 3], &[0.5; 12]), floats("b", &[3], &[0.1; 3])];
    model(nodes, weights, vec![info("x", &[Dim::S("batch"), Dim::N(4)])], &["y"])
}

/// One node `op` from `x` of a shape, and from constants, to `y`.
pub fn single(op: &str, shape: &[i64], constants: Vec<TensorProto>) -> ModelProto {
    let mut inputs = vec!["x".to_string()];
    inputs.extend(constants.iter().map(|constant| constant.name.clone()));
    let mut only = node(op, "n", &[], &["y"]);
    only.input = inputs;
    let dims: Vec<Dim> = shape.iter().map(|&size| Dim::N(size)).collect();
    model(vec![only], constants, vec![info("x", &dims)], &["y"])
}

pub fn model(
    node: Vec<NodeProto>,
    initializer: Vec<TensorProto>,
    input: Vec<ValueInfoProto>,
    outputs: &[&str],
) -> ModelProto {
    let output = outputs
        .iter()
        .map(|name| info(name, &[]))
        .map(|info| ValueInfoProto { r#type: None, ..info });
    let graph = GraphProto {
        name: "g".into(),
        node,
        initializer,
        input,
        output: output.collect(),
        ..Default::default()
    };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        graph: Some(graph),
        ..Default::default()
    }
}

pub fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().expect("it has a graph")
}

pub fn encoded(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

pub fn node(op: &str, name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    NodeProto {
        op_type: op.into(),
        name: name.into(),
        input: owned(inputs),
        output: owned(outputs),
        ..Default::default()
    }
}

pub fn info(name: &str, dims: &[Dim]) -> ValueInfoProto {
    typed_info(name, FLOAT, dims)
}

pub fn typed_info(name: &str, kind: DataType, dims: &[Dim]) -> ValueInfoProto {
    let dim = dims.iter().map(|dim| Dimension {
        value: Some(match *dim {
            Dim::N(size) => dimension::Value::DimValue(size),
            Dim::S(symbol) => dimension::Value::DimParam(symbol.into()),
        }),
        ..Default::default()
    });
    let shape = TensorShapeProto { dim: dim.collect() };
    let tensor = Tensor { elem_type: kind as i32, shape: Some(shape) };
    let kind = TypeProto { value: Some(Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(kind), ..Default::default() }
}

pub fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    raw(name, FLOAT, dims, data.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub fn ints(name: &str, data: &[i64]) -> TensorProto {
    let bytes = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    raw(name, DataType::Int64, &[data.len() as i64], bytes)
}

pub fn raw(name: &str, kind: DataType, dims: &[i64], raw_data: Vec<u8>) -> TensorProto {
    TensorProto {
        name: name.into(),
        data_type: kind as i32,
        dims: dims.to_vec(),
        raw_data,
        ..Default::default()
    }
}

/// Gives a node an integer attribute.
pub fn int(node: &mut NodeProto, name: &str, i: i64) {
    node.attribute.push(AttributeProto { i, ..attribute(name, AttributeType::Int) });
}

/// Gives a node a list of integers.
pub fn int_list(node: &mut NodeProto, name: &str, ints: &[i64]) {
    node.attribute
        .push(AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) });
}

/// Gives a node a string.
pub fn string(node: &mut NodeProto, name: &str, s: &str) {
    node.attribute.push(AttributeProto { s: s.into(), ..attribute(name, AttributeType::String) });
}

/// Gives a node a tensor.
pub fn tensor(node: &mut NodeProto, name: &str, t: TensorProto) {
    node.attribute.push(AttributeProto { t: Some(t), ..attribute(name, AttributeType::Tensor) });
}

pub fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind as i32, ..Default::default() }
}
