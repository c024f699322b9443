//! One of several classes at every place; classes lie on the leading axis.

use super::events::weighted;
use super::runs::pairs;
use crate::distributions::sum::{Sum, sum};
use crate::math::{exp_exact, ln, max};
use crate::pieces::{pieces, pieces_mut};

/// Places, if `len` values are `classes` of each.
#[inline]
fn places(len: usize, classes: usize) -> Option<usize> {
    let places = len.checked_div(classes)?;
    (places * classes == len).then_some(places)
}

/// The values of one place, class by class.
#[inline]
fn at(values: &[f32], places: usize, place: usize) -> impl Iterator<Item = f32> {
    pieces(values, places).filter_map(move |of_class| of_class.get(place).copied())
}

#[inline]
pub(super) fn log_prob(x: &[f32], p: &[f32], classes: usize) -> Option<f32> {
    places(x.len(), classes)?;
    Some(sum(pairs(x, p).map(|(x, p)| weighted(x, ln(p)))))
}

#[inline]
pub(super) fn score(x: &[f32], p: &[f32], classes: usize, grad: &mut [f32]) -> Option<()> {
    places(x.len(), classes)?;
    for ((x, p), grad) in pairs(x, p).zip(grad) {
        *grad = weighted(x, 1.0 / p);
    }
    Some(())
}

/// Largest logit of a place, and the logarithm of the sum of the exponentials less it.
#[inline]
fn normalizer(logits: &[f32], places: usize, place: usize) -> [f32; 2] {
    let largest = at(logits, places, place).fold(f32::NEG_INFINITY, max);
    let total = sum(at(logits, places, place).map(|logit| exp_exact(logit - largest)));
    [largest, ln(total)]
}

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

/// `x - (sum of the place's x) softmax(l)`
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
