//! What a graph shows about the order of its observation, as a comment for the manifest.

use crate::ir::Graph;
use crate::manifest::{Layout, Manifest, TensorRef};
use crate::model::time;

/// A commented-out `[window]` for the end of the text of `manifest`, where the encoder's observation has
/// three axes of which exactly two are longer than 1: with the layout that the graph shows and why, or with
/// question marks. Empty otherwise.
pub(super) fn statement(graph: &Graph, manifest: &Manifest) -> String {
    let observed = manifest.encoder.as_ref().and_then(|encoder| encoder.input.as_ref());
    let Some(TensorRef::Name(name)) = observed else { return String::new() };
    let Some(&x) = graph.inputs.iter().find(|id| graph.values[**id].name == *name) else {
        return String::new();
    };
    let shape = &graph.values[x].shape;
    let Some([first, second]) = time::two_axes(shape) else { return String::new() };
    let [a, b] = [shape[first], shape[second]];
    let (why, [channels, length, name]) = match time::shown(graph, x) {
        Some((Layout::TimeFirst, why)) => {
            (why, [b.to_string(), a.to_string(), quoted("time_first")])
        }
        Some((Layout::ChannelsFirst, why)) => {
            (why, [a.to_string(), b.to_string(), quoted("channels_first")])
        }
        None => (
            format!(
                "nothing shows whether it is channels_first ({a} channels, {b} readings) or time_first ({b} channels, {a} readings)"
            ),
            ["?", "?", "?"].map(quoted),
        ),
    };
    format!(
        "
# If the device makes observations of readings, it needs a window. The input {name_of_x:?} has shape {shape:?}:
# {why}.
# [window]
# channels = {channels}
# length = {length}
# hop = {length}  # readings between two observations
# layout = {name}
# mean = \"?\"  # of the training data, one per channel
# std = \"?\"
",
        name_of_x = graph.values[x].name,
    )
}

/// `text` in quotes, with escapes.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}
