//! The alarm: a cumulative sum of surprise, with a stated mean time between false alarms.

/// What an alarm was designed for.
///
/// For p-values that are uniform while all is well, with `kappa` in (0, 1):
/// `k = -ln(kappa) / (1 - kappa)`, and `h` is the threshold for a mean of so many windows between false
/// alarms. `ln(windows) / (1 - kappa)` guarantees it; the exact one is about 3.3 less at `kappa = 0.3`. It is
/// the CUSUM of the e-values `kappa p^(kappa - 1)`, divided by `1 - kappa` (Shafer et al., 2011; Shin et al.,
/// 2023).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AlarmDesign {
    /// What is taken from the sum at each window, in nats.
    pub k: f32,
    /// An alarm is a sum above it, in nats.
    pub h: f32,
    /// An alarm too where so many of the last counted windows are anomalies.
    pub votes: Option<Votes>,
}

/// So many anomalies among so many windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Votes {
    /// Anomalies that make an alarm; 0 counts as 1.
    pub needed: u8,
    /// Windows that are looked at: 1 to 32, above as 32.
    pub of: u8,
}

/// The state of an alarm: 12 bytes.
///
/// ```
/// use elbow_core::detect::{AlarmDesign, Cusum};
/// let design = AlarmDesign { k: 1.5, h: 4.0, votes: None };
/// let mut cusum = Cusum::NEW;
/// assert!(!cusum.step(&design, 5.0, true));
/// assert_eq!(cusum.g(), 3.5);
/// assert!(cusum.step(&design, 3.0, true), "5.0 is above h");
/// assert!(cusum.step(&design, 0.0, false), "until it is acknowledged");
/// cusum.acknowledge();
/// assert!(!cusum.step(&design, 0.0, false));
/// assert_eq!(cusum.g(), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cusum {
    /// The sum, in nats, at least 0.
    g: f32,
    /// Whether each of the last 32 windows was an anomaly, the last one in the lowest bit.
    history: u32,
    /// Whether there was an alarm that nobody has acknowledged.
    is_latched: bool,
}

impl Cusum {
    /// At the start.
    pub const NEW: Self = Self { g: 0.0, history: 0, is_latched: false };

    /// Counts one window: `g = max(0, (g + surprise) - k)`, then an alarm where `g > h` or the votes say so.
    ///
    /// `true` from an alarm on until [`acknowledge`](Self::acknowledge); in between nothing is counted. A NaN
    /// is an alarm, since no table has one.
    #[inline]
    pub fn step(&mut self, design: &AlarmDesign, surprise: f32, is_anomaly: bool) -> bool {
        if self.is_latched {
            return true;
        }
        let g = (self.g + surprise) - design.k;
        self.g = if g < 0.0 { 0.0 } else { g };
        self.history = self.history << 1 | u32::from(is_anomaly);
        let voted = design.votes.is_some_and(|votes| votes.are_in(self.history));
        if voted || self.g > design.h || self.g.is_nan() {
            *self = Self { is_latched: true, ..Self::NEW };
        }
        self.is_latched
    }

    /// Ends an alarm; the sum begins at 0. Does nothing where there was none.
    #[inline]
    pub fn acknowledge(&mut self) {
        self.is_latched = false;
    }

    /// Whether there was an alarm that nobody has acknowledged.
    #[inline]
    #[must_use]
    pub fn is_latched(&self) -> bool {
        self.is_latched
    }

    /// The sum, in nats; 0 after an alarm.
    #[inline]
    #[must_use]
    pub fn g(&self) -> f32 {
        self.g
    }
}

impl Votes {
    /// Whether enough of the last windows are anomalies.
    fn are_in(self, history: u32) -> bool {
        let beyond = 32 - u32::from(self.of).clamp(1, 32);
        (history << beyond).count_ones() >= u32::from(self.needed.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_look_at_the_last_windows_alone() {
        let votes = Votes { needed: 3, of: 5 };
        let design = AlarmDesign { k: 1.0, h: f32::INFINITY, votes: Some(votes) };
        let windows = [1, 1, 0, 0, 0, 1, 1, 0, 1, 0];
        let mut cusum = Cusum::NEW;
        let alarms = windows.map(|anomaly| cusum.step(&design, 0.0, anomaly == 1));
        assert_eq!(alarms.map(u8::from), [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        cusum.acknowledge();
        assert!(!cusum.step(&design, 0.0, true), "the history begins anew");
        assert!(Votes { needed: 1, of: 255 }.are_in(1 << 31));
        assert!(!Votes { needed: 0, of: 0 }.are_in(0));
    }

    #[test]
    fn nan_is_an_alarm() {
        let design = AlarmDesign { k: 1.0, h: 5.0, votes: None };
        let mut cusum = Cusum::NEW;
        assert!(cusum.step(&design, f32::NAN, false));
    }
}
