//! What `elbow compile` makes of W2, the workload of the bench: as few instructions as the hand-written run.

use elbow::device::Target;
use elbow::import::Options;
use elbow::model::Loaded;
use elbow::parity::cost::{PartCost, cost};
use elbow::rows::Rows;
use elbow::{Error, Precision};
use elbow_tests::fixtures::path;
use elbow_tests::random::Random;
use elbow_tests::tolerance::COMPILED_WORKLOAD;
use prost::Message;
use std::path::Path;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto, type_proto,
};

/// Widths of W2.
const WIDTHS: [usize; 11] = [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640];
/// Rows that choose the integers.
const ROWS: usize = 16;
const SEED: u64 = 0x656c_626f;

#[test]
fn a_compiled_w2_takes_the_instructions_of_the_hand_written_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("w2.onnx");
    std::fs::write(&file, w2().encode_to_vec()).expect("a file");
    let float = Loaded::read(&file, None, &Options::default()).expect("a graph without roles");
    let values = Random::new(SEED, 1).values(ROWS * WIDTHS[0]);
    let rows = Rows { name: "x".into(), shape: vec![1, WIDTHS[0]], values }.into();
    let target = Target::named("qemu-m4").expect("a target of the table");
    let integer = float.quantized(Precision::Int8x8, &rows).expect("it has integer forms");
    let integer = integer.for_core(target.core).expect("it can be lowered");
    let cost = cost(&integer, &target, &path("firmware"), &rows);
    let cost = cost.unwrap_or_else(|error: Error| panic!("{error}"));

    let expected = counted("m4", "W2");
    let taken = cost.work.encode.instructions;
    let quantizing = print(&cost.work.encode);
    println!("{taken} instructions, {quantizing} of them for the input; by hand {expected}");
    let share = (taken - quantizing) as f64 / expected as f64 - 1.0;
    assert!(share.abs() <= COMPILED_WORKLOAD, "{share}: {taken} - {quantizing}, {expected}");
}

/// Prints the steps; returns the instructions of the first one, which makes integers of the caller's
/// floats. The hand-written run begins with integers.
fn print(encode: &PartCost) -> u64 {
    for layer in &encode.layers {
        println!("{:>8} {:>8} {} ({})", layer.instructions, layer.macs, layer.name, layer.op);
    }
    let macs: usize = encode.layers.iter().map(|layer| layer.macs).sum();
    assert_eq!(macs, WIDTHS.windows(2).map(|pair| pair[0] * pair[1]).sum::<usize>());
    let first = &encode.layers[0];
    assert_eq!(first.macs, 0, "{first:?}");
    first.instructions
}

/// What the bench counts for a workload written by hand.
fn counted(core: &str, work: &str) -> u64 {
    let file: &Path = &path("bench/counts.txt");
    let text = std::fs::read_to_string(file).expect("counts");
    let found = text.lines().find_map(|line| line.strip_prefix(&format!("{core} {work} ")));
    found.and_then(|count| count.parse().ok()).expect("a count")
}

/// Dense layers with random weights, and a ReLU behind all but the last.
fn w2() -> ModelProto {
    let mut random = Random::new(SEED, 0);
    let (mut node, mut initializer) = (Vec::new(), Vec::new());
    let mut x = "x".to_owned();
    for (layer, widths) in WIDTHS.windows(2).enumerate() {
        let &[inputs, outputs] = widths else { continue };
        let bound = (6.0 / inputs as f32).sqrt();
        let [w, b, sums] = ["w", "b", "sums"].map(|name| format!("{name}{layer}"));
        initializer.push(floats(
            &w,
            &[outputs, inputs],
            random.vector(outputs * inputs, -bound, bound),
        ));
        initializer.push(floats(&b, &[outputs], random.vector(outputs, -0.1, 0.1)));
        let gemm = operation("Gemm", &[&x, &w, &b], &sums);
        node.push(NodeProto { attribute: vec![transposed()], ..gemm });
        x = sums;
        if layer + 2 < WIDTHS.len() {
            let y = format!("y{layer}");
            node.push(operation("Relu", &[&x], &y));
            x = y;
        }
    }
    let graph = GraphProto {
        name: "w2".into(),
        input: vec![row("x", WIDTHS[0])],
        output: vec![row(&x, WIDTHS[WIDTHS.len() - 1])],
        node,
        initializer,
        ..Default::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..Default::default() }
}

fn operation(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    let input = inputs.iter().map(ToString::to_string).collect();
    let (name, output) = (output.to_owned(), vec![output.to_owned()]);
    NodeProto { op_type: op.into(), name, input, output, ..Default::default() }
}

/// The weights are one row per output.
fn transposed() -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Int.into();
    AttributeProto { name: "transB".into(), r#type, i: 1, ..Default::default() }
}

fn floats(name: &str, shape: &[usize], float_data: Vec<f32>) -> TensorProto {
    let dims = shape.iter().map(|len| *len as i64).collect();
    let data_type = DataType::Float.into();
    TensorProto { name: name.into(), dims, data_type, float_data, ..Default::default() }
}

fn row(name: &str, len: usize) -> ValueInfoProto {
    let dim = |len: usize| Dimension {
        value: Some(dimension::Value::DimValue(len as i64)),
        ..Default::default()
    };
    let shape = Some(TensorShapeProto { dim: vec![dim(1), dim(len)] });
    let tensor = type_proto::Tensor { elem_type: DataType::Float.into(), shape };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto { value, ..Default::default() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}
