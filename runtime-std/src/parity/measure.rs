//! The measure by which an output is judged.

use super::tolerance::STEP_ROUNDING;
use crate::ir::{Graph, Op, ValueId};
use serde::Serialize;

/// How the distance of an output from its reference is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputMeasure {
    /// A head of the posterior: by the divergence.
    Nats,
    /// An output of a quantized file: in steps of its own format.
    Steps,
    /// By value, relative to `max(1, |reference|)`.
    Relative,
}

/// Distances of a quantized output from its reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepDistances {
    /// The step: the scale of the output's last rounding; where another operator follows it, 1/255 of the
    /// reference's range.
    pub step: f64,
    /// Share of the values that are within one step.
    pub within_one: f64,
    /// The largest distance in steps.
    pub max: f64,
}

impl StepDistances {
    /// Distances of `target` from `reference` in units of `step`, or without one of 1/255 of the reference's
    /// range (different values are infinitely far apart where that is 0). Equal infinities are at distance 0;
    /// a NaN in either counts as not within one step and makes `max` NaN. Both have the same length; of no
    /// values the share is 0.
    pub fn of(reference: &[f32], target: &[f32], step: Option<f32>) -> Self {
        let step = step.map_or_else(|| range(reference) / 255.0, f64::from);
        let distance = |(a, b): (&f32, &f32)| match a == b {
            true => 0.0,
            false => (f64::from(*a) - f64::from(*b)).abs() / step,
        };
        let distances = reference.iter().zip(target).map(distance);
        let within = distances.clone().filter(|steps| *steps <= 1.0 + STEP_ROUNDING).count();
        let worse = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
        Self {
            step,
            within_one: within as f64 / reference.len().max(1) as f64,
            max: distances.fold(0.0, worse),
        }
    }
}

/// Largest less least value, NaN ignored; minus infinity of no values.
fn range(values: &[f32]) -> f64 {
    let (least, most) = values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), value| (a.min(*value), b.max(*value)));
    f64::from(most) - f64::from(least)
}

/// The scale of the rounding that makes `value`, looked for through nodes that only move values; `None` where
/// another node or an input comes first.
pub fn output_step(graph: &Graph, mut value: ValueId) -> Option<f32> {
    loop {
        let node = graph.nodes.iter().find(|node| node.output == value)?;
        match node.op {
            Op::Round(format) => return Some(format.scale),
            Op::Reshape | Op::Transpose { .. } | Op::Slice { .. } | Op::Expand => {
                value = *node.inputs.first()?;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_steps() {
        let reference = [0.0, 1.0, 2.0, f32::INFINITY];
        let near = StepDistances::of(&reference, &[0.5, 1.0, 1.5, f32::INFINITY], Some(0.5));
        assert_eq!(near, StepDistances { step: 0.5, within_one: 1.0, max: 1.0 });
        let far = StepDistances::of(&reference, &[1.25, 1.0, 2.0, f32::INFINITY], Some(0.5));
        assert_eq!(far, StepDistances { step: 0.5, within_one: 0.75, max: 2.5 });
        let broken = StepDistances::of(&reference, &[f32::NAN, 1.0, 2.0, 0.0], Some(0.5));
        assert!(broken.max.is_nan() && broken.within_one == 0.5, "{broken:?}");
        assert_eq!(StepDistances::of(&[-1.0, 4.1], &[-1.0, 4.1], None).step, 5.1f32 as f64 / 255.0);
    }
}
