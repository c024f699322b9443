//! The order in which a tile of sums goes through its operands.

use super::float::Extent;

/// One loop over the products of a sum.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Steps {
    /// Rounds of the loop: products, or loops inside it.
    pub(in crate::kernels) count: usize,
    /// Values of `x` from one to the next.
    pub(in crate::kernels) x: usize,
    /// Values of `w` from one to the next.
    pub(in crate::kernels) w: usize,
}

impl Steps {
    /// A loop of one round.
    pub(in crate::kernels) const ONCE: Self = Self { count: 1, x: 0, w: 0 };
}

/// The values that a tile's sums are made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Factors<'a> {
    /// Values of `x`, of which the tile's first position begins at the first.
    pub(in crate::kernels) x: &'a [f32],
    /// Values of `w`.
    pub(in crate::kernels) w: &'a [f32],
    /// Index in `w` of the first sum's first factor.
    pub(in crate::kernels) first: usize,
}

/// Three nested loops over the products of a tile's sums, as assembly reads them.
///
/// A tile has `N` neighbouring positions in `x`, and at each `P` sums whose factors are neighbours
/// in `w`: `acc[p][n] += x[n * position + ..] * w[p + ..]`, product by product.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(in crate::kernels) struct Walk {
    /// Rounds of the loops, innermost first.
    pub(super) counts: [usize; 3],
    /// Values of `x` to go on by behind a product, behind an innermost loop, and behind the loop around it;
    /// the last two come on top of what the loops inside have gone on by.
    pub(super) x_jumps: [isize; 3],
    /// The same for `w`.
    pub(super) w_jumps: [isize; 3],
    /// Values of `x` between neighbouring positions.
    pub(super) position: usize,
    /// How far it goes, where machine code asks.
    pub(super) extent: Extent,
}

impl Walk {
    /// The walk of `loops`, innermost first, over tiles of positions that are `position` values of `x` apart.
    /// Loops of one round are left out, so that the innermost one has more; a loop of no rounds makes the
    /// walk empty.
    #[inline(always)]
    pub(in crate::kernels) fn new(loops: [Steps; 3], position: usize) -> Self {
        let [mut a, mut b, mut c] = loops;
        // Loops of one round only cost time; the innermost is the fastest.
        if b.count == 1 {
            (b, c) = (c, Steps::ONCE);
        }
        if a.count == 1 {
            (a, b, c) = (b, c, Steps::ONCE);
        }
        let jump = |outer: usize, inner: usize, count: usize| {
            outer.wrapping_sub(inner.wrapping_mul(count)) as isize
        };
        Self {
            counts: [a.count, b.count, c.count],
            x_jumps: [a.x as isize, jump(b.x, a.x, a.count), jump(c.x, b.x, b.count)],
            w_jumps: [a.w as isize, jump(b.w, a.w, a.count), jump(c.w, b.w, b.count)],
            position,
            extent: Extent::of([a, b, c], position),
        }
    }
}
