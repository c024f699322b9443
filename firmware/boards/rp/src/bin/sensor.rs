//! Reads an accelerometer, infers, and tells the host.
#![no_std]
#![no_main]

// The sensor: the line to adapt.
use elbow_sensor::Lis3dh as Accelerometer;
use embassy_executor::{InterruptExecutor, Spawner};
use embassy_rp::interrupt;
use embassy_rp::interrupt::{InterruptExt, Priority};
use embassy_rp::uart::BufferedUartTx;
use rp::{Bus, Dog};
use static_cell::ConstStaticCell;

elbow_sensor::tasks! {
    sensor: Accelerometer<Bus>,
    sensing: elbow_models::Sensing,
    link: BufferedUartTx,
    watchdog: Dog,
}

static SEND: ConstStaticCell<[u8; 512]> = ConstStaticCell::new([0; 512]);
static RECEIVE: ConstStaticCell<[u8; 16]> = ConstStaticCell::new([0; 16]);

static ABOVE: InterruptExecutor = InterruptExecutor::new();
static BETWEEN: InterruptExecutor = InterruptExecutor::new();

/// Runs the task that samples.
#[interrupt]
unsafe fn SWI_IRQ_0() {
    // SAFETY: this is the interrupt that the executor was started with, and nothing else calls it.
    unsafe { ABOVE.on_interrupt() }
}

/// Runs the tasks that tell and guard.
#[interrupt]
unsafe fn SWI_IRQ_1() {
    // SAFETY: as above.
    unsafe { BETWEEN.on_interrupt() }
}

/// Starts the tasks, and infers.
#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let reset = rp::reset_reason();
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let link = rp::link(p.UART0, (p.PIN_0, p.PIN_1), [SEND.take(), RECEIVE.take()]);
    let sensor = Accelerometer::new(Bus::new(p.I2C0, p.PIN_4, p.PIN_5), false);
    interrupt::SWI_IRQ_0.set_priority(Priority::P1);
    interrupt::SWI_IRQ_1.set_priority(Priority::P2);
    let between = BETWEEN.start(interrupt::SWI_IRQ_1);
    start_telling(between, link.split().0, Dog::start(p.WATCHDOG), reset);
    start_sampling(ABOVE.start(interrupt::SWI_IRQ_0), sensor);
    let refusal = inferring(elbow_models::weights()).await;
    defmt::error!("the weights: {}", refusal);
}
