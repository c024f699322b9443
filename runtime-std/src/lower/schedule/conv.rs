//! Convolutions with constant weights.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::weights::{Constant, panels};
use super::{Advice, Scheduler};
use crate::ir::{Node, ValueId};
use crate::lower::plan::Kernel;
use elbow_core::kernels::{ConvShape, ConvTransposeShape, pack_transposed};

/// Attributes of a convolution, one number per spatial axis.
pub(super) struct Attributes<'n> {
    pub(super) strides: &'n [usize],
    pub(super) dilations: &'n [usize],
    pub(super) pads: &'n [usize],
    pub(super) groups: usize,
}

/// Shape of a feature map; a signal has height 1.
struct FeatureMap {
    channels: usize,
    size: [usize; 2],
}

/// Constant weights of a convolution.
struct Filters<'g> {
    w: ValueId,
    /// Values of `w`.
    taps: &'g [f32],
    /// The constant bias and its factor, always 1.
    bias: Option<(ValueId, f32)>,
}

impl<'g> Scheduler<'g> {
    /// Schedules a convolution with constant weights, packed in panels; depthwise ones keep the file's order
    /// and have a kernel of their own. `Err` as `filters`, `feature_map` and `two`.
    pub(super) fn conv(&mut self, node: &Node, attributes: &Attributes) -> Advice {
        let Filters { w, taps, bias } = self.filters(node)?;
        let (x, y) = (self.feature_map(node.inputs[0])?, self.feature_map(node.output)?);
        let shape = ConvShape {
            channels: x.channels,
            input: x.size,
            filters: y.channels,
            output: y.size,
            kernel: two(&self.shape(w)[2..], 1)?,
            strides: two(attributes.strides, 1)?,
            dilations: two(attributes.dilations, 1)?,
            pads: two(attributes.pads, 0)?,
            groups: attributes.groups,
        };
        let group = y.channels / attributes.groups.max(1) * shape.taps();
        let weights = self.weights.pack(Constant::Filters(w), || {
            if shape.is_depthwise() {
                return taps.to_vec();
            }
            taps.chunks(group.max(1)).flat_map(|group| panels(group, shape.taps())).collect()
        });
        let bias = self.bias(bias, y.channels);
        let kernel = match shape.is_depthwise() {
            true => Kernel::ConvDepthwise { shape, weights, bias },
            false => Kernel::Conv { shape, weights, bias },
        };
        self.convolve(node, kernel)
    }

    /// Schedules a transposed convolution with constant weights, packed phase by phase. `Err` as `filters`,
    /// `feature_map` and `two`.
    pub(super) fn conv_transpose(&mut self, node: &Node, attributes: &Attributes) -> Advice {
        let Filters { w, taps, bias } = self.filters(node)?;
        let (x, y) = (self.feature_map(node.inputs[0])?, self.feature_map(node.output)?);
        let shape = ConvTransposeShape {
            channels: x.channels,
            input: x.size,
            filters: y.channels,
            output: y.size,
            kernel: two(&self.shape(w)[2..], 1)?,
            strides: two(attributes.strides, 1)?,
            dilations: two(attributes.dilations, 1)?,
            pads: two(attributes.pads, 0)?,
            groups: attributes.groups,
        };
        let weights = self.weights.pack(Constant::Phases { filters: w, shape }, || {
            let mut packed = vec![0.0; shape.packed_len()];
            pack_transposed(taps, &mut packed, &shape);
            packed
        });
        let bias = self.bias(bias, y.channels);
        self.convolve(node, Kernel::ConvTranspose { shape, weights, bias })
    }

    /// Appends the call of a convolution on the node's first operand, and binds the result.
    fn convolve(&mut self, node: &Node, kernel: Kernel) -> Advice {
        let x = self.read(node.inputs[0]);
        let y = self.call(node, self.shape(node.output), kernel, &[x]);
        self.bind(node.output, y);
        Ok(())
    }

    /// Weights and bias of the node; `Err` where weights are missing, or one of them is computed.
    fn filters(&self, node: &Node) -> Advice<Filters<'g>> {
        let w = *node.inputs.get(1).ok_or("it has no weights")?;
        let taps = self.constant(w);
        let taps = taps.ok_or("its weights depend on the input, and must be constant")?;
        let bias = node.inputs.get(2).map(|&bias| (bias, 1.0));
        match bias {
            Some((b, _)) if self.constant(b).is_none() => {
                Err("its bias depends on the input, and must be constant: use Add instead".into())
            }
            _ => Ok(Filters { w, taps, bias }),
        }
    }

    /// The feature map that a value of shape `[1, channels, length]` or `[1, channels, height, width]` is;
    /// `Err` for another shape.
    fn feature_map(&self, value: ValueId) -> Advice<FeatureMap> {
        match *self.shape(value) {
            [1, channels, width] => Ok(FeatureMap { channels, size: [1, width] }),
            [1, channels, height, width] => Ok(FeatureMap { channels, size: [height, width] }),
            ref shape => Err(format!(
                "it convolves shape {shape:?}, expected [1, channels, length] or \
                 [1, channels, height, width]: keep the batch axis in front, one or two axes behind"
            )),
        }
    }
}

/// Height and width of one or two spatial axes; a single one is the width, and the height is `missing`. `Err`
/// for another number of axes.
pub(super) fn two(axes: &[usize], missing: usize) -> Advice<[usize; 2]> {
    match *axes {
        [width] => Ok([missing, width]),
        [height, width] => Ok([height, width]),
        _ => Err(format!("it has {} spatial axes, expected one or two", axes.len())),
    }
}
