//! The order in which a tile of sums goes through its operands.

/// One loop over the products of a sum.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Steps {
    /// Rounds of the loop: products, or loops inside it.
    pub(in crate::kernels) count: usize,
    /// Values of `x` from one to the next.
    pub(in crate::kernels) x: usize,
    /// Values of `w` from one to the next.
    pub(in crate::kernels) w: isize,
}

impl Steps {
    /// A loop of one round.
    pub(in crate::kernels) const ONCE: Self = Self { count: 1, x: 0, w: 0 };
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
    /// Last value of `x` that the first position reads.
    x_reach: usize,
    /// Values of `w` in front of and behind the first factor that the first sum reads.
    w_reach: [usize; 2],
}

impl Walk {
    /// The walk of `loops`, innermost first, over tiles of positions that are `position` values of `x` apart.
    /// Loops of one round are left out, so that the innermost one has more; a loop of no rounds makes the
    /// walk empty.
    #[inline(always)]
    pub(in crate::kernels) fn new(loops: [Steps; 3], position: usize) -> Self {
        // Loops of one round only cost time; the innermost is the fastest.
        let mut kept = [Steps::ONCE; 3];
        let real = loops.iter().filter(|steps| steps.count != 1);
        kept.iter_mut().zip(real).for_each(|(kept, steps)| *kept = *steps);
        let [a, b, c] = kept;
        let reach = |steps: Steps, step| steps.count.saturating_sub(1).saturating_mul(step);
        let mut x_reach = 0_usize;
        let mut w_reach = [0_usize; 2];
        for steps in kept {
            x_reach = x_reach.saturating_add(reach(steps, steps.x));
            let [front, back] = &mut w_reach;
            let side = if steps.w < 0 { front } else { back };
            *side = side.saturating_add(reach(steps, steps.w.unsigned_abs()));
        }
        let jump = |outer: isize, inner: isize, count: usize| {
            outer.wrapping_sub(inner.wrapping_mul(count as isize))
        };
        let x = kept.map(|steps| steps.x as isize);
        Self {
            counts: [a.count, b.count, c.count],
            x_jumps: [x[0], jump(x[1], x[0], a.count), jump(x[2], x[1], b.count)],
            w_jumps: [a.w, jump(b.w, a.w, a.count), jump(c.w, b.w, b.count)],
            position,
            x_reach,
            w_reach,
        }
    }

    /// Whether a loop has no rounds, so that no sum has a product.
    #[allow(dead_code)] // asked by assembly only
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.counts.contains(&0)
    }

    /// Whether a tile of `sums` by `positions` reads only values of `x`, and of `w` when its first factor is
    /// `w[start]`; for a walk that is not empty.
    #[allow(dead_code)] // asked by assembly only
    #[inline(always)]
    pub(super) fn fits(
        &self,
        [sums, positions]: [usize; 2],
        x: &[f32],
        w: &[f32],
        start: usize,
    ) -> bool {
        let last = self.position.saturating_mul(positions.saturating_sub(1));
        let [front, back] = self.w_reach;
        self.x_reach.saturating_add(last) < x.len()
            && front <= start
            && start.saturating_add(back).saturating_add(sums) <= w.len()
    }
}
