//! Where each machine has what the board uses: QEMU's `hw/arm/mps2.c`, `mps2-tz.c` and `armsse.c`,
//! after Arm's Application Notes AN385, AN386, AN500, AN505 and AN547.
//!
//! Machines with TrustZone start in the secure state: these are the secure addresses.

/// AN385, AN386, AN500: the core's code decides which.
#[cfg(machine = "mps2")]
mod map {
    pub const UART: usize = 0x4000_4000;
    pub const UART_INTERRUPT: u16 = 0;
    pub const TIMER: usize = 0x4000_0000;
}

#[cfg(machine = "an505")]
mod map {
    pub const UART: usize = 0x5020_0000;
    pub const UART_INTERRUPT: u16 = 42;
    pub const TIMER: usize = 0x5000_0000;
}

#[cfg(machine = "an547")]
mod map {
    pub const UART: usize = 0x5930_3000;
    pub const UART_INTERRUPT: u16 = 43;
    pub const TIMER: usize = 0x5810_0000;
}

/// Registers of a device.
#[derive(Clone, Copy, Debug)]
pub struct Device(*mut u32);

/// The first UART (Arm DDI 0479).
pub const UART: Device = Device(map::UART as *mut u32);
/// Its interrupt on reception; with TrustZone that of both directions, since QEMU before 9.1 has the
/// two single ones swapped.
pub const UART_INTERRUPT: u16 = map::UART_INTERRUPT;
/// The first CMSDK timer, or the system counter of AN547.
pub const TIMER: Device = Device(map::TIMER as *mut u32);

/// Words of a device's registers.
const LEN: usize = 1024;

impl Device {
    /// The value of register number `index`, counted in words and taken modulo 1024. Reading may change the
    /// device.
    pub fn load(self, index: usize) -> u32 {
        // SAFETY: the devices above are the only ones, each with a page of aligned words.
        unsafe { self.0.add(index % LEN).read_volatile() }
    }

    /// Writes register number `index`, counted in words and taken modulo 1024.
    pub fn store(self, index: usize, value: u32) {
        // SAFETY: as above; no register of these devices refers to memory.
        unsafe { self.0.add(index % LEN).write_volatile(value) }
    }
}
