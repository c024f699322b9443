//! Which axis of the decoder's mean a list of the manifest runs along.

use super::window::{fits, has_two_axes};
use crate::manifest::{Layout, Window};

/// The values of the decoder's mean, and what is known of its axes.
pub(super) struct DecoderMean<'a> {
    /// With the batch as axis 0.
    pub shape: &'a [usize],
    /// What the observation is made of.
    pub window: Option<&'a Window>,
    /// The axis that the manifest names.
    pub axis: Option<usize>,
}

/// An axis of a row-major tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// Its length.
    pub len: usize,
    /// Values per place of it: the product of all lengths behind.
    pub inner: usize,
}

impl Axis {
    /// Whether no axis longer than 1 lies before it in a tensor of `values` values.
    pub(super) fn leads(self, values: usize) -> bool {
        self.len * self.inner == values
    }

    /// `list`, one number per place of this axis, repeated to one number for each of `values` values, in
    /// row-major order.
    pub(super) fn spread(self, list: &[f32], values: usize) -> Vec<f32> {
        let own = list.iter().flat_map(|value| std::iter::repeat_n(*value, self.inner));
        own.cycle().take(values).collect()
    }
}

impl DecoderMean<'_> {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The axis along which a list of `len` values runs, where that is neither 1 nor one per value of the
    /// mean: the declared axis, else the only one of that length.
    ///
    /// # Errors
    ///
    /// A sentence with the candidates, where there is none or more than one.
    pub(super) fn axis_of(&self, len: usize) -> Result<Axis, String> {
        if let Some(axis) = self.axis {
            return match self.shape.get(axis) {
                Some(found) if *found == len => Ok(self.at(axis)),
                Some(found) => Err(format!(
                    "has {len} values, axis = {axis} of the decoder's mean {:?} has {found}; {}",
                    self.shape,
                    self.expected(len)
                )),
                None => Err(format!(
                    "axis = {axis} is none of the decoder's mean {:?}, whose batch is axis 0",
                    self.shape
                )),
            };
        }
        let mut axes: Vec<Axis> =
            self.candidates(len).into_iter().map(|axis| self.at(axis)).collect();
        let window = self.window.filter(|window| has_two_axes(window));
        let channels = window.map(|window| self.channels(window)).filter(|own| own.len == len);
        axes.extend(channels.filter(|own| !axes.contains(own)));
        match axes[..] {
            [only] if window.is_none() || channels == Some(only) => Ok(only),
            _ => Err(format!("has {len} values; {}", self.expected(len))),
        }
    }

    /// The axis that classes lie on: the declared one, else the window's channels, else the only axis longer
    /// than 1.
    ///
    /// # Errors
    ///
    /// As [`axis_of`](Self::axis_of), and where it is not the leading one.
    pub(super) fn classes(&self) -> Result<Axis, String> {
        let long = |axis: &usize| self.shape[*axis] > 1;
        let axes: Vec<usize> = (0..self.shape.len()).filter(long).collect();
        let window = self.window.filter(|window| has_two_axes(window));
        let axis = match (self.axis, window, &axes[..]) {
            (Some(axis), _, _) if axis < self.shape.len() => self.at(axis),
            (None, Some(window), _) => self.channels(window),
            (None, None, []) => Axis { len: self.len(), inner: 1 },
            (None, None, [only]) => self.at(*only),
            _ => {
                return Err(format!(
                    "categorical: the decoder's mean has shape {:?}; write which axis the classes lie on: {}",
                    self.shape,
                    lines(&axes)
                ));
            }
        };
        if axis.leads(self.len()) {
            return Ok(axis);
        }
        Err(format!(
            "categorical: the classes lie on the leading axis, here ({} of them) others lie before it in {:?}; export encoder and decoder with the classes first",
            axis.len, self.shape
        ))
    }

    /// The axis at this position of the shape; panics where the shape has none there.
    fn at(&self, axis: usize) -> Axis {
        Axis { len: self.shape[axis], inner: self.shape[axis + 1..].iter().product() }
    }

    /// The axis of the window's channels by its layout, whether or not the shape has it as an axis of its
    /// own.
    fn channels(&self, window: &Window) -> Axis {
        let inner = match window.layout() {
            Layout::ChannelsFirst => window.length,
            Layout::TimeFirst => 1,
        };
        Axis { len: window.channels, inner }
    }

    /// Positions of the axes of this length.
    fn candidates(&self, len: usize) -> Vec<usize> {
        (0..self.shape.len()).filter(|axis| self.shape[*axis] == len).collect()
    }

    /// What a list of `len` values could have been, as the end of a message.
    fn expected(&self, len: usize) -> String {
        let all = self.len();
        let channels = match self.window {
            Some(window) => format!("one per channel ({}) or ", window.channels),
            None => String::new(),
        };
        match &self.candidates(len)[..] {
            [] => format!(
                "expected 1, {channels}one per place of an axis of the decoder's mean {:?}, or one per value ({all})",
                self.shape
            ),
            axes => format!(
                "expected {channels}one per value ({all}), or along an axis of the decoder's mean {:?}: write {}",
                self.shape,
                lines(axes)
            ),
        }
    }

    /// What is wrong, as the end of a message, where the mean does not have the order of the observation,
    /// whose shape is `x`: transposed axes, or another layout than the window's. `None` where nothing is.
    pub(super) fn disorder(&self, x: &[usize]) -> Option<String> {
        if super::window::are_transposed(self.shape, x) {
            return Some(format!(
                "has shape {:?}, the observation {x:?}: values would be compared with those of other places; export both in one order",
                self.shape
            ));
        }
        let window = self.window.filter(|window| has_two_axes(window))?;
        let layout = window.layout();
        (!fits(window, layout, self.shape)).then(|| {
            format!(
                "has shape {:?}, the window's layout {:?} is {:?}; export both in one order",
                self.shape,
                layout.name(),
                window.axes(layout)
            )
        })
    }
}

/// The choices `axis = ..` for a message, joined by "or".
fn lines(axes: &[usize]) -> String {
    axes.iter().map(|axis| format!("axis = {axis}")).collect::<Vec<_>>().join(" or ")
}
