//! Time.

use embassy_futures::select::{Either, select};

/// A clock that one can wait for.
#[expect(async_fn_in_trait, reason = "tasks of one core: none is sent to another")]
pub trait Clock {
    /// Microseconds since the start.
    fn now_us(&self) -> u64;

    /// Waits until the clock shows `t_us`, not at all where that is past.
    async fn until(&self, t_us: u64);
}

/// The time since the start by the HAL's driver of `embassy-time`.
#[cfg(feature = "embassy-time")]
#[derive(Clone, Copy, Debug)]
pub struct Uptime;

#[cfg(feature = "embassy-time")]
impl Clock for Uptime {
    fn now_us(&self) -> u64 {
        embassy_time::Instant::now().as_micros()
    }

    async fn until(&self, t_us: u64) {
        embassy_time::Timer::at(embassy_time::Instant::from_micros(t_us)).await;
    }
}

/// What `work` gives, if that is within `limit_us`; `None` otherwise, with `work` dropped.
pub(crate) async fn within<T>(
    clock: &impl Clock,
    limit_us: u64,
    work: impl Future<Output = T>,
) -> Option<T> {
    let end = clock.until(clock.now_us().saturating_add(limit_us));
    match select(work, end).await {
        Either::First(result) => Some(result),
        Either::Second(()) => None,
    }
}
