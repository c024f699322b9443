//! Reads an accelerometer, infers, and tells the host.
#![no_std]
#![no_main]

use embassy_executor::{InterruptExecutor, Spawner};
use embassy_stm32::interrupt;
use embassy_stm32::interrupt::{InterruptExt, Priority};
use embassy_stm32::usart::BufferedUartTx;
use static_cell::ConstStaticCell;
use stm32::{Bus, Dog};

// The sensor: the line to adapt.
#[cfg(feature = "nucleo-l476rg")]
use elbow_sensor::Lis3dh as Accelerometer;
// The sensor: the line to adapt.
#[cfg(feature = "b-l475e-iot01a")]
use elbow_sensor::Lsm6ds as Accelerometer;

elbow_sensor::tasks! {
    sensor: Accelerometer<Bus>,
    sensing: elbow_models::Sensing,
    link: BufferedUartTx<'static>,
    watchdog: Dog,
}

static SEND: ConstStaticCell<[u8; 512]> = ConstStaticCell::new([0; 512]);
static RECEIVE: ConstStaticCell<[u8; 16]> = ConstStaticCell::new([0; 16]);

static ABOVE: InterruptExecutor = InterruptExecutor::new();
static BETWEEN: InterruptExecutor = InterruptExecutor::new();

/// Runs the task that samples: the interrupt of a UART that is not used.
#[interrupt]
unsafe fn UART4() {
    // SAFETY: this is the interrupt that the executor was started with, and nothing else calls it.
    unsafe { ABOVE.on_interrupt() }
}

/// Runs the tasks that tell and guard.
#[interrupt]
unsafe fn UART5() {
    // SAFETY: as above.
    unsafe { BETWEEN.on_interrupt() }
}

/// Starts the tasks, and infers.
#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let reset = stm32::reset_reason();
    let parts = stm32::parts(stm32::init(), [SEND.take(), RECEIVE.take()]);
    let Ok((link, bus, dog)) = parts else {
        defmt::panic!("the UART's rate does not fit the clocks")
    };
    interrupt::UART4.set_priority(Priority::P6);
    interrupt::UART5.set_priority(Priority::P7);
    start_telling(BETWEEN.start(interrupt::UART5), link, dog, reset);
    start_sampling(ABOVE.start(interrupt::UART4), Accelerometer::new(bus, false));
    let refusal = inferring(elbow_models::weights()).await;
    defmt::error!("the weights: {}", refusal);
}
