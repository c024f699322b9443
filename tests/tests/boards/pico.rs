//! The parity image of the Pico, as it is flashed, in rp2040js.

use crate::parity::{Asked, compiled_of, cycles};
use elbow_tests::boards::{Emulated, image, models_of_the_pico};
use elbow_toolchain::{Board, BoardProgram};

/// Most cycles of an encoding of `imu` in int8.
const MOST_CYCLES: u64 = 1_500_000;

/// The most cycles of an encoding by each model, whose rows have every bit of the twin.
fn on_the_pico(asked: &[Asked<'_>]) -> Vec<u64> {
    let board = Board::named("pico").expect("a board");
    let (image, _) = image(board, BoardProgram::Parity, &compiled_of(asked));
    cycles(&Emulated::pico(&image, None), asked)
}

/// The models of the image, with so many rows.
fn models(counts: [usize; 3]) -> Vec<Asked<'static>> {
    models_of_the_pico().into_iter().zip(counts).map(|((data, m), rows)| (data, m, rows)).collect()
}

#[test]
fn the_pico_has_the_twins_bits() {
    let most = on_the_pico(&models([3, 3, 1]));
    assert!(most[0] <= MOST_CYCLES, "{} cycles", most[0]);
}

#[test]
#[ignore = "many emulated rows: `cargo xtask test --boards`"]
fn the_pico_has_the_twins_bits_in_many_rows() {
    on_the_pico(&models([20, 50, 4]));
}
