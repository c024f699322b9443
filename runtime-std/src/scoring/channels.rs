//! The log-likelihood of a row, channel by channel.

use crate::manifest::{Layout, Window};
use elbow_core::distributions::Likelihood;

/// Channels of an observation: how many there are, and which one a value belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channels {
    count: usize,
    length: usize,
    layout: Layout,
}

impl Channels {
    /// Those of the window; without one every value is a channel of its own, in an observation of `values`.
    pub(super) fn of(window: Option<&Window>, values: usize) -> Self {
        match window {
            Some(window) => Self {
                count: window.channels,
                length: window.length,
                layout: window.layout.unwrap_or_default(),
            },
            None => Self { count: values, length: 1, layout: Layout::ChannelsFirst },
        }
    }

    /// The channel of value number `at`; 0 for a window without readings.
    fn channel(self, at: usize) -> usize {
        match self.layout {
            Layout::ChannelsFirst => at / self.length.max(1),
            Layout::TimeFirst => at % self.count.max(1),
        }
    }

    /// `ln p(x | z)` of each channel in nats, the sum over its values in f64. Empty for a family of classes, whose values
    /// are not independent of each other.
    pub(super) fn log_likelihood(
        self,
        likelihood: &Likelihood<'_>,
        x: &[f32],
        x_mean: &[f32],
    ) -> Vec<f32> {
        if likelihood.family.classes().is_some() {
            return Vec::new();
        }
        let mut sums = vec![0.0; self.count];
        for (at, (value, mean)) in x.iter().zip(x_mean).enumerate() {
            let own = likelihood.parameters.map(|values| parameter(values, at, x.len()));
            let [first, second] = &own;
            let one = Likelihood { family: likelihood.family, parameters: [first, second] };
            if let Some(sum) = sums.get_mut(self.channel(at)) {
                *sum += f64::from(one.log_prob(&[*value], &[*mean]));
            }
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }
}

/// The value of a parameter for value number `at` of `len`; no value where the family does not have the parameter.
fn parameter(values: &[f32], at: usize, len: usize) -> Vec<f32> {
    let each = len / values.len().max(1);
    values.get(at / each.max(1)).copied().into_iter().collect()
}
