//! The chips of the table of boards, and their memory, in the table by which probe-rs flashes.

use elbow_toolchain::{BOARDS, Region};
use probe_rs::config::{MemoryRegion, Registry};
use std::ops::Range;

/// Whether the range lies in those regions, which may follow each other.
fn holds(regions: &[Range<u64>], wanted: Region) -> bool {
    let end = u64::from(wanted.origin) + u64::from(wanted.length);
    let mut from = u64::from(wanted.origin);
    while let Some(region) = regions.iter().find(|region| region.contains(&from)) {
        if region.end >= end {
            return true;
        }
        from = region.end;
    }
    false
}

#[test]
fn probe_rs_knows_every_chip_with_the_memory_of_the_table() {
    let registry = Registry::from_builtin_families();
    for board in &BOARDS {
        let target = registry.get_target_by_name(board.chip);
        let target = target.unwrap_or_else(|error| panic!("{}: {error}", board.name));
        let ranges = |is_ram: bool| -> Vec<Range<u64>> {
            let of_kind = target.memory_map.iter().filter_map(|region| match region {
                MemoryRegion::Ram(ram) if is_ram => Some(ram.range.clone()),
                MemoryRegion::Nvm(flash) if !is_ram => Some(flash.range.clone()),
                _ => None,
            });
            of_kind.collect()
        };
        let (flash, ram) = (ranges(false), ranges(true));
        assert!(holds(&flash, board.flash), "{}: flash is {flash:x?}", board.name);
        assert!(holds(&ram, board.ram), "{}: RAM is {ram:x?}", board.name);
        assert!(!target.flash_algorithms.is_empty(), "{}: it can be flashed", board.name);
    }
}

#[test]
fn a_chip_that_does_not_exist_is_refused() {
    assert!(Registry::from_builtin_families().get_target_by_name("STM32L475XX").is_err());
}
