//! `elbow flash-file`: what it writes, read by the specifications of the formats.

use crate::common::{Outcome, elbow_line};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// An ELF file for Arm with these parts: where each is loaded, and its bytes.
fn elf(parts: &[(u32, &[u8])]) -> Vec<u8> {
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    let mut at = 52 + 32 * parts.len() as u32;
    let count = parts.len() as u32;
    // An executable for Arm; program headers right behind this one, sections none.
    for word in [0x0028_0002, 1, 0, 52, 0, 0x0500_0200, 0x0020_0034, count, 0] {
        file.extend(u32::to_le_bytes(word));
    }
    for (address, bytes) in parts {
        let len = bytes.len() as u32;
        for word in [1, at, 0x2000_0000, *address, len, len, 5, 1] {
            file.extend(u32::to_le_bytes(word));
        }
        at += len;
    }
    parts.iter().for_each(|(_, bytes)| file.extend(*bytes));
    file
}

/// A file with an image of these parts.
fn image(folder: &Path, parts: &[(u32, &[u8])]) -> PathBuf {
    let path = folder.join("image");
    fs::write(&path, elf(parts)).unwrap();
    path
}

/// `elbow flash-file` of the image for a board.
fn flash_file(image: &Path, board: &str) -> Outcome {
    elbow_line(&format!("flash-file {{}} --board {board}"), &[image])
}

/// So many bytes that differ from their neighbours.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The memory of the parts, in whole sectors of 4096 bytes of erased flash.
fn memory(parts: &[(u32, &[u8])]) -> BTreeMap<u32, u8> {
    let mut memory = BTreeMap::new();
    for (start, bytes) in parts {
        let sectors = start / 4096..=(start + bytes.len() as u32 - 1) / 4096;
        for address in sectors.flat_map(|sector| sector * 4096..(sector + 1) * 4096) {
            memory.entry(address).or_insert(0xff);
        }
        memory.extend((*start..).zip(bytes.iter().copied()));
    }
    memory
}

/// The memory that a UF2 file holds, by <https://github.com/microsoft/uf2>, and the family of its blocks.
fn read_uf2(file: &[u8]) -> (BTreeMap<u32, u8>, u32) {
    assert_eq!(file.len() % 512, 0);
    let (mut memory, mut families) = (BTreeMap::new(), Vec::new());
    let total = file.len() / 512;
    for (number, block) in file.chunks(512).enumerate() {
        let word = |at: usize| u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        assert_eq!((word(0), word(4), word(508)), (0x0a32_4655, 0x9e5d_5157, 0x0ab1_6f30));
        // 0x1 not for flash, 0x1000 a file in it, 0x2000 with a family, 0x4000 with a sum.
        assert_eq!((word(8), word(16)), (0x2000, 256), "flags and bytes");
        assert_eq!((word(20) as usize, word(24) as usize), (number, total));
        assert_eq!(word(12) % 256, 0, "boot loaders write whole pages");
        families.push(word(28));
        memory.extend((word(12)..).zip(block[32..288].iter().copied()));
    }
    families.dedup();
    assert_eq!(families.len(), 1);
    (memory, families[0])
}

/// The memory that a hexadecimal file holds, by Intel's specification of 1988.
fn read_hex(file: &str) -> BTreeMap<u32, u8> {
    let (mut memory, mut upper, mut has_ended) = (BTreeMap::new(), 0, false);
    for line in file.lines() {
        assert!(!has_ended, "{line} behind the end");
        let digits = line.strip_prefix(':').unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..digits.len() / 2).map(byte).collect();
        assert_eq!(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0, "{line}");
        let (data, offset) =
            (&bytes[4..bytes.len() - 1], u32::from(bytes[1]) << 8 | u32::from(bytes[2]));
        assert_eq!(usize::from(bytes[0]), data.len(), "{line}");
        match bytes[3] {
            0 => memory.extend((upper + offset..).zip(data.iter().copied())),
            1 => has_ended = true,
            4 => upper = u32::from(data[0]) << 24 | u32::from(data[1]) << 16,
            kind => panic!("a record of type {kind}: {line}"),
        }
    }
    assert!(has_ended);
    memory
}

#[test]
fn a_uf2_holds_the_image_in_whole_sectors_for_the_boards_family() {
    // By https://github.com/microsoft/uf2/blob/master/utils/uf2families.json.
    for (board, start, family) in [
        ("pico", 0x1000_0000, 0xe48b_ff56),
        ("pico2", 0x1000_0000, 0xe48b_ff59),
        ("xiao-sense", 0x0002_7000, 0xada5_2840),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (noise(5000), noise(300));
        let parts: [(u32, &[u8]); 2] = [(start, &first), (start + 0x8100, &second)];
        let outcome = flash_file(&image(folder.path(), &parts), board).done();
        assert!(outcome.stdout.contains("image.uf2, 12288 bytes of flash"), "{}", outcome.stdout);
        let file = fs::read(folder.path().join("image.uf2")).unwrap();
        assert_eq!(read_uf2(&file), (memory(&parts), family), "{board}");
    }
}

#[test]
fn a_hex_holds_the_image_across_its_64_kb() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (noise(70_000), noise(10));
    let parts: [(u32, &[u8]); 2] = [(0, &first), (0x2_fffa, &second)];
    flash_file(&image(folder.path(), &parts), "microbit-v2").done();
    let text = fs::read_to_string(folder.path().join("image.hex")).unwrap();
    assert_eq!(read_hex(&text), memory(&parts));
}

#[test]
fn what_no_drive_takes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = noise(64);
    let own = image(folder.path(), &[(0x1000_0000, &bytes)]);
    for (board, words) in [
        ("nucleo-l476rg", "has a debug probe"),
        ("microbit-v2", "lie outside the flash of the BBC micro:bit v2"),
        ("xiao-sense", "name the board that the image was built for"),
    ] {
        let outcome = flash_file(&own, board);
        assert!(outcome.code == 2 && outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    let beyond = image(folder.path(), &[(0x101f_fff0, &bytes)]);
    assert_eq!(flash_file(&beyond, "pico").code, 2, "it ends behind the flash");
    let below = image(folder.path(), &[(0x2_6fff, &bytes)]);
    assert_eq!(flash_file(&below, "xiao-sense").code, 2, "it begins before the program's place");
    for (bytes, words) in [
        (elf(&[]), "nothing in it is for the flash"),
        (elf(&[(0x1000_0000, &bytes)])[..100].to_vec(), "cut off; copy it again"),
        (b"no image".to_vec(), "wrote into target/thumbv6m-none-eabi/release"),
    ] {
        fs::write(&own, bytes).unwrap();
        let outcome = flash_file(&own, "pico");
        assert!(outcome.code == 2 && outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    let outcome = flash_file(&folder.path().join("none"), "pico");
    assert!(outcome.code == 2 && outcome.stderr.contains("cargo build"), "{}", outcome.stderr);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written");
}
