//! `[window]`: from raw readings to an observation, and in which order it lies.

use elbow_core::window;
use serde::Deserialize;

/// `[window]`: from raw readings to an observation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Channels of one reading.
    pub channels: usize,
    /// Readings of one window.
    pub length: usize,
    /// Readings between the starts of two windows.
    pub hop: usize,
    /// Order of the observation's values; always known once the model is loaded.
    pub layout: Option<Layout>,
    /// Most NaN readings of a channel in one window; 0 if left out.
    #[serde(default)]
    pub max_missing: usize,
    /// Subtracted, per channel.
    pub mean: Vec<f32>,
    /// Divided by, per channel.
    pub std: Vec<f32>,
}

/// Order of an observation's values; [`window::Layout`] in the manifest's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// `[channels, length]`
    #[default]
    ChannelsFirst,
    /// `[length, channels]`
    TimeFirst,
}

impl From<Layout> for window::Layout {
    /// The layout of the same name.
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::ChannelsFirst => Self::ChannelsFirst,
            Layout::TimeFirst => Self::TimeFirst,
        }
    }
}

impl Layout {
    /// Its name, as in `time_first`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChannelsFirst => "channels_first",
            Self::TimeFirst => "time_first",
        }
    }
}

impl Window {
    /// Adds to `problems`: sizes of 0, a `max_missing` above `length`, `mean` or `std` of another length than
    /// `channels` or with a value that is not finite, and a `std` that is not positive.
    pub(super) fn check(&self, problems: &mut Vec<String>) {
        for (key, value) in
            [("channels", self.channels), ("length", self.length), ("hop", self.hop)]
        {
            if value == 0 {
                problems.push(format!("window.{key}: found 0, expected at least 1"));
            }
        }
        if self.max_missing > self.length {
            problems.push(format!(
                "window.max_missing: found {}, expected at most length ({})",
                self.max_missing, self.length
            ));
        }
        for (key, list) in [("mean", &self.mean), ("std", &self.std)] {
            if list.len() != self.channels {
                problems.push(format!(
                    "window.{key}: found {} values, expected one per channel ({})",
                    list.len(),
                    self.channels
                ));
            }
            if let Some(bad) = list.iter().find(|value| !value.is_finite()) {
                problems.push(format!("window.{key}: found {bad}, expected finite numbers"));
            }
        }
        if let Some(bad) = self.std.iter().find(|value| **value <= 0.0) {
            problems.push(format!(
                "window.std: found {bad}, expected positive numbers; a constant channel has std = 1"
            ));
        }
    }

    /// The declared layout, or channels first where none is.
    pub fn layout(&self) -> Layout {
        self.layout.unwrap_or_default()
    }

    /// The two axes of an observation in `layout`, first the outer one: channels and length, or length and
    /// channels.
    pub fn axes(&self, layout: Layout) -> [usize; 2] {
        match layout {
            Layout::ChannelsFirst => [self.channels, self.length],
            Layout::TimeFirst => [self.length, self.channels],
        }
    }
}
