//! Pass 4: nodes become kernel calls on tensors; constants take the layout that their kernel reads.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

mod along;
mod conv;
mod elementwise;
mod integer;
mod linear;
mod movement;
mod pool;
mod recurrent;
mod weights;

use super::axes::PoolAttributes;
use super::draft::{Draft, Home, Tensor, TensorId, UnplacedStep};
use super::integers::{IntegerLayer, Integers};
use super::links::Links;
use super::plan::{CompletedValue, Kernel, Port};
use crate::ir::{Graph, Node, Op, ValueId};
use crate::{Error, Result};
use integer::Stored;
use std::collections::HashMap;
use weights::Weights;

/// The graph as a draft of a plan: per node none or more kernel calls, in order, on tensors that have no
/// place yet. Nodes that `integers` chooses run with integers, all others in f32. Kernels that work in place
/// get a copy to work on; memory planning drops the copies whose original nothing else reads.
///
/// # Errors
///
/// One error lists every node that no kernel computes, with advice.
pub fn schedule(graph: &Graph, integers: Option<&Integers>) -> Result<Draft> {
    let mut scheduler = Scheduler::new(graph, integers);
    let mut problems = Vec::new();
    for node in &graph.nodes {
        if let Err(advice) = scheduler.any_node(node) {
            problems.push(format!("node `{}` ({}): {advice}", node.name, node.op_type));
            let len = graph.values[node.output].len();
            let placeholder = scheduler.tensor(len, Home::Arena);
            scheduler.bind(node.output, placeholder);
        }
    }
    if !problems.is_empty() {
        return Err(Error::input(problems.join("\n")));
    }
    scheduler.outputs();
    Ok(scheduler.finish())
}

/// Result of scheduling a node; the error, where no kernel fits, says what was found and what to do about it.
type Advice<T = ()> = std::result::Result<T, String>;

/// The draft while it is made, and what is known about the graph's values so far.
struct Scheduler<'g> {
    graph: &'g Graph,
    integers: Option<&'g Integers>,
    /// Layers with integer weights, by the name of the value that they give.
    own: HashMap<&'g str, &'g IntegerLayer>,
    links: Links,
    layers: recurrent::Layers,
    draft: Draft,
    weights: Weights,
    /// The tensor of each value, once it is scheduled; several values may share one.
    tensors: Vec<Option<TensorId>>,
    /// The integers that hold each value, where there are any.
    stored: Vec<Option<Stored>>,
    /// Number of reads of each tensor that are still to come.
    pending: Vec<usize>,
}

impl<'g> Scheduler<'g> {
    /// A scheduler with a tensor and a port for every input of the graph, and no calls.
    fn new(graph: &'g Graph, integers: Option<&'g Integers>) -> Self {
        let mut scheduler = Self {
            graph,
            integers,
            own: integers.map(Integers::by_result).unwrap_or_default(),
            links: Links::of(graph),
            layers: recurrent::Layers::among(&graph.nodes),
            draft: Draft { name: graph.name.clone(), ..Draft::default() },
            weights: Weights::default(),
            tensors: vec![None; graph.values.len()],
            stored: vec![None; graph.values.len()],
            pending: Vec::new(),
        };
        for (index, &input) in graph.inputs.iter().enumerate() {
            let value = &graph.values[input];
            let tensor = scheduler.tensor(value.len(), Home::Input(index));
            scheduler.bind(input, tensor);
            let port = Port { name: value.name.clone(), shape: value.shape.clone() };
            scheduler.draft.inputs.push(port);
        }
        scheduler
    }

    /// Schedules a node: with integer kernels where it was chosen for them and they can compute it, else with
    /// float kernels.
    fn any_node(&mut self, node: &Node) -> Advice {
        if !self.integer(node)? {
            self.node(node)?;
        }
        Ok(())
    }

    /// Schedules a node with float kernels. `Err` where none fits, or an operand or the result holds no
    /// values.
    fn node(&mut self, node: &Node) -> Advice {
        let mut values = node.inputs.iter().chain([&node.output]);
        if values.any(|&value| self.graph.values[value].is_empty()) {
            return Err("an operand or its result holds no values: leave the node out".into());
        }
        match &node.op {
            &Op::Gemm { trans_a, trans_b, alpha, beta } => {
                self.gemm(node, &linear::Gemm { trans_a, trans_b, alpha, beta })
            }
            Op::MatMul => self.gemm(node, &linear::Gemm::PLAIN),
            Op::Binary(op) => self.binary(node, *op),
            Op::Unary(f) => self.in_place(node, Kernel::Unary(*f)),
            Op::Slope(f) => self.slope(node, *f),
            &Op::Score { family, wrt } => {
                let sources: Vec<TensorId> = node.inputs.iter().map(|x| self.read(*x)).collect();
                let kernel = Kernel::Score { family, wrt };
                let y = self.call(node, self.shape(node.output), kernel, &sources);
                self.bind(node.output, y);
                Ok(())
            }
            Op::Conv { strides, dilations, pads, groups } => {
                self.conv(node, &conv::Attributes { strides, dilations, pads, groups: *groups })
            }
            Op::ConvTranspose { strides, dilations, pads, groups } => self.conv_transpose(
                node,
                &conv::Attributes { strides, dilations, pads, groups: *groups },
            ),
            Op::BatchNormalization { .. } => self.batch_norm(node),
            Op::Reshape => {
                let x = self.read(node.inputs[0]);
                self.bind(node.output, x);
                Ok(())
            }
            Op::Transpose { perm } => self.transpose(node, perm),
            Op::Expand => self.expand(node),
            Op::Concat { axis } => self.concat(node, *axis),
            Op::Slice { starts, steps } => self.slice(node, starts, steps),
            Op::Where => self.choose(node),
            Op::Reduce { reduction, axes } => self.reduce(node, *reduction, axes),
            &Op::Normalize { axis, epsilon, rms } => self.normalize(node, axis, epsilon, rms),
            &Op::Softmax { axis, log } => self.softmax(node, axis, log),
            &Op::CumSum { axis, exclusive, reverse } => self.cumsum(node, axis, exclusive, reverse),
            &Op::ArgExtreme { axis, largest, last } => self.arg_extreme(node, axis, largest, last),
            Op::Pool { kernel, strides, dilations, pads, pads_end, kind } => self.pool(
                node,
                &PoolAttributes { kernel, strides, dilations, pads, pads_end },
                *kind,
            ),
            Op::Pad { starts, value } => self.pad(node, starts, *value),
            Op::Round(format) => self.rounded(node, *format),
            Op::Take { axis, indices } => self.take(node, *axis, indices),
            &Op::TakeBy { axis } => self.take_by(node, axis),
            &Op::TakeAlong { axis } => self.take_along(node, axis),
            Op::Resample { axis, taps, indices, weights } => {
                self.resample(node, *axis, *taps, indices, weights)
            }
            &Op::Recurrent { cell, reverse, .. } => self.recurrent(node, cell, reverse),
        }
    }

    /// Moves the tensor of every output of the graph to that output's buffer; where it is an input, weights
    /// or another output, a call copies it there. Adds a port for every output.
    fn outputs(&mut self) {
        for (index, (name, value)) in self.graph.outputs.iter().enumerate() {
            let shape = self.shape(*value).to_vec();
            let tensor = self.read(*value);
            let port = Port { name: name.clone(), shape: shape.clone() };
            let len = port.len();
            self.draft.outputs.push(port);
            if self.draft.tensors[tensor].home == Home::Arena {
                self.draft.tensors[tensor].home = Home::Output(index);
                continue;
            }
            let target = self.tensor(len, Home::Output(index));
            let node = self.links.producer(self.graph, *value);
            self.draft.calls.push(UnplacedStep {
                name: node.map_or(name, |node| &node.name).clone(),
                op: "Identity".into(),
                shape,
                macs: 0,
                kernel: Kernel::Copy,
                sources: vec![tensor],
                outputs: vec![target],
                completes: vec![CompletedValue { output: 0, value: name.clone(), encoding: None }],
            });
        }
    }

    /// The draft with all weights that were packed.
    fn finish(self) -> Draft {
        Draft { weights: self.weights.values, ..self.draft }
    }

    /// Shape of a value.
    fn shape(&self, value: ValueId) -> &'g [usize] {
        &self.graph.values[value].shape
    }

    /// The values of a constant; `None` for a value that is computed.
    fn constant(&self, value: ValueId) -> Option<&'g [f32]> {
        self.graph.values[value].constant.as_deref()
    }

    /// A new tensor of `len` words of 32 bits at `home`, of which no reads are expected yet.
    fn tensor(&mut self, len: usize, home: Home) -> TensorId {
        self.draft.tensors.push(Tensor { len, home });
        self.pending.push(0);
        self.draft.tensors.len() - 1
    }

    /// Records that `tensor` holds `value` as floats, and expects the value's reads of it. Where the last
    /// call wrote the tensor, and no value was recorded for that output before, the call counts as the one
    /// that completes the value.
    fn bind(&mut self, value: ValueId, tensor: TensorId) {
        self.tensors[value] = Some(tensor);
        self.pending[tensor] += self.links.uses(value);
        if let Some(call) = self.draft.calls.last_mut()
            && let Some(target) = call.outputs.iter().position(|target| *target == tensor)
            && call.completes.iter().all(|given| given.output != target)
        {
            let value = self.graph.values[value].name.clone();
            call.completes.push(CompletedValue { output: target, value, encoding: None });
        }
    }

    /// The tensor that holds an operand as floats, with one expected read less. Where there is none yet, the
    /// value is a constant or held as integers: integers are dequantized by a call, a constant's values are
    /// packed as they are.
    fn read(&mut self, value: ValueId) -> TensorId {
        let tensor = match (self.tensors[value], self.stored[value].clone()) {
            (Some(tensor), _) => tensor,
            (None, Some(stored)) => self.dequantized(value, &stored),
            (None, None) => {
                let constant = self.constant(value);
                let constant = constant.unwrap_or_default();
                let range = self.weights.pack(weights::Constant::Raw(value), || constant.to_vec());
                let tensor = self.tensor(constant.len(), Home::Weights(range));
                self.bind(value, tensor);
                tensor
            }
        };
        self.pending[tensor] = self.pending[tensor].saturating_sub(1);
        tensor
    }

    /// The new tensor of this shape that a call of `kernel` for `node`, appended here, writes from `sources`.
    fn call(
        &mut self,
        node: &Node,
        shape: &[usize],
        kernel: Kernel,
        sources: &[TensorId],
    ) -> TensorId {
        let target = self.tensor(shape.iter().product(), Home::Arena);
        self.call_on(node, shape, kernel, sources, &[target]);
        target
    }

    /// Appends a call of `kernel` for `node` that writes `outputs`, or works in place on them; `shape` is
    /// that of the result, for the report and the count of multiply-adds.
    fn call_on(
        &mut self,
        node: &Node,
        shape: &[usize],
        kernel: Kernel,
        sources: &[TensorId],
        outputs: &[TensorId],
    ) {
        let source_len = sources.first().map_or(0, |&source| self.draft.tensors[source].len);
        self.draft.calls.push(UnplacedStep {
            name: node.name.clone(),
            op: node.op_type.clone(),
            shape: shape.to_vec(),
            macs: kernel.macs(shape, source_len),
            kernel,
            sources: sources.to_vec(),
            outputs: outputs.to_vec(),
            completes: Vec::new(),
        });
    }

    /// Appends a copy of the node's first operand and `kernel` on it in place; the copy is the node's result.
    /// Never an error.
    fn in_place(&mut self, node: &Node, kernel: Kernel) -> Advice {
        let shape = self.shape(node.output);
        let x = self.read(node.inputs[0]);
        let y = self.copy(node, shape, x);
        self.call_on(node, shape, kernel, &[], &[y]);
        self.bind(node.output, y);
        Ok(())
    }

    /// A new tensor of this shape that a call fills with `source`, which has as many values, and that a
    /// kernel may overwrite.
    fn copy(&mut self, node: &Node, shape: &[usize], source: TensorId) -> TensorId {
        self.call(node, shape, Kernel::Copy, &[source])
    }
}
