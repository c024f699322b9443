//! Convolutions: what their attributes say about the output's shape.
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
use super::super::scope::{Call, Outputs, Scope};
use crate::ir::{Op, ValueId};

/// Largest stride, dilation, pad or pooling window (along one axis) that import takes.
pub(super) const LARGEST: i64 = 1 << 24;

/// One spatial axis of a convolution.
#[derive(Clone, Copy)]
pub(super) struct ConvAxis {
    pub input: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
}

impl ConvAxis {
    /// Number of input values from the kernel's first tap to its last: `(kernel - 1) * dilation + 1`, for a
    /// kernel of at least 1.
    pub fn span(&self) -> usize {
        (self.kernel - 1) * self.dilation + 1
    }
}

/// Operands and attributes that both convolutions have.
struct Common {
    inputs: Vec<ValueId>,
    axes: Vec<ConvAxis>,
    groups: usize,
    channels: usize,
    weights: Vec<usize>,
}

/// `Conv`: `y = x * w + b` (a cross-correlation) over one or two axes. `Err` as `common`, and where weights,
/// groups, bias or kernel do not fit the padded input.
pub fn conv(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let common = common(scope, call)?;
    let Common { channels, groups, .. } = common;
    let filters = common.weights[0];
    if common.weights[1] * groups != channels || filters % groups != 0 {
        return invalid(format!(
            "weights of shape {:?} and {groups} groups do not fit an input of {channels} channels",
            common.weights
        ));
    }
    check_bias(scope, &common, filters)?;
    let (starts, ends) = conv_pads(call, &common.axes)?;
    let mut shape = vec![1, filters];
    for (axis, (start, end)) in common.axes.iter().zip(starts.iter().zip(&ends)) {
        let padded = axis.input + start + end;
        let Some(room) = padded.checked_sub(axis.span()) else {
            return invalid(format!(
                "a kernel that spans {} values does not fit into {padded}",
                axis.span()
            ));
        };
        shape.push(room / axis.stride + 1);
    }
    let op =
        Op::Conv { strides: common.strides(), dilations: common.dilations(), pads: starts, groups };
    scope.emit(call, op, common.inputs, &shape)
}

/// `ConvTranspose`: the transpose of `conv` as a linear map, plus a bias. `Err` as `common`, and where
/// weights, groups, bias or pads do not fit.
pub fn conv_transpose(scope: &mut Scope, call: &Call<'_>) -> Outputs {
    let common = common(scope, call)?;
    let Common { channels, groups, .. } = common;
    if common.weights[0] != channels || channels % groups != 0 {
        return invalid(format!(
            "weights of shape {:?} and {groups} groups do not fit an input of {channels} channels",
            common.weights
        ));
    }
    let filters = common.weights[1] * groups;
    check_bias(scope, &common, filters)?;
    let (starts, lengths) = transposed_pads(call, &common.axes)?;
    let op = Op::ConvTranspose {
        strides: common.strides(),
        dilations: common.dilations(),
        pads: starts,
        groups,
    };
    let shape: Vec<usize> = [1, filters].into_iter().chain(lengths).collect();
    scope.emit(call, op, common.inputs, &shape)
}

impl Common {
    /// Stride along each axis.
    fn strides(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.stride).collect()
    }

    /// Dilation along each axis.
    fn dilations(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.dilation).collect()
    }
}

/// Operands and attributes of a convolution; strides, dilations and `group` default to 1. `Err` unless the
/// input is `[1, channels, ..]` with one or two spatial axes, the weights have as many axes, `kernel_shape`
/// agrees with them, and the groups are 1 to the number of channels.
fn common(scope: &Scope, call: &Call<'_>) -> Read<Common> {
    let (x, w, b) = (call.float(0, "X")?, call.float(1, "W")?, call.optional_float(2, "B")?);
    let (input, weights) = (scope.shape(x), scope.shape(w).to_vec());
    let spatial = input.len().saturating_sub(2);
    if !(1..=2).contains(&spatial) {
        return refuse(
            format!(
                "convolves {spatial} axes (input of shape {input:?}), expected one or two behind batch and channels"
            ),
            "use Conv1d or Conv2d, for example with the third axis in the channels",
        );
    }
    if weights.len() != input.len() || weights.contains(&0) || input.contains(&0) {
        return invalid(format!(
            "weights of shape {weights:?} do not fit an input of shape {input:?}"
        ));
    }
    if input[0] != 1 {
        return refuse(
            format!("its input has shape {input:?}, expected a batch of 1 in front"),
            "keep the batch axis in front, and do not fold other axes into it",
        );
    }
    let kernel: Vec<i64> = weights[2..].iter().map(|&size| size as i64).collect();
    if call.ints("kernel_shape")?.is_some_and(|shape| shape != kernel) {
        return invalid(format!("`kernel_shape` differs from the weights' shape {weights:?}"));
    }
    let strides = sizes(call, "strides", spatial, 1, 1)?;
    let dilations = sizes(call, "dilations", spatial, 1, 1)?;
    let axis = |i: usize| ConvAxis {
        input: input[i + 2],
        kernel: weights[i + 2],
        stride: strides[i],
        dilation: dilations[i],
    };
    let Ok(groups @ 1..) = usize::try_from(call.int("group")?.unwrap_or(1)) else {
        return invalid("`group` is not positive");
    };
    if groups > input[1] {
        return invalid(format!("{groups} groups of {} channels", input[1]));
    }
    Ok(Common {
        inputs: [Some(x), Some(w), b].into_iter().flatten().collect(),
        axes: (0..spatial).map(axis).collect(),
        groups,
        channels: input[1],
        weights,
    })
}

/// `Err` where there is a bias and its shape is not `[filters]`.
fn check_bias(scope: &Scope, common: &Common, filters: usize) -> Read<()> {
    match common.inputs.get(2).map(|&bias| scope.shape(bias)) {
        Some(shape) if shape != [filters] => {
            invalid(format!("the bias has shape {shape:?}, expected [{filters}]"))
        }
        _ => Ok(()),
    }
}

/// The attribute `name`: `count` integers from `least` to `LARGEST`, all `default` where it is left out.
/// `Err` for another count or one out of this range.
pub(super) fn sizes(
    call: &Call<'_>,
    name: &str,
    count: usize,
    default: usize,
    least: i64,
) -> Read<Vec<usize>> {
    let Some(list) = call.ints(name)? else { return Ok(vec![default; count]) };
    if list.len() != count || list.iter().any(|size| !(least..=LARGEST).contains(size)) {
        return call.refuse_value(
            name,
            &format!("{list:?}"),
            &format!("{count} numbers from {least} to {LARGEST}"),
        );
    }
    Ok(list.iter().map(|&size| size as usize).collect())
}

/// How the pads are chosen: given, or by a rule of `auto_pad`.
#[derive(Clone, Copy, PartialEq)]
enum Padding {
    Given,
    SameUpper,
    SameLower,
    Valid,
}

/// The rule of `auto_pad`, by default the given pads. `Err` for an unknown one, or one beside `pads` that are
/// not all 0.
fn padding(call: &Call<'_>) -> Read<Padding> {
    let padding = match call.string("auto_pad")? {
        None | Some("NOTSET" | "") => Padding::Given,
        Some("SAME_UPPER") => Padding::SameUpper,
        Some("SAME_LOWER") => Padding::SameLower,
        Some("VALID") => Padding::Valid,
        Some(other) => {
            return call.refuse_value("auto_pad", other, "NOTSET, SAME_UPPER, SAME_LOWER or VALID");
        }
    };
    if padding != Padding::Given
        && call.ints("pads")?.is_some_and(|pads| pads.iter().any(|&pad| pad != 0))
    {
        return invalid("has both `auto_pad` and `pads`");
    }
    Ok(padding)
}

/// Two numbers per axis: zeros in front of and behind it; for `transposed_pads` what that says.
type Pads = (Vec<usize>, Vec<usize>);

/// The attribute `pads` of `count` axes, starts and ends; 0 where it is left out. `Err` as `sizes`: for
/// negative pads, pads above `LARGEST`, or another count.
fn given_pads(call: &Call<'_>, count: usize) -> Read<Pads> {
    let mut starts = sizes(call, "pads", 2 * count, 0, 0)?;
    let ends = starts.split_off(count);
    Ok((starts, ends))
}

/// Zeros in front of and behind each axis of a convolution or pool: those of `pads`, none for VALID; for SAME
/// as many as make `input / stride`, rounded up, outputs. No axis is empty. `Err` as `padding` and
/// `given_pads`.
pub(super) fn conv_pads(call: &Call<'_>, axes: &[ConvAxis]) -> Read<Pads> {
    let padding = padding(call)?;
    if padding == Padding::Given {
        return given_pads(call, axes.len());
    }
    let pair = |axis: &ConvAxis| match padding {
        Padding::SameUpper | Padding::SameLower => {
            let last = (axis.input.div_ceil(axis.stride) - 1) * axis.stride;
            halves((last + axis.span()).saturating_sub(axis.input), padding)
        }
        Padding::Given | Padding::Valid => (0, 0),
    };
    Ok(axes.iter().map(pair).unzip())
}

/// `total` in a start and an end; an odd one puts the larger half at the end for SAME_UPPER, in front
/// otherwise.
fn halves(total: usize, padding: Padding) -> (usize, usize) {
    match padding {
        Padding::SameUpper => (total / 2, total - total / 2),
        _ => (total - total / 2, total / 2),
    }
}

/// For each axis of a transposed convolution, the number of values that are cut off in front, and the
/// output's length: by `output_shape` if given, else by `auto_pad`, else by `pads`; `output_padding`
/// lengthens the end. `Err` as `padding` and `given_pads`, and where an `output_shape` does not fit the axes,
/// or pads cut off everything.
fn transposed_pads(call: &Call<'_>, axes: &[ConvAxis]) -> Read<Pads> {
    let padding = padding(call)?;
    let extra = sizes(call, "output_padding", axes.len(), 0, 0)?;
    let given = match call.ints("output_shape")? {
        None => None,
        // Some exporters write batch and channels in front.
        Some(list) if list.len() == axes.len() + 2 => Some(&list[2..]),
        Some(list) if list.len() == axes.len() => Some(list),
        Some(list) => {
            return call.refuse_value("output_shape", &format!("{list:?}"), "one length per axis");
        }
    };
    let (starts, ends) = given_pads(call, axes.len())?;
    let mut cut = (Vec::new(), Vec::new());
    for (i, axis) in axes.iter().enumerate() {
        let full = (axis.input - 1) * axis.stride + axis.span() + extra[i];
        let length = match (given, padding) {
            (Some(given), _) => match usize::try_from(given[i]) {
                Ok(length @ 1..) => length,
                _ => return invalid(format!("`output_shape` is {given:?}")),
            },
            (None, Padding::SameUpper | Padding::SameLower) => axis.input * axis.stride,
            (None, Padding::Valid) => full,
            (None, Padding::Given) => match full.checked_sub(starts[i] + ends[i]) {
                Some(length @ 1..) => length,
                _ => return invalid(format!("the pads cut off all {full} values of an axis")),
            },
        };
        let start = match (given, padding) {
            (None, Padding::Given) => starts[i],
            (None, Padding::Valid) => 0,
            _ => halves(full.saturating_sub(length), padding).0,
        };
        cut.0.push(start);
        cut.1.push(length);
    }
    Ok(cut)
}
