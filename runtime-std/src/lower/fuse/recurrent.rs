//! The end of a recurrent layer's sequence is its state: the sequence then need not be kept.

use super::view::{RecurrentAxis, View};
use crate::ir::{Graph, Node, Op, RecurrentOutput, Value, ValueId};
use std::collections::HashMap;

/// Replaces those nodes of `graph` that slice one step out of a layer's sequence, of one direction or of
/// both:
///
/// - the step that a direction ends with (the last one, in reverse the first) is its state;
/// - the step that it begins with becomes the state of a copy of the layer that runs over this step alone. Where
///   something else reads the sequence as well, this step is computed twice.
///
/// A slice of any other step stays.
pub(super) fn ends(graph: &mut Graph) {
    let nodes = std::mem::take(&mut graph.nodes);
    let views = vec![None; graph.values.len()];
    let mut ends = Ends { graph, views, layers: HashMap::new(), steps: HashMap::new() };
    nodes.into_iter().for_each(|node| ends.node(node));
}

/// The rewritten graph, and what has been found about its values so far.
struct Ends<'g> {
    /// Its nodes are those that have been visited, or what replaced them.
    graph: &'g mut Graph,
    /// For each value of the original graph, how it consists of recurrent results; `None` for other values.
    views: Vec<Option<View>>,
    /// From each sequence to the index of the node that computes it.
    layers: HashMap<ValueId, usize>,
    /// From an input of a layer and a step to the value that holds this step alone.
    steps: HashMap<(ValueId, usize), ValueId>,
}

impl Ends<'_> {
    /// Appends `node`, or the nodes that replace it, to the graph, and records the view of its result.
    fn node(&mut self, node: Node) {
        let output = node.output;
        if let Op::Recurrent { gives: RecurrentOutput::Sequence, .. } = node.op {
            self.views[output] = View::of_sequence(output, &self.graph.values[output].shape);
            self.layers.insert(output, self.graph.nodes.len());
            return self.graph.nodes.push(node);
        }
        let behind = View::behind(&node, &self.graph.values, &self.views);
        self.views[output] = match behind {
            Some((view, step)) if matches!(node.op, Op::Slice { .. }) && !view.has_steps() => {
                let view = self.ended(&node, view, step.unwrap_or(0));
                match &view {
                    Some(view) => self.join(&node, view),
                    None => self.graph.nodes.push(node),
                }
                view
            }
            behind => {
                self.graph.nodes.push(node);
                behind.map(|(view, _)| view)
            }
        };
    }

    /// The view with each sequence replaced by the state `[rows, hidden]` of its layer after `step`; a part
    /// that is a state already stays. Adds the nodes of these states to the graph. `None` where `step` is
    /// neither the first nor the last of a layer.
    fn ended(&mut self, node: &Node, view: View, step: usize) -> Option<View> {
        let name = self.graph.values[node.output].name.clone();
        let alone = view.parts.len() == 1;
        let end = |(direction, &part): (usize, &ValueId)| {
            let own = if alone { name.clone() } else { format!("{name}/direction{direction}") };
            match self.layers.get(&part) {
                Some(&layer) => self.end(layer, step, own),
                None => Some(part), // a state already
            }
        };
        let parts = view.parts.iter().enumerate().map(end).collect::<Option<_>>()?;
        Some(View { parts, ..view })
    }

    /// Id of the state `[rows, hidden]` of a layer, given by the index of its node, after `step`: by a new
    /// node, whose result is called `name`. It runs over the whole input where `step` is the layer's last,
    /// and over this step alone where it is its first; `None` for a step between.
    fn end(&mut self, layer: usize, step: usize, name: String) -> Option<ValueId> {
        let layer = self.graph.nodes[layer].clone();
        let Op::Recurrent { cell, reverse, .. } = layer.op else { return None };
        let [steps, rows, hidden] = self.graph.values[layer.output].shape[..] else { return None };
        let final_step = steps.checked_sub(1)?;
        let (first, last) = if reverse { (final_step, 0) } else { (0, final_step) };
        let mut inputs = layer.inputs.clone();
        if step != last {
            let x = inputs.first_mut()?;
            *x = (step == first).then(|| self.step_of(&layer, *x, step))?;
        }
        let op = Op::Recurrent { cell, reverse, gives: RecurrentOutput::Hidden };
        Some(self.push(Node { op, inputs, ..layer }, name, vec![rows, hidden]))
    }

    /// Id of one step of the input `x` of a layer, by a new `Slice`; the same id at a second call for the
    /// same step.
    fn step_of(&mut self, layer: &Node, x: ValueId, step: usize) -> ValueId {
        if let Some(&taken) = self.steps.get(&(x, step)) {
            return taken;
        }
        let Value { name, shape, .. } = &self.graph.values[x];
        let (name, mut shape) = (format!("{name}/step{step}"), shape.clone());
        let mut starts = vec![0; shape.len()];
        (starts[0], shape[0]) = (step, 1);
        let op = Op::Slice { steps: vec![1; starts.len()], starts };
        let taken = self.push(Node { op, inputs: vec![x], ..layer.clone() }, name, shape);
        self.steps.insert((x, step), taken);
        taken
    }

    /// Appends nodes that compute the value which `view`, a view of states, describes: transposed and joined
    /// where necessary, as the result of `node`.
    fn join(&mut self, node: &Node, view: &View) {
        let name = self.graph.values[node.output].name.clone();
        let like = |op, inputs| Node { op, inputs, ..node.clone() };
        let (mut outer, mut inner) = (1, 1);
        let mut order = Vec::new();
        for &(axis, len) in &view.axes {
            match axis {
                RecurrentAxis::Direction => (outer, inner) = (outer * inner, 1),
                _ => inner *= len,
            }
            order.extend((axis != RecurrentAxis::Direction).then_some(axis));
        }
        let mut parts = view.parts.clone();
        for part in &mut parts {
            if !order.is_sorted() {
                let shape = self.graph.values[*part].shape.iter().rev().copied().collect();
                let turned = like(Op::Transpose { perm: vec![1, 0] }, vec![*part]);
                *part = self.push(turned, name.clone(), shape);
            }
            if view.parts.len() > 1 {
                let lifted = like(Op::Reshape, vec![*part]);
                *part = self.push(lifted, name.clone(), vec![outer, inner]);
            }
        }
        let joined = match parts[..] {
            [only] => only,
            _ => {
                let shape = vec![outer, inner * parts.len()];
                self.push(like(Op::Concat { axis: 1 }, parts), name, shape)
            }
        };
        self.graph.nodes.push(like(Op::Reshape, vec![joined]));
    }

    /// Id of a new value of this name and shape, which is appended to the graph together with `node`, whose
    /// result it becomes.
    fn push(&mut self, node: Node, name: String, shape: Vec<usize>) -> ValueId {
        let output = self.graph.values.len();
        self.graph.values.push(Value { name, shape, constant: None });
        self.graph.nodes.push(Node { output, ..node });
        output
    }
}
