//! Dense layers and convolutions.
//!
//! | Per 64 products | Loads | Products | Loop | Instructions |
//! |---|---|---|---|---|
//! | `x` of i8 | 5 | 4 | 1/4 | 9 1/4 |
//! | `x` of i16 | 10 | 8 | 1/4 | 18 1/4 |
//!
//! Sums go to vectors by `vmov d, r, r`: which register of the form with two lanes of a q register is
//! which lane, LLVM's assembler and QEMU 7.2 see differently.

use super::{are_counts, product, reach};
use crate::kernels::PANEL;
use crate::kernels::integer::linear::each_position;
use crate::kernels::integer::{Linear, Output, Value, portable};
use core::arch::naked_asm;

/// Inputs of a block of weights.
const BLOCK: usize = 16;

/// Blocks of a pass.
const PASS: usize = 4;

/// Panels of four rows at a row of positions, for one call of machine code.
///
/// Whoever makes a job guarantees, for reading and writing: at each of `positions`, `x_step` and
/// `y_step` bytes apart, `runs` runs of `blocks` blocks of [`BLOCK`] values of `x`, with `gap` bytes
/// behind each, and `PANEL * panels` outputs at `y`; `panels` panels of that many blocks at `weights`,
/// and `PANEL * panels` pairs at `outputs`. No count is 0.
#[repr(C)]
struct LineJob {
    x: *const u8,
    weights: *const i8,
    outputs: *const [i32; 2],
    y: *mut u8,
    panels: usize,
    positions: usize,
    x_step: usize,
    y_step: usize,
    more_runs: usize,
    /// Passes of four blocks behind the first block of a patch, and blocks that the first one skips.
    passes: usize,
    skipped: usize,
    blocks: usize,
    gap: isize,
    zero_point: i32,
    low: i32,
    high: i32,
}

/// A function `$name` that sums panels over runs: `$first` adds the first block of a patch and `$next` each
/// other one, in `$size` bytes of code; then `$finish` stores what it makes of the sums in r0, r2, r4 and r6.
///
/// | Register | Holds |
/// |---|---|
/// | r1, r3 | next of `x` and of the weights |
/// | r5 | runs behind the first |
/// | r7, r8 | next of `y` and of the parameters |
/// | r9, r12 | passes, and where the first begins |
/// | r10 | panels left |
/// | r11 | `x` of the position |
/// | q4, q5, q6 | low, high, zero point |
macro_rules! panels {
    ($name:ident, $first:literal, $next:literal, $size:literal, $finish:literal) => {
        /// Writes the outputs of the job's panels at each of its positions to its `y`, from the type of `x`
        /// to that of `y` in the name: bytes are i8, halves i16, both requantized without a shift, and sums
        /// i32 without biases. Changes the job's `y` and `positions`.
        ///
        /// # Safety
        ///
        /// What [`LineJob`] says.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(job: &mut LineJob) {
            naked_asm!(
                ".cpu cortex-m55",
                "push {{r0, r4-r11, lr}}",
                "vpush {{d8-d13}}",
                "ldrd r5, r9, [r0, #32]",
                "ldr r2, [r0, #40]",
                concat!("mov r3, #", $size),
                "adr r12, 12f",
                "mla r12, r2, r3, r12",
                "orr r12, r12, #1",
                "ldr r11, [r0]",
                "ldr r7, [r0, #12]",
                "ldrd r1, r2, [r0, #52]",
                "ldr r3, [r0, #60]",
                "vdup.32 q6, r1",
                "vdup.32 q4, r2",
                "vdup.32 q5, r3",
                "10:", // a position
                "ldrd r3, r8, [r0, #4]",
                "ldr r10, [r0, #16]",
                "11:", // a panel
                "mov r1, r11",
                $first,
                "wls lr, r9, 13f",
                "mov pc, r12",
                ".p2align 2",
                ".word 0", // data behind it says that the jump stays in here
                "12:",
                $next,
                $next,
                $next,
                $next,
                "le lr, 12b",
                "13:",
                "cbnz r5, 16f",
                "14:",
                $finish,
                "subs r10, r10, #1",
                "bne 11b",
                "ldr r0, [sp, #48]",
                "ldrd r1, r2, [r0, #20]",
                "subs r1, r1, #1",
                "beq 15f",
                "str r1, [r0, #20]",
                "add r11, r11, r2",
                "ldr r1, [r0, #12]",
                "ldr r2, [r0, #28]",
                "add r7, r1, r2",
                "str r7, [r0, #12]",
                "b 10b",
                "15:",
                "vpop {{d8-d13}}",
                "pop {{r0, r4-r11, pc}}",
                "16:", // further runs
                "ldr lr, [sp, #48]",
                "ldr lr, [lr, #48]",
                "add r1, r1, lr",
                "ldr lr, [sp, #48]",
                "ldr lr, [lr, #44]",
                "dls lr, lr",
                "17:",
                $next,
                "le lr, 17b",
                "subs r5, r5, #1",
                "bne 16b",
                "ldr lr, [sp, #48]",
                "ldr r5, [lr, #32]",
                "b 14b",
            )
        }
    };
}

/// [`panels!`] for `x` of i8.
macro_rules! of_bytes {
    ($name:ident, $finish:literal) => {
        panels!(
            $name,
            "vldrb.u8 q0, [r1], #16
             vldrb.u8 q1, [r3], #64
             vmladav.s8 r0, q0, q1
             vldrb.u8 q2, [r3, #-48]
             vmladav.s8 r2, q0, q2
             vldrb.u8 q1, [r3, #-32]
             vmladav.s8 r4, q0, q1
             vldrb.u8 q2, [r3, #-16]
             vmladav.s8 r6, q0, q2",
            "vldrb.u8 q0, [r1], #16
             vldrb.u8 q1, [r3], #64
             vmladava.s8 r0, q0, q1
             vldrb.u8 q2, [r3, #-48]
             vmladava.s8 r2, q0, q2
             vldrb.u8 q1, [r3, #-32]
             vmladava.s8 r4, q0, q1
             vldrb.u8 q2, [r3, #-16]
             vmladava.s8 r6, q0, q2",
            "36",
            $finish
        );
    };
}

/// [`panels!`] for `x` of i16.
macro_rules! of_halves {
    ($name:ident, $finish:literal) => {
        panels!(
            $name,
            "vldrh.u16 q0, [r1], #16
             vldrb.s16 q1, [r3], #64
             vmladav.s16 r0, q0, q1
             vldrb.s16 q2, [r3, #-48]
             vmladav.s16 r2, q0, q2
             vldrb.s16 q1, [r3, #-32]
             vmladav.s16 r4, q0, q1
             vldrb.s16 q2, [r3, #-16]
             vmladav.s16 r6, q0, q2
             vldrh.u16 q0, [r1], #16
             vldrb.s16 q1, [r3, #-56]
             vmladava.s16 r0, q0, q1
             vldrb.s16 q2, [r3, #-40]
             vmladava.s16 r2, q0, q2
             vldrb.s16 q1, [r3, #-24]
             vmladava.s16 r4, q0, q1
             vldrb.s16 q2, [r3, #-8]
             vmladava.s16 r6, q0, q2",
            "vldrh.u16 q0, [r1], #16
             vldrb.s16 q1, [r3], #64
             vmladava.s16 r0, q0, q1
             vldrb.s16 q2, [r3, #-48]
             vmladava.s16 r2, q0, q2
             vldrb.s16 q1, [r3, #-32]
             vmladava.s16 r4, q0, q1
             vldrb.s16 q2, [r3, #-16]
             vmladava.s16 r6, q0, q2
             vldrh.u16 q0, [r1], #16
             vldrb.s16 q1, [r3, #-56]
             vmladava.s16 r0, q0, q1
             vldrb.s16 q2, [r3, #-40]
             vmladava.s16 r2, q0, q2
             vldrb.s16 q1, [r3, #-24]
             vmladava.s16 r4, q0, q1
             vldrb.s16 q2, [r3, #-8]
             vmladava.s16 r6, q0, q2",
            "72",
            $finish
        );
    };
}

of_bytes!(
    bytes_to_bytes,
    "vld20.32 {{q0, q1}}, [r8]
     vld21.32 {{q0, q1}}, [r8]!
     vmov d4, r0, r2
     vmov d5, r4, r6
     vadd.i32 q2, q2, q0
     vrmulh.s32 q2, q2, q1
     vadd.i32 q2, q2, q6
     vmax.s32 q2, q2, q4
     vmin.s32 q2, q2, q5
     vstrb.32 q2, [r7], #4"
);

of_bytes!(
    bytes_to_halves,
    "vld20.32 {{q0, q1}}, [r8]
     vld21.32 {{q0, q1}}, [r8]!
     vmov d4, r0, r2
     vmov d5, r4, r6
     vadd.i32 q2, q2, q0
     vrmulh.s32 q2, q2, q1
     vadd.i32 q2, q2, q6
     vmax.s32 q2, q2, q4
     vmin.s32 q2, q2, q5
     vstrh.32 q2, [r7], #8"
);

of_bytes!(
    bytes_to_sums,
    "vmov d4, r0, r2
     vmov d5, r4, r6
     vstrw.32 q2, [r7], #16"
);

of_halves!(
    halves_to_bytes,
    "vld20.32 {{q0, q1}}, [r8]
     vld21.32 {{q0, q1}}, [r8]!
     vmov d4, r0, r2
     vmov d5, r4, r6
     vadd.i32 q2, q2, q0
     vrmulh.s32 q2, q2, q1
     vadd.i32 q2, q2, q6
     vmax.s32 q2, q2, q4
     vmin.s32 q2, q2, q5
     vstrb.32 q2, [r7], #4"
);

of_halves!(
    halves_to_halves,
    "vld20.32 {{q0, q1}}, [r8]
     vld21.32 {{q0, q1}}, [r8]!
     vmov d4, r0, r2
     vmov d5, r4, r6
     vadd.i32 q2, q2, q0
     vrmulh.s32 q2, q2, q1
     vadd.i32 q2, q2, q6
     vmax.s32 q2, q2, q4
     vmin.s32 q2, q2, q5
     vstrh.32 q2, [r7], #8"
);

of_halves!(
    halves_to_sums,
    "vmov d4, r0, r2
     vmov d5, r4, r6
     vstrw.32 q2, [r7], #16"
);

/// Machine code of [`panels!`].
type Panels = unsafe extern "C" fn(&mut LineJob);

/// Machine code from values `X` to outputs `Y` of full panels, of a rule without a shift; `Y` has to be an
/// integer.
const fn to_outputs<X: Value, Y: Output>() -> Panels {
    match (size_of::<X>(), Y::SIZE) {
        (1, 1) => bytes_to_bytes,
        (1, _) => bytes_to_halves,
        (_, 1) => halves_to_bytes,
        _ => halves_to_halves,
    }
}

/// Machine code from values `X` to the i32 sums of panels, without biases.
const fn to_sums<X: Value>() -> Panels {
    if size_of::<X>() == 1 { bytes_to_sums } else { halves_to_sums }
}

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])` from weights in `Form::Helium`,
/// as [`portable::helium`] defines it, also where slices are too short: by machine code where [`fits`] holds,
/// else by the definition itself.
#[inline(never)]
pub fn linear<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    if !fits(x, weights, outputs, y, s) {
        return portable::helium(x, weights, outputs, y, s);
    }
    let full = if Y::SIZE < 4 && s.rule.shift == 0 { s.rows / PANEL } else { 0 };
    if full > 0 {
        full_panels(x, weights, outputs, y, s, full);
    }
    if s.rows != PANEL * full {
        other_panels(x, weights, outputs, y, s, full);
    }
}

/// Whether machine code can compute the layer: no count is 0 and all are below 2^20, runs form one line and
/// have a multiple of [`BLOCK`] inputs, and all that is read and written lies inside the slices.
#[inline(always)]
fn fits<X, Y>(x: &[X], weights: &[i8], outputs: &[[i32; 2]], y: &[Y], s: &Linear) -> bool {
    if !are_counts([s.runs, s.positions, [s.run, s.rows]]) || s.runs[0] > 1 && s.runs[1] > 1 {
        return false;
    }
    let x_end = reach(s.positions, s.position_steps) + reach(s.runs, s.run_steps);
    let weights_len = product([s.rows.next_multiple_of(PANEL), s.run, s.runs[0], s.runs[1]]);
    s.run.is_multiple_of(BLOCK)
        && x_end + s.x_start as u64 + s.run as u64 <= x.len() as u64
        && reach(s.positions, s.y_steps) + s.y_start as u64 + s.rows as u64 <= y.len() as u64
        && weights_len <= weights.len() as u64
        && s.rows <= outputs.len()
}

/// Values of `x` from run to run of a patch whose runs form one line: one of its two counts is 1.
const fn run_step(s: &Linear) -> usize {
    if s.runs[0] == 1 { s.run_steps[1] } else { s.run_steps[0] }
}

/// The layer's job for one panel at one position, with null pointers and a `y_step` of 0; the layer has to
/// pass [`fits`].
#[inline(always)]
fn job<X>(s: &Linear) -> LineJob {
    let bytes = |values: usize| values.wrapping_mul(size_of::<X>());
    let blocks = s.run / BLOCK;
    let passes = (blocks - 1).div_ceil(PASS);
    LineJob {
        x: core::ptr::null(),
        weights: core::ptr::null(),
        outputs: core::ptr::null(),
        y: core::ptr::null_mut(),
        panels: 1,
        positions: 1,
        x_step: bytes(s.position_steps[1]),
        y_step: 0,
        more_runs: s.runs[0] * s.runs[1] - 1,
        passes,
        skipped: passes * PASS - (blocks - 1),
        blocks,
        gap: bytes(run_step(s).wrapping_sub(s.run)) as isize,
        zero_point: s.rule.zero_point,
        low: s.rule.low,
        high: s.rule.high,
    }
}

/// Computes the outputs of the first `full` panels at all positions and writes them to `y`. The layer has
/// passed [`fits`], its outputs are integers, its rule has no shift, and `full` is at least 1 and at most
/// `rows / 4`.
#[inline(always)]
fn full_panels<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
    full: usize,
) {
    for row in 0..s.positions[0] {
        let at_x = s.x_start + row * s.position_steps[0];
        let at_y = s.y_start + row * s.y_steps[0];
        let mut job = LineJob {
            x: x.as_ptr().wrapping_add(at_x).cast(),
            weights: weights.as_ptr(),
            outputs: outputs.as_ptr(),
            y: y.as_mut_ptr().wrapping_add(at_y).cast(),
            panels: full,
            positions: s.positions[1],
            y_step: s.y_steps[1] * Y::SIZE,
            ..job::<X>(s)
        };
        // SAFETY: `fits` has found all of the layer's patches in `x` and outputs in `y`, weights for
        // all rows and parameters for each; `full` panels have no more rows than the layer.
        unsafe { to_outputs::<X, Y>()(&mut job) };
    }
}

/// Computes the outputs of the panels behind the first `full` (which may be 0) at all positions and writes
/// them to `y`, where the first `full` panels' outputs stay: sums by machine code, then [`Output::finish`].
/// The layer has passed [`fits`].
#[inline(never)]
fn other_panels<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
    full: usize,
) {
    let mut job = job::<X>(s);
    each_position(x, y, s, |x, y| {
        for panel in full..s.rows.div_ceil(PANEL) {
            let mut sums = [0_i32; PANEL];
            job.x = x.as_ptr().cast();
            job.weights = weights.as_ptr().wrapping_add(panel * PANEL * s.inputs());
            job.y = sums.as_mut_ptr().cast();
            // SAFETY: `fits` has found the patch in `x` and the weights of the panel; the code reads
            // no parameters, and writes four sums.
            unsafe { to_sums::<X>()(&mut job) };
            let outputs = outputs.iter().zip(y.iter_mut()).skip(panel * PANEL);
            for (sum, ([bias, parameter], y)) in sums.iter().zip(outputs) {
                *y = Y::finish(sum.wrapping_add(*bias), *parameter, &s.rule);
            }
        }
    });
}
