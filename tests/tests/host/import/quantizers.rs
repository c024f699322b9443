//! Which integers a QuantizeLinear means: by its zero point, by `output_dtype`, or by default.

use super::build::{Dim, encoded, floats, info, int, model, node, raw};
use super::refused::refused;
use elbow::ir::{Format, Graph, Op};
use elbow::stages::import_bytes;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};

const STEP: f32 = 0.5;
/// Values on both sides of every limit of eight bits.
const VALUES: [f32; 6] = [-100.0, -64.0, -1.25, 0.75, 63.5, 200.0];

/// A quantizer of `x` and its dequantizer, both with this zero point, the former with `output_dtype`.
fn pair(zero_point: Option<TensorProto>, output_dtype: Option<DataType>) -> ModelProto {
    let mut quantizer = node("QuantizeLinear", "q", &["x", "s"], &["i"]);
    let mut dequantizer = node("DequantizeLinear", "d", &["i", "s"], &["y"]);
    if let Some(to) = output_dtype {
        int(&mut quantizer, "output_dtype", to as i64);
    }
    let mut constants = vec![floats("s", &[], &[STEP])];
    if let Some(zero_point) = zero_point {
        quantizer.input.push(zero_point.name.clone());
        dequantizer.input.push(zero_point.name.clone());
        constants.push(zero_point);
    }
    let x = info("x", &[Dim::N(1), Dim::N(VALUES.len() as i64)]);
    let mut model = model(vec![quantizer, dequantizer], constants, vec![x], &["y"]);
    model.opset_import[0].version = 23;
    model
}

fn zero_point(kind: DataType, bytes: &[u8]) -> Option<TensorProto> {
    Some(raw("z", kind, &[], bytes.to_vec()))
}

fn imported(model: &ModelProto) -> Graph {
    import_bytes(&encoded(model)).unwrap_or_else(|error| panic!("{error}"))
}

fn format(graph: &Graph) -> Format {
    let found = graph.nodes.iter().find_map(|node| match node.op {
        Op::Round(format) => Some(format),
        _ => None,
    });
    found.expect("it rounds")
}

/// By the definition of the operator: `(clamp(round(x / step) + zero, least, most) - zero) * step`.
fn defined(zero: f32, least: f32, most: f32) -> [f32; 6] {
    let quantized = |x: f32| ((x / STEP).round_ties_even() + zero).clamp(least, most);
    VALUES.map(|x| (quantized(x) - zero) * STEP)
}

#[test]
fn the_type_of_the_integers_is_the_one_that_the_file_asks_for() {
    let given = |zero_point, output_dtype| {
        let format = format(&imported(&pair(zero_point, output_dtype)));
        VALUES.map(|x| format.dequantize(format.quantize(x)))
    };
    let (signed, unsigned) = (defined(0.0, -128.0, 127.0), defined(0.0, 0.0, 255.0));
    assert_eq!(given(None, None), unsigned);
    assert_eq!(given(None, Some(DataType::Undefined)), unsigned);
    assert_eq!(given(None, Some(DataType::Uint8)), unsigned);
    assert_eq!(given(None, Some(DataType::Int8)), signed);
    assert_eq!(given(zero_point(DataType::Int8, &[0]), Some(DataType::Int8)), signed);
    let third = zero_point(DataType::Uint8, &[3]);
    assert_eq!(given(third, Some(DataType::Uint8)), defined(3.0, 0.0, 255.0));
}

#[test]
fn constants_are_quantized_to_the_type_that_the_file_asks_for() {
    let constant = |to| {
        let mut model = pair(None, to);
        let graph = model.graph.as_mut().expect("it has one");
        graph.node[0].input[0] = "w".into();
        graph.initializer.push(floats("w", &[1, 6], &VALUES));
        graph.output.push(info("x", &[]));
        let graph = imported(&model);
        graph.values[graph.outputs[0].1].constant.clone().expect("it is a constant")
    };
    assert_eq!(constant(None), defined(0.0, 0.0, 255.0));
    assert_eq!(constant(Some(DataType::Int8)), defined(0.0, -128.0, 127.0));
}

#[test]
fn a_dequantizer_without_a_zero_point_reads_the_integers_that_it_is_given() {
    let mut model = pair(zero_point(DataType::Uint8, &[128]), None);
    model.graph.as_mut().expect("it has one").node[1].input.pop();
    refused(&encoded(&model), &["DequantizeLinear `d`", "another scale or zero point"]);
}

#[test]
fn types_that_are_not_supported_or_contradict_each_other_are_refused() {
    let wide = |to| refused(&encoded(&pair(None, Some(to))), &["QuantizeLinear `q`", "eight bits"]);
    assert!(wide(DataType::Int16).contains("int16"));
    assert!(wide(DataType::Uint16).contains("uint16"));
    assert!(wide(DataType::Float8e4m3fn).contains("QuantType"));
    for (own, other) in [(DataType::Uint8, DataType::Int8), (DataType::Int8, DataType::Uint8)] {
        let model = pair(zero_point(own, &[0]), Some(other));
        refused(&encoded(&model), &["QuantizeLinear `q`", "`output_dtype`", "zero point"]);
    }
    let words = pair(zero_point(DataType::Int32, &[0; 4]), None);
    refused(&encoded(&words), &["QuantizeLinear `q`", "no constant of int8 or uint8"]);
    let mut half = pair(None, None);
    let nodes = &mut half.graph.as_mut().expect("it has one").node;
    int(&mut nodes[1], "output_dtype", DataType::Float16 as i64);
    refused(&encoded(&half), &["DequantizeLinear `d`", "float16"]);
    let mut rough = pair(None, None);
    let nodes = &mut rough.graph.as_mut().expect("it has one").node;
    int(&mut nodes[0], "precision", DataType::Float16 as i64);
    refused(&encoded(&rough), &["QuantizeLinear `q`", "float16"]);
}
