//! The last check of a graph: every value that is read has a producer.

use super::super::problem::Refusal;
use super::Importer;
use crate::ir::{Node, Value, ValueId};

impl Importer<'_> {
    /// If import has found no problem yet, adds one for every output without a value (`None`), and one for the first
    /// value that is read but that no constant, input, noise or earlier node gives.
    pub(super) fn check_given(
        &mut self,
        inputs: &[(String, Option<ValueId>)],
        outputs: &[(String, Option<ValueId>)],
    ) {
        if !self.problems.is_empty() {
            return;
        }
        let advice = "the model uses an operator in a way that import does not know: leave out what this \
            comes from, or report the model";
        for (name, _) in outputs.iter().filter(|(_, id)| id.is_none()) {
            self.problem(name, "output", Refusal::new("nothing in the graph gives it", advice));
        }
        let given = inputs.iter().filter_map(|(_, id)| *id);
        let given = given.chain(self.scope.noise.iter().map(|noise| noise.value));
        let outputs: Vec<ValueId> = outputs.iter().filter_map(|(_, id)| *id).collect();
        if let Some(id) = not_given(&self.scope.values, &self.scope.nodes, given, &outputs) {
            let name = self.scope.values[id].name.clone();
            self.problem(&name, "value", Refusal::new("is read, but nothing gives it", advice));
        }
    }
}

/// The first value that a node reads before a constant, `given` or an earlier node gives it; after all nodes,
/// the first such value among `outputs`. `None` where there is none.
fn not_given(
    values: &[Value],
    nodes: &[Node],
    given: impl Iterator<Item = ValueId>,
    outputs: &[ValueId],
) -> Option<ValueId> {
    let mut is_given: Vec<bool> = values.iter().map(|value| value.constant.is_some()).collect();
    given.for_each(|id| is_given[id] = true);
    for node in nodes {
        if let Some(missing) = node.inputs.iter().find(|&&id| !is_given[id]) {
            return Some(*missing);
        }
        is_given[node.output] = true;
    }
    outputs.iter().copied().find(|&id| !is_given[id])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Op;

    #[test]
    fn a_value_that_nothing_gives_is_found() {
        let value =
            |constant: Option<Vec<f32>>| Value { name: "v".into(), shape: vec![1], constant };
        let node = |inputs: Vec<usize>, output: usize| {
            let (name, op_type) = ("n".into(), "Sum".into());
            Node { name, op_type, op: Op::Concat { axis: 0 }, inputs, output }
        };
        let values = [value(None), value(Some(vec![1.0])), value(None), value(None), value(None)];
        let nodes = [node(vec![0, 1], 2), node(vec![2], 3)];
        let found =
            |nodes: &[Node], outputs: &[usize]| not_given(&values, nodes, [0].into_iter(), outputs);
        assert_eq!(found(&nodes, &[0, 1, 2, 3]), None);
        assert_eq!(found(&nodes, &[3, 4]), Some(4));
        assert_eq!(found(&nodes[1..], &[3]), Some(2));
        assert_eq!(found(&[node(vec![3], 2), node(vec![2], 3)], &[2]), Some(3));
    }
}
