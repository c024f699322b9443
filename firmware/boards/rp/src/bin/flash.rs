//! Erases, writes and reads back the last two sectors of the flash, and says over the UART whether they hold what they
//! should: what an update in the field stands on.
#![no_std]
#![no_main]

use embassy_rp::flash::{Blocking, ERASE_SIZE, Error, Flash};
use embassy_rp::peripherals::FLASH;
use embassy_rp::uart::{Config, UartTx};
use rp as _;

/// Bytes of the board's flash.
const SIZE: usize = 2 * 1024 * 1024;
/// Bytes of a sector.
const SECTOR: u32 = ERASE_SIZE as u32;
/// The first of the last two sectors.
const FROM: u32 = SIZE as u32 - 2 * SECTOR;
/// Bytes that are written at once, a page.
const PAGE: usize = 256;

/// Two rounds, since a sector that was written has to be erased; then it sleeps.
#[cortex_m_rt::entry]
fn main() -> ! {
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let mut link = UartTx::new_blocking(p.UART0, p.PIN_0, Config::default());
    let mut flash = Flash::<_, Blocking, SIZE>::new_blocking(p.FLASH);
    for round in 0..2 {
        let text: &[u8] = match holds(&mut flash, round) {
            Ok(true) => b"holds\n",
            Ok(false) => b"differs\n",
            Err(_) => b"failed\n",
        };
        let _ = link.blocking_write(text);
    }
    let _ = link.blocking_write(b"end\n");
    loop {
        cortex_m::asm::wfe();
    }
}

/// Whether both sectors are empty after they were erased, and the first holds what was written after that, its second half in
/// a write of its own, with the second still empty. An error of the flash's driver.
fn holds(flash: &mut Flash<'_, FLASH, Blocking, SIZE>, round: u8) -> Result<bool, Error> {
    flash.blocking_erase(FROM, FROM + 2 * SECTOR)?;
    let mut is_right = is_filled(flash, FROM..FROM + 2 * SECTOR, |_| 0xff)?;
    for half in [FROM..FROM + SECTOR / 2, FROM + SECTOR / 2..FROM + SECTOR] {
        for page in half.step_by(PAGE) {
            let bytes: [u8; PAGE] = core::array::from_fn(|at| pattern(round, page + at as u32));
            flash.blocking_write(page, &bytes)?;
        }
    }
    is_right &= is_filled(flash, FROM..FROM + SECTOR, |at| pattern(round, at))?;
    Ok(is_right & is_filled(flash, FROM + SECTOR..FROM + 2 * SECTOR, |_| 0xff)?)
}

/// The byte that is written at this offset of the flash.
fn pattern(round: u8, offset: u32) -> u8 {
    (offset.wrapping_mul(2_654_435_761) >> 24) as u8 ^ round.wrapping_mul(0x5a)
}

/// Whether these bytes of the flash, whole pages, are as `expected` says by their offsets. An error of the flash's driver.
fn is_filled(
    flash: &mut Flash<'_, FLASH, Blocking, SIZE>,
    range: core::ops::Range<u32>,
    expected: impl Fn(u32) -> u8,
) -> Result<bool, Error> {
    let mut bytes = [0; PAGE];
    for page in range.step_by(PAGE) {
        flash.blocking_read(page, &mut bytes)?;
        if !(page..).zip(&bytes).all(|(at, byte)| *byte == expected(at)) {
            return Ok(false);
        }
    }
    Ok(true)
}
