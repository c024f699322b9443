//! Rows of `--input` that look like readings in raw units: they are as long as normalized ones, and every score of them
//! would be wrong.

use elbow::manifest::{Layout, Window};
use elbow::rows::Rows;
use elbow::{Error, Result};

/// Largest distance of rows that are taken as normalized whatever the window says, and of those that raw rows have once
/// they are normalized.
const NORMALIZED: f64 = 1.0;
/// Least factor by which normalizing brings raw rows nearer.
const NEARER: f64 = 4.0;

/// Sums over the values of a channel.
#[derive(Clone, Copy, Debug, Default)]
struct ChannelMoments {
    count: f64,
    sum: f64,
    squares: f64,
}

/// `Ok` where the rows `x` look normalized, or cannot be told from raw ones.
///
/// # Errors
///
/// An input error, which is a question, where normalizing by `window` would give the rows about mean 0 and deviation 1 in
/// every channel, and they are far from it; `files` are the names that it shows.
pub fn question(files: &[String], x: &Rows, window: &Window) -> Result<()> {
    let channels = moments(x, window);
    let as_given = distance(&channels, |_| (0.0, 1.0));
    let normalized = distance(&channels, |channel| {
        (f64::from(window.mean[channel]), f64::from(window.std[channel]))
    });
    if as_given <= NORMALIZED || normalized > NORMALIZED || NEARER * normalized >= as_given {
        return Ok(());
    }
    let far = |channel: &usize| channels[*channel].mean().abs();
    let worst = (0..channels.len()).max_by(|a, b| far(a).total_cmp(&far(b))).unwrap_or(0);
    Err(Error::input(format!(
        "--input {}: the rows look like readings in raw units: channel {worst} has mean {:.3} and deviation {:.3}, where normalized rows have about 0 and 1, and [window] has mean {:.3} and std {:.3}; give (x - mean) / std of each channel, or the readings themselves by --recording, or say by --normalized that the rows are right as they are",
        files.join(" "),
        channels[worst].mean(),
        channels[worst].deviation(),
        window.mean[worst],
        window.std[worst]
    )))
}

/// The moments of each channel over all rows; values that are not finite are left out.
fn moments(x: &Rows, window: &Window) -> Vec<ChannelMoments> {
    let mut channels = vec![ChannelMoments::default(); window.channels];
    let per_row = window.channels * window.length;
    for (at, value) in x.values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
        let channel = match window.layout() {
            Layout::ChannelsFirst => at % per_row / window.length,
            Layout::TimeFirst => at % window.channels,
        };
        let value = f64::from(*value);
        let own = &mut channels[channel];
        (own.count, own.sum, own.squares) =
            (own.count + 1.0, own.sum + value, own.squares + value * value);
    }
    channels
}

impl ChannelMoments {
    /// The mean; 0 of no values.
    fn mean(&self) -> f64 {
        self.sum / self.count.max(1.0)
    }

    /// The standard deviation; 0 of no values.
    fn deviation(&self) -> f64 {
        let mean = self.mean();
        (self.squares / self.count.max(1.0) - mean * mean).max(0.0).sqrt()
    }
}

/// How far the channels are from mean 0 and deviation 1 once the shift of `scale` is subtracted and its factor divided
/// by: the mean over the channels of `mean^2 + ln(deviation)^2`, where a constant channel has no second term.
fn distance(channels: &[ChannelMoments], scale: impl Fn(usize) -> (f64, f64)) -> f64 {
    let of = |(channel, own): (usize, &ChannelMoments)| {
        let (shift, factor) = scale(channel);
        let (mean, deviation) = ((own.mean() - shift) / factor, own.deviation() / factor);
        let spread = if deviation > 0.0 { deviation.ln() } else { 0.0 };
        mean * mean + spread * spread
    };
    channels.iter().enumerate().map(of).sum::<f64>() / channels.len().max(1) as f64
}
