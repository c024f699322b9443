//! What backward passes cost: work and memory.

use super::central::graphs;
use elbow::lower::{Buffer, Kernel, Plan, Step};
use elbow::stages::{import_onnx, log_likelihood_gradient, lower};
use elbow_core::distributions::Family;
use elbow_core::kernels::ConvShape;
use std::collections::HashSet;
use std::ops::Range;

/// Decoders, and the gradients of their likelihoods, as they are followed on a device.
fn decoders() -> Vec<(String, Plan, Plan)> {
    let decoders = graphs().into_iter().filter(|(name, _)| name.contains("decoder"));
    let plans = decoders.filter_map(|(name, onnx)| {
        let graph = import_onnx(&onnx).ok()?;
        let forward = lower(&graph, &[0]).ok()?;
        let (family, log_scale) = (Family::Gaussian, [Some(&[0.0][..])]);
        let both = log_likelihood_gradient(&graph, &[0], &[0], family, &log_scale);
        Some((name, forward, both.expect("it has a gradient")))
    });
    plans.collect()
}

/// Products, and one operation for each value that a step without such writes.
fn cost(plan: &Plan) -> usize {
    let step = |step: &Step| match &step.kernel {
        Kernel::Conv { shape, .. } | Kernel::ConvDepthwise { shape, .. } => {
            let own = shape.channels / shape.groups;
            shape.filters * own * taps_inside(shape, 0) * taps_inside(shape, 1)
        }
        _ => step.macs.max(step.shape.iter().product()),
    };
    plan.steps.iter().map(step).sum()
}

/// Taps along an axis of all outputs that do not fall into the padding, where the kernel computes nothing.
fn taps_inside(s: &ConvShape, axis: usize) -> usize {
    let at = |output: usize, tap: usize| {
        (output * s.strides[axis] + tap * s.dilations[axis]).checked_sub(s.pads[axis])
    };
    let inside = |&(output, tap): &(usize, usize)| {
        at(output, tap).is_some_and(|index| index < s.input[axis])
    };
    let all = (0..s.output[axis]).flat_map(|output| (0..s.kernel[axis]).map(move |t| (output, t)));
    all.filter(inside).count()
}

/// Values in the arena that the backward pass, which starts with the score, reads of the forward pass.
fn stored(plan: &Plan) -> usize {
    let starts = |step: &Step| matches!(step.kernel, Kernel::Score { .. });
    let end = plan.steps.iter().position(starts).expect("it has a backward pass");
    let arena = |buffer: &Buffer| match buffer {
        Buffer::Arena(range) => Some(range.clone()),
        _ => None,
    };
    let (mut kept, mut overwritten): (HashSet<Range<usize>>, Vec<Range<usize>>) =
        Default::default();
    for step in &plan.steps[end..] {
        for range in step.sources.iter().filter_map(arena) {
            let is_new =
                |other: &Range<usize>| other.end <= range.start || range.end <= other.start;
            if overwritten.iter().all(is_new) {
                kept.insert(range);
            }
        }
        overwritten.extend(step.outputs.iter().filter_map(arena));
    }
    kept.iter().map(Range::len).sum()
}

fn largest(plan: &Plan) -> usize {
    plan.steps.iter().map(|step| step.shape.iter().product()).max().unwrap_or(0)
}

#[test]
fn a_gradient_costs_at_most_three_decoder_passes() {
    for (name, forward, both) in decoders() {
        let ratio = cost(&both) as f64 / cost(&forward) as f64;
        println!("{name:40} {:>9} {:>9} {ratio:.2}", cost(&forward), cost(&both));
        assert!(ratio <= 3.0, "{name}: {ratio:.2}");
    }
}

#[test]
fn memory_is_that_of_stored_activations_and_two_layers() {
    let decoders = decoders();
    for (name, forward, both) in &decoders {
        let (stored, largest) = (stored(both), largest(forward));
        let limit = stored + 2 * largest;
        println!("{name:40} {:>7} of {stored} + 2 * {largest} = {limit}", both.arena);
        assert!(both.arena <= limit, "{name}: {} of {limit}\n{both}", both.arena);
    }
    assert!(decoders.len() >= 12, "{}", decoders.len());
}

/// Filters of convolutions are stored once more, in the order of the transposed one; of dense layers only
/// the logarithm of the scale follows.
#[test]
fn weights_begin_with_the_decoders_and_no_matrix_follows() {
    for (name, forward, both) in decoders() {
        let (own, more) = both.weights.split_at(forward.weights.len());
        println!("{name:40} {} and {}", own.len(), more.len());
        assert_eq!(own, forward.weights, "{name}");
        let is_dense = !forward.steps.iter().any(|step| step.op.starts_with("Conv"));
        assert!(!is_dense || more == [0.0], "{name}: {} more", more.len());
    }
}
