//! Operators whose results would have absurd shapes, or that take what is not there.

use super::{Case, HUGE, case, on, plain};
use crate::import::build::*;
use tract_onnx::pb::tensor_proto::DataType;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "Expand to 2^40",
            on("Expand", &[1, 1], vec![ints("s", &[1, HUGE])], plain),
            &["Expand `n`"],
        ),
        case(
            "Tile to 2^40",
            on("Tile", &[1, 4], vec![ints("r", &[1, HUGE])], plain),
            &["Tile `n`"],
        ),
        case(
            "Pad by 2^40",
            on("Pad", &[1, 4], vec![ints("p", &[0, HUGE, 0, 0])], plain),
            &["Pad `n`", "beyond"],
        ),
        case(
            "Pad by nothing left",
            on("Pad", &[1, 4], vec![ints("p", &[0, -3, 0, -3])], plain),
            &["Pad `n`", "leave nothing"],
        ),
        case(
            "Resize to 2^40",
            {
                let mut m = on("Resize", &[1, 1, 4], vec![ints("sizes", &[1, 1, HUGE])], plain);
                graph(&mut m).node[0].input = ["x", "", "", "sizes"].map(String::from).to_vec();
                m
            },
            &["Resize `n`", "more than"],
        ),
        case(
            "Resize by 1e9",
            {
                let scales = floats("scales", &[3], &[1.0, 1.0, 1e9]);
                let mut m = on("Resize", &[1, 1, 4], vec![scales], plain);
                graph(&mut m).node[0].input = ["x", "", "scales"].map(String::from).to_vec();
                m
            },
            &["Resize `n`", "scales"],
        ),
        case(
            "Upsample of today",
            on("Upsample", &[1, 4], vec![floats("s", &[2], &[1.0, 2.0])], plain),
            &["Upsample `n`", "Resize"],
        ),
        case(
            "Reshape to other lengths",
            on("Reshape", &[1, 4], vec![ints("s", &[3, -1])], plain),
            &["Reshape `n`"],
        ),
        case(
            "Reshape to negative lengths",
            on("Reshape", &[1, 4], vec![ints("s", &[-2, -2])], plain),
            &["Reshape `n`"],
        ),
        case(
            "an index outside",
            on("Gather", &[1, 4], vec![ints("i", &[HUGE])], plain),
            &["Gather `n`", "outside"],
        ),
        case(
            "a tuple outside",
            on(
                "GatherND",
                &[1, 4],
                vec![raw(
                    "i",
                    DataType::Int64,
                    &[1, 2],
                    [0i64, 9].iter().flat_map(|v| v.to_le_bytes()).collect(),
                )],
                plain,
            ),
            &["GatherND `n`", "outside"],
        ),
        case(
            "parts that do not fit",
            on("Split", &[1, 4], vec![ints("s", &[HUGE, -HUGE])], |n| int(n, "axis", 1)),
            &["Split `n`"],
        ),
        case(
            "blocks of 2^40",
            on("DepthToSpace", &[1, 4, 2, 2], vec![], |n| int(n, "blocksize", HUGE)),
            &["DepthToSpace `n`", "blocksize"],
        ),
    ]
}
