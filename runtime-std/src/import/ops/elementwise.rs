//! Operators that work value by value.

use super::super::graph::{Op, ValueId};
use super::super::problem::{Read, refuse};
use super::super::scope::{Call, Comparison, Operand, Outputs, Scope, integers};
use super::super::tensor::{Tensor, broadcast};
use elbow_core::kernels::{BinaryOp, Unary};

/// A function of one value.
pub fn unary(scope: &mut Scope, call: &Call<'_>, f: Unary) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    scope.emit(call, Op::Unary(f), vec![x], &shape)
}

/// Gelu, exact or approximate.
pub fn gelu(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    match call.string("approximate")? {
        None | Some("none") => unary(scope, call, Unary::Gelu),
        Some("tanh") => unary(scope, call, Unary::GeluTanh),
        Some(other) => call.refuse_value("approximate", other, "`none` or `tanh`"),
    }
}

/// Elu; `alpha` is 1 where it is left out.
pub fn elu(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let alpha = call.number("alpha")?.unwrap_or(1.0);
    unary(scope, call, Unary::Elu(alpha))
}

/// Leaky Relu; `alpha` is 0.01 where it is left out.
pub fn leaky_relu(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let alpha = call.number("alpha")?.unwrap_or(0.01);
    unary(scope, call, Unary::LeakyRelu(alpha))
}

/// Limits were attributes before opset 11, and are inputs since.
pub fn clip(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let low = limit(scope, call, 1, "min")?.unwrap_or(f32::MIN);
    let high = limit(scope, call, 2, "max")?.unwrap_or(f32::MAX);
    unary(scope, call, Unary::Clip(low, high))
}

fn limit(scope: &Scope, call: &Call<'_>, input: usize, name: &str) -> Read<Option<f32>> {
    if let Some(limit) = call.number(name)? {
        return Ok(Some(limit));
    }
    let Some(id) = call.optional_float(input, name)? else { return Ok(None) };
    match scope.known_number(id) {
        Some(limit) => Ok(Some(limit)),
        None => refuse(format!("the limit `{name}` is no constant number"), "clip to a constant"),
    }
}

/// A function of two values; of integers it is calculated.
pub fn binary(scope: &mut Scope, call: &Call<'_>, op: BinaryOp) -> Outputs {
    if let (Operand::Integers(a), Operand::Integers(b)) =
        (call.operand(0, "A")?, call.operand(1, "B")?)
    {
        return combine(scope, &a, &b, |a, b| match op {
            BinaryOp::Add => a.checked_add(b),
            BinaryOp::Sub => a.checked_sub(b),
            BinaryOp::Mul => a.checked_mul(b),
            BinaryOp::Div => a.checked_div(b),
            _ => None,
        });
    }
    let (a, b): (ValueId, ValueId) = (call.float(0, "A")?, call.float(1, "B")?);
    let shape = broadcast(scope.shape(a), scope.shape(b))?;
    scope.emit(call, Op::Binary(op), vec![a, b], &shape)
}

/// Whether integers are equal.
pub fn equal(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (a, b) = (call.known_integers(0, "A")?, call.known_integers(1, "B")?);
    combine(scope, &a, &b, |a, b| Some(i64::from(a == b)))
}

/// `x > number`, which only the threshold of softplus may ask.
pub fn greater(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, limit) = (call.float(0, "A")?, call.float(1, "B")?);
    match scope.known_number(limit) {
        Some(number) => scope.compare(call, Comparison { x, number }),
        None => refuse("compares data with data", THRESHOLD_ONLY),
    }
}

const THRESHOLD_ONLY: &str =
    "comparisons are understood in softplus(x) with beta = 1 and a threshold of at least 16 only";

/// From here on `softplus(x) = x` to the last bit of f32.
const SOFTPLUS_THRESHOLD: f32 = 16.0;

/// `Where(x > threshold, x, Softplus(x))`, as PyTorch's dynamo exporter writes softplus.
fn thresholded_softplus(scope: &Scope, call: &Call<'_>, condition: ValueId) -> Outputs {
    let (x, y) = (call.float(1, "X")?, call.float(2, "Y")?);
    let maker = scope.nodes.iter().rev().find(|node| node.output == y);
    let softplus = maker.is_some_and(|n| n.op == Op::Unary(Unary::Softplus) && n.inputs == [x]);
    match scope.comparison(condition) {
        Some(c) if softplus && c.x == x && c.number >= SOFTPLUS_THRESHOLD => {
            Ok(vec![Operand::Float(y)])
        }
        _ => refuse("chooses by data", THRESHOLD_ONLY),
    }
}

/// The larger or smaller of data and a number: a limit on one side.
pub fn bound(scope: &mut Scope, call: &Call<'_>, limits: fn(f32) -> Unary) -> Outputs {
    let (a, b) = (call.float(0, "A")?, call.float(1, "B")?);
    let (x, number) = match (scope.known_number(a), scope.known_number(b)) {
        (_, Some(number)) => (a, number),
        (Some(number), None) => (b, number),
        _ => return refuse("compares data with data", "bound data by a number only, as Clip does"),
    };
    let shape = scope.shape(x).to_vec();
    if broadcast(scope.shape(a), scope.shape(b))? != shape {
        return refuse("the number broadcasts the data", "give the number the shape []");
    }
    scope.emit(call, Op::Unary(limits(number)), vec![x], &shape)
}

/// Integers of one of two tensors, by a third; of data, the threshold of softplus.
pub fn choose(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    if let Operand::Float(condition) = call.operand(0, "condition")? {
        return thresholded_softplus(scope, call, condition);
    }
    let condition = call.known_integers(0, "condition")?;
    let (x, y) = (call.known_integers(1, "X")?, call.known_integers(2, "Y")?);
    let shape = broadcast(&broadcast(&condition.shape, &x.shape)?, &y.shape)?;
    scope.spend(shape.iter().product())?;
    let (x, y) = (x.expand(&shape).data, y.expand(&shape).data);
    let pick = |(condition, (x, y)): (&i64, (i64, i64))| if *condition != 0 { x } else { y };
    let data = condition.expand(&shape).data.iter().zip(x.into_iter().zip(y)).map(pick).collect();
    integers(Tensor { shape, data })
}

fn combine(
    scope: &mut Scope,
    a: &Tensor<i64>,
    b: &Tensor<i64>,
    f: impl Fn(i64, i64) -> Option<i64>,
) -> Outputs {
    let shape = broadcast(&a.shape, &b.shape)?;
    scope.spend(shape.iter().product())?;
    let pairs = a.expand(&shape).data.into_iter().zip(b.expand(&shape).data);
    match pairs.map(|(a, b)| f(a, b)).collect() {
        Some(data) => integers(Tensor { shape, data }),
        None => refuse(
            "this integer calculation overflows or divides by zero",
            "check the shapes it starts from",
        ),
    }
}
