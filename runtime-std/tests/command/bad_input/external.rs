//! Weights in another file: read from the model's own folder, and refused by name wherever that is not so.

use super::{assert_refused, changed, digits, digits_encoder};
use crate::common::elbow_line;
use elbow::ir::Graph;
use elbow::stages::import_onnx;
use prost::Message;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tract_onnx::pb::{self, AttributeProto, NodeProto, StringStringEntryProto, TensorProto};

const DATA: &str = "encoder.onnx.data";

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto { key: key.into(), value: value.into() }
}

/// Moves a tensor's values to the end of `data`.
fn move_out(tensor: &mut TensorProto, data: &mut Vec<u8>) {
    let bytes = std::mem::take(&mut tensor.raw_data);
    tensor.external_data = vec![
        entry("location", DATA),
        entry("offset", &data.len().to_string()),
        entry("length", &bytes.len().to_string()),
    ];
    tensor.data_location = Some(pb::tensor_proto::DataLocation::External as i32);
    data.extend(bytes);
}

/// A folder with the digits encoder, its weights in a file beside it.
fn outside(change: impl Fn(&mut pb::GraphProto, &mut Vec<u8>)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut model = digits_encoder();
    let (graph, mut data) = (model.graph.as_mut().unwrap(), Vec::new());
    graph.initializer.iter_mut().for_each(|tensor| move_out(tensor, &mut data));
    change(graph, &mut data);
    fs::write(folder.path().join(DATA), data).unwrap();
    let model_file = folder.path().join("encoder.onnx");
    fs::write(&model_file, model.encode_to_vec()).unwrap();
    (folder, model_file)
}

/// Sets an entry of the external data of the first initializer.
fn set(graph: &mut pb::GraphProto, key: &str, value: &str) {
    let entries = &mut graph.initializer[0].external_data;
    entries.retain(|entry| entry.key != key);
    entries.push(entry(key, value));
}

fn constants(graph: &Graph) -> Vec<&Vec<f32>> {
    graph.values.iter().filter_map(|value| value.constant.as_ref()).collect()
}

#[test]
fn weights_beside_the_model_are_those_inside_it() {
    let inside = import_onnx(&digits().join("encoder.onnx")).unwrap();
    // More than the tensors take may stand there, and offset and length may be left out.
    let (_folder, model) = outside(|graph, data| {
        graph.initializer[0].external_data.retain(|entry| entry.key != "offset");
        let last = graph.initializer.last_mut().unwrap();
        last.external_data.retain(|entry| entry.key != "length");
        data.extend([0; 100]);
    });
    assert_eq!(constants(&import_onnx(&model).unwrap()), constants(&inside));
}

#[test]
fn the_reference_reads_weights_beside_the_model_as_well() {
    let (_folder, model) = outside(|_, _| {});
    let input = digits().join("test.npy");
    let parity = elbow_line("parity {} --input {}", &[&model, &input]).done();
    assert!(parity.stdout.contains("PASS"), "{}", parity.stdout);
}

#[test]
fn a_tensor_among_attributes_may_lie_outside() {
    let (_folder, model) = outside(|graph, data| {
        let mut value = TensorProto {
            dims: vec![1],
            data_type: pb::tensor_proto::DataType::Float as i32,
            raw_data: 2f32.to_le_bytes().to_vec(),
            ..TensorProto::default()
        };
        move_out(&mut value, data);
        let maker = graph.node.iter_mut().find(|node| node.output[0] == "mu").unwrap();
        maker.output[0] = "half".into();
        let attribute = AttributeProto {
            name: "value".into(),
            r#type: pb::attribute_proto::AttributeType::Tensor as i32,
            t: Some(value),
            ..AttributeProto::default()
        };
        graph.node.push(NodeProto {
            op_type: "Constant".into(),
            output: vec!["two".into()],
            attribute: vec![attribute],
            ..NodeProto::default()
        });
        graph.node.push(NodeProto {
            op_type: "Mul".into(),
            input: vec!["half".into(), "two".into()],
            output: vec!["mu".into()],
            ..NodeProto::default()
        });
    });
    let graph = import_onnx(&model).unwrap();
    let two = graph.values.iter().find(|value| value.name == "two").unwrap();
    assert_eq!(two.constant.as_deref(), Some(&[2.0][..]));
    fs::remove_file(model.with_file_name(DATA)).unwrap();
    let refusal = import_onnx(&model).expect_err("its data is gone").to_string();
    assert!(refusal.contains("Constant `Constant#") && refusal.contains(DATA), "{refusal}");
}

#[test]
fn data_that_cannot_be_read_is_refused_by_name_and_with_a_cure() {
    type Change = fn(&mut pb::GraphProto, &mut Vec<u8>);
    let cases: Vec<(&str, Change, &[&str])> = vec![
        ("short", |_, data| data.truncate(data.len() - 1), &[DATA, "which has only", "cut off"]),
        ("long", |graph, _| set(graph, "length", "12"), &["take 12 bytes", "its shape"]),
        ("absolute", |graph, _| set(graph, "location", "/etc/passwd"), &["own folder"]),
        ("up", |graph, _| set(graph, "location", "../encoder.onnx.data"), &["`../", "own folder"]),
        ("through", |graph, _| set(graph, "location", "./a/../../x"), &["own folder"]),
        ("folder", |graph, _| set(graph, "location", "a/x"), &["`a/x`", "own folder"]),
        ("windows", |graph, _| set(graph, "location", "..\\x"), &["own folder"]),
        ("empty", |graph, _| set(graph, "location", ""), &["own folder"]),
        ("itself", |graph, _| set(graph, "location", "."), &["own folder"]),
        ("zero byte", |graph, _| set(graph, "location", "a\0b"), &["own folder"]),
        ("other", |graph, _| set(graph, "location", "b.data"), &["`b.data`", "not beside", "copy"]),
        ("negative", |graph, _| set(graph, "offset", "-4"), &["offset `-4`", "number of bytes"]),
        ("word", |graph, _| set(graph, "length", "all"), &["length `all`", "number of bytes"]),
        ("far", |graph, _| set(graph, "offset", "18446744073709551615"), &["which has only"]),
        (
            "huge",
            |graph, _| {
                graph.initializer[0].dims = vec![1 << 27];
                set(graph, "length", "536870912");
            },
            &["takes 536870912 bytes", "which has only"],
        ),
        (
            "overflow",
            |graph, _| graph.initializer[0].dims = vec![i64::MAX, i64::MAX],
            &["more than 268435456 values"],
        ),
        (
            "another type",
            |graph, _| {
                graph.initializer[0].data_type = pb::tensor_proto::DataType::Uint16 as i32;
            },
            &["uint16"],
        ),
    ];
    for (name, change, words) in cases {
        let (_folder, model) = outside(change);
        assert_refused(&elbow_line("inspect {}", &[&model]), name, words);
    }
}

#[test]
fn a_missing_file_is_named_with_a_cure_that_works() {
    let (_folder, model) = outside(|_, _| {});
    let data = model.with_file_name(DATA);
    fs::remove_file(&data).unwrap();
    let out = model.with_file_name("out");
    for outcome in [
        elbow_line("inspect {}", &[&model]),
        elbow_line("compile {} --out-dir {}", &[&model, &out]),
        elbow_line("init {}", &[&model]),
    ] {
        assert_refused(
            &outcome,
            "missing",
            &[DATA, "not beside the model", "copy", "under this name"],
        );
        assert!(
            !outcome.stderr.contains("onnx.load"),
            "onnx.load needs the file: {}",
            outcome.stderr
        );
    }
    fs::create_dir(&data).unwrap();
    assert_refused(&elbow_line("inspect {}", &[&model]), "a folder", &[DATA, "no file"]);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused_and_one_within_it_is_not() {
    use std::os::unix::fs::symlink;
    let (folder, model) = outside(|_, _| {});
    let elsewhere = tempfile::tempdir().unwrap();
    let (data, moved) = (model.with_file_name(DATA), elsewhere.path().join("weights"));
    fs::copy(&data, &moved).unwrap();
    fs::rename(&data, folder.path().join("weights")).unwrap();
    symlink("weights", &data).unwrap();
    elbow_line("inspect {}", &[&model]).done();
    fs::remove_file(&data).unwrap();
    symlink(&moved, &data).unwrap();
    assert_refused(&elbow_line("inspect {}", &[&model]), "a link", &[DATA, "link out", "copy"]);
    // A folder that is itself reached through a link is the model's folder all the same.
    fs::remove_file(&data).unwrap();
    symlink("weights", &data).unwrap();
    let link = elsewhere.path().join("model");
    symlink(folder.path(), &link).unwrap();
    elbow_line("inspect {}", &[&link.join("encoder.onnx")]).done();
}

#[test]
fn a_model_without_a_folder_is_refused() {
    let mut model = digits_encoder();
    let mut data = Vec::new();
    move_out(&mut model.graph.as_mut().unwrap().initializer[0], &mut data);
    let refusal = elbow::stages::import_bytes(&model.encode_to_vec()).expect_err("no folder");
    let refusal = refusal.to_string();
    assert!(refusal.contains(DATA) && refusal.contains("from its path"), "{refusal}");
}

/// Random places, lengths and shapes: whatever they are, the file is refused or read, without a panic.
#[test]
fn random_places_are_refused_or_read() {
    let mut state = 13u64;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let numbers = ["0", "1", "4", "-1", "64", "4096", "4294967296", "9223372036854775808", "", "x"];
    let names = [DATA, "", ".", "..", "/", "encoder.onnx", "a/b", "./encoder.onnx.data", "\0", "é"];
    let (_folder, model) = outside(|_, _| {});
    let bytes = fs::read(&model).unwrap();
    let (mut refused, mut read) = (0, 0);
    for _ in 0..400 {
        let mut changed = pb::ModelProto::decode(&bytes[..]).unwrap();
        let graph = changed.graph.as_mut().unwrap();
        for (key, values) in [("location", names), ("offset", numbers), ("length", numbers)] {
            if draw(3) == 0 {
                set(graph, key, values[draw(10) as usize]);
            }
        }
        if draw(4) == 0 {
            let dims = [0, 1, 7, -1, 1 << 40];
            graph.initializer[0].dims = vec![dims[draw(5) as usize], dims[draw(5) as usize]];
        }
        fs::write(&model, changed.encode_to_vec()).unwrap();
        match import_onnx(Path::new(&model)) {
            Ok(_) => read += 1,
            Err(error) => {
                assert_eq!(error.exit_code(), 2, "{error}");
                refused += 1;
            }
        }
    }
    println!("{refused} refused, {read} read");
    assert!(refused > 100 && read > 40);
}

/// Weights that are not needed may be anywhere.
#[test]
fn what_is_not_read_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = changed(|graph| {
        let mut unused = graph.initializer[0].clone();
        unused.name = "unused".into();
        move_out(&mut unused, &mut Vec::new());
        graph.initializer.push(unused);
    });
    let model = folder.path().join("model.onnx");
    fs::write(&model, bytes).unwrap();
    import_onnx(&model).expect("no output needs it");
}
