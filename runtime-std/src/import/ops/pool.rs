//! Operators that pool: windows, and whole feature maps.
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

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::one;
use super::super::scope::{Call, Outputs, Scope};
use super::along::{Over, reduction_node};
use super::conv::{ConvAxis, LARGEST, conv_pads, sizes};
use crate::ir::{Op, Pooling};
use elbow_core::kernels::{Mean, Reduction};

/// `MaxPool`: the largest value of every window; `Err` as `pool`.
pub fn max(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    pool(scope, call, Pooling::Max)
}

/// `AveragePool`: the mean of every window, over its pads too where `count_include_pad` is set. It is summed
/// in onnxruntime's order, which depends on the opset (changed with 19) and the stride; `Err` as `pool`.
pub fn average(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let count_pads = call.flag("count_include_pad")?;
    let by_column = match call.ints("strides")? {
        _ if call.opset >= 19 => false,
        Some(&[_, columns]) => columns <= 2,
        _ => true,
    };
    pool(scope, call, Pooling::Average(Mean { count_pads, by_column }))
}

/// A pooling over the one or two axes behind batch and channels; strides and dilations default to 1, pads to
/// 0. `Err` for another number of axes, an input without values, a missing `kernel_shape`, and attributes that
/// do not fit.
fn pool(scope: &mut Scope, call: &Call<'_>, kind: Pooling) -> Outputs {
    let x = call.float(0, "X")?;
    let input = scope.shape(x).to_vec();
    let spatial = input.len().saturating_sub(2);
    if !(1..=2).contains(&spatial) {
        return refuse(
            format!(
                "pools {spatial} axes (input of shape {input:?}), expected one or two behind batch and channels"
            ),
            "use MaxPool1d or MaxPool2d, for example with the third axis in the channels",
        );
    }
    if input.contains(&0) {
        return refuse(
            format!("pools an input without values, of shape {input:?}"),
            "leave it out of the model",
        );
    }
    if call.ints("kernel_shape")?.is_none() {
        return invalid("its `kernel_shape` is missing");
    }
    let kernel = sizes(call, "kernel_shape", spatial, 1, 1)?;
    let strides = sizes(call, "strides", spatial, 1, 1)?;
    let dilations = sizes(call, "dilations", spatial, 1, 1)?;
    let axis = |i: usize| ConvAxis {
        input: input[i + 2],
        kernel: kernel[i],
        stride: strides[i],
        dilation: dilations[i],
    };
    let axes: Vec<ConvAxis> = (0..spatial).map(axis).collect();
    let (pads, pads_end) = conv_pads(call, &axes)?;
    let ceil = call.flag("ceil_mode")?;
    let mut shape = input[..2].to_vec();
    for (axis, (start, end)) in axes.iter().zip(pads.iter().zip(&pads_end)) {
        shape.push(windows(axis, *start, *end, ceil)?);
    }
    let op = Op::Pool { kernel, strides, dilations, pads, pads_end, kind };
    scope.emit(call, op, vec![x], &shape)
}

/// Number of windows along an axis with pads `start` and `end`: `(input + start + end - span) / stride + 1`,
/// rounded down; with `ceil` one more where the last hangs over the end, if it starts inside the input or the
/// pad in front. `Err` where a pad is not below the kernel's span, the span exceeds 2^24, or the kernel does
/// not fit.
fn windows(axis: &ConvAxis, start: usize, end: usize, ceil: bool) -> Read<usize> {
    let padded = axis.input + start + end;
    if axis.kernel > LARGEST as usize / axis.dilation.max(1)
        || start >= axis.span()
        || end >= axis.span()
    {
        return invalid(format!("its pads {start} and {end} are not below its kernel's span"));
    }
    let Some(room) = padded.checked_sub(axis.span()) else {
        return invalid(format!(
            "a kernel that spans {} values does not fit into {padded}",
            axis.span()
        ));
    };
    let floor = room / axis.stride + 1;
    let hangs = ceil && !room.is_multiple_of(axis.stride);
    let starts_inside = floor * axis.stride < axis.input + start;
    Ok(floor + usize::from(hangs && starts_inside))
}

/// `GlobalAveragePool`, `GlobalMaxPool`: the `reduction` of every channel over all axes behind it, which stay
/// with length 1. `Err` for an input of fewer than three axes.
pub fn global(scope: &mut Scope, call: &Call<'_>, reduction: Reduction) -> Outputs {
    let x = call.float(0, "X")?;
    let shape = scope.shape(x).to_vec();
    if shape.len() < 3 {
        return invalid(format!("its input has shape {shape:?}, expected [batch, channels, ..]"));
    }
    let axes: Vec<usize> = (2..shape.len()).collect();
    let kept: Vec<usize> = shape[..2].iter().copied().chain(vec![1; axes.len()]).collect();
    reduction_node(scope, call, x, Over { reduction, axes: &axes }, call.output(0), &kept).map(one)
}
