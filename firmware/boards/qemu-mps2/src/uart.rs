//! CMSDK APB UART (Arm DDI 0479): one byte of buffer each way.

use crate::machine::{UART, UART_INTERRUPT};
use cortex_m::asm::wfi;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

/// The first UART.
#[derive(Debug)]
pub struct Uart(());

const DATA: usize = 0;
const STATE: usize = 1;
const CONTROL: usize = 2;
const INTERRUPT_CLEAR: usize = 3;
const BAUD_DIVIDER: usize = 4;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
/// Both directions on, and an interrupt for every byte received.
const ENABLE: u32 = 0b1011;
const RECEIVED: u32 = 1 << 1;
/// 115,200 baud at 25 MHz; an emulated link has none.
const DIVIDER: u32 = 217;

/// The UART's interrupt.
#[derive(Clone, Copy)]
struct Reception;

// SAFETY: the number is that of the first UART in the machine's interrupt map.
unsafe impl InterruptNumber for Reception {
    /// The number of the machine's first UART.
    fn number(self) -> u16 {
        UART_INTERRUPT
    }
}

impl Uart {
    /// Enables both directions, and masks all interrupts for good: a byte only wakes the core. Whoever holds
    /// the peripherals holds the only UART.
    pub fn new(_: &cortex_m::Peripherals) -> Self {
        // From here on a pending interrupt only wakes the core; none is ever taken.
        cortex_m::interrupt::disable();
        // SAFETY: interrupts were masked in the line above.
        unsafe { NVIC::unmask(Reception) };
        UART.store(BAUD_DIVIDER, DIVIDER);
        UART.store(CONTROL, ENABLE);
        Self(())
    }

    /// The next byte received; waits for it, asleep.
    pub fn read(&mut self) -> u8 {
        while UART.load(STATE) & RECEIVE_FULL == 0 {
            wfi();
            UART.store(INTERRUPT_CLEAR, RECEIVED);
            NVIC::unpend(Reception);
        }
        UART.load(DATA) as u8
    }

    /// Hands `byte` to the UART, which sends it; waits until its buffer is free, awake.
    pub fn write(&mut self, byte: u8) {
        while UART.load(STATE) & TRANSMIT_FULL != 0 {}
        UART.store(DATA, byte.into());
    }
}
