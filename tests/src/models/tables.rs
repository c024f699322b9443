//! Models that look their condition up in a table.

use super::{eighths, joined, latent, model};
use crate::graphs::Builder;
use elbow::ir::Op;
use elbow::lower::Plan;
use elbow::model::{Encoder, Graphs, Model, Role};
use elbow::stages::lower;

/// Two heads of `x` and of two ids, which are indices into a table of five rows.
fn plan() -> Plan {
    let mut graph = Builder::new("encoder");
    let (x, ids) = (graph.input("x", &[1, 4]), graph.input("ids", &[1, 2]));
    let table = graph.constant(&[5, 3], &eighths(15, 0));
    let rows = graph.node("Gather", Op::TakeBy { axis: 0 }, &[table, ids], &[1, 2, 3]);
    let rows = graph.node("Reshape", Op::Reshape, &[rows], &[1, 6]);
    let h = joined(&mut graph, &[x, rows], 10);
    for (name, start) in [("mu", 0), ("logvar", 3)] {
        let head = graph.linear(h, &eighths(20, start), &eighths(2, start + 1));
        graph.output(name, head);
    }
    lower(&graph.graph, &[0, 1]).expect("an encoder")
}

/// An encoder.
pub fn looking_up() -> Model {
    let encoder = Encoder {
        plan: plan(),
        inputs: vec![Role::X, Role::Condition],
        latents: vec![latent(2, Some((-0.5, 0.5)))],
        states: 0,
    };
    model("looking_up", Graphs::Amortized { encoder, decoder: None, flow: None })
}

/// The same graph without roles.
pub fn looking_up_without_roles() -> Model {
    model("looking_up_without_roles", Graphs::Bare(plan()))
}
