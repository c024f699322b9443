//! The order of an observation's values: what a window declares, held against a tensor's shape.

use crate::error::{Error, Result};
use crate::lower::Port;
use crate::manifest::{Layout, Window};

/// The window with its layout decided: the declared one where the encoder's input fits it, the only one that
/// fits, or channels first where both mean the same. `shown` is the layout that the graph shows, and why,
/// where the shape fits both.
///
/// # Errors
///
/// The window does not fill the input, its layout does not fit or is not what the graph shows, or the shape
/// leaves it open.
pub(super) fn settled(
    window: &Window,
    input: &Port,
    shown: Option<(Layout, String)>,
) -> Result<Window> {
    if window.channels.checked_mul(window.length) != Some(input.len()) {
        return Err(Error::input(format!(
            "window: {} channels of {} readings do not make the encoder's input {:?} of shape {:?} ({} values); correct channels or length",
            window.channels,
            window.length,
            input.name,
            input.shape,
            input.len()
        )));
    }
    let layout = layout(window, &input.shape, shown).map_err(|what| {
        Error::input(format!(
            "window.layout: the encoder's input {:?} has shape {:?}, {what}",
            input.name, input.shape
        ))
    })?;
    Ok(Window { layout: Some(layout), ..window.clone() })
}

/// The layout decided, for an encoder's input of this shape; the error is the end of a sentence. See
/// [`settled`].
fn layout(
    window: &Window,
    shape: &[usize],
    shown: Option<(Layout, String)>,
) -> std::result::Result<Layout, String> {
    use Layout::{ChannelsFirst, TimeFirst};
    let line = |layout: Layout| {
        let [first, second] = match layout {
            ChannelsFirst => ["channels", "length"],
            TimeFirst => ["length", "channels"],
        };
        let [a, b] = window.axes(layout);
        format!("layout = {:?} ([{first}, {second}] = [{a}, {b}])", layout.name())
    };
    let fits = [ChannelsFirst, TimeFirst].map(|layout| fits(window, layout, shape));
    if let Some((layout, why)) = shown.filter(|_| fits == [true, true] && has_two_axes(window))
        && window.layout != Some(layout)
    {
        let declared = match window.layout {
            Some(declared) => {
                format!(
                    "which fits the declared {}, but the graph speaks against it",
                    line(declared)
                )
            }
            None => "which does not say where the channels lie".into(),
        };
        return Err(format!("{declared}; {why}: write {}", line(layout)));
    }
    match (window.layout, fits) {
        _ if !has_two_axes(window) => Ok(window.layout()),
        (_, [false, false]) => Err(format!(
            "which is neither {} nor {}; correct channels or length, or export it so",
            line(ChannelsFirst),
            line(TimeFirst)
        )),
        (Some(ChannelsFirst), [true, _]) | (None, [true, false]) => Ok(ChannelsFirst),
        (Some(TimeFirst), [_, true]) => Ok(TimeFirst),
        (Some(declared), [channels_first, _]) => {
            let other = if channels_first { ChannelsFirst } else { TimeFirst };
            Err(format!("which is not the declared {}; write {}", line(declared), line(other)))
        }
        (None, [false, true]) => Err(format!("which is time first; write {}", line(TimeFirst))),
        (None, [true, true]) => Err(format!(
            "which does not say where the channels lie; write {} or {}, as the model was trained",
            line(ChannelsFirst),
            line(TimeFirst)
        )),
    }
}

/// Whether the two layouts differ: there is more than one channel and more than one reading.
pub(super) fn has_two_axes(window: &Window) -> bool {
    window.channels > 1 && window.length > 1
}

/// Whether a tensor of `shape`, with as many values as the window, can have this layout: its axes longer than
/// 1 split into those of the layout's first and second axis. True for both layouts where at most one axis is
/// longer than 1.
pub(super) fn fits(window: &Window, layout: Layout, shape: &[usize]) -> bool {
    let axes = long_axes(shape);
    let [first, _] = window.axes(layout);
    let mut before = 1;
    axes.len() <= 1
        || axes.iter().any(|axis| {
            before *= axis;
            before == first
        })
}

/// Whether the axes longer than 1 of both shapes have the same lengths in another order, so that their values
/// cannot be in one order.
pub(super) fn are_transposed(a: &[usize], b: &[usize]) -> bool {
    let (mut a, mut b) = (long_axes(a), long_axes(b));
    let differ = a != b;
    a.sort_unstable();
    b.sort_unstable();
    differ && a == b
}

/// Lengths of the axes that are not 1 long, in order.
fn long_axes(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|len| *len != 1).collect()
}
