//! What operators' readers work with: the node that is read, and the graph that grows.

use super::kind::Kind;
use super::problem::{Read, clean, invalid, refuse, shown};
use super::proto::{self, attribute_type};
use super::tensor::{Initializer, Tensor, checked_shape, len, load, resolve_axis};
use crate::ir::{ElementType, Evaluate, Node, Noise, Op, QuantizedWeights, Value, ValueId};
use std::collections::HashMap;
use std::rc::Rc;

/// Most values that import calculates, over all nodes: a small file cannot ask for more memory.
const MAX_CALCULATED: usize = 1 << 24;

/// A value that a node reads or computes.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// Data, of the graph.
    Float(ValueId),
    /// Integers, known now and gone when import is done.
    Integers(Rc<Tensor<i64>>),
}

/// The values and nodes so far.
pub(super) struct Scope {
    /// Calculates nodes whose operands are all known.
    pub evaluate: Evaluate,
    pub values: Vec<Value>,
    pub nodes: Vec<Node>,
    /// Element types of inputs that the file declares otherwise than float32.
    pub element_types: HashMap<ValueId, ElementType>,
    /// Inputs that stand for random nodes.
    pub noise: Vec<Noise>,
    /// Integers of weights that the file stores quantized, by name of their floats.
    pub quantized: HashMap<String, QuantizedWeights>,
    calculated: usize,
    /// Values that stand for something else than floats.
    kinds: HashMap<ValueId, Kind>,
}

impl Scope {
    /// Without values.
    pub fn new(evaluate: Evaluate) -> Self {
        Self {
            evaluate,
            values: Vec::new(),
            nodes: Vec::new(),
            element_types: HashMap::new(),
            noise: Vec::new(),
            quantized: HashMap::new(),
            calculated: 0,
            kinds: HashMap::new(),
        }
    }

    /// Shape of a value.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.values[id].shape
    }

    /// Adds a value that is not known before running.
    pub fn variable(&mut self, name: &str, shape: &[usize]) -> Read<ValueId> {
        let dims: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        let shape = checked_shape(&dims)?;
        if len(&shape) == 0 {
            return refuse(
                format!("gives a tensor without values, of shape {shape:?}"),
                "leave it out of the model",
            );
        }
        Ok(self.push(name, shape, None))
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: &str, tensor: Tensor<f32>) -> ValueId {
        self.push(name, tensor.shape, Some(tensor.data))
    }

    fn push(&mut self, name: &str, shape: Vec<usize>, constant: Option<Vec<f32>>) -> ValueId {
        self.values.push(Value { name: clean(name), shape, constant });
        self.values.len() - 1
    }

    /// Adds a node that gives one value; one whose operands are all known is calculated instead, by
    /// the kernel that would run, unless that takes too much memory.
    pub fn node(
        &mut self,
        call: &Call<'_>,
        op: Op,
        inputs: Vec<ValueId>,
        output: &str,
        shape: &[usize],
    ) -> Read<ValueId> {
        if inputs.iter().any(|&id| self.values[id].is_empty()) {
            return refuse("reads a tensor without values", "leave it out of the model");
        }
        let known = inputs.iter().all(|&id| self.values[id].constant.is_some());
        let size = |&id: &ValueId| self.values[id].len();
        let spent = inputs.iter().map(size).fold(len(shape), usize::saturating_add);
        let output = self.variable(output, shape)?;
        let (name, op_type) = (call.name.clone(), clean(&call.node.op_type));
        let node = Node { name, op_type, op, inputs, output };
        let kinds: Vec<Kind> = node.inputs.iter().map(|&id| self.kind(id)).collect();
        let kind = node.op.kind(&kinds)?;
        self.set_kind(output, kind);
        if known && self.spend(spent).is_ok() {
            self.values[output].constant = (self.evaluate)(&self.values, &node);
        }
        if self.values[output].constant.is_none() {
            self.nodes.push(node);
        }
        Ok(output)
    }

    /// Adds a node in front of the one that gives the call's output, which names it.
    pub fn step(
        &mut self,
        call: &Call<'_>,
        op: Op,
        inputs: &[ValueId],
        role: &str,
        shape: &[usize],
    ) -> Read<ValueId> {
        self.node(call, op, inputs.to_vec(), &format!("{}/{role}", call.output(0)), shape)
    }

    /// Adds a node that computes the only output of the call.
    pub fn emit(
        &mut self,
        call: &Call<'_>,
        op: Op,
        inputs: Vec<ValueId>,
        shape: &[usize],
    ) -> Outputs {
        let id = self.node(call, op, inputs, call.output(0), shape)?;
        Ok(vec![self.given(id)])
    }

    /// [`emit`](Self::emit) of what the node makes of its operands by a cast.
    pub fn emit_as(
        &mut self,
        call: &Call<'_>,
        op: Op,
        inputs: Vec<ValueId>,
        shape: &[usize],
        kind: Kind,
    ) -> Outputs {
        let id = self.node(call, op, inputs, call.output(0), shape)?;
        self.set_kind(id, kind);
        Ok(vec![self.given(id)])
    }

    /// A value as an operand: data, or the integers that it is known to hold.
    pub fn given(&self, id: ValueId) -> Operand {
        let value = &self.values[id];
        match (&value.constant, self.kind(id)) {
            (Some(values), Kind::Integer) => {
                let data = values.iter().map(|&value| value as i64).collect();
                Operand::Integers(Rc::new(Tensor { shape: value.shape.clone(), data }))
            }
            _ => Operand::Float(id),
        }
    }

    /// What a value's floats stand for.
    pub fn kind(&self, id: ValueId) -> Kind {
        self.kinds.get(&id).copied().unwrap_or_default()
    }

    /// Says what a value's floats stand for.
    pub fn set_kind(&mut self, id: ValueId, kind: Kind) {
        match kind {
            Kind::Float => drop(self.kinds.remove(&id)),
            _ => drop(self.kinds.insert(id, kind)),
        }
    }

    /// Known integers as data, where floats hold them; the largest of all, which stands for no limit,
    /// becomes the float next to it.
    pub fn data_of(&mut self, name: &str, integers: &Tensor<i64>) -> Read<ValueId> {
        self.spend(integers.data.len())?;
        if let Some(lost) = integers.data.iter().find(|&&value| value as f32 as i64 != value) {
            return refuse(
                format!("the whole number {lost} meets data, whose floats do not hold it"),
                "keep computed integers and what they meet below 2^24",
            );
        }
        let data = integers.data.iter().map(|&value| value as f32).collect();
        let id = self.constant(name, Tensor { shape: integers.shape.clone(), data });
        self.set_kind(id, Kind::Integer);
        Ok(id)
    }

    /// Accounts for values about to be calculated.
    pub fn spend(&mut self, values: usize) -> Read<()> {
        self.calculated = self.calculated.saturating_add(values);
        if self.calculated > MAX_CALCULATED {
            return refuse(
                format!("the constants calculated so far hold more than {MAX_CALCULATED} values"),
                "store large constants as initializers, or make them smaller",
            );
        }
        Ok(())
    }

    /// The values of a constant.
    pub fn known(&self, id: ValueId) -> Option<&[f32]> {
        self.values[id].constant.as_deref()
    }

    /// Refuses a constant of float64 that float32 does not hold, where all of its digits count.
    pub fn check_exact(&self, id: ValueId) -> Read<()> {
        if self.kind(id) != Kind::Rounded {
            return Ok(());
        }
        refuse(
            "reads a constant of float64 that float32 does not hold, where all of its digits count",
            "store it as an integer, a boolean or a float32 before exporting",
        )
    }

    /// The value of a constant with one element.
    pub fn known_number(&self, id: ValueId) -> Option<f32> {
        match self.known(id) {
            Some(&[value]) => Some(value),
            _ => None,
        }
    }
}

/// Result of a reader: the outputs of the node, in order.
pub(super) type Outputs = Read<Vec<Operand>>;

/// One float output.
pub(super) fn one(id: ValueId) -> Vec<Operand> {
    vec![Operand::Float(id)]
}

/// One output of integers.
pub(super) fn integers(tensor: Tensor<i64>) -> Outputs {
    Ok(vec![Operand::Integers(Rc::new(tensor))])
}

/// A node of the file that is being imported, with its operands.
pub(super) struct Call<'a> {
    pub node: &'a proto::NodeProto,
    /// Of the default domain.
    pub opset: i64,
    pub name: String,
    /// `None` where an optional input is left out.
    pub inputs: Vec<Option<Operand>>,
    /// The value of each input.
    pub kinds: Vec<Kind>,
}

impl<'a> Call<'a> {
    /// Name of an output.
    pub fn output(&self, index: usize) -> &'a str {
        self.node.output.get(index).map_or("", String::as_str)
    }

    /// An operand that has to be there.
    pub fn operand(&self, index: usize, role: &str) -> Read<Operand> {
        match self.inputs.get(index) {
            Some(Some(operand)) => Ok(operand.clone()),
            _ => invalid(format!("the input {index} (`{role}`) is missing")),
        }
    }

    /// Data that has to be there.
    pub fn float(&self, index: usize, role: &str) -> Read<ValueId> {
        match self.operand(index, role)? {
            Operand::Float(id) => Ok(id),
            Operand::Integers(_) => refuse(
                format!("the input {index} (`{role}`) holds integers, expected float32"),
                "cast it to float32 in the model",
            ),
        }
    }

    /// Data that has to be there; known integers and booleans become data.
    pub fn data(&self, scope: &mut Scope, index: usize, role: &str) -> Read<ValueId> {
        match self.operand(index, role)? {
            Operand::Float(id) => Ok(id),
            Operand::Integers(tensor) => {
                scope.data_of(&format!("{}/{role}", self.output(0)), &tensor)
            }
        }
    }

    /// Data that may be left out; known integers become data.
    pub fn optional_data(
        &self,
        scope: &mut Scope,
        index: usize,
        role: &str,
    ) -> Read<Option<ValueId>> {
        match self.inputs.get(index) {
            Some(Some(_)) => self.data(scope, index, role).map(Some),
            _ => Ok(None),
        }
    }

    /// Data that may be left out.
    pub fn optional_float(&self, index: usize, role: &str) -> Read<Option<ValueId>> {
        match self.inputs.get(index) {
            Some(Some(_)) => self.float(index, role).map(Some),
            _ => Ok(None),
        }
    }

    /// Integers that have to be there, and known.
    pub fn known_integers(&self, index: usize, role: &str) -> Read<Rc<Tensor<i64>>> {
        match self.operand(index, role)? {
            Operand::Integers(tensor) => Ok(tensor),
            Operand::Float(_) => refuse(
                format!(
                    "the input {index} (`{role}`) holds {}, expected integers known at import",
                    match self.kinds.get(index).copied().unwrap_or_default() {
                        Kind::Integer => "integers that the model is given or computes".to_string(),
                        kind => kind.to_string(),
                    }
                ),
                "let shapes, axes and indices depend on shapes only, never on data",
            ),
        }
    }

    /// Integers that may be left out.
    pub fn optional_integers(&self, index: usize, role: &str) -> Read<Option<Rc<Tensor<i64>>>> {
        match self.inputs.get(index) {
            Some(Some(_)) => self.known_integers(index, role).map(Some),
            _ => Ok(None),
        }
    }

    fn attribute(&self, name: &str, kind: i32) -> Read<Option<&'a proto::AttributeProto>> {
        let Some(found) = self.node.attribute.iter().find(|attribute| attribute.name == name)
        else {
            return Ok(None);
        };
        if !found.ref_attr_name.is_empty() || (found.kind != 0 && found.kind != kind) {
            return invalid(format!(
                "the attribute `{name}` is of another type than the operator has"
            ));
        }
        Ok(Some(found))
    }

    /// An integer attribute.
    pub fn int(&self, name: &str) -> Read<Option<i64>> {
        Ok(self.attribute(name, attribute_type::INT)?.map(|attribute| attribute.i))
    }

    /// A list of integers.
    pub fn ints(&self, name: &str) -> Read<Option<&'a [i64]>> {
        Ok(self.attribute(name, attribute_type::INTS)?.map(|attribute| &attribute.ints[..]))
    }

    /// A parameter: a finite number.
    pub fn number(&self, name: &str) -> Read<Option<f32>> {
        match self.any_number(name)? {
            Some(found) if !found.is_finite() => not_finite(name, found),
            found => Ok(found),
        }
    }

    /// A list of parameters.
    pub fn numbers(&self, name: &str) -> Read<Option<&'a [f32]>> {
        let found = self.any_numbers(name)?;
        match found.into_iter().flatten().find(|number| !number.is_finite()) {
            Some(&number) => not_finite(name, number),
            None => Ok(found),
        }
    }

    /// A number that is data, and may be infinite as masks are.
    pub fn any_number(&self, name: &str) -> Read<Option<f32>> {
        Ok(self.attribute(name, attribute_type::FLOAT)?.map(|attribute| attribute.f))
    }

    /// A list of numbers that are data.
    pub fn any_numbers(&self, name: &str) -> Read<Option<&'a [f32]>> {
        Ok(self.attribute(name, attribute_type::FLOATS)?.map(|attribute| &attribute.floats[..]))
    }

    /// A string.
    pub fn string(&self, name: &str) -> Read<Option<&'a str>> {
        match self
            .attribute(name, attribute_type::STRING)?
            .map(|found| std::str::from_utf8(&found.s))
        {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => invalid(format!("the attribute `{name}` is no text")),
        }
    }

    /// A list of strings.
    pub fn strings(&self, name: &str) -> Read<Option<Vec<&'a str>>> {
        let found = self.attribute(name, attribute_type::STRINGS)?;
        let Some(found) = found else { return Ok(None) };
        let texts = found.strings.iter().map(|text| std::str::from_utf8(text));
        match texts.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(texts) => Ok(Some(texts)),
            Err(_) => invalid(format!("the attribute `{name}` is no text")),
        }
    }

    /// A tensor.
    pub fn tensor(&self, name: &str) -> Read<Option<Initializer>> {
        let found = self.attribute(name, attribute_type::TENSOR)?;
        found.and_then(|attribute| attribute.t.as_ref()).map(load).transpose()
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> Read<bool> {
        Ok(self.int(name)?.unwrap_or(0) != 0)
    }

    /// The axis that attribute `name` gives, `default` where it is missing, counted from the front; an error
    /// unless it lies in `-rank..rank`.
    pub fn axis(&self, name: &str, default: i64, rank: usize) -> Read<usize> {
        resolve_axis(self.int(name)?.unwrap_or(default), rank)
    }

    /// Axes that moved from an attribute to an input: `None` where neither is there.
    pub fn moved_ints(&self, name: &str, input: usize) -> Read<Option<Vec<i64>>> {
        match self.ints(name)? {
            Some(list) => Ok(Some(list.to_vec())),
            None => Ok(self.optional_integers(input, name)?.map(|tensor| tensor.data.clone())),
        }
    }

    /// Refuses an attribute's value.
    #[cold]
    pub fn refuse_value<T>(&self, name: &str, found: &str, expected: &str) -> Read<T> {
        refuse(
            format!("the attribute `{name}` is {}, expected {expected}", shown(found)),
            "write this layer with a supported setting, and export again",
        )
    }
}

#[cold]
fn not_finite<T>(name: &str, found: f32) -> Read<T> {
    refuse(
        format!("the attribute `{name}` holds {found}, expected finite numbers"),
        "training diverged or the file is damaged: check the layer's settings before exporting",
    )
}
