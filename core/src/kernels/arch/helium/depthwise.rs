//! Depthwise convolutions: four channels at a time, sixteen of bytes.

use super::{are_counts, product, reach};
use crate::kernels::integer::{Depthwise, Output, Value, portable};
use core::arch::naked_asm;

/// A group of channels at a row of positions, for one call of machine code.
///
/// Whoever makes a job guarantees, for reading and writing: at each of `positions`, `x_step` and
/// `y_step` bytes apart, `rows` rows of `columns` taps with [`LANES`] values of `x` each, `tap_step`
/// bytes apart and `gap` bytes on behind a row, and `lanes` outputs at `y`; [`LANES`] weights per tap
/// and as many pairs at `outputs`. No count is 0.
#[repr(C)]
struct Group {
    x: *const u8,
    weights: *const i8,
    outputs: *const [i32; 2],
    y: *mut u8,
    rows: usize,
    columns: usize,
    tap_step: usize,
    gap: usize,
    positions: usize,
    x_step: usize,
    y_step: usize,
    shift: u32,
    zero_point: i32,
    low: i32,
    high: i32,
    lanes: usize,
}

/// Number of channels of a group.
const LANES: usize = 4;

/// Machine code of one group.
type Channels = unsafe extern "C" fn(&Group);

/// Four groups, and where the weights and parameters of each begin.
#[repr(C)]
struct Groups {
    first: Group,
    /// Addresses in front of the weights: the code steps on before it reads.
    weights: [*const i8; 4],
    outputs: [*const [i32; 2]; 4],
}

/// Requantizes the sums in `$sums`, except for the clamp: bias and multiplier of each lane are at these
/// offsets from its address in q6.
macro_rules! requantized {
    ($sums:literal, $bias:literal, $multiplier:literal) => {
        concat!(
            "vldrw.u32 q4, [q6, #",
            $bias,
            "]\n",
            "vldrw.u32 q5, [q6, #",
            $multiplier,
            "]\n",
            "vadd.i32 ",
            $sums,
            ", ",
            $sums,
            ", q4\n",
            "vshl.s32 ",
            $sums,
            ", r10\n",
            "vrmulh.s32 ",
            $sums,
            ", ",
            $sums,
            ", q5\n",
            "vadd.i32 ",
            $sums,
            ", ",
            $sums,
            ", r2\n",
        )
    };
}

/// A function `$name` for four channels; `$x` loads them, `$y` stores those for which the predicate is set.
macro_rules! channels {
    ($name:ident, $x:literal, $y:literal) => {
        /// Writes the outputs of the group's first `lanes` channels at each of its positions to its `y`.
        /// Bytes in the name are i8, halves i16; a name with one of them has it for `x` and `y`.
        ///
        /// # Safety
        ///
        /// What [`Group`] says.
        #[unsafe(naked)]
        unsafe extern "C" fn $name(group: &Group) {
            naked_asm!(
                ".cpu cortex-m55",
                "push {{r4-r11, lr}}",
                "vpush {{d8-d11}}",
                "ldrd r10, r1, [r0, #48]",
                "ldr r2, [r0, #56]",
                "vdup.32 q3, r10",
                "vdup.32 q4, r1",
                "vdup.32 q5, r2",
                "ldr r10, [r0, #60]",
                "vctp.32 r10",
                "ldrd r3, r9, [r0, #24]",
                "ldr r5, [r0]",
                "ldr r6, [r0, #12]",
                "ldrd r7, r11, [r0, #32]",
                "ldrd r12, r10, [r0, #40]",
                "2:", // a position
                "ldr r2, [r0, #4]",
                "ldrd r4, r8, [r0, #16]",
                "mov r1, r5",
                "vmov.i32 q0, #0",
                "3:",
                "dls lr, r8",
                "4:",
                "vldrb.s32 q1, [r2], #4",
                $x,
                "vmul.i32 q1, q1, q2",
                "vadd.i32 q0, q0, q1",
                "add r1, r1, r3",
                "le lr, 4b",
                "add r1, r1, r9",
                "subs r4, r4, #1",
                "bne 3b",
                "ldr r4, [r0, #8]",
                "vld20.32 {{q1, q2}}, [r4]",
                "vld21.32 {{q1, q2}}, [r4]",
                "vadd.i32 q0, q0, q1",
                "vshl.s32 q0, r10",
                "vrmulh.s32 q0, q0, q2",
                "vadd.i32 q0, q0, q3",
                "vmax.s32 q0, q0, q4",
                "vmin.s32 q0, q0, q5",
                "vpst",
                $y,
                "add r5, r5, r11",
                "add r6, r6, r12",
                "subs r7, r7, #1",
                "bne 2b",
                "vpop {{d8-d11}}",
                "pop {{r4-r11, pc}}",
            )
        }
    };
}

channels!(channels_of_bytes, "vldrb.s32 q2, [r1]", "vstrbt.32 q0, [r6]");
channels!(channels_of_bytes_to_halves, "vldrb.s32 q2, [r1]", "vstrht.32 q0, [r6]");
channels!(channels_of_halves_to_bytes, "vldrh.s32 q2, [r1]", "vstrbt.32 q0, [r6]");
channels!(channels_of_halves, "vldrh.s32 q2, [r1]", "vstrht.32 q0, [r6]");

/// Writes the outputs of sixteen channels, i8 from i8, at each of the groups' positions to `first.y`; weights
/// of four groups are gathered, so that both operands are in the order of the channels.
///
/// | Register | Holds |
/// |---|---|
/// | r1, q6 | next of `x`; of the weights of each group |
/// | r3, r9 | steps from tap to tap and behind a row |
/// | r5, r6, r7 | `x`, `y` and number of positions left |
/// | q0 to q3 | sums of channels 0, 4, 8 and 12, of those behind them, and so on |
///
/// # Safety
///
/// What [`Group`] says, for four groups; all lanes are stored.
#[unsafe(naked)]
unsafe extern "C" fn sixteen_channels(groups: &Groups) {
    naked_asm!(
        ".cpu cortex-m55",
        "push {{r4-r11, lr}}",
        "vpush {{d8-d15}}",
        "ldrd r3, r9, [r0, #24]",
        "ldr r5, [r0]",
        "ldr r6, [r0, #12]",
        "ldrd r7, r11, [r0, #32]",
        "ldrd r12, r10, [r0, #40]",
        "ldr r2, [r0, #48]",
        "2:", // a position
        "ldrd r4, r8, [r0, #16]",
        "mov r1, r5",
        "vldrw.u32 q6, [r0, #64]",
        "vmov.i32 q0, #0",
        "vmov.i32 q1, #0",
        "vmov.i32 q2, #0",
        "vmov.i32 q3, #0",
        "3:",
        "dls lr, r8",
        "4:",
        "vldrw.u32 q4, [q6, #4]!",
        "vldrb.u8 q5, [r1]",
        "add r1, r1, r3",
        "vmullb.s8 q7, q4, q5", // channels 0, 2, 4 ...
        "vmullt.s8 q5, q4, q5",
        "vmovlb.s16 q4, q7", // channels 0, 4, 8, 12
        "vadd.i32 q0, q0, q4",
        "vmovlt.s16 q7, q7",
        "vadd.i32 q2, q2, q7",
        "vmovlb.s16 q4, q5",
        "vadd.i32 q1, q1, q4",
        "vmovlt.s16 q5, q5",
        "vadd.i32 q3, q3, q5",
        "le lr, 4b",
        "add r1, r1, r9",
        "subs r4, r4, #1",
        "bne 3b",
        "vldrw.u32 q6, [r0, #80]",
        concat!(
            requantized!("q0", "0", "4"),
            requantized!("q1", "8", "12"),
            requantized!("q2", "16", "20"),
            requantized!("q3", "24", "28"),
        ),
        "ldrd r4, r8, [r0, #52]",
        "vdup.32 q4, r4",
        "vdup.32 q5, r8",
        "vmax.s32 q0, q0, q4",
        "vmax.s32 q1, q1, q4",
        "vmax.s32 q2, q2, q4",
        "vmax.s32 q3, q3, q4",
        "vmin.s32 q0, q0, q5",
        "vmin.s32 q1, q1, q5",
        "vmin.s32 q2, q2, q5",
        "vmin.s32 q3, q3, q5",
        "vsli.32 q0, q1, #8",
        "vsli.32 q2, q3, #8",
        "vsli.32 q0, q2, #16",
        "vstrb.8 q0, [r6]",
        "add r5, r5, r11",
        "add r6, r6, r12",
        "subs r7, r7, #1",
        "bne 2b",
        "vpop {{d8-d15}}",
        "pop {{r4-r11, pc}}",
    )
}

/// `y[p][c] = finish(outputs[c][0] + sum_t x[p][t][c] * w[c][t], outputs[c][1])`, as [`portable::depthwise`]
/// defines it, also where slices are too short: by machine code where outputs are integers and
/// [`fits_depthwise`] holds, else by the definition itself.
#[inline(never)]
pub fn depthwise<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Depthwise,
) {
    let channels: Channels = match (size_of::<X>(), Y::SIZE) {
        (1, 1) => channels_of_bytes,
        (1, 2) => channels_of_bytes_to_halves,
        (2, 1) => channels_of_halves_to_bytes,
        (2, 2) => channels_of_halves,
        _ => return portable::depthwise(x, weights, outputs, y, s),
    };
    if !fits_depthwise(x, weights, outputs, y, s) {
        return portable::depthwise(x, weights, outputs, y, s);
    }
    for row in 0..s.positions[0] {
        let at_x = s.x_start + row * s.position_steps[0];
        let at_y = s.y_start + row * s.y_steps[0];
        let mut first = 0;
        while first < s.channels {
            let lanes = LANES.min(s.channels - first);
            let mut parameters = [[0; 2]; LANES];
            let given = outputs.iter().skip(first).take(lanes);
            parameters.iter_mut().zip(given).for_each(|(all, given)| *all = *given);
            let weights = weights.as_ptr().wrapping_add(first * s.taps());
            let group = Group {
                x: x.as_ptr().wrapping_add(at_x + first).cast(),
                weights,
                outputs: parameters.as_ptr(),
                y: y.as_mut_ptr().wrapping_add(at_y + first).cast(),
                lanes,
                ..group::<X, Y>(s)
            };
            if size_of::<X>() == 1 && Y::SIZE == 1 && s.channels - first >= 4 * LANES {
                let group_weights = LANES * s.taps();
                let outputs = outputs.as_ptr().wrapping_add(first);
                let groups = Groups {
                    first: group,
                    weights: [0, 1, 2, 3]
                        .map(|i| weights.wrapping_add(i * group_weights).wrapping_sub(LANES)),
                    outputs: [0, 1, 2, 3].map(|i| outputs.wrapping_add(i * LANES)),
                };
                // SAFETY: as below; there are 16 more channels, and their parameters are read in place.
                unsafe { sixteen_channels(&groups) };
                first += 4 * LANES;
            } else {
                // SAFETY: `fits_depthwise` has found all taps of all channels, rounded up to groups, in
                // `x`, the outputs in `y`, and weights of whole groups; the parameters are copied.
                unsafe { channels(&group) };
                first += LANES;
            }
        }
    }
}

/// The group's part that is the same for all channels and rows of positions: pointers are null, `lanes` is
/// [`LANES`].
#[inline(always)]
fn group<X, Y: Output>(s: &Depthwise) -> Group {
    let bytes = |values: usize| values.wrapping_mul(size_of::<X>());
    Group {
        x: core::ptr::null(),
        weights: core::ptr::null(),
        outputs: core::ptr::null(),
        y: core::ptr::null_mut(),
        rows: s.kernel[0],
        columns: s.kernel[1],
        tap_step: bytes(s.tap_steps[1]),
        gap: bytes(s.tap_steps[0].wrapping_sub(s.kernel[1].wrapping_mul(s.tap_steps[1]))),
        positions: s.positions[1],
        x_step: bytes(s.position_steps[1]),
        y_step: s.y_steps[1] * Y::SIZE,
        shift: s.rule.shift,
        zero_point: s.rule.zero_point,
        low: s.rule.low,
        high: s.rule.high,
        lanes: LANES,
    }
}

/// Whether the convolution's counts are [`are_counts`] and all that it reads and writes lies inside the
/// slices, with channels rounded up to whole groups in `x` and `weights`.
#[inline(always)]
fn fits_depthwise<X, Y>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &[Y],
    s: &Depthwise,
) -> bool {
    if !are_counts([s.kernel, s.positions, [s.channels, 1]]) {
        return false;
    }
    let channels = s.channels.next_multiple_of(LANES);
    let x_end = reach(s.positions, s.position_steps) + reach(s.kernel, s.tap_steps);
    let y_end = reach(s.positions, s.y_steps) + s.y_start as u64 + s.channels as u64;
    let weights_len = product([channels, s.kernel[0], s.kernel[1], 1]);
    x_end + s.x_start as u64 + channels as u64 <= x.len() as u64
        && y_end <= y.len() as u64
        && weights_len <= weights.len() as u64
        && s.channels <= outputs.len()
}
