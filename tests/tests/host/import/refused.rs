//! Bad models: each is one error with exit code 2, which names the place and the cure.

use super::build::{
    Dim, attribute, dense, encoded, floats, graph, info, int, ints, model, node, single, string,
};
use super::bytes::field;
use elbow::stages::import_bytes;
use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{
    FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto,
    StringStringEntryProto,
};

/// The message of a refusal, which has to hold all `parts`.
#[track_caller]
pub fn refused(bytes: &[u8], parts: &[&str]) -> String {
    let error = import_bytes(bytes).expect_err("this has to be refused");
    assert_eq!(error.exit_code(), 2, "{error}");
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    message
}

/// Breaks the dense model.
#[track_caller]
pub fn broken(breakage: impl FnOnce(&mut ModelProto), parts: &[&str]) {
    let mut model = dense();
    import_bytes(&encoded(&model)).expect("it is whole before");
    breakage(&mut model);
    refused(&encoded(&model), parts);
}

#[test]
fn versions_out_of_range() {
    broken(|m| m.opset_import[0].version = 999, &["opset 999", "7 to 28", "opset_version=20"]);
    broken(|m| m.opset_import[0].version = 6, &["opset 6,", "convert_version(model, 20)"]);
    broken(|m| m.opset_import[0].version = i64::MIN, &["opset -9223372036854775808"]);
    broken(|m| m.opset_import.clear(), &["not an ONNX model", "opset_import", "export it again"]);
    broken(|m| m.opset_import[0].domain = "com.example".into(), &["opset_import"]);
    broken(|m| m.ir_version = 0, &["IR version is 0", "3 to 14"]);
    broken(|m| m.ir_version = 1 << 40, &["IR version is 1099511627776"]);
    let mut gelu = single("Gelu", &[1, 4], vec![]);
    refused(&encoded(&gelu), &["Gelu `n`", "from opset 20 on", "declares 17", "newer opset"]);
    gelu.opset_import[0].version = 20;
    import_bytes(&encoded(&gelu)).expect("opset 20 has Gelu");
}

#[test]
fn graphs_that_are_missing_something() {
    broken(|m| m.graph = None, &["not an ONNX model with a graph"]);
    broken(|m| graph(m).output.clear(), &["has outputs"]);
    broken(
        |m| drop(graph(m).initializer.remove(0)),
        &["Gemm `fc`", "reads `w`", "no initializer, input or node", "weights inside"],
    );
    broken(|m| drop(graph(m).node.remove(0)), &["Relu `act`", "reads `h`"]);
    broken(
        |m| graph(m).output.push(info("z", &[])),
        &["output `z`", "no node, input or initializer gives"],
    );
    broken(|m| drop(graph(m).input[0].r#type.take()), &["input `x`", "no tensor"]);
}

#[test]
fn every_unknown_operator_is_listed_at_once() {
    let mut model = dense();
    graph(&mut model).node = vec![
        node("Gemm", "fc", &["x", "w", "b"], &["h"]),
        node("Scan", "", &["h"], &["i"]),
        node("Fancy", "second", &["i"], &["j"]),
        node("Bernoulli", "noise", &["j"], &["y"]),
        node("Loop", "beside", &["x"], &["nobody"]),
    ];
    let message = refused(
        &encoded(&model),
        &["4 problems", "Scan `Scan#1`", "without control flow", "Fancy `second`", "elbow ops"],
    );
    assert!(
        message.contains("Bernoulli `noise`") && message.contains("up to its heads"),
        "{message}"
    );
    assert!(message.contains("Loop `beside`") && message.contains("delete it"), "{message}");
}

#[test]
fn problems_of_one_kind_are_one_line() {
    let mut many = dense();
    let name = |at: usize| format!("h{at}");
    graph(&mut many).node = (0..5000)
        .map(|at| match at {
            0 => node("Fancy", "n0", &["x"], &["h0"]),
            at => node("Fancy", &format!("n{at}"), &[&name(at - 1)], &[&name(at)]),
        })
        .collect();
    graph(&mut many).node.push(node("Gizmo", "last", &["h4999"], &["y"]));
    let message = refused(
        &encoded(&many),
        &["5001 problems", "Fancy `n0`, `n1`, `n2` and 4997 more: this operator", "Gizmo `last`"],
    );
    assert_eq!(message.lines().count(), 3, "{message}");
    graph(&mut many).node.drain(3..5000);
    graph(&mut many).node[3].input[0] = "h2".into();
    refused(&encoded(&many), &["4 problems", "Fancy `n0`, `n1`, `n2`: this operator"]);
}

#[test]
fn later_problems_are_found_behind_an_unsupported_node() {
    let mut model = dense();
    let g = graph(&mut model);
    g.node = vec![
        node("Fancy", "a", &["x"], &["h"]),
        node("Gemm", "fc", &["h", "w", "b"], &["i"]),
        node("Reshape", "r", &["i", "s"], &["y"]),
    ];
    g.initializer.push(ints("s", &[-1, 5]));
    g.value_info.push(info("h", &[Dim::S("batch"), Dim::N(4)]));
    refused(
        &encoded(&model),
        &["2 problems", "Fancy `a`", "Reshape `r`", "[1, 3] cannot be reshaped"],
    );
}

#[test]
fn foreign_domains_subgraphs_and_functions() {
    broken(
        |m| graph(m).node[1].domain = "com.microsoft".into(),
        &["Relu `act`", "com.microsoft", "before optimization"],
    );
    broken(|m| graph(m).node[1].domain = "pkg.onnxscript".into(), &["pkg.onnxscript", "inline"]);
    let calls = |name: &str| FunctionProto {
        name: Some("f".into()),
        domain: Some("own".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![NodeProto { domain: "own".into(), ..node(name, "inner", &["a"], &["b"]) }],
        ..Default::default()
    };
    let called = |m: &mut ModelProto, function: FunctionProto| {
        (graph(m).node[1].op_type, graph(m).node[1].domain) = ("f".into(), "own".into());
        m.functions.push(function);
    };
    broken(|m| called(m, calls("f")), &["`f`", "calls itself"]);
    broken(|m| called(m, calls("Fancy")), &["Fancy `act/inner`", "own"]);
    let opset = OperatorSetIdProto { domain: String::new(), version: 11 };
    broken(
        |m| called(m, FunctionProto { opset_import: vec![opset.clone()], ..calls("f") }),
        &["`f`", "opset 11", "inline_local_functions"],
    );
    for op in ["If", "Loop", "Scan"] {
        broken(
            |m| {
                let node = &mut graph(m).node[1];
                node.op_type = op.into();
                let g = Some(GraphProto::default());
                node.attribute.push(tract_onnx::pb::AttributeProto {
                    g,
                    ..attribute("body", AttributeType::Graph)
                });
            },
            &[op, "`act`", "without control flow"],
        );
    }
}

#[test]
fn cycles_are_named() {
    broken(|m| graph(m).node[0].input[0] = "y".into(), &["wait for each other", "`fc`", "`act`"]);
    broken(|m| graph(m).node[1].input[0] = "y".into(), &["wait for each other", "`act`"]);
}

#[test]
fn names_given_twice() {
    broken(|m| graph(m).node[0].output[0] = "y".into(), &["`y`", "given twice"]);
    broken(|m| graph(m).node[0].output[0] = "x".into(), &["`x`", "given twice"]);
    broken(
        |m| graph(m).initializer.push(floats("w", &[1], &[0.0])),
        &["initializer `w`", "given twice"],
    );
    broken(
        |m| {
            let x = graph(m).input[0].clone();
            graph(m).input.push(x)
        },
        &["input `x`", "given twice"],
    );
    broken(
        |m| {
            let y = graph(m).output[0].clone();
            graph(m).output.push(y)
        },
        &["output `y`", "listed twice"],
    );
}

#[test]
fn dynamic_axes_other_than_the_batch() {
    let x = |dims: &[Dim]| info("x", dims);
    broken(
        |m| graph(m).input[0] = x(&[Dim::S("batch"), Dim::S("time")]),
        &["input `x`", "axis 1", "`time`", "--dim time=50", "[dims]"],
    );
    broken(|m| graph(m).input[0] = x(&[Dim::S("batch"), Dim::N(0)]), &["axis 1", "dynamic"]);
    broken(|m| graph(m).input[0] = x(&[Dim::S("batch"), Dim::N(-4)]), &["axis 1", "-4"]);
    broken(
        |m| graph(m).input[0] = x(&[Dim::N(8), Dim::N(4)]),
        &["input `x`", "no batch", "8 long", "batch 1"],
    );
    broken(
        |m| {
            graph(m).input[0] = x(&[Dim::N(8), Dim::N(4)]);
            let name = graph(m).output[0].name.clone();
            graph(m).output[0] = info(&name, &[Dim::N(8), Dim::N(2)]);
        },
        &["input `x`", "fixed to 8", "batch 1"],
    );
    broken(|m| graph(m).input[0] = x(&[]), &["input `x`", "no axes"]);
    for dims in [[Dim::N(0), Dim::N(4)], [Dim::N(-1), Dim::N(4)], [Dim::N(1), Dim::N(4)]] {
        let mut model = dense();
        graph(&mut model).input[0] = x(&dims);
        import_bytes(&encoded(&model)).expect("these mean a batch of 1");
    }
}

/// A state of one layer has the batch behind a leading axis of length 1: by the symbol that the
/// observation has in front.
#[test]
fn the_batch_behind_a_single_layer_is_known_by_its_symbol() {
    let state = |dims: &[Dim]| {
        let mut model = dense();
        graph(&mut model).input.push(info("h0", dims));
        graph(&mut model).node.push(node("Tanh", "t", &["h0"], &["h1"]));
        graph(&mut model).output.push(info("h1", &[]));
        encoded(&model)
    };
    let batch = [Dim::N(1), Dim::S("batch"), Dim::N(8)];
    let graph = import_bytes(&state(&batch)).expect("the batch is 1");
    assert_eq!(graph.values[graph.inputs[1]].shape, [1, 1, 8]);
    let time = [Dim::N(1), Dim::S("time"), Dim::N(8)];
    refused(&state(&time), &["input `h0`", "axis 1", "`time`"]);
    let pairs = [Dim::S("batch"), Dim::S("batch"), Dim::N(8)];
    refused(&state(&pairs), &["input `h0`", "axis 1", "`batch`"]);
    let last = [Dim::N(1), Dim::N(2), Dim::S("batch")];
    refused(&state(&last), &["input `h0`", "axis 2", "`batch`"]);
}

#[test]
fn weights_that_are_not_finite() {
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut weights = [0.5; 12];
        weights[7] = bad;
        broken(
            |m| graph(m).initializer[0] = floats("w", &[4, 3], &weights),
            &["initializer `w`", shown, "[2, 1]", "check the weights"],
        );
    }
}

#[test]
fn shapes_that_are_absurd() {
    let dims = |dims: &[i64]| {
        let dims = dims.to_vec();
        move |m: &mut ModelProto| graph(m).initializer[0].dims = dims
    };
    broken(dims(&[1 << 40, 1 << 40]), &["initializer `w`", "more than"]);
    broken(dims(&[1 << 20, 1 << 20]), &["initializer `w`", "more than"]);
    broken(dims(&[0, i64::MAX]), &["initializer `w`", "more than"]);
    broken(dims(&[-4, -3]), &["initializer `w`", "negative"]);
    broken(dims(&[4, 4]), &["initializer `w`", "48 bytes", "expected 64"]);
    broken(dims(&[1; 100]), &["100 axes"]);
    broken(
        |m| graph(m).input[0] = info("x", &[Dim::S("batch"), Dim::N(1 << 40)]),
        &["input `x`", "more than"],
    );
    broken(
        |m| graph(m).initializer[0].raw_data.truncate(11),
        &["initializer `w`", "11 bytes", "48"],
    );
    broken(
        |m| {
            let w = &mut graph(m).initializer[0];
            w.raw_data.clear();
            w.float_data = vec![0.0; 5]
        },
        &["5 values", "expected 12"],
    );
}

#[test]
fn small_files_cannot_ask_for_much_memory() {
    let big = [1 << 13, 1 << 13];
    refused(
        &encoded(&single("Expand", &[1, 1, 1], vec![ints("s", &[1 << 30, 4])])),
        &["Expand `n`", "more than"],
    );
    for op in ["ConstantOfShape", "Expand"] {
        let mut model = dense();
        let g = graph(&mut model);
        g.initializer.push(ints("s", &big));
        g.initializer.push(floats("one", &[1], &[1.0]));
        let inputs: &[&str] = if op == "Expand" { &["one", "s"] } else { &["s"] };
        g.node.push(node(op, "big", inputs, &["big"]));
        g.node.push(node("Add", "sum", &["x", "big"], &["z"]));
        g.output.push(info("z", &[]));
        refused(&encoded(&model), &[op, "`big`", "calculated so far", "initializers"]);
    }
    let mut range = dense();
    let g = graph(&mut range);
    for (name, value) in [("start", i64::MIN), ("limit", i64::MAX), ("delta", 1)] {
        g.initializer.push(ints(name, &[value]));
    }
    g.node.push(node("Range", "r", &["start", "limit", "delta"], &["z"]));
    g.output.push(info("z", &[]));
    refused(&encoded(&range), &["Range `r`", "calculated so far"]);
}

#[test]
fn data_outside_the_file_or_sparse() {
    let entry =
        || StringStringEntryProto { key: "location".into(), value: "model.onnx.data".into() };
    let cure = "`onnx.save(onnx.load(PATH), PATH)`";
    broken(
        |m| graph(m).initializer[1].external_data.push(entry()),
        &["initializer `b`", "external data `model.onnx.data`", "external_data=False", cure],
    );
    broken(
        |m| graph(m).initializer.iter_mut().for_each(|tensor| tensor.external_data.push(entry())),
        &["2 problems", "initializer `w`, `b`: its values", "external data `model.onnx.data`"],
    );
    broken(|m| graph(m).initializer[0].data_location = Some(1), &["initializer `w`", cure]);
    let sparse =
        SparseTensorProto { values: Some(floats("v", &[1], &[1.0])), ..Default::default() };
    broken(|m| graph(m).sparse_initializer.push(sparse), &["initializer `v`", "sparse"]);
}

#[test]
fn shapes_that_do_not_fit() {
    broken(|m| graph(m).initializer[0].dims = vec![3, 4], &["Gemm `fc`", "4 columns", "3 rows"]);
    broken(
        |m| graph(m).initializer[1] = floats("b", &[2], &[0.0; 2]),
        &["Gemm `fc`", "[2]", "[1, 3]"],
    );
    refused(
        &encoded(&single("Add", &[1, 4], vec![floats("c", &[3], &[0.0; 3])])),
        &["Add `n`", "[1, 4] and [3]"],
    );
    refused(
        &encoded(&single("MatMul", &[1, 4], vec![floats("c", &[3, 2], &[0.0; 6])])),
        &["MatMul `n`", "do not multiply"],
    );
    refused(
        &encoded(&single("Reshape", &[1, 4], vec![ints("s", &[3, -1])])),
        &["Reshape `n`", "4"],
    );
    refused(
        &encoded(&single("Reshape", &[1, 4], vec![ints("s", &[-1, -1])])),
        &["Reshape `n`", "negative"],
    );
    refused(
        &encoded(&single("Squeeze", &[1, 4], vec![ints("axes", &[1])])),
        &["Squeeze `n`", "axis 1"],
    );
    refused(
        &encoded(&single("Unsqueeze", &[1, 4], vec![ints("axes", &[i64::MIN])])),
        &["Unsqueeze `n`", "outside"],
    );
    refused(
        &encoded(&single(
            "Slice",
            &[1, 4],
            vec![ints("s", &[3]), ints("e", &[1]), ints("a", &[1])],
        )),
        &["Slice `n`", "without values"],
    );
    refused(
        &encoded(&single("Gather", &[1, 4], vec![ints("i", &[0, 9])])),
        &["Gather `n`", "index 9 is outside an axis of length 1"],
    );
}

#[test]
fn the_cure_of_a_loop_is_for_jax_as_well() {
    let looped = refused(&encoded(&single("Loop", &[1, 4], vec![])), &["lax.scan", "in PyTorch"]);
    assert!(!looped.contains("PyTorch or JAX"), "{looped}");
}

#[test]
fn data_where_integers_are_needed() {
    let nodes =
        vec![node("Cast", "to_int", &["x"], &["s"]), node("Reshape", "r", &["x", "s"], &["y"])];
    let mut data = model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]);
    int(&mut graph(&mut data).node[0], "to", DataType::Int64 as i64);
    refused(&encoded(&data), &["Reshape `r`", "shapes only", "integers that the model"]);
    let target = vec![floats("s", &[2], &[1.0, 4.0])];
    refused(&encoded(&single("Reshape", &[1, 4], target)), &["Reshape `n`", "`shape`", "float32"]);
}

#[test]
fn lists_in_messages_are_cut() {
    let axes = ints("axes", &vec![-1; 100_000]);
    let message =
        refused(&encoded(&single("Squeeze", &[1, 4], vec![axes])), &["Squeeze `n`", "..."]);
    assert!(message.len() < 1000, "{}", message.len());
}

/// Tensors without values reach no arithmetic.
#[test]
fn empty_tensors() {
    let none = |shape: &[i64]| floats("e", shape, &[]);
    refused(&encoded(&single("Add", &[1, 4], vec![none(&[0, 4])])), &["Add `n`", "without values"]);
    refused(
        &encoded(&single("MatMul", &[1, 4], vec![none(&[4, 0])])),
        &["MatMul `n`", "without values"],
    );
    // A layer without inputs, of which only the bias would be left: no kernel writes it.
    let nodes = vec![
        node("Slice", "cut", &["x", "s", "s", "a"], &["none"]),
        node("Gemm", "layer", &["none", "w", "b"], &["y"]),
    ];
    let constants = vec![
        ints("s", &[4]),
        ints("a", &[1]),
        floats("w", &[0, 3], &[]),
        floats("b", &[3], &[0.0; 3]),
    ];
    let cut = model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]);
    refused(&encoded(&cut), &["Slice `cut`", "without values"]);
    refused(
        &encoded(&single("Conv", &[1, 2, 4], vec![none(&[0, 2, 3])])),
        &["Conv `n`", "do not fit"],
    );
    let slice = node("Slice", "cut", &["none", "one", "far", "zero", "back"], &["s"]);
    let mut constants = vec![ints("none", &[])];
    for (name, value) in [("one", 1), ("far", i64::MIN), ("zero", 0), ("back", -1)] {
        constants.push(ints(name, &[value]));
    }
    let nodes = vec![slice, node("Reshape", "r", &["x", "s"], &["y"])];
    let cut = model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(4)])], &["y"]);
    refused(&encoded(&cut), &["Reshape `r`", "[1, 4] cannot be reshaped to []"]);
}

/// PyTorch's exporter says which module a node comes from.
#[test]
fn the_module_of_a_node_is_named() {
    let mut model = dense();
    let mut fancy = node("Fancy", "node_fancy_3", &["x"], &["z"]).encode_to_vec();
    let entry = StringStringEntryProto {
        key: "pkg.torch.onnx.name_scopes".into(),
        value: "['', 'body', 'body.1', 'fancy']".into(),
    };
    fancy.extend(field(0x4a, &entry.encode_to_vec()));
    graph(&mut model).output.push(info("z", &[]));
    let mut bytes = encoded(&model);
    bytes.extend(field(0x3a, &field(0x0a, &fancy)));
    refused(&bytes, &["Fancy `node_fancy_3`", "in the module `body.1`"]);
}

#[test]
fn names_in_messages_are_clean_and_cut() {
    let mut model = dense();
    let name = format!("evil\n\u{1b}[31m\u{202e}{}", "n".repeat(5000));
    graph(&mut model).node[1] = node("Fancy", &name, &["h"], &["y"]);
    let message = refused(&encoded(&model), &["Fancy", "evil__[31m_nnn", "..."]);
    assert!(!message.contains('\n') && !message.contains('\u{1b}'), "{message:?}");
    assert!(message.len() < 1000, "{}", message.len());
}

#[test]
fn the_default_domain_may_be_written_out() {
    let mut model = dense();
    model.opset_import = vec![
        OperatorSetIdProto { domain: "com.example".into(), version: 1 },
        OperatorSetIdProto { domain: "ai.onnx".into(), version: 17 },
    ];
    graph(&mut model).node[0].domain = "ai.onnx".into();
    import_bytes(&encoded(&model)).expect("it is the same model");
}

/// By 4/5 the first place is a rounding away from 0.5; by 1/2 it is exact, and there is a rule.
#[test]
fn a_nearest_value_that_rounding_decides() {
    let symmetric = |scale: f32| {
        let scales = floats("scales", &[3], &[1.0, 1.0, scale]);
        let mut model = single("Resize", &[1, 1, 12], vec![scales]);
        model.opset_import[0].version = 19;
        let node = &mut graph(&mut model).node[0];
        node.input = ["x", "", "scales"].map(String::from).to_vec();
        string(node, "coordinate_transformation_mode", "half_pixel_symmetric");
        encoded(&model)
    };
    refused(&symmetric(0.8), &["Resize `n`", "two nearest values"]);
    import_bytes(&symmetric(0.5)).expect("the edge is exact");
}
