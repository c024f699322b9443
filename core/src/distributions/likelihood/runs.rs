//! Runs of successive values that have their parameters in common.

use super::Likelihood;
use crate::pieces::pieces;
use core::iter::repeat_n;

/// Stands for a parameter that the family does not have.
const ABSENT: &[f32] = &[0.0];

/// The parameters of a likelihood, and how many successive values of the observation each stands for.
pub(super) struct Runs<'a> {
    parameters: [&'a [f32]; 2],
    /// Values of a run.
    pub(super) len: usize,
    /// Runs that one value of each parameter stands for.
    pub(super) each: [usize; 2],
}

impl<'a> Runs<'a> {
    /// The runs of an observation of `values` values; `None` where a parameter of the family is empty, its
    /// length does not divide `values`, or the shorter of two does not divide the longer. A parameter that
    /// the family does not have is taken as one 0, whatever `likelihood` holds there.
    #[inline]
    pub(super) fn of(likelihood: &Likelihood<'a>, values: usize) -> Option<Self> {
        let [a, b] = likelihood.parameters;
        let parameters = match likelihood.family.parameters().len() {
            0 => [ABSENT; 2],
            1 => [a, ABSENT],
            _ => [a, b],
        };
        let lens = parameters.map(<[f32]>::len);
        let [first, second] = lens;
        let runs = first.max(second);
        let len = values.checked_div(runs)?;
        let each = [runs.checked_div(first)?, runs.checked_div(second)?];
        let [of_first, of_second] = each;
        let fits = len * runs == values && of_first * first == runs && of_second * second == runs;
        fits.then_some(Self { parameters, len, each })
    }

    /// For each run, in order: its two parameters, its values of `x`, and its values of `mean`. Both slices
    /// have the length that [`of`](Self::of) was called with; of shorter ones the last runs are missing.
    #[inline]
    pub(super) fn of_values<'x>(
        &self,
        x: &'x [f32],
        mean: &'x [f32],
    ) -> impl Iterator<Item = ([f32; 2], &'x [f32], &'x [f32])> + use<'a, 'x> {
        let ([a, b], [of_a, of_b]) = (self.parameters, self.each);
        let parameters = repeated(a, of_a).zip(repeated(b, of_b));
        let values = pieces(x, self.len).zip(pieces(mean, self.len));
        parameters.zip(values).map(|((a, b), (x, mean))| ([a, b], x, mean))
    }
}

/// Each value `times` times in succession, in order.
#[inline]
fn repeated(values: &[f32], times: usize) -> impl Iterator<Item = f32> {
    values.iter().flat_map(move |value| repeat_n(*value, times))
}

/// The pairs `(x_i, mean_i)` in order, as many as the shorter slice has.
#[inline]
pub(super) fn pairs<'a>(x: &'a [f32], mean: &'a [f32]) -> impl Iterator<Item = (f32, f32)> + 'a {
    x.iter().copied().zip(mean.iter().copied())
}
