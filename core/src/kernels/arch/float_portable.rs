//! The definition of the float loops, in plain Rust.

use super::Walk;
use crate::kernels::PANEL;

/// Adds `x`'s products with one or two panels to the sums of their outputs.
#[inline(always)]
#[cfg_attr(all(target_arch = "arm", target_abi = "eabihf"), allow(dead_code))]
pub(in crate::kernels) fn panels(x: &[f32], panels: &[f32], acc: &mut [f32; 2 * PANEL]) {
    let halves = crate::pieces::pieces(panels, PANEL * x.len());
    for (panel, acc) in halves.zip(acc.as_chunks_mut::<PANEL>().0) {
        for (x, w) in x.iter().zip(panel.as_chunks::<PANEL>().0) {
            for (acc, w) in acc.iter_mut().zip(w) {
                *acc += x * w;
            }
        }
    }
}

/// Adds the products of a walk to a tile of sums; what `x` or `w` lack is left out.
#[inline(always)]
pub(in crate::kernels) fn tile<const P: usize, const N: usize>(
    walk: &Walk,
    x: &[f32],
    w: &[f32],
    start: usize,
    acc: &mut [[f32; N]; P],
) {
    let (mut at_x, mut at_w) = (0_usize, start);
    for _ in 0..walk.counts[2] {
        for _ in 0..walk.counts[1] {
            for _ in 0..walk.counts[0] {
                add_products(tail(x, at_x), walk.position, tail(w, at_w), acc);
                at_x = at_x.wrapping_add_signed(walk.x_jumps[0]);
                at_w = at_w.wrapping_add_signed(walk.w_jumps[0]);
            }
            at_x = at_x.wrapping_add_signed(walk.x_jumps[1]);
            at_w = at_w.wrapping_add_signed(walk.w_jumps[1]);
        }
        at_x = at_x.wrapping_add_signed(walk.x_jumps[2]);
        at_w = at_w.wrapping_add_signed(walk.w_jumps[2]);
    }
}

/// One product of each sum of a tile.
#[inline(always)]
fn add_products<const P: usize, const N: usize>(
    x: &[f32],
    position: usize,
    w: &[f32],
    acc: &mut [[f32; N]; P],
) {
    let Some(w) = w.first_chunk::<P>() else { return };
    for n in 0..N {
        let Some(x) = x.get(n.wrapping_mul(position)) else { return };
        for (acc, w) in acc.iter_mut().zip(w) {
            if let Some(acc) = acc.get_mut(n) {
                *acc += x * w;
            }
        }
    }
}

/// `slice` from `start` on; empty where it is shorter.
#[inline(always)]
fn tail(slice: &[f32], start: usize) -> &[f32] {
    slice.get(start..).unwrap_or(&[])
}
