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

/// `imu` and `digits` in integers, with so many rows.
fn integer_models(counts: [usize; 2]) -> [Asked<'static>; 2] {
    [
        ("imu", integers("imu", Precision::Int8x16, Core::Plain), counts[0]),
        ("digits", integers("digits", Precision::Int8x8, Core::Plain), counts[1]),
    ]
}

#[test]
fn the_nrf52840_dk_has_the_twins_bits() {
    has_the_twins_bits("nrf52840-dk", &integer_models([2, 2]));
}

#[test]
#[ignore = "minutes of emulation: `cargo xtask test --boards`"]
fn the_microbit_has_the_twins_bits() {
    has_the_twins_bits("microbit-v2", &integer_models([2, 4]));
}

#[test]
#[ignore = "a minute for each emulated row: `cargo xtask test --boards`"]
fn the_nrf52840_dk_has_the_twins_bits_in_f32() {
    has_the_twins_bits("nrf52840-dk", &[("imu", float("imu"), 2)]);
}
