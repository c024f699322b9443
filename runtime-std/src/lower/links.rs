//! The node that computes each value of a graph, and the nodes that read it.

use crate::ir::{Graph, Node, ValueId};

/// Producer and readers of every value of a graph; no longer valid once the graph changes, except by an
/// exchange that [`replace`](Self::replace) follows.
pub(crate) struct Links {
    producers: Vec<Option<usize>>,
    uses: Vec<usize>,
    /// Sum of the indices of the nodes that read a value: that of its reader, where it has only one.
    readers: Vec<usize>,
}

impl Links {
    /// The index of the graph as it is.
    pub(crate) fn of(graph: &Graph) -> Self {
        let mut producers = vec![None; graph.values.len()];
        let (mut uses, mut readers) = (vec![0; graph.values.len()], vec![0; graph.values.len()]);
        for (index, node) in graph.nodes.iter().enumerate() {
            producers[node.output] = Some(index);
            for &input in &node.inputs {
                uses[input] += 1;
                readers[input] += index;
            }
        }
        graph.outputs.iter().for_each(|(_, output)| uses[*output] += 1);
        Self { producers, uses, readers }
    }

    /// Updates the index for the exchange of node `old` for `new`, at the same place and with the same
    /// result. Operands of `new` are values of the graph, or constants that were added since.
    pub(crate) fn replace(&mut self, old: &Node, new: &Node) {
        let index = self.producers[old.output].unwrap_or(0);
        for &input in &old.inputs {
            self.uses[input] -= 1;
            self.readers[input] -= index;
        }
        let known = new.inputs.iter().max().map_or(0, |last| last + 1).max(self.uses.len());
        self.uses.resize(known, 0);
        self.producers.resize(known, None);
        self.readers.resize(known, 0);
        for &input in &new.inputs {
            self.uses[input] += 1;
            self.readers[input] += index;
        }
    }

    /// The node that computes a value; `None` for inputs and constants. `graph` is the one that was indexed.
    pub(crate) fn producer<'g>(&self, graph: &'g Graph, value: ValueId) -> Option<&'g Node> {
        self.producers[value].map(|index| &graph.nodes[index])
    }

    /// The node that computes a value which is used exactly once, by a node or as an output: it may be joined
    /// with that one reader. `None` for inputs, constants, and values that are never or repeatedly used.
    pub(crate) fn only<'g>(&self, graph: &'g Graph, value: ValueId) -> Option<&'g Node> {
        self.producer(graph, value).filter(|_| self.uses(value) == 1)
    }

    /// The only node that reads a value; `None` where several read it, one reads it twice, none does, or it
    /// is an output of the graph.
    pub(crate) fn reader<'g>(&self, graph: &'g Graph, value: ValueId) -> Option<&'g Node> {
        let node = (self.uses(value) == 1).then(|| graph.nodes.get(self.readers[value]))?;
        node.filter(|node| node.inputs.contains(&value)) // else it is an output of the graph
    }

    /// Number of operands of nodes that are this value, plus the number of the graph's outputs that are.
    pub(crate) fn uses(&self, value: ValueId) -> usize {
        self.uses[value]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Op, Value};
    use std::collections::{HashMap, HashSet};

    fn node(inputs: &[ValueId], output: ValueId) -> Node {
        let inputs = inputs.to_vec();
        Node { name: String::new(), op_type: String::new(), op: Op::MatMul, inputs, output }
    }

    #[test]
    fn the_only_reader_is_known_also_behind_an_exchange() {
        let value = Value { name: String::new(), shape: vec![1], constant: None };
        let mut graph = Graph {
            name: String::new(),
            opset: 17,
            values: vec![value; 6],
            nodes: vec![node(&[0, 1], 2), node(&[2, 1], 3), node(&[3, 3], 4), node(&[4], 5)],
            inputs: vec![0, 1],
            element_types: HashMap::new(),
            noise: Vec::new(),
            quantized: HashMap::new(),
            selected: HashSet::new(),
            outputs: vec![("y".into(), 5)],
        };
        let mut links = Links::of(&graph);
        let reader = |graph: &Graph, links: &Links, value| {
            links.reader(graph, value).map(|node| node.output)
        };
        let readers = |graph: &Graph, links: &Links| {
            [0, 1, 2, 3, 4, 5].map(|value| reader(graph, links, value))
        };
        // Read once, by two nodes, once, twice by one, once, and only an output of the graph.
        let expected = [Some(2), None, Some(3), None, Some(5), None];
        assert_eq!(readers(&graph, &links), expected);
        let new = node(&[0, 1], 3);
        links.replace(&graph.nodes[1], &new);
        graph.nodes[1] = new;
        assert_eq!(readers(&graph, &links), [None, None, None, None, Some(5), None]);
        let new = node(&[2, 1], 3);
        links.replace(&graph.nodes[1], &new);
        graph.nodes[1] = new;
        assert_eq!(readers(&graph, &links), expected);
    }
}
