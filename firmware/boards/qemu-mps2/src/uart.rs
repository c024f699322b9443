//! CMSDK APB UART (Arm DDI 0479): one byte of buffer each way.

use cortex_m::asm::wfi;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

/// The first UART.
#[derive(Debug)]
pub struct Uart(());

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const INTERRUPT_CLEAR: *mut u32 = 0x4000_400C as *mut u32;
const BAUD_DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
/// Both directions on, and an interrupt for every byte received.
const ENABLE: u32 = 0b1011;
const RECEIVED: u32 = 1 << 1;
/// 115,200 baud at 25 MHz.
const DIVIDER: u32 = 217;

/// The UART's interrupt on reception.
#[derive(Clone, Copy)]
struct Reception;

// SAFETY: both boards wire the first UART's reception to interrupt 0.
unsafe impl InterruptNumber for Reception {
    fn number(self) -> u16 {
        0
    }
}

impl Uart {
    /// Enables both directions; whoever holds the peripherals holds the only UART.
    pub fn new(_: &cortex_m::Peripherals) -> Self {
        // From here on a pending interrupt only wakes the core; none is ever taken.
        cortex_m::interrupt::disable();
        // SAFETY: interrupts were masked in the line above.
        unsafe { NVIC::unmask(Reception) };
        store(BAUD_DIVIDER, DIVIDER);
        store(CONTROL, ENABLE);
        Self(())
    }

    /// Waits for a byte, asleep.
    pub fn read(&mut self) -> u8 {
        while load(STATE) & RECEIVE_FULL == 0 {
            wfi();
            store(INTERRUPT_CLEAR, RECEIVED);
            NVIC::unpend(Reception);
        }
        load(DATA) as u8
    }

    /// Waits until the byte is taken.
    pub fn write(&mut self, byte: u8) {
        while load(STATE) & TRANSMIT_FULL != 0 {}
        store(DATA, byte.into());
    }
}

fn load(register: *mut u32) -> u32 {
    // SAFETY: the constants above are aligned registers of the board's first UART.
    unsafe { register.read_volatile() }
}

fn store(register: *mut u32, value: u32) {
    // SAFETY: as above; no register of the UART refers to memory.
    unsafe { register.write_volatile(value) }
}
