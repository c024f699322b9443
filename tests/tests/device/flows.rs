//! Flows: exact log-densities on the twin and on emulated cores. `device.rs` holds every bit of what
//! their steps give, and `emit.rs` the generated `log_prob` on this machine.

use elbow::device::{Device, Target};
use elbow::import::Options;
use elbow::lower::Plan;
use elbow::model::{Graphs, Loaded, Model};
use elbow::stages::lower;
use elbow::twin::Twin;
use elbow_core::distributions::standard_log_prob;
use elbow_tests::fixtures::{Rows, path, rows};
use elbow_tests::graphs::Builder;
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::tolerance::{FLOW, INTEGRAL, LINEAR_FLOW};

/// Models whose densities are nobody's closed form.
const TRAINED: [&str; 3] = ["cancer_realnvp", "cancer_maf", "moons_spline"];
const LINEAR: &str = "wine_linear";

fn load(model: &str) -> Model {
    let folder = path("models").join(model);
    Loaded::read(&folder, None, &Options::default()).expect("a model").model
}

/// The density of a model's flow.
fn flow(model: &str) -> Plan {
    match load(model).graphs {
        Graphs::Flow(flow) if flow.has_log_prob() => flow.plan,
        other => panic!("{model}: expected a flow with its density, found {other:?}"),
    }
}

/// Observations of a model's test set, and their `ln p(x)` by PyTorch in f64.
fn test_set(model: &str) -> (Rows, Vec<f64>) {
    let folder = path("models").join(model);
    let bytes = std::fs::read(folder.join("golden/log_prob.npy")).expect("goldens");
    let file = npyz::NpyFile::new(&bytes[..]).expect("an .npy file");
    let f64s = npyz::DType::Plain("<f8".parse().expect("a type"));
    assert_eq!(file.dtype(), f64s, "{model}: goldens of another precision");
    let goldens: Vec<f64> = file.into_vec().expect("float64");
    let x = rows(&folder.join("test.npy"));
    assert_eq!(x.count, goldens.len());
    (x, goldens)
}

/// `ln N(z; 0, I)` and `ln |det dz/dx|`.
fn terms(twin: &mut Twin<'_>, x: &[f32]) -> (f32, f32) {
    let outputs = twin.run(&[x]).expect("it fits");
    (standard_log_prob(&outputs[0]), outputs[1][0])
}

/// The largest error of `ln p(x)` over the model's test rows, in nats, and the number of rows.
fn worst_error(model: &str) -> (f64, usize) {
    let (plan, (x, goldens)) = (flow(model), test_set(model));
    let mut twin = Twin::new(&plan);
    let errors = goldens.iter().enumerate().map(|(row, golden)| {
        let (base, log_det) = terms(&mut twin, x.row(row));
        (f64::from(base + log_det) - golden).abs()
    });
    let worst = errors.inspect(|error| assert!(error.is_finite())).fold(0.0, f64::max);
    println!("{model}: ln p(x) within {worst:.1e} nats on {} rows", x.count);
    (worst, x.count)
}

#[test]
fn densities_of_trained_flows_are_those_of_pytorch_in_f64() {
    for model in TRAINED {
        let (error, count) = worst_error(model);
        assert!(error <= FLOW && count > 100, "{model}: {error:e} nats");
    }
}

#[test]
fn a_cortex_m4_with_hard_float_computes_the_densities() {
    densities_on("qemu-m4");
}

#[test]
fn a_cortex_m3_with_soft_float_computes_the_densities() {
    densities_on("qemu-m3");
}

/// Every `ln p(x)` that the target computes has the twin's bits, and is PyTorch's.
fn densities_on(target: &str) {
    let target = Target::named(target).expect("a target of the table");
    let names = [TRAINED[0], TRAINED[1], TRAINED[2], LINEAR];
    let (_folder, compiled) = compiled(&names.map(load));
    let mut device = or_cure(Device::start(&target, &compiled, &path("firmware")));
    for (index, name) in names.into_iter().enumerate() {
        or_cure(device.select(index));
        let (plan, (x, goldens)) = (flow(name), test_set(name));
        let mut twin = Twin::new(&plan);
        let (mut worst, mut painted) = (0.0, 0);
        for (row, golden) in goldens.iter().enumerate() {
            let (found, spent) = or_cure(device.log_prob(row as u64, x.row(row)));
            let (base, log_det) = terms(&mut twin, x.row(row));
            assert_eq!(found.to_bits(), (base + log_det).to_bits(), "{name} row {row}");
            worst = f64::max(worst, (f64::from(found) - golden).abs());
            painted = painted.max(spent.stack_bytes.expect("it is painted"));
        }
        println!(
            "{name} on {}: ln p(x) within {worst:.1e} nats of float64 on {} rows",
            target.name, x.count
        );
        assert!(worst <= if name == LINEAR { LINEAR_FLOW } else { FLOW }, "{name}: {worst:e} nats");
        let bound = or_cure(device.footprint(index)).log_prob.expect("a density").stack_bytes;
        let bound = bound.expect("a closed bound");
        assert!(painted <= bound, "{name}: {painted} bytes of stack, {bound} promised");
    }
    or_cure(device.finish());
}

#[test]
fn a_density_of_two_values_integrates_to_one() {
    const SIDE: usize = 151;
    const EDGE: f64 = 4.5;
    let plan = flow("moons_spline");
    let mut twin = Twin::new(&plan);
    let step = 2.0 * EDGE / (SIDE - 1) as f64;
    let at = |index: usize| (index as f64 * step - EDGE) as f32;
    let (mut mass, mut without_volume) = (0.0, 0.0);
    for point in 0..SIDE * SIDE {
        let (base, log_det) = terms(&mut twin, &[at(point / SIDE), at(point % SIDE)]);
        mass += f64::from(base + log_det).exp() * step * step;
        without_volume += f64::from(base).exp() * step * step;
    }
    println!("the density integrates to {mass:.6}, without its log_det to {without_volume:.3}");
    assert!((mass - 1.0).abs() <= INTEGRAL, "{mass}");
    assert!((without_volume - 1.0).abs() > 100.0 * INTEGRAL, "log_det makes no difference");
}

#[test]
fn a_linear_flow_has_the_evidence_of_probabilistic_pca_on_real_data() {
    let (error, count) = worst_error(LINEAR);
    assert!(error <= LINEAR_FLOW && count > 30, "{error:e} nats");
}

/// Weights, bias and `log_det` of `z = L^-1 (x - mean)`, where `L L^T = W W^T + variance I`; `w` is
/// `[D][K]`.
fn whitening(w: &[&[f64]], variance: f64, mean: &[f64]) -> (Vec<f32>, Vec<f32>, f32) {
    let dim = w.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut l = vec![vec![0.0; dim]; dim];
    for i in 0..dim {
        for j in 0..=i {
            let noise = if i == j { variance } else { 0.0 };
            let rest = dot(w[i], w[j]) + noise - dot(&l[i][..j], &l[j][..j]);
            l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
        }
    }
    let mut inverse: Vec<Vec<f64>> = Vec::new();
    for (i, row) in l.iter().enumerate() {
        let mut next = vec![0.0; dim];
        next[i] = 1.0;
        for (factor, above) in row.iter().zip(&inverse) {
            next.iter_mut().zip(above).for_each(|(value, above)| *value -= factor * above);
        }
        next.iter_mut().for_each(|value| *value /= row[i]);
        inverse.push(next);
    }
    let bias = inverse.iter().map(|row| -dot(row, mean) as f32).collect();
    let log_det = -(0..dim).map(|i| l[i][i].ln()).sum::<f64>() as f32;
    (inverse.concat().into_iter().map(|value| value as f32).collect(), bias, log_det)
}

/// `x = W z + noise`, an observation, and its `ln p(x)` by the closed form of the marginal, ten digits.
struct Linear {
    w: &'static [&'static [f64]],
    variance: f64,
    x: &'static [f32],
    evidence: f64,
}

#[test]
fn linear_flows_have_the_evidence_of_linear_gaussian_models() {
    let cases = [
        Linear { w: &[&[1.0], &[2.0]], variance: 1.0, x: &[1.0, 1.0], evidence: -2.983_756_801_0 },
        Linear {
            w: &[&[1.0, 1.0], &[0.0, 1.0], &[1.0, 0.0]],
            variance: 0.5,
            x: &[1.0, -1.0, 0.5],
            evidence: -4.417_927_476_2,
        },
    ];
    // Where everything is moved, the density moves with it.
    for (case, shift) in cases.iter().flat_map(|case| [(case, 0.0), (case, 0.75)]) {
        let Linear { w, variance, x, evidence } = case;
        let (weights, bias, log_det) = whitening(w, *variance, &vec![shift; x.len()]);
        let mut graph = Builder::new("flow");
        let input = graph.input("x", &[1, x.len()]);
        let z = graph.linear(input, &weights, &bias);
        let log_det = graph.constant(&[1], &[log_det]);
        graph.output("z", z);
        graph.output("log_det", log_det);
        let plan = lower(&graph.graph, &[0, 1]).expect("a flow");
        let x: Vec<f32> = x.iter().map(|value| value + shift as f32).collect();
        let (base, log_det) = terms(&mut Twin::new(&plan), &x);
        let error = (f64::from(base + log_det) - evidence).abs();
        assert!(error <= LINEAR_FLOW, "{} for {evidence}", base + log_det);
    }
}
