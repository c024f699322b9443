//! Operators that are calculated from what is known at import, and never run.
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

use super::super::kind::{Kind, float_cure};
use super::super::problem::{Read, Refusal, invalid, refuse};
use super::super::proto::data_type_name;
use super::super::scope::{Call, Operand, Outputs, Scope, integers, one};
use super::super::tensor::{Tensor, len, strides};
use super::reshape::shape_of;
use std::cmp::Ordering;
use std::rc::Rc;

/// `If` with a condition that is not known at import: always `Err`. Where it is known, import reads the
/// chosen branch and never gets here.
pub fn branch(_: &mut Scope, _: &Call<'_>) -> Outputs {
    Err(undecided())
}

/// The reason and advice for an `If` whose condition depends on data.
pub fn undecided() -> Refusal {
    Refusal::new("its condition is computed, it depends on data", super::advice("If"))
}

/// `EyeLike`: 1 where `column == row + k` (`k` defaults to 0), else 0, as a matrix of the operand's shape and
/// of the type `dtype`, by default the operand's. Any type but float32 gives known integers. `Err` for an
/// operand that is no matrix, or an unsupported `dtype`.
pub fn eye_like(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "input")?;
    let &[rows, columns] = shape_of(scope, &x) else {
        let found = shape_of(scope, &x);
        return invalid(format!("its input has shape {found:?}, expected a matrix"));
    };
    let k = call.int("k")?.unwrap_or(0);
    scope.spend(rows.saturating_mul(columns))?;
    let is_one = |at: usize| Some((at % columns) as i64) == k.checked_add((at / columns) as i64);
    let ones = (0..rows * columns).map(|at| i64::from(is_one(at)));
    let shape = vec![rows, columns];
    let own = match &x {
        Operand::Float(id) => scope.kind(*id),
        Operand::Integers(_) => Kind::Integer,
    };
    let kind = match call.int("dtype")?.map(i32::try_from) {
        None => Some(own),
        Some(Ok(given)) => match Kind::of(given) {
            None => {
                let found = data_type_name(given);
                return refuse(format!("gives {found}, expected float32"), float_cure(given));
            }
            kind => kind,
        },
        Some(Err(_)) => return invalid("its `dtype` is no element type"),
    };
    match kind {
        Some(Kind::Float) => {
            let data = ones.map(|one| one as f32).collect();
            Ok(one(scope.constant(call.output(0), Tensor { shape, data })))
        }
        _ => integers(Tensor { shape, data: ones.collect() }),
    }
}

/// `TopK` of a known operand: the `k` largest values along `axis` (default -1) from the largest on, or the
/// smallest from the smallest on where `largest` is 0, and their indices; of equal ones the first comes
/// first, NaN lies beyond infinity on the side of its sign. `Err` for a computed operand, or a `k` that is
/// negative or beyond the axis.
pub fn top_k(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = KnownOperand::of(scope, call, "X")?;
    let count = match call.int("k")? {
        Some(count) => Some(count),
        None => call.known_integers(1, "K")?.single(),
    };
    let Some(count) = count else { return invalid("its `K` is no single number") };
    let axis = call.axis("axis", -1, x.shape.len())?;
    let size = x.shape[axis];
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= size) else {
        return invalid(format!("its `K` is {count}, but the axis {axis} has a length of {size}"));
    };
    scope.spend(x.len().saturating_mul(2))?;
    let largest = call.int("largest")?.unwrap_or(1) != 0;
    let order = |a: &usize, b: &usize| match largest {
        true => x.order(*b, *a),
        false => x.order(*a, *b),
    };
    let step = strides(&x.shape)[axis] as usize;
    let mut shape = x.shape.clone();
    shape[axis] = count;
    let own = strides(&shape)[axis] as usize;
    let (mut places, mut indices) = (vec![0; len(&shape)], vec![0; len(&shape)]);
    for line in 0..len(&shape) / count.max(1) {
        let (outer, inner) = (line / step, line % step);
        let start = outer * size * step + inner;
        let mut line: Vec<usize> = (0..size).map(|index| start + index * step).collect();
        line.sort_by(order);
        for (rank, place) in line.into_iter().take(count).enumerate() {
            let at = outer * count * own + rank * own + inner;
            (places[at], indices[at]) = (place, ((place - start) / step) as i64);
        }
    }
    let values = x.taken(scope, call.output(0), &places, &shape);
    Ok(vec![values, Operand::Integers(Rc::new(Tensor { shape, data: indices }))])
}

/// `NonZero` of a known operand: indices `[rank, count]` of the values other than 0, NaN among them, in
/// row-major order. `Err` for a computed operand.
pub fn non_zero(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = KnownOperand::of(scope, call, "X")?;
    let places: Vec<usize> = (0..x.len()).filter(|&at| !x.is_zero(at)).collect();
    scope.spend(x.len().saturating_add(places.len().saturating_mul(x.shape.len())))?;
    let steps = strides(&x.shape);
    let along = |axis: usize| {
        let (step, size) = (steps[axis] as usize, x.shape[axis]);
        places.iter().map(move |place| (place / step % size) as i64)
    };
    let data = (0..x.shape.len()).flat_map(along).collect();
    integers(Tensor { shape: vec![x.shape.len(), places.len()], data })
}

/// An operand whose values are known at import.
struct KnownOperand {
    shape: Vec<usize>,
    values: Values,
}

/// Its values: floats with what they stand for, or integers.
enum Values {
    Floats(Vec<f32>, Kind),
    Integers(Rc<Tensor<i64>>),
}

impl KnownOperand {
    /// The call's first operand, which messages name `role`. `Err` where it is computed, or is a float64
    /// constant that float32 does not hold.
    fn of(scope: &Scope, call: &Call<'_>, role: &str) -> Read<Self> {
        let x = call.operand(0, role)?;
        let shape = shape_of(scope, &x).to_vec();
        let values = match x {
            Operand::Integers(x) => Values::Integers(x),
            Operand::Float(id) => match scope.known(id) {
                Some(values) => {
                    scope.check_exact(id)?;
                    Values::Floats(values.to_vec(), scope.kind(id))
                }
                None => {
                    return refuse(
                        "its operand is computed, and what it gives depends on data",
                        "calculate it before exporting where it does not depend on data; else leave it \
                         out of the model",
                    );
                }
            },
        };
        Ok(Self { shape, values })
    }

    /// Number of values.
    fn len(&self) -> usize {
        len(&self.shape)
    }

    /// Whether the value at this row-major position is 0 or -0.
    fn is_zero(&self, at: usize) -> bool {
        match &self.values {
            Values::Floats(values, _) => values[at] == 0.0,
            Values::Integers(x) => x.data[at] == 0,
        }
    }

    /// The value at position `a` compared with that at `b`: -0 equals 0, NaN lies beyond infinity on the side
    /// of its sign.
    fn order(&self, a: usize, b: usize) -> Ordering {
        match &self.values {
            // Zeros are equal, whatever their sign.
            Values::Floats(values, _) => (values[a] + 0.0).total_cmp(&(values[b] + 0.0)),
            Values::Integers(x) => x.data[a].cmp(&x.data[b]),
        }
    }

    /// The values at these row-major positions, as a tensor of this shape; floats become a constant called
    /// `name` in `scope`.
    fn taken(&self, scope: &mut Scope, name: &str, places: &[usize], shape: &[usize]) -> Operand {
        let shape = shape.to_vec();
        match &self.values {
            Values::Floats(values, kind) => {
                let data = places.iter().map(|&place| values[place]).collect();
                let id = scope.constant(name, Tensor { shape, data });
                scope.set_kind(id, *kind);
                Operand::Float(id)
            }
            Values::Integers(x) => {
                let data = places.iter().map(|&place| x.data[place]).collect();
                Operand::Integers(Rc::new(Tensor { shape, data }))
            }
        }
    }
}
