//! Dynamic axes whose length the user sets.

use super::problem::shown;
use super::proto::{Dimension, GraphProto, ValueInfoProto};
use crate::error::{Error, Result};
use std::collections::HashSet;

/// Most values that a tensor may hold: 1 GiB of floats.
pub(super) const MAX_LEN: usize = 1 << 28;

/// What `--dim` and `[dims]` may name, each name once, in the order of the file: the symbols of the inputs'
/// dynamic axes, and `INPUT.AXIS` for those without a symbol.
pub(super) fn names(graph: &GraphProto) -> Vec<String> {
    let mut names = Vec::new();
    for (info, axis, dim) in dynamic_axes(graph) {
        let name = name_of(info, axis, dim);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Sets the named dynamic axes of all inputs, outputs and values that the graph declares to these lengths, as
/// if it had been exported with them.
///
/// # Errors
///
/// A name that no dynamic axis of an input has, or that comes twice, and a length outside 1 to [`MAX_LEN`],
/// with the graph unchanged; and a batch that is not 1, with the graph changed.
pub(super) fn pin(graph: &mut GraphProto, dims: &[(String, usize)]) -> Result<()> {
    let known = names(graph);
    let mut in_front = Vec::new();
    for (at, dim) in dims.iter().enumerate() {
        let (name, length) = dim;
        if dims[..at].iter().any(|(other, _)| other == name) {
            return fault(dim, "this axis is given twice; give it one length");
        }
        if !(1..=MAX_LEN).contains(length) {
            return fault(dim, &format!("expected a length from 1 to {MAX_LEN}"));
        }
        if !known.contains(name) {
            return fault(dim, &unknown(&known));
        }
        let first = first_axes(graph, name);
        in_front.extend(first.into_iter().map(|input| (dim, input)).filter(|_| *length != 1));
    }
    dims.iter().for_each(|(name, length)| write(graph, name, *length as i64));
    in_front.into_iter().try_for_each(|(dim, input)| check_batch(dim, &graph.input[input]))
}

/// The error `dim NAME=LENGTH: WHAT`; never `Ok`.
#[cold]
fn fault<T>(dim: &(String, usize), what: &str) -> Result<T> {
    let (name, length) = dim;
    Err(Error::input(format!("dim {}={length}: {what}", shown(name))))
}

/// An error that the first axis of an input, whose new length is not 1, is the batch. No error where the
/// input has three axes or more and the second has the length 1, since the batch is then that one.
fn check_batch(dim: &(String, usize), input: &ValueInfoProto) -> Result<()> {
    let dims = dims_of(input);
    let second = dims.get(1).filter(|_| dims.len() > 2);
    if second.is_some_and(|second| second.value == Some(1)) {
        return Ok(());
    }
    let steps = match second.filter(|second| is_dynamic(second)) {
        Some(second) => format!(
            "; if it counts steps and the batch lies behind them, give `--dim {}=1` as well",
            shown(&name_of(input, 1, second))
        ),
        None => String::new(),
    };
    let input = shown(&input.name);
    let what = "in front of the input";
    fault(dim, &format!("it lies {what} `{input}`, as the batch, which is 1: leave it out{steps}"))
}

/// What is wrong with a name that is not among `known`, and which names there are.
#[cold]
pub(super) fn unknown(known: &[String]) -> String {
    if known.is_empty() {
        return "no axis of an input is dynamic: leave it out".to_string();
    }
    let known: Vec<String> = known.iter().map(|name| format!("`{}`", shown(name))).collect();
    format!("no dynamic axis of an input has this name; expected one of {}", known.join(", "))
}

/// The name of an axis: its symbol, or `INPUT.AXIS` where it has none.
pub(super) fn name_of(info: &ValueInfoProto, axis: usize, dim: &Dimension) -> String {
    match dim.symbol.as_str() {
        "" => format!("{}.{axis}", info.name),
        symbol => symbol.to_string(),
    }
}

/// The declared axes of a value; empty where it is declared as no tensor or without a shape.
fn dims_of(info: &ValueInfoProto) -> &[Dimension] {
    let shape = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref()?.shape.as_ref());
    shape.map_or(&[], |shape| &shape.dim)
}

/// Whether an axis has no fixed length: none is declared, or 0 or -1.
fn is_dynamic(dim: &Dimension) -> bool {
    dim.value.is_none_or(|size| matches!(size, 0 | -1))
}

/// The dynamic axes of the inputs that are no initializers, in order: the input, the position of the axis,
/// and the axis.
fn dynamic_axes(graph: &GraphProto) -> impl Iterator<Item = (&ValueInfoProto, usize, &Dimension)> {
    let constants: HashSet<&str> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let inputs = graph.input.iter().filter(move |info| !constants.contains(info.name.as_str()));
    inputs.flat_map(|info| {
        let dims = dims_of(info).iter().enumerate();
        dims.filter(|(_, dim)| is_dynamic(dim)).map(move |(axis, dim)| (info, axis, dim))
    })
}

/// Positions in `graph.input` of those inputs, initializers included, whose first axis is dynamic and has
/// this name.
fn first_axes(graph: &GraphProto, name: &str) -> Vec<usize> {
    let is_first = |info: &ValueInfoProto| {
        let first = dims_of(info).first();
        first.is_some_and(|dim| is_dynamic(dim) && name_of(info, 0, dim) == name)
    };
    (0..graph.input.len()).filter(|input| is_first(&graph.input[*input])).collect()
}

/// Sets every dynamic axis of this name, in inputs, outputs and other declared values, to a length; its
/// symbol is dropped.
fn write(graph: &mut GraphProto, name: &str, length: i64) {
    let GraphProto { input, output, value_info, .. } = graph;
    for info in input.iter_mut().chain(output).chain(value_info) {
        let own = dims_of(info).iter().enumerate();
        let own = own.filter(|(axis, dim)| is_dynamic(dim) && name_of(info, *axis, dim) == name);
        let own: Vec<usize> = own.map(|(axis, _)| axis).collect();
        let kind = info.r#type.as_mut().and_then(|kind| kind.tensor.as_mut());
        let Some(shape) = kind.and_then(|tensor| tensor.shape.as_mut()) else { continue };
        for axis in own {
            shape.dim[axis] = Dimension { value: Some(length), symbol: String::new() };
        }
    }
}
