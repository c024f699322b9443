//! Which channel an anomaly is in.

use crate::distributions::Likelihood;
use crate::window::Layout;

/// `ln p(x | z)` of the values of one channel of an observation, in nats: the sum of its terms in the order
/// of time. NaN as for [`Likelihood::log_prob`]; `None` for classes, whose values are not independent, and
/// where the observation has no whole number of readings of `channels` values, or no such channel.
#[inline(always)] // as log_prob
pub fn channel_log_likelihood(
    likelihood: &Likelihood<'_>,
    x: &[f32],
    x_mean: &[f32],
    place: ChannelPlace,
) -> Option<f32> {
    let ChannelPlace { channel, channels, layout } = place;
    let length = x.len().checked_div(channels)?;
    let is_whole = channels.checked_mul(length) == Some(x.len()) && x.len() == x_mean.len();
    if likelihood.family.classes().is_some() || !is_whole || channel >= channels {
        return None;
    }
    let index = |t: usize| match layout {
        Layout::ChannelsFirst => channel * length + t,
        Layout::TimeFirst => t * channels + channel,
    };
    let mut total = 0.0;
    for at in (0..length).map(index) {
        // A parameter's values stand for equally long parts of the observation.
        let parameters = likelihood.parameters.map(|values| {
            let own = (at * values.len()).checked_div(x.len()).unwrap_or(0);
            values.get(own..=own).unwrap_or(&[])
        });
        let term = Likelihood { family: likelihood.family, parameters };
        let (x, x_mean) = (x.get(at..=at)?, x_mean.get(at..=at)?);
        total += term.log_prob(x, x_mean);
    }
    Some(total)
}

/// Where the values of a channel are in an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChannelPlace {
    /// Its number.
    pub channel: usize,
    /// How many there are.
    pub channels: usize,
    /// Order of the values.
    pub layout: Layout,
}

/// The channel whose log-likelihood lies furthest below its reference, which has one value for each channel;
/// a channel whose log-likelihood is NaN before all others. `None` where
/// [`channel_log_likelihood`] is, and for no channels.
///
/// ```
/// use elbow_core::detect::worst_channel;
/// use elbow_core::distributions::Likelihood;
/// use elbow_core::window::Layout;
/// let likelihood = Likelihood::gaussian(&[0.0]);
/// let (x, x_mean) = ([3.0, 3.0, 0.0, 4.0], [0.0; 4]);
/// let worst = |layout| worst_channel(&likelihood, &x, &x_mean, layout, &[-10.0, -9.0]);
/// assert_eq!(worst(Layout::ChannelsFirst), Some(0));
/// assert_eq!(worst(Layout::TimeFirst), Some(1));
/// ```
#[inline(always)] // as log_prob
pub fn worst_channel(
    likelihood: &Likelihood<'_>,
    x: &[f32],
    x_mean: &[f32],
    layout: Layout,
    reference: &[f32],
) -> Option<usize> {
    let channels = reference.len();
    let mut worst = None;
    for (channel, usual) in reference.iter().enumerate() {
        let place = ChannelPlace { channel, channels, layout };
        let excess = channel_log_likelihood(likelihood, x, x_mean, place)? - usual;
        if worst.is_none_or(|(_, least)| excess.is_nan() || excess < least) {
            worst = Some((channel, excess));
        }
        if excess.is_nan() {
            break;
        }
    }
    worst.map(|(channel, _)| channel)
}
