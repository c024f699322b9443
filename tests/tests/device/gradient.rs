//! What a gradient costs on emulated boards, in instructions.

use elbow::device::{Device, Target};
use elbow::lower::Plan;
use elbow::model::{Graphs, Model};
use elbow::twin::Twin;
use elbow_tests::fixtures::path;
use elbow_tests::gradients::trained;
use elbow_tests::images::{compiled, or_cure};

/// Passes of the decoder that a gradient may take.
const PASSES: f64 = 3.0;

fn model(name: String, plan: Plan) -> Model {
    Model {
        name,
        graphs: Graphs::Bare(plan),
        window: None,
        score: None,
        missing: Vec::new(),
        calibration: None,
    }
}

/// Instructions of one run, whose outputs have the twin's bits.
fn instructions(device: &mut Device, index: usize, plan: &Plan, inputs: &[&[f32]]) -> u64 {
    or_cure(device.select(index));
    let (found, spent) = or_cure(device.run(0, &inputs.concat()));
    let expected = Twin::new(plan).run(inputs).expect("it fits");
    let bits = |values: &[Vec<f32>]| -> Vec<u32> {
        values.concat().iter().map(|value| value.to_bits()).collect()
    };
    assert_eq!(bits(&found), bits(&expected), "{}", plan.name);
    spent.instructions
}

/// Decoder and gradient of each trained model, both as graphs without roles.
fn costs(target: &str) {
    let target = Target::named(target).expect("a target of the table");
    let models = trained();
    let both = models.iter().flat_map(|trained| {
        let name = trained.name;
        [
            model(format!("{name} decoder"), trained.decoder.plan.clone()),
            model(format!("{name} gradient"), trained.plan.clone()),
        ]
    });
    let (_folder, images) = compiled(&both.collect::<Vec<_>>());
    let mut device = or_cure(Device::start(&target, &images, &path("firmware")));
    let mut wrong = Vec::new();
    for (index, trained) in models.iter().enumerate() {
        let (z, x) = (trained.zs.row(0), trained.xs.row(0));
        let forward = instructions(&mut device, 2 * index, &trained.decoder.plan, &[z]);
        let both = instructions(&mut device, 2 * index + 1, &trained.plan, &[z, x]);
        let passes = both as f64 / forward as f64;
        println!(
            "{:20} {}: {forward} and {both} instructions, {passes:.2}",
            trained.name, target.name
        );
        if passes > PASSES {
            wrong.push(format!("{}: {passes:.2}", trained.name));
        }
    }
    or_cure(device.finish());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_gradient_takes_three_decoder_passes_on_a_cortex_m4() {
    costs("qemu-m4");
}

#[test]
fn a_gradient_takes_three_decoder_passes_on_a_cortex_m3() {
    costs("qemu-m3");
}
