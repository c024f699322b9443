//! Pass 5: tensors get their place in memory.

use super::draft::{Draft, Home, TensorId, UnplacedStep};
use super::plan::{Buffer, Kernel, Plan, Step};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::{Range, RangeInclusive};

/// The plan of a draft, with an offset for every tensor: a copy and its original share a place where nothing
/// reads the original afterwards, and tensors that are never needed at the same time may overlap.
pub fn place(mut draft: Draft) -> Plan {
    share_copies(&mut draft);
    let lives = lives(&draft);
    let (offsets, arena) = arrange(&draft, &lives);
    let buffer = |tensor: TensorId| match draft.tensors[tensor].home.clone() {
        Home::Input(index) => Buffer::Input(index),
        Home::Output(index) => Buffer::Output(index),
        Home::Weights(range) => Buffer::Weights(range),
        Home::Arena => Buffer::Arena(offsets[tensor]..offsets[tensor] + draft.tensors[tensor].len),
    };
    let step = |call: UnplacedStep| Step {
        sources: call.sources.into_iter().map(buffer).collect(),
        outputs: call.outputs.into_iter().map(buffer).collect(),
        completes: call.completes,
        name: call.name,
        op: call.op,
        shape: call.shape,
        macs: call.macs,
        kernel: call.kernel,
    };
    let steps: Vec<Step> = draft.calls.into_iter().map(step).collect();
    let needs = steps.iter().map(Step::arena_len);
    Plan {
        name: draft.name,
        inputs: draft.inputs,
        outputs: draft.outputs,
        arena_lower_bound: needs.max().unwrap_or(0),
        steps,
        weights: draft.weights,
        floats: draft.floats,
        arena,
    }
}

/// The calls between which a tensor holds values, first and last included; `None` if no call
/// touches it.
type Life = Option<RangeInclusive<usize>>;

/// The life of every tensor, by its id; an output of the caller lives to the end (`usize::MAX`).
fn lives(draft: &Draft) -> Vec<Life> {
    let mut lives: Vec<Life> = vec![None; draft.tensors.len()];
    for (at, call) in draft.calls.iter().enumerate() {
        for &tensor in call.sources.iter().chain(&call.outputs) {
            let first = lives[tensor].as_ref().map_or(at, |life| *life.start());
            lives[tensor] = Some(first..=at);
        }
    }
    for (tensor, life) in draft.tensors.iter().zip(&mut lives) {
        if let (Home::Output(_), Some(life)) = (&tensor.home, life) {
            *life = *life.start()..=usize::MAX;
        }
    }
    lives
}

/// Removes from `draft` the copies out of arena tensors that nothing reads afterwards: the original is
/// written in the place of the copy from the start, which may be the caller's output.
fn share_copies(draft: &mut Draft) {
    let mut lives = lives(draft);
    let mut heirs: Vec<TensorId> = (0..draft.tensors.len()).collect();
    let mut removed = vec![false; draft.calls.len()];
    for (at, call) in draft.calls.iter().enumerate() {
        let (Kernel::Copy, &[source], &[copy]) =
            (&call.kernel, &call.sources[..], &call.outputs[..])
        else {
            continue;
        };
        let original = heir(&mut heirs, source);
        let (Some(before), Some(after)) = (&lives[original], &lives[copy]) else { continue };
        let movable = draft.tensors[original].home == Home::Arena;
        if movable && *before.end() == at && *after.start() == at {
            lives[copy] = Some(*before.start()..=*after.end());
            heirs[original] = copy;
            removed[at] = true;
        }
    }
    let mut removed = removed.into_iter();
    draft.calls.retain(|_| removed.next() == Some(false));
    for call in &mut draft.calls {
        for tensor in call.sources.iter_mut().chain(&mut call.outputs) {
            *tensor = heir(&mut heirs, *tensor);
        }
    }
}

/// The tensor whose place `tensor` has in the end: the root in a union-find forest. Shortens the paths in
/// `heirs` (path halving).
fn heir(heirs: &mut [TensorId], mut tensor: TensorId) -> TensorId {
    while heirs[tensor] != tensor {
        heirs[tensor] = heirs[heirs[tensor]];
        tensor = heirs[tensor];
    }
    tensor
}

/// Offsets of all tensors, and the length of the arena.
type Arrangement = (Vec<usize>, usize);

/// Number of arena tensors beyond which the first-fit orders, of quadratic cost, are left out.
const MOST_COMPARED: usize = 2048;

/// The arrangement with the smallest arena, among the first-fit orders by length, by length times life and by
/// life (largest first), and the placement by birth. Beyond `MOST_COMPARED` tensors only the last is tried.
fn arrange(draft: &Draft, lives: &[Life]) -> Arrangement {
    let mut orders = [const { Vec::new() }; 3];
    let mut born = Vec::new();
    for (tensor, life) in lives.iter().enumerate() {
        let (Home::Arena, Some(life)) = (&draft.tensors[tensor].home, life) else { continue };
        let (len, calls) = (draft.tensors[tensor].len, life.end() - life.start() + 1);
        let keys = [(len, calls), (len * calls, len), (calls, len)];
        for (order, key) in orders.iter_mut().zip(keys) {
            order.push((Reverse(key), *life.start(), tensor));
        }
        born.push((life, tensor));
    }
    let compared = if born.len() > MOST_COMPARED { &mut [][..] } else { &mut orders[..] };
    let arrangements = compared.iter_mut().map(|order| {
        order.sort_unstable();
        first_fit(draft, lives, order.iter().map(|(_, _, tensor)| *tensor))
    });
    let arrangements = arrangements.chain([by_birth(draft, born)]);
    arrangements.min_by_key(|(_, arena)| *arena).unwrap_or_default()
}

/// Offsets of all tensors, 0 for those not in `born`, by placing each of these, in the order of first use, in
/// the first free range that is long enough; the places of tensors that are no longer used become free.
fn by_birth(draft: &Draft, mut born: Vec<(&RangeInclusive<usize>, TensorId)>) -> Arrangement {
    let mut offsets = vec![0; draft.tensors.len()];
    let mut gaps = Gaps::default();
    let mut deaths: BinaryHeap<Reverse<(usize, TensorId)>> = BinaryHeap::new();
    born.sort_unstable_by_key(|(life, tensor)| (*life.start(), *tensor));
    for (life, tensor) in born {
        while let Some(&Reverse((death, dead))) = deaths.peek()
            && death < *life.start()
        {
            gaps.give(offsets[dead], draft.tensors[dead].len);
            deaths.pop();
        }
        offsets[tensor] = gaps.take(draft.tensors[tensor].len);
        deaths.push(Reverse((*life.end(), tensor)));
    }
    (offsets, gaps.end)
}

/// Free ranges of the arena.
#[derive(Default)]
struct Gaps {
    /// Length of each by its start; no two touch.
    free: BTreeMap<usize, usize>,
    /// Where the arena ends so far.
    end: usize,
}

impl Gaps {
    /// Start of the lowest free range of at least `len` values, of which the first `len` are then no longer
    /// free. Where none is long enough, the free range at the end of the arena is taken and the arena grows
    /// by what is missing, or by all of `len` where its end is in use. 0, without a change, for a `len` of 0.
    fn take(&mut self, len: usize) -> usize {
        let fits = self.free.iter().find(|(_, free)| **free >= len);
        let last = self.free.iter().next_back().filter(|(start, free)| *start + *free == self.end);
        let (start, free) = match fits.or(last) {
            _ if len == 0 => return 0,
            Some((&start, &free)) => (start, free),
            None => (self.end, 0),
        };
        self.free.remove(&start);
        if free > len {
            self.free.insert(start + len, free - len);
        }
        self.end = self.end.max(start + len);
        start
    }

    /// Frees `len` values from `start` on, none of which is free yet, and merges them with the free ranges
    /// that they touch.
    fn give(&mut self, mut start: usize, mut len: usize) {
        if len == 0 {
            return;
        }
        if let Some((&before, &free)) = self.free.range(..start).next_back()
            && before + free == start
        {
            (start, len) = (before, free + len);
        }
        len += self.free.remove(&(start + len)).unwrap_or(0);
        self.free.insert(start, len);
    }
}

/// Offsets of all tensors, 0 for those not in `order`, by placing each of these, in this order, at the lowest
/// offset at which it overlaps no tensor that lives at the same time.
fn first_fit(draft: &Draft, lives: &[Life], order: impl Iterator<Item = TensorId>) -> Arrangement {
    let mut offsets = vec![0; draft.tensors.len()];
    let mut placed: Vec<(Range<usize>, &Life)> = Vec::new();
    for tensor in order {
        let (len, life) = (draft.tensors[tensor].len, &lives[tensor]);
        let at_the_same_time = placed.iter().filter(|(_, other)| overlap(other, life));
        let mut taken: Vec<Range<usize>> =
            at_the_same_time.map(|(range, _)| range.clone()).collect();
        taken.sort_by_key(|range| range.start);
        let mut offset = 0;
        for range in taken {
            if offset + len <= range.start {
                break;
            }
            offset = offset.max(range.end);
        }
        offsets[tensor] = offset;
        placed.push((offset..offset + len, life));
    }
    let arena = placed.iter().map(|(range, _)| range.end).max().unwrap_or(0);
    (offsets, arena)
}

/// Whether two lives have a call in common; false where a tensor is never used.
fn overlap(a: &Life, b: &Life) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return false };
    a.start() <= b.end() && b.start() <= a.end()
}
