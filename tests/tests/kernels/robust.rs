//! Slices that do not fit their shapes, and shapes that fit nothing: no kernel panics.

use crate::SEED;
use elbow_core::kernels::{
    Binary, BinaryOp, ConvShape, ConvTransposeShape, Strided, Unary, affine, binary, conv,
    conv_depthwise, conv_transpose, copy, dense, dense_rows, strided_copy, unary,
};
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
        assert!(s.macs().checked_add(1).is_some());
    }
}

#[test]
fn the_other_kernels_survive_any_shape() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let random = &mut random;
        let [x, scale, shift, mut y] = [0; 4].map(|_| slice(random));
        let dims = [0; 4].map(|_| random.int(0, 4));
        affine(&mut y, &scale, &shift);
        unary(&mut y, Unary::Relu);
        copy(&x, &mut y);
        let op = random.choose(&[BinaryOp::Add, BinaryOp::Div]);
        let strides = [0; 4].map(|_| random.choose(&[0, 1, 7, usize::MAX]));
        binary(&mut y, &x, &Binary { op, reversed: false, dims, strides });
        let from = [0; 4].map(|_| random.choose(&[0, 1, -1, 9, isize::MIN]));
        let (from_start, to_start) = (number(random), number(random));
        strided_copy(&x, &mut y, &Strided { dims, from, from_start, to: strides, to_start });
    }
}
