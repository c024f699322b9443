//! Transposed convolution over one or two spatial axes.

use super::PANEL;
use super::conv::{ConvShape, FilterLayout, Placement, convolve};
use core::ops::Range;

/// Shapes of a transposed convolution; one-dimensional ones have height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConvTransposeShape {
    /// Input channels of all groups.
    pub channels: usize,
    /// Input height and width.
    pub input: [usize; 2],
    /// Output channels of all groups.
    pub filters: usize,
    /// Output height and width.
    pub output: [usize; 2],
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// FilterLayout between the first taps of neighbouring inputs.
    pub strides: [usize; 2],
    /// FilterLayout between neighbouring taps.
    pub dilations: [usize; 2],
    /// Rows and columns cut off at the start of the full output.
    pub pads: [usize; 2],
    /// Groups; channels and filters divide evenly among them.
    pub groups: usize,
}

impl ConvTransposeShape {
    /// Number of multiply-accumulates, counting those that fall outside the output; 0 without groups.
    pub const fn macs(&self) -> usize {
        match self.filters.checked_div(self.groups) {
            Some(filters) => {
                let inputs = self.channels * self.input[0] * self.input[1];
                inputs * filters * self.kernel[0] * self.kernel[1]
            }
            None => 0,
        }
    }

    /// Number of weights as [`pack_transposed`] packs them: that of ONNX's weights, unless an axis has fewer
    /// outputs than its stride.
    pub fn packed_len(&self) -> usize {
        let [rows, columns] = self.phases();
        let rows: usize = (0..rows).map(|phase| Phase::new(self, 0, phase).taps).sum();
        let columns: usize = (0..columns).map(|phase| Phase::new(self, 1, phase).taps).sum();
        self.channels * (self.filters / self.groups.max(1)) * rows * columns
    }

    /// Number of phases along height and width: the stride, or the number of outputs where that is less.
    #[inline(always)]
    const fn phases(&self) -> [usize; 2] {
        let ([height, width], [rows, columns]) = (self.output, self.strides);
        [if rows < height { rows } else { height }, if columns < width { columns } else { width }]
    }

    /// Number of all phases, for [`Phases`].
    pub const fn phase_count(&self) -> usize {
        let [rows, columns] = self.phases();
        rows * columns
    }
}

/// The outputs at `phase + stride * j` along one axis, for all `j`: those of a convolution of stride 1.
struct Phase {
    outputs: usize,
    /// Number of taps that contribute to them: from tap `last` back, each `between` in front of the one
    /// before.
    taps: usize,
    last: usize,
    between: usize,
    /// Inputs from tap to tap.
    dilation: usize,
    /// Zeros that pad the front of the input. Where the first window begins behind the first input, it is the
    /// number of inputs in front of the window as a negative number, which wraps.
    pad: usize,
}

impl Phase {
    /// The phase with this number along `axis` (0 is height, 1 is width). Its taps are those whose offset
    /// `tap * dilation` differs from `phase + pad` by a multiple of the stride: only they meet inputs.
    #[inline(never)]
    const fn new(s: &ConvTransposeShape, axis: usize, phase: usize) -> Self {
        let axis = axis & 1;
        let (kernel, stride) = (s.kernel[axis], at_least_one(s.strides[axis]));
        let (step, place) = (s.dilations[axis], phase + s.pads[axis]);
        let (mut taps, mut between, mut last) = (0, 1, 0);
        // Remainder of the distance `place - tap * step` modulo the stride.
        let (mut rest, back) = (place % stride, step % stride);
        let mut tap = 0;
        while tap < kernel {
            if rest == 0 {
                (taps, between, last) = (taps + 1, tap - last, tap);
            }
            rest = if rest < back { rest + stride - back } else { rest - back };
            tap += 1;
        }
        // With a single tap, `between` is that tap's own index.
        let between = at_least_one(between);
        let offset = last * step;
        let distance = place.abs_diff(offset) / stride;
        Self {
            outputs: s.output[axis].saturating_sub(phase).div_ceil(stride),
            taps,
            last,
            between,
            dilation: between * step / stride,
            pad: if place < offset { distance } else { distance.wrapping_neg() },
        }
    }
}

/// The number, or 1 instead of 0.
#[inline(always)]
const fn at_least_one(number: usize) -> usize {
    if number == 0 { 1 } else { number }
}

/// The convolutions that a transposed one is, one for each of its `N` phases: computed by the compiler where the shape is
/// a constant.
#[derive(Clone, Debug)]
pub struct Phases<const N: usize> {
    shapes: [ConvShape; N],
    layouts: [FilterLayout; N],
}

impl<const N: usize> Phases<N> {
    /// The first `N` phases of `s`, rows in front; phases that it does not have write nothing.
    pub const fn new(s: &ConvTransposeShape) -> Self {
        Self::starting_at(s, 0)
    }

    /// `N` phases from number `first` on.
    const fn starting_at(s: &ConvTransposeShape, first: usize) -> Self {
        let mut phases = Self {
            shapes: [ConvShape {
                channels: s.channels,
                input: s.input,
                filters: s.filters,
                output: [0; 2],
                kernel: [0; 2],
                strides: [1; 2],
                dilations: [1; 2],
                pads: [0; 2],
                groups: s.groups,
            }; N],
            layouts: [FilterLayout { last_lanes: 1, placement: None }; N],
        };
        let columns = at_least_one(s.phases()[1]);
        let mut at = 0;
        while at < N && first + at < s.phase_count() {
            let (row, column) = ((first + at) / columns, (first + at) % columns);
            let (down, across) = (Phase::new(s, 0, row), Phase::new(s, 1, column));
            let shape = &mut phases.shapes[at];
            shape.output = [down.outputs, across.outputs];
            shape.kernel = [down.taps, across.taps];
            shape.dilations = [down.dilation, across.dilation];
            shape.pads = [down.pad, across.pad];
            phases.layouts[at].placement = Some(Placement {
                start: row * s.output[1] + column,
                steps: [s.strides[0] * s.output[1], s.strides[1]],
                plane: s.output[0] * s.output[1],
            });
            at += 1;
        }
        phases
    }
}

/// `y[f][p] = bias[f] + sum_{c, i, k: i * stride + k * dilation - pad = p} x[c][i] * w[c][f][k]`.
///
/// `x` is `[channels][height][width]`, `y` is `[filters][height][width]`, all of which is written. `weights`
/// is what [`pack_transposed`] makes: for each phase, that is for all outputs at one distance from multiples
/// of the strides, the filters of a convolution.
///
/// Order: each output starts at its bias and adds its products by channel, input row, input column.
pub fn conv_transpose(
    x: &[f32],
    weights: &[f32],
    bias: &[f32],
    y: &mut [f32],
    s: &ConvTransposeShape,
) {
    let mut weights = weights;
    for phase in 0..s.phase_count() {
        weights = conv_phases(x, weights, bias, y, &Phases::<1>::starting_at(s, phase));
    }
}

/// [`conv_transpose`] by its phases, all of them, as [`Phases::new`] gives them. Gives what follows in `weights`; empty
/// where they end too early.
#[inline(always)]
pub fn conv_phases<'w, const N: usize>(
    x: &[f32],
    weights: &'w [f32],
    bias: &[f32],
    y: &mut [f32],
    phases: &Phases<N>,
) -> &'w [f32] {
    let all = phases.shapes.iter().zip(&phases.layouts);
    all.fold(weights, |weights, (shape, layout)| convolve(x, weights, bias, y, shape, layout))
}

/// Packs ONNX's weights `[channels][filters / groups][kernel]` for [`conv_transpose`] into `packed`, which
/// has [`packed_len`](ConvTransposeShape::packed_len) values, all of which are written.
///
/// Phase by phase, rows in front, and group by group: panels of [`PANEL`] filters, interleaved, then the
/// filters that fill none one by one, each `[channels / groups][taps]`. Taps go by the inputs that they
/// read, which is from the last to the first.
pub fn pack_transposed(weights: &[f32], packed: &mut [f32], s: &ConvTransposeShape) {
    let groups = s.groups.max(1);
    let (channels, filters) = (s.channels / groups, s.filters / groups);
    let mut packed = packed.iter_mut();
    let [rows, columns] = s.phases();
    for phase in (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column])) {
        let [rows, columns] = [Phase::new(s, 0, phase[0]), Phase::new(s, 1, phase[1])];
        for (group, panel) in (0..groups).flat_map(|g| panels_of(filters).map(move |p| (g, p))) {
            for channel in group * channels..(group + 1) * channels {
                for tap in 0..rows.taps * columns.taps {
                    let row = rows.last - tap / columns.taps * rows.between;
                    let column = columns.last - tap % columns.taps * columns.between;
                    for filter in panel.clone() {
                        let at = (channel * filters + filter) * s.kernel[0] + row;
                        let w = weights.get(at * s.kernel[1] + column);
                        if let Some((packed, w)) = packed.next().zip(w) {
                            *packed = *w;
                        }
                    }
                }
            }
        }
    }
}

/// The ranges of a group's filters that are stored together: full panels of [`PANEL`], then each remaining
/// filter by itself.
fn panels_of(filters: usize) -> impl Iterator<Item = Range<usize>> {
    let full = filters / PANEL;
    let panels = (0..full).map(|panel| panel * PANEL..(panel + 1) * PANEL);
    panels.chain((full * PANEL..filters).map(|filter| filter..filter + 1))
}
