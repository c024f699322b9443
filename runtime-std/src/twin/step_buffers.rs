//! The buffers of a step: located once per plan, borrowed at every run.

use crate::lower::{Buffer, Plan, Step};
use std::ops::Range;

/// The buffers of one step.
#[derive(Debug)]
pub(super) struct StepBuffers {
    /// Disjoint ranges of the arena that the step reads or writes, in ascending order.
    arena: Vec<Range<usize>>,
    /// Indices of the plan's outputs that the step reads or writes, in ascending order.
    outputs: Vec<usize>,
    sources: Vec<Place>,
    /// Positions among `arena`, then `outputs`.
    targets: Vec<usize>,
}

/// Where a source lies.
#[derive(Debug)]
enum Place {
    Input(usize),
    Weights(Range<usize>),
    /// Position among `arena`, then `outputs`.
    Written(usize),
}

/// The sources of a step, and its targets.
type Borrowed<'a> = (Vec<&'a [f32]>, Vec<&'a mut [f32]>);

impl StepBuffers {
    /// The buffers of a step of `plan`; `None` where ranges of the arena overlap, one of them or an output
    /// lies outside the plan, a buffer is source and target, or a target is an input or weights. Where inputs
    /// and weights lie is checked by [`borrow`](Self::borrow).
    pub(super) fn of(step: &Step, plan: &Plan) -> Option<Self> {
        let (mut arena, mut outputs) = (Vec::new(), Vec::new());
        for buffer in step.sources.iter().chain(&step.outputs) {
            match buffer {
                Buffer::Arena(range) => arena.push(range.clone()),
                Buffer::Output(index) => outputs.push(*index),
                Buffer::Input(_) | Buffer::Weights(_) => {}
            }
        }
        arena.sort_by_key(|range| (range.start, range.end));
        arena.dedup();
        outputs.sort_unstable();
        outputs.dedup();
        let apart = arena.windows(2).all(|pair| pair[0].end <= pair[1].start);
        let inside = arena.last().is_none_or(|range| range.end <= plan.arena)
            && outputs.last().is_none_or(|index| *index < plan.outputs.len());
        let written = |buffer: &Buffer| match buffer {
            Buffer::Arena(range) => arena.iter().position(|other| other == range),
            Buffer::Output(index) => {
                Some(arena.len() + outputs.iter().position(|other| other == index)?)
            }
            Buffer::Input(_) | Buffer::Weights(_) => None,
        };
        let targets: Vec<usize> = step.outputs.iter().map(written).collect::<Option<_>>()?;
        let source = |buffer: &Buffer| match buffer {
            Buffer::Input(index) => Some(Place::Input(*index)),
            Buffer::Weights(range) => Some(Place::Weights(range.clone())),
            Buffer::Arena(_) | Buffer::Output(_) => {
                written(buffer).filter(|at| !targets.contains(at)).map(Place::Written)
            }
        };
        let sources = step.sources.iter().map(source).collect::<Option<_>>()?;
        (apart && inside).then_some(Self { arena, outputs, sources, targets })
    }

    /// The sources and targets of the step in the memory of a run, each in the step's order; `None` where one
    /// does not fit this memory.
    pub(super) fn borrow<'a>(
        &self,
        inputs: &[&'a [f32]],
        weights: &'a [f32],
        arena: &'a mut [f32],
        outputs: &'a mut [Vec<f32>],
    ) -> Option<Borrowed<'a>> {
        let mut written: Vec<Option<&mut [f32]>> = Vec::with_capacity(8);
        let (mut rest, mut taken) = (arena, 0);
        for range in &self.arena {
            let (_, own) = rest.split_at_mut_checked(range.start.checked_sub(taken)?)?;
            let (own, others) = own.split_at_mut_checked(range.len())?;
            written.push(Some(own));
            (rest, taken) = (others, range.end);
        }
        let touched = outputs.iter_mut().enumerate();
        let touched = touched.filter(|(index, _)| self.outputs.contains(index));
        written.extend(touched.map(|(_, output)| Some(&mut output[..])));
        let targets = self.targets.iter().map(|at| written.get_mut(*at)?.take());
        let targets = targets.collect::<Option<_>>()?;
        let read: Vec<Option<&'a [f32]>> =
            written.into_iter().map(|buffer| buffer.map(|values| &*values)).collect();
        let source = |place: &Place| match place {
            Place::Input(index) => inputs.get(*index).copied(),
            Place::Weights(range) => weights.get(range.clone()),
            Place::Written(at) => read.get(*at).copied()?,
        };
        Some((self.sources.iter().map(source).collect::<Option<_>>()?, targets))
    }
}
