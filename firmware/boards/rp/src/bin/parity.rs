//! Serves the models of the image over the UART, for ever.
#![no_std]
#![no_main]

use elbow_models::{Image, Task};
use elbow_serial::Serial;
use rp::Timer;

/// Serves requests; after a goodbye the next host is served.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut IMAGE: Image = Image::new();
    static mut TASK: Task = Task::new();
    static mut SEND: [u8; 256] = [0; 256];
    static mut RECEIVE: [u8; 4096] = [0; 4096];
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let link = rp::link(p.UART0, (p.PIN_0, p.PIN_1), [SEND, RECEIVE]);
    let (send, receive) = link.split();
    let mut board = Serial::<_, _, Timer>::new(receive, send);
    loop {
        TASK.serve(&mut board, IMAGE);
    }
}
