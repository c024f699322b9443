//! Bytes that are no model: never a panic, never a slow answer, always an error that says what to do.

use super::build::{Dim, dense, encoded, floats, graph, info, model, node};
use super::refused::refused;
use elbow::stages::{import_bytes, import_onnx};
use elbow_core::noise::Stream;
use elbow_tests::tolerance::IMPORT_SECONDS;
use std::path::Path;
use std::time::Instant;

/// Random words, the same in every run.
fn words(seed: u64, case: u64) -> impl FnMut() -> u32 {
    let mut stream = Stream::new(seed, case, 0);
    let mut block = Vec::new();
    move || {
        if block.is_empty() {
            block.extend(stream.next_block());
        }
        block.pop().expect("a block has words")
    }
}

#[test]
fn an_empty_file() {
    refused(&[], &["empty", "export the model again"]);
}

#[test]
fn text_and_other_formats() {
    for text in [
        "hello\n",
        "{\"a\": 1}",
        "name = \"imu\"\n",
        "PK\u{3}\u{4}",
        "\u{89}PNG\r\n",
        "\n\n\n",
        "    ",
    ] {
        refused(text.as_bytes(), &["not an ONNX model", "export it again"]);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = import_onnx(Path::new("/no/such/model.onnx")).expect_err("it is not there");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().starts_with("/no/such/model.onnx: cannot be read"), "{error}");
    let error = import_onnx(Path::new("/")).expect_err("it is a folder");
    assert_eq!(error.exit_code(), 2, "{error}");
}

#[test]
fn every_prefix_of_a_model() {
    let whole = encoded(&dense());
    for end in 0..whole.len() {
        // A cut between two fields leaves a shorter file that is well formed; the last field of this
        // one is the operator set, which no model lacks.
        refused(&whole[..end], &[]);
    }
    import_bytes(&whole).expect("the whole model imports");
}

#[test]
fn random_bytes() {
    const SEED: u64 = 0x0b0e_5eed;
    println!("seed {SEED:#x}");
    for case in 0..2000 {
        let mut random = words(SEED, case);
        let len = random() % 512;
        let bytes: Vec<u8> = (0..len).map(|_| random() as u8).collect();
        refused(&bytes, &[]);
    }
}

/// Damaged models may still be models; whatever they are, they give a graph or an input error.
#[test]
fn flipped_bytes() {
    const SEED: u64 = 0xf11b_5eed;
    println!("seed {SEED:#x}");
    let whole = encoded(&dense());
    let fixture = std::fs::read(super::files::folder("tests/fixtures/shape_arithmetic/model.onnx"))
        .expect("it is there");
    for (case, original) in (0u64..).zip([&whole, &fixture].into_iter().cycle().take(6000)) {
        let mut random = words(SEED, case);
        let mut bytes = original.clone();
        for _ in 0..=random() % 4 {
            let at = random() as usize % bytes.len();
            bytes[at] = random() as u8;
        }
        if let Err(error) = import_bytes(&bytes) {
            assert_eq!(error.exit_code(), 2, "case {case}: {error}");
        }
    }
}

#[test]
fn deep_graphs_take_time_in_proportion() {
    const NODES: usize = 100_000;
    let name = |i: usize| if i == NODES { "y".to_string() } else { format!("h{i}") };
    let mut nodes: Vec<_> =
        (0..NODES).map(|i| node("Tanh", "", &[&name(i)], &[&name(i + 1)])).collect();
    nodes.reverse();
    let deep = model(nodes, vec![], vec![info("h0", &[Dim::S("batch"), Dim::N(4)])], &["y"]);
    let bytes = encoded(&deep);
    let start = Instant::now();
    let graph = import_bytes(&bytes).expect("it imports");
    let time = start.elapsed();
    println!("{NODES} nodes in {time:?}");
    assert_eq!(graph.nodes.len(), NODES);
    assert!(time.as_secs_f64() < IMPORT_SECONDS, "{time:?}");
}

#[test]
fn a_long_cycle_is_refused_in_proportion() {
    const NODES: usize = 100_000;
    let name = |i: usize| format!("h{}", i % NODES);
    let nodes = (0..NODES).map(|i| node("Tanh", "", &[&name(i)], &[&name(i + 1)])).collect();
    let ring = model(nodes, vec![], vec![], &["h0"]);
    let bytes = encoded(&ring);
    let start = Instant::now();
    refused(&bytes, &["wait for each other", "(100000 nodes)"]);
    assert!(start.elapsed().as_secs_f64() < IMPORT_SECONDS, "{:?}", start.elapsed());
}

#[test]
fn graphs_nested_in_attributes_need_no_stack() {
    // Graph > node > attribute > graph > ..., from the inside.
    let mut bytes = Vec::new();
    for _ in 0..10_000 {
        for tag in [0x0a, 0x2a, 0x32] {
            bytes = field(tag, &bytes);
        }
    }
    let mut whole = encoded(&dense());
    whole.extend(field(0x3a, &field(0x0a, &field(0x2a, &bytes))));
    refused(&whole, &[]);
}

/// A length-delimited field.
pub fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![tag];
    let mut len = content.len();
    while len >= 0x80 {
        field.push(len as u8 | 0x80);
        len >>= 7;
    }
    field.push(len as u8);
    field.extend_from_slice(content);
    field
}

#[test]
fn unused_weights_do_no_harm() {
    let mut model = dense();
    graph(&mut model).initializer.push(floats("unused", &[1], &[f32::NAN]));
    import_bytes(&encoded(&model)).expect("no output needs it");
}
