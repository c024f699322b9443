//! Small graphs of every kind of layer with integers, against the same graphs in floats.

use elbow::calibrate::{Calibration, Quantization, choose};
use elbow::ir::{Graph, Op, Pooling};
use elbow::lower::plan::Integer;
use elbow::lower::quantize::Adjust;
use elbow::lower::{Core, Integers, Kernel, Plan, Step, Width};
use elbow::parity::arithmetic::{Arithmetic, layers, macs};
use elbow::rows::{Batch, Rows};
use elbow::stages::{lower, lower_with};
use elbow::twin::Twin;
use elbow_core::kernels::{BinaryOp, Mean, Unary};
use elbow_tests::graphs::Builder;
use elbow_tests::random::Random;
use elbow_tests::tolerance::{EIGHT_BITS, SIXTEEN_BITS};

const SEED: u64 = 0x656c_626f;
/// Rows that judge the integers.
const ROWS: usize = 48;
/// Other rows, which choose them: so many that what bytes cut off of a judge is rare and small.
const CALIBRATION: usize = 512;
/// A depthwise layer that needs no copy of its input: whole groups of four channels and no pads.
const APART: &str = "channels apart";

/// A convolution over one axis or more, all of them alike, or a transposed one.
struct Conv {
    filters: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad: usize,
    groups: usize,
}

const CONV: Conv = Conv { filters: 8, kernel: 3, stride: 1, dilation: 1, pad: 1, groups: 1 };

struct Net {
    graph: Builder,
    random: Random,
}

impl Net {
    fn new(name: &str, case: u64) -> Self {
        Self { graph: Builder::new(name), random: Random::new(SEED, case) }
    }

    fn conv(&mut self, x: usize, conv: &Conv, transposed: bool) -> usize {
        let shape = self.graph.graph.values[x].shape.clone();
        let [_, channels, ref lens @ ..] = shape[..] else { panic!("a signal") };
        let &Conv { filters, kernel, stride, dilation, pad, groups } = conv;
        let reach = (kernel - 1) * dilation;
        let out = lens.iter().map(|len| match transposed {
            false => (len + 2 * pad - reach - 1) / stride + 1,
            true => (len - 1) * stride + reach + 1 - 2 * pad,
        });
        let out = [1, filters].into_iter().chain(out).collect::<Vec<_>>();
        let [outer, own] = match transposed {
            false => [filters, channels / groups],
            true => [channels, filters / groups],
        };
        let axes = lens.len();
        let taps = kernel.pow(axes as u32);
        let bound = (1.0 / (channels / groups * taps) as f32).sqrt();
        let w = self.random.vector(outer * own * taps, -bound, bound);
        let w = self.graph.constant(&[vec![outer, own], vec![kernel; axes]].concat(), &w);
        let b = self.random.vector(filters, -bound, bound);
        let b = self.graph.constant(&[filters], &b);
        let [strides, dilations, pads] = [stride, dilation, pad].map(|all| vec![all; axes]);
        let op = match transposed {
            false => Op::Conv { strides, dilations, pads, groups },
            true => Op::ConvTranspose { strides, dilations, pads, groups },
        };
        let kind = if transposed { "ConvTranspose" } else { "Conv" };
        self.graph.node(kind, op, &[x, w, b], &out)
    }

    fn matmul(&mut self, x: usize, outputs: usize) -> usize {
        let shape = self.graph.graph.values[x].shape.clone();
        let inputs = shape[shape.len() - 1];
        let bound = (1.0 / inputs as f32).sqrt();
        let w = self.random.vector(inputs * outputs, -bound, bound);
        let w = self.graph.constant(&[inputs, outputs], &w);
        let shape = [&shape[..shape.len() - 1], &[outputs]].concat();
        self.graph.node("MatMul", Op::MatMul, &[x, w], &shape)
    }

    fn unary(&mut self, f: Unary, x: usize) -> usize {
        let shape = self.graph.graph.values[x].shape.clone();
        self.graph.node(&format!("{f:?}"), Op::Unary(f), &[x], &shape)
    }

    fn reshape(&mut self, x: usize, shape: &[usize]) -> usize {
        self.graph.node("Reshape", Op::Reshape, &[x], shape)
    }

    fn pool(&mut self, x: usize, kind: Pooling) -> usize {
        let mut shape = self.graph.graph.values[x].shape.clone();
        let [kernel, dilations, pads] = [2, 1, 0].map(|all| vec![all; shape.len() - 2]);
        shape[2..].iter_mut().for_each(|len| *len /= 2);
        let (strides, pads_end) = (kernel.clone(), pads.clone());
        let op = Op::Pool { kernel, strides, dilations, pads, pads_end, kind };
        self.graph.node("Pool", op, &[x], &shape)
    }

    fn done(mut self, y: usize) -> Graph {
        self.graph.output("y", y);
        self.graph.graph
    }
}

/// A name, the graph, and the layers of it that integers compute.
fn cases() -> Vec<(&'static str, Graph, usize)> {
    let mut cases = Vec::new();
    let mut add = |name: &'static str,
                   input: &[usize],
                   layers: usize,
                   build: &dyn Fn(&mut Net, usize) -> usize| {
        let mut net = Net::new(name, cases.len() as u64);
        let x = net.graph.input("x", input);
        let y = build(&mut net, x);
        cases.push((name, net.done(y), layers));
    };
    add("rows", &[1, 5, 7], 2, &|n, x| {
        let h = n.matmul(x, 6);
        let h = n.unary(Unary::Relu, h);
        n.matmul(h, 3)
    });
    add("as many rows as inputs", &[1, 6, 6], 2, &|n, x| {
        let h = n.matmul(x, 6);
        let h = n.unary(Unary::Tanh, h);
        n.matmul(h, 6)
    });
    add("another view of an image", &[1, 3, 16], 2, &|n, x| {
        let h = n.conv(x, &CONV, false);
        let h = n.unary(Unary::Relu, h);
        let h = n.reshape(h, &[1, 4, 32]);
        n.conv(h, &CONV, false)
    });
    add("a view of the input", &[1, 4, 8], 2, &|n, x| {
        let h = n.reshape(x, &[1, 32]);
        let h = n.matmul(h, 9);
        let h = n.unary(Unary::LeakyRelu(0.1), h);
        n.matmul(h, 4)
    });
    add("rows of an image", &[1, 3, 16], 2, &|n, x| {
        let h = n.conv(x, &CONV, false);
        let h = n.unary(Unary::Relu, h);
        n.matmul(h, 5)
    });
    add("odd channels apart", &[1, 5, 12], 2, &|n, x| {
        let h = n.conv(x, &Conv { filters: 5, groups: 5, ..CONV }, false);
        let h = n.unary(Unary::Relu, h);
        n.conv(h, &Conv { kernel: 1, pad: 0, ..CONV }, false)
    });
    add("groups and gaps", &[1, 6, 20], 2, &|n, x| {
        let h = n.conv(x, &Conv { filters: 4, groups: 2, dilation: 2, pad: 2, ..CONV }, false);
        let h = n.unary(Unary::Sigmoid, h);
        n.conv(h, &Conv { stride: 3, ..CONV }, false)
    });
    add("transposed", &[1, 5, 6], 2, &|n, x| {
        let h =
            n.conv(x, &Conv { kernel: 5, stride: 3, pad: 1, filters: 6, groups: 1, ..CONV }, true);
        let h = n.unary(Unary::Relu, h);
        n.conv(h, &Conv { kernel: 4, stride: 2, ..CONV }, true)
    });
    add("transposed with gaps", &[1, 5, 6], 1, &|n, x| {
        let h = n.conv(x, &Conv { dilation: 2, ..CONV }, true);
        let h = n.unary(Unary::Relu, h);
        n.conv(h, &CONV, false)
    });
    add("a stride beyond the kernel", &[1, 5, 6], 1, &|n, x| {
        let h = n.conv(x, &Conv { kernel: 1, stride: 2, pad: 0, ..CONV }, true);
        let h = n.unary(Unary::Relu, h);
        n.conv(h, &CONV, false)
    });
    add("pools", &[1, 4, 16], 2, &|n, x| {
        let h = n.conv(x, &CONV, false);
        let a = n.pool(h, Pooling::Max);
        let b = n.pool(h, Pooling::Average(Mean::default()));
        let shape = n.graph.graph.values[a].shape.clone();
        let h = n.graph.node("Add", Op::Binary(BinaryOp::Add), &[a, b], &shape);
        n.conv(h, &CONV, false)
    });
    add("two axes", &[1, 3, 6, 9], 4, &|n, x| {
        let h = n.conv(x, &CONV, false);
        let h = n.unary(Unary::Relu, h);
        let h = n.pool(h, Pooling::Max);
        let h = n.conv(h, &Conv { groups: 8, ..CONV }, false);
        let h = n.unary(Unary::Relu, h);
        let h = n.conv(h, &Conv { filters: 5, stride: 2, ..CONV }, false);
        let h = n.unary(Unary::Tanh, h);
        n.conv(h, &Conv { filters: 3, kernel: 4, stride: 2, ..CONV }, true)
    });
    add("gaps on two axes", &[1, 5, 8, 7], 2, &|n, x| {
        let h = n.conv(x, &Conv { dilation: 2, pad: 2, ..CONV }, false);
        let h = n.unary(Unary::Relu, h);
        n.conv(h, &Conv { filters: 6, groups: 2, ..CONV }, false)
    });
    add(APART, &[1, 3, 12], 3, &|n, x| {
        let h = n.conv(x, &CONV, false);
        let h = n.unary(Unary::Relu, h);
        let h = n.conv(h, &Conv { groups: 8, pad: 0, ..CONV }, false);
        let h = n.unary(Unary::Relu, h);
        n.conv(h, &Conv { kernel: 1, pad: 0, ..CONV }, false)
    });
    cases
}

fn outputs(graph: &Graph, integers: Option<&Integers>, x: &Rows) -> Vec<f32> {
    let plan = match integers {
        None => lower(graph, &[0]),
        Some(_) => lower_with(graph, &[0], integers),
    };
    let plan = plan.expect("it can be lowered");
    let mut twin = Twin::new(&plan);
    let row = |row| twin.run(&[x.row(row)]).expect("a row").concat();
    (0..ROWS).flat_map(row).collect()
}

#[test]
fn integers_compute_what_floats_do_and_every_form_the_same() {
    let mut wrong = Vec::new();
    for (name, graph, layers) in cases() {
        let shape = graph.values[graph.inputs[0]].shape.clone();
        let row = shape.iter().product::<usize>();
        let [calibration, x] = [(98, CALIBRATION), (99, ROWS)].map(|(case, rows)| {
            let values = Random::new(SEED, case).normal(rows * row);
            Batch::from(Rows { name: "x".into(), shape: shape.clone(), values })
        });
        let x = &x.inputs[0];
        let float = outputs(&graph, None, x);
        let range = float.iter().fold(0.0f32, |range, value| range.max(value.abs()));
        for (width, limit) in [(Width::Eight, EIGHT_BITS), (Width::Sixteen, SIXTEEN_BITS)] {
            let data = Calibration { batch: &calibration, states: &[] };
            let options = Quantization { width, adjust: Adjust::Bias };
            let integers = choose(&graph, &[0], data, options).expect("it has integer forms");
            assert_eq!(integers.layers.len(), layers, "{name}");
            let plain = outputs(&graph, Some(&integers), x);
            let errors = plain.iter().zip(&float).map(|(a, b)| (a - b).abs());
            let worst = errors.fold(0.0f32, f32::max) / range;
            println!("{name}, {width:?}: {worst:.1e} of the range");
            if worst.is_nan() || worst > limit {
                wrong.push(format!("{name}, {width:?}: {worst}"));
            }
            for core in [Core::Dsp, Core::Helium] {
                let other = outputs(&graph, Some(&Integers { core, ..integers.clone() }), x);
                assert_eq!(other, plain, "{name}, {width:?}: {core:?}");
            }
            let plan = lower_with(&graph, &[0], Some(&integers)).expect("it can be lowered");
            assert!(plan.steps.iter().any(|step| matches!(step.kernel, Kernel::Integer(_))));
            let is_copy =
                |step: &&Step| matches!(step.kernel, Kernel::Integer(Integer::PaddedCopy { .. }));
            let copies = plan.steps.iter().filter(is_copy).count();
            assert!(name != APART || copies == 0, "{name}, {width:?}: {copies} copies");
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The integers of a graph, and its plan with them.
fn chosen(graph: &Graph, x: &Rows, rows: usize, width: Width) -> Plan {
    let data = Calibration { batch: &Batch::from(x.clone()).first(rows), states: &[] };
    let options = Quantization { width, adjust: Adjust::Bias };
    let integers = choose(graph, &[0], data, options).expect("it has integer forms");
    lower_with(graph, &[0], Some(&integers)).expect("it can be lowered")
}

fn row(plan: &Plan, x: &[f32]) -> Vec<f32> {
    Twin::new(plan).run(&[x]).expect("a row").concat()
}

/// Outputs that cancel to a millionth of what they are made of: their multiplier needs a shift for which no
/// sum has room.
#[test]
fn a_layer_that_cannot_be_proved_runs_in_f32_and_the_others_do_not() {
    const INPUTS: usize = 64;
    let mut net = Net::new("cancels", 0);
    let x = net.graph.input("x", &[1, INPUTS]);
    let w = [1.0, 0.5, -1.0, -0.5].repeat(INPUTS / 2);
    let w = net.graph.constant(&[INPUTS, 2], &w);
    let h = net.graph.node("Cancels", Op::MatMul, &[x, w], &[1, 2]);
    let h = net.unary(Unary::Relu, h);
    let y = net.matmul(h, 3);
    let graph = net.done(y);
    let mut values = Random::new(SEED, 98).normal(INPUTS * ROWS);
    let noise = Random::new(SEED, 97).normal(INPUTS * ROWS / 2);
    for (pair, noise) in values.chunks_mut(2).zip(noise) {
        pair[1] = pair[0] + 3e-7 * noise;
    }
    let x = Rows { name: "x".into(), shape: vec![1, INPUTS], values };
    let float = lower(&graph, &[0]).expect("it can be lowered");
    for width in [Width::Eight, Width::Sixteen] {
        let plan = chosen(&graph, &x, ROWS, width);
        let layers = layers(&plan);
        let of = |op: &str| layers.iter().find(|layer| layer.op == op).expect("a layer");
        println!("{width:?}: {}", of("Cancels"));
        assert_eq!(of("Cancels").arithmetic, Arithmetic::F32, "{width:?}");
        let reason = of("Cancels").reason.as_deref().unwrap_or_default();
        assert!(reason.contains("beyond 32 bits"), "{width:?}: {reason}");
        assert_eq!(of("MatMul").arithmetic, Arithmetic::Int8, "{width:?}");
        let (mut range, mut worst) = (0.0f32, 0.0f32);
        for at in 0..ROWS {
            let outputs = row(&plan, x.row(at)).into_iter().zip(row(&float, x.row(at)));
            for (found, expected) in outputs {
                range = range.max(expected.abs());
                worst = worst.max((found - expected).abs());
            }
        }
        assert!(worst <= EIGHT_BITS * range, "{width:?}: {worst} of {range}");
    }
}

/// 20,000 values far beyond the calibrated range add up to more than 32 bits hold.
#[test]
fn a_mean_of_too_many_values_runs_in_f32() {
    const LEN: usize = 20_000;
    let mut net = Net::new("mean", 0);
    let x = net.graph.input("x", &[1, 1, LEN]);
    let h = net.conv(x, &Conv { filters: 2, kernel: 1, pad: 0, ..CONV }, false);
    let op = Op::Pool {
        kernel: vec![LEN],
        strides: vec![1],
        dilations: vec![1],
        pads: vec![0],
        pads_end: vec![0],
        kind: Pooling::Average(Mean::default()),
    };
    let h = net.graph.node("Mean", op, &[h], &[1, 2, 1]);
    let y = net.conv(h, &Conv { filters: 3, kernel: 1, pad: 0, ..CONV }, false);
    let graph = net.done(y);
    let values = Random::new(SEED, 96).normal(2 * LEN);
    let x = Rows { name: "x".into(), shape: vec![1, 1, LEN], values };
    let plan = chosen(&graph, &x, 2, Width::Sixteen);
    let mean = layers(&plan).into_iter().find(|layer| layer.op == "Mean").expect("a pool");
    assert_eq!(mean.arithmetic, Arithmetic::F32, "{mean}");
    assert!(mean.reason.is_some_and(|reason| reason.contains("beyond 32 bits")));
    let large = vec![15.0; LEN];
    let float = lower(&graph, &[0]).expect("it can be lowered");
    // What reads the mean is calibrated on smaller ones: it is clamped, never turned around.
    let pairs = row(&plan, &large).into_iter().zip(row(&float, &large));
    for (found, expected) in pairs.filter(|(_, expected)| expected.abs() > 1.0) {
        assert!(found * expected > 0.0, "{found} {expected}");
    }
}

#[test]
fn what_has_no_integer_form_is_listed_with_its_reason() {
    let mut net = Net::new("softmax", 0);
    let x = net.graph.input("x", &[1, 6]);
    let h = net.matmul(x, 5);
    let h = net.graph.node("Softmax", Op::Softmax { axis: 1, log: false }, &[h], &[1, 5]);
    let h = net.matmul(h, 4);
    let y = net.unary(Unary::Tanh, h);
    let graph = net.done(y);
    let values = Random::new(SEED, 95).normal(6 * ROWS);
    let x = Rows { name: "x".into(), shape: vec![1, 6], values };
    let plan = chosen(&graph, &x, ROWS, Width::Eight);
    let layers = layers(&plan);
    let told: Vec<String> = layers.iter().map(|layer| format!("{} {}", layer.op, layer)).collect();
    let expected = [
        "MatMul 30 MACs, int8",
        "Softmax 0 MACs, f32: Softmax has no integer kernel",
        "MatMul 20 MACs, int8",
        "Tanh 0 MACs, f32: it does not lie between two integer layers",
    ];
    assert_eq!(told, expected);
    let macs = macs(&plan);
    assert_eq!((macs.all, macs.linear, macs.int8, macs.int8_share), (50, 50, 50, Some(1.0)));
}
