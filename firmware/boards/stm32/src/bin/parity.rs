//! Serves the models of the image over the UART, for ever.
#![no_std]
#![no_main]

use elbow_models::{Image, Task};
use elbow_serial::Serial;
use stm32::Cycles;

/// Serves requests; after a goodbye the next host is served.
#[cortex_m_rt::entry]
fn main() -> ! {
    static mut IMAGE: Image = Image::new();
    static mut TASK: Task = Task::new();
    static mut SEND: [u8; 256] = [0; 256];
    static mut RECEIVE: [u8; 1024] = [0; 1024];
    stm32::count_cycles();
    let p = stm32::init();
    if let Ok((send, receive)) = stm32::link(p, [SEND, RECEIVE]) {
        let mut board = Serial::<_, _, Cycles>::new(receive, send);
        loop {
            TASK.serve(&mut board, IMAGE);
        }
    }
    defmt::panic!("the UART's rate does not fit the clocks")
}
