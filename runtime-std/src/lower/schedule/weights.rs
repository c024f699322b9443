//! Constants in the layouts that kernels read.

use crate::ir::ValueId;
use elbow_core::kernels::{ConvTransposeShape, PANEL};
use std::collections::HashMap;
use std::ops::Range;

/// All weights of a plan, in the order in which they were packed. A constant that is used twice in one form
/// is stored once; constants that merely have equal values are stored apart, so that new weights of the same
/// model keep the same places.
#[derive(Default)]
pub(super) struct Weights {
    pub(super) values: Vec<f32>,
    places: HashMap<Constant, Range<usize>>,
}

/// What is stored: constants, and how they were rearranged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Constant {
    /// As it is.
    Raw(ValueId),
    /// This many zeros.
    Zeros(usize),
    /// Panels of a matrix that was scaled by a number of these bits.
    Panels { matrix: ValueId, transposed: bool, alpha: u32 },
    /// A bias for this many outputs, scaled by a number of these bits.
    Bias { bias: ValueId, outputs: usize, beta: u32 },
    /// Panels of a recurrent layer's matrices, gate by gate.
    Gates(ValueId),
    /// Panels of filters, group by group.
    Filters(ValueId),
    /// Filters of a transposed convolution of this shape, phase by phase.
    Phases { filters: ValueId, shape: ConvTransposeShape },
    /// Numbers of these bits.
    Factors(Vec<u32>),
    /// Scales of a normalization, from its operands.
    Scale(Vec<ValueId>),
    /// Shifts of a normalization, from its operands.
    Shift(Vec<ValueId>),
    /// Integer weights of the layer that gives a value, from this output on; the place where a phase of
    /// a transposed convolution starts tells it from the others.
    Integers { gives: ValueId, output: usize, phase: usize },
    /// Biases and multipliers of such a layer, likewise.
    Outputs { gives: ValueId, output: usize, phase: usize },
    /// Table of the function that gives a value.
    Table(ValueId),
}

impl Weights {
    /// Range of the weights that holds this form, in words; `None` if it is not packed.
    pub(super) fn place(&self, form: &Constant) -> Option<Range<usize>> {
        self.places.get(form).cloned()
    }

    /// Range of the weights that holds this form, in words; where it is new, what `make` gives is appended.
    pub(super) fn pack(&mut self, form: Constant, make: impl FnOnce() -> Vec<f32>) -> Range<usize> {
        let Self { values, places } = self;
        let place = places.entry(form).or_insert_with(|| {
            let start = values.len();
            values.extend(make());
            start..values.len()
        });
        place.clone()
    }
}

/// Rows of `len` values as panels of `PANEL` rows, in each of which the rows are interleaved:
/// `[panel][len][PANEL]`. The last panel is padded with zeros. Empty for a `len` of 0.
pub(super) fn panels(rows: &[f32], len: usize) -> Vec<f32> {
    let mut packed = Vec::with_capacity(rows.len().next_multiple_of(PANEL * len.max(1)));
    for panel in rows.chunks((PANEL * len).max(1)) {
        for column in 0..len {
            let lane = |row: usize| panel.get(row * len + column).copied().unwrap_or(0.0);
            packed.extend((0..PANEL).map(lane));
        }
    }
    packed
}

/// The row-major `[rows][columns]` matrix as `[columns][rows]`.
pub(super) fn transposed(matrix: &[f32], columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| matrix.iter().skip(column).step_by(columns).copied()).collect()
}
