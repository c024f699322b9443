//! What `--max-flash` and `--max-ram` count, against what a linker makes of the smallest program with a detector: its
//! memory to the byte, flash and stack but for the start of the program.

use elbow::device::{Image, ModelFootprint, Target};
use elbow::emit::emit;
use elbow::manifest::ScoreKind;
use elbow::model::Model;
use elbow::parity::Program;
use elbow_tests::fixtures::path;
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::models::watched;
use elbow_tests::tolerance::{PROGRAM_FRAME, PROGRAM_START};
use elbow_toolchain::{Build, build_firmware};
use object::{Object, ObjectSection};

/// Bytes of the sections with these names.
fn bytes(image: &[u8], names: [&str; 2]) -> usize {
    let file = object::File::parse(image).expect("an ELF file");
    let sections = names.map(|name| file.section_by_name(name).map_or(0, |own| own.size()));
    sections.iter().sum::<u64>() as usize
}

#[test]
fn the_limits_are_those_of_the_smallest_program_but_for_its_start() {
    let model = Model { name: "watched".into(), ..watched(ScoreKind::ElboAtMean) };
    let (folder, models) = compiled(std::slice::from_ref(&model));
    let (target, firmware) = (or_cure(Target::named("qemu-m4")), path("firmware"));
    let footprint = or_cure(ModelFootprint::of_model(&target, &models[0], &firmware));
    let judge = footprint.judge.expect("it has a detector");
    let budget = emit(&model).expect("it can be emitted").budget;
    let counted = Program::new(&budget, judge);
    let build = Build {
        folder: &firmware,
        package: "program",
        core: target.row,
        profile: "release",
        features: &[],
        models: Some(folder.path()),
    };
    let image = std::fs::read(or_cure(build_firmware(&build))).expect("it was built");
    let memory = bytes(&image, [".data", ".bss"]);
    assert_eq!(Some(memory), budget.ram_bytes.detector);
    let called = or_cure(Image::parse(&image).and_then(|image| image.footprint("main")));
    let stack = called.stack_bytes.expect("a closed bound") as usize;
    let (flash, ram) = (bytes(&image, [".text", ".rodata"]), memory + stack);
    let counted_ram = counted.ram.expect("a closed bound");
    let found =
        format!("flash {flash}, counted {}; RAM {ram}, counted {counted_ram}", counted.flash);
    assert!((counted.flash..=counted.flash + PROGRAM_START).contains(&flash), "{found}");
    assert!((counted_ram..=counted_ram + PROGRAM_FRAME).contains(&ram), "{found}");
}
