//! The values of a graph's tensors on calibration rows.

use crate::Result;
use crate::lower::plan::Plan;
use crate::rows::{Batch, run_twin_observed};
use std::collections::{HashMap, HashSet};

/// Rows that choose formats and weights.
#[derive(Clone, Copy, Debug)]
pub struct Calibration<'r> {
    /// The inputs of the graph.
    pub batch: &'r Batch,
    /// Pairs of state input and output of the graph's plan, where rows are calls one after another.
    pub states: &'r [(usize, usize)],
}

/// Values of all rows, one row after another, by name.
pub(super) type Observed = HashMap<String, Vec<f32>>;

/// The values with these names on every row of `data`, as floats whatever their encoding: of inputs, and of
/// every result that a step of the plan completes. Other names are left out.
///
/// # Errors
///
/// As for `run_twin_observed`.
pub(super) fn observe(plan: &Plan, data: Calibration, names: &HashSet<&str>) -> Result<Observed> {
    let mut observed = Observed::new();
    for input in data.batch.inputs.iter().filter(|input| names.contains(input.name.as_str())) {
        let len = data.batch.len * input.shape.iter().product::<usize>();
        observed.insert(input.name.clone(), input.values[..len].to_vec());
    }
    run_twin_observed(plan, data.states, data.batch, |step, outputs| {
        for given in step.completes.iter().filter(|given| names.contains(given.value.as_str())) {
            let words = outputs[given.output];
            let values = observed.entry(given.value.clone()).or_default();
            match &given.encoding {
                Some(encoding) => values.extend(encoding.floats(words)),
                None => values.extend(words),
            }
        }
    })?;
    Ok(observed)
}
