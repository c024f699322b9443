//! From readings and scores to verdicts: everything of a detector but the network.

use super::clock::Times;
use super::{
    AlarmDesign, ChannelState, Clock, Cusum, DriftDesign, Gate, Limits, Standing, Tables, Verdict,
};
use crate::infer::Posterior;
use crate::window::{Ring, WindowError, WindowShape};

/// What does not change while a detector runs: the calibration of one model, in flash.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MonitorDesign<'a> {
    /// Size of the window.
    pub shape: WindowShape,
    /// Limits of the gate, one for each channel.
    pub limits: &'a [Limits],
    /// So many values of a channel may be NaN in a window: those that the model handles.
    pub most_missing: usize,
    /// Times of readings; `None` where nothing is known of them, then no time is looked at.
    pub clock: Option<Clock>,
    /// p-values of scores.
    pub tables: Tables<'a>,
    /// A window with a p-value of at most so many millionths is an anomaly.
    pub alpha_ppm: u32,
    /// One due window of so many is counted by alarm and drift, so that counted windows share no readings:
    /// length / hop, rounded up. 0 counts as 1.
    pub every: u32,
    /// The alarm; `None` for none.
    pub alarm: Option<AlarmDesign>,
    /// The drift monitor; `None` for none.
    pub drift: Option<DriftDesign<'a>>,
}

impl<'a> MonitorDesign<'a> {
    /// The fault gate.
    #[must_use]
    pub const fn gate(&self) -> Gate<'a> {
        let (limits, length) = (self.limits, self.shape.length);
        Gate { limits, length, most_missing: self.most_missing }
    }
}

/// The memory of readings that a [`Monitor`] works on, of the size that its design says.
#[derive(Debug)]
pub struct WindowParts<'a> {
    /// Where the window stands.
    pub ring: &'a mut Ring,
    /// Its readings, `[length][channels]`.
    pub memory: &'a mut [f32],
    /// What the gate remembers, one for each channel.
    pub states: &'a mut [ChannelState],
}

/// What a model says of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Evaluated<'a> {
    /// In nats; more is more normal.
    pub score: f32,
    /// Whether it came from values beyond the calibrated range of integers.
    pub outside: bool,
    /// For the drift monitor; `None` for a model without a posterior.
    pub q: Option<Posterior<'a>>,
}

/// The state of a detector besides its window, gate and network.
///
/// A reading goes to [`accept`](Self::accept). Where that has no verdict, the caller lets the network score
/// the window and hands the score to [`conclude`](Self::conclude).
///
/// ```
/// use elbow_core::detect::*;
/// use elbow_core::window::{Ring, WindowError, WindowShape};
/// let shape = WindowShape { channels: 1, length: 2, hop: 1 };
/// let entries = [RankEntry { score: -5.0, surprise: 0.69 }];
/// let design = MonitorDesign {
///     shape,
///     limits: &[Limits { hi: 9.0, most_at_rails: 0, ..Limits::OFF }],
///     most_missing: 0,
///     clock: None,
///     tables: Tables { pooled: Ranks::Low(RankTable { entries: &entries, calibrated: 1 }), modes: &[] },
///     alpha_ppm: 500_000,
///     every: 2,
///     alarm: None,
///     drift: None,
/// };
/// let (mut ring, mut memory, mut states) = (Ring::new(), [0.0; 2], [ChannelState::NEW]);
/// let mut monitor = Monitor::NEW;
/// let mut push = |value: f32| {
///     let (ring, memory, states) = (&mut ring, &mut memory, &mut states);
///     let accepted = monitor.accept(&design, WindowParts { ring, memory, states }, 0, &[value])?;
///     let evaluated = Evaluated { score: -value, outside: false, q: None };
///     Ok(accepted.unwrap_or_else(|| monitor.conclude(&design, &mut [], evaluated, || Some(0))))
/// };
/// let anomaly = Verdict::Anomaly { score: -8.0, p: 0.5, channel: Some(0), outside: false };
/// assert_eq!(push(1.0)?, Verdict::Pending);
/// assert_eq!(push(2.0)?, Verdict::Scored { score: -2.0, p: 1.0, outside: false });
/// assert_eq!(push(8.0)?, anomaly);
/// assert_eq!(push(9.0)?, Verdict::SensorFault { channel: 0, kind: FaultKind::Rails });
/// # Ok::<(), WindowError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Monitor {
    times: Times,
    cusum: Cusum,
    /// Due windows until the next one is counted.
    until_counted: u32,
    /// The operating mode, by which the table is chosen.
    mode: usize,
    /// Windows that were handed to the network.
    evaluated: u64,
    /// That of the last counted window; 0 before the first.
    statistic: f32,
}

impl Monitor {
    /// Before the first reading.
    pub const NEW: Self = Self {
        times: Times::NEW,
        cusum: Cusum::NEW,
        until_counted: 0,
        mode: 0,
        evaluated: 0,
        statistic: 0.0,
    };

    /// Stores one reading that came at `t_us`, in microseconds since any time that does not change; `None`
    /// says that a window is due and healthy, so that the network has to score it.
    ///
    /// A value that is not finite is stored as it is: its windows are faulty until it has left. At a gap the
    /// window is emptied, or goes on, as the clock says; time that runs backwards is a gap.
    ///
    /// # Errors
    ///
    /// [`WindowError::ReadingLength`] where the reading, the limits, the states or the memory have not the
    /// size of the design; nothing is stored then.
    #[inline(never)] // not unrolled by the number of channels
    pub fn accept(
        &mut self,
        design: &MonitorDesign<'_>,
        window: WindowParts<'_>,
        t_us: u64,
        reading: &[f32],
    ) -> Result<Option<Verdict>, WindowError> {
        let WindowParts { ring, memory, states } = window;
        let (shape, gate) = (design.shape, design.gate());
        let is_one_each = |len: usize| len == shape.channels;
        let fits = is_one_each(reading.len()) && is_one_each(design.limits.len());
        let is_whole = memory.len() == shape.channels.saturating_mul(shape.length);
        if !fits || !is_one_each(states.len()) || !is_whole {
            return Err(WindowError::ReadingLength);
        }
        let is_gap =
            design.clock.is_some_and(|clock| self.times.pass(&clock, t_us) && clock.clears);
        if is_gap {
            *ring = Ring::new();
            states.fill(ChannelState::NEW);
            self.until_counted = 0;
        }
        gate.push(states, reading);
        let due = ring.push(shape, memory, reading);
        if is_gap {
            return Ok(Some(Verdict::Gap));
        }
        let readings = if due { ring.readings(shape, memory) } else { None };
        let Some(readings) = readings else {
            return Ok(Some(self.poll(design, t_us)));
        };
        self.until_counted = self.until_counted.saturating_sub(1);
        let clock = design.clock;
        let wrong_rate = clock.is_some_and(|clock| self.times.complete(&clock, shape.length, t_us));
        if let Some(fault) = gate.judge(states, &readings) {
            return Ok(Some(Verdict::SensorFault { channel: fault.channel, kind: fault.kind }));
        }
        if wrong_rate {
            return Ok(Some(Verdict::WrongRate));
        }
        self.evaluated = self.evaluated.saturating_add(1);
        Ok(None)
    }

    /// [`Verdict::Stale`] where at `t_us` no window was complete for too long, else [`Verdict::Pending`]: for
    /// a timer, since a sensor that is silent brings no readings. The first question starts the time.
    #[inline]
    pub fn poll(&mut self, design: &MonitorDesign<'_>, t_us: u64) -> Verdict {
        let clock = design.clock;
        let is_stale = clock.is_some_and(|clock| self.times.is_stale(&clock, t_us));
        if is_stale { Verdict::Stale } else { Verdict::Pending }
    }

    /// The verdict on the window that the last [`accept`](Self::accept) had none on: counts it, if it is its
    /// turn. `w` has one value for each moment of the drift, zeros at the start; `blame` names the channel of
    /// an anomaly and is called for one alone.
    #[inline]
    pub fn conclude(
        &mut self,
        design: &MonitorDesign<'_>,
        w: &mut [f32],
        evaluated: Evaluated<'_>,
        blame: impl FnOnce() -> Option<usize>,
    ) -> Verdict {
        let Evaluated { score, outside, .. } = evaluated;
        let was_latched = self.cusum.is_latched();
        let standing = self.judge(design, w, &evaluated);
        let (p, is_anomaly) = (standing.p(), standing.is_within(design.alpha_ppm));
        let channel = if is_anomaly { blame() } else { None };
        let drift = design.drift.as_ref().filter(|drift| drift.is_drift(self.statistic));
        if self.cusum.is_latched() {
            Verdict::Alarm { score, p, channel, outside, is_new: !was_latched }
        } else if is_anomaly {
            Verdict::Anomaly { score, p, channel, outside }
        } else if drift.is_some() {
            Verdict::Drift { score, p, statistic: self.statistic, outside }
        } else {
            Verdict::Scored { score, p, outside }
        }
    }

    /// Where a window stands; lets alarm and drift count it, if it is its turn.
    #[inline(never)] // not unrolled by the number of latents
    fn judge(
        &mut self,
        design: &MonitorDesign<'_>,
        w: &mut [f32],
        evaluated: &Evaluated<'_>,
    ) -> Standing {
        let standing = design.tables.of(self.mode).standing(evaluated.score, evaluated.outside);
        if self.until_counted > 0 {
            return standing;
        }
        self.until_counted = design.every.max(1);
        if let Some(alarm) = &design.alarm {
            self.cusum.step(alarm, standing.surprise, standing.is_within(design.alpha_ppm));
        }
        if let (Some(drift), Some(q)) = (&design.drift, evaluated.q) {
            self.statistic = drift.step(w, q);
        }
        standing
    }

    /// Ends an alarm and a drift, whose sums begin at 0.
    #[inline]
    pub fn acknowledge(&mut self, w: &mut [f32]) {
        self.cusum.acknowledge();
        w.fill(0.0);
        self.statistic = 0.0;
    }

    /// Says in which operating mode the machine is from now on; a window is judged by the mode at its end.
    #[inline]
    pub fn set_mode(&mut self, mode: usize) {
        self.mode = mode;
    }

    /// The alarm's state.
    #[inline]
    #[must_use]
    pub fn cusum(&self) -> &Cusum {
        &self.cusum
    }

    /// The drift's statistic after the last counted window; 0 before the first.
    #[inline]
    #[must_use]
    pub fn statistic(&self) -> f32 {
        self.statistic
    }

    /// Number of windows that were handed to the network, the due one among them: from 1 on a number of its
    /// own for each, as noise needs it.
    #[inline]
    #[must_use]
    pub fn evaluated(&self) -> u64 {
        self.evaluated
    }
}
