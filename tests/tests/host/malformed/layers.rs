//! Layers whose operands or attributes do not fit.

use super::{Case, case, halves, on, plain};
use crate::import::build::*;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto};

fn number(node: &mut NodeProto, name: &str, value: f32) {
    node.attribute.push(AttributeProto { f: value, ..attribute(name, AttributeType::Float) });
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case(
            "matrices that do not fit",
            on("MatMul", &[1, 4], vec![halves(&[3, 4])], plain),
            &["MatMul `n`", "do not multiply"],
        ),
        case(
            "an LSTM of other weights",
            on(
                "LSTM",
                &[1, 1, 4],
                vec![halves(&[1, 8, 4]), floats("r", &[1, 8, 3], &[0.1; 24])],
                plain,
            ),
            &["LSTM `n`", "do not fit"],
        ),
        case(
            "a GRU of packed sequences",
            {
                let lens = raw("lens", DataType::Int32, &[1], 1i32.to_le_bytes().to_vec());
                let weights = vec![halves(&[1, 6, 4]), floats("r", &[1, 6, 2], &[0.1; 12]), lens];
                let mut m = on("GRU", &[1, 1, 4], weights, plain);
                graph(&mut m).input[0] = info("x", &[Dim::N(1), Dim::N(2), Dim::N(4)]);
                graph(&mut m).node[0].input =
                    ["t", "w", "r", "", "lens"].map(String::from).to_vec();
                let mut turn = node("Transpose", "turn", &["x"], &["t"]);
                int_list(&mut turn, "perm", &[1, 0, 2]);
                graph(&mut m).node.insert(0, turn);
                m
            },
            &["GRU `n`", "sequence_lens"],
        ),
        case(
            "an Einstein sum of three terms",
            on("Einsum", &[1, 4], vec![halves(&[4, 4]), floats("v", &[4], &[1.0; 4])], |n| {
                string(n, "equation", "ab,bc,c->a")
            }),
            &["Einsum `n`", "at most two"],
        ),
        case(
            "a diagonal of no square",
            on("Einsum", &[1, 4], vec![], |n| string(n, "equation", "aa->a")),
            &["Einsum `n`", "lengths 1 and 4"],
        ),
        case(
            "a sum over an axis that is not there",
            on("ReduceSum", &[1, 4], vec![ints("a", &[7])], plain),
            &["ReduceSum `n`", "axis 7"],
        ),
        case(
            "a softmax over an axis that is not there",
            on("Softmax", &[1, 4], vec![], |n| int(n, "axis", 5)),
            &["Softmax `n`", "axis 5"],
        ),
        case(
            "a normalization of other weights",
            on("LayerNormalization", &[1, 4], vec![halves(&[3])], plain),
            &["LayerNormalization `n`"],
        ),
        case(
            "groups that do not come out even",
            on(
                "GroupNormalization",
                &[1, 4, 2],
                vec![halves(&[3]), floats("b", &[3], &[0.0; 3])],
                |n| int(n, "num_groups", 3),
            ),
            &["GroupNormalization `n`"],
        ),
        case(
            "a slope that is not finite",
            on("LeakyRelu", &[1, 4], vec![], |n| number(n, "alpha", f32::NAN)),
            &["LeakyRelu `n`", "alpha"],
        ),
        case(
            "an operator of data-dependent shape",
            on("NonZero", &[1, 4], vec![], plain),
            &["NonZero `n`", "depends on data"],
        ),
        case(
            "a cast to text",
            on("Cast", &[1, 4], vec![], |n| int(n, "to", 8)),
            &["Cast `n`", "string"],
        ),
    ]
}
