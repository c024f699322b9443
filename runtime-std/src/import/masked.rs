//! Values at the places that a computed mask selects, and their way back.
//!
//! `y[mask] = f(x[mask])` is NonZero, GatherND, the nodes of `f`, and ScatterND: how many values lie between
//! depends on data. Here `f` is computed for all places, in order, and a Where puts them back:
//!
//! | In the file | In the graph |
//! |---|---|
//! | `NonZero(mask)` | the indices of all places |
//! | `GatherND(x, places)`, `Gather` | all of x, a place a row |
//! | what is computed of the rows | the same, of all rows |
//! | `ScatterND(y, places, rows)`, `ScatterElements` | `Where(mask, rows, y)` |
//!
//! That is the same only where every node between works on each row alone. So each of them is read again as if
//! the mask had other numbers of places ([`Worlds`]): it has to become the same operations, and each of these
//! has to keep rows apart (`rows`). What follows from the number of places itself may give shapes of rows and
//! their own positions, and nothing else. The places themselves may be moved (`places`), and nothing may be
//! computed of them: only so is it known that a node selects or puts back these places and no others. What is
//! computed at places that are not selected, be it NaN, goes nowhere: a Where leaves it out. Indices of such
//! places are 0, so that none of them counts as outside its table.
//!
//! A mask of one place is simpler: it selects that place or nothing. What follows from it is right where
//! the place is selected, and left out where it is not.

mod places;
mod rows;
mod worlds;

use super::ops::Operator;
use super::problem::{Read, Refusal, refuse, shown};
use super::proto;
use super::scope::{Call, Operand, Outputs, Scope};
use super::tensor::{Tensor, len, strides};
use crate::ir::{Node, Op, Value, ValueId};
use elbow_core::kernels::Unary;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use worlds::Worlds;

/// What is known of a value that follows from a mask.
#[derive(Clone, Debug)]
struct Tag {
    /// The mask, before nodes that change its shape only.
    mask: ValueId,
    form: MaskedValue,
}

#[derive(Clone, Debug)]
enum MaskedValue {
    /// Of the only place of the mask.
    Single,
    /// Data with a row for each place, along an axis.
    Rows(usize),
    /// The places, as NonZero gives them or moved, and what they are in each of the [`Worlds`].
    Places(Vec<Rc<Tensor<i64>>>),
    /// Integers that follow from the number of places, and what they are in each of the [`Worlds`].
    Integers(Vec<Rc<Tensor<i64>>>),
}

impl MaskedValue {
    /// Integers in each of the [`Worlds`].
    fn worlds(&self) -> Option<&[Rc<Tensor<i64>>]> {
        match self {
            Self::Places(worlds) | Self::Integers(worlds) => Some(worlds),
            Self::Single | Self::Rows(_) => None,
        }
    }
}

/// The values that follow from masks, by name.
#[derive(Default)]
pub(super) struct Masked<'a> {
    tags: HashMap<&'a str, Tag>,
    /// Name of the NonZero node of each mask, for messages.
    selectors: HashMap<ValueId, String>,
    /// Values of the graph that follow from masks, those inside of nodes included.
    pub selected: HashSet<ValueId>,
}

impl<'a> Masked<'a> {
    /// Whether a value follows from a selection.
    pub fn has(&self, name: &str) -> bool {
        self.tags.contains_key(name)
    }

    /// Says that another value has this name now.
    pub fn forget(&mut self, name: &str) {
        self.tags.remove(name);
    }

    /// Gives `other` the tag of `name`.
    pub fn rename(&mut self, name: &str, other: &'a str) {
        match self.tags.get(name).cloned() {
            Some(tag) => drop(self.tags.insert(other, tag)),
            None => self.forget(other),
        }
    }

    /// Refuses an output that follows from a selection.
    pub fn check_output(&self, name: &str) -> Read<()> {
        let Some(tag) = self.tags.get(name) else { return Ok(()) };
        let selector = self.selectors.get(&tag.mask).map_or("", String::as_str);
        refuse(
            format!(
                "holds what NonZero `{}` selects by a computed mask, of a length that depends on data",
                shown(selector)
            ),
            ADVICE,
        )
    }

    /// Reads a node by `operator`, or as part of a selection.
    pub fn read(&mut self, scope: &mut Scope, operator: &Operator, call: &Call<'a>) -> Outputs {
        let node = call.node;
        let tags: Vec<Option<Tag>> =
            node.input.iter().map(|name| self.tags.get(name.as_str()).cloned()).collect();
        node.output.iter().for_each(|name| self.forget(name));
        let Some(mask) = tags.iter().flatten().map(|tag| tag.mask).next() else {
            return match computed_mask(scope, call) {
                Some(mask) => self.select(scope, call, mask),
                None => (operator.read)(scope, call),
            };
        };
        if tags.iter().flatten().any(|tag| tag.mask != mask) {
            return refuse("joins what two masks select by NonZero", ADVICE);
        }
        let selection = Selection { mask, places: scope.values[mask].len(), tags: &tags };
        let start = scope.values.len();
        let (outputs, tags) = match selection.taken(scope, call)? {
            Some((outputs, tag)) => (outputs, vec![Some(tag)]),
            None => match selection.put_back(scope, operator, call)? {
                Some(outputs) => (outputs, Vec::new()),
                None => selection.computed(scope, operator, call)?,
            },
        };
        let whole = |id: &ValueId| {
            tags.is_empty()
                && outputs.iter().any(|one| matches!(one, Operand::Float(own) if own == id))
        };
        self.selected.extend((start..scope.values.len()).filter(|id| !whole(id)));
        self.tag(node, tags);
        Ok(outputs)
    }

    fn tag(&mut self, node: &'a proto::NodeProto, tags: Vec<Option<Tag>>) {
        for (name, tag) in node.output.iter().zip(tags) {
            self.tags.extend(tag.map(|tag| (name.as_str(), tag)));
        }
    }

    /// The indices of all places of a mask.
    fn select(&mut self, scope: &mut Scope, call: &Call<'a>, mask: ValueId) -> Outputs {
        let shape = scope.shape(mask).to_vec();
        if shape.is_empty() {
            return refuse("NonZero selects by a scalar that is computed", ADVICE);
        }
        let places = len(&shape);
        scope.spend(places.saturating_mul(shape.len()).saturating_mul(Worlds::MOST + 1))?;
        let worlds = Worlds::of(places).map(|rows| Rc::new(grid(&shape, rows)));
        let form =
            if places == 1 { MaskedValue::Single } else { MaskedValue::Places(worlds.collect()) };
        let mask = origin(&scope.nodes, mask);
        self.selectors.insert(mask, call.name.clone());
        self.tag(call.node, vec![Some(Tag { mask, form })]);
        Ok(vec![Operand::Integers(Rc::new(grid(&shape, places)))])
    }
}

const ADVICE: &str = "select and put back the same places (`y[mask] = f(x[mask])`) with an `f` that works on \
    each of them alone, or write `torch.where(mask, f(x), y)`; other shapes that depend on data are not \
    supported";

/// A mask whose places are not known.
fn computed_mask(scope: &Scope, call: &Call<'_>) -> Option<ValueId> {
    match call.inputs.first() {
        Some(Some(Operand::Float(mask)))
            if call.node.op_type == "NonZero" && scope.known(*mask).is_none() =>
        {
            Some(*mask)
        }
        _ => None,
    }
}

/// Indices `[rank][rows]` of the last `rows` places of a tensor of this shape, in row-major order; where there are
/// fewer places, the first one is repeated in front.
fn grid(shape: &[usize], rows: usize) -> Tensor<i64> {
    let (places, steps) = (len(shape), strides(shape));
    let along = |axis: usize| {
        let (step, size) = (steps[axis] as usize, shape[axis]);
        let place = move |row: usize| (places + row).saturating_sub(rows);
        (0..rows).map(move |row| (place(row) / step % size) as i64)
    };
    Tensor { shape: vec![shape.len(), rows], data: (0..shape.len()).flat_map(along).collect() }
}

/// A mask before nodes that change its shape only.
fn origin(nodes: &[Node], mask: ValueId) -> ValueId {
    let node = nodes.iter().rev().find(|node| node.output == mask);
    match node.map(|node| (&node.op, &node.inputs[..])) {
        Some((Op::Reshape, &[from])) => origin(nodes, from),
        _ => mask,
    }
}

/// The mask that is true where this one is false.
fn negated(nodes: &[Node], mask: ValueId) -> Option<ValueId> {
    let node = nodes.iter().rev().find(|node| node.output == mask)?;
    match (&node.op, &node.inputs[..]) {
        (Op::Unary(Unary::Not), &[of]) => Some(origin(nodes, of)),
        _ => None,
    }
}

/// A node that reads what a mask selects.
struct Selection<'t> {
    mask: ValueId,
    /// Of the mask, selected or not.
    places: usize,
    /// Of the node's inputs.
    tags: &'t [Option<Tag>],
}

impl Selection<'_> {
    fn tagged(&self, form: MaskedValue) -> Tag {
        Tag { mask: self.mask, form }
    }

    fn form(&self, input: usize) -> Option<&MaskedValue> {
        self.tags.get(input)?.as_ref().map(|tag| &tag.form)
    }

    /// Whether an operand holds the places themselves: those of a tensor's first axes, an index each.
    fn is_places(&self, call: &Call<'_>, input: usize, shape: &[usize]) -> bool {
        let worlds = match self.form(input) {
            Some(MaskedValue::Places(worlds)) => &worlds[..],
            Some(MaskedValue::Single) => &[],
            _ => return false,
        };
        let Some(Some(Operand::Integers(indices))) = call.inputs.get(input) else { return false };
        let depth = match (call.node.op_type.as_str(), &indices.shape[..]) {
            ("Gather" | "ScatterElements", [_]) => 1,
            ("GatherND" | "ScatterND", &[_, depth]) if depth > 0 => depth,
            _ => return false,
        };
        let Some(front) = shape.get(..depth).filter(|front| len(front) == self.places) else {
            return false;
        };
        let found = |indices: &Tensor<i64>, rows: usize| {
            let all = grid(front, rows);
            let index = |at: usize| all.data[at % depth * rows + at / depth];
            indices.data.len() == rows * depth
                && indices.data.iter().enumerate().all(|(at, &found)| found == index(at))
        };
        found(indices, self.places)
            && Worlds::of(self.places).zip(worlds).all(|(rows, indices)| found(indices, rows))
    }

    /// All of a tensor, where a node selects the places of it.
    fn taken(&self, scope: &mut Scope, call: &Call<'_>) -> Read<Option<(Vec<Operand>, Tag)>> {
        let op = call.node.op_type.as_str();
        let first = matches!(op, "Gather") && call.int("axis")?.unwrap_or(0) == 0;
        let is_selection = first || (op == "GatherND" && call.int("batch_dims")?.unwrap_or(0) == 0);
        if !is_selection || self.form(0).is_some() {
            return Ok(None);
        }
        let x = call.data(scope, 0, "data")?;
        let shape = scope.shape(x).to_vec();
        if !self.is_places(call, 1, &shape) {
            return Ok(None);
        }
        let depth = if first { 1 } else { index_depth(call) };
        let rows: Vec<usize> = [self.places].iter().chain(&shape[depth..]).copied().collect();
        // Rows of a constant differ, so that nothing may be calculated of them here.
        let kind = scope.kind(x);
        let output = scope.variable(call.output(0), &rows)?;
        scope.set_kind(output, kind);
        scope.nodes.push(Node {
            name: call.name.clone(),
            op_type: call.node.op_type.clone(),
            op: Op::Reshape,
            inputs: vec![x],
            output,
        });
        let form = if self.places == 1 { MaskedValue::Single } else { MaskedValue::Rows(0) };
        Ok(Some((vec![Operand::Float(output)], self.tagged(form))))
    }

    /// A Where, where a node puts values back to the places that they are of.
    fn put_back(
        &self,
        scope: &mut Scope,
        operator: &Operator,
        call: &Call<'_>,
    ) -> Read<Option<Vec<Operand>>> {
        match call.node.op_type.as_str() {
            "ScatterND" | "ScatterElements" => self.scattered(scope, call),
            "Where" if self.places == 1 && self.is_chosen(scope, call) => {
                (operator.read)(scope, call).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn scattered(&self, scope: &mut Scope, call: &Call<'_>) -> Read<Option<Vec<Operand>>> {
        let plain = matches!(call.string("reduction")?, None | Some("none"));
        let are_rows = match self.form(2) {
            Some(MaskedValue::Rows(axis)) => *axis == 0,
            Some(MaskedValue::Single) => true,
            Some(MaskedValue::Places(_) | MaskedValue::Integers(_)) => false,
            None => self.places == 1,
        };
        if self.form(0).is_some() || !are_rows || !plain {
            return Ok(None);
        }
        let old = call.data(scope, 0, "data")?;
        let shape = scope.shape(old).to_vec();
        let flat = call.node.op_type == "ScatterElements";
        if !self.is_places(call, 1, &shape) || (flat && shape.len() != 1) {
            return Ok(None);
        }
        let depth = if flat { 1 } else { index_depth(call) };
        let new = call.data(scope, 2, "updates")?;
        let new = scope.step(call, Op::Reshape, &[new], "placed", &shape)?;
        let mut of_mask = vec![1; shape.len()];
        of_mask[..depth].copy_from_slice(&shape[..depth]);
        let mask = scope.step(call, Op::Reshape, &[self.mask], "mask", &of_mask)?;
        scope.emit(call, Op::Where, vec![mask, new, old], &shape).map(Some)
    }

    /// Whether a Where by the mask itself leaves out what is not selected.
    fn is_chosen(&self, scope: &Scope, call: &Call<'_>) -> bool {
        let Some(Some(Operand::Float(condition))) = call.inputs.first() else { return false };
        let condition = origin(&scope.nodes, *condition);
        let is_negated = negated(&scope.nodes, condition) == Some(self.mask)
            || negated(&scope.nodes, self.mask) == Some(condition);
        let left_out = match condition == self.mask {
            true => 2,
            false if is_negated => 1,
            false => return false,
        };
        self.form(0).is_none() && self.form(left_out).is_none()
    }

    /// The call of a lookup by computed indices of selected rows, with 0 for those of other places: what is computed
    /// there goes nowhere, and no index of it is to count as outside its table.
    fn indices_inside<'c>(&self, scope: &mut Scope, call: &Call<'c>) -> Read<Option<Call<'c>>> {
        let looks_up = ["Gather", "GatherElements", "GatherND", "ScatterElements"];
        let axis = match self.form(1) {
            Some(MaskedValue::Rows(axis)) => *axis,
            Some(MaskedValue::Single) => 0,
            _ => return Ok(None),
        };
        let Some(Some(Operand::Float(indices))) = call.inputs.get(1).cloned() else {
            return Ok(None);
        };
        let shape = scope.shape(indices).to_vec();
        if !looks_up.contains(&call.node.op_type.as_str()) || axis >= shape.len() {
            return Ok(None);
        }
        let mut lifted = vec![1; shape.len()];
        lifted[axis] = self.places;
        let selected = scope.step(call, Op::Reshape, &[self.mask], "selected", &lifted)?;
        let zero = scope.data_of(&format!("{}/first", call.output(0)), &Tensor::scalar(0))?;
        let inside = scope.step(call, Op::Where, &[selected, indices, zero], "inside", &shape)?;
        scope.set_kind(inside, scope.kind(indices));
        let mut inputs = call.inputs.clone();
        inputs[1] = Some(Operand::Float(inside));
        let (name, kinds) = (call.name.clone(), call.kinds.clone());
        Ok(Some(Call { node: call.node, opset: call.opset, name, inputs, kinds }))
    }

    /// What a node computes of rows, and how its outputs follow from the mask.
    fn computed(
        &self,
        scope: &mut Scope,
        operator: &Operator,
        call: &Call<'_>,
    ) -> Read<(Vec<Operand>, Vec<Option<Tag>>)> {
        let forms: Vec<Option<&MaskedValue>> =
            (0..call.inputs.len()).map(|at| self.form(at)).collect();
        if !places::may_read(call, &forms) {
            return Err(Fault::Places.refusal());
        }
        let inside = self.indices_inside(scope, call)?;
        let call = inside.as_ref().unwrap_or(call);
        let start = Start { values: scope.values.len(), nodes: scope.nodes.len() };
        let drawn = scope.noise.len();
        let outputs = (operator.read)(scope, call)?;
        if scope.noise.len() > drawn {
            return refuse("draws noise for the places that NonZero selects", ADVICE);
        }
        if self.places == 1 {
            let tag = |_: &Operand| Some(self.tagged(MaskedValue::Single));
            let tags = outputs.iter().map(tag).collect();
            return Ok((outputs, tags));
        }
        let forms = Worlds::new(self.places, &forms)
            .forms(scope, start, operator, call, &outputs)
            .map_err(|fault| fault.refusal())?;
        let tag = |form: Option<MaskedValue>| form.map(|form| self.tagged(form));
        Ok((outputs, forms.into_iter().map(tag).collect()))
    }
}

/// Where the graph ended before a node was read.
#[derive(Clone, Copy)]
struct Start {
    values: usize,
    nodes: usize,
}

/// Why a node's rows are not kept apart.
enum Fault {
    /// It cannot be read with another number of places.
    Unreadable(Refusal),
    /// It becomes something else.
    Differs,
    /// It computes across rows.
    Joins,
    /// It computes with the places themselves.
    Places,
}

impl Fault {
    #[cold]
    fn refusal(self) -> Refusal {
        let reason = match self {
            Self::Unreadable(inner) => format!(
                "does not fit another number of places than all of those that NonZero selects from ({})",
                inner.reason
            ),
            Self::Differs => {
                "uses the number of places that NonZero selects, which depends on data".to_string()
            }
            Self::Joins => {
                "computes across the places that NonZero selects, which depend on data".to_string()
            }
            Self::Places => {
                "computes with the positions that NonZero selects, which depend on data".to_string()
            }
        };
        Refusal::new(reason, ADVICE)
    }
}

/// How many of a tensor's axes an index of GatherND or ScatterND has.
fn index_depth(call: &Call<'_>) -> usize {
    match call.inputs.get(1) {
        Some(Some(Operand::Integers(indices))) => indices.shape.last().copied().unwrap_or(0),
        _ => 0,
    }
}

/// Number of values in front of an axis.
fn in_front(value: &Value, axis: usize) -> usize {
    len(&value.shape[..axis])
}
