//! What operators' readers work with: the node that is read ([`Call`]), and the graph to which they add ([`Scope`]).

use super::kind::Kind;
use super::problem::{Read, clean, invalid, refuse, shown};
use super::proto::{self, attribute_type};
use super::tensor::{Initializer, Tensor, checked_shape, len, load, resolve_axis};
use crate::ir::{ElementType, Evaluate, Node, Noise, Op, QuantizedWeights, Value, ValueId};
use std::collections::HashMap;
use std::rc::Rc;

/// Most values that import calculates, indices that nodes hold among them, over all nodes: a small file cannot
/// ask for more memory.
const MAX_CALCULATED: usize = 1 << 24;

/// A value that a node reads or computes.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    /// A value of the graph.
    Float(ValueId),
    /// Integers that are known at import; they are no values of the graph.
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
    /// Number of values calculated so far.
    calculated: usize,
    /// Kinds of the values that stand for something else than floats.
    kinds: HashMap<ValueId, Kind>,
}

impl Scope {
    /// A scope without values and nodes.
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

    /// Id of a new value that is not known before running; control characters in its name become `_`. An
    /// error where the shape is too large ([`checked_shape`]) or has no values.
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

    /// Id of a new constant; control characters in its name become `_`. That the shape fits the values, or is
    /// small enough, is not checked.
    pub fn constant(&mut self, name: &str, tensor: Tensor<f32>) -> ValueId {
        self.push(name, tensor.shape, Some(tensor.data))
    }

    /// Id of a new value with the cleaned name; it is a constant where its values are given.
    fn push(&mut self, name: &str, shape: Vec<usize>, constant: Option<Vec<f32>>) -> ValueId {
        self.values.push(Value { name: clean(name), shape, constant });
        self.values.len() - 1
    }

    /// Id of a new value that a new node gives, with the kind that the operation gives. Where all operands
    /// are constants the value is calculated instead, and no node is added, unless no kernel computes it or
    /// the budget of calculated values is used up. An error where an operand or the result has no values,
    /// where the shape is too large, or where the operation may not compute with operands of these kinds.
    /// After an error about kinds the value stays in the scope, without a node.
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

    /// Id of the value of an extra node for a call, as [`node`](Self::node) adds it; its name is
    /// `OUTPUT/role`, by the call's first output.
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

    /// The only output of a call, computed by a new node as [`node`](Self::node) adds it; with its errors. A
    /// constant of the kind integer is given as known integers.
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

    /// As [`emit`](Self::emit), but with the kind that a cast gives to the result instead of that of the
    /// operation.
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

    /// A value as an operand: its known integers where it is a constant of the kind integer, else the value
    /// itself.
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

    /// What a value's floats stand for; [`Kind::Float`] unless [`set_kind`](Self::set_kind) has set another
    /// kind.
    pub fn kind(&self, id: ValueId) -> Kind {
        self.kinds.get(&id).copied().unwrap_or_default()
    }

    /// Sets what a value's floats stand for.
    pub fn set_kind(&mut self, id: ValueId, kind: Kind) {
        match kind {
            Kind::Float => drop(self.kinds.remove(&id)),
            _ => drop(self.kinds.insert(id, kind)),
        }
    }

    /// Id of a new constant of the kind integer with these values as floats. An error where a float does not
    /// hold one of them, and beyond the budget of calculated values. The largest integer of all, which stands
    /// for no limit, becomes 2^63.
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

    /// Counts values about to be calculated; an error where there are then more than 2^24 over all nodes.
    /// They stay counted after an error, so that every later call fails as well.
    pub fn spend(&mut self, values: usize) -> Read<()> {
        self.calculated = self.calculated.saturating_add(values);
        if self.calculated > MAX_CALCULATED {
            return refuse(
                format!(
                    "the constants and index lists calculated so far hold more than {MAX_CALCULATED} values"
                ),
                "store large constants as initializers, or make them smaller",
            );
        }
        Ok(())
    }

    /// The values of a constant; `None` where a value is not known before running.
    pub fn known(&self, id: ValueId) -> Option<&[f32]> {
        self.values[id].constant.as_deref()
    }

    /// An error where a value is a constant of float64 that is rounded to float32, for readers to which all
    /// of its digits count.
    pub fn check_exact(&self, id: ValueId) -> Read<()> {
        if self.kind(id) != Kind::Rounded {
            return Ok(());
        }
        refuse(
            "reads a constant of float64 that float32 does not hold, where all of its digits count",
            "store it as an integer, a boolean or a float32 before exporting",
        )
    }

    /// The value of a constant with one element; `None` for any other value.
    pub fn known_number(&self, id: ValueId) -> Option<f32> {
        match self.known(id) {
            Some(&[value]) => Some(value),
            _ => None,
        }
    }
}

/// Result of a reader: the outputs of the node, in order.
pub(super) type Outputs = Read<Vec<Operand>>;

/// The outputs of a call that gives one value of the graph.
pub(super) fn one(id: ValueId) -> Vec<Operand> {
    vec![Operand::Float(id)]
}

/// The outputs of a call that gives one tensor of known integers; an error where its shape is too large
/// ([`checked_shape`]).
pub(super) fn integers(tensor: Tensor<i64>) -> Outputs {
    checked_shape(&tensor.shape.iter().map(|&size| size as i64).collect::<Vec<_>>())?;
    Ok(vec![Operand::Integers(Rc::new(tensor))])
}

/// A node of the file that is being imported, with its operands.
pub(super) struct Call<'a> {
    pub node: &'a proto::NodeProto,
    /// Version of the operator set of the default domain.
    pub opset: i64,
    /// Name of the node in reports.
    pub name: String,
    /// `None` where an optional input is left out.
    pub inputs: Vec<Option<Operand>>,
    /// The kind of each input; integer where it is known integers or left out.
    pub kinds: Vec<Kind>,
}

impl<'a> Call<'a> {
    /// Name of an output; empty where the node has none at this position.
    pub fn output(&self, index: usize) -> &'a str {
        self.node.output.get(index).map_or("", String::as_str)
    }

    /// The operand at this position; an error, which names its role, where it is left out.
    pub fn operand(&self, index: usize, role: &str) -> Read<Operand> {
        match self.inputs.get(index) {
            Some(Some(operand)) => Ok(operand.clone()),
            _ => invalid(format!("the input {index} (`{role}`) is missing")),
        }
    }

    /// The value at this position; an error where it is left out, and where it holds integers known at
    /// import.
    pub fn float(&self, index: usize, role: &str) -> Read<ValueId> {
        match self.operand(index, role)? {
            Operand::Float(id) => Ok(id),
            Operand::Integers(_) => refuse(
                format!("the input {index} (`{role}`) holds integers, expected float32"),
                "cast it to float32 in the model",
            ),
        }
    }

    /// The value at this position; integers known at import become a new constant, `OUTPUT/role`. An error
    /// where it is left out, or where floats do not hold the integers ([`Scope::data_of`]).
    pub fn data(&self, scope: &mut Scope, index: usize, role: &str) -> Read<ValueId> {
        match self.operand(index, role)? {
            Operand::Float(id) => Ok(id),
            Operand::Integers(tensor) => {
                scope.data_of(&format!("{}/{role}", self.output(0)), &tensor)
            }
        }
    }

    /// As [`data`](Self::data), but `None` where the input is left out.
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

    /// As [`float`](Self::float), but `None` where the input is left out.
    pub fn optional_float(&self, index: usize, role: &str) -> Read<Option<ValueId>> {
        match self.inputs.get(index) {
            Some(Some(_)) => self.float(index, role).map(Some),
            _ => Ok(None),
        }
    }

    /// The integers (or booleans, as 0 and 1) at this position; an error where they are left out or not known
    /// at import.
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

    /// As [`known_integers`](Self::known_integers), but `None` where the input is left out; an error only
    /// where it is not known.
    pub fn optional_integers(&self, index: usize, role: &str) -> Read<Option<Rc<Tensor<i64>>>> {
        match self.inputs.get(index) {
            Some(Some(_)) => self.known_integers(index, role).map(Some),
            _ => Ok(None),
        }
    }

    /// The attribute of this name; `None` where the node has none. An error where it is of another type than
    /// `kind`, or refers to an attribute of a function; an attribute without a type (old files) is accepted.
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

    /// An integer attribute; `None` where it is missing, an error where it is of another type.
    pub fn int(&self, name: &str) -> Read<Option<i64>> {
        Ok(self.attribute(name, attribute_type::INT)?.map(|attribute| attribute.i))
    }

    /// An attribute that is a list of integers; `None` where it is missing, an error where it is of another
    /// type.
    pub fn ints(&self, name: &str) -> Read<Option<&'a [i64]>> {
        Ok(self.attribute(name, attribute_type::INTS)?.map(|attribute| &attribute.ints[..]))
    }

    /// A float attribute that is a parameter; `None` where it is missing, an error where it is not finite or
    /// of another type.
    pub fn number(&self, name: &str) -> Read<Option<f32>> {
        match self.any_number(name)? {
            Some(found) if !found.is_finite() => not_finite(name, found),
            found => Ok(found),
        }
    }

    /// As [`number`](Self::number), for a list of floats, all of which have to be finite.
    pub fn numbers(&self, name: &str) -> Read<Option<&'a [f32]>> {
        let found = self.any_numbers(name)?;
        match found.into_iter().flatten().find(|number| !number.is_finite()) {
            Some(&number) => not_finite(name, number),
            None => Ok(found),
        }
    }

    /// A float attribute that is data, and may be infinite (as masks are) or NaN; `None` where it is missing,
    /// an error where it is of another type.
    pub fn any_number(&self, name: &str) -> Read<Option<f32>> {
        Ok(self.attribute(name, attribute_type::FLOAT)?.map(|attribute| attribute.f))
    }

    /// As [`any_number`](Self::any_number), for a list of floats.
    pub fn any_numbers(&self, name: &str) -> Read<Option<&'a [f32]>> {
        Ok(self.attribute(name, attribute_type::FLOATS)?.map(|attribute| &attribute.floats[..]))
    }

    /// A string attribute; `None` where it is missing, an error where it is of another type or no UTF-8.
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

    /// As [`string`](Self::string), for a list of strings.
    pub fn strings(&self, name: &str) -> Read<Option<Vec<&'a str>>> {
        let found = self.attribute(name, attribute_type::STRINGS)?;
        let Some(found) = found else { return Ok(None) };
        let texts = found.strings.iter().map(|text| std::str::from_utf8(text));
        match texts.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(texts) => Ok(Some(texts)),
            Err(_) => invalid(format!("the attribute `{name}` is no text")),
        }
    }

    /// A tensor attribute, loaded; `None` where it is missing or empty, an error where it is of another type
    /// or cannot be loaded ([`load`]).
    pub fn tensor(&self, name: &str) -> Read<Option<Initializer>> {
        let found = self.attribute(name, attribute_type::TENSOR)?;
        found.and_then(|attribute| attribute.t.as_ref()).map(load).transpose()
    }

    /// Whether an integer attribute is other than 0; false where it is missing, an error where it is of
    /// another type.
    pub fn flag(&self, name: &str) -> Read<bool> {
        Ok(self.int(name)?.unwrap_or(0) != 0)
    }

    /// The axis that attribute `name` gives, `default` where it is missing, counted from the front; an error
    /// where it is of another type or outside `-rank..rank`.
    pub fn axis(&self, name: &str, default: i64, rank: usize) -> Read<usize> {
        resolve_axis(self.int(name)?.unwrap_or(default), rank)
    }

    /// Integers that older opsets have as the attribute `name` and newer ones as an input, `None` where both
    /// are missing; the attribute comes first. An error where the attribute is of another type, or the input
    /// is not known at import.
    pub fn moved_ints(&self, name: &str, input: usize) -> Read<Option<Vec<i64>>> {
        match self.ints(name)? {
            Some(list) => Ok(Some(list.to_vec())),
            None => Ok(self.optional_integers(input, name)?.map(|tensor| tensor.data.clone())),
        }
    }

    /// The refusal of an attribute's value, with what was found and expected; always an error.
    #[cold]
    pub fn refuse_value<T>(&self, name: &str, found: &str, expected: &str) -> Read<T> {
        refuse(
            format!("the attribute `{name}` is {}, expected {expected}", shown(found)),
            "write this layer with a supported setting, and export again",
        )
    }
}

/// The refusal of an attribute that holds NaN or an infinity; always an error.
#[cold]
fn not_finite<T>(name: &str, found: f32) -> Read<T> {
    refuse(
        format!("the attribute `{name}` holds {found}, expected finite numbers"),
        "training diverged or the file is damaged: check the layer's settings before exporting",
    )
}
