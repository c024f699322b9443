//! The watchdog, and why the chip was reset.

use elbow_core::wire::ResetReason;
use elbow_sensor::{PATIENCE_US, Watchdog};
use embassy_nrf::Peri;
use embassy_nrf::pac;
use embassy_nrf::peripherals::WDT;
use embassy_nrf::wdt::{self, Config, HaltConfig, WatchdogHandle};

/// The chip's watchdog; without one where it runs already with other settings, as behind some bootloaders.
pub struct NrfWatchdog(Option<WatchdogHandle>);

impl NrfWatchdog {
    /// Starts it; a debugger that halts the core stops it too.
    pub fn start(peripheral: Peri<'static, WDT>) -> Self {
        let mut config = Config::default();
        config.timeout_ticks = (PATIENCE_US * 32_768 / 1_000_000) as u32;
        config.action_during_debug_halt = HaltConfig::Pause;
        let started = wdt::Watchdog::try_new(peripheral, config);
        Self(started.ok().map(|(_, [handle])| handle))
    }
}

impl Watchdog for NrfWatchdog {
    fn feed(&mut self) {
        if let Some(handle) = &mut self.0 {
            handle.pet();
        }
    }
}

/// Why the chip was reset last; forgets it, since the chip adds one to the other.
pub fn reset_reason() -> ResetReason {
    let reasons = pac::POWER.resetreas().read();
    pac::POWER.resetreas().write_value(reasons);
    if reasons.dog() {
        ResetReason::Watchdog
    } else if reasons.lockup() {
        ResetReason::Lockup
    } else if reasons.sreq() {
        ResetReason::Software
    } else if reasons.resetpin() {
        ResetReason::Pin
    } else if reasons.0 == 0 {
        ResetReason::Power
    } else {
        ResetReason::Unknown
    }
}
