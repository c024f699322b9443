//! The watchdog, and why the chip was reset.

use elbow_core::wire::ResetReason;
use elbow_sensor::{PATIENCE_US, Watchdog};
use embassy_stm32::Peri;
use embassy_stm32::pac;
use embassy_stm32::peripherals::IWDG;
use embassy_stm32::wdg::IndependentWatchdog;

/// The chip's independent watchdog.
pub struct StmWatchdog(IndependentWatchdog<'static, IWDG>);

impl StmWatchdog {
    /// Starts it; nothing stops it any more.
    pub fn start(peripheral: Peri<'static, IWDG>) -> Self {
        let mut watchdog = IndependentWatchdog::new(peripheral, PATIENCE_US as u32);
        watchdog.unleash();
        Self(watchdog)
    }
}

impl Watchdog for StmWatchdog {
    fn feed(&mut self) {
        self.0.pet();
    }
}

/// Why the chip was reset last; forgets it, since the chip adds one to the other.
pub fn reset_reason() -> ResetReason {
    let flags = pac::RCC.csr().read();
    pac::RCC.csr().modify(|flags| flags.set_rmvf(true));
    if flags.iwdgrstf() || flags.wwdgrstf() {
        ResetReason::Watchdog
    } else if flags.sftrstf() {
        ResetReason::Software
    } else if flags.borrstf() {
        ResetReason::Power
    } else if flags.pinrstf() {
        ResetReason::Pin
    } else {
        ResetReason::Unknown
    }
}
