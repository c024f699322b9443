//! Slices that do not fit their shapes, and shapes that fit nothing: no kernel panics.

use super::SEED;
use elbow_core::kernels::*;
use elbow_tests::random::Random;

const CASES: u64 = 5000;

/// Small numbers, zero among them, and now and then one that is too large for anything.
fn number(random: &mut Random) -> usize {
    if random.int(0, 60) == 0 { random.int(50, 1 << 12) } else { random.int(0, 4) }
}

fn pair(random: &mut Random) -> [usize; 2] {
    [number(random), number(random)]
}

fn slice(random: &mut Random) -> Vec<f32> {
    let len = random.int(0, 60);
    random.values(len)
}

#[test]
fn linear_kernels_survive_any_shape() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let random = &mut random;
        let [x, w, bias, mut y] = [0; 4].map(|_| slice(random));
        dense(&x, &w, &bias, &mut y);
        dense_rows(&x, &w, &bias, &mut y, number(random));
        let s = ConvShape {
            channels: number(random),
            input: pair(random),
            filters: number(random),
            output: [random.int(0, 4), random.int(0, 4)],
            kernel: pair(random),
            strides: pair(random),
            dilations: pair(random),
            pads: pair(random),
            groups: number(random),
        };
        conv(&x, &w, &bias, &mut y, &s);
        conv_depthwise(&x, &w, &bias, &mut y, &s);
        let ConvShape {
            channels,
            input,
            filters,
            output,
            kernel,
            strides,
            dilations,
            pads,
            groups,
        } = s;
        let s = ConvTransposeShape {
            channels,
            input,
            filters,
            output,
            kernel,
            strides,
            dilations,
            pads,
            groups,
        };
        conv_transpose(&x, &w, &bias, &mut y, &s);
        pack_transposed(&x, &mut y, &s);
        assert!(s.macs().checked_add(1).is_some());
    }
}

#[test]
fn the_other_kernels_survive_any_shape() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let random = &mut random;
        let [x, scale, shift, mut y] = [0; 4].map(|_| slice(random));
        let dims = [0; AXES].map(|_| random.int(0, 3));
        affine(&mut y, &scale, &shift);
        Unary::ALL.iter().for_each(|f| unary(&mut y, *f));
        copy(&x, &mut y);
        let op = random.choose(&[BinaryOp::Add, BinaryOp::Div]);
        let strides = [0; AXES].map(|_| random.choose(&[0, 1, 7, usize::MAX]));
        binary(&mut y, &x, &Binary { op, reversed: false, dims, strides });
        let from = [0; AXES].map(|_| random.choose(&[0, 1, -1, 9, isize::MIN]));
        let (from_start, to_start) = (number(random), number(random));
        strided_copy(&x, &mut y, &Strided { dims, from, from_start, to: strides, to_start });
    }
}

#[test]
fn kernels_along_an_axis_survive_any_shape() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let random = &mut random;
        let [x, other, mut y] = [0; 3].map(|_| slice(random));
        let s = Along { outer: number(random), len: number(random), inner: number(random) };
        let indices: Vec<u32> = other.iter().map(|_| number(random) as u32).collect();
        for reduction in [Reduction::Sum, Reduction::Mean, Reduction::Max] {
            reduce(&x, &mut y, reduction, &s);
        }
        softmax(&mut y, &s);
        log_softmax(&mut y, &s);
        normalize(&mut y, 1e-5, &s);
        rms_normalize(&mut y, 1e-5, &s);
        cumsum(&mut y, true, random.choose(&[true, false]), &s);
        arg_extreme(&x, &mut y, true, false, &s);
        take(&x, &indices, &mut y, &s);
        let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e9, 0.5, 3.0];
        take_by(&x, &wild, &mut y, &s);
        take_along(&x, &wild, &mut y, number(random), &s);
        resample(&x, &indices, &other, &mut y, number(random), &s);
        select(&mut y, &x, &other);
        fill(&mut y, 1.0);
    }
}

#[test]
fn products_pools_and_recurrences_survive_any_shape() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let random = &mut random;
        let [a, b, w, r, mut y, mut h, mut c, mut scratch] = [0; 8].map(|_| slice(random));
        let s = MatMul {
            batch: number(random),
            rows: number(random),
            inner: number(random),
            columns: number(random),
            a_step: number(random),
            b_step: number(random),
        };
        matmul(&a, &b, &mut y, &s);
        let s = PoolShape {
            channels: number(random),
            input: pair(random),
            output: [random.int(0, 4), random.int(0, 4)],
            kernel: pair(random),
            strides: pair(random),
            dilations: pair(random),
            pads: pair(random),
            pads_end: pair(random),
        };
        max_pool(&a, &mut y, &s);
        let [count_pads, by_column] = [0; 2].map(|_| random.choose(&[true, false]));
        let mean = Mean { count_pads, by_column };
        average_pool(&a, &mut y, &mean, &s);
        let weights = RecurrentWeights { w: &w, r: &r, bias_w: &b, bias_r: &a, peepholes: &b };
        let s = RecurrentShape {
            steps: random.int(0, 4),
            rows: random.int(0, 4),
            inputs: number(random),
            hidden: number(random),
            reverse: random.choose(&[true, false]),
        };
        let (f, g) = (Unary::Sigmoid, Unary::Tanh);
        for cell in [
            Cell::Rnn { f },
            Cell::Gru { f, g, linear_before_reset: random.choose(&[true, false]) },
            Cell::Lstm { f, g, h: g, coupled: random.choose(&[true, false]) },
        ] {
            let memory = RecurrentMemory { h: &mut h, c: &mut c, y: &mut y, scratch: &mut scratch };
            recurrent(&a, &weights, cell, memory, &s);
        }
    }
}
