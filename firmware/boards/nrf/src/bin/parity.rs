//! Serves the models of the image over the UART, for ever.
#![no_std]
#![no_main]

use elbow_models::{Image, Task};
use elbow_serial::Serial;
use nrf::Cycles;

/// Serves requests; after a goodbye the next host is served.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut IMAGE: Image = Image::new();
    static mut TASK: Task = Task::new();
    nrf::count_cycles();
    let p = embassy_nrf::init(embassy_nrf::config::Config::default());
    let (send, receive) = nrf::link(p);
    let mut board = Serial::<_, _, Cycles>::new(receive, send);
    loop {
        TASK.serve(&mut board, IMAGE);
    }
}
