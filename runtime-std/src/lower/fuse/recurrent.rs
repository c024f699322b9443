//! The last step of a recurrent layer's sequence is its state.

use super::super::axes::{collapse, is_contiguous, row_major};
use super::super::links::Links;
use crate::import::{Gives, Graph, Node, Op, ValueId};

/// A slice of the step that a layer ends with (the last one, in reverse the first) as the state that it
/// gives: the sequence then need not be kept.
pub(super) fn last_state(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    let node = &graph.nodes[index];
    let Op::Slice { starts, steps } = &node.op else { return None };
    let layer = unmoved(graph, links, node.inputs[0])?;
    let Op::Recurrent { cell, reverse, gives: Gives::Sequence } = layer.op else { return None };
    let (from, taken) = (&graph.values[node.inputs[0]].shape, &graph.values[node.output].shape);
    let strides = row_major(from);
    let walked: Vec<isize> =
        strides.iter().zip(steps).map(|(stride, step)| stride * step).collect();
    let start: usize = strides.iter().zip(starts).map(|(s, start)| *s as usize * start).sum();
    let [sequence_steps, rows, hidden] = graph.values[layer.output].shape[..] else { return None };
    let last = if reverse { 0 } else { sequence_steps.checked_sub(1)? * rows * hidden };
    let in_order = is_contiguous(&collapse(taken, &walked, &row_major(taken)));
    let is_state = taken.iter().product::<usize>() == rows * hidden && start == last && in_order;
    let op = Op::Recurrent { cell, reverse, gives: Gives::Hidden };
    let inputs = layer.inputs.clone();
    is_state.then(|| Node { output: node.output, op, inputs, ..layer.clone() })
}

/// The node that makes a value, behind nodes that give the same values in the same order.
fn unmoved<'g>(graph: &'g Graph, links: &Links, mut value: ValueId) -> Option<&'g Node> {
    loop {
        let node = links.producer(graph, value)?;
        let keeps_order = match &node.op {
            Op::Reshape => true,
            Op::Transpose { perm } => {
                let shape = &graph.values[node.inputs[0]].shape;
                perm.iter().filter(|axis| shape[**axis] != 1).is_sorted()
            }
            _ => return Some(node),
        };
        value = keeps_order.then_some(node.inputs[0])?;
    }
}
