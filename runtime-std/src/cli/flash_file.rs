//! `elbow flash-file`

use super::output;
use clap::builder::PossibleValuesParser;
use elbow::{Context, Error, Result};
use elbow_toolchain::{BOARDS, Board, DriveFile};
use ihex::Record;
use object::elf::{EM_ARM, FileHeader32, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Bytes that boot loaders erase at once: whole ones are written, since the RP2040's may not write a part of one
/// (erratum E14).
const SECTOR: usize = 4096;
/// Bytes of the image in a block of UF2.
const PAGE: usize = 256;
/// Bytes of the image in a line of a hexadecimal file.
const LINE: usize = 16;

#[derive(Clone, Debug, clap::Args)]
pub struct FlashFileOptions {
    /// The image that cargo built, such as target/thumbv6m-none-eabi/release/my-sensor
    image: PathBuf,
    /// The board
    #[arg(long, value_parser = PossibleValuesParser::new(BOARDS.iter().map(|board| board.name)))]
    board: String,
    /// The file to write; beside the image, with the ending of its kind, where left out
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Contents of flash by address, in whole sectors; what no part of the image fills is 0xff, as erased flash is.
type Sectors = BTreeMap<u32, Vec<u8>>;

/// Writes the file, and prints its name and how to copy it.
///
/// # Errors
///
/// An input error where the board has no such drive, or the image is none, or one for another board; an environment
/// error where the file cannot be written.
pub fn run(options: &FlashFileOptions) -> Result<()> {
    let board = Board::named(&options.board).map_err(|error| Error::input(error.to_string()))?;
    let Some(drive) = board.drive else {
        return Err(Error::input(format!(
            "the {} has a debug probe, which flashes the image itself: `cargo run --release` in the project, or `probe-rs \
             download --chip {} IMAGE`",
            board.title, board.chip
        )));
    };
    let image = options.image.display();
    let bytes = fs::read(&options.image).map_err(|error| {
        Error::input(format!("{error}; name the file that `cargo build --release` wrote"))
            .context(&image)
    })?;
    let sectors = sectors(&bytes, board).context(&image)?;
    let (ending, bytes) = match drive {
        DriveFile::Uf2 { family } => ("uf2", uf2(&sectors, family)),
        DriveFile::Hex => ("hex", hex(&sectors)?.into_bytes()),
    };
    let path = options.output.clone().unwrap_or_else(|| options.image.with_extension(ending));
    output::file(&path, &bytes)?;
    output::text(&format!(
        "wrote {}, {} bytes of flash: copy it onto the drive that the {} shows as",
        path.display(),
        sectors.len() * SECTOR,
        board.title
    ))
}

/// What the ELF file puts into the board's flash. An input error where it is no image for an Arm core, has nothing to
/// load, or lies outside the flash.
fn sectors(file: &[u8], board: &Board) -> Result<Sectors> {
    let wrong = |error| {
        Error::input(format!(
            "not an image: {error}; name the file without an ending that `cargo build --release` wrote into target/{}/release",
            board.triple
        ))
    };
    let cut = || {
        Error::input(
            "the image is cut off; copy it again, or build it again by `cargo build --release`",
        )
    };
    let header = FileHeader32::<object::Endianness>::parse(file).map_err(wrong)?;
    let endian = header.endian().map_err(wrong)?;
    if header.e_machine(endian) != EM_ARM {
        return Err(Error::input(
            "a program for another processor than Arm's; name the board's image",
        ));
    }
    let mut sectors = Sectors::new();
    for part in header.program_headers(endian, file).map_err(wrong)? {
        if part.p_type(endian) != PT_LOAD || part.p_filesz(endian) == 0 {
            continue;
        }
        let bytes = part.data(endian, file).map_err(|()| cut())?;
        let start = part.p_paddr(endian);
        let offset = start.checked_sub(board.flash.origin).map_or(u64::MAX, u64::from);
        if offset.saturating_add(bytes.len() as u64) > u64::from(board.flash.length) {
            return Err(Error::input(format!(
                "{} bytes at {start:#010x} lie outside the flash of the {}, {:#010x} and {} bytes on; name the board that \
                 the image was built for",
                bytes.len(),
                board.title,
                board.flash.origin,
                board.flash.length
            )));
        }
        for (address, byte) in (start..).zip(bytes) {
            let within = address as usize % SECTOR;
            let sector = sectors.entry(address - within as u32);
            sector.or_insert_with(|| vec![0xff; SECTOR])[within] = *byte;
        }
    }
    match sectors.is_empty() {
        true => Err(Error::input("nothing in it is for the flash; name the image that was linked")),
        false => Ok(sectors),
    }
}

/// A UF2 file for the family: blocks of 512 bytes, each with its address, a page, and its number among all.
fn uf2(sectors: &Sectors, family: u32) -> Vec<u8> {
    let total = (sectors.len() * SECTOR / PAGE) as u32;
    let pages = sectors
        .iter()
        .flat_map(|(address, sector)| (*address..).step_by(PAGE).zip(sector.chunks_exact(PAGE)));
    let mut file = Vec::new();
    for (number, (address, page)) in (0..).zip(pages) {
        // The flag says that the family is given.
        let head = [0x0a32_4655, 0x9e5d_5157, 0x2000, address, PAGE as u32, number, total, family];
        let start = file.len();
        file.extend(head.iter().flat_map(|word: &u32| word.to_le_bytes()));
        file.extend(page);
        file.resize(start + 508, 0);
        file.extend(0x0ab1_6f30_u32.to_le_bytes());
    }
    file
}

/// An Intel hexadecimal file: a record for the upper half of the address where it changes, then lines. An environment
/// error where one cannot be written.
fn hex(sectors: &Sectors) -> Result<String> {
    let (mut records, mut upper) = (Vec::new(), None);
    for (address, sector) in sectors {
        let high = (address >> 16) as u16;
        if upper.replace(high) != Some(high) {
            records.push(Record::ExtendedLinearAddress(high));
        }
        for (line, bytes) in sector.chunks_exact(LINE).enumerate() {
            let offset = (*address as u16) + (line * LINE) as u16;
            records.push(Record::Data { offset, value: bytes.to_vec() });
        }
    }
    records.push(Record::EndOfFile);
    ihex::create_object_file_representation(&records)
        .map_err(|error| Error::environment(format!("the lines of the file: {error}")))
}
