//! Who makes and who reads each value of a graph.

use crate::import::{Graph, Node, ValueId};

/// An index of a graph; stale as soon as the graph changes, but for [`replace`](Self::replace).
pub(super) struct Links {
    producers: Vec<Option<usize>>,
    uses: Vec<usize>,
}

impl Links {
    pub(super) fn of(graph: &Graph) -> Self {
        let mut producers = vec![None; graph.values.len()];
        let mut uses = vec![0; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            producers[node.output] = Some(index);
            node.inputs.iter().for_each(|&input| uses[input] += 1);
        }
        graph.outputs.iter().for_each(|(_, output)| uses[*output] += 1);
        Self { producers, uses }
    }

    /// Follows the exchange of a node for one with the same result; new operands are new constants
    /// or values of the graph.
    pub(super) fn replace(&mut self, old: &Node, new: &Node) {
        old.inputs.iter().for_each(|&input| self.uses[input] -= 1);
        let known = new.inputs.iter().max().map_or(0, |last| last + 1).max(self.uses.len());
        self.uses.resize(known, 0);
        self.producers.resize(known, None);
        new.inputs.iter().for_each(|&input| self.uses[input] += 1);
    }

    /// The node that computes a value, unless it is an input or a constant.
    pub(super) fn producer<'g>(&self, graph: &'g Graph, value: ValueId) -> Option<&'g Node> {
        self.producers[value].map(|index| &graph.nodes[index])
    }

    /// The node that computes a value which nothing else reads: it may be joined with its reader.
    pub(super) fn only<'g>(&self, graph: &'g Graph, value: ValueId) -> Option<&'g Node> {
        self.producer(graph, value).filter(|_| self.uses(value) == 1)
    }

    /// Reads by nodes, and one for each time that the value is an output.
    pub(super) fn uses(&self, value: ValueId) -> usize {
        self.uses[value]
    }
}
