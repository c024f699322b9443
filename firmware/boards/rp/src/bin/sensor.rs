//! Reads an accelerometer, infers, and tells the host.
#![no_std]
#![no_main]

use elbow_core::wire::{Framer, frame_len, message_len};
use elbow_models::Sensing;
use elbow_sensor::{
    Identity, Lis3dh, Pipeline, Sensing as _, Uptime, guard, infer, payload, sample, tell,
};
use embassy_executor::{InterruptExecutor, Spawner};
use embassy_rp::interrupt;
use embassy_rp::interrupt::{InterruptExt, Priority};
use embassy_rp::uart::BufferedUartTx;
use rp::{Bus, Dog};
use static_cell::ConstStaticCell;

/// The sensor: the line to adapt.
type Sensor = Lis3dh<Bus>;

const PAYLOAD: usize = payload::<Sensor, Sensing>();
/// Buffers of a frame.
type Frames = Framer<[u8; message_len(PAYLOAD)], [u8; frame_len(PAYLOAD)]>;

static PIPELINE: Pipeline<Sensor, Sensing> = Pipeline::new();
static SENSING: ConstStaticCell<Sensing> = ConstStaticCell::new(Sensing::new());
static FRAMES: ConstStaticCell<Frames> =
    ConstStaticCell::new(Framer::new([0; message_len(PAYLOAD)], [0; frame_len(PAYLOAD)]));
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

#[embassy_executor::task]
async fn sampling(mut sensor: Sensor) -> ! {
    sample(&mut sensor, &Uptime, &PIPELINE).await
}

#[embassy_executor::task]
async fn telling(mut link: BufferedUartTx, identity: Identity<Sensor, Sensing>) -> ! {
    tell(&mut link, &Uptime, &PIPELINE, identity, FRAMES.take()).await
}

#[embassy_executor::task]
async fn guarding(mut dog: Dog) -> ! {
    guard(&mut dog, &Uptime, &PIPELINE).await
}

/// Starts the tasks, and infers.
#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let reset = rp::reset_reason();
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let link = rp::link(p.UART0, (p.PIN_0, p.PIN_1), [SEND.take(), RECEIVE.take()]);
    let sensing = SENSING.take();
    if let Err(refusal) = sensing.boot(elbow_models::weights()) {
        defmt::error!("the weights: {}", refusal);
    }
    let sensor = Sensor::new(Bus::new(p.I2C0, p.PIN_4, p.PIN_5), false);
    interrupt::SWI_IRQ_0.set_priority(Priority::P1);
    interrupt::SWI_IRQ_1.set_priority(Priority::P2);
    let between = BETWEEN.start(interrupt::SWI_IRQ_1);
    // Each task is spawned once, so that there is room for it.
    if let Ok(task) = guarding(Dog::start(p.WATCHDOG)) {
        between.spawn(task);
    }
    if let Ok(task) = telling(link.split().0, Identity::new(reset)) {
        between.spawn(task);
    }
    if let Ok(task) = sampling(sensor) {
        ABOVE.start(interrupt::SWI_IRQ_0).spawn(task);
    }
    infer(sensing, &Uptime, &PIPELINE).await
}
