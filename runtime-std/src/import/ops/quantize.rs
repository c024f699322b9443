//! `QuantizeLinear` and `DequantizeLinear`: values that a file rounds to eight bits, and weights that it
//! stores as such.
//!
//! The result of a quantizer is held as the floats that its integers stand for, so that a dequantizer behind
//! it only passes them on. The format of the integers is that of the node (`Op::Round`); the integers of
//! weights are kept in `Scope::quantized`.
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

use crate::import::kind::{Kind, float_cure};
use crate::import::problem::{Read, invalid, refuse};
use crate::import::proto::{data_type, data_type_name};
use crate::import::scope::{Call, Operand, Outputs, Scope, one};
use crate::import::tensor::{Tensor, resolve_axis};
use crate::ir::{Format, Op, QuantizedWeights, ValueId};

/// Difference of a u8 and the i8 that stands for the same number: integers are held as i8.
const UNSIGNED_OFFSET: i32 = 128;

/// `QuantizeLinear`: data rounded to the values that int8 or uint8 stand for (`Op::Round`), named
/// `OUTPUT/rounded`; a constant becomes integers, see `integers`. `Err` for data with a scale per channel,
/// blocks, a division in another type than float32, and as `Steps::of`.
pub(super) fn quantize(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    plain(call)?;
    in_float32(call, "precision", "divides")?;
    let x = call.float(0, "x")?;
    let steps = Steps::of(scope, call)?;
    if scope.known(x).is_some() {
        return integers(scope, call, x, &steps);
    }
    let Steps { scale, zero_point, signed, .. } = steps;
    let (&[scale], &[zero_point]) = (&scale[..], &zero_point[..]) else {
        return refuse(
            "quantizes data with a scale per channel",
            "quantize activations per tensor; weights may have a scale per channel",
        );
    };
    let format = eight_bits(scale, zero_point, signed);
    let shape = scope.shape(x).to_vec();
    // Not the file's name, which is that of the integers: these are the floats they stand for.
    let id = scope.step(call, Op::Round(format), &[x], "rounded", &shape)?;
    let (scale, zero_point) = (format.scale.to_bits(), format.zero_point);
    scope.set_kind(id, Kind::Quantized { scale, zero_point, signed });
    Ok(one(id))
}

/// The constant `x` as quantized integers, the call's output: floats that hold them, of kind int8 or uint8,
/// for the dequantizer behind. `Err` where the scales do not fit the shape.
fn integers(scope: &mut Scope, call: &Call<'_>, x: ValueId, steps: &Steps) -> Outputs {
    let shape = scope.shape(x).to_vec();
    let values = scope.known(x).unwrap_or_default().to_vec();
    scope.spend(values.len())?;
    let (channel, offset) = (steps.channel(&shape)?, offset(steps.signed));
    let integer = |(at, value): (usize, &f32)| {
        let (scale, zero_point) = (steps.scale[channel(at)], steps.zero_point[channel(at)]);
        (eight_bits(scale, zero_point, steps.signed).quantize(*value) + offset) as f32
    };
    let data = values.iter().enumerate().map(integer).collect();
    let id = scope.constant(call.output(0), Tensor { shape, data });
    scope.set_kind(id, if steps.signed { Kind::Signed8 } else { Kind::Unsigned8 });
    Ok(one(id))
}

/// The format of int8 (`signed`) or uint8: both are held as i8, for which the zero point of uint8 is lowered
/// by 128.
fn eight_bits(scale: f32, zero_point: i32, signed: bool) -> Format {
    Format { scale, zero_point: zero_point - offset(signed), low: -128, high: 127 }
}

/// Difference of an integer of the file and the i8 that holds it: 0 for int8, 128 for uint8.
fn offset(signed: bool) -> i32 {
    if signed { 0 } else { UNSIGNED_OFFSET }
}

/// `DequantizeLinear`: `(x - zero_point) * scale`. Constant integers become constant floats, see `weights`;
/// what a QuantizeLinear of the same scale and zero point gives is passed on as data. `Err` for any other
/// operand, another scale or zero point, blocks, and an `output_dtype` other than float32.
pub(super) fn dequantize(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    plain(call)?;
    in_float32(call, "output_dtype", "gives")?;
    let steps = Steps::of(scope, call)?;
    match call.operand(0, "x")? {
        Operand::Integers(x) => {
            let integers = Tensor { shape: x.shape.clone(), data: x.data.clone() };
            weights(scope, call, &integers, &steps)
        }
        Operand::Float(x) => match (scope.kind(x), scope.known(x)) {
            (Kind::Signed8 | Kind::Unsigned8, Some(values)) => {
                let data = values.iter().map(|value| *value as i64).collect();
                let integers = Tensor { shape: scope.shape(x).to_vec(), data };
                weights(scope, call, &integers, &steps)
            }
            (Kind::Quantized { scale, zero_point, .. }, _) => {
                let own = (f32::from_bits(scale), zero_point);
                let zero_point = own.1 + offset(steps.signed);
                let same = steps.scale[..] == [own.0] && steps.zero_point[..] == [zero_point];
                if !same {
                    return refuse(
                        "takes integers that were quantized with another scale or zero point",
                        "give QuantizeLinear and the DequantizeLinear behind it the same scale and zero point",
                    );
                }
                // The value itself, which from here on counts as data.
                let shape = scope.shape(x).to_vec();
                let id = scope.node(call, Op::Reshape, vec![x], call.output(0), &shape)?;
                scope.set_kind(id, Kind::Float);
                Ok(one(id))
            }
            (kind, _) => refuse(
                format!(
                    "takes {kind}, expected what a QuantizeLinear gives, or weights of int8 or uint8"
                ),
                "let a QuantizeLinear stand in front of it",
            ),
        },
    }
}

/// `Err` where the call quantizes in blocks (`block_size` other than 0).
fn plain(call: &Call<'_>) -> Read<()> {
    if call.int("block_size")?.unwrap_or(0) != 0 {
        return refuse("quantizes in blocks", "quantize per tensor, or weights per channel");
    }
    Ok(())
}

/// `Err`, which names what the call does (`verb`), where its element type `name` is given and not float32.
fn in_float32(call: &Call<'_>, name: &str, verb: &str) -> Read<()> {
    match element_type(call, name)? {
        None | Some(data_type::FLOAT) => Ok(()),
        Some(other) => {
            let found = data_type_name(other);
            refuse(format!("{verb} in {found}, expected float32"), float_cure(other))
        }
    }
}

/// The element type that an attribute of the call asks for; `None` where it is missing or 0. `Err` where it is
/// no element type.
fn element_type(call: &Call<'_>, name: &str) -> Read<Option<i32>> {
    match call.int(name)?.map(i32::try_from) {
        None | Some(Ok(0)) => Ok(None),
        Some(Ok(found)) => Ok(Some(found)),
        Some(Err(_)) => invalid(format!("its `{name}` is no element type")),
    }
}

/// Whether the `output_dtype` of a quantizer is int8 rather than uint8; `None` where it is left out, and for a
/// dequantizer. `Err` for any other type.
fn signed_output(call: &Call<'_>) -> Read<Option<bool>> {
    if call.node.op_type != "QuantizeLinear" {
        return Ok(None);
    }
    match element_type(call, "output_dtype")? {
        None => Ok(None),
        Some(data_type::INT8) => Ok(Some(true)),
        Some(data_type::UINT8) => Ok(Some(false)),
        Some(other) => {
            let found = data_type_name(other);
            refuse(format!("gives {found}, expected int8 or uint8"), float_cure(other))
        }
    }
}

/// Scale and zero point of a quantizer: one of each for the tensor, or one per channel.
struct Steps {
    scale: Vec<f32>,
    zero_point: Vec<i32>,
    signed: bool,
    /// Axis of the channels, as the file gives it: negative ones count from the end, 1 by default.
    axis: i64,
}

impl Steps {
    /// Scale and zero point of the call, the latter 0 where it is left out. `Err` unless both are constants
    /// of one length, each scale is finite and above 0, and the zero point is of an integer type: of int8 or
    /// uint8 for a quantizer, and of its `output_dtype` where that is given.
    fn of(scope: &Scope, call: &Call<'_>) -> Read<Self> {
        let constants =
            "quantize the model statically, so that scales and zero points are constants";
        let scale = call.float(1, "scale")?;
        let Some(scale) = scope.known(scale).map(<[f32]>::to_vec) else {
            return refuse("its scale depends on the data", constants);
        };
        if scale.iter().any(|scale| !(scale.is_finite() && *scale > 0.0)) {
            return invalid("its scale is not a positive number");
        }
        let output = signed_output(call)?;
        let quantizes = call.node.op_type == "QuantizeLinear";
        let (zero_point, signed) = match call.inputs.get(2) {
            Some(Some(Operand::Float(id))) => match (scope.kind(*id), scope.known(*id)) {
                (kind @ (Kind::Signed8 | Kind::Unsigned8), Some(values)) => {
                    (values.iter().map(|value| *value as i32).collect(), kind == Kind::Signed8)
                }
                _ => return refuse("its zero point is no constant of int8 or uint8", constants),
            },
            Some(Some(Operand::Integers(_))) if quantizes => {
                return refuse("its zero point is no constant of int8 or uint8", constants);
            }
            Some(Some(Operand::Integers(values))) => {
                (values.data.iter().map(|value| *value as i32).collect(), true)
            }
            // Without a zero point it is 0.
            _ => (vec![0; scale.len()], output.unwrap_or_else(|| Self::signed(scope, call))),
        };
        if output.is_some_and(|output| output != signed) {
            return invalid("its `output_dtype` is not the type of its zero point");
        }
        if zero_point.len() != scale.len() {
            return invalid("has scales and zero points of different lengths");
        }
        Ok(Self { scale, zero_point, signed, axis: call.int("axis")?.unwrap_or(1) })
    }

    /// Whether the integers are signed, where neither zero point nor `output_dtype` gives their type: true for
    /// a dequantizer of int8 or int32, false for one of uint8, and for a quantizer.
    fn signed(scope: &Scope, call: &Call<'_>) -> bool {
        match call.inputs.first() {
            Some(Some(Operand::Float(id))) => {
                matches!(scope.kind(*id), Kind::Signed8 | Kind::Quantized { signed: true, .. })
            }
            _ => call.node.op_type == "DequantizeLinear",
        }
    }

    /// The function from a value's row-major index in a tensor of this shape to the index of its scale: 0 for
    /// all where there is one scale. `Err` where the axis does not exist or has another length than there are
    /// scales.
    fn channel(&self, shape: &[usize]) -> Read<impl Fn(usize) -> usize + use<>> {
        let count = self.scale.len();
        let (inner, len) = match count {
            1 => (1, 1),
            _ => {
                let axis = resolve_axis(self.axis, shape.len())?;
                (shape[axis + 1..].iter().product::<usize>(), shape[axis])
            }
        };
        if count > 1 && len != count {
            return invalid(format!("has {count} scales for an axis of {len}"));
        }
        Ok(move |index: usize| index / inner.max(1) % len.max(1))
    }
}

/// The constant `(x - zero_point) * scale`, the call's output. The integers `x - zero_point` and the scales
/// are kept in `scope.quantized`, by the constant's name. `x` holds integers of at most 32 bits. `Err` where
/// the scales do not fit the shape.
fn weights(scope: &mut Scope, call: &Call<'_>, x: &Tensor<i64>, steps: &Steps) -> Outputs {
    scope.spend(x.data.len())?;
    let channel = steps.channel(&x.shape)?;
    let places = x.data.iter().enumerate();
    let integers: Vec<i32> =
        places.map(|(at, q)| (*q as i32).saturating_sub(steps.zero_point[channel(at)])).collect();
    let places = integers.iter().enumerate();
    let data = places.map(|(at, q)| *q as f32 * steps.scale[channel(at)]).collect();
    let id: ValueId = scope.constant(call.output(0), Tensor { shape: x.shape.clone(), data });
    let name = scope.values[id].name.clone();
    scope.quantized.insert(name, QuantizedWeights { integers, scales: steps.scale.clone() });
    Ok(one(id))
}
