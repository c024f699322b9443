//! Neural spline flows as zuko and nflows export them, from both exporters, in both directions: their
//! log-densities on the twin and on an emulated core are those of PyTorch in float64.

use elbow::device::{Device, Target};
use elbow::import::Options;
use elbow::lower::Plan;
use elbow::model::{Graphs, Loaded, Model};
use elbow::twin::Twin;
use elbow_core::distributions::standard_log_prob;
use elbow_tests::fixtures::{Rows, path, rows};
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::tolerance::FLOW;

const FLOWS: [&str; 11] = [
    "nflows_autoregressive.dynamo",
    "nflows_autoregressive.torchscript",
    "nflows_coupling.dynamo",
    "nflows_coupling.torchscript",
    "nflows_coupling_inverse.torchscript",
    "nflows_unconditional.torchscript",
    "zuko_autoregressive.dynamo",
    "zuko_autoregressive.torchscript",
    "zuko_autoregressive_inverse.dynamo",
    "zuko_coupling.dynamo",
    "zuko_coupling_inverse.dynamo",
];

fn load(flow: &str) -> Model {
    let folder = path("tests/splines").join(flow);
    let loaded = Loaded::read(&folder, None, &Options::default());
    loaded.unwrap_or_else(|error| panic!("{flow}: {error}")).model
}

fn plan(flow: &str) -> Plan {
    match load(flow).graphs {
        Graphs::Flow(flow) if flow.has_log_prob() => flow.plan,
        other => panic!("{flow}: expected a flow with its density, found {other:?}"),
    }
}

/// Rows, and `ln N(z; 0, I) + ln |det dz/dx|` of each by PyTorch in float64.
fn test_set(flow: &str) -> (Rows, Vec<f64>) {
    let folder = path("tests/splines").join(flow);
    let bytes = std::fs::read(folder.join("log_prob.npy")).expect("goldens");
    let goldens = npyz::NpyFile::new(&bytes[..]).expect("an .npy file");
    let goldens: Vec<f64> = goldens.into_vec().expect("float64");
    let x = rows(&folder.join("test.npy"));
    assert!(x.count == goldens.len() && x.count >= 64);
    (x, goldens)
}

fn log_prob(twin: &mut Twin<'_>, x: &[f32]) -> f32 {
    let outputs = twin.run(&[x]).expect("it fits");
    standard_log_prob(&outputs[0]) + outputs[1][0]
}

/// Some rows lie beyond the splines, whose values there must not reach the result.
#[test]
fn densities_are_those_of_pytorch_in_f64() {
    for flow in FLOWS {
        let (plan, (x, goldens)) = (plan(flow), test_set(flow));
        assert!(x.values.iter().any(|x| x.abs() > 5.0) && x.values.iter().any(|x| x.abs() < 3.0));
        let mut twin = Twin::new(&plan);
        let errors = goldens
            .iter()
            .enumerate()
            .map(|(row, golden)| (f64::from(log_prob(&mut twin, x.row(row))) - golden).abs());
        let worst = errors.inspect(|error| assert!(error.is_finite())).fold(0.0, f64::max);
        println!("{flow}: within {worst:.1e} nats on {} rows", x.count);
        assert!(worst <= FLOW, "{flow}: {worst:e} nats");
    }
}

#[test]
fn a_cortex_m4_with_hard_float_computes_the_densities() {
    let target = Target::named("qemu-m4").expect("a target of the table");
    let (_folder, compiled) = compiled(&FLOWS.map(load));
    let mut device = or_cure(Device::start(&target, &compiled, &path("firmware")));
    for (index, flow) in FLOWS.into_iter().enumerate() {
        or_cure(device.select(index));
        let (plan, (x, goldens)) = (plan(flow), test_set(flow));
        let mut twin = Twin::new(&plan);
        let mut worst = 0.0;
        for (row, golden) in goldens.iter().enumerate() {
            let (found, _) = or_cure(device.log_prob(row as u64, x.row(row)));
            assert_eq!(found.to_bits(), log_prob(&mut twin, x.row(row)).to_bits(), "{flow} {row}");
            worst = f64::max(worst, (f64::from(found) - golden).abs());
        }
        println!("{flow} on {}: within {worst:.1e} nats on {} rows", target.name, x.count);
        assert!(worst <= FLOW, "{flow}: {worst:e} nats");
    }
    or_cure(device.finish());
}
