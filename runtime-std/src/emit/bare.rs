//! The module of a graph without roles: `run`.

use super::calls::{Calls, Hits, Names, looks_up, uses_workspace};
use super::parameters::{Array, Checked};
use super::rust::{
    self, Workspace, array, hexadecimal, imports, kernel_imports, signature, trace_import, use_core,
};
use super::text::{checks, workspace_parameter};
use super::trace::Trace;
use super::types;
use crate::identifier::identifier;
use crate::lower::{Plan, Port};

/// Rust source of the module for a plan without roles; `name` is the model's, not yet an identifier.
pub(super) fn source(name: &str, fingerprint: u64, plan: &Plan, trace: Trace) -> String {
    let (inputs, outputs) = (plan.inputs.len(), plan.outputs.len());
    let calls = Calls::of(plan, &names(inputs, outputs, trace));
    let lens = |ports: &[Port]| ports.iter().map(Port::len).collect::<Vec<_>>();
    let (input_lens, output_lens) = (lens(&plan.inputs), lens(&plan.outputs));
    let name = identifier(name);
    let [inputs_type, outputs_type] = [("INPUTS", inputs), ("OUTPUTS", outputs)]
        .map(|(name, len)| format!("{name}: [usize; {len}]"));
    let constants = [
        ("Name of the model.", "NAME: &str".to_string(), format!("{name:?}")),
        ("Values of each input.", inputs_type, array(&input_lens)),
        ("Values of each output.", outputs_type, array(&output_lens)),
        (
            "Of the plan that reads the weights.",
            "FINGERPRINT: u64".into(),
            hexadecimal(fingerprint),
        ),
        ("Floats of the weights.", "WEIGHTS: usize".into(), plan.weights.len().to_string()),
    ];
    let mut text = format!(
        "\
// `{name}`, compiled by elbow {}: a graph without roles.
//
// Not to be edited: `elbow compile` writes this file, and `weights.bin` with it.

",
        env!("CARGO_PKG_VERSION")
    );
    let errors: &[&str] =
        if inputs == 0 { &["RunError"] } else { &["RunError", "first_non_finite"] };
    let used = [
        trace_import(trace),
        &imports("compiled", &["self"]),
        &imports("distributions", &Vec::from_iter(calls.distributions)),
        &imports("infer", errors),
        &kernel_imports(&calls.items),
        &imports("pack", &["Pack"]),
    ];
    text += &use_core(&used.concat());
    text += &rust::constants(&constants);
    let (arena, steps, hits) = (plan.arena, plan.steps.len(), hits(plan));
    text +=
        &Workspace { arena, states: &[], parameters: &[], trace, steps, hits, saturates: false }
            .text();
    text += &types::workspace(0, looks_up(plan), trace);
    text += &run_function(plan, &calls.body, trace);
    let arrays = |letter: &str, list: &str, what: &str, ports: &[Port]| {
        let array = |(at, port): (usize, &Port)| {
            let doc = format!("The {what} `{}` {:?}.", port.name.escape_debug(), port.shape);
            Array::of(format!("{letter}{at}"), doc, format!("{list}[{at}]"))
        };
        ports.iter().enumerate().map(array).collect::<Vec<_>>()
    };
    text += &types::graph(
        &arrays("x", "INPUTS", "input", &plan.inputs),
        &arrays("y", "OUTPUTS", "output", &plan.outputs),
    );
    text + &calls.shapes
}

/// Names in the body of `run`: `x0`, `x1`, ... for inputs and `y0`, `y1`, ... for outputs; the weights start
/// at the first float of the pack.
fn names(inputs: usize, outputs: usize, trace: Trace) -> Names<'static> {
    Names {
        inputs: (0..inputs).map(|index| format!("x{index}")).collect(),
        read: (0..outputs).map(|index| format!("&y{index}[..]")).collect(),
        written: (0..outputs).map(|index| format!("y{index}")).collect(),
        constants: "GRAPH",
        weights: 0,
        trace,
        hits: Hits::Workspace,
        saturates: false,
    }
}

/// Source of the function `run` of `plan`, whose body are checks of the inputs and the statements `calls`.
fn run_function(plan: &Plan, calls: &str, trace: Trace) -> String {
    let mut parameters =
        vec!["pack: &Pack".into(), workspace_parameter(uses_workspace(plan) || trace.is_on())];
    let mut docs = String::new();
    let mut inputs = Vec::new();
    let mut before = 0;
    for (index, port) in plan.inputs.iter().enumerate() {
        docs +=
            &format!("/// - `x{index}`: input `{}` {:?}\n", port.name.escape_debug(), port.shape);
        parameters.push(format!("x{index}: &[f32; INPUTS[{index}]]"));
        inputs.push((format!("x{index}"), before));
        before += port.len();
    }
    for (index, port) in plan.outputs.iter().enumerate() {
        docs +=
            &format!("/// - `y{index}`: output `{}` {:?}\n", port.name.escape_debug(), port.shape);
        parameters.push(format!("y{index}: &mut [f32; OUTPUTS[{index}]]"));
    }
    let checked = inputs.iter();
    let checked = checked.map(|(name, before)| Checked { name, before: *before, missing: false });
    let inputs: Vec<Checked<'_>> = checked.collect();
    format!(
        "
/// Runs the graph.
///
{docs}///
/// # Errors
///
/// The weights are not this model's, or an input is not finite; the outputs are then left as they were.
{}{}{}{calls}    Ok(())
}}
",
        signature("run", &parameters, "Result<(), RunError>"),
        checks("RunError", &inputs),
        reset(plan),
    )
}

/// Text of the documentation of `clamp_hits` in a module with this plan alone; `None` for a plan without
/// lookups, whose workspace has no such field.
pub(super) fn hits(plan: &Plan) -> Option<&'static str> {
    looks_up(plan).then_some("Indices that the last call took as the nearest of their table.")
}

/// The statement that sets `clamp_hits` to 0 at the start of a call; empty for a plan without lookups.
pub(super) fn reset(plan: &Plan) -> &'static str {
    if looks_up(plan) { "    ws.clamp_hits = 0;\n" } else { "" }
}
