//! Many rows through one plan.

use crate::error::Result;
use crate::lower::Plan;
use crate::twin::Twin;
use indicatif::ProgressIterator;

/// One input of a graph for every row.
#[derive(Clone, Debug)]
pub struct Rows {
    /// ONNX name.
    pub name: String,
    /// Shape of one row, batch axis included.
    pub shape: Vec<usize>,
    /// All rows, one after the other.
    pub values: Vec<f32>,
}

impl Rows {
    /// Values of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        let len: usize = self.shape.iter().product();
        &self.values[row * len..(row + 1) * len]
    }
}

/// The plan's outputs on the twin, all rows of each, in the plan's order.
///
/// `inputs` holds the plan's inputs and may hold more.
///
/// # Errors
///
/// As [`Twin::run`].
pub fn run_twin(plan: &Plan, inputs: &[Rows], rows: usize) -> Result<Vec<Vec<f32>>> {
    let mut twin = Twin::new(plan);
    let mut outputs: Vec<Vec<f32>> = vec![Vec::new(); plan.outputs.len()];
    let own =
        plan.inputs.iter().filter_map(|port| inputs.iter().find(|input| input.name == port.name));
    let own: Vec<&Rows> = own.collect();
    for row in (0..rows).progress_with(progress(rows, "twin")) {
        let tensors: Vec<&[f32]> = own.iter().map(|input| input.row(row)).collect();
        for (all, one) in outputs.iter_mut().zip(twin.run(&tensors)?) {
            all.extend(one);
        }
    }
    Ok(outputs)
}

/// A bar on stderr that is hidden where stderr is no terminal.
pub fn progress(rows: usize, what: &'static str) -> indicatif::ProgressBar {
    indicatif::ProgressBar::new(rows as u64).with_prefix(what)
}
