//! Values at the places that a computed mask selects, and their way back.
//!
//! A place is one element of the mask. `y[mask] = f(x[mask])` is NonZero, GatherND, the nodes of `f`, and
//! ScatterND: how many values lie between depends on data. Here `f` is computed for all places, in order, and a
//! Where puts them back:
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

/// How a value follows from a mask.
#[derive(Clone, Debug)]
struct Tag {
    /// The mask, before nodes that change its shape only.
    mask: ValueId,
    form: MaskedValue,
}

/// The forms in which a value follows from a mask.
#[derive(Clone, Debug)]
enum MaskedValue {
    /// The value at the only place of a mask of one place.
    Single,
    /// Data with a row for each place, along an axis.
    Rows(usize),
    /// The places, as NonZero gives them or moved, and what they are in each of the [`Worlds`].
    Places(Vec<Rc<Tensor<i64>>>),
    /// Integers that follow from the number of places, and what they are in each of the [`Worlds`].
    Integers(Vec<Rc<Tensor<i64>>>),
}

impl MaskedValue {
    /// Integers in each of the [`Worlds`], in order; `None` for rows and for a mask of one place.
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
    /// Whether the value of this name follows from what a mask selects.
    pub fn has(&self, name: &str) -> bool {
        self.tags.contains_key(name)
    }

    /// Removes the tag of a name, which from now on stands for another value.
    pub fn forget(&mut self, name: &str) {
        self.tags.remove(name);
    }

    /// Gives `other` a copy of the tag of `name`; removes the tag of `other` where `name` has none.
    pub fn rename(&mut self, name: &str, other: &'a str) {
        match self.tags.get(name).cloned() {
            Some(tag) => drop(self.tags.insert(other, tag)),
            None => self.forget(other),
        }
    }

    /// An error where the graph output of this name follows from what a mask selects, so that its length
    /// depends on data; it names the NonZero node.
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

    /// Outputs of a node. Where no input follows from a mask, they are what `operator` reads, or, for a
    /// NonZero of a mask that is not known, the indices of all places; else the node is read as part of that
    /// selection, for all places. Replaces the tags of the node's output names, adds values and nodes to
    /// `scope`, and adds new values to `selected`, but for the result of putting rows back. An error where
    /// the inputs follow from two masks, or where the result depends on which places are selected.
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

    /// Gives a node's output names these tags, by position; a name whose tag is `None` or missing stays as it
    /// is.
    fn tag(&mut self, node: &'a proto::NodeProto, tags: Vec<Option<Tag>>) {
        for (name, tag) in node.output.iter().zip(tags) {
            self.tags.extend(tag.map(|tag| (name.as_str(), tag)));
        }
    }

    /// Indices `[rank][places]` of all places of a mask, as the output of its NonZero. Tags that output, and
    /// records the node's name for messages. An error for a scalar mask, and beyond the budget of calculated
    /// values.
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

/// The mask that a NonZero node reads, where its values are not known at import; `None` for a known mask and
/// for any other node.
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

/// Indices `[rank][rows]` of the last `rows` places of a tensor of this shape, in row-major order; where
/// there are fewer places, the first one is repeated in front. The shape has no axis of length 0, unless
/// `rows` is 0.
fn grid(shape: &[usize], rows: usize) -> Tensor<i64> {
    let (places, steps) = (len(shape), strides(shape));
    let along = |axis: usize| {
        let (step, size) = (steps[axis] as usize, shape[axis]);
        let place = move |row: usize| (places + row).saturating_sub(rows);
        (0..rows).map(move |row| (place(row) / step % size) as i64)
    };
    Tensor { shape: vec![shape.len(), rows], data: (0..shape.len()).flat_map(along).collect() }
}

/// The mask that this one is a reshape of, through any number of Reshape nodes; the mask itself where no
/// Reshape gives it.
fn origin(nodes: &[Node], mask: ValueId) -> ValueId {
    let node = nodes.iter().rev().find(|node| node.output == mask);
    match node.map(|node| (&node.op, &node.inputs[..])) {
        Some((Op::Reshape, &[from])) => origin(nodes, from),
        _ => mask,
    }
}

/// The mask, before its reshapes, of which this one is the logical NOT; `None` where no Not node gives this
/// one.
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
    /// Number of places of the mask, selected or not.
    places: usize,
    /// Tag of each input of the node; `None` where the input does not follow from the mask.
    tags: &'t [Option<Tag>],
}

impl Selection<'_> {
    /// A tag of this mask with the given form.
    fn tagged(&self, form: MaskedValue) -> Tag {
        Tag { mask: self.mask, form }
    }

    /// How an input follows from the mask; `None` where it does not, or where there is no such input.
    fn form(&self, input: usize) -> Option<&MaskedValue> {
        self.tags.get(input)?.as_ref().map(|tag| &tag.form)
    }

    /// Whether an input holds exactly the indices of all places, in row-major order, also in each of the
    /// [`Worlds`]: `[places]` for Gather and ScatterElements, `[places][depth]` for GatherND and ScatterND.
    /// They index the first axes (`depth` of them) of a tensor of this shape, whose lengths have the number
    /// of places as their product.
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

    /// All of a tensor as rows, one for each place, and their tag, where a Gather (axis 0) or a GatherND (no
    /// batch axes) selects the places of the mask from a tensor that does not itself follow from it. `None`
    /// for any other node. Adds a variable and a Reshape to `scope`. An error where an attribute is of
    /// another type, or where floats do not hold the integers of the tensor.
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

    /// The result of a node that puts selected values back at their own places: a scatter
    /// ([`scattered`](Self::scattered)), or, for a mask of one place, a Where by that mask
    /// ([`is_chosen`](Self::is_chosen)). `None` where the node does something else. Adds the nodes of the
    /// result to `scope`. An error as the operator's reader and [`scattered`](Self::scattered).
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

    /// `Where(mask, updates, data)` for a ScatterND or ScatterElements (of a tensor of one axis) without
    /// reduction that writes rows to exactly the places of the mask; `None` where data, indices or updates
    /// are others. Adds the nodes to `scope`. An error where an attribute is of another type, an operand is
    /// missing, or floats do not hold the integers of one.
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

    /// Whether the condition of a Where is the mask or its negation, and neither the condition nor the
    /// operand taken where the mask is false follows from what the mask selects.
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

    /// The call with its indices replaced by `Where(mask, indices, 0)`, where a Gather, GatherElements,
    /// GatherND or ScatterElements reads computed indices that follow from the mask; so no index at a place
    /// that is not selected lies outside the table. `None` for any other call. Adds nodes and a constant to
    /// `scope`; an error beyond the budget of calculated values.
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

    /// The outputs of a node that computes with selected rows, read for all places, and the tag of each
    /// output (`None` where it does not follow from the mask). An error where the node draws noise, computes
    /// with the positions of places, mixes rows, or depends on their number; for a mask of one place only the
    /// first is checked, and every output has its tag. Adds values and nodes to `scope`.
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

/// Numbers of values and of nodes that the graph had before a node was read.
#[derive(Clone, Copy)]
struct Start {
    values: usize,
    nodes: usize,
}

/// Why a node's rows are not kept apart.
enum Fault {
    /// It cannot be read with another number of places.
    Unreadable(Refusal),
    /// It becomes other operations, or values of other shapes.
    Differs,
    /// It computes across rows.
    Joins,
    /// It computes with the places themselves.
    Places,
}

impl Fault {
    /// The refusal of a node for this reason.
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

/// Number of axes that an index of GatherND or ScatterND addresses: the length of the last axis of the
/// indices (input 1); 0 for a scalar, and where the indices are not known integers.
fn index_depth(call: &Call<'_>) -> usize {
    match call.inputs.get(1) {
        Some(Some(Operand::Integers(indices))) => indices.shape.last().copied().unwrap_or(0),
        _ => 0,
    }
}

/// Product of the lengths of the axes in front of `axis`, which is at most the rank; 1 for axis 0.
fn in_front(value: &Value, axis: usize) -> usize {
    len(&value.shape[..axis])
}
