//! Reads a node again with other row counts, to prove that rows do not mix.

use super::super::ops::Operator;
use super::super::scope::{Call, Operand, Scope};
use super::super::tensor::Tensor;
use super::rows::{RowAxis, same_rows};
use super::{Fault, MaskedValue, Start, places};
use crate::ir::ValueId;
use std::collections::HashMap;
use std::rc::Rc;

/// Other numbers of places that a mask might have; each of them is called a world.
pub(super) struct Worlds<'t> {
    /// Number of places of the mask.
    places: usize,
    /// How each input of the node follows from the mask.
    forms: &'t [Option<&'t MaskedValue>],
}

impl<'t> Worlds<'t> {
    /// Most numbers that [`of`](Self::of) gives.
    pub const MOST: usize = 3;

    /// The numbers of rows to compare with, in this order: 2, `places + 1` and `places + 2`, without `places`
    /// itself; 2 comes twice for one place. `places` is at least 1. One row is not among them, since it would
    /// broadcast.
    pub fn of(places: usize) -> impl Iterator<Item = usize> {
        [2, places + 1, places + 2].into_iter().filter(move |&rows| rows != places)
    }

    /// The worlds of a mask of `places` places, for a node whose inputs follow from it as `forms` says, one
    /// entry for each.
    pub fn new(places: usize, forms: &'t [Option<&'t MaskedValue>]) -> Self {
        Self { places, forms }
    }

    /// How each output of a node follows from the mask: `None` where it does not, else the axis of its rows,
    /// or what its integers are in each world (places, where the node only moves them). The node has been
    /// read into `scope` from `start` on, and is read here again with each world's operands, in scopes of
    /// their own. A fault where it then cannot be read, becomes other operations, or mixes rows.
    pub fn forms(
        &self,
        scope: &Scope,
        start: Start,
        operator: &Operator,
        call: &Call<'_>,
        outputs: &[Operand],
    ) -> Result<Vec<Option<MaskedValue>>, Fault> {
        let mut forms: Vec<Option<MaskedValue>> = vec![None; outputs.len()];
        let mut integers: Vec<Vec<Rc<Tensor<i64>>>> = vec![Vec::new(); outputs.len()];
        for (index, rows) in Self::of(self.places).enumerate() {
            let world = World::of(scope, call, self.forms, index, rows);
            let call = world.call(call);
            let mut other = world.scope;
            let found = (operator.read)(&mut other, &call).map_err(Fault::Unreadable)?;
            let pair = Pair {
                own: scope,
                other: &other,
                start,
                operands: &world.operands,
                count: world.count,
            };
            let axes = pair.axes(self.places, rows)?;
            if found.len() != outputs.len() {
                return Err(Fault::Differs);
            }
            for (at, outputs) in outputs.iter().zip(found).enumerate() {
                match outputs {
                    (Operand::Integers(_), Operand::Integers(found)) => integers[at].push(found),
                    (Operand::Float(own), Operand::Float(found)) => {
                        let row = pair.row(*own, found, &axes)?;
                        let form = row.map(MaskedValue::Rows);
                        if index > 0 && !same_form(forms[at].as_ref(), form.as_ref()) {
                            return Err(Fault::Differs);
                        }
                        forms[at] = form;
                    }
                    _ => return Err(Fault::Differs),
                }
            }
        }
        let moves = places::moves(call, self.forms);
        for (at, worlds) in integers.into_iter().enumerate() {
            if let Operand::Integers(own) = &outputs[at] {
                if moves {
                    forms[at] = Some(MaskedValue::Places(worlds));
                    continue;
                }
                let constant =
                    is_linear(call, self.forms) && worlds.iter().all(|world| world == own);
                forms[at] = (!constant).then_some(MaskedValue::Integers(worlds));
            }
        }
        Ok(forms)
    }
}

/// Whether both forms are absent, or both are rows along the same axis; false for every other pair.
fn same_form(a: Option<&MaskedValue>, b: Option<&MaskedValue>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(MaskedValue::Rows(a)), Some(MaskedValue::Rows(b))) => a == b,
        _ => false,
    }
}

/// Whether a node keeps integers affine in the number of places, so that equality in the [`Worlds`] proves it for
/// every number: it adds, subtracts, negates, reads shapes, or moves values by indices that do not depend on it.
fn is_linear(call: &Call<'_>, forms: &[Option<&MaskedValue>]) -> bool {
    match call.node.op_type.as_str() {
        "Add" | "Concat" | "Expand" | "Flatten" | "Identity" | "Neg" | "Reshape" | "Shape"
        | "Size" | "Squeeze" | "Sub" | "Transpose" | "Unsqueeze" => true,
        "Gather" | "Slice" => forms[1..].iter().all(Option::is_none),
        _ => false,
    }
}

/// A node's operands with another number of places.
struct World {
    scope: Scope,
    inputs: Vec<Option<Operand>>,
    /// Each operand of the node that is data, with its copy in `scope` and the axis of its rows.
    operands: HashMap<ValueId, (ValueId, RowAxis)>,
    /// Number of values in `scope`: copies of the operands.
    count: usize,
}

impl World {
    /// The operands of `call` in the world of this `index`, which has `rows` rows: integers as recorded for
    /// it, data as copies with so many rows along their axis of rows. `own` is left as it is.
    fn of(
        own: &Scope,
        call: &Call<'_>,
        forms: &[Option<&MaskedValue>],
        index: usize,
        rows: usize,
    ) -> Self {
        let mut scope = Scope::new(own.evaluate);
        let mut operands = HashMap::new();
        let mut inputs = Vec::with_capacity(call.inputs.len());
        for (operand, form) in call.inputs.iter().zip(forms) {
            let worlds = form.and_then(MaskedValue::worlds);
            inputs.push(operand.as_ref().map(|operand| match (operand, form) {
                (Operand::Integers(tensor), _) => {
                    Operand::Integers(worlds.map_or(tensor, |worlds| &worlds[index]).clone())
                }
                (Operand::Float(id), form) => {
                    let row = match form {
                        Some(MaskedValue::Rows(axis)) => Some(*axis),
                        _ => None,
                    };
                    let (id, _) = *operands
                        .entry(*id)
                        .or_insert_with(|| (copied(own, &mut scope, *id, row, rows), row));
                    Operand::Float(id)
                }
            }));
        }
        let count = scope.values.len();
        Self { scope, inputs, operands, count }
    }

    /// The call `own` with the operands of this world; node, name, opset and kinds are the same.
    fn call<'a>(&self, own: &Call<'a>) -> Call<'a> {
        Call {
            node: own.node,
            opset: own.opset,
            name: own.name.clone(),
            inputs: self.inputs.clone(),
            kinds: own.kinds.clone(),
        }
    }
}

/// Id of a copy of the value `id` of `own`, added to `scope` with its kind. It has `rows` rows along the axis
/// `row` (`None`: the same shape); the rows of a constant are equal, so its first one is repeated.
fn copied(own: &Scope, scope: &mut Scope, id: ValueId, row: RowAxis, rows: usize) -> ValueId {
    let mut value = own.values[id].clone();
    if let Some(axis) = row {
        if let Some(constant) = &value.constant {
            let mut one = value.shape.clone();
            let (places, behind) = (one[axis], one[axis + 1..].iter().product::<usize>());
            one[axis] = 1;
            let first = constant.chunks(places * behind).flat_map(|block| &block[..behind]);
            let first = Tensor { shape: one, data: first.copied().collect() };
            value.shape[axis] = rows;
            value.constant = Some(first.expand(&value.shape).data);
        }
        value.shape[axis] = rows;
    }
    scope.values.push(value);
    let copy = scope.values.len() - 1;
    scope.set_kind(copy, own.kind(id));
    copy
}

/// The nodes that one call became in two readings: `own` with all rows, `other` with another number of rows.
struct Pair<'p> {
    own: &'p Scope,
    other: &'p Scope,
    /// Where `own` ended before the call.
    start: Start,
    /// Each operand of the call in `own` with its copy in `other`, and the axis of its rows.
    operands: &'p HashMap<ValueId, (ValueId, RowAxis)>,
    /// Number of values that `other` had before the call.
    count: usize,
}

impl Pair<'_> {
    /// The axis of rows of each new value, `None` where it has none. [`Fault::Differs`] where the two
    /// readings are not the same operations on the same operands, [`Fault::Joins`] where an operation mixes
    /// rows. `places` and `rows` are the numbers of rows of the two readings.
    fn axes(&self, places: usize, rows: usize) -> Result<Vec<RowAxis>, Fault> {
        let (own, other) =
            (&self.own.values[self.start.values..], &self.other.values[self.count..]);
        let nodes = (&self.own.nodes[self.start.nodes..], &self.other.nodes[..]);
        if own.len() != other.len() || nodes.0.len() != nodes.1.len() {
            return Err(Fault::Differs);
        }
        let pairs = own.iter().zip(other);
        let axes: Vec<RowAxis> =
            pairs.map(|(a, b)| row_of(a, b, places, rows)).collect::<Result<_, _>>()?;
        for (a, b) in nodes.0.iter().zip(nodes.1) {
            if a.op != b.op || a.inputs.len() != b.inputs.len() {
                return Err(Fault::Differs);
            }
            let inputs = a.inputs.iter().zip(&b.inputs);
            let inputs: Vec<RowAxis> =
                inputs.map(|(&a, &b)| self.row(a, b, &axes)).collect::<Result<_, _>>()?;
            let output = self.row(a.output, b.output, &axes)?;
            if !same_rows(&self.own.values, a, &inputs, output) {
                return Err(Fault::Joins);
            }
        }
        Ok(axes)
    }

    /// The axis of rows (`None` without rows) of a value with these two ids: from `axes` for a new value,
    /// else that of the operand. [`Fault::Differs`] where the ids do not belong to one value.
    fn row(&self, own: ValueId, other: ValueId, axes: &[RowAxis]) -> Result<RowAxis, Fault> {
        match own.checked_sub(self.start.values) {
            Some(new) if other.checked_sub(self.count) == Some(new) => Ok(axes[new]),
            None => match self.operands.get(&own) {
                Some(&(copy, row)) if copy == other => Ok(row),
                _ => Err(Fault::Differs),
            },
            _ => Err(Fault::Differs),
        }
    }
}

/// The axis along which a new value has `places` rows in one reading and `rows` in the other; `None` where
/// its shape is the same in both. [`Fault::Differs`] where shapes or constants differ otherwise, or a
/// constant's rows are not all equal.
fn row_of(
    own: &super::Value,
    other: &super::Value,
    places: usize,
    rows: usize,
) -> Result<RowAxis, Fault> {
    let (a, b) = (&own.shape, &other.shape);
    let is_like = a.len() == b.len() && own.constant.is_some() == other.constant.is_some();
    if !is_like || (a != b && (own.is_empty() || other.is_empty())) {
        return Err(Fault::Differs);
    }
    let axes: Vec<usize> = (0..a.len()).filter(|&axis| a[axis] != b[axis]).collect();
    match axes[..] {
        [] if own.constant == other.constant => Ok(None),
        [axis] if (a[axis], b[axis]) == (places, rows) => {
            let is_equal = |value: &super::Value| {
                let Some(constant) = &value.constant else { return true };
                let behind = value.shape[axis + 1..].iter().product::<usize>();
                let blocks = constant.chunks(behind * value.shape[axis]);
                blocks
                    .into_iter()
                    .all(|block| block.chunks(behind).all(|row| *row == block[..behind]))
            };
            let first = |value: &super::Value| value.constant.as_ref().map(|found| found[0]);
            let fits = is_equal(own) && is_equal(other) && first(own) == first(other);
            if fits { Ok(Some(axis)) } else { Err(Fault::Differs) }
        }
        _ => Err(Fault::Differs),
    }
}
