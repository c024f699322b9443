//! Reads an accelerometer, infers, and tells the host.
#![no_std]
#![no_main]

use embassy_executor::{InterruptExecutor, Spawner};
use embassy_nrf::interrupt;
use embassy_nrf::interrupt::{InterruptExt, Priority};
use embassy_nrf::uarte::UarteTx;
use nrf::{Bus, Dog};

// The sensor: the line to adapt.
#[cfg(not(feature = "xiao-sense"))]
use elbow_sensor::Lis3dh as Accelerometer;
// The sensor: the line to adapt.
#[cfg(feature = "xiao-sense")]
use elbow_sensor::Lsm6ds as Accelerometer;

/// Whether its pin that decides its address is high: that of the LSM303AGR is.
const IS_HIGH: bool = cfg!(feature = "microbit-v2");

elbow_sensor::tasks! {
    sensor: Accelerometer<Bus>,
    sensing: elbow_models::Sensing,
    link: UarteTx<'static>,
    watchdog: Dog,
}

static ABOVE: InterruptExecutor = InterruptExecutor::new();
static BETWEEN: InterruptExecutor = InterruptExecutor::new();

/// Runs the task that samples.
#[interrupt]
unsafe fn EGU0_SWI0() {
    // SAFETY: this is the interrupt that the executor was started with, and nothing else calls it.
    unsafe { ABOVE.on_interrupt() }
}

/// Runs the tasks that tell and guard.
#[interrupt]
unsafe fn EGU1_SWI1() {
    // SAFETY: as above.
    unsafe { BETWEEN.on_interrupt() }
}

/// Starts the tasks, and infers.
#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let reset = nrf::reset_reason();
    let p = embassy_nrf::init(embassy_nrf::config::Config::default());
    let (link, bus, dog) = nrf::parts(p);
    interrupt::EGU0_SWI0.set_priority(Priority::P5);
    interrupt::EGU1_SWI1.set_priority(Priority::P6);
    start_telling(BETWEEN.start(interrupt::EGU1_SWI1), link, dog, reset);
    start_sampling(ABOVE.start(interrupt::EGU0_SWI0), Accelerometer::new(bus, IS_HIGH));
    let refusal = inferring(elbow_models::weights()).await;
    defmt::error!("the weights: {}", refusal);
}
