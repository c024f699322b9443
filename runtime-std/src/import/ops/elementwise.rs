//! Operators that work value by value.
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
use super::super::problem::{Read, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, broadcast};
use super::reshape::shape_of;
use crate::ir::{Op, ValueId};
use elbow_core::kernels::{BinaryOp, Unary};

/// `f` of every value of data; `Err` for known integers.
pub fn unary(scope: &mut Scope, call: &Call<'_>, f: Unary) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    scope.emit(call, Op::Unary(f), vec![x], &shape)
}

/// `f` of every value of data; known integers are calculated by `of_integer`, and where that is `None` (an
/// overflow), it is an `Err`.
pub fn unary_any(
    scope: &mut Scope,
    call: &Call<'_>,
    f: Unary,
    of_integer: fn(i64) -> Option<i64>,
) -> Outputs {
    match call.operand(0, "X")? {
        Operand::Integers(x) => {
            scope.spend(x.data.len())?;
            calculated(x.data.iter().map(|&x| of_integer(x)).collect(), &x.shape)
        }
        Operand::Float(x) => {
            let shape = scope.shape(x).to_vec();
            scope.emit(call, Op::Unary(f), vec![x], &shape)
        }
    }
}

/// `unary` by `f` of the attribute `name`, or of `default` where it is missing; `Err` where it is not finite.
pub fn parametric(
    scope: &mut Scope,
    call: &Call<'_>,
    name: &str,
    default: f32,
    f: fn(f32) -> Unary,
) -> Outputs {
    let parameter = call.number(name)?.unwrap_or(default);
    unary(scope, call, f(parameter))
}

/// `parametric` with two attributes, which `f` takes in this order.
pub fn parametric2(
    scope: &mut Scope,
    call: &Call<'_>,
    names: [&str; 2],
    defaults: [f32; 2],
    f: fn(f32, f32) -> Unary,
) -> Outputs {
    let a = call.number(names[0])?.unwrap_or(defaults[0]);
    let b = call.number(names[1])?.unwrap_or(defaults[1]);
    unary(scope, call, f(a, b))
}

/// `Gelu`: exact by the error function, or its tanh approximation where `approximate` is `tanh`; `Err` for
/// another one.
pub fn gelu(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    match call.string("approximate")? {
        None | Some("none") => unary(scope, call, Unary::Gelu),
        Some("tanh") => unary(scope, call, Unary::GeluTanh),
        Some(other) => call.refuse_value("approximate", other, "`none` or `tanh`"),
    }
}

/// `Swish`: `x * sigmoid(alpha * x)`, `alpha` 1 by default.
pub fn swish(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let alpha = call.number("alpha")?.unwrap_or(1.0);
    if alpha == 1.0 {
        return unary(scope, call, Unary::Silu);
    }
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    let alpha = scope.constant(&format!("{}/alpha", call.output(0)), Tensor::scalar(alpha));
    let scaled = scope.step(call, Op::Binary(BinaryOp::Mul), &[x, alpha], "scaled", &shape)?;
    let gate = scope.step(call, Op::Unary(Unary::Sigmoid), &[scaled], "gate", &shape)?;
    scope.emit(call, Op::Binary(BinaryOp::Mul), vec![x, gate], &shape)
}

/// `Clip`: `min(max(x, low), high)`. The limits were attributes before opset 11, and are inputs since; a
/// missing one limits nothing. Where a limit is not known at import, or is NaN, they become `Max` and `Min`
/// nodes; `Err` where these have more values than `x`.
pub fn clip(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.data(scope, 0, "input")?;
    let shape = scope.shape(x).to_vec();
    let low = call.optional_data(scope, 1, "min")?;
    let high = call.optional_data(scope, 2, "max")?;
    let number = |id: Option<ValueId>, name: &str| match id {
        Some(id) => Ok(scope.known_number(id)),
        None => call.number(name),
    };
    let (least, most) = (number(low, "min")?, number(high, "max")?);
    let every_given_is_known = [(low, least), (high, most)]
        .iter()
        .all(|(given, known)| given.is_none() || known.is_some_and(|limit| !limit.is_nan()));
    if every_given_is_known {
        let limits = Unary::Clip(least.unwrap_or(f32::NEG_INFINITY), most.unwrap_or(f32::INFINITY));
        return scope.emit(call, Op::Unary(limits), vec![x], &shape);
    }
    let mut y = x;
    for (limit, op, role) in [(low, BinaryOp::Max, "above"), (high, BinaryOp::Min, "below")] {
        if let Some(limit) = limit {
            if broadcast(scope.shape(limit), &shape)? != shape {
                return refuse("its limits have more values than its input", "clip to a number");
            }
            y = scope.step(call, Op::Binary(op), &[y, limit], role, &shape)?;
        }
    }
    scope.emit(call, Op::Reshape, vec![y], &shape)
}

/// `op` of two broadcast operands; two known integer operands are calculated, else integers become data.
/// `Err` where the shapes do not broadcast, or an integer result overflows or divides by zero.
pub fn binary(scope: &mut Scope, call: &Call<'_>, op: BinaryOp) -> Outputs {
    if let (Operand::Integers(a), Operand::Integers(b)) =
        (call.operand(0, "A")?, call.operand(1, "B")?)
    {
        return combine(scope, &a, &b, |a, b| integer(op, a, b));
    }
    let (a, b) = (call.data(scope, 0, "A")?, call.data(scope, 1, "B")?);
    let shape = broadcast(scope.shape(a), scope.shape(b))?;
    scope.emit(call, Op::Binary(op), vec![a, b], &shape)
}

/// `op` of two integers, 0 or 1 for a comparison; `None` where it overflows, divides by zero, or has a
/// negative or too large exponent. `Div` and `Fmod` round towards zero, `Mod` has the divisor's sign.
fn integer(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    let truth = |holds: bool| Some(i64::from(holds));
    match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Sub => a.checked_sub(b),
        BinaryOp::Mul => a.checked_mul(b),
        BinaryOp::Div => a.checked_div(b),
        BinaryOp::Pow => a.checked_pow(u32::try_from(b).ok()?),
        BinaryOp::Min => Some(a.min(b)),
        BinaryOp::Max => Some(a.max(b)),
        BinaryOp::PRelu => {
            if a < 0 {
                a.checked_mul(b)
            } else {
                Some(a)
            }
        }
        BinaryOp::Fmod => a.checked_rem(b),
        BinaryOp::Mod => {
            let rest = a.checked_rem(b)?;
            if rest != 0 && (rest < 0) != (b < 0) { rest.checked_add(b) } else { Some(rest) }
        }
        BinaryOp::Greater => truth(a > b),
        BinaryOp::GreaterOrEqual => truth(a >= b),
        BinaryOp::Less => truth(a < b),
        BinaryOp::LessOrEqual => truth(a <= b),
        BinaryOp::Equal => truth(a == b),
        BinaryOp::And => truth(a != 0 && b != 0),
        BinaryOp::Or => truth(a != 0 || b != 0),
        BinaryOp::Xor => truth((a != 0) != (b != 0)),
    }
}

/// `Mod`: the remainder of a division, with the sign of the dividend where the attribute `fmod` is set, else
/// with the divisor's; `Err` as `binary`.
pub fn modulo(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let op = if call.flag("fmod")? { BinaryOp::Fmod } else { BinaryOp::Mod };
    binary(scope, call, op)
}

/// `Pow`: `x ^ exponent`, broadcast. Known integers are calculated; the constant exponents 2, 0.5 and -1
/// become square, square root and reciprocal. Of computed integers or booleans the power is truncated to a
/// whole number. `Err` as `binary`.
pub fn pow(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    if let (Operand::Integers(_), Operand::Integers(_)) =
        (call.operand(0, "X")?, call.operand(1, "Y")?)
    {
        return binary(scope, call, BinaryOp::Pow);
    }
    let (x, exponent) = (call.data(scope, 0, "X")?, call.data(scope, 1, "Y")?);
    let shape = broadcast(scope.shape(x), scope.shape(exponent))?;
    let f = match scope.known_number(exponent) {
        Some(2.0) => Some(Unary::Square),
        Some(0.5) => Some(Unary::Sqrt),
        Some(-1.0) => Some(Unary::Reciprocal),
        _ => None,
    };
    let (op, inputs) = match f {
        Some(f) if scope.shape(x) == shape => (Op::Unary(f), vec![x]),
        _ => (Op::Binary(BinaryOp::Pow), vec![x, exponent]),
    };
    match scope.kind(x) {
        Kind::Float => scope.emit(call, op, inputs, &shape),
        // ONNX gives a power the type of its base: of an integer base it is truncated.
        kind => {
            let power = scope.step(call, op, &inputs, "power", &shape)?;
            scope.emit_as(call, Op::Unary(Unary::Trunc), vec![power], &shape, kind)
        }
    }
}

/// `Max` or `Min` (`op`) of any number of broadcast operands. Of two, where one is data and one a known
/// number other than NaN that does not change the shape, it is `limit` of that number; else `several`. `Err`
/// as `binary`.
pub fn extreme(
    scope: &mut Scope,
    call: &Call<'_>,
    op: BinaryOp,
    limit: fn(f32) -> Unary,
) -> Outputs {
    if let [Some(_), Some(_)] = call.inputs[..]
        && call.inputs.iter().any(|input| matches!(input, Some(Operand::Float(_))))
    {
        let (a, b) = (call.data(scope, 0, "data")?, call.data(scope, 1, "data")?);
        let bounded = match (scope.known_number(a), scope.known_number(b)) {
            (_, Some(number)) => Some((a, number)),
            (Some(number), None) => Some((b, number)),
            _ => None,
        };
        // `Max` and `Min` with NaN give NaN, which a limit does not; NaN as an operand is refused.
        if let Some((x, number)) = bounded.filter(|(_, number)| !number.is_nan()) {
            let shape = scope.shape(x).to_vec();
            if broadcast(scope.shape(a), scope.shape(b))? == shape {
                return scope.emit(call, Op::Unary(limit(number)), vec![x], &shape);
            }
        }
    }
    several(scope, call, op)
}

/// The operands combined by `op` from the first on, broadcast; calculated where all are known integers. `Err`
/// as `binary`.
pub fn several(scope: &mut Scope, call: &Call<'_>, op: BinaryOp) -> Outputs {
    if call.inputs.iter().all(|input| matches!(input, Some(Operand::Integers(_)))) {
        let mut result = call.known_integers(0, "data")?;
        for index in 1..call.inputs.len() {
            let next = call.known_integers(index, "data")?;
            let outputs = combine(scope, &result, &next, |a, b| integer(op, a, b))?;
            let [Operand::Integers(tensor)] = &outputs[..] else { return Ok(outputs) };
            result = tensor.clone();
        }
        return Ok(vec![Operand::Integers(result)]);
    }
    let id = folded(scope, call, op)?;
    Ok(vec![scope.given(id)])
}

/// `Mean`: the sum of the broadcast operands divided by their number. `Err` for integers and booleans, and
/// where the shapes do not broadcast.
pub fn mean(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let sum = folded(scope, call, BinaryOp::Add)?;
    let shape = scope.shape(sum).to_vec();
    let count = Tensor::scalar(call.inputs.len() as f32);
    let count = scope.constant(&format!("{}/count", call.output(0)), count);
    scope.set_kind(count, scope.kind(sum));
    scope.emit(call, Op::Binary(BinaryOp::Div), vec![sum, count], &shape)
}

/// The operands combined by `op` from the first on, integers as data; the last result carries the name of the
/// call's output, the others `OUTPUT/1`, `OUTPUT/2`, ... A single operand is the result itself, without a
/// node; there is at least one. `Err` where the shapes do not broadcast.
fn folded(scope: &mut Scope, call: &Call<'_>, op: BinaryOp) -> Read<ValueId> {
    let mut result = call.data(scope, 0, "data")?;
    let last = call.inputs.len() - 1;
    for index in 1..=last {
        let next = call.data(scope, index, "data")?;
        let shape = broadcast(scope.shape(result), scope.shape(next))?;
        let name = match index == last {
            true => call.output(0).to_string(),
            false => format!("{}/{index}", call.output(0)),
        };
        result = scope.node(call, Op::Binary(op), vec![result, next], &name, &shape)?;
    }
    Ok(result)
}

/// `Where`: `X` where the condition is not 0, else `Y`, broadcast. Known integers are calculated; a constant
/// condition that is the same everywhere gives its operand alone, if that has the result's shape. `Err` where
/// the shapes do not broadcast.
pub fn choose(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    if call.inputs.iter().all(|input| matches!(input, Some(Operand::Integers(_)))) {
        return chosen(scope, call);
    }
    let condition = call.data(scope, 0, "condition")?;
    let (x, y) = (call.data(scope, 1, "X")?, call.data(scope, 2, "Y")?);
    let shape = broadcast(scope.shape(condition), scope.shape(x))?;
    let shape = broadcast(&shape, scope.shape(y))?;
    for (chosen, zero) in [(x, false), (y, true)] {
        let all = |condition: &[f32]| condition.iter().all(|value| (*value == 0.0) == zero);
        if scope.known(condition).is_some_and(all) && scope.shape(chosen) == shape {
            return scope.emit(call, Op::Reshape, vec![chosen], &shape);
        }
    }
    scope.emit(call, Op::Where, vec![condition, x, y], &shape)
}

/// `choose` of known integers, calculated. `Err` where the shapes do not broadcast.
fn chosen(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let condition = call.known_integers(0, "condition")?;
    let (x, y) = (call.known_integers(1, "X")?, call.known_integers(2, "Y")?);
    let shape = broadcast(&broadcast(&condition.shape, &x.shape)?, &y.shape)?;
    scope.spend(shape.iter().product())?;
    let (x, y) = (x.expand(&shape).data, y.expand(&shape).data);
    let pick = |(condition, (x, y)): (&i64, (i64, i64))| if *condition != 0 { x } else { y };
    let data = condition.expand(&shape).data.iter().zip(x.into_iter().zip(y)).map(pick).collect();
    integers(Tensor { shape, data })
}

/// `Not`: 1 where a value is 0, else 0; known integers are calculated.
pub fn not(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    match call.operand(0, "X")? {
        Operand::Integers(_) => unary_any(scope, call, Unary::Not, |x| Some(i64::from(x == 0))),
        x @ Operand::Float(_) => {
            let shape = shape_of(scope, &x).to_vec();
            let x = call.float(0, "X")?;
            scope.emit(call, Op::Unary(Unary::Not), vec![x], &shape)
        }
    }
}

/// `f` of each pair of the broadcast integers, as the call's only output. `Err` where the shapes do not
/// broadcast or an `f` is `None`.
fn combine(
    scope: &mut Scope,
    a: &Tensor<i64>,
    b: &Tensor<i64>,
    f: impl Fn(i64, i64) -> Option<i64>,
) -> Outputs {
    let shape = broadcast(&a.shape, &b.shape)?;
    scope.spend(shape.iter().product())?;
    let pairs = a.expand(&shape).data.into_iter().zip(b.expand(&shape).data);
    calculated(pairs.map(|(a, b)| f(a, b)).collect(), &shape)
}

/// These integers as the call's only output; `Err` (an overflow or a division by zero) where `data` is
/// `None`.
fn calculated(data: Option<Vec<i64>>, shape: &[usize]) -> Outputs {
    match data {
        Some(data) => integers(Tensor { shape: shape.to_vec(), data }),
        None => refuse(
            "this integer calculation overflows or divides by zero",
            "check the shapes it starts from",
        ),
    }
}
