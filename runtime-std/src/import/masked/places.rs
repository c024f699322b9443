//! Which nodes leave the places of a mask what they are.

use super::super::proto::data_type;
use super::super::scope::{Call, Operand};
use super::MaskedValue;

/// Whether a node may have these operands: none holds places, or the node reads only their shape, or it moves
/// them ([`moves`]).
pub(super) fn may_read(call: &Call<'_>, forms: &[Option<&MaskedValue>]) -> bool {
    !forms.iter().copied().any(is_places) || reads_shape(call) || moves(call, forms)
}

/// Whether a node's result holds the places of its first operand (of any, in a Concat) and nothing computed
/// of them: reordered, picked, reshaped, or cast to int32 or int64. `forms` has how each operand follows from
/// the mask: no other operand may hold places, and those of Gather, Slice and Split (indices) may not follow
/// from the mask. A Concat may add constant zeros, as indices along axes of length one; along any other axis
/// they are not the places of all rows. False for all other operators.
pub(super) fn moves(call: &Call<'_>, forms: &[Option<&MaskedValue>]) -> bool {
    let Some((first, rest)) = forms.split_first() else { return false };
    match call.node.op_type.as_str() {
        "Concat" => {
            let is_zero = |at: usize| match call.inputs.get(at) {
                Some(Some(Operand::Integers(x))) => x.data.iter().all(|&index| index == 0),
                _ => false,
            };
            forms.iter().enumerate().all(|(at, form)| is_places(*form) || is_zero(at))
                && forms.iter().copied().any(is_places)
        }
        "Cast" => {
            let to = call.node.attribute.iter().find(|attribute| attribute.name == "to");
            let whole = [data_type::INT64, data_type::INT32].map(i64::from);
            is_places(*first) && to.is_some_and(|to| whole.contains(&to.i))
        }
        "Gather" | "Slice" | "Split" => is_places(*first) && rest.iter().all(Option::is_none),
        "Expand" | "Flatten" | "Identity" | "Reshape" | "Squeeze" | "Transpose" | "Unsqueeze" => {
            is_places(*first) && !rest.iter().copied().any(is_places)
        }
        _ => false,
    }
}

/// Whether a node reads only the shape of its operand: Shape or Size.
fn reads_shape(call: &Call<'_>) -> bool {
    matches!(call.node.op_type.as_str(), "Shape" | "Size")
}

/// Whether an operand of this form holds places.
fn is_places(form: Option<&MaskedValue>) -> bool {
    matches!(form, Some(MaskedValue::Places(_)))
}
