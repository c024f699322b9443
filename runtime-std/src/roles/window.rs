//! What a graph shows about the order of its observation, as a comment for the manifest.

use crate::import::{Graph, Node, Op, ValueId};
use crate::manifest::{Manifest, TensorRef};
use elbow_core::window::Layout;

/// A `[window]` to uncomment, for an observation of three axes of which one or two are longer than 1: with
/// the layout and why, or as a question. Nothing for others.
pub(super) fn statement(graph: &Graph, manifest: &Manifest) -> String {
    let observed = manifest.encoder.as_ref().and_then(|encoder| encoder.input.as_ref());
    let Some(TensorRef::Name(name)) = observed else { return String::new() };
    let Some(&x) = graph.inputs.iter().find(|id| graph.values[**id].name == *name) else {
        return String::new();
    };
    let shape = &graph.values[x].shape;
    let long: Vec<usize> = (0..shape.len()).filter(|axis| shape[*axis] > 1).collect();
    let (3, [first, second]) = (shape.len(), &long[..]) else { return String::new() };
    let [a, b] = [shape[*first], shape[*second]];
    let time = time_axis(graph, x).filter(|(axis, _)| long.contains(axis));
    let layout = time.as_ref().map(|(time, _)| match time == first {
        true => Layout::TimeFirst,
        false => Layout::ChannelsFirst,
    });
    let (why, [channels, length, name]) = match (layout, time) {
        (Some(Layout::TimeFirst), Some((time, why))) => (
            format!("{why} along its axis {time}, so it is time first"),
            [b.to_string(), a.to_string(), quoted("time_first")],
        ),
        (Some(Layout::ChannelsFirst), Some((time, why))) => (
            format!("{why} along its axis {time}, so it is channels first"),
            [a.to_string(), b.to_string(), quoted("channels_first")],
        ),
        _ => (
            format!(
                "nothing shows whether it is channels_first ({a} channels, {b} readings) or time_first ({b} channels, {a} readings)"
            ),
            ["?", "?", "?"].map(quoted),
        ),
    };
    format!(
        "
# If the device makes observations of readings, it needs a window. The input {name_of_x:?} has shape {shape:?}:
# {why}.
# [window]
# channels = {channels}
# length = {length}
# hop = {length}  # readings between two observations
# layout = {name}
# mean = \"?\"  # of the training data, one per channel
# std = \"?\"
",
        name_of_x = graph.values[x].name,
    )
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// The axis of `x` along which layers go that know time, and which; none where they disagree.
fn time_axis(graph: &Graph, x: ValueId) -> Option<(usize, String)> {
    let mut axes: Vec<Option<Vec<usize>>> = vec![None; graph.values.len()];
    axes[x] = Some((0..graph.values[x].shape.len()).collect());
    let mut found: Option<(usize, String)> = None;
    for node in &graph.nodes {
        let Some(own) = node.inputs.first().and_then(|id| axes[*id].clone()) else { continue };
        match (time_of(graph, node), &found) {
            (None, _) => axes[node.output] = moved(graph, node, own),
            (Some(at), None) => {
                let layer = format!("{} ({:?}) goes", node.op_type, node.name);
                found = own.get(at).map(|axis| (*axis, layer));
            }
            (Some(at), Some((axis, _))) if own.get(at) != Some(axis) => return None,
            _ => {}
        }
    }
    found
}

/// The axis of its first input that a layer takes as time: of a recurrent one the first, of a convolution
/// over one axis the last.
fn time_of(graph: &Graph, node: &Node) -> Option<usize> {
    let shape = &graph.values[*node.inputs.first()?].shape;
    match &node.op {
        Op::Recurrent { .. } => Some(0),
        Op::Conv { strides, .. } if strides.len() == 1 => shape.len().checked_sub(1),
        _ => None,
    }
}

/// Which axis of `x` each axis of the result is, for nodes that leave the axes or exchange them.
fn moved(graph: &Graph, node: &Node, own: Vec<usize>) -> Option<Vec<usize>> {
    let shape = |id: ValueId| &graph.values[id].shape;
    let (before, after) = (shape(node.inputs[0]), shape(node.output));
    match &node.op {
        Op::Transpose { perm } => perm.iter().map(|axis| own.get(*axis).copied()).collect(),
        Op::Unary(_) | Op::Binary(_) | Op::BatchNormalization { .. } | Op::Normalize { .. } => {
            (before == after).then_some(own)
        }
        Op::Reshape => {
            let long = |shape: &[usize]| shape.iter().copied().filter(|len| *len > 1).collect();
            let (a, b): (Vec<usize>, Vec<usize>) = (long(before), long(after));
            let of_one = own.iter().zip(before).find(|(_, len)| **len == 1).map(|(axis, _)| *axis);
            let mut kept = own.iter().zip(before).filter(|(_, len)| **len > 1);
            let axis = |len: &usize| match len {
                1 => of_one.or(Some(usize::MAX)),
                _ => kept.next().map(|(axis, _)| *axis),
            };
            (a == b).then(|| after.iter().map(axis).collect())?
        }
        _ => None,
    }
}
