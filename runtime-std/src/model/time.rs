//! What a graph shows about the order of its observation: the axis along which layers go that know time.

use crate::ir::{Graph, Node, Op, ValueId};
use crate::manifest::Layout;

/// The layout of an observation `x` of three axes of which two are longer than 1, and what shows it; `None`
/// for other shapes, and where no layer over time shows it.
pub(crate) fn shown(graph: &Graph, x: ValueId) -> Option<(Layout, String)> {
    let [first, second] = two_axes(&graph.values[x].shape)?;
    let (time, layer) = time_axis(graph, x)?;
    let (layout, so) = match time {
        _ if time == first => (Layout::TimeFirst, "time first"),
        _ if time == second => (Layout::ChannelsFirst, "channels first"),
        _ => return None,
    };
    Some((layout, format!("{layer} along its axis {time}, so it is {so}")))
}

/// Positions of the two axes longer than 1 of a shape of three; `None` for other shapes.
pub(crate) fn two_axes(shape: &[usize]) -> Option<[usize; 2]> {
    let long: Vec<usize> = (0..shape.len()).filter(|axis| shape[*axis] > 1).collect();
    (shape.len() == 3).then(|| <[usize; 2]>::try_from(long).ok())?
}

/// The axis of `x` along which recurrent layers and convolutions over one axis run, as far as it can be
/// followed to them, and the first such layer in words; `None` where there is none or they disagree.
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

/// The axis of its first input along which a layer runs in time: 0 of a recurrent layer, the last of a
/// convolution over one axis; `None` for other nodes.
fn time_of(graph: &Graph, node: &Node) -> Option<usize> {
    let shape = &graph.values[*node.inputs.first()?].shape;
    match &node.op {
        Op::Recurrent { .. } => Some(0),
        Op::Conv { strides, .. } if strides.len() == 1 => shape.len().checked_sub(1),
        _ => None,
    }
}

/// For each axis of the node's output the axis of `x` that it is, given those of its first input (`own`);
/// `None` where the node mixes or drops axes. An axis of length 1 that a Reshape adds gets `usize::MAX` where
/// `x` has none.
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
