//! The copy of a feature map that the windows of a layer are read from: channels last, with its pads, so that
//! every window is a few runs of neighbouring values and none reaches outside.

use super::super::Scheduler;
use super::{Element, Format, Integer, Kernel, Node, Order, TensorId, ValueId, Width};
use elbow_core::kernels::integer::PaddedCopy;
use std::ops::Range;

/// Shape of the padded copy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Padded {
    /// Number of channels of the feature map, and those of them that are copied.
    pub(super) channels: (usize, Range<usize>),
    /// Height and width of the feature map.
    pub(super) feature_map: [usize; 2],
    /// Whether the graph has the channels last: a matrix, each row of which is a position.
    pub(super) rows: bool,
    /// Height and width of the copy.
    pub(super) size: [usize; 2],
    /// Rows and columns of the copy in front of the feature map.
    pub(super) pads: [usize; 2],
    /// Values from one position to the next: the number of copied channels, or a little more.
    pub(super) pitch: usize,
    /// Values behind the last position that a kernel may read.
    pub(super) slack: usize,
    /// Type of its values.
    pub(super) element: Element,
}

impl Padded {
    /// Number of values of the copy, with slack.
    fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.pitch + self.slack
    }

    /// The order in which the source has to lie, so that the channels of a position are neighbours;
    /// `encoding`, the order that it is in, for a single row, whose weights are permuted to fit.
    fn order(&self, encoding: Order) -> Order {
        let (channels, positions) = (self.channels.0, self.feature_map[0] * self.feature_map[1]);
        match (self.rows, positions) {
            (true, 1) => encoding, // whatever it is, the columns of the weights follow it
            (true, _) => Order::AsIs(channels * positions),
            (false, _) => Order::ChannelsLast { channels, positions },
        }
    }

    /// Whether the feature map itself, of this element type and in the order of `order`, can serve as the
    /// copy: no pads, no slack, all channels. Slack counts, because the memory plan keeps none.
    fn is_feature_map(&self, element: Element) -> bool {
        let (channels, copied) = &self.channels;
        self.pads == [0; 2]
            && self.size == self.feature_map
            && *copied == (0..*channels)
            && self.pitch == *channels
            && self.slack == 0
            && self.element == element
    }

    /// Rows, columns and channels of the feature map that the copy holds.
    fn dims(&self) -> [usize; 3] {
        let rows = |axis: usize| {
            self.feature_map[axis].min(self.size[axis].saturating_sub(self.pads[axis]))
        };
        [rows(0), rows(1), self.channels.1.len()]
    }

    /// The copy from a feature map that lies channels last, or, unless `channels_last`, channels first.
    fn copy(&self, channels_last: bool) -> PaddedCopy {
        let ((channels, copied), [height, width]) = (&self.channels, self.feature_map);
        let (from, step) = match channels_last {
            true => ([width * channels, *channels, 1], 1),
            false => ([width, 1, height * width], height * width),
        };
        let row = self.size[1] * self.pitch;
        PaddedCopy {
            dims: self.dims(),
            from,
            from_start: copied.start * step,
            to: [row, self.pitch, 1],
            to_start: self.pads[0] * row + self.pads[1] * self.pitch,
            len: self.len(),
        }
        .merged()
    }
}

impl<'g> Scheduler<'g> {
    /// The tensor with the padded copy of a value, filled by a call from its integers, which may be the
    /// tensor of these itself. A value that is held as floats is quantized by `format`: straight into the
    /// copy where one layer reads it, else first into integers for all of its readers.
    pub(super) fn padded(
        &mut self,
        node: &Node,
        value: ValueId,
        format: Format,
        width: Width,
        padded: &Padded,
    ) -> TensorId {
        if let Some(stored) = self.stored[value].clone() {
            let tensor = self.in_order(node, &stored, padded.order(stored.encoding.order));
            if padded.is_feature_map(stored.encoding.element) {
                return tensor;
            }
            let kernel = Integer::PaddedCopy {
                copy: padded.copy(true),
                fill: stored.encoding.format.zero_point,
                from: stored.encoding.element,
                to: padded.element,
            };
            return self.copied(node, padded, kernel, tensor);
        }
        // Integers for several readers are made once, those for one reader directly in its copy.
        if self.links.uses(value) > 1 {
            self.stored(node, value, format, width);
            return self.padded(node, value, format, width, padded);
        }
        let x = self.read(value);
        let copy = padded.copy(padded.rows);
        let kernel = Integer::Quantize { copy, format, to: padded.element };
        self.copied(node, padded, kernel, x)
    }

    /// The new tensor of the padded copy that a call of `kernel` fills from `source`.
    fn copied(
        &mut self,
        node: &Node,
        padded: &Padded,
        kernel: Integer,
        source: TensorId,
    ) -> TensorId {
        let target = self.integers(padded.element, padded.len());
        let [height, width] = padded.size;
        let shape = [height, width, padded.pitch];
        self.call_on(node, &shape, Kernel::Integer(kernel), &[source], &[target]);
        target
    }
}
