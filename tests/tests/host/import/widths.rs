//! Floats of other widths: constants keep their values, computed float16 is rounded as tract's `f16` rounds. Where
//! it is rounded, the fixtures `float16` and `float16_arithmetic` hold against onnxruntime.

use super::build::{
    Dim, encoded, floats, info, int, int_list, model, node, raw, tensor, typed_info,
};
use super::refused::refused;
use elbow::ir::Graph;
use elbow::stages::{import_bytes, lower};
use elbow::twin::Twin;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::f16;

fn cast(name: &str, from: &str, to: &str, kind: DataType) -> NodeProto {
    let mut cast = node("Cast", name, &[from], &[to]);
    int(&mut cast, "to", kind as i64);
    cast
}

/// `y = x + Cast(w)`, of as many values as `w` has.
fn cast_and_add(w: TensorProto) -> ModelProto {
    let len = w.dims.iter().product();
    let nodes =
        vec![cast("c", "w", "wide", DataType::Float), node("Add", "a", &["x", "wide"], &["y"])];
    model(nodes, vec![w], vec![info("x", &[Dim::N(1), Dim::N(len)])], &["y"])
}

/// What the addition reads of `w`.
fn constant(w: TensorProto) -> Vec<f32> {
    let graph = import_bytes(&encoded(&cast_and_add(w))).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(graph.nodes.len(), 1, "the cast is calculated");
    let constant = graph.values[graph.nodes[0].inputs[1]].constant.clone();
    constant.expect("a constant")
}

fn assert_bits(found: &[f32], expected: &[f32]) {
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(expected));
}

#[test]
fn every_float16_becomes_the_float32_that_it_is() {
    let all: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).filter(|x| x.is_finite()).collect();
    let expected: Vec<f32> = all.iter().map(|x| x.to_f32()).collect();
    let bytes = all.iter().flat_map(|x| x.to_le_bytes()).collect();
    let dims = [all.len() as i64];
    assert_bits(&constant(raw("w", DataType::Float16, &dims, bytes)), &expected);
    // The other way to store them.
    let mut stored = floats("w", &dims, &[]);
    stored.data_type = DataType::Float16 as i32;
    stored.int32_data = all.iter().map(|x| i32::from(x.to_bits())).collect();
    assert_bits(&constant(stored), &expected);
}

#[test]
fn bfloat16_and_float64_become_float32() {
    let expected = [1.5f32, -0.0, 3.0e38, 1e-40, -7.25];
    let narrow: Vec<f32> =
        expected.iter().map(|x| f32::from_bits(x.to_bits() & 0xffff_0000)).collect();
    let bytes = narrow.iter().flat_map(|x| x.to_le_bytes()[2..].to_vec()).collect();
    assert_bits(&constant(raw("w", DataType::Bfloat16, &[5], bytes)), &narrow);

    let wide = [1.0 / 3.0, -1e-50, 1.0 + 2f64.powi(-24), 1.0 + 3.0 * 2f64.powi(-24), 7e37];
    let rounded = wide.map(|x| x as f32);
    let bytes = wide.iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_bits(&constant(raw("w", DataType::Double, &[5], bytes)), &rounded);
    let mut stored = floats("w", &[5], &[]);
    stored.data_type = DataType::Double as i32;
    stored.double_data = wide.to_vec();
    assert_bits(&constant(stored), &rounded);
}

#[test]
fn constants_of_another_width_are_moved_and_cast_and_nothing_else() {
    let halves = || raw("w", DataType::Double, &[1, 4], [0.5f64; 4].map(f64::to_le_bytes).concat());
    let with = |middle: NodeProto| {
        let nodes = vec![
            middle,
            cast("c", "m", "wide", DataType::Float),
            node("Add", "a", &["x", "wide"], &["y"]),
        ];
        encoded(&model(nodes, vec![halves()], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]))
    };
    import_bytes(&with(node("Identity", "i", &["w"], &["m"]))).expect("it is handed on");
    import_bytes(&with(node("Transpose", "t", &["w"], &["m"]))).expect("it is moved");
    refused(&with(node("Exp", "e", &["w"], &["m"])), &["Exp `e`", "computes in float64", "cast"]);
    // As weights of a layer, without a cast, they would be of another type than what they meet.
    let add = model(
        vec![node("Add", "a", &["x", "w"], &["y"])],
        vec![halves()],
        vec![info("x", &[Dim::N(1), Dim::N(4)])],
        &["y"],
    );
    refused(&encoded(&add), &["Add `a`", "computes in float64"]);
    let mut output =
        model(vec![node("Identity", "i", &["w"], &["y"])], vec![halves()], vec![], &["y"]);
    output.graph.as_mut().expect("a graph").output[0] = typed_info("y", DataType::Double, &[]);
    refused(&encoded(&output), &["output `y`", "float64", "model.float()"]);
}

/// Integers and truth values follow from constants that float32 holds; rounding could change the others.
#[test]
fn float64_that_float32_does_not_hold_becomes_no_integer() {
    let chosen = |value: f64, middle: &[NodeProto], kind: DataType| {
        let mut nodes = middle.to_vec();
        let from = if middle.is_empty() { "w" } else { "m" };
        nodes.push(cast("c", from, "k", kind));
        nodes.push(match kind {
            DataType::Bool => node("Where", "n", &["k", "x", "x"], &["y"]),
            _ => node("Gather", "n", &["x", "k"], &["y"]),
        });
        if kind == DataType::Int64 {
            int(nodes.last_mut().expect("a node"), "axis", 1);
        }
        let w = raw("w", DataType::Double, &[1], value.to_le_bytes().to_vec());
        encoded(&model(nodes, vec![w], vec![info("x", &[Dim::N(1), Dim::N(3)])], &["y"]))
    };
    let moved = [node("Identity", "i", &["w"], &["m"])];
    let again = [cast("d", "w", "m", DataType::Double)];
    for (value, kind) in [(0.999_999_999_9, DataType::Int64), (1e-300, DataType::Bool)] {
        for middle in [&[][..], &moved, &again] {
            refused(&chosen(value, middle, kind), &["Cast `c`", "float64", "does not hold"]);
        }
        let exact = if kind == DataType::Bool { 0.5 } else { 1.0 };
        import_bytes(&chosen(exact, &again, kind)).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_short_tensor_of_float16_is_refused() {
    let w = raw("w", DataType::Float16, &[4], vec![0; 6]);
    refused(&encoded(&cast_and_add(w)), &["initializer `w`", "6 bytes", "expected 8"]);
}

/// `x -> float16 -> middle -> float32`, of 1024 values.
fn through(middle: &[NodeProto]) -> Graph {
    let mut nodes = vec![cast("narrow", "x", "h", DataType::Float16)];
    nodes.extend_from_slice(middle);
    nodes.push(cast("wide", "m", "y", DataType::Float));
    let bytes = encoded(&model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(1024)])], &["y"]));
    import_bytes(&bytes).unwrap_or_else(|error| panic!("{error}"))
}

fn run(graph: &Graph, values: &[f32]) -> Vec<f32> {
    let plan = lower(graph, &[0]).expect("it lowers");
    Twin::new(&plan).run(&[values]).expect("it runs").remove(0)
}

#[test]
fn a_cast_to_float16_rounds_with_its_range() {
    // Of all sizes, a quarter of them between two of float16, beyond its range, and infinities.
    let values: Vec<f32> = (0..1024u32)
        .map(|at| {
            let exponent = 96 + at % 56;
            let fraction = at.wrapping_mul(2_654_435_761) >> 9;
            let fraction = if at % 4 == 0 { fraction & !0xfff | 0x1000 } else { fraction };
            f32::from_bits((at & 1) << 31 | exponent << 23 | fraction & 0x7f_ffff)
        })
        .chain([f32::INFINITY, f32::NEG_INFINITY, 65519.996, 65520.0, 0.0, -0.0])
        .skip(6)
        .collect();
    let rounded: Vec<f32> = values.iter().map(|x| f16::from_f32(*x).to_f32()).collect();
    for middle in [node("Identity", "i", &["h"], &["m"]), node("Transpose", "t", &["h"], &["m"])] {
        assert_bits(&run(&through(&[middle]), &values), &rounded);
    }
    assert!(elbow_core::math::half(f32::NAN).is_nan());
}

#[test]
fn every_value_between_two_of_float16_goes_to_the_nearer() {
    for bits in 0..f16::INFINITY.to_bits() {
        let [low, high] = [bits, bits + 1].map(|bits| f16::from_bits(bits).to_f32());
        let middle = if high.is_finite() { low + (high - low) / 2.0 } else { 65520.0 };
        for x in [low, middle.next_down(), middle, middle.next_up()] {
            for x in [x, -x] {
                assert_bits(&[elbow_core::math::half(x)], &[f16::from_f32(x).to_f32()]);
            }
        }
    }
}

#[test]
fn float16_that_runtimes_round_differently_is_refused() {
    let from_row =
        |nodes| encoded(&model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]));
    let half = |from: &str, to: &str| cast(to, from, to, DataType::Float16);
    let single = |from: &str, to: &str| cast(to, from, to, DataType::Float);
    let words = ["`n`", "computes in float16", "model.float()"];
    for op in ["Round", "Sign", "Hardmax"] {
        let nodes = vec![half("x", "h"), node(op, "n", &["h"], &["m"]), single("m", "y")];
        refused(&from_row(nodes), &words);
    }
    // Only between arithmetic is it computed in float32.
    let most = |to: &str, last| {
        let most = node("Max", "n", &["e", "e"], &["m"]);
        vec![half("x", "h"), node("Exp", "e", &["h"], &["e"]), most, last, single(to, "y")]
    };
    refused(&from_row(most("i", node("Identity", "i", &["m"], &["i"]))), &words);
    import_bytes(&from_row(most("s", node("Sin", "s", &["m"], &["s"])))).expect("it is between");
    let beside = vec![
        half("x", "h"),
        node("Exp", "e", &["h"], &["e"]),
        node("Identity", "i", &["h"], &["i"]),
        node("Concat", "n", &["e", "i"], &["c"]),
        node("Sin", "s", &["c"], &["s"]),
        single("s", "y"),
    ];
    let mut beside = model(beside, vec![], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]);
    int(&mut beside.graph.as_mut().expect("a graph").node[3], "axis", 1);
    refused(&encoded(&beside), &words);
    let again = vec![
        half("x", "h"),
        node("Exp", "e", &["h"], &["e"]),
        single("e", "f"),
        cast("n", "f", "g", DataType::Float16),
        single("g", "y"),
    ];
    refused(&from_row(again), &words);
}

#[test]
fn float16_and_float64_of_data_are_refused_by_name() {
    for (kind, name) in [(DataType::Float16, "float16"), (DataType::Double, "float64")] {
        let given = typed_info("x", kind, &[Dim::N(1), Dim::N(4)]);
        let bytes =
            encoded(&model(vec![node("Relu", "r", &["x"], &["y"])], vec![], vec![given], &["y"]));
        refused(&bytes, &["input `x`", name, "model.float()"]);
    }
    let from_row = |nodes| model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]);
    let nodes = vec![cast("c", "x", "n", DataType::Bfloat16), cast("d", "n", "y", DataType::Float)];
    refused(&encoded(&from_row(nodes)), &["Cast `c`", "bfloat16"]);
    for op in ["Exp", "Sign", "ReduceSum"] {
        let nodes = vec![
            cast("c", "x", "n", DataType::Double),
            node(op, "f", &["n"], &["m"]),
            cast("d", "m", "y", DataType::Float),
        ];
        refused(&encoded(&from_row(nodes)), &[op, "`f`", "float64", "model.float()"]);
    }
    for kind in [DataType::Float16, DataType::Double] {
        let name = if kind == DataType::Double { "float64" } else { "float16" };
        let nodes = vec![node("Relu", "r", &["x"], &["h"]), cast("c", "h", "y", kind)];
        let mut bytes = from_row(nodes);
        bytes.graph.as_mut().expect("a graph").output[0] = typed_info("y", kind, &[]);
        refused(&encoded(&bytes), &["output `y`", name]);
    }
}

#[test]
fn floats_cast_to_float64_are_moved_and_compared_only() {
    let nodes = vec![
        cast("c", "x", "double", DataType::Double),
        node("Neg", "n", &["double"], &["negative"]),
        node("Transpose", "t", &["negative"], &["moved"]),
        node("IsNaN", "i", &["moved"], &["missing"]),
        node("Greater", "g", &["double", "negative"], &["positive"]),
        cast("f", "moved", "floats", DataType::Float),
        node("Where", "w", &["positive", "x", "floats"], &["size"]),
        node("Where", "z", &["missing", "positive", "missing"], &["never"]),
        cast("b", "never", "zero", DataType::Float),
        node("Add", "a", &["size", "zero"], &["y"]),
    ];
    let mut bytes = model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]);
    int_list(&mut bytes.graph.as_mut().expect("a graph").node[2], "perm", &[0, 1]);
    let graph = import_bytes(&encoded(&bytes)).expect("it imports");
    let plan = lower(&graph, &[0]).expect("it lowers");
    let y = Twin::new(&plan).run(&[&[-1.5, 2.5, 0.1, -3e-40]]).expect("it runs").remove(0);
    assert_eq!(y, [1.5, 2.5, 0.1, 3e-40]);
}

#[test]
fn a_constant_node_holds_float16() {
    let mut constant = node("Constant", "k", &[], &["w"]);
    let two = f16::from_f32(2.5).to_le_bytes().repeat(4);
    tensor(&mut constant, "value", raw("", DataType::Float16, &[1, 4], two));
    let nodes = vec![
        constant,
        cast("c", "w", "wide", DataType::Float),
        node("Add", "a", &["x", "wide"], &["y"]),
    ];
    let bytes = encoded(&model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]));
    let graph = import_bytes(&bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(graph.values[graph.nodes[0].inputs[1]].constant.as_deref(), Some(&[2.5; 4][..]));
}
