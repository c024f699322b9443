//! Graphs that are written down node by node, and what `elbow init` says of them.

use crate::common::{Outcome, elbow_line};
use prost::Message;
use std::fs;
use std::path::PathBuf;
use tract_onnx::pb::{self, attribute_proto::AttributeType, tensor_proto::DataType};

/// A graph that is written down node by node; an input `x` of 4 values.
pub struct Onnx {
    pub graph: pb::GraphProto,
}

fn tensor_type(shape: &[i64]) -> pb::TypeProto {
    use pb::tensor_shape_proto::{Dimension, dimension::Value};
    let dim = |size: &i64| Dimension { value: Some(Value::DimValue(*size)), ..Default::default() };
    let shape = pb::TensorShapeProto { dim: shape.iter().map(dim).collect() };
    let tensor = pb::type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(shape) };
    pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..Default::default() }
}

impl Onnx {
    pub fn new() -> Self {
        Self::of(4)
    }

    /// With an observation `x` of so many values.
    pub fn of(len: i64) -> Self {
        let graph = pb::GraphProto { name: "g".into(), ..Default::default() };
        Self { graph }.input("x", len)
    }

    pub fn input(self, name: &str, len: i64) -> Self {
        self.shaped_input(name, &[1, len])
    }

    pub fn shaped_input(mut self, name: &str, shape: &[i64]) -> Self {
        let r#type = Some(tensor_type(shape));
        let info = pb::ValueInfoProto { name: name.into(), r#type, ..Default::default() };
        self.graph.input.push(info);
        self
    }

    pub fn constant(mut self, name: &str, shape: &[i64], values: &[f32]) -> Self {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (dims, data_type) = (shape.to_vec(), DataType::Float as i32);
        let tensor =
            pb::TensorProto { name: name.into(), dims, data_type, raw_data, ..Default::default() };
        self.graph.initializer.push(tensor);
        self
    }

    pub fn integers(mut self, name: &str, values: &[i64]) -> Self {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (dims, data_type) = (vec![values.len() as i64], DataType::Int64 as i32);
        let tensor =
            pb::TensorProto { name: name.into(), dims, data_type, raw_data, ..Default::default() };
        self.graph.initializer.push(tensor);
        self
    }

    /// `output = op(inputs)`; what follows are its attributes.
    pub fn node(mut self, output: &str, op: &str, inputs: &str) -> Self {
        let words = |text: &str| text.split_whitespace().map(String::from).collect();
        self.graph.node.push(pb::NodeProto {
            name: format!("node_{output}"),
            op_type: op.into(),
            input: words(inputs),
            output: words(output),
            ..Default::default()
        });
        self
    }

    /// Without the node that gives this value.
    pub fn without(mut self, output: &str) -> Self {
        self.graph.node.retain(|node| node.output[0] != output);
        self
    }

    pub fn int(mut self, name: &str, i: i64) -> Self {
        let r#type = AttributeType::Int as i32;
        let attribute = pb::AttributeProto { name: name.into(), i, r#type, ..Default::default() };
        self.graph.node.last_mut().unwrap().attribute.push(attribute);
        self
    }

    pub fn integers_of(mut self, name: &str, ints: &[i64]) -> Self {
        let (r#type, ints) = (AttributeType::Ints as i32, ints.to_vec());
        let attribute =
            pb::AttributeProto { name: name.into(), ints, r#type, ..Default::default() };
        self.graph.node.last_mut().unwrap().attribute.push(attribute);
        self
    }

    pub fn float(mut self, name: &str, f: f32) -> Self {
        let r#type = AttributeType::Float as i32;
        let attribute = pb::AttributeProto { name: name.into(), f, r#type, ..Default::default() };
        self.graph.node.last_mut().unwrap().attribute.push(attribute);
        self
    }

    /// A dense layer of `x`, or another value, with weights that look random.
    pub fn linear(self, output: &str, input: &str, from: i64, to: i64) -> Self {
        let values: Vec<f32> = (0..from * to).map(|i| (i as f32 * 1.7).sin()).collect();
        let weights = format!("{output}_w");
        self.constant(&weights, &[from, to], &values).node(
            output,
            "MatMul",
            &format!("{input} {weights}"),
        )
    }

    pub fn outputs(mut self, names: &[(&str, i64)]) -> Self {
        self.graph.output.extend(names.iter().map(|(name, len)| pb::ValueInfoProto {
            name: (*name).into(),
            r#type: Some(tensor_type(&[1, *len])),
            ..Default::default()
        }));
        self
    }

    pub fn write(self) -> (tempfile::TempDir, PathBuf) {
        let opset = pb::OperatorSetIdProto { domain: String::new(), version: 18 };
        let model = pb::ModelProto {
            ir_version: 8,
            opset_import: vec![opset],
            graph: Some(self.graph),
            ..Default::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encoder.onnx");
        fs::write(&path, model.encode_to_vec()).unwrap();
        (folder, path)
    }

    pub fn init(self) -> Outcome {
        let (_folder, path) = self.write();
        elbow_line("init {}", &[&path])
    }
}

pub fn proposed(outcome: Outcome, parts: &[&str]) {
    let outcome = outcome.done();
    for part in parts {
        assert!(outcome.stdout.contains(part), "no {part:?} in {}", outcome.stdout);
    }
}

pub fn undecided(outcome: &Outcome, parts: &[&str]) {
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{}", outcome.stderr);
    for part in parts {
        assert!(outcome.stderr.contains(part), "no {part:?} in {}", outcome.stderr);
    }
}

/// `z = a + eps * exp(0.5 * clip(b))`, with `h` as the value that `a` is.
pub fn sampling(names: &[(&str, i64)]) -> Onnx {
    Onnx::new()
        .input("e", 2)
        .constant("half", &[], &[0.5])
        .constant("low", &[], &[-5.0])
        .constant("high", &[], &[3.0])
        .linear("a", "x", 4, 2)
        .linear("b", "x", 4, 2)
        .node("c", "Clip", "b low high")
        .node("d", "Mul", "half c")
        .node("s", "Exp", "d")
        .node("n", "Mul", "e s")
        .node("z", "Add", "n a")
        .outputs(names)
}
