//! Malformed exports: each is refused in under a second and 200 MB, by a message that names the node.
//!
//! Every case is imported by a process of its own, which says how long that took and how much memory
//! it had at most.

mod graphs;
mod large;
mod layers;
mod lists;
mod shapes;
mod tensors;
mod windows;

use crate::import::build::*;
use elbow::stages::import_bytes;
use elbow_tests::spent::{self, Spent};
use elbow_tests::tolerance::{REFUSED_KILOBYTES, REFUSED_SECONDS};
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

const HUGE: i64 = 1 << 40;
const LEAST: usize = 40;

/// A model, and what its refusal has to say.
struct Case {
    name: &'static str,
    model: ModelProto,
    words: Vec<&'static str>,
}

fn case(name: &'static str, model: ModelProto, words: &[&'static str]) -> Case {
    Case { name, model, words: words.to_vec() }
}

/// A node `n` of this operator on `x`, with constants as further operands.
fn on(
    op: &'static str,
    shape: &[i64],
    constants: Vec<TensorProto>,
    set: impl FnOnce(&mut NodeProto),
) -> ModelProto {
    let mut model = single(op, shape, constants);
    set(&mut graph(&mut model).node[0]);
    model
}

fn plain(_: &mut NodeProto) {}

/// [`dense`] with something wrong.
fn broken(harm: impl FnOnce(&mut ModelProto)) -> ModelProto {
    let mut model = dense();
    harm(&mut model);
    model
}

/// A constant `w` of this shape.
fn halves(shape: &[i64]) -> TensorProto {
    floats("w", shape, &vec![0.5; shape.iter().product::<i64>() as usize])
}

fn cases() -> Vec<Case> {
    let themes = [
        graphs::cases,
        tensors::cases,
        shapes::cases,
        windows::cases,
        layers::cases,
        large::cases,
        lists::cases,
    ];
    themes.into_iter().flat_map(|cases| cases()).collect()
}

/// Not a test of its own: what a child process of the test below runs.
#[test]
fn import_one() {
    let Some(index) = spent::case() else { return };
    let case = &cases()[index.parse::<usize>().expect("a number")];
    let bytes = encoded(&case.model);
    spent::tell(|| match import_bytes(&bytes) {
        Ok(_) => "imported".to_string(),
        Err(error) => error.to_string(),
    });
}

#[test]
fn every_malformed_export_is_refused_quickly_and_by_name() {
    let cases = cases();
    let mut wrong = Vec::new();
    let (mut slowest, mut largest) = (0.0f64, 0);
    for (index, case) in cases.iter().enumerate() {
        let spent = match spent::of_child("malformed::import_one", &index.to_string()) {
            Ok(spent) => spent,
            Err(panic) => {
                wrong.push(format!("{}: {panic}", case.name));
                continue;
            }
        };
        let Spent { seconds, kilobytes, message } = spent;
        (slowest, largest) = (slowest.max(seconds), largest.max(kilobytes));
        if seconds > REFUSED_SECONDS || kilobytes > REFUSED_KILOBYTES {
            wrong.push(format!("{}: {seconds} s, {kilobytes} kB", case.name));
        }
        for words in case.words.iter().filter(|words| !message.contains(**words)) {
            wrong.push(format!("{}: no {words:?} in: {message}", case.name));
        }
    }
    println!("{} cases, at most {slowest:.3} s and {largest} kB", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= LEAST);
}
