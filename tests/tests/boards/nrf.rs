//! The parity image of boards with an nRF52, compiled without floating-point and DSP
//! instructions, in labwired.

use crate::parity::{Asked, compiled_of, cycles};
use elbow::Precision;
use elbow::lower::Core;
use elbow_tests::boards::{Emulated, float, integers, plain_image};
use elbow_toolchain::Board;

/// Holds the rows on the board of this name against the twin.
fn has_the_twins_bits(name: &str, asked: &[Asked<'_>]) {
    let board = Board::named(name).expect("a board");
    cycles(&Emulated::nrf(board, &plain_image(board, &compiled_of(asked))), asked);
}

/// `imu` in integers with two rows. Of eight-bit values `digits` would be quicker, and stops at an instruction that labwired
/// does not know either.
fn in_integers() -> [Asked<'static>; 1] {
    [("imu", integers("imu", Precision::Int8x16, Core::Plain), 2)]
}

#[test]
fn the_nrf52840_dk_has_the_twins_bits() {
    has_the_twins_bits("nrf52840-dk", &in_integers());
}

#[test]
#[ignore = "minutes of emulation: `cargo xtask test --boards`"]
fn the_microbit_has_the_twins_bits() {
    has_the_twins_bits("microbit-v2", &in_integers());
}

#[test]
#[ignore = "a minute for each emulated row: `cargo xtask test --boards`"]
fn the_nrf52840_dk_has_the_twins_bits_in_f32() {
    has_the_twins_bits("nrf52840-dk", &[("imu", float("imu"), 2)]);
}
