//! System counter of the SSE-300 (Arm 101370, System Counter), the lower half: 32 MHz on AN547, which
//! has no CMSDK timer at its core's clock.

use crate::machine::TIMER;

const CONTROL: usize = 0;
const VALUE: usize = 2;
const ENABLE: u32 = 1;

/// Starts the counter.
pub fn start() {
    TIMER.store(CONTROL, ENABLE);
}

/// Counts from zero.
pub fn restart() {
    TIMER.store(VALUE, 0);
}

/// Ticks since the restart: the lower half of the counter.
// SAFETY: no other function of an image has this name; the host finds it by that.
#[unsafe(export_name = "elbow.clock")]
pub fn ticks() -> u32 {
    TIMER.load(VALUE)
}
