//! The definition of the float loops, in plain Rust.

use super::{Factors, Steps, Walk};
use crate::kernels::PANEL;
use crate::pieces::pieces;

/// Least number of positions for which a tile of four, some computed twice, costs less than single positions.
// Not called where `float_vfp` takes its place.
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
pub(in crate::kernels) const REPEATED: usize = 4;

/// Adds to each sum its products: `acc[r] += sum_i x[i] * w[r][i]`, in the order of the inputs. `panels`
/// holds one or two panels, each `[x.len()][PANEL]`; without a second one, the last four sums stay as they
/// are.
#[inline(always)]
// Not called where `float_vfp` takes its place.
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
pub(in crate::kernels) fn panels(x: &[f32], panels: &[f32], acc: &mut [f32; 2 * PANEL]) {
    let halves = pieces(panels, PANEL * x.len());
    for (panel, acc) in halves.zip(acc.as_chunks_mut::<PANEL>().0) {
        let mut sums = *acc;
        x.iter().zip(panel.as_chunks().0).for_each(|(x, w)| accumulate(&mut sums, *x, w));
        *acc = sums;
    }
}

/// How far a walk goes: not asked here, since slices are checked product by product.
#[derive(Clone, Copy, Debug)]
// Not made where `float_vfp` takes its place.
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
pub(in crate::kernels) struct Extent;

impl Extent {
    /// The extent of any loops, whatever the distance of positions.
    #[inline(always)]
    // Not called where `float_vfp` takes its place.
    #[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
    pub(super) fn of(_: [Steps; 3], _: usize) -> Self {
        Self
    }
}

/// Writes the sums of a tile, of the products of a walk:
/// `tile[p][n] = start[p] + sum x[n * walk.position + ..] * w[first + p + ..]`, added product by product, for
/// all `p` where `lanes` is [`PANEL`], else for the first only. Products for which `x` or `w` ends too early
/// are left out.
#[inline(always)]
pub(in crate::kernels) fn tile<const N: usize>(
    walk: &Walk,
    factors: Factors<'_>,
    start: &[f32; PANEL],
    lanes: usize,
    tile: &mut [[f32; N]; PANEL],
) {
    let Factors { x, w, first } = factors;
    for n in 0..N {
        let x = tail(x, n.wrapping_mul(walk.position));
        let mut sums = *start;
        if lanes == PANEL {
            add_position(walk, x, w, first, &mut sums);
        } else {
            let [sum, ..] = &mut sums;
            add_position(walk, x, w, first, core::array::from_mut(sum));
        }
        let column = tile.iter_mut().filter_map(|row| row.get_mut(n));
        column.zip(sums).for_each(|(to, sum)| *to = sum);
    }
}

/// Adds the products of the position at the start of `x` to its sums: `sums[p] += x[..] * w[start + p + ..]`.
/// Products for which `x` or `w` ends too early are left out.
#[inline(never)]
fn add_position<const P: usize>(
    walk: &Walk,
    x: &[f32],
    w: &[f32],
    start: usize,
    sums: &mut [f32; P],
) {
    let line =
        |jump: isize, step: isize| step.wrapping_mul(walk.counts[0] as isize).wrapping_add(jump);
    let x_line = line(walk.x_jumps[1], walk.x_jumps[0]);
    let w_line = line(walk.w_jumps[1], walk.w_jumps[0]);
    let mut acc = *sums;
    let (mut at_x, mut at_w) = (0_usize, start);
    for _ in 0..walk.counts[2] {
        for _ in 0..walk.counts[1] {
            add_line(walk, tail(x, at_x), tail(w, at_w), &mut acc);
            at_x = at_x.wrapping_add_signed(x_line);
            at_w = at_w.wrapping_add_signed(w_line);
        }
        at_x = at_x.wrapping_add_signed(walk.x_jumps[2]);
        at_w = at_w.wrapping_add_signed(walk.w_jumps[2]);
    }
    *sums = acc;
}

/// Adds the products of one innermost loop, which begins at the start of `x` and of `w`, to the sums:
/// `sums[p] += x[..] * w[p + ..]`. Products for which `x` or `w` ends too early are left out.
#[inline(always)]
fn add_line<const P: usize>(walk: &Walk, x: &[f32], w: &[f32], sums: &mut [f32; P]) {
    let [count, ..] = walk.counts;
    let (x_step, w_step) = (walk.x_jumps[0], walk.w_jumps[0]);
    if w_step == P as isize && x_step == 1 {
        let products = x.iter().take(count).zip(w.as_chunks().0);
        return products.for_each(|(x, w)| accumulate(sums, *x, w));
    }
    let mut at_w = 0_usize;
    for x in x.iter().step_by(x_step.unsigned_abs().max(1)).take(count) {
        if let Some(w) = tail(w, at_w).first_chunk() {
            accumulate(sums, *x, w);
        }
        at_w = at_w.wrapping_add_signed(w_step);
    }
}

/// One input against neighbouring weights: `sums[p] += x * w[p]`, product rounded first.
#[inline(always)]
fn accumulate<const P: usize>(sums: &mut [f32; P], x: f32, w: &[f32; P]) {
    for (sum, w) in sums.iter_mut().zip(w) {
        *sum += x * w;
    }
}

/// `slice` from `start` on; empty where it is shorter.
#[inline(always)]
fn tail(slice: &[f32], start: usize) -> &[f32] {
    slice.get(start..).unwrap_or(&[])
}
