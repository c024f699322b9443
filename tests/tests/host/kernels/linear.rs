//! Dense layers and convolutions.

use super::{SEED, Sum};
use elbow_core::kernels::{
    ConvShape, ConvTransposeShape, PANEL, conv, conv_depthwise, conv_transpose, dense, dense_rows,
    pack_transposed,
};
use elbow_tests::random::Random;

const CASES: u64 = 400;

/// `[rows][len]` in panels, by the documented place of each weight.
fn panels(rows: &[f32], len: usize) -> Vec<f32> {
    let count = rows.len() / len;
    let mut packed = vec![0.0; count.div_ceil(PANEL) * PANEL * len];
    for row in 0..count {
        for column in 0..len {
            packed[(row / PANEL * len + column) * PANEL + row % PANEL] = rows[row * len + column];
        }
    }
    packed
}

#[test]
fn dense_equals_its_sum() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let (rows, inputs, outputs) = (random.int(1, 5), random.int(1, 40), random.int(1, 18));
        let x = random.values(rows * inputs);
        let (w, bias) = (random.values(outputs * inputs), random.values(outputs));
        let mut y = vec![f32::NAN; rows * outputs];
        if rows == 1 {
            dense(&x, &panels(&w, inputs), &bias, &mut y);
        } else {
            dense_rows(&x, &panels(&w, inputs), &bias, &mut y, rows);
        }
        for (at, value) in y.iter().enumerate() {
            let (row, output) = (at / outputs, at % outputs);
            let products =
                (0..inputs).map(|i| (x[row * inputs + i], w[output * inputs + i])).collect();
            Sum { bias: bias[output], products }.check(*value, &format!("dense {case}"));
        }
    }
}

/// A random window along one axis: input, output, kernel, stride, dilation, padding in front.
///
/// The kernel may be longer than the input, and padding longer than the kernel.
fn axis(random: &mut Random, flat: bool) -> [usize; 6] {
    if flat {
        return [1, 1, 1, 1, 1, 0];
    }
    loop {
        let [input, kernel] = [random.int(1, 9), random.int(1, 5)];
        let [stride, dilation] = [random.int(1, 3), random.int(1, 3)];
        let [front, back] = [random.int(0, 6), random.int(0, 6)];
        let covered = (kernel - 1) * dilation + 1;
        if let Some(room) = (input + front + back).checked_sub(covered) {
            return [input, room / stride + 1, kernel, stride, dilation, front];
        }
    }
}

/// A random axis of a transposed convolution, with padding cut off behind and output padding.
fn transposed_axis(random: &mut Random, flat: bool) -> [usize; 6] {
    if flat {
        return [1, 1, 1, 1, 1, 0];
    }
    loop {
        let [input, kernel] = [random.int(1, 7), random.int(1, 5)];
        let [stride, dilation] = [random.int(1, 3), random.int(1, 3)];
        let [front, back] = [random.int(0, 3), random.int(0, 3)];
        let extra = random.int(0, stride.max(dilation) - 1);
        let full = (input - 1) * stride + (kernel - 1) * dilation + 1 + extra;
        if let Some(output @ 1..) = full.checked_sub(front + back) {
            return [input, output, kernel, stride, dilation, front];
        }
    }
}

#[test]
fn conv_equals_its_sum() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let flat = random.choose(&[true, false]);
        let (h, w) = (axis(&mut random, flat), axis(&mut random, false));
        let groups = random.int(1, 4);
        let s = ConvShape {
            channels: groups * random.int(1, 4),
            input: [h[0], w[0]],
            filters: groups * random.choose(&[1, 1, 2, 3, 4, 5, 9]),
            output: [h[1], w[1]],
            kernel: [h[2], w[2]],
            strides: [h[3], w[3]],
            dilations: [h[4], w[4]],
            pads: [h[5], w[5]],
            groups,
        };
        check_conv(&s, &mut random, case);
    }
}

fn check_conv(s: &ConvShape, random: &mut Random, case: u64) {
    let x = random.values(s.channels * s.input[0] * s.input[1]);
    let (w, bias) = (random.values(s.filters * s.taps()), random.values(s.filters));
    let out_len = s.output[0] * s.output[1];
    let mut y = vec![f32::NAN; s.filters * out_len];
    if s.is_depthwise() {
        conv_depthwise(&x, &w, &bias, &mut y, s);
    } else {
        let groups = w.chunks(s.filters / s.groups * s.taps());
        let packed: Vec<f32> = groups.flat_map(|group| panels(group, s.taps())).collect();
        conv(&x, &packed, &bias, &mut y, s);
    }
    for (at, value) in y.iter().enumerate() {
        let (filter, position) = (at / out_len, at % out_len);
        let at = [position / s.output[1], position % s.output[1]];
        let products = conv_products(s, &x, &w, filter, at);
        Sum { bias: bias[filter], products }.check(*value, &format!("conv {case}, {s:?}"));
    }
}

fn conv_products(
    s: &ConvShape,
    x: &[f32],
    w: &[f32],
    filter: usize,
    at: [usize; 2],
) -> Vec<(f32, f32)> {
    let channels = s.channels / s.groups;
    let first = filter / (s.filters / s.groups) * channels;
    let mut products = Vec::new();
    for c in 0..channels {
        for k in 0..s.kernel[0] {
            for l in 0..s.kernel[1] {
                let row = (at[0] * s.strides[0] + k * s.dilations[0]).checked_sub(s.pads[0]);
                let column = (at[1] * s.strides[1] + l * s.dilations[1]).checked_sub(s.pads[1]);
                let (Some(row), Some(column)) = (row, column) else { continue };
                if row < s.input[0] && column < s.input[1] {
                    let x = x[((first + c) * s.input[0] + row) * s.input[1] + column];
                    let tap = (c * s.kernel[0] + k) * s.kernel[1] + l;
                    products.push((x, w[filter * s.taps() + tap]));
                }
            }
        }
    }
    products
}

#[test]
fn conv_transpose_equals_its_sum() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let flat = random.choose(&[true, false]);
        let (h, w) = (transposed_axis(&mut random, flat), transposed_axis(&mut random, false));
        let groups = random.int(1, 3);
        let s = ConvTransposeShape {
            channels: groups * random.int(1, 4),
            input: [h[0], w[0]],
            filters: groups * random.choose(&[1, 2, 3, 4, 5, 9]),
            output: [h[1], w[1]],
            kernel: [h[2], w[2]],
            strides: [h[3], w[3]],
            dilations: [h[4], w[4]],
            pads: [h[5], w[5]],
            groups,
        };
        let filters = s.filters / s.groups;
        let x = random.values(s.channels * s.input[0] * s.input[1]);
        let w = random.values(s.channels * filters * s.kernel[0] * s.kernel[1]);
        let bias = random.values(s.filters);
        let out_len = s.output[0] * s.output[1];
        let mut y = vec![f32::NAN; s.filters * out_len];
        conv_transpose(&x, &packed(&w, &s), &bias, &mut y, &s);
        let scattered = scattered(&x, &w, &bias, &s);
        assert!(y.iter().map(|y| y.to_bits()).eq(scattered.iter().map(|y| y.to_bits())), "{s:?}");
        for (at, value) in y.iter().enumerate() {
            let (filter, position) = (at / out_len, at % out_len);
            let at = [position / s.output[1], position % s.output[1]];
            let products = conv_transpose_products(&s, &x, &w, filter, at);
            Sum { bias: bias[filter], products }
                .check(*value, &format!("conv_transpose {case}, {s:?}"));
        }
    }
}

/// The weights phase by phase; all of them, where every phase has outputs.
fn packed(w: &[f32], s: &ConvTransposeShape) -> Vec<f32> {
    let mut packed = vec![f32::NAN; s.packed_len()];
    pack_transposed(w, &mut packed, s);
    let whole = s.output.iter().zip(s.strides).all(|(output, stride)| *output >= stride);
    assert!(packed.len() == w.len() || packed.len() < w.len() && !whole, "{s:?}");
    packed
}

/// The definition: inputs by channel, row and column add their products with ONNX's weights to the outputs.
fn scattered(x: &[f32], w: &[f32], bias: &[f32], s: &ConvTransposeShape) -> Vec<f32> {
    let (channels, filters) = (s.channels / s.groups, s.filters / s.groups);
    let (in_len, out_len) = (s.input[0] * s.input[1], s.output[0] * s.output[1]);
    let mut y: Vec<f32> = bias.iter().flat_map(|bias| vec![*bias; out_len]).collect();
    for (at, x) in x.iter().enumerate() {
        let (channel, row, column) =
            (at / in_len, at % in_len / s.input[1], at % in_len % s.input[1]);
        for (tap, w) in w.iter().enumerate().skip(channel * filters * s.kernel[0] * s.kernel[1]) {
            let (tap, k) = (tap / s.kernel[1], tap % s.kernel[1]);
            let (filter, l) = (tap / s.kernel[0], tap % s.kernel[0]);
            if filter >= (channel + 1) * filters {
                break;
            }
            let filter = channel / channels * filters + filter % filters;
            let to = (row * s.strides[0] + l * s.dilations[0])
                .checked_sub(s.pads[0])
                .zip((column * s.strides[1] + k * s.dilations[1]).checked_sub(s.pads[1]));
            let Some((row, column)) = to else { continue };
            if row < s.output[0] && column < s.output[1] {
                y[filter * out_len + row * s.output[1] + column] += x * w;
            }
        }
    }
    y
}

fn conv_transpose_products(
    s: &ConvTransposeShape,
    x: &[f32],
    w: &[f32],
    filter: usize,
    at: [usize; 2],
) -> Vec<(f32, f32)> {
    let (channels, filters) = (s.channels / s.groups, s.filters / s.groups);
    let first = filter / filters * channels;
    let mut products = Vec::new();
    for c in first..first + channels {
        for row in 0..s.input[0] {
            for column in 0..s.input[1] {
                for k in 0..s.kernel[0] {
                    for l in 0..s.kernel[1] {
                        let hit = row * s.strides[0] + k * s.dilations[0] == at[0] + s.pads[0]
                            && column * s.strides[1] + l * s.dilations[1] == at[1] + s.pads[1];
                        if hit {
                            let x = x[(c * s.input[0] + row) * s.input[1] + column];
                            let tap = (c * filters + filter % filters) * s.kernel[0] + k;
                            products.push((x, w[tap * s.kernel[1] + l]));
                        }
                    }
                }
            }
        }
    }
    products
}
