//! Layers of constant weights, in one form: `y[o][p] = bias[o] + sum_i w[o][i] * patch[p][i]`.
//!
//! `Gemm`, `MatMul`, `Conv` and `ConvTranspose` differ in what a patch is. Quantization chooses integers
//! for `w` by the patches that a layer reads; scheduling reads them from memory.

use crate::ir::{Graph, Node, Op, ValueId};

/// A layer of constant weights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// The operand that is no constant.
    pub(crate) x: ValueId,
    /// `[outputs][inputs]`, group after group.
    pub(crate) weights: Vec<f32>,
    /// One per output.
    pub(crate) bias: Vec<f32>,
    /// Number of products that an output sums.
    pub(crate) inputs: usize,
    /// How the patches lie in `x`.
    pub(crate) reach: Reach,
}

/// How the patches lie in the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reach {
    /// Each row of `inputs` values is a patch.
    Rows,
    /// Windows of a feature map.
    Windows(ConvWindows),
}

/// Windows of `[channels][height][width]`, for each group of channels apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConvWindows {
    pub(crate) channels: usize,
    pub(crate) input: [usize; 2],
    pub(crate) output: [usize; 2],
    pub(crate) kernel: [usize; 2],
    pub(crate) strides: [usize; 2],
    pub(crate) dilations: [usize; 2],
    pub(crate) pads: [usize; 2],
    pub(crate) groups: usize,
    /// Outputs are `strides` apart in the other direction: a transposed convolution.
    pub(crate) transposed: bool,
}

impl Layer {
    /// The layer that `node` computes; `None` where its second operand is no constant, and where
    /// [`with`](Self::with) gives none.
    pub(crate) fn of(graph: &Graph, node: &Node) -> Option<Self> {
        let weights = graph.values[*node.inputs.get(1)?].constant.as_ref()?;
        Self::with(graph, node, weights)
    }

    /// The layer that `node` computes with `weights`, as many and in the same order, in place of its
    /// constant. `None` for other operators than `Gemm` (`a` not transposed), `MatMul`, `Conv` and
    /// `ConvTranspose`, for a constant `x`, for biases that are not constant, and for shapes without an
    /// integer kernel.
    pub(crate) fn with(graph: &Graph, node: &Node, weights: &[f32]) -> Option<Self> {
        match &node.op {
            &Op::Gemm { trans_a: false, trans_b, alpha, beta } => {
                dense(graph, node, weights, trans_b, alpha, beta)
            }
            Op::MatMul => dense(graph, node, weights, false, 1.0, 1.0),
            Op::Conv { strides, dilations, pads, groups } => {
                convolution(graph, node, weights, [strides, dilations, pads], *groups, false)
            }
            Op::ConvTranspose { strides, dilations, pads, groups } => {
                convolution(graph, node, weights, [strides, dilations, pads], *groups, true)
            }
            _ => None,
        }
    }

    /// Number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Number of groups of outputs; all outputs of a group read the same patches. 1 for rows.
    pub(crate) fn groups(&self) -> usize {
        match &self.reach {
            Reach::Rows => 1,
            Reach::Windows(windows) => windows.groups,
        }
    }

    /// Whether it is a convolution in which every output reads one channel of its own; false for a single
    /// channel and for transposed convolutions.
    pub(crate) fn is_depthwise(&self) -> bool {
        let Reach::Windows(windows) = &self.reach else { return false };
        let own = windows.groups == windows.channels && windows.groups == self.outputs();
        own && windows.groups > 1 && !windows.transposed
    }

    /// The patches of a group in the values `x` of one row, row-major `[positions][inputs]`; what lies in the
    /// padding is 0. Rows are their own patches. `x` holds all values of the layer's input, and `group` is
    /// below [`groups`](Self::groups).
    pub(crate) fn patches(&self, x: &[f32], group: usize) -> Vec<f32> {
        match &self.reach {
            Reach::Rows => x.to_vec(),
            Reach::Windows(windows) => windows.patches(x, group),
        }
    }
}

impl ConvWindows {
    /// Number of channels of a group.
    pub(crate) fn own(&self) -> usize {
        self.channels / self.groups.max(1)
    }

    /// Index along `axis` (0 is the height, 1 the width) of the input that kernel element `tap` reads for the
    /// output `position`; `None` in the padding, and for a transposed convolution where the tap meets no
    /// input.
    pub(crate) fn source(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let (stride, pad) = (self.strides[axis], self.pads[axis]);
        let reach = tap * self.dilations[axis];
        let index = if self.transposed {
            let shifted = (position + pad).checked_sub(reach)?;
            (shifted % stride == 0).then_some(shifted / stride)?
        } else {
            (position * stride + reach).checked_sub(pad)?
        };
        (index < self.input[axis]).then_some(index)
    }

    /// The patches of a group, row-major `[positions][channels of the group][taps]`, as im2col lays them out;
    /// 0 outside. `x` is the whole feature map.
    fn patches(&self, x: &[f32], group: usize) -> Vec<f32> {
        let ([height, width], own) = (self.input, self.own());
        let plane = |channel: usize| &x[(group * own + channel) * height * width..];
        let mut patches = Vec::new();
        for row in 0..self.output[0] {
            for column in 0..self.output[1] {
                for channel in 0..own {
                    let plane = plane(channel);
                    for tap in 0..self.kernel[0] {
                        let row = self.source(0, row, tap);
                        let taps = (0..self.kernel[1]).map(|tap| self.source(1, column, tap));
                        patches.extend(taps.map(|column| match (row, column) {
                            (Some(row), Some(column)) => plane[row * width + column],
                            _ => 0.0,
                        }));
                    }
                }
            }
        }
        patches
    }
}

/// The layer of `alpha * x * constant + beta * c`. The weights `constant` are `[inputs][outputs]`, or
/// `[outputs][inputs]` with `trans_b`; the bias is 0 without `c` or with a `beta` of 0. `None` where `x` is
/// constant or has fewer than two axes, where the weights are no matrix, or where `c` is not constant or
/// neither one number nor one per output.
fn dense(
    graph: &Graph,
    node: &Node,
    constant: &[f32],
    trans_b: bool,
    alpha: f32,
    beta: f32,
) -> Option<Layer> {
    let [x, w] = *node.inputs.first_chunk()?;
    let [rows, columns] = graph.values[w].shape[..] else { return None };
    let (inputs, outputs) = if trans_b { (columns, rows) } else { (rows, columns) };
    let known = graph.values[x].constant.is_some();
    if known || graph.values[x].shape.last() != Some(&inputs) || graph.values[x].shape.len() < 2 {
        return None;
    }
    let at = |output: usize, input: usize| match trans_b {
        true => constant[output * inputs + input],
        false => constant[input * outputs + output],
    };
    let row = |output: usize| (0..inputs).map(move |input| alpha * at(output, input));
    let bias = match node.inputs.get(2).filter(|_| beta != 0.0) {
        Some(&c) => {
            let values = graph.values[c].constant.as_ref()?;
            let along_last = graph.values[c].shape.last() == Some(&outputs);
            let fits = values.len() == 1 || values.len() == outputs && along_last;
            fits.then(|| values.iter().cycle().take(outputs).map(|b| beta * b).collect())?
        }
        None => vec![0.0; outputs],
    };
    let weights = (0..outputs).flat_map(row).collect();
    Some(Layer { x, weights, bias, inputs, reach: Reach::Rows })
}

/// The layer of a convolution with these weights, one or two spatial axes, as windows of two; the bias is 0
/// where the node has none. `None` where `x` is constant, the bias is not, a batch is not 1, ranks do not
/// match, or a transposed convolution has dilations or a kernel shorter than its stride.
fn convolution(
    graph: &Graph,
    node: &Node,
    constant: &[f32],
    [strides, dilations, pads]: [&Vec<usize>; 3],
    groups: usize,
    transposed: bool,
) -> Option<Layer> {
    let [x, w] = *node.inputs.first_chunk()?;
    if graph.values[x].constant.is_some() {
        return None;
    }
    let image = |value: ValueId| match graph.values[value].shape[..] {
        [1, channels, width] => Some((channels, [1, width])),
        [1, channels, height, width] => Some((channels, [height, width])),
        _ => None,
    };
    let two = |axes: &[usize], missing: usize| match *axes {
        [width] => Some([missing, width]),
        [height, width] => Some([height, width]),
        _ => None,
    };
    let ((channels, input), (outputs, output)) = (image(x)?, image(node.output)?);
    let windows = ConvWindows {
        channels,
        input,
        output,
        kernel: two(graph.values[w].shape.get(2..)?, 1)?,
        strides: two(strides, 1)?,
        dilations: two(dilations, 1)?,
        pads: two(pads, 0)?,
        groups,
        transposed,
    };
    // Phases of a transposed convolution are read without gaps, and each has a tap.
    let plain = windows.dilations == [1; 2]
        && windows.kernel.iter().zip(windows.strides).all(|(kernel, stride)| *kernel >= stride);
    if transposed && !plain {
        return None;
    }
    let bias = match node.inputs.get(2) {
        Some(&bias) => graph.values[bias].constant.clone()?,
        None => vec![0.0; outputs],
    };
    let taps = windows.kernel[0] * windows.kernel[1];
    let inputs = windows.own() * taps;
    let weights = match transposed {
        false => constant.to_vec(),
        true => by_filter(constant, &windows, outputs, taps),
    };
    Some(Layer { x, weights, bias, inputs, reach: Reach::Windows(windows) })
}

/// Weights of a transposed convolution from ONNX's order `[channels][filters / groups][taps]` in the order
/// `[filters][channels / groups][taps]`.
fn by_filter(w: &[f32], windows: &ConvWindows, outputs: usize, taps: usize) -> Vec<f32> {
    let (own, filters) = (windows.own(), outputs / windows.groups.max(1));
    let mut weights = Vec::with_capacity(w.len());
    for output in 0..outputs {
        let (group, filter) = (output / filters.max(1), output % filters.max(1));
        for channel in 0..own {
            let start = ((group * own + channel) * filters + filter) * taps;
            weights.extend_from_slice(&w[start..start + taps]);
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: ConvWindows = ConvWindows {
        channels: 1,
        input: [1, 4],
        output: [1, 2],
        kernel: [1, 3],
        strides: [1, 2],
        dilations: [1, 1],
        pads: [0, 1],
        groups: 1,
        transposed: false,
    };

    #[test]
    fn windows_of_a_signal_have_zeros_outside() {
        let patches = PLAIN.patches(&[1.0, 2.0, 3.0, 4.0], 0);
        assert_eq!(patches, [0.0, 1.0, 2.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn windows_of_a_transposed_convolution_reach_back() {
        // y = conv_transpose([1, 2], w, stride 2, pad 1): y[p] = sum x[(p + 1 - k) / 2] w[k]
        let windows = ConvWindows { input: [1, 2], output: [1, 3], transposed: true, ..PLAIN };
        let patches = windows.patches(&[1.0, 2.0], 0);
        assert_eq!(patches, [0.0, 1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 2.0, 0.0]);
    }

    #[test]
    fn weights_of_a_transposed_convolution_are_sorted_by_filter() {
        // Two channels, two filters, one tap: w[channel][filter].
        let windows = ConvWindows { channels: 2, kernel: [1, 1], ..PLAIN };
        assert_eq!(by_filter(&[1.0, 2.0, 3.0, 4.0], &windows, 2, 1), [1.0, 3.0, 2.0, 4.0]);
    }
}
