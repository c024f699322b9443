//! Backward passes of what moves values: all of them are linear maps, transposed.
//!
//! A `reverse_*` method gets a node of the forward pass and `g`, the cotangent of its result. It appends
//! nodes to the tape's graph and adds to the cotangents of the operands that depend on the inputs asked for;
//! "`x` gets" names what is added to that of `x`. `Err`, where a doc names one, says what was found and what
//! to do about it; what was appended before it stays.

use super::along::inverse;
use super::tape::Tape;
use crate::ir::{Node, Op, Pooling, ValueId};
use crate::lower::axes::PoolAttributes;
use elbow_core::kernels::BinaryOp;

/// A linear map along an axis: `y[i] = sum_t weights[i][t] x[indices[i][t]]`.
struct Map {
    /// Length of the axis in x.
    len: usize,
    /// Index and factor of every tap, for each value of y.
    taps: Vec<Vec<(usize, f32)>>,
}

impl Map {
    /// The map that takes x at `indices`, of an axis of length `len`, by one tap of factor 1 each.
    fn of(len: usize, indices: impl Iterator<Item = usize>) -> Self {
        Self { len, taps: indices.map(|index| vec![(index, 1.0)]).collect() }
    }

    /// The operation of the transposed map, `x[j] = sum_i w[i][j] y[i]`, along `axis`: `Take` where each
    /// `x[j]` is one `y[i]`, else `Resample`, whose rows are padded to one number of taps with factors of 0.
    fn transposed(&self, axis: usize) -> Op {
        let mut rows: Vec<Vec<(usize, f32)>> = vec![Vec::new(); self.len];
        for (from, taps) in self.taps.iter().enumerate() {
            for &(to, weight) in taps.iter().filter(|(_, weight)| *weight != 0.0) {
                rows[to].push((from, weight));
            }
        }
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
        for row in &mut rows {
            let last = row.last().map_or(0, |(index, _)| *index);
            row.resize(longest, (last, 0.0));
        }
        let (indices, weights): (Vec<usize>, Vec<f32>) = rows.into_iter().flatten().unzip();
        match longest == 1 && weights.iter().all(|&weight| weight == 1.0) {
            true => Op::Take { axis, indices },
            false => Op::Resample { axis, taps: longest, indices, weights },
        }
    }
}

impl Tape {
    /// The result of the transposed map for `g` along `axis`: the cotangent of x.
    fn reverse_map(&mut self, g: ValueId, axis: usize, map: &Map) -> ValueId {
        let mut shape = self.shape(g);
        shape[axis] = map.len;
        self.node("Resample", map.transposed(axis), &[g], &shape)
    }

    /// Of a reshape: `x` gets `g` in its own shape.
    pub(super) fn reverse_reshape(&mut self, node: &Node, g: ValueId) {
        let shape = self.shape(node.inputs[0]);
        let gx = self.reshape(g, &shape);
        self.give(node.inputs[0], gx);
    }

    /// Of a transposition: `x` gets `g` transposed by the inverse of `perm`.
    pub(super) fn reverse_transpose(&mut self, node: &Node, perm: &[usize], g: ValueId) {
        let gx = self.transpose(g, &inverse(perm));
        self.give(node.inputs[0], gx);
    }

    /// Of a concatenation along `axis`: each operand gets its part of `g`.
    pub(super) fn reverse_concat(&mut self, node: &Node, axis: usize, g: ValueId) {
        let mut start = 0;
        for &input in &node.inputs {
            let shape = self.shape(input);
            if self.is_needed(input) {
                let mut starts = vec![0; shape.len()];
                starts[axis] = start;
                let op = Op::Slice { starts, steps: vec![1; shape.len()] };
                let part = self.node("Slice", op, &[g], &shape);
                self.give(input, part);
            }
            start += shape[axis];
        }
    }

    /// Of a slice: `x` gets `g` at the places that were taken, zeros elsewhere. Axes with several values and
    /// a step other than 1 are spread to full length first, then zeros come around the rest.
    pub(super) fn reverse_slice(
        &mut self,
        node: &Node,
        starts: &[usize],
        steps: &[isize],
        mut g: ValueId,
    ) {
        let (x, shape) = (node.inputs[0], self.shape(node.inputs[0]));
        let mut pads = vec![0; shape.len()];
        for axis in 0..shape.len() {
            let count = self.shape(g)[axis];
            if count == 1 || steps[axis] == 1 {
                pads[axis] = starts[axis];
                continue;
            }
            let index = |at: usize| starts[axis].wrapping_add_signed(steps[axis] * at as isize);
            g = self.reverse_map(g, axis, &Map::of(shape[axis], (0..count).map(index)));
        }
        if self.shape(g) != shape {
            g = self.node("Pad", Op::Pad { starts: pads, value: 0.0 }, &[g], &shape);
        }
        self.give(x, g);
    }

    /// Of a padding: `x` gets the part of `g` that is not padding, from `starts` on.
    pub(super) fn reverse_pad(&mut self, node: &Node, starts: &[usize], g: ValueId) {
        let shape = self.shape(node.inputs[0]);
        let op = Op::Slice { starts: starts.to_vec(), steps: vec![1; shape.len()] };
        let gx = self.node("Slice", op, &[g], &shape);
        self.give(node.inputs[0], gx);
    }

    /// Of taking `indices` along `axis`: each value of `x` gets the sum of `g` over the places that took it.
    pub(super) fn reverse_take(&mut self, node: &Node, axis: usize, indices: &[usize], g: ValueId) {
        let x = node.inputs[0];
        let map = Map::of(self.shape(x)[axis], indices.iter().copied());
        let gx = self.reverse_map(g, axis, &map);
        self.give(x, gx);
    }

    /// Of a resampling along `axis`, where each place of the result is the sum of its `taps`, an index and a
    /// factor each: `x` gets `g` under the transposed map.
    pub(super) fn reverse_resample(
        &mut self,
        node: &Node,
        axis: usize,
        taps: Vec<Vec<(usize, f32)>>,
        g: ValueId,
    ) {
        let x = node.inputs[0];
        let map = Map { len: self.shape(x)[axis], taps };
        let gx = self.reverse_map(g, axis, &map);
        self.give(x, gx);
    }

    /// Of a pooling, max or average: `x` gets what the two functions below say.
    pub(super) fn reverse_pool(
        &mut self,
        node: &Node,
        windows: PoolAttributes,
        kind: Pooling,
        g: ValueId,
    ) {
        match kind {
            Pooling::Max => self.reverse_max_pool(node, windows, g),
            Pooling::Average(mean) => {
                self.reverse_average_pool(node, windows, mean.count_pads, g);
            }
        }
    }

    /// Of an average pooling: each value that a window holds gets `g` divided by the window's number of
    /// values, pads included where `count_pads`. Axis by axis, since a mean over both axes is one over rows
    /// of those over columns.
    fn reverse_average_pool(
        &mut self,
        node: &Node,
        windows: PoolAttributes,
        count_pads: bool,
        mut g: ValueId,
    ) {
        let (x, shape) = (node.inputs[0], self.shape(node.inputs[0]));
        let front = shape.len() - windows.kernel.len();
        for axis in 0..windows.kernel.len() {
            let (len, outputs) = (shape[front + axis], self.shape(g)[front + axis]);
            let row = |position: usize| {
                let inside: Vec<usize> = windows.inside(axis, position, len).collect();
                let padded = windows.padded(axis, position, len);
                let count = if count_pads { padded } else { inside.len() };
                inside.into_iter().map(|index| (index, 1.0 / count as f32)).collect()
            };
            let map = Map { len, taps: (0..outputs).map(row).collect() };
            g = self.reverse_map(g, front + axis, &map);
        }
        self.give(x, g);
    }

    /// Of a max pooling: in every window the first tap that reads the largest value gets `g`, the others
    /// nothing. Written tap by tap.
    ///
    /// Taps outside the input read the nearest one inside instead, which changes neither the largest value
    /// nor the first.
    fn reverse_max_pool(&mut self, node: &Node, windows: PoolAttributes, mut g: ValueId) {
        let (x, y) = (node.inputs[0], node.output);
        let (shape, pooled) = (self.shape(x), self.shape(y));
        let front = shape.len() - windows.kernel.len();
        for tap in 0..windows.kernel.iter().product() {
            let mut rest = tap;
            let mut maps = Vec::new();
            for axis in (0..windows.kernel.len()).rev() {
                let own = rest % windows.kernel[axis];
                rest /= windows.kernel[axis];
                let len = shape[front + axis];
                let at = |position| windows.nearest(axis, position, own, len);
                let taps = (0..pooled[front + axis]).map(at).collect::<Vec<_>>();
                maps.push((front + axis, len, taps));
            }
            let mut of_tap = x;
            for (axis, _, taps) in &maps {
                let indices: Vec<usize> = taps.iter().map(|tap| tap.unwrap_or(0)).collect();
                let mut shape = self.shape(of_tap);
                shape[*axis] = indices.len();
                let take = Op::Take { axis: *axis, indices };
                of_tap = self.node("Gather", take, &[of_tap], &shape);
            }
            let is_largest = self.binary(BinaryOp::Equal, of_tap, y);
            let mut gx = self.mul(is_largest, g);
            g = self.binary(BinaryOp::Sub, g, gx);
            for (axis, len, taps) in maps {
                let taps = taps.iter().map(|tap| tap.map(|index| (index, 1.0)));
                let map = Map { len, taps: taps.map(Vec::from_iter).collect() };
                gx = self.reverse_map(gx, axis, &map);
            }
            self.give(x, gx);
        }
    }
}

impl PoolAttributes<'_> {
    /// Index of the input value that tap `tap` of the window at `position` reads along an axis of length
    /// `len`; `None` where that is a pad or beyond.
    fn index(&self, axis: usize, position: usize, tap: usize, len: usize) -> Option<usize> {
        let index = position * self.strides[axis] + tap * self.dilations[axis];
        index.checked_sub(self.pads[axis]).filter(|index| *index < len)
    }

    /// Index of the input value that is read by the tap nearest to `tap` among those inside the input, the
    /// smaller index of two equally near; `None` where the window has no tap inside.
    fn nearest(&self, axis: usize, position: usize, tap: usize, len: usize) -> Option<usize> {
        let inside = |other| Some((tap.abs_diff(other), self.index(axis, position, other, len)?));
        (0..self.kernel[axis]).filter_map(inside).min().map(|(_, index)| index)
    }

    /// Indices of the input values that the window at `position` reads along an axis, in the order of the
    /// taps.
    fn inside(&self, axis: usize, position: usize, len: usize) -> impl Iterator<Item = usize> {
        (0..self.kernel[axis]).filter_map(move |tap| self.index(axis, position, tap, len))
    }

    /// Number of taps of the window at `position` that lie inside the input or its pads.
    fn padded(&self, axis: usize, position: usize, len: usize) -> usize {
        let end = self.pads[axis] + len + self.pads_end[axis];
        let reach = |tap: &usize| position * self.strides[axis] + tap * self.dilations[axis] < end;
        (0..self.kernel[axis]).filter(reach).count()
    }
}
