//! Malformed exports: each is refused in under a second and 200 MB, by a message that names the node.
//!
//! Every case is imported by a process of its own, which says how long that took and how much memory
//! it had at most.

#[allow(dead_code)] // shared with the tests of import
#[path = "import/build.rs"]
mod build;

use build::*;
use elbow::import::import_bytes;
use std::process::Command;
use std::time::Instant;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto};

/// Which case the child imports.
const CASE: &str = "ELBOW_MALFORMED_CASE";
const HUGE: i64 = 1 << 40;
const LEAST: usize = 40;
const SECONDS: f64 = 1.0;
const KILOBYTES: u64 = 200_000;

/// A model, and what its refusal has to say.
struct Case {
    name: &'static str,
    model: ModelProto,
    words: Vec<&'static str>,
}

fn case(name: &'static str, model: ModelProto, words: &[&'static str]) -> Case {
    Case { name, model, words: words.to_vec() }
}

/// A node `n` of this operator on `x`, with constants as further operands.
fn on(
    op: &'static str,
    shape: &[i64],
    constants: Vec<tract_onnx::pb::TensorProto>,
    set: impl FnOnce(&mut NodeProto),
) -> ModelProto {
    let mut model = single(op, shape, constants);
    set(&mut graph(&mut model).node[0]);
    model
}

fn plain(_: &mut NodeProto) {}

/// [`dense`] with something wrong.
fn broken(harm: impl FnOnce(&mut ModelProto)) -> ModelProto {
    let mut model = dense();
    harm(&mut model);
    model
}

fn number(node: &mut NodeProto, name: &str, value: f32) {
    node.attribute.push(AttributeProto { f: value, ..attribute(name, AttributeType::Float) });
}

/// `z = mean + noise * exp(log_var / 2)` with constant noise.
fn frozen() -> ModelProto {
    let weights = |name: &str| floats(name, &[4, 2], &[0.1, -0.2, 0.3, 0.4, 0.5, -0.6, 0.7, 0.8]);
    let nodes = vec![
        node("MatMul", "mean", &["x", "w"], &["mu"]),
        node("MatMul", "spread", &["x", "v"], &["logvar"]),
        node("Mul", "half", &["logvar", "h"], &["halved"]),
        node("Exp", "exp", &["halved"], &["scale"]),
        node("Mul", "noise", &["scale", "eps"], &["product"]),
        node("Add", "sample", &["mu", "product"], &["z"]),
    ];
    let constants = vec![
        weights("w"),
        weights("v"),
        floats("h", &[], &[0.5]),
        floats("eps", &[1, 2], &[0.7, -1.3]),
    ];
    model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(4)])], &["z", "mu", "logvar"])
}

fn with_graph(op: &'static str) -> ModelProto {
    broken(|m| {
        let node = &mut graph(m).node[1];
        node.op_type = op.into();
        let g = Some(GraphProto::default());
        node.attribute.push(AttributeProto { g, ..attribute("body", AttributeType::Graph) });
    })
}

fn recursion() -> ModelProto {
    broken(|m| {
        (graph(m).node[1].op_type, graph(m).node[1].domain) = ("f".into(), "own".into());
        let call = |name: &str, from: &str, to: &str| NodeProto {
            domain: "own".into(),
            ..node("f", name, &[from], &[to])
        };
        m.functions.push(FunctionProto {
            name: Some("f".into()),
            domain: Some("own".into()),
            input: vec!["a".into()],
            output: vec!["c".into()],
            node: vec![call("first", "a", "b"), call("second", "b", "c")],
            ..Default::default()
        });
    })
}

/// Calls, one after another, of a function that adds a constant of a megabyte.
fn large_function() -> ModelProto {
    const VALUES: usize = 1 << 18;
    const CALLS: usize = 300;
    let mut constant = node("Constant", "k", &[], &["k"]);
    let values: Vec<f32> = (0..VALUES).map(|i| i as f32).collect();
    tensor(&mut constant, "value", floats("k", &[VALUES as i64], &values));
    let body = vec![constant, node("Add", "add", &["a", "k"], &["b"])];
    calls(CALLS, &["a"], body)
}

/// A call of a function of many inputs.
fn function_of_many_inputs() -> ModelProto {
    const INPUTS: usize = 20_000;
    let names: Vec<String> = (0..INPUTS).map(|at| format!("i{at}")).collect();
    let output = |at: usize| if at == 0 { "b".to_string() } else { format!("t{at}") };
    let body = names.iter().enumerate();
    let body = body.map(|(at, name)| node("Identity", "", &[name], &[&output(at)])).collect();
    calls(1, &names.iter().map(String::as_str).collect::<Vec<_>>(), body)
}

/// `calls` calls of a function from its inputs to `b`, and behind them what has to be refused.
fn calls(calls: usize, inputs: &[&str], body: Vec<NodeProto>) -> ModelProto {
    let value = |at: usize| if at == 0 { "x".to_string() } else { format!("v{at}") };
    let call = |at: usize| NodeProto {
        domain: "own".into(),
        input: vec![value(at); inputs.len()],
        ..node("f", &format!("call{at}"), &[], &[&value(at + 1)])
    };
    let mut nodes: Vec<NodeProto> = (0..calls).map(call).collect();
    nodes.push(node("NonZero", "refused", &[&value(calls)], &["y"]));
    let mut m = model(nodes, vec![], vec![info("x", &[Dim::N(1), Dim::N(1)])], &["y"]);
    m.functions.push(FunctionProto {
        name: Some("f".into()),
        domain: Some("own".into()),
        input: inputs.iter().map(|name| name.to_string()).collect(),
        output: vec!["b".into()],
        node: body,
        ..Default::default()
    });
    m
}

/// Samples by scales that are one long chain, each with a constant of its own.
fn chain_of_scales() -> ModelProto {
    const SAMPLES: usize = 3_000;
    let mut nodes = vec![node("Tanh", "", &["x"], &["s0"]), node("Relu", "", &["x"], &["mu"])];
    let mut constants = vec![floats("e", &[], &[1e-4])];
    for at in 0..SAMPLES {
        let [s, next, k, p, z] = ["s", "next", "k", "p", "z"].map(|name| match name {
            "next" => format!("s{}", at + 1),
            name => format!("{name}{at}"),
        });
        nodes.push(node("Add", "", &[&s, "e"], &[&next]));
        nodes.push(node("Mul", "", &[&next, &k], &[&p]));
        nodes.push(node("Add", "", &["mu", &p], &[&z]));
        let drawn = (at as f32 * 1.7).sin();
        constants.push(floats(&k, &[1, 2], &[drawn, drawn - 0.5]));
    }
    let samples: Vec<String> = (0..SAMPLES).map(|at| format!("z{at}")).collect();
    let samples: Vec<&str> = samples.iter().map(String::as_str).collect();
    let mut joined = node("Concat", "", &samples, &["c"]);
    int(&mut joined, "axis", 1);
    nodes.extend([joined, node("NonZero", "refused", &["c"], &["y"])]);
    model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(2)])], &["y"])
}

fn cases() -> Vec<Case> {
    let w = |shape: &[i64]| floats("w", shape, &vec![0.5; shape.iter().product::<i64>() as usize]);
    let conv = |set: &dyn Fn(&mut NodeProto)| on("Conv", &[1, 1, 8], vec![w(&[1, 1, 3])], set);
    let pool = |op, set: &dyn Fn(&mut NodeProto)| on(op, &[1, 1, 8], vec![], set);
    vec![
        case("frozen noise", frozen(), &["Mul `noise`", "`eps`", "every sample would be the same"]),
        case("a loop", with_graph("Loop"), &["Loop `act`", "without control flow"]),
        case("a scan", with_graph("Scan"), &["Scan `act`", "without control flow"]),
        case("a branch", with_graph("If"), &["If `act`", "branches decided"]),
        case("functions that recurse", recursion(), &["`f`", "calls itself"]),
        case("calls of a large function", large_function(), &["`call", "`f`", "larger functions"]),
        case("a function of many inputs", function_of_many_inputs(), &["NonZero `refused`"]),
        case("a chain of scales", chain_of_scales(), &["NonZero `refused`"]),
        case(
            "an opset too new",
            broken(|m| m.opset_import[0].version = 99),
            &["99", "opset_version"],
        ),
        case("an opset too old", broken(|m| m.opset_import[0].version = 8), &["is 8"]),
        case(
            "an operator of onnxruntime",
            broken(|m| graph(m).node[1].domain = "com.microsoft".into()),
            &["Relu `act`", "com.microsoft"],
        ),
        case(
            "a cycle",
            broken(|m| graph(m).node[0].input[0] = "y".into()),
            &["`fc`", "wait for each other"],
        ),
        case(
            "a name given twice",
            broken(|m| graph(m).node[0].output[0] = "y".into()),
            &["`y`", "given twice"],
        ),
        case(
            "a missing initializer",
            broken(|m| drop(graph(m).initializer.remove(0))),
            &["Gemm `fc`", "`w`"],
        ),
        case(
            "external data",
            broken(|m| {
                let w = &mut graph(m).initializer[0];
                w.raw_data.clear();
                w.data_location = Some(1);
                w.external_data.push(tract_onnx::pb::StringStringEntryProto {
                    key: "location".into(),
                    value: "weights.bin".into(),
                });
            }),
            &["initializer `w`", "weights.bin"],
        ),
        case(
            "an initializer of 2^40 values",
            broken(|m| graph(m).initializer[0].dims = vec![HUGE, 1]),
            &["initializer `w`", "more than"],
        ),
        case(
            "an initializer of overflowing shape",
            broken(|m| graph(m).initializer[0].dims = vec![i64::MAX, i64::MAX]),
            &["initializer `w`", "more than"],
        ),
        case(
            "an initializer of negative shape",
            broken(|m| graph(m).initializer[0].dims = vec![-4, 3]),
            &["initializer `w`", "negative"],
        ),
        case(
            "an input of 2^40 values",
            broken(|m| graph(m).input[0] = info("x", &[Dim::N(1), Dim::N(HUGE)])),
            &["input `x`", "more than"],
        ),
        case(
            "an input of negative shape",
            broken(|m| graph(m).input[0] = info("x", &[Dim::N(1), Dim::N(-7)])),
            &["input `x`", "-7"],
        ),
        case(
            "an input of nine axes",
            broken(|m| graph(m).input[0] = info("x", &[Dim::N(1); 9])),
            &["input `x`", "9 axes"],
        ),
        case(
            "half floats",
            broken(|m| graph(m).initializer[0].data_type = DataType::Float16 as i32),
            &["initializer `w`", "float16"],
        ),
        case(
            "diverged weights",
            broken(|m| graph(m).initializer[0] = floats("w", &[4, 3], &[f32::NAN; 12])),
            &["initializer `w`", "NaN"],
        ),
        case(
            "a constant of 2^40 values",
            {
                let mut m = single("Add", &[1, 4], vec![ints("shape", &[HUGE])]);
                graph(&mut m).node.insert(0, node("ConstantOfShape", "many", &["shape"], &["c"]));
                graph(&mut m).node[1].input[1] = "c".into();
                m
            },
            &["ConstantOfShape `many`", "more than"],
        ),
        case(
            "a range of 2^40 values",
            {
                let limits = [("a", 0), ("b", HUGE), ("c", 1)];
                let limits = limits.map(|(name, value)| {
                    raw(name, DataType::Int64, &[], i64::to_le_bytes(value).to_vec())
                });
                let mut m = single("Add", &[1, 4], limits.to_vec());
                let range = node("Range", "many", &["a", "b", "c"], &["r"]);
                graph(&mut m).node = vec![range, node("Add", "n", &["x", "r"], &["y"])];
                m
            },
            &["Range `many`", "more than"],
        ),
        case(
            "Expand to 2^40",
            on("Expand", &[1, 1], vec![ints("s", &[1, HUGE])], plain),
            &["Expand `n`"],
        ),
        case(
            "Tile to 2^40",
            on("Tile", &[1, 4], vec![ints("r", &[1, HUGE])], plain),
            &["Tile `n`"],
        ),
        case(
            "Pad by 2^40",
            on("Pad", &[1, 4], vec![ints("p", &[0, HUGE, 0, 0])], plain),
            &["Pad `n`", "beyond"],
        ),
        case(
            "Pad by nothing left",
            on("Pad", &[1, 4], vec![ints("p", &[0, -3, 0, -3])], plain),
            &["Pad `n`", "leave nothing"],
        ),
        case(
            "Resize to 2^40",
            {
                let mut m = on("Resize", &[1, 1, 4], vec![ints("sizes", &[1, 1, HUGE])], plain);
                graph(&mut m).node[0].input = ["x", "", "", "sizes"].map(String::from).to_vec();
                m
            },
            &["Resize `n`", "more than"],
        ),
        case(
            "Resize by 1e9",
            {
                let scales = floats("scales", &[3], &[1.0, 1.0, 1e9]);
                let mut m = on("Resize", &[1, 1, 4], vec![scales], plain);
                graph(&mut m).node[0].input = ["x", "", "scales"].map(String::from).to_vec();
                m
            },
            &["Resize `n`", "scales"],
        ),
        case(
            "Upsample of today",
            on("Upsample", &[1, 4], vec![floats("s", &[2], &[1.0, 2.0])], plain),
            &["Upsample `n`", "Resize"],
        ),
        case("pads of 2^40", conv(&|n| int_list(n, "pads", &[HUGE, 0])), &["Conv `n`", "pads"]),
        case(
            "dilations of 2^63",
            conv(&|n| int_list(n, "dilations", &[i64::MAX])),
            &["Conv `n`", "dilations"],
        ),
        case("strides of zero", conv(&|n| int_list(n, "strides", &[0])), &["Conv `n`", "strides"]),
        case(
            "a kernel wider than its input",
            conv(&|n| int_list(n, "dilations", &[100])),
            &["Conv `n`", "does not fit"],
        ),
        case(
            "a transposed convolution to 2^40",
            on("ConvTranspose", &[1, 1, 4096], vec![w(&[1, 1, 3])], |n| {
                int_list(n, "strides", &[1 << 24])
            }),
            &["ConvTranspose `n`", "more than"],
        ),
        case(
            "a pool of 2^40",
            pool("MaxPool", &|n| int_list(n, "kernel_shape", &[HUGE])),
            &["MaxPool `n`", "kernel_shape"],
        ),
        case("a pool without a size", pool("AveragePool", &plain), &["AveragePool `n`", "missing"]),
        case(
            "a pool that sees pads alone",
            pool("MaxPool", &|n| {
                int_list(n, "kernel_shape", &[2]);
                int_list(n, "pads", &[2, 2]);
            }),
            &["MaxPool `n`", "pads"],
        ),
        case(
            "Reshape to other lengths",
            on("Reshape", &[1, 4], vec![ints("s", &[3, -1])], plain),
            &["Reshape `n`"],
        ),
        case(
            "Reshape to negative lengths",
            on("Reshape", &[1, 4], vec![ints("s", &[-2, -2])], plain),
            &["Reshape `n`"],
        ),
        case(
            "an index outside",
            on("Gather", &[1, 4], vec![ints("i", &[HUGE])], plain),
            &["Gather `n`", "outside"],
        ),
        case(
            "a tuple outside",
            on(
                "GatherND",
                &[1, 4],
                vec![raw(
                    "i",
                    DataType::Int64,
                    &[1, 2],
                    [0i64, 9].iter().flat_map(|v| v.to_le_bytes()).collect(),
                )],
                plain,
            ),
            &["GatherND `n`", "outside"],
        ),
        case(
            "parts that do not fit",
            on("Split", &[1, 4], vec![ints("s", &[HUGE, -HUGE])], |n| int(n, "axis", 1)),
            &["Split `n`"],
        ),
        case(
            "matrices that do not fit",
            on("MatMul", &[1, 4], vec![w(&[3, 4])], plain),
            &["MatMul `n`", "do not multiply"],
        ),
        case(
            "an LSTM of other weights",
            on("LSTM", &[1, 1, 4], vec![w(&[1, 8, 4]), floats("r", &[1, 8, 3], &[0.1; 24])], plain),
            &["LSTM `n`", "do not fit"],
        ),
        case(
            "a GRU of packed sequences",
            {
                let lens = raw("lens", DataType::Int32, &[1], 1i32.to_le_bytes().to_vec());
                let weights = vec![w(&[1, 6, 4]), floats("r", &[1, 6, 2], &[0.1; 12]), lens];
                let mut m = on("GRU", &[1, 1, 4], weights, plain);
                graph(&mut m).input[0] = info("x", &[Dim::N(1), Dim::N(2), Dim::N(4)]);
                graph(&mut m).node[0].input =
                    ["t", "w", "r", "", "lens"].map(String::from).to_vec();
                let mut turn = node("Transpose", "turn", &["x"], &["t"]);
                int_list(&mut turn, "perm", &[1, 0, 2]);
                graph(&mut m).node.insert(0, turn);
                m
            },
            &["GRU `n`", "sequence_lens"],
        ),
        case(
            "an Einstein sum of three terms",
            on("Einsum", &[1, 4], vec![w(&[4, 4]), floats("v", &[4], &[1.0; 4])], |n| {
                string(n, "equation", "ab,bc,c->a")
            }),
            &["Einsum `n`", "at most two"],
        ),
        case(
            "a diagonal",
            on("Einsum", &[1, 1], vec![], |n| string(n, "equation", "aa->a")),
            &["Einsum `n`", "diagonal"],
        ),
        case(
            "noise of 2^40 values",
            {
                let mut m = on("RandomNormal", &[1, 4], vec![], |n| int_list(n, "shape", &[HUGE]));
                graph(&mut m).node[0].input.clear();
                m
            },
            &["RandomNormal `n`", "more than"],
        ),
        case(
            "noise of doubles",
            on("RandomNormalLike", &[1, 4], vec![], |n| int(n, "dtype", DataType::Double as i64)),
            &["RandomNormalLike `n`", "float64"],
        ),
        case(
            "blocks of 2^40",
            on("DepthToSpace", &[1, 4, 2, 2], vec![], |n| int(n, "blocksize", HUGE)),
            &["DepthToSpace `n`", "blocksize"],
        ),
        case(
            "a sum over an axis that is not there",
            on("ReduceSum", &[1, 4], vec![ints("a", &[7])], plain),
            &["ReduceSum `n`", "axis 7"],
        ),
        case(
            "a softmax over an axis that is not there",
            on("Softmax", &[1, 4], vec![], |n| int(n, "axis", 5)),
            &["Softmax `n`", "axis 5"],
        ),
        case(
            "a normalization of other weights",
            on("LayerNormalization", &[1, 4], vec![w(&[3])], plain),
            &["LayerNormalization `n`"],
        ),
        case(
            "groups that do not come out even",
            on(
                "GroupNormalization",
                &[1, 4, 2],
                vec![w(&[3]), floats("b", &[3], &[0.0; 3])],
                |n| int(n, "num_groups", 3),
            ),
            &["GroupNormalization `n`"],
        ),
        case(
            "a slope that is not finite",
            on("LeakyRelu", &[1, 4], vec![], |n| number(n, "alpha", f32::NAN)),
            &["LeakyRelu `n`", "alpha"],
        ),
        case(
            "an operator of data-dependent shape",
            on("NonZero", &[1, 4], vec![], plain),
            &["NonZero `n`", "depends on data"],
        ),
        case(
            "a cast to text",
            on("Cast", &[1, 4], vec![], |n| int(n, "to", 8)),
            &["Cast `n`", "string"],
        ),
    ]
}

/// Not a test of its own: what a child process of the test below runs.
#[test]
fn import_one() {
    let Ok(index) = std::env::var(CASE) else { return };
    let index: usize = index.parse().expect("a number");
    let bytes = encoded(&cases()[index].model);
    let start = Instant::now();
    let message = match import_bytes(&bytes) {
        Ok(_) => "imported".to_string(),
        Err(error) => error.to_string(),
    };
    let seconds = start.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.split_whitespace().next()).unwrap_or("0");
    println!("RESULT {seconds} {kilobytes} {}", message.replace('\n', " "));
}

#[test]
fn every_malformed_export_is_refused_quickly_and_by_name() {
    let cases = cases();
    let mut wrong = Vec::new();
    let (mut slowest, mut largest) = (0.0f64, 0);
    for (index, case) in cases.iter().enumerate() {
        let child = Command::new(std::env::current_exe().expect("a test"))
            .args(["--exact", "import_one", "--nocapture"])
            .env(CASE, index.to_string())
            .output()
            .expect("it starts");
        let text = String::from_utf8_lossy(&child.stdout).into_owned();
        let Some((_, result)) = text.split_once("RESULT ") else {
            wrong.push(format!(
                "{}: it panicked: {}",
                case.name,
                String::from_utf8_lossy(&child.stderr)
            ));
            continue;
        };
        let mut parts = result.splitn(3, ' ');
        let seconds: f64 = parts.next().and_then(|part| part.parse().ok()).expect("seconds");
        let kilobytes: u64 = parts.next().and_then(|part| part.parse().ok()).expect("kilobytes");
        let message = parts.next().unwrap_or_default().lines().next().unwrap_or_default();
        (slowest, largest) = (slowest.max(seconds), largest.max(kilobytes));
        if seconds > SECONDS || kilobytes > KILOBYTES {
            wrong.push(format!("{}: {seconds} s, {kilobytes} kB", case.name));
        }
        for words in case.words.iter().filter(|words| !message.contains(**words)) {
            wrong.push(format!("{}: no {words:?} in: {message}", case.name));
        }
    }
    println!("{} cases, at most {slowest:.3} s and {largest} kB", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= LEAST);
}
