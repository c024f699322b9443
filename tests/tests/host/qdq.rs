//! Graphs that onnxruntime quantized: the twin's integers against onnxruntime's own outputs.

use elbow::lower::{Core, Integers, Plan};
use elbow::parity::arithmetic::{Arithmetic, layers, macs};
use elbow::stages::{given_integers, import_onnx, lower_with};
use elbow::twin::Twin;
use elbow_tests::fixtures::{Case, folders, path, rows};
use elbow_tests::tolerance::INT8_SHARE;
use std::collections::BTreeMap;

/// Ends of the folders whose weights need nine bits.
const UNSIGNED: &str = "_u8_weights";

/// Values that may be more than one output step off, of a thousand; none may be more than two.
const OFF_PER_MILLE: f64 = 1.0;
/// Room for the rounding of floats in a distance of whole steps.
const ROUNDING: f64 = 1e-3;

/// The step of every output of a case: the scale of the dequantizer that it ends in.
fn steps() -> BTreeMap<String, Vec<f64>> {
    let text = std::fs::read_to_string(path("tests/qdq/steps.toml")).expect("the list is there");
    toml::from_str(&text).expect("names with steps")
}

fn cases() -> Vec<Case> {
    let all = folders("tests/qdq");
    let cases: Vec<Case> = all.into_iter().filter(|case| case.name != "qoperator").collect();
    assert!(cases.len() >= 40, "{} graphs", cases.len());
    cases
}

/// The plan with the file's integers, its weights in the form of a core.
fn plan(case: &Case, core: Core) -> Plan {
    let graph = import_onnx(&case.onnx).unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let integers = given_integers(&graph).expect("it can be lowered").expect("it is quantized");
    let outputs: Vec<usize> = (0..graph.outputs.len()).collect();
    let plan = lower_with(&graph, &outputs, Some(&Integers { core, ..integers }));
    plan.unwrap_or_else(|error| panic!("{}: {error}", case.name))
}

/// All rows of every output.
fn run(case: &Case, plan: &Plan) -> Vec<Vec<f32>> {
    let input = rows(&case.inputs[0].1);
    let mut twin = Twin::new(plan);
    let mut outputs = vec![Vec::new(); plan.outputs.len()];
    for row in 0..input.count {
        let given = twin.run(&[input.row(row)]).expect("a row of the right length");
        outputs.iter_mut().zip(given).for_each(|(all, one)| all.extend(one));
    }
    outputs
}

#[test]
fn quantized_graphs_agree_with_onnxruntime_within_a_step() {
    let (steps, mut wrong) = (steps(), Vec::new());
    for case in cases() {
        let plan = plan(&case, Core::Plain);
        let outputs = run(&case, &plan);
        for ((at, values), step) in outputs.iter().enumerate().zip(&steps[&case.name]) {
            let golden = rows(&case.outputs[at]).values;
            assert_eq!(values.len(), golden.len(), "{} {at}", case.name);
            let step = if *step == 0.0 { golden_step(&golden) } else { *step };
            let distances = values.iter().zip(&golden);
            let distances = distances.map(|(a, b)| f64::from((a - b).abs()) / step);
            let off = distances.clone().filter(|distance| *distance > 1.0 + ROUNDING).count();
            let largest = distances.fold(0.0f64, f64::max);
            let share = 1000.0 * off as f64 / golden.len() as f64;
            println!(
                "{:32} {at}: {share:6.2} per mille beyond a step, largest {largest:.2} steps",
                case.name
            );
            if share > OFF_PER_MILLE || largest > 2.0 + ROUNDING {
                wrong.push(format!("{} {at}: {share} per mille, {largest} steps", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Of an output that ends in another operator: 1/255 of its range.
fn golden_step(golden: &[f32]) -> f64 {
    let (least, most) = golden
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), value| (a.min(*value), b.max(*value)));
    f64::from(most - least) / 255.0
}

#[test]
fn layers_of_quantized_graphs_run_with_integers() {
    let (mut integer, mut all) = (0, 0);
    for case in cases().iter().filter(|case| !case.name.ends_with(UNSIGNED)) {
        let plan = plan(case, Core::Plain);
        let other = plan.floats.iter().find(|own| !own.reason.contains("ties of a mean"));
        assert_eq!(other, None, "{}", case.name);
        let macs = macs(&plan);
        (integer, all) = (integer + macs.int8, all + macs.all);
    }
    let share = integer as f64 / all as f64;
    println!("{:.2} % of {all} multiply-accumulates use int8 weights", 100.0 * share);
    assert!(share >= INT8_SHARE, "{share}");
}

/// Weights that need nine bits from their zero point have no integer kernel: their layers run as the floats
/// that they stand for.
#[test]
fn weights_beyond_eight_signed_bits_are_said_to_run_in_f32() {
    let unsigned = |case: &&Case| case.name.ends_with(UNSIGNED);
    let mut floats = 0;
    for case in cases().iter().filter(unsigned) {
        let layers = layers(&plan(case, Core::Plain));
        for layer in layers.iter().filter(|layer| layer.macs > 0) {
            println!("{}: {} {layer}", case.name, layer.name);
            if layer.arithmetic == Arithmetic::F32 {
                let reason = layer.reason.as_deref().unwrap_or_default();
                assert!(reason.contains("S8 with zero point 0"), "{}: {layer}", case.name);
                floats += 1;
            }
        }
    }
    assert!(floats >= 3, "{floats} layers");
}

#[test]
fn every_form_of_the_weights_gives_the_same_bits() {
    for case in cases() {
        let bits = |core| -> Vec<Vec<u32>> {
            let outputs = run(&case, &plan(&case, core));
            outputs.iter().map(|all| all.iter().map(|value| value.to_bits()).collect()).collect()
        };
        let plain = bits(Core::Plain);
        assert_eq!(plain, bits(Core::Dsp), "{}: pairs", case.name);
        assert_eq!(plain, bits(Core::Helium), "{}: vectors", case.name);
    }
}

#[test]
fn operators_of_onnxruntime_are_refused_with_the_format_to_use() {
    let error = import_onnx(&path("tests/qdq/qoperator/model.onnx")).expect_err("refused");
    let text = error.to_string();
    assert!(text.contains("com.microsoft") && text.contains("QuantFormat.QDQ"), "{text}");
}
