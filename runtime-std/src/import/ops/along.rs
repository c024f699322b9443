//! Operators that work along axes: reductions, softmax, running sums, the index of an extreme.
//!
//! A reader appends the operations of the ONNX node `call` to the graph in `scope` and returns the node's
//! outputs in order; operations whose operands are all constants are calculated at import instead, unless no
//! kernel computes them or the budget of import (2^24 values in all) is used up: then they are appended.
//! `Err` is a reason and an advice. Unless its doc says otherwise, a reader also fails where an operand is
//! missing or of another element type, where an operation would read or give data without values (known
//! integers may be without), where an attribute is of another type, not finite, or an axis that is not
//! there, or where the constants, known integers and lists of indices that it makes itself exceed the budget
//! of import, 2^24 values in all. Other functions fail as their docs say, and as the methods of `Scope` and
//! `Call` that they use. What was appended before an `Err` stays in the graph.

use super::super::kind::Kind;
use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, len, resolve_axis, strides};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

/// Form of a reduction.
#[derive(Clone, Copy, PartialEq)]
pub enum ReductionForm {
    /// The reduction itself.
    Plain(Reduction),
    /// The function of the reduction's result.
    Then(Reduction, Unary),
    /// The logarithm of the sum of exponentials.
    LogSumExp,
}

/// The operators `Reduce..`: the reduction over `axes` (see `axes`), which stay with length 1 unless
/// `keepdims` is 0. Axes were an attribute, and are an input since opset 13 (`ReduceSum`) or 18 (the others).
/// Known integers are calculated; `Err` for roots or logarithms of integers.
pub fn reduce(scope: &mut Scope, call: &Call<'_>, form: ReductionForm) -> Outputs {
    let x = call.operand(0, "data")?;
    let rank = shape_of(scope, &x).len();
    let axes = axes(call, rank)?;
    let keep = call.int("keepdims")?.unwrap_or(1) != 0;
    match x {
        Operand::Integers(x) => reduced_integers(scope, &x, form, &axes, keep),
        Operand::Float(x) => {
            if !matches!(form, ReductionForm::Plain(_)) && scope.kind(x) != Kind::Float {
                return refuse(
                    "takes roots or logarithms of computed integers",
                    "cast them to float32 before, and back behind",
                );
            }
            let y = reduced(scope, call, x, form, &axes, keep)?;
            Ok(vec![scope.given(y)])
        }
    }
}

/// The axes to reduce, ascending: those listed; where none is, all, or none if `noop_with_empty_axes` is set.
/// `Err` for axes that are computed, outside, or named twice.
fn axes(call: &Call<'_>, rank: usize) -> Read<Vec<usize>> {
    let listed = call.moved_ints("axes", 1)?.unwrap_or_default();
    if listed.is_empty() && call.flag("noop_with_empty_axes")? {
        return Ok(Vec::new());
    }
    resolved(&listed, rank)
}

/// The listed axes, ascending and counted from the front, all where none is listed. `Err` for one outside or
/// named twice.
pub(super) fn resolved(listed: &[i64], rank: usize) -> Read<Vec<usize>> {
    if listed.is_empty() {
        return Ok((0..rank).collect());
    }
    let mut axes = listed.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Read<Vec<_>>>()?;
    axes.sort_unstable();
    axes.dedup();
    if axes.len() < listed.len() {
        return invalid(format!("the axes {listed:?} name one twice"));
    }
    Ok(axes)
}

/// The shape with these axes of length 1, or without them unless `keep`.
pub(super) fn reduced_shape(shape: &[usize], axes: &[usize], keep: bool) -> Vec<usize> {
    let kept = |axis: &usize| keep || !axes.contains(axis);
    let size = |axis: usize| if axes.contains(&axis) { 1 } else { shape[axis] };
    (0..shape.len()).filter(kept).map(size).collect()
}

/// Id of the call's output: data `x` reduced in this form over `axes`, which stay with length 1 only where
/// `keep`.
fn reduced(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    form: ReductionForm,
    axes: &[usize],
    keep: bool,
) -> Read<ValueId> {
    let shape = reduced_shape(scope.shape(x), axes, keep);
    let output = call.output(0);
    match form {
        ReductionForm::Plain(reduction) => {
            reduction_node(scope, call, x, Over { reduction, axes }, output, &shape)
        }
        ReductionForm::Then(reduction, f) => {
            let name = format!("{output}/sum");
            let sum = reduction_node(scope, call, x, Over { reduction, axes }, &name, &shape)?;
            scope.node(call, Op::Unary(f), vec![sum], output, &shape)
        }
        ReductionForm::LogSumExp => log_sum_exp(scope, call, x, axes, &shape),
    }
}

/// A reduction, and the axes that it is over.
#[derive(Clone, Copy)]
pub(super) struct Over<'a> {
    pub(super) reduction: Reduction,
    pub(super) axes: &'a [usize],
}

/// Id of the value called `name`: `x` reduced over the axes, in the form `shape`, which has to have as many
/// values as that gives. Over no axis every value is reduced by itself: on an added axis of length 1.
pub(super) fn reduction_node(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    over: Over<'_>,
    name: &str,
    shape: &[usize],
) -> Read<ValueId> {
    let Over { reduction, axes } = over;
    if !axes.is_empty() {
        let op = Op::Reduce { reduction, axes: axes.to_vec() };
        return scope.node(call, op, vec![x], name, shape);
    }
    let lifted: Vec<usize> = [1].into_iter().chain(scope.shape(x).iter().copied()).collect();
    let lifted = scope.node(call, Op::Reshape, vec![x], &format!("{name}/lifted"), &lifted)?;
    scope.node(call, Op::Reduce { reduction, axes: vec![0] }, vec![lifted], name, shape)
}

/// `m + ln(sum exp(x - m))`, the call's output, with the largest value `m` or the finite number nearest to
/// it: an infinite `m` would give NaN in place of an infinity.
fn log_sum_exp(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    axes: &[usize],
    shape: &[usize],
) -> Read<ValueId> {
    let full = scope.shape(x).to_vec();
    let kept = reduced_shape(&full, axes, true);
    let name = |role: &str| format!("{}/{role}", call.output(0));
    let largest = reduction_node(
        scope,
        call,
        x,
        Over { reduction: Reduction::Max, axes },
        &name("largest"),
        &kept,
    )?;
    let finite = Op::Unary(Unary::Clip(f32::MIN, f32::MAX));
    let largest = scope.step(call, finite, &[largest], "finite", &kept)?;
    let sub = Op::Binary(BinaryOp::Sub);
    let shifted = scope.step(call, sub, &[x, largest], "shifted", &full)?;
    let exp = scope.step(call, Op::Unary(Unary::Exp), &[shifted], "exp", &full)?;
    let sum = reduction_node(
        scope,
        call,
        exp,
        Over { reduction: Reduction::Sum, axes },
        &name("sum"),
        &kept,
    )?;
    let log = scope.step(call, Op::Unary(Unary::Log), &[sum], "log", &kept)?;
    let add = Op::Binary(BinaryOp::Add);
    let result = scope.step(call, add, &[log, largest], "result", &kept)?;
    scope.node(call, Op::Reshape, vec![result], call.output(0), shape)
}

/// Known integers reduced, the call's output; a mean is cut off towards zero. `Err` for a form other than the
/// plain one, an overflow, and an extreme or mean of no values.
fn reduced_integers(
    scope: &mut Scope,
    x: &Tensor<i64>,
    form: ReductionForm,
    axes: &[usize],
    keep: bool,
) -> Outputs {
    let ReductionForm::Plain(reduction) = form else {
        return invalid("this reduction of integers has no whole result");
    };
    let kept = reduced_shape(&x.shape, axes, true);
    scope.spend(x.data.len().saturating_add(len(&kept)))?;
    let mut groups = vec![Vec::new(); len(&kept)];
    let (own, steps) = (strides(&x.shape), strides(&kept));
    for (at, &value) in x.data.iter().enumerate() {
        let index = |axis: usize| at / own[axis] as usize % x.shape[axis].max(1);
        let group: usize = (0..x.shape.len())
            .filter(|axis| !axes.contains(axis))
            .map(|axis| index(axis) * steps[axis] as usize)
            .sum();
        groups[group].push(value);
    }
    let result = |values: &Vec<i64>| {
        let mut values = values.iter().copied();
        match reduction {
            Reduction::Sum => values.try_fold(0, i64::checked_add),
            Reduction::Product => values.try_fold(1, i64::checked_mul),
            Reduction::Max => values.max(),
            Reduction::Min => values.min(),
            Reduction::Mean => {
                let count = i64::try_from(values.len()).ok()?;
                values.try_fold(0, i64::checked_add)?.checked_div(count)
            }
            Reduction::SumOfSquares => {
                values.try_fold(0i64, |sum, x| sum.checked_add(x.checked_mul(x)?))
            }
            Reduction::SumOfMagnitudes => {
                values.try_fold(0i64, |sum, x| sum.checked_add(x.checked_abs()?))
            }
        }
    };
    match groups.iter().map(result).collect() {
        Some(data) => integers(Tensor { shape: reduced_shape(&x.shape, axes, keep), data }),
        None => invalid("this integer calculation overflows, or has no values"),
    }
}

/// `Softmax`, or its logarithm where `log`: along `axis` since opset 13 (default -1); before, over all axes
/// from `axis` (default 1) on as one.
pub fn softmax(scope: &mut Scope, call: &Call<'_>, log: bool) -> Outputs {
    let x = call.float(0, "input")?;
    let shape = scope.shape(x).to_vec();
    if call.opset >= 13 {
        let axis = call.axis("axis", -1, shape.len())?;
        return scope.emit(call, Op::Softmax { axis, log }, vec![x], &shape);
    }
    let axis = call.axis("axis", 1, shape.len().max(1))?;
    let matrix = [len(&shape[..axis]), len(&shape[axis..])];
    let flat = scope.step(call, Op::Reshape, &[x], "flat", &matrix)?;
    let y = scope.step(call, Op::Softmax { axis: 1, log }, &[flat], "softmax", &matrix)?;
    scope.emit(call, Op::Reshape, vec![y], &shape)
}

/// `CumSum`: the sum of the values up to each along a known axis; without the value itself where `exclusive`,
/// from the end where `reverse` is set. `Err` for an axis that is computed or no single number.
pub fn cumsum(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.data(scope, 0, "x")?;
    let shape = scope.shape(x).to_vec();
    let Some(axis) = call.known_integers(1, "axis")?.single() else {
        return invalid("its `axis` is no single number");
    };
    let axis = resolve_axis(axis, shape.len())?;
    let op =
        Op::CumSum { axis, exclusive: call.flag("exclusive")?, reverse: call.flag("reverse")? };
    scope.emit(call, op, vec![x], &shape)
}

/// `ArgMax` (`largest`) or `ArgMin`: the index of the extreme along `axis` (default 0), which stays with
/// length 1 unless `keepdims` is 0; of equal ones the first, or the last where `select_last_index` is set.
pub fn arg_extreme(scope: &mut Scope, call: &Call<'_>, largest: bool) -> Outputs {
    let x = call.data(scope, 0, "data")?;
    let shape = scope.shape(x).to_vec();
    let axis = call.axis("axis", 0, shape.len())?;
    let keep = call.int("keepdims")?.unwrap_or(1) != 0;
    let op = Op::ArgExtreme { axis, largest, last: call.flag("select_last_index")? };
    let shape = reduced_shape(&shape, &[axis], keep);
    scope.emit(call, op, vec![x], &shape)
}
