//! The watchdog, and why the chip was reset.

use elbow_core::wire::ResetReason;
use elbow_sensor::{PATIENCE_US, Watchdog};
use embassy_rp::Peri;
use embassy_rp::pac;
use embassy_rp::peripherals::WATCHDOG;
use embassy_rp::watchdog;
use embassy_time::Duration;

/// The chip's watchdog.
pub struct PicoWatchdog(watchdog::Watchdog);

impl PicoWatchdog {
    /// Starts it; a debugger that halts the core stops it too.
    pub fn start(peripheral: Peri<'static, WATCHDOG>) -> Self {
        let mut watchdog = watchdog::Watchdog::new(peripheral);
        watchdog.pause_on_debug(true);
        watchdog.start(Duration::from_micros(PATIENCE_US));
        Self(watchdog)
    }
}

impl Watchdog for PicoWatchdog {
    fn feed(&mut self) {
        self.0.feed(Duration::from_micros(PATIENCE_US));
    }
}

/// Why the chip was reset last; to be asked before the watchdog is started.
pub fn reset_reason() -> ResetReason {
    let watchdog = pac::WATCHDOG.reason().read();
    if watchdog.timer() {
        return ResetReason::Watchdog;
    }
    if watchdog.force() {
        return ResetReason::Software;
    }
    #[cfg(feature = "pico")]
    let (power, pin) = {
        let chip = pac::VREG_AND_CHIP_RESET.chip_reset().read();
        (chip.had_por(), chip.had_run())
    };
    #[cfg(not(feature = "pico"))]
    let (power, pin) = {
        let chip = pac::POWMAN.chip_reset().read();
        (chip.had_por() || chip.had_bor(), chip.had_run_low())
    };
    match (power, pin) {
        (true, _) => ResetReason::Power,
        (false, true) => ResetReason::Pin,
        (false, false) => ResetReason::Unknown,
    }
}
