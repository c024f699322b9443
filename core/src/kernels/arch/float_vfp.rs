//! The float loops on a scalar floating-point unit (M4F, M7, M33).
//!
//! A multiplication and an addition take a cycle each, a fused or chained one three: the pair that the
//! definition asks for is also the faster one. Several words are loaded at once, each weight serves
//! all positions of a tile, each input all rows, and no result is used by the next instruction.

use super::{Factors, Steps, Walk, float_portable};
use crate::kernels::PANEL;
use core::arch::asm;

/// Least number of positions for which a tile of four, some computed twice, costs less than single positions.
pub(in crate::kernels) const REPEATED: usize = 2;

/// `acc[r] += sum_i x[i] * w[r][i]` for one or two panels, as [`float_portable::panels`] defines it, but that
/// panels of fewer than `PANEL * x.len()` values are left out.
#[inline(always)]
pub(in crate::kernels) fn panels(x: &[f32], panels: &[f32], acc: &mut [f32; 2 * PANEL]) {
    let len = PANEL * x.len();
    match panels.split_at_checked(len) {
        Some((first, second)) if second.len() >= len => two_panels(x, first, second, acc),
        Some((first, _)) => one_panel(x, first, acc),
        None => {}
    }
}

/// Four products of `$x`, then their additions to a sum each; the products replace the factors, or
/// go to `$p0` to `$p3`.
macro_rules! add_column {
    ($x:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal,
     $a0:literal, $a1:literal, $a2:literal, $a3:literal) => {
        add_column!($x, $w0, $w1, $w2, $w3, $a0, $a1, $a2, $a3; $w0, $w1, $w2, $w3)
    };
    ($x:literal, $w0:literal, $w1:literal, $w2:literal, $w3:literal,
     $a0:literal, $a1:literal, $a2:literal, $a3:literal;
     $p0:literal, $p1:literal, $p2:literal, $p3:literal) => {
        concat!(
            "vmul.f32 ", $p0, ", ", $w0, ", ", $x, "\n",
            "vmul.f32 ", $p1, ", ", $w1, ", ", $x, "\n",
            "vmul.f32 ", $p2, ", ", $w2, ", ", $x, "\n",
            "vmul.f32 ", $p3, ", ", $w3, ", ", $x, "\n",
            "vadd.f32 ", $a0, ", ", $a0, ", ", $p0, "\n",
            "vadd.f32 ", $a1, ", ", $a1, ", ", $p1, "\n",
            "vadd.f32 ", $a2, ", ", $a2, ", ", $p2, "\n",
            "vadd.f32 ", $a3, ", ", $a3, ", ", $p3, "\n",
        )
    };
}

/// Four inputs (s8 to s11) by the weights of one panel (s12 to s27).
macro_rules! add_columns {
    ($a0:literal, $a1:literal, $a2:literal, $a3:literal) => {
        concat!(
            add_column!("s8", "s12", "s13", "s14", "s15", $a0, $a1, $a2, $a3),
            add_column!("s9", "s16", "s17", "s18", "s19", $a0, $a1, $a2, $a3),
            add_column!("s10", "s20", "s21", "s22", "s23", $a0, $a1, $a2, $a3),
            add_column!("s11", "s24", "s25", "s26", "s27", $a0, $a1, $a2, $a3),
        )
    };
}

/// Adds the products of `x` with `first` to the first four sums and those with `second` to the last four, in
/// the order of the inputs. Both panels must hold `PANEL * x.len()` values: with fewer it reads beyond them.
#[inline(always)]
fn two_panels(x: &[f32], first: &[f32], second: &[f32], acc: &mut [f32; 2 * PANEL]) {
    // SAFETY: reads `x.len()` values of `x` and `PANEL * x.len()` of each panel, which the caller has
    // split off in that length; reads and writes the eight values of `acc`.
    unsafe {
        asm!(
            "vldmia {acc}, {{s0-s7}}",
            "cmp {fours}, #0",
            "beq 3f",
            "2:",
            "vldmia {x}!, {{s8-s11}}",
            "vldmia {first}!, {{s12-s27}}",
            add_columns!("s0", "s1", "s2", "s3"),
            "vldmia {second}!, {{s12-s27}}",
            add_columns!("s4", "s5", "s6", "s7"),
            "subs {fours}, {fours}, #1",
            "bne 2b",
            "3:",
            "cmp {ones}, #0",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s8}}",
            "vldmia {first}!, {{s12-s15}}",
            "vldmia {second}!, {{s16-s19}}",
            add_column!("s8", "s12", "s13", "s14", "s15", "s0", "s1", "s2", "s3"),
            add_column!("s8", "s16", "s17", "s18", "s19", "s4", "s5", "s6", "s7"),
            "subs {ones}, {ones}, #1",
            "bne 4b",
            "5:",
            "vstmia {acc}, {{s0-s7}}",
            x = inout(reg) x.as_ptr() => _,
            first = inout(reg) first.as_ptr() => _,
            second = inout(reg) second.as_ptr() => _,
            acc = in(reg) acc.as_mut_ptr(),
            fours = inout(reg) x.len() / 4 => _,
            ones = inout(reg) x.len() % 4 => _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _, out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _, out("d12") _, out("d13") _,
            options(nostack),
        );
    }
}

/// Adds the products of `x` with `panel` to the first four sums, in the order of the inputs. The panel must
/// hold `PANEL * x.len()` values: with fewer it reads beyond them.
#[inline(always)]
fn one_panel(x: &[f32], panel: &[f32], acc: &mut [f32; 2 * PANEL]) {
    // SAFETY: reads `x.len()` values of `x` and `PANEL * x.len()` of the panel, which the caller has
    // split off in that length; reads and writes the first four values of `acc`.
    unsafe {
        asm!(
            "vldmia {acc}, {{s0-s3}}",
            "cmp {fours}, #0",
            "beq 3f",
            "2:",
            "vldmia {x}!, {{s8-s11}}",
            "vldmia {panel}!, {{s12-s27}}",
            add_columns!("s0", "s1", "s2", "s3"),
            "subs {fours}, {fours}, #1",
            "bne 2b",
            "3:",
            "cmp {ones}, #0",
            "beq 5f",
            "4:",
            "vldmia {x}!, {{s8}}",
            "vldmia {panel}!, {{s12-s15}}",
            add_column!("s8", "s12", "s13", "s14", "s15", "s0", "s1", "s2", "s3"),
            "subs {ones}, {ones}, #1",
            "bne 4b",
            "5:",
            "vstmia {acc}, {{s0-s3}}",
            x = inout(reg) x.as_ptr() => _,
            panel = inout(reg) panel.as_ptr() => _,
            acc = in(reg) acc.as_mut_ptr(),
            fours = inout(reg) x.len() / 4 => _,
            ones = inout(reg) x.len() % 4 => _,
            out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _, out("d6") _, out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _, out("d12") _, out("d13") _,
            options(nostack),
        );
    }
}

/// How far a walk goes from the first product of its first sum.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Extent {
    /// Values of `x` in front of the last one that a tile of one position reads, and a tile of four.
    x: [usize; 2],
    /// Values of `w` in front of the last one that the first sum reads.
    w: usize,
}

impl Extent {
    /// The extent of these loops with positions `position` values of `x` apart; in `x` the largest number where a
    /// loop has no rounds, so that no tile fits.
    #[inline(always)]
    pub(super) fn of(loops: [Steps; 3], position: usize) -> Self {
        let (mut far_x, mut far_w) = (0_usize, 0_usize);
        for Steps { count, x, w } in loops {
            far_x = farther(far_x, count.wrapping_sub(1), x);
            far_w = farther(far_w, count.wrapping_sub(1), w);
        }
        if loops.iter().any(|steps| steps.count == 0) {
            far_x = usize::MAX;
        }
        Self { x: [far_x, farther(far_x, 3, position)], w: far_w }
    }

    /// Whether a tile of `sums` (at least 1) by one position, or by `four`, has products and reads only values of
    /// `x`, and of `w` where its first factor is `w[first]`.
    #[inline(always)]
    fn fits(&self, sums: usize, four: bool, factors: Factors<'_>) -> bool {
        let [one, fours] = self.x;
        let last = if four { fours } else { one };
        let ends = factors.w.len().saturating_sub(sums - 1);
        last < factors.x.len() && factors.first.saturating_add(self.w) < ends
    }
}

/// `start + count * step`, or the largest number where that is larger; the addition cannot overflow.
#[inline(always)]
fn farther(start: usize, count: usize, step: usize) -> usize {
    usize::try_from(count as u64 * step as u64 + start as u64).unwrap_or(usize::MAX)
}

/// Writes the sums of a tile, of the products of a walk, as [`float_portable::tile`] defines it, but that a tile
/// which reads outside of `x` or `w` has no products. `N` is 1 or 4.
#[inline(always)]
pub(in crate::kernels) fn tile<const N: usize>(
    walk: &Walk,
    factors: Factors<'_>,
    start: &[f32; PANEL],
    lanes: usize,
    tile: &mut [[f32; N]; PANEL],
) {
    *tile = start.map(|start| [start; N]);
    let lanes = if lanes == PANEL { PANEL } else { 1 };
    if !walk.extent.fits(lanes, N > 1, factors) {
        return;
    }
    let (x, w) = (factors.x.as_ptr(), factors.w.as_ptr().wrapping_add(factors.first));
    let sums = tile.as_mut_ptr().cast();
    // SAFETY: a walk that fits reads only what `x` and `w` hold. `tile` is `[[f32; N]; PANEL]`, of which the
    // functions for one weight take the first row. The first two functions are called for the distance of
    // positions that they have built in.
    unsafe {
        match (lanes, N, walk.position) {
            (PANEL, 4, 1) => four_by_four_next(walk, x, w, sums),
            (PANEL, 4, 2) => four_by_four_second(walk, x, w, sums),
            (PANEL, 4, _) => four_by_four(walk, x, w, sums),
            (PANEL, 1, _) => four_by_one(walk, x, w, sums),
            (_, 4, _) => one_by_four(walk, x, w, sums),
            (_, 1, _) => one_by_one(walk, x, w, sums),
            _ => float_portable::tile(walk, factors, start, lanes, tile),
        }
    }
}

/// A function `$name` with the three loops of a walk in assembly: `$load` loads weights and inputs and goes
/// on to the next, `$add` adds the products to the sums in the registers `$acc`. `$count` puts the rounds of
/// the innermost loop into `n`, `$jump` moves on behind it, `$leap` behind the loop around it.
macro_rules! walk {
    (
        $name:ident, $acc:literal, $load:expr, $add:expr, $count:literal, $jump:expr, $leap:expr,
        $($x:ident + $nth:literal),*; $($operand:ident = $field:ident[$index:literal]),*
    ) => {
        /// Adds the products of the walk, in its order, to the sums at `acc`, which are `[P][N]` as the name
        /// says: `P` by `N`, for `P` weights from `w` and `N` positions from `x` on. Positions are 1 value
        /// apart in a function for the next ones, 2 in one for every second, else `walk.position`.
        ///
        /// # Safety
        ///
        /// The walk is not empty; the values that it reads of `x` and `w` and all sums of `acc` exist.
        #[inline(always)]
        unsafe fn $name(walk: &Walk, x: *const f32, w: *const f32, acc: *mut f32) {
            // SAFETY: the caller's promise; loops and jumps are those of the portable twin. What is
            // pushed is popped.
            unsafe {
                asm!(
                    concat!("vldmia {acc}, {{", $acc, "}}"),
                    "push {{{acc}}}",
                    "ldr {acc}, [{walk}, #8]",
                    "2:",
                    "ldr {lines}, [{walk}, #4]",
                    "3:",
                    $count,
                    "subs {n}, {n}, #1",
                    "beq 5f",
                    "4:", // two products
                    $load,
                    $add,
                    $load,
                    $add,
                    "subs {n}, {n}, #2",
                    "bgt 4b",
                    "blt 6f",
                    "5:", // the last of an odd number
                    $load,
                    $add,
                    "6:",
                    $jump,
                    "subs {lines}, {lines}, #1",
                    "bne 3b",
                    $leap,
                    "subs {acc}, {acc}, #1",
                    "bne 2b",
                    "pop {{{acc}}}",
                    concat!("vstmia {acc}, {{", $acc, "}}"),
                    $($x = inout(reg) x.wrapping_add($nth * walk.position) => _,)*
                    $($operand = in(reg) walk.$field[$index],)*
                    w = inout(reg) w => _,
                    x_step = in(reg) walk.x_jumps[0],
                    w_step = in(reg) walk.w_jumps[0],
                    walk = in(reg) walk,
                    acc = inout(reg) acc => _,
                    lines = out(reg) _,
                    n = out(reg) _,
                    out("d0") _, out("d1") _, out("d2") _, out("d3") _, out("d4") _, out("d5") _,
                    out("d6") _, out("d7") _, out("d8") _, out("d9") _, out("d10") _, out("d11") _,
                    out("d12") _, out("d13") _,
                );
            }
        }
    };
}

/// [`walk`] with a pointer into `x`, which all positions share.
macro_rules! walk_one_pointer {
    ($name:ident, $acc:literal, $load:literal, $add:expr) => {
        walk!(
            $name,
            $acc,
            concat!(
                $load,
                "\nadd {x}, {x}, {x_step}, lsl #2
                 add {w}, {w}, {w_step}, lsl #2"
            ),
            $add,
            "mov {n}, {count}",
            "add {x}, {x}, {x_jump}, lsl #2
             add {w}, {w}, {w_jump}, lsl #2",
            "ldr {n}, [{walk}, #20]
             add {x}, {x}, {n}, lsl #2
             ldr {n}, [{walk}, #32]
             add {w}, {w}, {n}, lsl #2",
            x + 0; count = counts[0], x_jump = x_jumps[1], w_jump = w_jumps[1]
        );
    };
}

/// [`walk`] with a pointer into `x` for each of four positions, whose inputs go into s20 to s23.
macro_rules! walk_four_pointers {
    ($name:ident, $acc:literal, $load:literal, $add:expr) => {
        walk!(
            $name,
            $acc,
            concat!(
                "vldr s20, [{x0}]
                 vldr s21, [{x1}]
                 vldr s22, [{x2}]
                 vldr s23, [{x3}]
                ",
                $load,
                "\nadd {x0}, {x0}, {x_step}, lsl #2
                 add {x1}, {x1}, {x_step}, lsl #2
                 add {x2}, {x2}, {x_step}, lsl #2
                 add {x3}, {x3}, {x_step}, lsl #2
                 add {w}, {w}, {w_step}, lsl #2"
            ),
            $add,
            "ldr {n}, [{walk}]",
            jump_four!("16", "28"),
            jump_four!("20", "32"),
            x0 + 0, x1 + 1, x2 + 2, x3 + 3;
        );
    };
}

/// Four pointers into `x`, and the one into `w`, go on by what these places of the walk say.
macro_rules! jump_four {
    ($x:literal, $w:literal) => {
        concat!(
            "ldr {n}, [{walk}, #",
            $x,
            "]
             add {x0}, {x0}, {n}, lsl #2
             add {x1}, {x1}, {n}, lsl #2
             add {x2}, {x2}, {n}, lsl #2
             add {x3}, {x3}, {n}, lsl #2
             ldr {n}, [{walk}, #",
            $w,
            "]
             add {w}, {w}, {n}, lsl #2"
        )
    };
}

/// Four inputs (s20 to s23) by four weights (s16 to s19), added to s0 to s15.
macro_rules! add_sixteen {
    () => {
        concat!(
            add_inputs!("s16", "s0", "s1", "s2", "s3", "s24", "s25", "s26", "s27"),
            add_inputs!("s17", "s4", "s5", "s6", "s7", "s24", "s25", "s26", "s27"),
            add_inputs!("s18", "s8", "s9", "s10", "s11", "s24", "s25", "s26", "s27"),
            add_inputs!("s19", "s12", "s13", "s14", "s15", "s20", "s21", "s22", "s23"),
        )
    };
}

/// Four inputs (s20 to s23) by one weight, by way of `$p0` to `$p3` added to `$a0` to `$a3`.
macro_rules! add_inputs {
    ($w:literal, $a0:literal, $a1:literal, $a2:literal, $a3:literal,
     $p0:literal, $p1:literal, $p2:literal, $p3:literal) => {
        add_column!($w, "s20", "s21", "s22", "s23", $a0, $a1, $a2, $a3; $p0, $p1, $p2, $p3)
    };
}

walk_one_pointer!(
    four_by_four_next,
    "s0-s15",
    "vldmia {x}, {{s20-s23}}
     vldmia {w}, {{s16-s19}}",
    add_sixteen!()
);

walk_one_pointer!(
    four_by_four_second,
    "s0-s15",
    "vldr s20, [{x}]
     vldr s21, [{x}, #8]
     vldr s22, [{x}, #16]
     vldr s23, [{x}, #24]
     vldmia {w}, {{s16-s19}}",
    add_sixteen!()
);

walk_four_pointers!(four_by_four, "s0-s15", "vldmia {w}, {{s16-s19}}", add_sixteen!());

walk_one_pointer!(
    four_by_one,
    "s0-s3",
    "vldr s20, [{x}]
     vldmia {w}, {{s16-s19}}",
    add_column!("s20", "s16", "s17", "s18", "s19", "s0", "s1", "s2", "s3")
);

walk_one_pointer!(
    one_by_one,
    "s0",
    "vldr s20, [{x}]
     vldr s16, [{w}]",
    "vmul.f32 s24, s16, s20
     vadd.f32 s0, s0, s24"
);

walk_four_pointers!(
    one_by_four,
    "s0-s3",
    "vldr s16, [{w}]",
    add_inputs!("s16", "s0", "s1", "s2", "s3", "s20", "s21", "s22", "s23")
);
