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

/// An axis: its length, and how many values lie behind each of its places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub len: usize,
    pub inner: usize,
}

impl Axis {
    /// Whether it is the outermost axis longer than 1 in a tensor of so many values.
    pub(super) fn leads(self, values: usize) -> bool {
        self.len * self.inner == values
    }

    /// `list` along this axis, as a list of one per value.
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

    /// The axis of a list that has neither one value nor one per value of the mean.
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

    /// The axis that classes lie on.
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

    fn at(&self, axis: usize) -> Axis {
        Axis { len: self.shape[axis], inner: self.shape[axis + 1..].iter().product() }
    }

    /// The channels, where no axis is theirs alone.
    fn channels(&self, window: &Window) -> Axis {
        let inner = match window.layout() {
            Layout::ChannelsFirst => window.length,
            Layout::TimeFirst => 1,
        };
        Axis { len: window.channels, inner }
    }

    fn candidates(&self, len: usize) -> Vec<usize> {
        (0..self.shape.len()).filter(|axis| self.shape[*axis] == len).collect()
    }

    /// What a list of this length may be.
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

    /// What is wrong where the mean does not have the order of the observation, which is `x` of this shape.
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

/// The lines to choose from.
fn lines(axes: &[usize]) -> String {
    axes.iter().map(|axis| format!("axis = {axis}")).collect::<Vec<_>>().join(" or ")
}
