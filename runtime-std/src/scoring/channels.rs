//! The log-likelihood of a row, channel by channel.

use crate::manifest::{Layout, Window};
use elbow_core::detect::{ChannelPlace, channel_log_likelihood};
use elbow_core::distributions::Likelihood;

/// Channels of an observation: how many there are, and in which order the values lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channels {
    count: usize,
    layout: Layout,
}

impl Channels {
    /// Those of the window; without one every value is a channel of its own, in an observation of `values`.
    pub(super) fn of(window: Option<&Window>, values: usize) -> Self {
        match window {
            Some(window) => Self { count: window.channels, layout: window.layout() },
            None => Self { count: values, layout: Layout::ChannelsFirst },
        }
    }

    /// `ln p(x | z)` of each channel in nats, as a device computes it. Empty for a family of classes, whose values are
    /// not independent of each other, and where the observation is no whole number of readings.
    pub(super) fn log_likelihood(
        self,
        likelihood: &Likelihood<'_>,
        x: &[f32],
        x_mean: &[f32],
    ) -> Vec<f32> {
        let of = |channel| {
            let place = ChannelPlace { channel, channels: self.count, layout: self.layout.into() };
            channel_log_likelihood(likelihood, x, x_mean, place)
        };
        (0..self.count).map(of).collect::<Option<_>>().unwrap_or_default()
    }
}
