//! The names of the ONNX file under which the values of a graph are found.
//!
//! Import writes some nodes of a file as several: a recurrent layer becomes one node per direction and
//! result, a lookup a slice and a reshape. What such a node gives has no name in the file, but the same
//! values do, in another shape or as a part.

use crate::ir::{Graph, Node, Op, ValueId};
use std::collections::{HashMap, HashSet};

/// Where the values of one tensor are found.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Location {
    /// Name in the file, if the file has it.
    pub name: String,
    /// Part of each block of values: length of a block, first value, number of values.
    part: Option<[usize; 3]>,
}

impl Location {
    /// The tensor's values at this location, cut out of `values`, all rows of the tensor of that name.
    pub(super) fn part(&self, values: Vec<f32>) -> Vec<f32> {
        match self.part {
            None => values,
            Some([block, start, len]) => {
                let blocks = values.chunks_exact(block.max(1));
                blocks.flat_map(|block| &block[start..start + len]).copied().collect()
            }
        }
    }
}

/// The values of a graph by name, and the nodes that keep them as they are.
pub(super) struct Locations<'g> {
    graph: &'g Graph,
    by_name: HashMap<&'g str, ValueId>,
    /// Nodes by what they read and give.
    nodes: HashMap<ValueId, Vec<&'g Node>>,
}

impl<'g> Locations<'g> {
    /// The index of all values of `graph` by name (an output's name wins, else the first value of a name) and
    /// of all nodes by their inputs and output.
    pub(super) fn of(graph: &'g Graph) -> Self {
        let named = graph.values.iter().enumerate();
        let mut by_name: HashMap<&str, ValueId> = HashMap::new();
        for (id, value) in named {
            by_name.entry(value.name.as_str()).or_insert(id);
        }
        by_name.extend(graph.outputs.iter().map(|(name, id)| (name.as_str(), *id)));
        let mut nodes: HashMap<ValueId, Vec<&Node>> = HashMap::new();
        for node in &graph.nodes {
            for id in node.inputs.iter().chain([&node.output]) {
                nodes.entry(*id).or_default().push(node);
            }
        }
        Self { graph, by_name, nodes }
    }

    /// The locations of the values that have this name in the graph: there, in another shape, or as a part of
    /// a `Concat`; the name itself where the graph does not have it. Tensors of which the graph has selected
    /// places only are left out.
    pub(super) fn holding(&self, name: &str) -> Vec<Location> {
        let Some(&id) = self.by_name.get(name) else {
            return vec![Location { name: name.to_string(), part: None }];
        };
        let same = self.same(id);
        let is_whole = |id: &ValueId| !self.graph.selected.contains(id);
        let named = |at: ValueId| match at == id {
            true => name.to_string(),
            false => self.graph.values[at].name.clone(),
        };
        let whole = same.iter().copied().filter(is_whole);
        let mut places: Vec<Location> =
            whole.map(|id| Location { name: named(id), part: None }).collect();
        for (joined, part) in same.iter().flat_map(|id| self.joined(*id)) {
            let whole = self.same(joined).into_iter().filter(is_whole);
            let names = whole.map(|id| self.graph.values[id].name.clone());
            places.extend(names.map(|name| Location { name, part: Some(part) }));
        }
        places
    }

    /// Values that hold the same numbers in the same order, through reshapes and transposes that keep the
    /// order, in both directions; `id` first.
    fn same(&self, id: ValueId) -> Vec<ValueId> {
        let (mut found, mut seen) = (vec![id], HashSet::from([id]));
        let mut next = 0;
        while let Some(&id) = found.get(next) {
            next += 1;
            for node in self.around(id).filter(|node| self.keeps_order(node)) {
                let ends = [node.inputs[0], node.output];
                found.extend(ends.into_iter().filter(|end| seen.insert(*end)));
            }
        }
        found
    }

    /// The nodes that read or give a value.
    fn around(&self, id: ValueId) -> impl Iterator<Item = &'g Node> {
        self.nodes.get(&id).into_iter().flatten().copied()
    }

    /// Whether a node leaves its values in their order: a Reshape, or a Transpose that moves only axes of
    /// length 1.
    fn keeps_order(&self, node: &Node) -> bool {
        match &node.op {
            Op::Reshape => true,
            Op::Transpose { perm } => {
                let shape = &self.graph.values[node.inputs[0]].shape;
                perm.iter().filter(|axis| shape[**axis] != 1).is_sorted()
            }
            _ => false,
        }
    }

    /// The outputs of `Concat` that a value is an operand of, each with its part: length of a block, first
    /// value, number of values.
    fn joined(&self, id: ValueId) -> Vec<(ValueId, [usize; 3])> {
        let part = |node: &'g Node| {
            let Op::Concat { axis } = node.op else { return None };
            let at = node.inputs.iter().position(|input| *input == id)?;
            let len =
                |id: &ValueId| -> usize { self.graph.values[*id].shape[axis..].iter().product() };
            let start = node.inputs[..at].iter().map(len).sum();
            Some((node.output, [len(&node.output), start, len(&id)]))
        };
        self.around(id).filter_map(part).collect()
    }
}
