//! Images as they are flashed: they build without a warning, fit, and are as large as the table says.

use elbow_tests::boards::{calibrated, float, image};
use elbow_tests::fixtures::path;
use elbow_toolchain::{BOARDS, Board, BoardProgram, Region};

/// Bytes of flash and of static RAM of an image, by the segments of the ELF file.
fn sizes(elf: &[u8], board: &Board) -> [u32; 2] {
    let word = |at: usize| u32::from_le_bytes(elf[at..at + 4].try_into().expect("four bytes"));
    let half = |at: usize| u16::from_le_bytes(elf[at..at + 2].try_into().expect("two bytes"));
    let (start, size, count) = (word(28) as usize, half(42) as usize, half(44) as usize);
    let is_in = |region: Region, address: u32| address.wrapping_sub(region.origin) < region.length;
    let (mut flash, mut ram) = (0, 0);
    for at in (0..count).map(|index| start + index * size).filter(|at| word(*at) == 1) {
        let [address, loaded_at, in_file, in_memory] =
            [8, 12, 16, 20].map(|field| word(at + field));
        if is_in(board.flash, loaded_at) {
            flash += in_file;
        }
        if is_in(board.ram, address) {
            ram += in_memory;
        }
        let is_placed = in_file == 0 || is_in(board.flash, loaded_at);
        assert!(is_placed, "{}: a segment at {loaded_at:#x} is outside the flash", board.name);
    }
    [flash, ram]
}

/// An image with its size: board, program, and the most bytes of flash and static RAM.
struct Size {
    board: &'static str,
    program: BoardProgram,
    flash: u32,
    ram: u32,
}

/// The images of every board: `imu` for parity, `motion3` with its detector for the sensor, both in f32. A size may shrink
/// by 2 % and grow by nothing; README's table has the same figures in KB.
const SIZES: [Size; 14] = [
    Size { board: "pico", program: BoardProgram::Parity, flash: 171_000, ram: 21_400 },
    Size { board: "pico", program: BoardProgram::Sensor, flash: 119_000, ram: 11_800 },
    Size { board: "pico2", program: BoardProgram::Parity, flash: 172_000, ram: 21_400 },
    Size { board: "pico2", program: BoardProgram::Sensor, flash: 115_000, ram: 11_600 },
    Size { board: "microbit-v2", program: BoardProgram::Parity, flash: 169_000, ram: 16_700 },
    Size { board: "microbit-v2", program: BoardProgram::Sensor, flash: 117_500, ram: 12_100 },
    Size { board: "nrf52840-dk", program: BoardProgram::Parity, flash: 169_000, ram: 16_700 },
    Size { board: "nrf52840-dk", program: BoardProgram::Sensor, flash: 109_000, ram: 11_900 },
    Size { board: "xiao-sense", program: BoardProgram::Parity, flash: 169_000, ram: 16_700 },
    Size { board: "xiao-sense", program: BoardProgram::Sensor, flash: 104_000, ram: 11_700 },
    Size { board: "nucleo-l476rg", program: BoardProgram::Parity, flash: 173_000, ram: 18_100 },
    Size { board: "nucleo-l476rg", program: BoardProgram::Sensor, flash: 130_000, ram: 11_900 },
    Size { board: "b-l475e-iot01a", program: BoardProgram::Parity, flash: 173_000, ram: 18_100 },
    Size { board: "b-l475e-iot01a", program: BoardProgram::Sensor, flash: 122_000, ram: 11_600 },
];

/// Builds the images of these boards and holds them against the table.
fn are_as_the_table_says(boards: &[&Board]) {
    let mut wrong = Vec::new();
    for size in SIZES.iter().filter(|size| boards.iter().any(|board| board.name == size.board)) {
        let board = Board::named(size.board).expect("a board");
        let loaded = match size.program {
            BoardProgram::Parity | BoardProgram::Flash => float("imu"),
            BoardProgram::Sensor => calibrated("motion3"),
        };
        let (file, messages) = image(board, size.program, &[loaded.model]);
        assert_eq!(messages, "", "{} {:?}: warnings", board.name, size.program);
        let elf = std::fs::read(&file).expect("an image");
        let [flash, ram] = sizes(&elf, board);
        println!("{} {:?}: {flash} B of flash, {ram} B of static RAM", board.name, size.program);
        let is_close = |found: u32, most: u32| found <= most && found >= most - most / 50;
        if !(is_close(flash, size.flash) && is_close(ram, size.ram)) {
            wrong.push(format!("{} {:?}: flash {flash}, ram {ram}", board.name, size.program));
        }
    }
    assert!(wrong.is_empty(), "correct the table and README's:\n{}", wrong.join("\n"));
}

#[test]
fn the_images_of_the_pico_are_as_large_as_the_table_says() {
    are_as_the_table_says(&[Board::named("pico").expect("a board")]);
}

#[test]
#[ignore = "builds for every board: `cargo xtask test --boards`"]
fn the_images_of_every_board_are_as_large_as_the_table_says() {
    are_as_the_table_says(&BOARDS.iter().collect::<Vec<_>>());
}

#[test]
fn every_board_has_both_images_in_the_table() {
    for board in &BOARDS {
        let own = SIZES.iter().filter(|size| size.board == board.name);
        assert_eq!(own.count(), 2, "{}", board.name);
    }
}

/// The lengths of a linker script's memories of these names, added up from the lowest address.
fn memory(script: &str, names: &[&str]) -> Region {
    let mut regions: Vec<Region> = Vec::new();
    for line in script.lines() {
        let Some((name, rest)) = line.trim().split_once(" : ORIGIN = ") else { continue };
        let (origin, length) = rest.split_once(", LENGTH = ").expect("origin and length");
        if names.contains(&name) {
            regions.push(Region { origin: number(origin), length: number(length) });
        }
    }
    let origin = regions.iter().map(|region| region.origin).min().expect("a memory");
    Region { origin, length: regions.iter().map(|region| region.length).sum() }
}

/// The value of a number of a linker script, or of a difference of two.
fn number(text: &str) -> u32 {
    if let Some((from, less)) = text.split_once(" - ") {
        return number(from) - number(less);
    }
    let text = text.trim();
    match (text.strip_prefix("0x"), text.strip_suffix('K')) {
        (Some(digits), _) => u32::from_str_radix(digits, 16).expect("a number"),
        (None, Some(digits)) => 1024 * digits.parse::<u32>().expect("a number"),
        (None, None) => text.parse().expect("a number"),
    }
}

#[test]
fn the_linker_scripts_have_the_memory_of_the_table() {
    for board in &BOARDS {
        let file = path("firmware/boards").join(board.package);
        let file = file.join(format!("memory-{}.x", board.name));
        let script = std::fs::read_to_string(&file).expect("a linker script");
        assert_eq!(memory(&script, &["BOOT2", "FLASH"]), board.flash, "{}", board.name);
        assert_eq!(memory(&script, &["RAM"]), board.ram, "{}", board.name);
    }
}
