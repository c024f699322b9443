//! Reads a decoded graph: inputs, initializers, then node by node by the table of operators.

mod branch;
mod given;

use super::external::{Faults, Owner};
use super::frozen::FrozenNoise;
use super::frozen::frozen_samples;
use super::half;
use super::kind::{Kind, float_cure};
use super::masked::Masked;
use super::ops::{self, Operator};
use super::order::{Order, Producer};
use super::problem::{Read, Refusal, Unsupported, clean, cut, invalid, refuse, shown};
use super::proto::{self, data_type};
use super::scope::{Call, Operand, Scope};
use super::survey::{Boundary, Survey};
use super::tensor::{Initializer, Tensor, batch_symbols, checked_shape, declared, fault, load};
use crate::ir::{ElementType, Evaluate, Graph, ValueId};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Inputs, outputs and all problems of a graph, and the imported graph where there is no problem. `opset` is
/// the version of the default domain; `outside` has the reason for each tensor of another file that could not
/// be read, `halves` the first outputs of nodes whose float16 arithmetic is refused; `evaluate` calculates
/// nodes whose operands are all known. After a problem, reading goes on with the shapes that the file
/// declares.
pub(super) fn survey(
    proto: &proto::GraphProto,
    opset: i64,
    frozen_noise: FrozenNoise,
    outside: &Faults,
    halves: &HashSet<String>,
    evaluate: Evaluate,
) -> Survey {
    let mut problems = Vec::new();
    let order = Order::of(proto, &mut problems);
    let mut importer = Importer {
        proto,
        opset,
        declared: proto
            .value_info
            .iter()
            .chain(&proto.output)
            .map(|info| (info.name.as_str(), info))
            .collect(),
        batch: batch_symbols(&proto.input),
        order: &order,
        read: order.read.clone(),
        outside,
        halves,
        scope: Scope::new(evaluate),
        bound: HashMap::with_capacity(order.sources.len()),
        masked: Masked::default(),
        problems,
    };
    let inputs = importer.inputs();
    importer.initializers();
    importer.nodes();
    let outputs = importer.outputs();
    importer.constants(&outputs);
    importer.check_given(&inputs, &outputs);
    if frozen_noise == FrozenNoise::Refuse {
        importer.frozen_samples();
    }
    importer.finish(inputs, outputs)
}

/// The state while a graph is read.
struct Importer<'a> {
    proto: &'a proto::GraphProto,
    opset: i64,
    /// What the file says about intermediate values and outputs; only ever used behind a problem.
    declared: HashMap<&'a str, &'a proto::ValueInfoProto>,
    /// Symbols that stand for the batch.
    batch: HashSet<&'a str>,
    order: &'a Order<'a>,
    /// Names that are read in the graph, or in the body that is read now.
    read: HashSet<&'a str>,
    /// Why tensors are still in another file.
    outside: &'a Faults,
    /// First outputs of nodes whose float16 is not read.
    halves: &'a HashSet<String>,
    scope: Scope,
    /// Names read so far; `None` where a problem, already reported, keeps a value unknown.
    bound: HashMap<&'a str, Option<Operand>>,
    masked: Masked<'a>,
    problems: Vec<Unsupported>,
}

impl<'a> Importer<'a> {
    /// Adds a problem of this node, input, output or initializer to `problems`, without a module.
    fn problem(&mut self, node: &str, op: &str, refusal: Refusal) {
        self.problem_in(None, node, op, refusal);
    }

    /// Adds a problem to `problems`: node, operator and module are cleaned and cut to 96 characters, the
    /// reason is cut to 400.
    fn problem_in(&mut self, module: Option<&str>, node: &str, op: &str, refusal: Refusal) {
        const LONGEST: usize = 400;
        let Refusal { reason, advice } = refusal;
        let (reason, module) = (cut(reason, LONGEST), module.map(shown));
        let (node, op) = (shown(node), shown(op));
        self.problems.push(Unsupported { node, op, module, reason, advice });
    }

    /// Name and value of each input of the graph, in order; the value is `None` where the input is refused,
    /// which adds a problem. An input whose name something else gives as well (an initializer, a node or an
    /// earlier input) is left out. Binds the names.
    fn inputs(&mut self) -> Vec<(String, Option<ValueId>)> {
        let mut inputs = Vec::new();
        for (index, info) in self.proto.input.iter().enumerate() {
            let name = info.name.as_str();
            if self.order.sources.get(name) != Some(&Producer::Input(index)) {
                continue;
            }
            let read = self.input(info);
            let id = read.map_err(|refusal| self.problem(name, "input", refusal)).ok();
            self.bound.insert(name, id.map(Operand::Float));
            inputs.push((clean(name), id));
        }
        inputs
    }

    /// A new variable for an input, of its declared shape with a dynamic batch axis pinned to 1. Records its
    /// kind, and its element type if that is int64, int32 or bool. `Err` where the declaration is not supported,
    /// or where the batch is longer than 1, or lies neither in front nor on the second of at least three axes,
    /// behind layers or steps.
    fn input(&mut self, info: &proto::ValueInfoProto) -> Read<ValueId> {
        let (shape, kind) = declared(info, &self.batch)?;
        check_batch(&shape, &self.proto.output)?;
        let id = self.scope.variable(&info.name, &shape)?;
        self.scope.set_kind(id, kind);
        let declared = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
        let other = declared.and_then(|tensor| element_type(tensor.elem_type));
        self.scope.element_types.extend(other.map(|other| (id, other)));
        Ok(id)
    }

    /// Binds the initializers that the outputs need and whose names are not bound yet; others cannot do harm
    /// and are not loaded. One that cannot be loaded is a problem, and is bound to a stand-in
    /// ([`assumed_initializer`](Self::assumed_initializer)). Every sparse initializer is a problem.
    fn initializers(&mut self) {
        for (at, tensor) in self.proto.initializer.iter().enumerate() {
            let name = tensor.name.as_str();
            if !self.order.read.contains(name) || self.bound.contains_key(name) {
                continue;
            }
            let outside = self.outside.get(&Owner::Initializer(at));
            let operand = match outside.map_or_else(|| load(tensor), |fault| Err(fault.clone())) {
                Ok(loaded) => Some(self.scope.loaded(name, loaded)),
                Err(refusal) => {
                    self.problem(name, "initializer", refusal);
                    self.assumed_initializer(tensor)
                }
            };
            self.bound.insert(name, operand);
        }
        for tensor in &self.proto.sparse_initializer {
            let name = tensor.values.as_ref().map_or("", |values| &values.name);
            let refusal =
                Refusal::new("is sparse, expected dense", "store it as a dense initializer");
            self.problem(name, "initializer", refusal);
        }
    }

    /// Stand-in for an initializer that cannot be loaded, so that later nodes are still checked: a variable
    /// of the declared shape. `None` if its type is not float32, float16, bfloat16 or float64 (integers would
    /// have to be known), or if its shape is not supported.
    fn assumed_initializer(&mut self, tensor: &proto::TensorProto) -> Option<Operand> {
        let floats = [data_type::FLOAT, data_type::FLOAT16, data_type::BFLOAT16, data_type::DOUBLE];
        if !floats.contains(&tensor.data_type) {
            return None;
        }
        let shape = checked_shape(&tensor.dims).ok()?;
        self.scope.variable(&tensor.name, &shape).ok().map(Operand::Float)
    }

    /// Reads the nodes that outputs need, in order, and binds their outputs. A node that no output needs is
    /// only looked up: it is a problem where its operator is not supported. A node with a tensor in another
    /// file that could not be read is a problem, and its outputs are bound to stand-ins.
    fn nodes(&mut self) {
        let order = self.order;
        for &index in &order.dead {
            let node = &self.proto.node[index];
            if let Err(mut refusal) = ops::find(node, self.opset) {
                refusal.advice = "no output needs this node: delete it from the file".to_string();
                self.node_problem(node, &node.label(index), refusal);
            }
        }
        for &index in &order.live {
            let node = &self.proto.node[index];
            let name = node.label(index);
            match self.outside.get(&Owner::Node(index)) {
                Some(fault) => {
                    self.node_problem(node, &name, fault.clone());
                    self.bind(node, &name, None);
                }
                None => self.read_node(node, &name),
            }
        }
    }

    /// Reads a node, called `name` in reports, and binds its outputs; a refusal becomes a problem.
    fn read_node(&mut self, node: &'a proto::NodeProto, name: &str) {
        let given = match self.node(node, name) {
            Ok(given) => given,
            Err(refusal) => {
                self.node_problem(node, name, refusal);
                None
            }
        };
        self.bind(node, name, given);
    }

    /// Outputs of a node, in order; `None` where an operand is missing because of an earlier problem. An
    /// error where the operator, the node's form or its float16 is not supported, or where the operator's
    /// reader refuses it. Adds values and nodes to the scope; an If is read as its branch.
    fn node(&mut self, node: &'a proto::NodeProto, name: &str) -> Read<Option<Vec<Operand>>> {
        let operator = ops::find(node, self.opset)?;
        if operator.name == "If" {
            return self.branch(node, name);
        }
        check_form(operator, node)?;
        if node.output.first().is_some_and(|name| self.halves.contains(name)) {
            return Err(half::refusal());
        }
        let Some(inputs) = self.operands(node) else { return Ok(None) };
        let kind = |operand: &Option<Operand>| match operand {
            Some(Operand::Float(id)) => self.scope.kind(*id),
            _ => Kind::Integer,
        };
        let kinds = inputs.iter().map(kind).collect();
        let call = Call { node, opset: self.opset, name: name.to_string(), inputs, kinds };
        self.masked.read(&mut self.scope, operator, &call).map(Some)
    }

    /// Operands of a node by position, each `None` where an optional input is left out (an empty name).
    /// `None` for the whole where any operand is missing because of an earlier problem.
    fn operands(&self, node: &proto::NodeProto) -> Option<Vec<Option<Operand>>> {
        let operand = |name: &String| match name.as_str() {
            "" => Some(None),
            name => self.bound.get(name).cloned().flatten().map(Some),
        };
        node.input.iter().map(operand).collect()
    }

    /// Adds a problem of a node, with the module that it comes from where the file has it.
    fn node_problem(&mut self, node: &proto::NodeProto, name: &str, refusal: Refusal) {
        self.problem_in(module_of(node), name, &node.op_type, refusal);
    }

    /// Binds the names of a node's outputs to what it gives; missing ones to stand-ins
    /// ([`assumed`](Self::assumed)). `given` is `None` after a problem. An output beyond those given that is
    /// read is a problem.
    fn bind(&mut self, node: &'a proto::NodeProto, name: &str, given: Option<Vec<Operand>>) {
        let count = given.as_ref().map_or(node.output.len(), Vec::len);
        let mut given = given.into_iter().flatten();
        for (position, output) in node.output.iter().enumerate() {
            if position >= count && self.read.contains(output.as_str()) && !output.is_empty() {
                let reason = format!(
                    "its output {position} (`{}`) is read, which is not supported",
                    shown(output)
                );
                self.node_problem(
                    node,
                    name,
                    Refusal::new(reason, "use the operator's first outputs only"),
                );
            }
            let operand = given.next().or_else(|| self.assumed(output));
            self.bound.insert(output, operand);
        }
    }

    /// Stand-in for an output that a problem keeps unknown, so that later nodes are still checked: a variable
    /// of the declared shape and kind. `None` where the file declares nothing for it that is supported, or
    /// declares integers, which would have to be known.
    fn assumed(&mut self, name: &str) -> Option<Operand> {
        let (shape, kind) = declared(self.declared.get(name)?, &self.batch).ok()?;
        if kind == Kind::Integer {
            return None;
        }
        let id = self.scope.variable(name, &shape).ok()?;
        self.scope.set_kind(id, kind);
        Some(Operand::Float(id))
    }

    /// Name and value of each output of the graph, in order; the value is `None` where an earlier problem
    /// keeps it unknown or where the output is refused, which adds a problem. An output that is listed twice
    /// is a problem, and stays in the list.
    fn outputs(&mut self) -> Vec<(String, Option<ValueId>)> {
        let mut outputs: Vec<(String, Option<ValueId>)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for info in &self.proto.output {
            let name = info.name.as_str();
            let id = self
                .output(info)
                .map_err(|refusal| self.problem(name, "output", refusal))
                .ok()
                .flatten();
            if !seen.insert(name) {
                let advice = "give the graph's outputs names of their own";
                self.problem(
                    name,
                    "output",
                    Refusal::new("is listed twice, expected once", advice),
                );
            }
            outputs.push((clean(name), id));
        }
        outputs
    }

    /// The value of an output; known integers become a constant. `None` where an earlier problem keeps it
    /// unknown. An error where it follows from a mask's selection, where its declared element type is not
    /// that of the graph or not supported, or where nothing gives it. The declared type of known integers is
    /// not checked.
    fn output(&mut self, info: &proto::ValueInfoProto) -> Read<Option<ValueId>> {
        let declared = info
            .r#type
            .as_ref()
            .and_then(|kind| kind.tensor.as_ref())
            .map(|tensor| tensor.elem_type);
        self.masked.check_output(&info.name)?;
        match self.bound.get(info.name.as_str()) {
            Some(Some(Operand::Integers(tensor))) => {
                self.scope.data_of(&info.name, tensor).map(Some)
            }
            Some(Some(Operand::Float(id))) => {
                let kind = self.scope.kind(*id);
                match declared {
                    None | Some(0) if !kind.is_stored() && kind != Kind::Double => Ok(Some(*id)),
                    Some(declared) if kind.is(declared) => Ok(Some(*id)),
                    Some(other) if Kind::of(other).is_some() => invalid(format!(
                        "is declared as {}, but the graph gives {kind}",
                        proto::data_type_name(other)
                    )),
                    other => {
                        let found = other.filter(|other| *other != 0);
                        let found = found.map_or_else(|| kind.to_string(), proto::data_type_name);
                        let cure = float_cure(other.unwrap_or_default());
                        refuse(format!("is declared as {found}, expected float32"), cure)
                    }
                }
            }
            Some(None) => Ok(None),
            // A node on a cycle, which has been reported.
            None if self.order.sources.contains_key(info.name.as_str()) => Ok(None),
            None => invalid("no node, input or initializer gives this output"),
        }
    }

    /// Adds a problem for each constant that a node or an output reads and that holds NaN, or an infinity
    /// where the node has weights ([`Op::has_weights`](crate::ir::Op::has_weights)); infinite masks of
    /// attention are allowed.
    fn constants(&mut self, outputs: &[(String, Option<ValueId>)]) {
        let mut faults = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let outputs: Vec<ValueId> = outputs.iter().filter_map(|(_, id)| *id).collect();
        let given = self.scope.nodes.iter().map(|node| (node.op.has_weights(), &node.inputs));
        for (weighs, inputs) in given.chain([(false, &outputs)]) {
            for &input in inputs.iter().filter(|&&input| seen.insert((input, weighs))) {
                let value = &self.scope.values[input];
                let found = value.constant.as_deref();
                let fault = found.and_then(|values| fault(values, &value.shape, weighs));
                faults.extend(fault.map(|refusal| (value.name.clone(), refusal)));
            }
        }
        for (name, refusal) in faults {
            self.problem(&name, "initializer", refusal);
        }
    }

    /// Adds a problem for each node that scales a constant which looks like noise drawn at export.
    fn frozen_samples(&mut self) {
        for (node, op, refusal) in frozen_samples(&self.scope.nodes, &self.scope.values) {
            self.problem(&node, &op, refusal);
        }
    }

    /// The result of reading: the inputs, with those for noise behind the file's own, the outputs, the
    /// problems, and the graph if there are no problems.
    fn finish(
        self,
        inputs: Vec<(String, Option<ValueId>)>,
        outputs: Vec<(String, Option<ValueId>)>,
    ) -> Survey {
        let drawn = self.scope.noise.iter();
        let drawn =
            drawn.map(|noise| (self.scope.values[noise.value].name.clone(), Some(noise.value)));
        let inputs: Vec<(String, Option<ValueId>)> = inputs.into_iter().chain(drawn).collect();
        let boundary = |(name, id): &(String, Option<ValueId>)| Boundary {
            name: name.clone(),
            shape: id.map(|id| self.scope.shape(id).to_vec()),
        };
        let (input_boundaries, output_boundaries) =
            (inputs.iter().map(boundary).collect(), outputs.iter().map(boundary).collect());
        let name = clean(&self.proto.name);
        let graph = self.problems.is_empty().then(|| Graph {
            name: name.clone(),
            opset: self.opset,
            values: self.scope.values,
            nodes: self.scope.nodes,
            element_types: self.scope.element_types,
            inputs: inputs.into_iter().filter_map(|(_, id)| id).collect(),
            noise: self.scope.noise,
            quantized: self.scope.quantized,
            selected: self.masked.selected,
            outputs: outputs.into_iter().filter_map(|(name, id)| Some((name, id?))).collect(),
        });
        Survey {
            name,
            opset: self.opset,
            inputs: input_boundaries,
            outputs: output_boundaries,
            graph,
            problems: self.problems,
        }
    }
}

impl Scope {
    /// A tensor of the file as an operand. Floats, and the values of other types, become a new constant of
    /// this name with their kind; integers stay known and do not enter the graph.
    pub fn loaded(&mut self, name: &str, tensor: Initializer) -> Operand {
        match tensor {
            Initializer::Floats(tensor) => Operand::Float(self.constant(name, tensor)),
            Initializer::Integers(tensor) => Operand::Integers(Rc::<Tensor<i64>>::new(tensor)),
            Initializer::Other(tensor, kind) => {
                let id = self.constant(name, tensor);
                self.set_kind(id, kind);
                Operand::Float(id)
            }
        }
    }
}

/// The element type of an input that is declared as int64, int32 or bool; `None` for all others, float32
/// among them.
fn element_type(data_type: i32) -> Option<ElementType> {
    match data_type {
        data_type::INT64 => Some(ElementType::Int64),
        data_type::INT32 => Some(ElementType::Int32),
        data_type::BOOL => Some(ElementType::Bool),
        _ => None,
    }
}

/// An error unless the batch of an input is in front and of length 1, `[1, ..]`, or behind layers or steps,
/// `[n, 1, _, ..]`. A fixed first length that every output is declared to begin with as well is reported as a
/// batch of that length; any other one as a missing batch.
fn check_batch(shape: &[usize], outputs: &[proto::ValueInfoProto]) -> Read<()> {
    let first = |output: &proto::ValueInfoProto| {
        output.r#type.as_ref()?.tensor.as_ref()?.shape.as_ref()?.dim.first()?.value
    };
    match *shape {
        [1, ..] | [_, 1, _, ..] => Ok(()),
        [size, ..] if outputs.iter().all(|output| first(output) == Some(size as i64)) => refuse(
            format!("the batch (axis 0) is fixed to {size}, expected 1 or a symbol"),
            "export with an example of batch 1, or with axis 0 dynamic",
        ),
        [size, ..] => refuse(
            format!(
                "its shape {shape:?} has no batch in front: axis 0 is {size} long, and the outputs do not begin with it"
            ),
            "export with a batch of one in front, shape [1, ..], by an example `x[None]` and a module that takes it; \
             where axis 0 is a batch nevertheless, export with an example of batch 1",
        ),
        [] => refuse("has no axes, expected the batch in front", "give it a batch axis: shape [1]"),
    }
}

/// An error where a node's number of inputs is outside the operator's range, where it has no output, or where
/// it has an attribute that the table of operators does not list.
fn check_form(operator: &Operator, node: &proto::NodeProto) -> Read<()> {
    let (least, most) = operator.inputs;
    if !(least..=most).contains(&node.input.len()) {
        return invalid(format!("has {} inputs, expected {least} to {most}", node.input.len()));
    }
    if node.output.is_empty() {
        return invalid("has no outputs");
    }
    match node.attribute.iter().find(|found| !operator.attributes.contains(&found.name.as_str())) {
        None => Ok(()),
        Some(unknown) => refuse(
            format!("has the attribute `{}`, which is not supported", shown(&unknown.name)),
            "leave it at its default, or export with another opset",
        ),
    }
}

/// The module that a node comes from, by the metadata of PyTorch's exporter: the last but one of its scopes
/// that are not empty, a list like `['', 'encoder', 'encoder.layers.0', 'linear']`. `None` without this
/// metadata, or with fewer than two such scopes.
fn module_of(node: &proto::NodeProto) -> Option<&str> {
    let scopes = node.metadata.iter().find(|entry| entry.key == "pkg.torch.onnx.name_scopes")?;
    let quoted = scopes.value.split('\'').skip(1).step_by(2);
    let names: Vec<&str> = quoted.filter(|scope| !scope.is_empty()).collect();
    names.iter().rev().nth(1).copied()
}
