//! Operators that move values: transpose, join, repeat.

use super::super::graph::{Op, ValueId};
use super::super::problem::{Read, invalid};
use super::super::scope::{Call, Operand, Outputs, Scope, integers, one};
use super::super::tensor::{Tensor, broadcast, checked_shape, len, resolve_axis, strides};
use super::reshape::shape_of;
use std::rc::Rc;

/// `y.shape[i] = x.shape[perm[i]]`; reversed where `perm` is left out.
pub fn transpose(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let x = call.operand(0, "data")?;
    let from = shape_of(scope, &x).to_vec();
    let perm = match call.ints("perm")? {
        Some(perm) => permutation(perm, from.len())?,
        None => (0..from.len()).rev().collect(),
    };
    let shape: Vec<usize> = perm.iter().map(|&axis| from[axis]).collect();
    match x {
        Operand::Float(x) => scope.emit(call, Op::Transpose { perm }, vec![x], &shape),
        Operand::Integers(x) => {
            scope.spend(x.data.len())?;
            let own = strides(&from);
            let steps: Vec<isize> = perm.iter().map(|&axis| own[axis]).collect();
            integers(x.strided(&shape, 0, &steps))
        }
    }
}

fn permutation(perm: &[i64], rank: usize) -> Read<Vec<usize>> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..rank as i64) {
        return invalid(format!("`perm` is {perm:?}, expected each of the {rank} axes once"));
    }
    Ok(perm.iter().map(|&axis| axis as usize).collect())
}

/// Joins tensors along an axis.
pub fn concat(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let operands: Vec<Operand> =
        (0..call.inputs.len()).map(|i| call.operand(i, "inputs")).collect::<Read<_>>()?;
    let Some(axis) = call.int("axis")? else { return invalid("its `axis` is missing") };
    let mut shape = shape_of(scope, &operands[0]).to_vec();
    let axis = resolve_axis(axis, shape.len())?;
    for operand in &operands[1..] {
        let other = shape_of(scope, operand);
        let fits = other.len() == shape.len()
            && (0..shape.len()).all(|i| i == axis || other[i] == shape[i]);
        if !fits {
            return invalid(format!("{other:?} cannot be joined to {shape:?} along axis {axis}"));
        }
        shape[axis] += other[axis];
    }
    let shape = checked_shape(&shape.iter().map(|&size| size as i64).collect::<Vec<_>>())?;
    if operands.iter().all(|operand| matches!(operand, Operand::Integers(_))) {
        return joined(scope, &operands, axis, shape);
    }
    let inputs: Vec<ValueId> =
        (0..operands.len()).map(|i| call.float(i, "inputs")).collect::<Read<_>>()?;
    let inputs = inputs.into_iter().filter(|&id| !scope.values[id].is_empty()).collect();
    scope.emit(call, Op::Concat { axis }, inputs, &shape)
}

fn joined(scope: &mut Scope, operands: &[Operand], axis: usize, shape: Vec<usize>) -> Outputs {
    scope.spend(len(&shape))?;
    let mut data = Vec::with_capacity(len(&shape));
    for block in 0..len(&shape[..axis]) {
        for operand in operands {
            if let Operand::Integers(tensor) = operand {
                let size = len(&tensor.shape[axis..]);
                data.extend_from_slice(&tensor.data[block * size..][..size]);
            }
        }
    }
    integers(Tensor { shape, data })
}

/// Repeats along axes of length 1, and along new ones in front.
pub fn expand(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let (x, target) = (call.operand(0, "input")?, call.known_integers(1, "shape")?);
    let from = shape_of(scope, &x).to_vec();
    let shape = broadcast(&from, &checked_shape(&target.data)?)?;
    if shape == from {
        return Ok(vec![x]);
    }
    match x {
        Operand::Integers(x) => {
            scope.spend(len(&shape))?;
            Ok(vec![Operand::Integers(Rc::new(x.expand(&shape)))])
        }
        Operand::Float(id) => match scope.known(id) {
            Some(data) => {
                let tensor = Tensor { shape: from, data: data.to_vec() };
                scope.spend(len(&shape) + tensor.data.len())?;
                Ok(one(scope.constant(call.output(0), tensor.expand(&shape))))
            }
            None => scope.emit(call, Op::Expand, vec![id], &shape),
        },
    }
}
