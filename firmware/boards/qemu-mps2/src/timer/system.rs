//! System counter of the SSE-300 (Arm 101370, System Counter), the lower half: 32 MHz on AN547, which
//! has no CMSDK timer at its core's clock.

use crate::machine::TIMER;

const CONTROL: usize = 0;
const VALUE: usize = 2;
const ENABLE: u32 = 1;

pub fn start() {
    TIMER.store(CONTROL, ENABLE);
}

pub fn restart() {
    TIMER.store(VALUE, 0);
}

// SAFETY: no other function of an image has this name; the host finds it by that.
#[unsafe(export_name = "elbow.clock")]
pub fn ticks() -> u32 {
    TIMER.load(VALUE)
}
