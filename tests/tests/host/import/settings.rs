//! Bad settings of layers: each is refused by node and attribute.

use super::build::{
    Dim, attribute, encoded, floats, graph, int, int_list, raw, single, string, tensor, typed_info,
};
use super::refused::refused;
use elbow::import::ops::OPERATORS;
use elbow::stages::import_bytes;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};

/// Sets up the only node of a model.
#[track_caller]
fn node_refused(mut model: ModelProto, set: impl FnOnce(&mut NodeProto), parts: &[&str]) {
    set(&mut graph(&mut model).node[0]);
    refused(&encoded(&model), parts);
}

#[test]
fn settings_of_layers_that_are_not_supported() {
    let w = |shape: &[i64]| {
        vec![floats("w", shape, &vec![0.5; shape.iter().product::<i64>() as usize])]
    };
    let conv = || single("Conv", &[1, 2, 8], w(&[2, 2, 3]));
    let none = |_: &mut NodeProto| {};
    node_refused(
        single("Conv", &[1, 2, 4, 4, 4], w(&[2, 2, 3, 3, 3])),
        none,
        &["Conv `n`", "convolves 3 axes", "Conv1d or Conv2d"],
    );
    node_refused(conv(), |n| int(n, "group", 0), &["Conv `n`", "group"]);
    node_refused(conv(), |n| int(n, "group", 2), &["Conv `n`", "2 groups"]);
    node_refused(conv(), |n| int_list(n, "pads", &[-1, 0]), &["Conv `n`", "pads", "[-1, 0]"]);
    node_refused(
        conv(),
        |n| int_list(n, "pads", &[1 << 40, 0]),
        &["Conv `n`", "pads", "2 numbers from 0 to 16777216"],
    );
    node_refused(conv(), |n| int_list(n, "strides", &[0]), &["Conv `n`", "strides"]);
    node_refused(conv(), |n| int_list(n, "strides", &[1, 1]), &["Conv `n`", "strides"]);
    node_refused(conv(), |n| int_list(n, "dilations", &[i64::MAX]), &["Conv `n`", "dilations"]);
    node_refused(conv(), |n| int_list(n, "dilations", &[9]), &["Conv `n`", "does not fit"]);
    node_refused(conv(), |n| int_list(n, "kernel_shape", &[5]), &["Conv `n`", "kernel_shape"]);
    node_refused(conv(), |n| string(n, "auto_pad", "SOME"), &["Conv `n`", "auto_pad", "SOME"]);
    node_refused(conv(), |n| int(n, "strides", 1), &["Conv `n`", "strides", "another type"]);
    node_refused(conv(), |n| int(n, "colour", 1), &["Conv `n`", "`colour`", "not supported"]);
    node_refused(
        single(
            "Dropout",
            &[1, 4],
            vec![floats("p", &[1], &[0.5]), raw("t", DataType::Bool, &[], vec![1])],
        ),
        none,
        &["Dropout `n`", "model.eval()"],
    );
    node_refused(single("Relu", &[1, 4], w(&[4])), none, &["Relu `n`", "2 inputs"]);
    node_refused(
        single("Gather", &[1, 4], vec![floats("i", &[1], &[0.0])]),
        none,
        &["Gather `n`", "no integers"],
    );
    let statistics = ["s", "b", "m", "v"].map(|name| floats(name, &[4], &[1.0; 4])).to_vec();
    node_refused(
        single("BatchNormalization", &[1, 4], statistics),
        |n| int(n, "training_mode", 1),
        &["BatchNormalization `n`", "model.eval()"],
    );
    node_refused(
        single("Constant", &[1, 4], vec![]),
        |n| {
            n.input.clear();
            tensor(n, "value", floats("v", &[2], &[f32::NAN; 2]))
        },
        &["initializer `y`", "NaN"],
    );
}

/// One step of an RNN of one input.
fn rnn(set: impl FnOnce(&mut ModelProto)) -> Vec<u8> {
    let weights = ["w", "r"].map(|name| floats(name, &[1, 1, 1], &[0.5])).to_vec();
    let mut model = single("RNN", &[1, 1, 1], weights);
    import_bytes(&encoded(&model)).expect("it is whole before");
    set(&mut model);
    encoded(&model)
}

#[test]
fn settings_of_recurrent_layers_that_are_not_supported() {
    let activations = |function: &str| {
        let function = function.as_bytes().to_vec();
        rnn(|m| {
            let own = attribute("activations", AttributeType::Strings);
            let own = AttributeProto { strings: vec![function], ..own };
            graph(m).node[0].attribute.push(own);
        })
    };
    let message = refused(&activations("Affine"), &["RNN `n`", "`activations` is affine"]);
    let row = OPERATORS.iter().find(|operator| operator.name == "RNN").expect("it is there");
    for function in
        "Sigmoid Tanh Relu Softplus Softsign LeakyRelu Elu ThresholdedRelu HardSigmoid".split(' ')
    {
        assert!(message.contains(function) && row.notes.contains(function), "{function}");
        import_bytes(&activations(function)).expect("it is listed");
    }
    let lengths = rnn(|m| {
        graph(m).node[0].input.extend(["", "lengths"].map(String::from));
        graph(m).input.push(typed_info("lengths", DataType::Int32, &[Dim::N(1)]));
    });
    let message =
        refused(&lengths, &["RNN `n`", "`sequence_lens` are integers", "without lengths"]);
    assert!(!message.contains("float32"), "{message}");
}
