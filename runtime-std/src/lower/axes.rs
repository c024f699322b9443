//! Boxes of elements that a copy walks: axes with a step in source and target, merged where possible.

use elbow_core::kernels::{AXES, Along, Strided};
use std::ops::Range;

/// One axis of a box: its length, and the steps between neighbours in the source and in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StridedAxis {
    pub(super) len: usize,
    pub(super) from: isize,
    pub(super) to: isize,
}

/// Attributes of a pooling layer, per spatial axis.
#[derive(Clone, Copy)]
pub(super) struct PoolAttributes<'n> {
    pub(super) kernel: &'n [usize],
    pub(super) strides: &'n [usize],
    pub(super) dilations: &'n [usize],
    pub(super) pads: &'n [usize],
    pub(super) pads_end: &'n [usize],
}

/// Number of elements between neighbours along each axis of a row-major tensor of `shape`: 1 for the last
/// axis; empty for a shape without axes.
pub(super) fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis] as isize;
    }
    steps
}

/// Row-major steps of a tensor of shape `from` that is broadcast to `shape`, one per axis of `shape`: 0 along
/// the axes that repeat it. `shape` has at least as many axes.
pub(super) fn broadcast(from: &[usize], shape: &[usize]) -> Vec<isize> {
    let steps =
        from.iter().zip(row_major(from)).map(|(&len, step)| if len == 1 { 0 } else { step });
    std::iter::repeat_n(0, shape.len() - from.len()).chain(steps).collect()
}

/// Axes of a box, outermost first, from its lengths and its steps in source and target: axes of length 1 are
/// dropped, and neighbours that can be walked as one axis are merged. Empty for a box of one element. All
/// three have one entry per axis.
pub(super) fn collapse(shape: &[usize], from: &[isize], to: &[isize]) -> Vec<StridedAxis> {
    let mut axes: Vec<StridedAxis> = Vec::new();
    for ((&len, &from), &to) in shape.iter().zip(from).zip(to).filter(|((len, _), _)| **len != 1) {
        let inner = StridedAxis { len, from, to };
        match axes.last_mut() {
            Some(outer) if outer.continues(&inner) => {
                *outer = StridedAxis { len: outer.len * inner.len, ..inner };
            }
            _ => axes.push(inner),
        }
    }
    axes
}

impl StridedAxis {
    /// Whether a step along this axis equals `inner.len` steps along `inner`, in source and target, so that
    /// both are one axis.
    fn continues(&self, inner: &Self) -> bool {
        let len = inner.len as isize;
        self.from == inner.from * len && self.to == inner.to * len
    }
}

/// Lengths, source steps and target steps of `axes`, with axes of length 1 in front up to `AXES`; `None` if
/// there are more than that. Target steps are not negative.
pub(super) fn padded(
    axes: &[StridedAxis],
) -> Option<([usize; AXES], [isize; AXES], [usize; AXES])> {
    let unit = AXES.checked_sub(axes.len())?;
    let (mut dims, mut from, mut to) = ([1; AXES], [0; AXES], [0; AXES]);
    for (at, axis) in axes.iter().enumerate() {
        (dims[unit + at], from[unit + at], to[unit + at]) = (axis.len, axis.from, axis.to as usize);
    }
    Some((dims, from, to))
}

/// The copy along `axes` that begins at these indices of source and target, with target steps that are not
/// negative; `None` if there are more axes than `AXES`.
pub(super) fn strided(axes: &[StridedAxis], from_start: usize, to_start: usize) -> Option<Strided> {
    let (dims, from, to) = padded(axes)?;
    Some(Strided { dims, from, from_start, to, to_start })
}

/// Whether the box is one element, or one axis of step 1 in source and target: a plain copy.
pub(super) fn is_contiguous(axes: &[StridedAxis]) -> bool {
    matches!(axes, [] | [StridedAxis { from: 1, to: 1, .. }])
}

/// The shape as three lengths: the product of the axes before the range `axes`, of those in it, and of those
/// after it.
pub(super) fn along(shape: &[usize], axes: Range<usize>) -> Along {
    let len = |axes: &[usize]| axes.iter().product();
    Along {
        outer: len(&shape[..axes.start]),
        len: len(&shape[axes.clone()]),
        inner: len(&shape[axes.end..]),
    }
}
