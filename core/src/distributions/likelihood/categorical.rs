//! One of several classes at every place; classes lie on the leading axis.
//!
//! `x` and the decoder's output hold `classes * places` values, row-major, in the same order; all figures are
//! in nats.

use super::events::weighted;
use super::runs::pairs;
use crate::distributions::sum::{Sum, sum};
use crate::math::{exp_exact, ln, max};
use crate::pieces::{pieces, pieces_mut};

/// Number of places, `len / classes`; `None` where `classes` is 0 or does not divide `len`.
#[inline]
fn places(len: usize, classes: usize) -> Option<usize> {
    let places = len.checked_div(classes)?;
    (places * classes == len).then_some(places)
}

/// The values of one place, class by class: `values[class * places + place]`; none where `place` is not below
/// `places`.
#[inline]
fn at(values: &[f32], places: usize, place: usize) -> impl Iterator<Item = f32> {
    pieces(values, places).filter_map(move |of_class| of_class.get(place).copied())
}

/// `ln p(x | z) = sum x ln p` over all values, in nats, with `0 ln 0 = 0`; `p` is as long as `x`. NaN where a
/// probability is below 0 or NaN, or an `x` is NaN; `None` where `classes` is 0 or does not divide the length
/// of `x`.
#[inline]
pub(super) fn log_prob(x: &[f32], p: &[f32], classes: usize) -> Option<f32> {
    places(x.len(), classes)?;
    Some(sum(pairs(x, p).map(|(x, p)| weighted(x, ln(p)))))
}

/// Writes the derivative of `log_prob` with respect to each probability, `x / p`, to `grad`; 0 where `x` and
/// `p` are 0. `p` and `grad` are as long as `x`. `None`, with `grad` unchanged, where `classes` is 0 or does
/// not divide that length.
#[inline]
pub(super) fn score(x: &[f32], p: &[f32], classes: usize, grad: &mut [f32]) -> Option<()> {
    places(x.len(), classes)?;
    for ((x, p), grad) in pairs(x, p).zip(grad) {
        *grad = weighted(x, 1.0 / p);
    }
    Some(())
}

/// `[largest, rest]`: the largest logit of a place, and `ln sum e^(logit - largest)` over its classes; their
/// sum is the log-sum-exp. `rest` is NaN where a logit is NaN or plus infinity, or all are minus infinity.
#[inline]
fn normalizer(logits: &[f32], places: usize, place: usize) -> [f32; 2] {
    let largest = at(logits, places, place).fold(f32::NEG_INFINITY, max);
    let total = sum(at(logits, places, place).map(|logit| exp_exact(logit - largest)));
    [largest, ln(total)]
}

/// `ln p(x | z) = sum x (l - max l - ln sum e^(l - max l))` over the classes of all places, in nats, with
/// `0 * infinity = 0`. `logits` are as long as `x`. NaN where a logit is NaN or plus infinity; `None` where
/// `classes` is 0 or does not divide the length of `x`.
#[inline]
pub(super) fn logit_log_prob(x: &[f32], logits: &[f32], classes: usize) -> Option<f32> {
    let places = places(x.len(), classes)?;
    let total = (0..places).fold(Sum::ZERO, |total, place| {
        let [largest, rest] = normalizer(logits, places, place);
        let classes = at(x, places, place).zip(at(logits, places, place));
        classes.fold(total, |total, (x, logit)| total.add(weighted(x, logit - largest - rest)))
    });
    Some(total.value())
}

/// Writes the derivative of `logit_log_prob` with respect to each logit,
/// `x - (sum of the place's x) softmax(l)`, to `grad`. `logits` and `grad` are as long as `x`. `None`, with
/// `grad` unchanged, where `classes` is 0 or does not divide that length.
#[inline]
pub(super) fn logit_score(
    x: &[f32],
    logits: &[f32],
    classes: usize,
    grad: &mut [f32],
) -> Option<()> {
    let places = places(x.len(), classes)?;
    for place in 0..places {
        let [largest, rest] = normalizer(logits, places, place);
        let weight = sum(at(x, places, place));
        let values = at(x, places, place).zip(at(logits, places, place));
        let grads = pieces_mut(grad, places).filter_map(|of_class| of_class.get_mut(place));
        for ((x, logit), grad) in values.zip(grads) {
            *grad = x - weight * exp_exact(logit - largest - rest);
        }
    }
    Some(())
}
