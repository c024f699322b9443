//! The definition of the float loops, in plain Rust.

use super::Walk;
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

/// Adds the products of a walk to the sums of a tile:
/// `acc[p][n] += x[n * walk.position + ..] * w[start + p + ..]`, product by product. Products for which `x`
/// or `w` ends too early are left out.
#[inline(always)]
pub(in crate::kernels) fn tile<const P: usize, const N: usize>(
    walk: &Walk,
    x: &[f32],
    w: &[f32],
    start: usize,
    acc: &mut [[f32; N]; P],
) {
    for n in 0..N {
        let mut sums = [0.0; P];
        let column = acc.iter_mut().filter_map(|acc| acc.get_mut(n));
        sums.iter_mut().zip(column).for_each(|(sum, acc)| *sum = *acc);
        add_position(walk, tail(x, n.wrapping_mul(walk.position)), w, start, &mut sums);
        let column = acc.iter_mut().filter_map(|acc| acc.get_mut(n));
        column.zip(sums).for_each(|(acc, sum)| *acc = sum);
    }
}

/// [`tile`] of positions that are one value of `x` apart, `acc[p][n] += x[n + ..] * w[start + p + ..]`, for
/// all sums where `lanes` is [`PANEL`], else for `acc[0]` only: the others then stay as they are. The walk's
/// own distance of positions is not read. Its code is short: all positions share a loop.
#[inline(always)]
// Not called where `float_vfp` takes its place.
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
pub(in crate::kernels) fn neighbours<const N: usize>(
    walk: &Walk,
    x: &[f32],
    (w, start): (&[f32], usize),
    acc: &mut [[f32; N]; PANEL],
    lanes: usize,
) {
    for n in 0..N {
        let x = tail(x, n);
        if lanes == PANEL {
            let mut sums = acc.map(|acc| acc.get(n).copied().unwrap_or(0.0));
            add_products(walk, x, w, start, &mut sums);
            let column = acc.iter_mut().filter_map(|acc| acc.get_mut(n));
            column.zip(sums).for_each(|(acc, sum)| *acc = sum);
        } else if let Some(sum) = acc.first_mut().and_then(|acc| acc.get_mut(n)) {
            add_products(walk, x, w, start, core::array::from_mut(sum));
        }
    }
}

/// Adds the products of the position at the start of `x` to its sums: `sums[p] += x[..] * w[start + p + ..]`,
/// by a loop without cases. Products for which `x` or `w` ends too early are left out.
#[inline(never)]
// Not called where `float_vfp` takes its place.
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
fn add_products<const P: usize>(
    walk: &Walk,
    x: &[f32],
    w: &[f32],
    start: usize,
    sums: &mut [f32; P],
) {
    let (mut at_x, mut at_w) = (0_usize, start);
    let ([x_step, x_jump, x_leap], [w_step, w_jump, w_leap]) = (walk.x_jumps, walk.w_jumps);
    for _ in 0..walk.counts[2] {
        for _ in 0..walk.counts[1] {
            for _ in 0..walk.counts[0] {
                if let (Some(x), Some(w)) = (x.get(at_x), tail(w, at_w).first_chunk()) {
                    accumulate(sums, *x, w);
                }
                at_x = at_x.wrapping_add_signed(x_step);
                at_w = at_w.wrapping_add_signed(w_step);
            }
            at_x = at_x.wrapping_add_signed(x_jump);
            at_w = at_w.wrapping_add_signed(w_jump);
        }
        at_x = at_x.wrapping_add_signed(x_leap);
        at_w = at_w.wrapping_add_signed(w_leap);
    }
}

/// Adds the products of the position at the start of `x` to its sums: `sums[p] += x[..] * w[start + p + ..]`,
/// innermost loops by [`add_line`]. Products for which `x` or `w` ends too early are left out.
#[inline(always)]
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
    let (mut at_x, mut at_w) = (0_usize, start);
    for _ in 0..walk.counts[2] {
        for _ in 0..walk.counts[1] {
            add_line(walk, tail(x, at_x), w, at_w, sums);
            at_x = at_x.wrapping_add_signed(x_line);
            at_w = at_w.wrapping_add_signed(w_line);
        }
        at_x = at_x.wrapping_add_signed(walk.x_jumps[2]);
        at_w = at_w.wrapping_add_signed(walk.w_jumps[2]);
    }
}

/// Adds the products of one innermost loop, which begins at the start of `x` and at `w[start]`, to the sums:
/// `sums[p] += x[..] * w[start + p + ..]`. Products for which `x` or `w` ends too early are left out.
#[inline(always)]
fn add_line<const P: usize>(
    walk: &Walk,
    x: &[f32],
    w: &[f32],
    mut start: usize,
    sums: &mut [f32; P],
) {
    let [count, ..] = walk.counts;
    let (x_step, w_step) = (walk.x_jumps[0], walk.w_jumps[0]);
    let xs = x.iter().step_by(x_step.unsigned_abs().max(1)).take(count);
    if w_step == P as isize {
        let ws = tail(w, start).as_chunks().0;
        return match x_step {
            // A loop of its own, without a step.
            1 => x.iter().take(count).zip(ws).for_each(|(x, w)| accumulate(sums, *x, w)),
            _ => xs.zip(ws).for_each(|(x, w)| accumulate(sums, *x, w)),
        };
    }
    for x in xs {
        if let Some(w) = tail(w, start).first_chunk() {
            accumulate(sums, *x, w);
        }
        start = start.wrapping_add_signed(w_step);
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
