//! Tensors whose values are known before running, and the shapes of all the others.

use super::dims::{self, MAX_LEN};
use super::kind::{Kind, float_cure};
use super::problem::{Read, Refusal, invalid, refuse, shown};
use super::proto::{self, data_type};
use std::collections::HashSet;

/// Most axes that a tensor may have.
pub(super) const MAX_RANK: usize = 8;

/// A row-major tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor<T> {
    pub shape: Vec<usize>,
    pub data: Vec<T>,
}

/// A tensor of the file: data, or integers for shapes and axes (booleans count as 0 and 1).
pub(super) enum Initializer {
    Floats(Tensor<f32>),
    Integers(Tensor<i64>),
    /// Of another type: whole numbers of int8 or uint8, which only quantizers read, or floats that are cast.
    Other(Tensor<f32>, Kind),
}

impl<T: Copy> Tensor<T> {
    /// A tensor of shape `[]`.
    pub fn scalar(value: T) -> Self {
        Self { shape: Vec::new(), data: vec![value] }
    }

    /// A tensor of one axis.
    pub fn row(data: Vec<T>) -> Self {
        Self { shape: vec![data.len()], data }
    }

    /// The value of a tensor with exactly one, whatever its rank; `None` for any other.
    pub fn single(&self) -> Option<T> {
        match self.data[..] {
            [value] => Some(value),
            _ => None,
        }
    }

    /// The tensor `y` of this shape with `y[i] = x[start + sum_k i[k] * steps[k]]` by row-major position in
    /// `x`. Panics where a position lies outside, which callers rule out.
    pub fn strided(&self, shape: &[usize], start: usize, steps: &[isize]) -> Self {
        let len: usize = shape.iter().product();
        let mut data = Vec::with_capacity(len);
        let mut index = vec![0; shape.len()];
        let mut at = start as isize;
        for _ in 0..len {
            data.push(self.data[at as usize]);
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                at += steps[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                at -= steps[axis] * shape[axis] as isize;
                index[axis] = 0;
            }
        }
        Self { shape: shape.to_vec(), data }
    }

    /// The tensor broadcast to this shape: repeated along axes of length 1, and along new ones in front. The
    /// caller has checked that the shapes fit.
    pub fn expand(&self, shape: &[usize]) -> Self {
        let lead = shape.len() - self.shape.len();
        let own = strides(&self.shape);
        let step = |axis: usize| match axis.checked_sub(lead) {
            Some(own_axis) if self.shape[own_axis] != 1 => own[own_axis],
            _ => 0,
        };
        let steps: Vec<isize> = (0..shape.len()).map(step).collect();
        self.strided(shape, 0, &steps)
    }
}

/// Row-major strides of a shape, in values.
pub(super) fn strides(shape: &[usize]) -> Vec<isize> {
    let mut steps = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        steps[axis - 1] = steps[axis] * shape[axis] as isize;
    }
    steps
}

/// Number of values of a shape; it does not overflow for a shape from [`checked_shape`].
pub(super) fn len(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Lengths from a file or a calculation as a shape. An error where one is negative, where there are more than
/// [`MAX_RANK`] axes, or where the shape holds more than [`MAX_LEN`] values, with lengths of 0 counted as 1.
pub(super) fn checked_shape(dims: &[i64]) -> Read<Vec<usize>> {
    if dims.len() > MAX_RANK {
        return refuse(
            format!("a tensor of {} axes, at most {MAX_RANK} are supported", dims.len()),
            SMALLER,
        );
    }
    let mut shape = Vec::with_capacity(dims.len());
    let mut len: usize = 1;
    for &dim in dims {
        let Ok(size) = usize::try_from(dim) else {
            return invalid(format!("the shape {dims:?} has a negative axis"));
        };
        len = len.saturating_mul(size.max(1));
        shape.push(size);
    }
    if len > MAX_LEN {
        return refuse(format!("the shape {dims:?} holds more than {MAX_LEN} values"), SMALLER);
    }
    Ok(shape)
}

const SMALLER: &str = "a model for a microcontroller has to be far smaller; \
    if it is, the file is damaged: export it again";

/// The values of a tensor of the file. An error where its type is not supported, its shape is too large or
/// invalid, or its data do not have the length of its shape.
pub(super) fn load(tensor: &proto::TensorProto) -> Read<Initializer> {
    let shape = checked_shape(&tensor.dims)?;
    match tensor.data_type {
        data_type::FLOAT => Ok(Initializer::Floats(floats(tensor, shape)?)),
        data_type::INT64 | data_type::INT32 | data_type::BOOL => {
            Ok(Initializer::Integers(integers(tensor, shape)?))
        }
        data_type::INT8 => Ok(Initializer::Other(bytes(tensor, shape)?, Kind::Signed8)),
        data_type::UINT8 => Ok(Initializer::Other(bytes(tensor, shape)?, Kind::Unsigned8)),
        of @ (data_type::FLOAT16 | data_type::BFLOAT16) => {
            Ok(Initializer::Other(narrow_floats(tensor, shape)?, Kind::Stored(of)))
        }
        data_type::DOUBLE => {
            let (rounded, kind) = doubles(tensor, shape)?;
            Ok(Initializer::Other(rounded, kind))
        }
        other => refuse(
            format!(
                "holds {}, expected float32 (int64, int32 or bool for shapes; int8 or uint8 where quantized)",
                proto::data_type_name(other)
            ),
            float_cure(other),
        ),
    }
}

/// Bytes of a value of this element type; `None` for types that [`load`] does not take.
pub(super) fn bytes_of(data_type: i32) -> Option<usize> {
    match data_type {
        data_type::INT64 | data_type::DOUBLE => Some(8),
        data_type::FLOAT | data_type::INT32 => Some(4),
        data_type::FLOAT16 | data_type::BFLOAT16 => Some(2),
        data_type::BOOL | data_type::INT8 | data_type::UINT8 => Some(1),
        _ => None,
    }
}

/// The values of a float32 tensor; an error where their number is not that of the shape.
fn floats(tensor: &proto::TensorProto, shape: Vec<usize>) -> Read<Tensor<f32>> {
    let data: Vec<f32> = if tensor.float_data.is_empty() {
        words(&tensor.raw_data, len(&shape), 4)?
            .map(|word| f32::from_le_bytes([word[0], word[1], word[2], word[3]]))
            .collect()
    } else {
        check_len(tensor.float_data.len(), len(&shape))?;
        tensor.float_data.clone()
    };
    Ok(Tensor { shape, data })
}

/// The values of a tensor of float16 or bfloat16 in float32, which holds them all; an error where their
/// number is not that of the shape.
pub(super) fn narrow_floats(tensor: &proto::TensorProto, shape: Vec<usize>) -> Read<Tensor<f32>> {
    let widen = match tensor.data_type {
        data_type::BFLOAT16 => |bits: u16| f32::from_bits(u32::from(bits) << 16),
        _ => half,
    };
    let n = len(&shape);
    let data = if tensor.int32_data.is_empty() {
        let words = words(&tensor.raw_data, n, 2)?;
        words.map(|word| widen(u16::from_le_bytes([word[0], word[1]]))).collect()
    } else {
        check_len(tensor.int32_data.len(), n)?;
        tensor.int32_data.iter().map(|bits| widen(*bits as u16)).collect()
    };
    Ok(Tensor { shape, data })
}

/// The float16 of these bits (a sign, five bits of exponent and ten of fraction) in float32; subnormal
/// numbers, infinities and NaN too.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => fraction as f32 / 16_777_216.0, // steps of 2^-24
        0x1f => f32::from_bits(0x7f80_0000 | fraction << 13),
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The values of a float64 tensor, rounded to float32, and their kind: [`Kind::Stored`] where that changes
/// none (NaN is no change), else [`Kind::Rounded`]. An error where their number is not that of the shape.
fn doubles(tensor: &proto::TensorProto, shape: Vec<usize>) -> Read<(Tensor<f32>, Kind)> {
    let n = len(&shape);
    let data: Vec<f64> = if tensor.double_data.is_empty() {
        let words = words(&tensor.raw_data, n, 8)?;
        let value = |w: &[u8]| f64::from_le_bytes([w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]]);
        words.map(value).collect()
    } else {
        check_len(tensor.double_data.len(), n)?;
        tensor.double_data.clone()
    };
    let is_held = |value: &f64| f64::from(*value as f32) == *value || value.is_nan();
    let kind = match data.iter().all(is_held) {
        true => Kind::Stored(data_type::DOUBLE),
        false => Kind::Rounded,
    };
    Ok((Tensor { shape, data: data.into_iter().map(|value| value as f32).collect() }, kind))
}

/// The refusal of constants that cannot be used, with the first such value and its index: NaN, and infinities
/// if `finite`; `shape` is that of the values. `None` where all can be used.
pub(super) fn fault(values: &[f32], shape: &[usize], finite: bool) -> Option<Refusal> {
    let bad = |value: &f32| value.is_nan() || (finite && value.is_infinite());
    let index = values.iter().position(bad)?;
    Some(Refusal::new(
        format!("holds {} at {:?}, expected finite numbers", values[index], position(index, shape)),
        "training diverged or the file is damaged: check the weights before exporting",
    ))
}

/// The index along each axis of the value at a row-major position.
fn position(index: usize, shape: &[usize]) -> Vec<usize> {
    let at = |(step, size): (isize, &usize)| index / step as usize % size;
    strides(shape).into_iter().zip(shape).map(at).collect()
}

/// The values of a tensor of int64, int32 or bool (the numbers that the file stores for false and true); an
/// error where their number is not that of the shape.
fn integers(tensor: &proto::TensorProto, shape: Vec<usize>) -> Read<Tensor<i64>> {
    let n = len(&shape);
    let data: Vec<i64> = match tensor.data_type {
        data_type::INT64 if !tensor.int64_data.is_empty() => {
            check_len(tensor.int64_data.len(), n)?;
            tensor.int64_data.clone()
        }
        data_type::INT64 => words(&tensor.raw_data, n, 8)?
            .map(|w| i64::from_le_bytes([w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]]))
            .collect(),
        _ if !tensor.int32_data.is_empty() => {
            check_len(tensor.int32_data.len(), n)?;
            tensor.int32_data.iter().map(|&value| i64::from(value)).collect()
        }
        data_type::INT32 => words(&tensor.raw_data, n, 4)?
            .map(|w| i64::from(i32::from_le_bytes([w[0], w[1], w[2], w[3]])))
            .collect(),
        _ => words(&tensor.raw_data, n, 1)?.map(|w| i64::from(w[0])).collect(),
    };
    Ok(Tensor { shape, data })
}

/// The values of an int8 or uint8 tensor, as whole numbers in floats; an error where their number is not that
/// of the shape.
fn bytes(tensor: &proto::TensorProto, shape: Vec<usize>) -> Read<Tensor<f32>> {
    let of_byte = |byte: u8| match tensor.data_type {
        data_type::INT8 => f32::from(byte as i8),
        _ => f32::from(byte),
    };
    let n = len(&shape);
    let data = if tensor.int32_data.is_empty() {
        words(&tensor.raw_data, n, 1)?.map(|word| of_byte(word[0])).collect()
    } else {
        check_len(tensor.int32_data.len(), n)?;
        tensor.int32_data.iter().map(|value| of_byte(*value as u8)).collect()
    };
    Ok(Tensor { shape, data })
}

/// `count` words of `size` bytes each of raw data; an error where the data have another length.
fn words(raw: &[u8], count: usize, size: usize) -> Read<std::slice::ChunksExact<'_, u8>> {
    if raw.len() == count * size {
        return Ok(raw.chunks_exact(size));
    }
    invalid(format!(
        "its data has {} bytes, expected {} for its shape (values of {size} bytes)",
        raw.len(),
        count * size
    ))
}

/// An error where `found`, the number of values that a tensor has, is not `expected`, the number of its
/// shape.
fn check_len(found: usize, expected: usize) -> Read<()> {
    if found == expected {
        return Ok(());
    }
    invalid(format!("its data has {found} values, expected {expected} for its shape"))
}

/// The shape that two shapes have together, by ONNX (NumPy) broadcasting; an error where they do not fit or
/// the result is too large.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Read<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own],
        None => 1,
    };
    let mut joint = Vec::with_capacity(rank);
    for axis in 0..rank {
        match (size(a, axis), size(b, axis)) {
            (m, n) if m == n || n == 1 => joint.push(m as i64),
            (1, n) => joint.push(n as i64),
            _ => return invalid(format!("the shapes {a:?} and {b:?} do not broadcast")),
        }
    }
    checked_shape(&joint)
}

/// An axis counted from the front, where negative ones count from the back; an error outside `-rank..rank`.
pub(super) fn resolve_axis(axis: i64, rank: usize) -> Read<usize> {
    match from_the_front(axis, rank) {
        Some(found) => Ok(found),
        None => invalid(format!("axis {axis} is outside a tensor of {rank} axes")),
    }
}

/// An index into an axis of this length counted from the front, where negative ones count from the back; an
/// error outside `-len..len`.
pub(super) fn resolve_index(index: i64, len: usize) -> Read<usize> {
    match from_the_front(index, len) {
        Some(found) => Ok(found),
        None => invalid(format!("index {index} is outside an axis of length {len}")),
    }
}

/// A position in `-len..len` counted from the front, where negative ones count from the back; `None` outside
/// that range.
fn from_the_front(place: i64, len: usize) -> Option<usize> {
    let resolved = if place < 0 { place.saturating_add(len as i64) } else { place };
    usize::try_from(resolved).ok().filter(|found| *found < len)
}

/// The symbols that stand for the batch: those of the first axis of some input, where it has no fixed length.
pub(super) fn batch_symbols(inputs: &[proto::ValueInfoProto]) -> HashSet<&str> {
    inputs.iter().filter_map(first_symbol).collect()
}

/// The symbol of the first axis; `None` where that has a declared length or no symbol, or where there is no
/// such axis.
fn first_symbol(info: &proto::ValueInfoProto) -> Option<&str> {
    let dim = info.r#type.as_ref()?.tensor.as_ref()?.shape.as_ref()?.dim.first()?;
    (dim.value.is_none() && !dim.symbol.is_empty()).then_some(dim.symbol.as_str())
}

/// The shape that a declaration gives, with a dynamic batch axis pinned to 1, and the kind of its values. The
/// batch is the first axis, or the second behind several layers or steps, as in PyTorch's recurrent layers;
/// behind a first axis of length 1 the second has to have one of the symbols in `batch`. An error where the
/// declaration is no tensor, of a type that is not supported, or without a shape, where another axis is
/// dynamic, and where the shape is invalid or too large.
pub(super) fn declared(
    info: &proto::ValueInfoProto,
    batch: &HashSet<&str>,
) -> Read<(Vec<usize>, Kind)> {
    let Some(tensor) = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref()) else {
        return refuse(
            "is declared as no tensor",
            "let the model take and give tensors of float32",
        );
    };
    let Some(kind) = Kind::of(tensor.elem_type) else {
        let found = proto::data_type_name(tensor.elem_type);
        return refuse(
            format!("is declared as {found}, expected float32"),
            float_cure(tensor.elem_type),
        );
    };
    let Some(shape) = &tensor.shape else {
        return refuse(
            "is declared without a shape",
            "export with an example input, whose shape then stays",
        );
    };
    let mut dims = Vec::with_capacity(shape.dim.len());
    for (axis, dim) in shape.dim.iter().enumerate() {
        dims.push(match (axis, dim.value) {
            (_, Some(size)) if size > 0 => size,
            (_, Some(size)) if size < -1 => {
                return invalid(format!("axis {axis} is declared as {size} long"));
            }
            (0, _) => 1,
            (1, _) if dims[0] > 1 => 1,
            (1, _) if shape.dim[0].value == Some(1) && batch.contains(dim.symbol.as_str()) => 1,
            _ => return dynamic(info, axis, dim),
        });
    }
    Ok((checked_shape(&dims)?, kind))
}

/// The refusal of a dynamic axis that is not the batch; always an error.
#[cold]
fn dynamic<T>(info: &proto::ValueInfoProto, axis: usize, dim: &proto::Dimension) -> Read<T> {
    let symbol = match dim.symbol.as_str() {
        "" => "without a length".to_string(),
        symbol => format!("`{}`", shown(symbol)),
    };
    let name = shown(&dims::name_of(info, axis, dim));
    refuse(
        format!(
            "axis {axis} is dynamic ({symbol}), expected a fixed length on all axes but the batch in front"
        ),
        format!(
            "give it the length that your data have, for example `--dim {name}=50` (in a manifest, \
             `{name:?} = 50` below [dims]); or fix it when exporting: name only axis 0 in `dynamic_shapes` or \
             `dynamic_axes`"
        ),
    )
}
