//! Operators that normalize by statistics of the data.
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

use super::super::problem::{Read, invalid};
use super::super::scope::{Call, Operand, Outputs, Scope, one};
use super::super::tensor::{Tensor, broadcast, len};
use super::along::{Over, reduced_shape, reduction_node, resolved};
use crate::ir::{Op, ValueId};
use elbow_core::kernels::{BinaryOp, Reduction, Unary};

const MUL: Op = Op::Binary(BinaryOp::Mul);
const ADD: Op = Op::Binary(BinaryOp::Add);
const SUB: Op = Op::Binary(BinaryOp::Sub);
const DIV: Op = Op::Binary(BinaryOp::Div);

/// `LayerNormalization`: `(x - mean) / sqrt(variance + epsilon) * Scale + B` over the axes from `axis`
/// (default -1) on; `epsilon` is 1e-5 by default, B optional. Outputs 1 and 2, where one is asked for, are
/// the mean and the inverse deviation. `Err` where Scale or B do not broadcast.
pub fn layer(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let axis = call.axis("axis", -1, shape.len())?;
    let epsilon = call.number("epsilon")?.unwrap_or(1e-5);
    let op = Op::Normalize { axis, epsilon, rms: false };
    let normal = scope.step(call, op, &[x], "normal", &shape)?;
    let (scale, shift) = (call.float(1, "Scale")?, call.optional_float(2, "B")?);
    let y = scaled(scope, call, normal, scale, shift, &shape)?;
    let mut outputs = one(y);
    if [1, 2].iter().any(|&output| !call.output(output).is_empty()) {
        let axes: Vec<usize> = (axis..shape.len()).collect();
        outputs.extend(statistics(scope, call, x, &axes, epsilon)?.map(Operand::Float));
    }
    Ok(outputs)
}

/// Mean and `1 / sqrt(variance + epsilon)` of `x` over `axes`, which stay with length 1: the call's outputs 1
/// and 2.
fn statistics(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    axes: &[usize],
    epsilon: f32,
) -> Read<[ValueId; 2]> {
    let name = |index: usize, role: &str| match call.output(index) {
        "" => format!("{}/{role}", call.output(0)),
        name => name.to_string(),
    };
    let MeanAndVariance { kept, mean, variance, .. } =
        moments(scope, call, x, axes, &name(1, "mean"))?;
    let epsilon = number(scope, call, "epsilon", epsilon);
    let sum = scope.step(call, ADD, &[variance, epsilon], "sum", &kept)?;
    let root = scope.step(call, Op::Unary(Unary::Sqrt), &[sum], "root", &kept)?;
    let inverse = name(2, "inverse");
    let inverse = scope.node(call, Op::Unary(Unary::Reciprocal), vec![root], &inverse, &kept)?;
    Ok([mean, inverse])
}

/// Mean and variance of data, by two passes over it.
struct MeanAndVariance {
    /// Shape of mean and variance: that of the data with axes of length 1.
    kept: Vec<usize>,
    mean: ValueId,
    /// `x - mean`
    centred: ValueId,
    /// Mean of the squares of `centred`: the variance by `n`, not `n - 1`.
    variance: ValueId,
}

/// Mean, centred values and variance of `x` over `axes`; the value of the mean is called `name`.
fn moments(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    axes: &[usize],
    name: &str,
) -> Read<MeanAndVariance> {
    let shape = scope.shape(x).to_vec();
    let kept = reduced_shape(&shape, axes, true);
    let mean =
        reduction_node(scope, call, x, Over { reduction: Reduction::Mean, axes }, name, &kept)?;
    let centred = scope.step(call, SUB, &[x, mean], "centred", &shape)?;
    let square = scope.step(call, Op::Unary(Unary::Square), &[centred], "square", &shape)?;
    let name = format!("{}/variance", call.output(0));
    let variance = reduction_node(
        scope,
        call,
        square,
        Over { reduction: Reduction::Mean, axes },
        &name,
        &kept,
    )?;
    Ok(MeanAndVariance { kept, mean, centred, variance })
}

/// `RMSNormalization`: `x / sqrt(mean of x^2 + epsilon) * scale` over the axes from `axis` (default -1) on;
/// `epsilon` is 1e-5 by default. `Err` where the scale does not broadcast.
pub fn rms(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let axis = call.axis("axis", -1, shape.len())?;
    let epsilon = call.number("epsilon")?.unwrap_or(1e-5);
    let op = Op::Normalize { axis, epsilon, rms: true };
    let normal = scope.step(call, op, &[x], "normal", &shape)?;
    let scale = call.float(1, "scale")?;
    scaled(scope, call, normal, scale, None, &shape).map(one)
}

/// `InstanceNormalization`: `(x - mean) / sqrt(variance + epsilon) * scale + B` of every channel of every row
/// of the batch by itself; scale and B are one number per channel, `epsilon` 1e-5 by default. `Err` for fewer
/// than three axes, and where scale or B is no vector or does not broadcast.
pub fn instance(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "input")?;
    let shape = scope.shape(x).to_vec();
    if shape.len() < 3 {
        return invalid(format!("its input has shape {shape:?}, expected [batch, channels, ..]"));
    }
    let epsilon = call.number("epsilon")?.unwrap_or(1e-5);
    let op = Op::Normalize { axis: 2, epsilon, rms: false };
    let normal = scope.step(call, op, &[x], "normal", &shape)?;
    let scale = per_channel(scope, call, 1, "scale", shape.len() - 2)?;
    let shift = per_channel(scope, call, 2, "B", shape.len() - 2)?;
    scaled(scope, call, normal, scale, Some(shift), &shape).map(one)
}

/// `GroupNormalization`: as `InstanceNormalization`, over the `num_groups` groups of neighbouring channels.
/// Scale and shift are one number per group before opset 21, one per channel since. `Err` for fewer than two
/// axes, unless the groups divide the channels, and where scale or shift is no vector or does not broadcast.
pub fn group(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let (Some(&batch), Some(&channels)) = (shape.first(), shape.get(1)) else {
        return invalid(format!("its input has shape {shape:?}, expected [batch, channels, ..]"));
    };
    let groups = usize::try_from(call.int("num_groups")?.unwrap_or(0)).unwrap_or(0);
    if groups == 0 || channels % groups != 0 {
        return invalid(format!("{groups} groups of {channels} channels"));
    }
    let epsilon = call.number("epsilon")?.unwrap_or(1e-5);
    let grouped = [batch, groups, len(&shape) / (batch * groups).max(1)];
    let rows = scope.step(call, Op::Reshape, &[x], "groups", &grouped)?;
    let op = Op::Normalize { axis: 2, epsilon, rms: false };
    let normal = scope.step(call, op, &[rows], "normal", &grouped)?;
    if call.opset < 21 {
        let scale = per_channel(scope, call, 1, "scale", 1)?;
        let shift = per_channel(scope, call, 2, "bias", 1)?;
        let product = scope.step(call, MUL, &[normal, scale], "product", &grouped)?;
        let sum = scope.step(call, ADD, &[product, shift], "sum", &grouped)?;
        return scope.emit(call, Op::Reshape, vec![sum], &shape);
    }
    let normal = scope.step(call, Op::Reshape, &[normal], "channels", &shape)?;
    let scale = per_channel(scope, call, 1, "scale", shape.len() - 2)?;
    let shift = per_channel(scope, call, 2, "bias", shape.len() - 2)?;
    scaled(scope, call, normal, scale, Some(shift), &shape).map(one)
}

/// The vector operand `index` with `behind` axes of length 1 behind it, so that it broadcasts along the
/// channels. `Err`, which names it as `role`, for another number of axes.
fn per_channel(
    scope: &mut Scope,
    call: &Call<'_>,
    index: usize,
    role: &str,
    behind: usize,
) -> Read<ValueId> {
    let vector = call.float(index, role)?;
    let [channels] = *scope.shape(vector) else {
        return invalid(format!("`{role}` has shape {:?}, expected a vector", scope.shape(vector)));
    };
    let shape: Vec<usize> = [channels].into_iter().chain(vec![1; behind]).collect();
    scope.step(call, Op::Reshape, &[vector], role, &shape)
}

/// `x * scale + shift`, the call's first output; `x * scale` without a shift. `Err` where one of them does
/// not broadcast to `shape`.
fn scaled(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    scale: ValueId,
    shift: Option<ValueId>,
    shape: &[usize],
) -> Read<ValueId> {
    for operand in [Some(scale), shift].into_iter().flatten() {
        let own = scope.shape(operand).to_vec();
        if broadcast(&own, shape)? != shape {
            return invalid(format!("scale or shift of shape {own:?} do not fit {shape:?}"));
        }
    }
    let Some(shift) = shift else {
        return scope.node(call, MUL, vec![x, scale], call.output(0), shape);
    };
    let product = scope.step(call, MUL, &[x, scale], "product", shape)?;
    scope.node(call, ADD, vec![product, shift], call.output(0), shape)
}

/// `LpNormalization`: `x` divided by its sum of magnitudes (`p` = 1) or its length (`p` = 2, the default)
/// along `axis` (default -1); a line of zeros stays so. `Err` for another `p`.
pub fn lp(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "input")?;
    let shape = scope.shape(x).to_vec();
    let axis = call.axis("axis", -1, shape.len())?;
    let norm = lp_norm(scope, call, x, axis, call.int("p")?.unwrap_or(2))?;
    scope.emit(call, DIV, vec![x, norm], &shape)
}

/// The sum of magnitudes (`p` = 1) or the length (`p` = 2) of `x` along `axis`, which stays with length 1; at
/// least the smallest normal f32, so that it can divide. `Err` for another `p`.
pub(super) fn lp_norm(
    scope: &mut Scope,
    call: &Call<'_>,
    x: ValueId,
    axis: usize,
    p: i64,
) -> Read<ValueId> {
    let kept = reduced_shape(scope.shape(x), &[axis], true);
    let name = format!("{}/sum", call.output(0));
    let norm = match p {
        1 => reduction_node(
            scope,
            call,
            x,
            Over { reduction: Reduction::SumOfMagnitudes, axes: &[axis] },
            &name,
            &kept,
        )?,
        2 => {
            let sum = reduction_node(
                scope,
                call,
                x,
                Over { reduction: Reduction::SumOfSquares, axes: &[axis] },
                &name,
                &kept,
            )?;
            scope.step(call, Op::Unary(Unary::Sqrt), &[sum], "norm", &kept)?
        }
        other => return call.refuse_value("p", &other.to_string(), "1 or 2"),
    };
    let above_zero = Op::Unary(Unary::Clip(f32::MIN_POSITIVE, f32::INFINITY));
    scope.step(call, above_zero, &[norm], "divisor", &kept)
}

/// `MeanVarianceNormalization`: `(x - mean) / (sqrt(variance) + 1e-9)` over `axes`, by default 0, 2 and 3,
/// that is, all but the channels. `Err` for axes that are outside or named twice, so for fewer than four axes
/// by default.
pub fn mean_variance(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let axes = resolved(call.ints("axes")?.unwrap_or(&[0, 2, 3]), shape.len())?;
    let name = format!("{}/mean", call.output(0));
    let MeanAndVariance { kept, centred, variance, .. } = moments(scope, call, x, &axes, &name)?;
    let root = scope.step(call, Op::Unary(Unary::Sqrt), &[variance], "root", &kept)?;
    let epsilon = number(scope, call, "epsilon", 1e-9);
    let divisor = scope.step(call, ADD, &[root, epsilon], "divisor", &kept)?;
    scope.emit(call, DIV, vec![centred, divisor], &shape)
}

/// A scalar constant, named `OUTPUT/role`.
fn number(scope: &mut Scope, call: &Call<'_>, role: &str, value: f32) -> ValueId {
    scope.constant(&format!("{}/{role}", call.output(0)), Tensor::scalar(value))
}
