//! Moving values without arithmetic.

use core::ops::Range;

/// Axes that kernels walk at most.
pub const AXES: usize = 6;

/// A copy between two strided boxes: transposition, slicing, splitting, concatenation, repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Strided {
    /// Box that is walked, padded with ones in front.
    pub dims: [usize; AXES],
    /// Steps in the source along each axis; 0 repeats.
    pub from: [isize; AXES],
    /// Index of the first value read.
    pub from_start: usize,
    /// Steps in the destination along each axis.
    pub to: [usize; AXES],
    /// Index of the first value written.
    pub to_start: usize,
}

/// `y[to(i)] = x[from(i)]` for every index `i` of the box, last axis fastest. An index with a place outside
/// of `x` or `y` is left out.
#[inline(never)]
pub fn strided_copy(x: &[f32], y: &mut [f32], s: &Strided) {
    let from = s.from.map(|step| step as usize); // negative steps wrap, as the sums below do
    for_each_offset(&s.dims, [&from, &s.to], [s.from_start, s.to_start], |[at_x, at_y]| {
        if let (Some(x), Some(y)) = (x.get(at_x), y.get_mut(at_y)) {
            *y = *x;
        }
    });
}

/// `y = x`, as far as both reach.
#[inline]
pub fn copy(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
}

/// A range of the arena to read; empty should any of it lie outside.
#[inline(always)]
pub fn part(arena: &[f32], range: Range<usize>) -> &[f32] {
    arena.get(range).unwrap_or(&[])
}

/// A range of the arena to write; empty should any of it lie outside.
#[inline(always)]
pub fn part_mut(arena: &mut [f32], range: Range<usize>) -> &mut [f32] {
    arena.get_mut(range).unwrap_or(&mut [])
}

/// Borrows several parts of one arena at once.
///
/// The memory plan keeps them apart; should two overlap or one reach outside, all come back empty and the
/// kernel that gets them does nothing.
#[inline(always)]
pub fn disjoint<const N: usize>(arena: &mut [f32], ranges: [Range<usize>; N]) -> [&mut [f32]; N] {
    match arena.get_disjoint_mut(ranges) {
        Ok(parts) => parts,
        Err(_) => core::array::from_fn(|_| &mut [] as &mut [f32]),
    }
}

/// `y = value`, everywhere.
#[inline]
pub fn fill(y: &mut [f32], value: f32) {
    y.fill(value);
}

/// `y[i] = other[i]` where `condition[i]` is 0, in place; elsewhere `y[i]` stays, also where `condition[i]`
/// is NaN.
#[inline(never)]
pub fn select(y: &mut [f32], condition: &[f32], other: &[f32]) {
    for ((y, condition), other) in y.iter_mut().zip(condition).zip(other) {
        if *condition == 0.0 {
            *y = *other;
        }
    }
}

/// Calls `f` with the offsets `start[n] + sum_a index[a] * strides[n][a]` of every index of the box `dims`,
/// last axis fastest; not at all where an axis has length 0. Sums wrap, so that a negative stride can be
/// given as a wrapped `usize`.
#[inline(always)]
pub(super) fn for_each_offset<const N: usize>(
    dims: &[usize; AXES],
    strides: [&[usize; AXES]; N],
    start: [usize; N],
    mut f: impl FnMut([usize; N]),
) {
    let mut row = start;
    let mut index = [0; AXES];
    if dims.contains(&0) {
        return;
    }
    loop {
        let mut at = row;
        for _ in 0..dims[AXES - 1] {
            f(at);
            advance(&mut at, &strides, AXES - 1);
        }
        let mut axis = AXES - 1;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            advance(&mut row, &strides, axis);
            if index[axis] < dims[axis] {
                break;
            }
            for (row, strides) in row.iter_mut().zip(&strides) {
                *row = row.wrapping_sub(strides[axis].wrapping_mul(dims[axis]));
            }
            index[axis] = 0;
        }
    }
}

/// Adds each stride along `axis`, which is below [`AXES`], to its offset in `at`, wrapping.
#[inline(always)]
fn advance<const N: usize>(at: &mut [usize; N], strides: &[&[usize; AXES]; N], axis: usize) {
    for (at, strides) in at.iter_mut().zip(strides) {
        *at = at.wrapping_add(strides[axis]);
    }
}
