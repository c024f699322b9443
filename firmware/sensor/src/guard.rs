//! The watchdog, and who feeds it.

use crate::{Clock, Pipeline, Sensing, Sensor};

/// Resets the chip where it is not fed in time.
pub trait Watchdog {
    /// Gives the program [`PATIENCE_US`] more.
    fn feed(&mut self);
}

/// How long a task may stand still, in microseconds: a watchdog is set to it. Inference of a window must take less.
pub const PATIENCE_US: u64 = 4_000_000;

/// From one look at the tasks to the next.
const LOOK_US: u64 = 100_000;

/// Feeds `watchdog` when sampling, inference and telling have each gone round since it was fed last, for ever.
pub async fn guard<S: Sensor, G: Sensing<Reading = S::Reading>>(
    watchdog: &mut impl Watchdog,
    clock: &impl Clock,
    pipeline: &Pipeline<S, G>,
) -> ! {
    let mut fed = pipeline.figures().rounds;
    loop {
        clock.until(clock.now_us() + LOOK_US).await;
        let rounds = pipeline.figures().rounds;
        if rounds.iter().zip(&fed).all(|(now, then)| now != then) {
            watchdog.feed();
            fed = rounds;
        }
    }
}
