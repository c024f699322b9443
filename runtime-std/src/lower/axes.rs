//! Boxes that are walked: axes with a step on either side, and their shortest description.

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

/// Steps between neighbours along each axis of a row-major tensor.
pub(super) fn row_major(shape: &[usize]) -> Vec<isize> {
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis] as isize;
    }
    steps
}

/// Steps of a tensor that is broadcast to `shape`: 0 along the axes that repeat it.
pub(super) fn broadcast(from: &[usize], shape: &[usize]) -> Vec<isize> {
    let steps =
        from.iter().zip(row_major(from)).map(|(&len, step)| if len == 1 { 0 } else { step });
    std::iter::repeat_n(0, shape.len() - from.len()).chain(steps).collect()
}

/// Pairs up a box's lengths with its steps; axes of length 1 go, and those that can be walked as one
/// become one.
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
    /// Whether a step along this axis is the step after the last one along `inner`.
    fn continues(&self, inner: &Self) -> bool {
        let len = inner.len as isize;
        self.from == inner.from * len && self.to == inner.to * len
    }
}

/// Lengths, source steps and target steps, padded with unit axes in front; `None` if there are more
/// axes than kernels walk.
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

/// The copy along `axes`; `None` if there are more than kernels walk.
pub(super) fn strided(axes: &[StridedAxis], from_start: usize, to_start: usize) -> Option<Strided> {
    let (dims, from, to) = padded(axes)?;
    Some(Strided { dims, from, from_start, to, to_start })
}

/// Whether the walk visits neighbours in order on both sides.
pub(super) fn is_contiguous(axes: &[StridedAxis]) -> bool {
    matches!(axes, [] | [StridedAxis { from: 1, to: 1, .. }])
}

/// A shape seen along the axes of a range, which count as one.
pub(super) fn along(shape: &[usize], axes: Range<usize>) -> Along {
    let len = |axes: &[usize]| axes.iter().product();
    Along {
        outer: len(&shape[..axes.start]),
        len: len(&shape[axes.clone()]),
        inner: len(&shape[axes.end..]),
    }
}
