//! Recurrent layers: one kernel call for all results of a layer.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::weights::{Constant, panels};
use super::{Advice, Scheduler};
use crate::ir::{Node, Op, RecurrentOutput, ValueId};
use crate::lower::draft::{Home, TensorId};
use crate::lower::plan::{Kernel, Recurrent};
use elbow_core::kernels::{Cell, RecurrentShape};
use std::collections::HashMap;
use std::ops::Range;

/// What the nodes of one layer have in common: the cell as debug text (it has floats, which are no keys),
/// whether it runs in reverse, and the operands.
type Key = (String, bool, Vec<ValueId>);

/// The results that the nodes of each layer give, and their values.
pub(super) struct Layers(HashMap<Key, Vec<(RecurrentOutput, ValueId)>>);

impl Layers {
    /// The layers of these nodes; others than recurrent ones are passed over.
    pub(super) fn among(nodes: &[Node]) -> Self {
        let mut layers = Self(HashMap::new());
        for node in nodes {
            if let (Op::Recurrent { gives, .. }, Some(key)) = (&node.op, key(node)) {
                layers.0.entry(key).or_default().push((*gives, node.output));
            }
        }
        layers
    }

    /// All results of the layer that the node belongs to; empty for a node that is not recurrent.
    fn of(&self, node: &Node) -> Vec<(RecurrentOutput, ValueId)> {
        key(node).and_then(|key| self.0.get(&key)).cloned().unwrap_or_default()
    }
}

/// Key of the node's layer; `None` for a node that is not recurrent.
fn key(node: &Node) -> Option<Key> {
    let Op::Recurrent { cell, reverse, .. } = node.op else { return None };
    Some((format!("{cell:?}"), reverse, node.inputs.clone()))
}

impl Scheduler<'_> {
    /// Schedules a recurrent layer at the first of its nodes: one call that gives the results of all of them,
    /// which are bound here; the later nodes only count as reads of their operands. The states start as
    /// copies of the initial ones and hold the final ones afterwards. `Err` for fewer than five operands, an
    /// input that is not `[steps, rows, inputs]`, computed weights, or a cell state asked of a cell without
    /// one.
    pub(super) fn recurrent(&mut self, node: &Node, cell: Cell, reverse: bool) -> Advice {
        if self.tensors[node.output].is_some() {
            let read = |input: &ValueId| self.constant(*input).is_none();
            let computed: Vec<ValueId> = node.inputs.iter().copied().filter(read).collect();
            computed.into_iter().for_each(|input| _ = self.read(input));
            return Ok(()); // bound by the call of a node that gives another result of the same layer
        }
        let [x, w, r, bias, h, ..] = node.inputs[..] else {
            return Err("it has fewer than five operands".into());
        };
        let [steps, rows, inputs] = *self.shape(x) else {
            return Err(format!(
                "it runs over shape {:?}, expected [steps, rows, inputs]",
                self.shape(x)
            ));
        };
        let hidden = self.shape(h).last().copied().unwrap_or(0);
        let shape = RecurrentShape { steps, rows, inputs, hidden, reverse };
        let layer = self.layers.of(node);
        let sequence = layer.iter().any(|(gives, _)| *gives == RecurrentOutput::Sequence);
        let (bias_w, bias_r) = self.biases(bias)?;
        let kernel = Kernel::Recurrent(Recurrent {
            cell,
            shape,
            w: self.gates(w, inputs, hidden)?,
            r: self.gates(r, hidden, hidden)?,
            bias_w,
            bias_r,
            peepholes: self.peepholes(node)?,
            sequence,
        });
        let mut targets = vec![self.state(node, h)];
        let mut homes = vec![(RecurrentOutput::Hidden, targets[0])];
        if let (Cell::Lstm { .. }, Some(&c)) = (cell, node.inputs.get(5)) {
            targets.push(self.state(node, c));
            homes.push((RecurrentOutput::Cell, targets[1]));
        }
        if sequence {
            let y = self.tensor(steps * rows * hidden, Home::Arena);
            targets.push(y);
            homes.push((RecurrentOutput::Sequence, y));
        }
        targets.push(self.tensor(cell.scratch(hidden), Home::Arena));
        let x = self.read(x);
        self.call_on(node, self.shape(node.output), kernel, &[x], &targets);
        for (gives, value) in layer {
            let home = homes.iter().find(|(given, _)| *given == gives);
            let (_, tensor) = home.ok_or("it has no cell state")?;
            self.bind(value, *tensor);
        }
        Ok(())
    }

    /// A new tensor that starts as the initial state and may be overwritten; a fill where that is constant
    /// zeros.
    fn state(&mut self, node: &Node, initial: ValueId) -> TensorId {
        let shape = self.shape(initial);
        match self.constant(initial) {
            Some(values) if values.iter().all(|value| *value == 0.0) => {
                self.call(node, shape, Kernel::Fill(0.0), &[])
            }
            _ => {
                let initial = self.read(initial);
                self.copy(node, shape, initial)
            }
        }
    }

    /// Place in the weights, in words, of a constant matrix `[gates * hidden][columns]`, gate by gate in
    /// panels of its rows; `Err` where it is computed.
    fn gates(&mut self, matrix: ValueId, columns: usize, hidden: usize) -> Advice<Range<usize>> {
        let constant = self.constant(matrix).ok_or(CONSTANT)?;
        let rows = hidden * columns;
        Ok(self.weights.pack(Constant::Gates(matrix), || {
            constant.chunks(rows.max(1)).flat_map(|gate| panels(gate, columns)).collect()
        }))
    }

    /// Places in the weights of the two halves of the biases, of the input and of the state; `Err` where they
    /// are computed.
    fn biases(&mut self, bias: ValueId) -> Advice<(Range<usize>, Range<usize>)> {
        let constant = self.constant(bias).ok_or(CONSTANT)?;
        let all = self.weights.pack(Constant::Raw(bias), || constant.to_vec());
        let middle = all.start + constant.len() / 2;
        Ok((all.start..middle, middle..all.end))
    }

    /// Place in the weights of the peepholes, operand 6; empty without, `Err` where they are computed.
    fn peepholes(&mut self, node: &Node) -> Advice<Range<usize>> {
        let Some(&peepholes) = node.inputs.get(6) else { return Ok(0..0) };
        let constant = self.constant(peepholes).ok_or(CONSTANT)?;
        Ok(self.weights.pack(Constant::Raw(peepholes), || constant.to_vec()))
    }
}

/// Advice where weights are computed.
const CONSTANT: &str =
    "its weights depend on the input, and must be constant: store them as initializers";
