//! Convolutions.

use super::product::{in_panels, operands};
use super::{Random, compare, random::LONGEST};
use elbow_core::kernels::{self, ConvShape, ConvTransposeShape, PANEL};

/// Input, output, kernel, stride, dilation and padding in front, along one axis.
type Axis = [usize; 6];

const FLAT: Axis = [1, 1, 1, 1, 1, 0];

/// Random sizes along one axis, with an input of at most `longest`; the kernel may be longer than the input,
/// and padding longer than the kernel. There is at least one output.
fn axis(random: &mut Random, longest: usize) -> Axis {
    loop {
        let [input, kernel] = [random.int(1, longest), random.int(1, 5)];
        let [stride, dilation] = [random.int(1, 3), [1, 1, 2, 3][random.int(0, 3)]];
        let [front, back] = [random.int(0, 4), random.int(0, 4)];
        let covered = (kernel - 1) * dilation + 1;
        if let Some(room) = (input + front + back).checked_sub(covered) {
            return [input, room / stride + 1, kernel, stride, dilation, front];
        }
    }
}

/// Random sizes along one axis of a transposed convolution, with an input of at most `longest`; the output
/// may be cut off at both ends, but not to nothing.
fn transposed_axis(random: &mut Random, longest: usize) -> Axis {
    loop {
        let [input, kernel] = [random.int(1, longest), random.int(1, 5)];
        let [stride, dilation] = [random.int(1, 3), [1, 1, 2, 3][random.int(0, 3)]];
        let [front, back] = [random.int(0, 3), random.int(0, 3)];
        let extra = random.int(0, stride.max(dilation) - 1);
        let full = (input - 1) * stride + (kernel - 1) * dilation + 1 + extra;
        if let Some(output @ 1..) = full.checked_sub(front + back) {
            return [input, output, kernel, stride, dilation, front];
        }
    }
}

/// Random sizes of height and width, by `axis`; in half of the cases the height is [`FLAT`].
fn axes(random: &mut Random, axis: fn(&mut Random, usize) -> Axis) -> [Axis; 2] {
    match random.int(0, 1) {
        0 => [FLAT, axis(random, 30)],
        _ => [axis(random, 8), axis(random, 12)],
    }
}

/// Runs a random convolution of one or two groups in `memory`, which it overwrites, and compares it bit by
/// bit with plain sums: the number of values, `None` where one differs. Panics where `memory` is too short.
pub fn conv(random: &mut Random, memory: &mut [f32]) -> Option<usize> {
    let [h, w] = axes(random, axis);
    let groups = random.int(1, 2);
    let (channels, filters) = (groups * random.int(1, 4), groups * random.int(1, 6));
    check(random, memory, shape(h, w, [channels, filters, groups]))
}

/// Runs a random convolution of one filter per group in `memory`, which it overwrites, and compares it bit by
/// bit with plain sums: the number of values, `None` where one differs. Panics where `memory` is too short.
pub fn conv_depthwise(random: &mut Random, memory: &mut [f32]) -> Option<usize> {
    let [h, w] = axes(random, axis);
    let groups = random.int(1, 5);
    let channels = groups * random.int(1, 2);
    check(random, memory, shape(h, w, [channels, groups, groups]))
}

/// The shapes of a convolution with these axes; what lies behind the padding in front follows from the
/// output.
fn shape(h: Axis, w: Axis, [channels, filters, groups]: [usize; 3]) -> ConvShape {
    ConvShape {
        channels,
        input: [h[0], w[0]],
        filters,
        output: [h[1], w[1]],
        kernel: [h[2], w[2]],
        strides: [h[3], w[3]],
        dilations: [h[4], w[4]],
        pads: [h[5], w[5]],
        groups,
    }
}

/// Draws operands of the convolution `s` into `memory`, runs its kernel, the depthwise one where it can, and
/// compares: the number of values, `None` where one differs. Panics where `memory` is too short.
fn check(random: &mut Random, memory: &mut [f32], s: ConvShape) -> Option<usize> {
    let (channels, filters) = (s.channels / s.groups, s.filters / s.groups);
    let lanes = if s.is_depthwise() { 1 } else { PANEL };
    let group_weights = filters.next_multiple_of(lanes) * s.taps();
    let x_len = s.channels * s.input[0] * s.input[1];
    let (x, w, bias, y) = operands(memory, x_len, s.groups * group_weights);
    let out_len = s.output[0] * s.output[1];
    let (bias, y) = (&mut bias[..s.filters], &mut y[..s.filters * out_len]);
    [&mut *x, &mut *w, &mut *bias, &mut *y].into_iter().for_each(|values| random.fill(values));
    if s.is_depthwise() {
        kernels::conv_depthwise(x, w, bias, y, &s);
    } else {
        kernels::conv(x, w, bias, y, &s);
    }
    compare(y, |at| {
        let (filter, position) = (at / out_len, at % out_len);
        let (group, lane) = (filter / filters, filter % filters);
        let mut sum = bias[filter];
        for tap in 0..s.taps() {
            let (c, k) = (tap / (s.kernel[0] * s.kernel[1]), tap % (s.kernel[0] * s.kernel[1]));
            let row = position / s.output[1] * s.strides[0] + k / s.kernel[1] * s.dilations[0];
            let column = position % s.output[1] * s.strides[1] + k % s.kernel[1] * s.dilations[1];
            let place = row.checked_sub(s.pads[0]).zip(column.checked_sub(s.pads[1]));
            let Some((row, column)) = place else { continue };
            if row < s.input[0] && column < s.input[1] {
                let x = x[((group * channels + c) * s.input[0] + row) * s.input[1] + column];
                let place = if lanes == 1 { tap } else { in_panels(lane, tap, s.taps()) };
                sum += x * w[group * group_weights + place];
            }
        }
        sum
    })
}

/// Runs a random transposed convolution of one or two groups in `memory`, which it overwrites, and compares
/// it bit by bit with plain sums: the number of values, `None` where one differs. Panics where `memory` is
/// too short.
pub fn conv_transpose(random: &mut Random, memory: &mut [f32]) -> Option<usize> {
    let [h, w] = axes(random, transposed_axis);
    let groups = random.int(1, 2);
    let room = LONGEST / (groups * h[1] * w[1]);
    let s = ConvTransposeShape {
        channels: groups * random.int(1, 3),
        input: [h[0], w[0]],
        filters: groups * random.int(1, 6).min(room),
        output: [h[1], w[1]],
        kernel: [h[2], w[2]],
        strides: [h[3], w[3]],
        dilations: [h[4], w[4]],
        pads: [h[5], w[5]],
        groups,
    };
    let (channels, filters) = (s.channels / s.groups, s.filters / s.groups);
    let (in_len, out_len) = (s.input[0] * s.input[1], s.output[0] * s.output[1]);
    let taps = s.kernel[0] * s.kernel[1];
    let weights = s.channels * filters * taps;
    let (w, memory) = memory.split_at_mut(weights);
    let (x, packed, bias, y) = operands(memory, s.channels * in_len, s.packed_len());
    let (bias, y) = (&mut bias[..s.filters], &mut y[..s.filters * out_len]);
    [&mut *x, &mut *w, &mut *bias, &mut *y].into_iter().for_each(|values| random.fill(values));
    kernels::pack_transposed(w, packed, &s);
    kernels::conv_transpose(x, packed, bias, y, &s);
    compare(y, |at| {
        let (filter, position) = (at / out_len, at % out_len);
        let mut sum = bias[filter];
        for source in 0..channels * in_len {
            let c = filter / filters * channels + source / in_len;
            let from = [source % in_len / s.input[1], source % in_len % s.input[1]];
            for tap in 0..taps {
                let row = from[0] * s.strides[0] + tap / s.kernel[1] * s.dilations[0];
                let column = from[1] * s.strides[1] + tap % s.kernel[1] * s.dilations[1];
                let hit = row == position / s.output[1] + s.pads[0]
                    && column == position % s.output[1] + s.pads[1];
                if hit {
                    let w = w[(c * filters + filter % filters) * taps + tap];
                    sum += x[c * in_len + source % in_len] * w;
                }
            }
        }
        sum
    })
}
