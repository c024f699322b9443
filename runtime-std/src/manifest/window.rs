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
    /// Readings per second; where it is known, the times of readings are held against it.
    pub rate: Option<f64>,
    /// Longest time from one reading to the next, in seconds; [`Window::max_gap`] has the default.
    pub max_gap: Option<f64>,
    /// What a longer time does.
    #[serde(default)]
    pub on_gap: OnGap,
    /// Longest time without a judged window, in seconds; [`Window::stale`] has the default.
    pub stale: Option<f64>,
    /// Raw units per step of a 16-bit reading, per channel; 1 where left out.
    pub scale: Option<Vec<f32>>,
    /// Raw units of the 16-bit reading 0, per channel; 0 where left out.
    pub offset: Option<Vec<f32>>,
    /// Unit of the readings, such as `mg`: a program whose sensor gives another one does not compile.
    pub unit: Option<String>,
    /// Least and largest value that the sensor of the readings could give: a program whose sensor gives less does
    /// not compile.
    pub range: Option<[f32; 2]>,
}

/// What a gap in the readings does to the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGap {
    /// It is emptied: no window joins readings across a gap.
    #[default]
    Clear,
    /// It goes on, as if no reading were missing.
    Hold,
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
    /// Adds to `problems`: sizes of 0, a `max_missing` above `length`, `mean`, `std`, `scale` or `offset` of
    /// another length than `channels` or with a value that is not finite, a `std` that is not positive, a `scale`
    /// of 0, and wrong times.
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
        let lists = [("mean", Some(&self.mean)), ("std", Some(&self.std))];
        let raw = [("scale", self.scale.as_ref()), ("offset", self.offset.as_ref())];
        for (key, list) in lists.into_iter().chain(raw) {
            let Some(list) = list else { continue };
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
        if self.scale.iter().flatten().any(|value| *value == 0.0) {
            problems.push("window.scale: found 0, by which every reading would be the same".into());
        }
        self.check_sensor(problems);
        self.check_times(problems);
    }

    /// Adds to `problems`: a unit that is empty or has other than printable ASCII characters, or a quote or
    /// backslash, and a range that is not two finite numbers in rising order.
    fn check_sensor(&self, problems: &mut Vec<String>) {
        let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
        if let Some(bad) = self.unit.as_ref().filter(|u| u.is_empty() || !u.chars().all(is_plain)) {
            problems.push(format!("window.unit: found {bad:?}, expected a name such as \"mg\""));
        }
        if let Some([lo, hi]) = self.range.filter(|[lo, hi]| !(hi - lo).is_finite() || lo >= hi) {
            problems.push(format!(
                "window.range: found [{lo}, {hi}], expected the least and the largest value of a reading"
            ));
        }
    }

    /// Adds to `problems`: a rate or a time that is not a finite number above 0, a `max_gap` that is shorter than the
    /// time from one reading to the next, and times without a rate, which nothing would hold readings against.
    fn check_times(&self, problems: &mut Vec<String>) {
        let times = [("rate", self.rate), ("max_gap", self.max_gap), ("stale", self.stale)];
        for (key, value) in times {
            if let Some(bad) = value.filter(|value| !(value.is_finite() && *value > 0.0)) {
                problems
                    .push(format!("window.{key}: found {bad}, expected a finite number above 0"));
            }
        }
        if let (Some(rate), Some(gap)) = (self.rate, self.max_gap)
            && gap * rate < 1.0
        {
            problems.push(format!(
                "window.max_gap: found {gap} s, expected at least the {} s from one reading to the next at rate = {rate}; leave it out for 2.5 times that",
                1.0 / rate
            ));
        }
        for (key, value) in [("max_gap", self.max_gap), ("stale", self.stale)] {
            if self.rate.is_none() && value.is_some() {
                problems
                    .push(format!("window.{key}: needs the rate of the readings; add rate, in Hz"));
            }
        }
    }

    /// Longest time from one reading to the next, in seconds: as given, or 2.5 times that of the rate; `None`
    /// where neither is known.
    pub fn max_gap(&self) -> Option<f64> {
        self.max_gap.or(self.rate.map(|rate| 2.5 / rate))
    }

    /// Longest time without a judged window, in seconds: as given, or the duration of ten windows; `None` where
    /// the rate is unknown.
    pub fn stale(&self) -> Option<f64> {
        self.stale.or(self.rate.map(|rate| 10.0 * self.length as f64 / rate))
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
