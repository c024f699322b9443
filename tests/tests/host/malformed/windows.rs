//! Convolutions and pools with absurd windows.

use super::{Case, HUGE, case, halves, on, plain};
use crate::import::build::*;
use tract_onnx::pb::{ModelProto, NodeProto};

/// A convolution over eight values.
fn conv(set: impl FnOnce(&mut NodeProto)) -> ModelProto {
    on("Conv", &[1, 1, 8], vec![halves(&[1, 1, 3])], set)
}

/// A pool over eight values.
fn pool(op: &'static str, set: impl FnOnce(&mut NodeProto)) -> ModelProto {
    on(op, &[1, 1, 8], vec![], set)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("pads of 2^40", conv(|n| int_list(n, "pads", &[HUGE, 0])), &["Conv `n`", "pads"]),
        case(
            "dilations of 2^63",
            conv(|n| int_list(n, "dilations", &[i64::MAX])),
            &["Conv `n`", "dilations"],
        ),
        case("strides of zero", conv(|n| int_list(n, "strides", &[0])), &["Conv `n`", "strides"]),
        case(
            "a kernel wider than its input",
            conv(|n| int_list(n, "dilations", &[100])),
            &["Conv `n`", "does not fit"],
        ),
        case(
            "a transposed convolution to 2^40",
            on("ConvTranspose", &[1, 1, 4096], vec![halves(&[1, 1, 3])], |n| {
                int_list(n, "strides", &[1 << 24])
            }),
            &["ConvTranspose `n`", "more than"],
        ),
        case(
            "a pool of 2^40",
            pool("MaxPool", |n| int_list(n, "kernel_shape", &[HUGE])),
            &["MaxPool `n`", "kernel_shape"],
        ),
        case("a pool without a size", pool("AveragePool", plain), &["AveragePool `n`", "missing"]),
        case(
            "a pool that sees pads alone",
            pool("MaxPool", |n| {
                int_list(n, "kernel_shape", &[2]);
                int_list(n, "pads", &[2, 2]);
            }),
            &["MaxPool `n`", "pads"],
        ),
    ]
}
