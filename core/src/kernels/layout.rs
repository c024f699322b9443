//! Moving values without arithmetic.

use core::ops::Range;

/// A copy between two strided boxes: transposition, slicing, splitting, concatenation, repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Strided {
    /// Box that is walked, padded with ones in front.
    pub dims: [usize; 4],
    /// Steps in the source along each axis; 0 repeats.
    pub from: [isize; 4],
    /// Index of the first value read.
    pub from_start: usize,
    /// Steps in the destination along each axis.
    pub to: [usize; 4],
    /// Index of the first value written.
    pub to_start: usize,
}

/// `y[to(i)] = x[from(i)]` for every index `i` of the box, last axis fastest.
#[inline(never)]
pub fn strided_copy(x: &[f32], y: &mut [f32], s: &Strided) {
    let from = s.from.map(|step| step as usize); // negative steps wrap, as the sums below do
    let [a, b, c, d] = s.dims;
    for i in 0..a {
        for j in 0..b {
            for k in 0..c {
                let mut at_x = offset(s.from_start, &from, [i, j, k]);
                let mut at_y = offset(s.to_start, &s.to, [i, j, k]);
                for _ in 0..d {
                    if let (Some(x), Some(y)) = (x.get(at_x), y.get_mut(at_y)) {
                        *y = *x;
                    }
                    at_x = at_x.wrapping_add(from[3]);
                    at_y = at_y.wrapping_add(s.to[3]);
                }
            }
        }
    }
}

/// `y = x`, as far as both reach.
#[inline]
pub fn copy(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = *x);
}

/// A range of the arena to read; empty should it lie outside.
#[inline(always)]
pub fn part(arena: &[f32], range: Range<usize>) -> &[f32] {
    arena.get(range).unwrap_or(&[])
}

/// A range of the arena to write; empty should it lie outside.
#[inline(always)]
pub fn part_mut(arena: &mut [f32], range: Range<usize>) -> &mut [f32] {
    arena.get_mut(range).unwrap_or(&mut [])
}

/// Borrows a source and a destination from one arena at once.
///
/// The memory plan keeps them apart; should they overlap or lie outside, both come back empty and
/// the kernel that gets them does nothing.
#[inline(always)]
pub fn split(
    arena: &mut [f32],
    source: Range<usize>,
    target: Range<usize>,
) -> (&[f32], &mut [f32]) {
    match arena.get_disjoint_mut([source, target]) {
        Ok([source, target]) => (source, target),
        Err(_) => (&[], &mut []),
    }
}

/// Calls `f` with the strided offset of every index of `dims`, last axis fastest.
#[inline(always)]
pub(super) fn for_each_offset(
    dims: &[usize; 4],
    strides: &[usize; 4],
    start: usize,
    mut f: impl FnMut(usize),
) {
    let [a, b, c, d] = *dims;
    for i in 0..a {
        for j in 0..b {
            for k in 0..c {
                let mut at = offset(start, strides, [i, j, k]);
                for _ in 0..d {
                    f(at);
                    at = at.wrapping_add(strides[3]);
                }
            }
        }
    }
}

#[inline(always)]
fn offset(start: usize, strides: &[usize; 4], at: [usize; 3]) -> usize {
    let step = |i: usize, stride: usize| i.wrapping_mul(stride);
    start
        .wrapping_add(step(at[0], strides[0]))
        .wrapping_add(step(at[1], strides[1]))
        .wrapping_add(step(at[2], strides[2]))
}
