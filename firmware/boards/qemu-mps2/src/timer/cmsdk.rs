//! CMSDK APB timer (Arm DDI 0479), counting down: 25 MHz, 20 MHz on AN505.

use crate::machine::TIMER;

const CONTROL: usize = 0;
const VALUE: usize = 1;
const RELOAD: usize = 2;
const ENABLE: u32 = 1;

/// Makes the counter begin again at its top when it has reached zero; it does not count yet.
pub fn start() {
    TIMER.store(RELOAD, u32::MAX);
}

/// Counts from zero; a tick begins now.
pub fn restart() {
    TIMER.store(CONTROL, 0);
    TIMER.store(VALUE, u32::MAX);
    TIMER.store(CONTROL, ENABLE);
}

/// Ticks since the restart: the counter goes down.
// SAFETY: no other function of an image has this name; the host finds it by that.
#[unsafe(export_name = "elbow.clock")]
pub fn ticks() -> u32 {
    !TIMER.load(VALUE)
}
