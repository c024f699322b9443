//! The time of readings: gaps, a rate that is wrong, and windows that do not come.

/// At which times readings are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock {
    /// Nanoseconds from one reading to the next, by the rate of the training data.
    pub period_ns: u64,
    /// A reading that comes more microseconds after the last one, or before it, ends a gap.
    pub max_gap_us: u64,
    /// Whether the window is emptied at a gap, else it goes on as though nothing were lost.
    pub clears: bool,
    /// Microseconds without a complete window until there is a [`Verdict::Stale`](super::Verdict::Stale).
    pub stale_us: u64,
}

/// The mean interval is taken over so many readings at least, so that jitter does not count.
const LEAST_INTERVALS: u64 = 16;

/// What is remembered of the times of readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Times {
    /// Of the last reading; `None` before the first.
    last: Option<u64>,
    /// Of the last complete window, or of the first question.
    complete: Option<u64>,
    /// Of the reading from which the rate is measured.
    measured_from: u64,
    /// Readings since then.
    intervals: u64,
    /// Whether the last measurement found another rate.
    is_wrong: bool,
}

impl Times {
    /// Before the first reading.
    pub const NEW: Self =
        Self { last: None, complete: None, measured_from: 0, intervals: 0, is_wrong: false };

    /// Notes a reading; whether it ends a gap.
    #[inline]
    pub fn pass(&mut self, clock: &Clock, now: u64) -> bool {
        let since = self.last.map(|last| now.checked_sub(last));
        let is_gap = since.is_some_and(|us| us.is_none_or(|us| us > clock.max_gap_us));
        if is_gap || since.is_none() {
            (self.measured_from, self.intervals) = (now, 0);
        } else {
            self.intervals = self.intervals.saturating_add(1);
        }
        if is_gap {
            self.is_wrong = false;
        }
        self.last = Some(now);
        is_gap
    }

    /// Notes a complete window of `length` readings, and whether they come at a wrong rate: where the mean
    /// interval is off by more than a fifth. It is measured over consecutive stretches of a window's length,
    /// of 17 readings at least; in between the last measurement counts.
    #[inline]
    pub fn complete(&mut self, clock: &Clock, length: usize, now: u64) -> bool {
        self.complete = Some(now);
        let least = (length.saturating_sub(1) as u64).max(LEAST_INTERVALS);
        if self.intervals >= least {
            let elapsed = now.saturating_sub(self.measured_from).saturating_mul(1000);
            let expected = self.intervals.saturating_mul(clock.period_ns);
            self.is_wrong = elapsed.abs_diff(expected) > expected / 5;
            (self.measured_from, self.intervals) = (now, 0);
        }
        self.is_wrong
    }

    /// Whether there was no complete window for too long; the first question or reading starts the time.
    #[inline]
    pub fn is_stale(&mut self, clock: &Clock, now: u64) -> bool {
        match self.complete {
            Some(complete) if complete <= now => now - complete > clock.stale_us,
            _ => {
                self.complete = Some(now);
                false
            }
        }
    }
}
