//! How values consist of the results of recurrent layers, after nodes that only move them.

use crate::ir::{Node, Op, Value, ValueId};
use std::ops::Range;

/// An axis of the results of a layer's directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum RecurrentAxis {
    /// Index into [`View::parts`].
    Direction,
    Step,
    Row,
    Hidden,
}

/// How a value consists of one or two results `[steps, rows, hidden]` or `[rows, hidden]`.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// One per direction.
    pub(super) parts: Vec<ValueId>,
    /// Axes of the value with their lengths, outermost first; those of length 1 are left out, and
    /// an axis of the value may merge several.
    pub(super) axes: Vec<(RecurrentAxis, usize)>,
}

/// Layers have at most this many directions.
const DIRECTIONS: usize = 2;

impl View {
    /// The view of the sequence `value` of a layer in one direction; `None` where `shape` is not
    /// `[steps, rows, hidden]`.
    pub(super) fn of_sequence(value: ValueId, shape: &[usize]) -> Option<Self> {
        let &[steps, rows, hidden] = shape else { return None };
        let axes = [
            (RecurrentAxis::Step, steps),
            (RecurrentAxis::Row, rows),
            (RecurrentAxis::Hidden, hidden),
        ];
        let axes = axes.into_iter().filter(|(_, len)| *len != 1).collect();
        Some(Self { parts: vec![value], axes })
    }

    /// The view of a node's result, and the step where the node slices one out. `None` where the first
    /// operand has no view, or the node is anything but a `Reshape`, `Transpose`, `Concat` of two, or `Slice`
    /// that a view can describe.
    pub(super) fn behind(
        node: &Node,
        values: &[Value],
        views: &[Option<Self>],
    ) -> Option<(Self, Option<usize>)> {
        let view = views[*node.inputs.first()?].as_ref()?;
        let (shape, taken) = (&values[node.inputs[0]].shape, &values[node.output].shape);
        match &node.op {
            Op::Reshape => Some((view.clone(), None)),
            Op::Transpose { perm } => Some((view.transposed(shape, perm)?, None)),
            Op::Concat { axis } => match node.inputs[..] {
                [_, other] => Some((view.joined(views[other].as_ref()?, shape, *axis)?, None)),
                _ => None,
            },
            Op::Slice { starts, steps } => view.sliced(shape, starts, steps, taken),
            _ => None,
        }
    }

    /// Whether the value has more than one step.
    pub(super) fn has_steps(&self) -> bool {
        self.axes.iter().any(|(axis, _)| *axis == RecurrentAxis::Step)
    }

    /// For each axis of `shape`, the range of the view's axes that it merges, empty for a length of 1; `None`
    /// where an axis of the view would be split.
    fn groups(&self, shape: &[usize]) -> Option<Vec<Range<usize>>> {
        let mut next = 0;
        let group = |&len: &usize| {
            let (start, mut product) = (next, 1);
            while product < len {
                product *= self.axes.get(next)?.1;
                next += 1;
            }
            (product == len).then_some(start..next)
        };
        shape.iter().map(group).collect()
    }

    /// The view of the value, of shape `shape`, with its axes in the order `perm`; `None` where `shape`
    /// splits an axis of the view.
    fn transposed(&self, shape: &[usize], perm: &[usize]) -> Option<Self> {
        let groups = self.groups(shape)?;
        let axes = perm.iter().flat_map(|&axis| &self.axes[groups[axis].clone()]).copied();
        Some(Self { axes: axes.collect(), parts: self.parts.clone() })
    }

    /// The view of this value, of shape `shape`, and `other` joined along `axis`: one direction each. `None`
    /// where one consists of two parts already, or their axes differ.
    fn joined(&self, other: &Self, shape: &[usize], axis: usize) -> Option<Self> {
        let (&[first], &[second]) = (&self.parts[..], &other.parts[..]) else { return None };
        let before = self.groups(shape)?[axis].start;
        let mut axes = self.axes.clone();
        axes.insert(before, (RecurrentAxis::Direction, DIRECTIONS));
        (self.axes == other.axes).then_some(Self { parts: vec![first, second], axes })
    }

    /// The view of a slice of result shape `taken`, and the step that it takes, if it takes one. Each axis of
    /// `shape` must be taken whole, in one step, or in one direction; otherwise `None`.
    fn sliced(
        &self,
        shape: &[usize],
        starts: &[usize],
        steps: &[isize],
        taken: &[usize],
    ) -> Option<(Self, Option<usize>)> {
        let mut sliced = Self { parts: self.parts.clone(), axes: Vec::new() };
        let mut step = None;
        for (at, group) in self.groups(shape)?.into_iter().enumerate() {
            let in_order = steps[at] == 1 || taken[at] == 1;
            match &self.axes[group] {
                axes if taken[at] == shape[at] && in_order => sliced.axes.extend(axes),
                [(RecurrentAxis::Step, _)] if taken[at] == 1 => step = Some(starts[at]),
                [(RecurrentAxis::Direction, _), inner @ ..] => {
                    let len: usize = inner.iter().map(|(_, len)| len).product();
                    let one = taken[at] == len && starts[at].is_multiple_of(len) && in_order;
                    sliced.parts = one.then(|| vec![self.parts[starts[at] / len]])?;
                    sliced.axes.extend(inner);
                }
                _ => return None,
            }
        }
        Some((sliced, step))
    }
}
