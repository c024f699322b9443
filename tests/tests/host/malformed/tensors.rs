//! Tensors of absurd shapes, types and values.

use super::{Case, HUGE, broken, case, on};
use crate::import::build::*;
use tract_onnx::pb::tensor_proto::DataType;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "an initializer of 2^40 values",
            broken(|m| graph(m).initializer[0].dims = vec![HUGE, 1]),
            &["initializer `w`", "more than"],
        ),
        case(
            "an initializer of overflowing shape",
            broken(|m| graph(m).initializer[0].dims = vec![i64::MAX, i64::MAX]),
            &["initializer `w`", "more than"],
        ),
        case(
            "an initializer of negative shape",
            broken(|m| graph(m).initializer[0].dims = vec![-4, 3]),
            &["initializer `w`", "negative"],
        ),
        case(
            "an input of 2^40 values",
            broken(|m| graph(m).input[0] = info("x", &[Dim::N(1), Dim::N(HUGE)])),
            &["input `x`", "more than"],
        ),
        case(
            "an input of negative shape",
            broken(|m| graph(m).input[0] = info("x", &[Dim::N(1), Dim::N(-7)])),
            &["input `x`", "-7"],
        ),
        case(
            "an input of nine axes",
            broken(|m| graph(m).input[0] = info("x", &[Dim::N(1); 9])),
            &["input `x`", "9 axes"],
        ),
        case(
            "half floats of twice the length",
            broken(|m| graph(m).initializer[0].data_type = DataType::Float16 as i32),
            &["initializer `w`", "48 bytes", "values of 2 bytes"],
        ),
        case(
            "diverged weights",
            broken(|m| graph(m).initializer[0] = floats("w", &[4, 3], &[f32::NAN; 12])),
            &["initializer `w`", "NaN"],
        ),
        case(
            "a constant of 2^40 values",
            {
                let mut m = single("Add", &[1, 4], vec![ints("shape", &[HUGE])]);
                graph(&mut m).node.insert(0, node("ConstantOfShape", "many", &["shape"], &["c"]));
                graph(&mut m).node[1].input[1] = "c".into();
                m
            },
            &["ConstantOfShape `many`", "more than"],
        ),
        case(
            "a range of 2^40 values",
            {
                let limits = [("a", 0), ("b", HUGE), ("c", 1)];
                let limits = limits.map(|(name, value)| {
                    raw(name, DataType::Int64, &[], i64::to_le_bytes(value).to_vec())
                });
                let mut m = single("Add", &[1, 4], limits.to_vec());
                let range = node("Range", "many", &["a", "b", "c"], &["r"]);
                graph(&mut m).node = vec![range, node("Add", "n", &["x", "r"], &["y"])];
                m
            },
            &["Range `many`", "more than"],
        ),
        case(
            "noise of 2^40 values",
            {
                let mut m = on("RandomNormal", &[1, 4], vec![], |n| int_list(n, "shape", &[HUGE]));
                graph(&mut m).node[0].input.clear();
                m
            },
            &["RandomNormal `n`", "more than"],
        ),
        case(
            "noise of doubles",
            on("RandomNormalLike", &[1, 4], vec![], |n| int(n, "dtype", DataType::Double as i64)),
            &["RandomNormalLike `n`", "float64"],
        ),
    ]
}
