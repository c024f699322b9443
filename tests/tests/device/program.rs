//! What `--max-flash` and `--max-ram` limit, held against the sections of the linked image: the bytes that are written
//! into flash, and those of its variables and its stack.

use elbow::device::{Firmware, Image, Target, build_image};
use elbow::emit::emit;
use elbow::manifest::ScoreKind;
use elbow::model::Model;
use elbow::parity::Program;
use elbow_tests::fixtures::path;
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::models::watched;
use object::{Object, ObjectSection};

/// Bytes of the sections with these names, one behind the other, each from an address that suits it.
fn bytes(image: &[u8], names: &[&str]) -> usize {
    let file = object::File::parse(image).expect("an ELF file");
    let sections = names.iter().filter_map(|name| file.section_by_name(name));
    let filled = sections.filter(|section| section.size() > 0);
    filled.fold(0_u64, |end, section| end.next_multiple_of(section.align()) + section.size())
        as usize
}

/// The limits of the model on the board, held against its image: flash, RAM, and of the latter what is not stack.
fn held(model: &Model, target: &Target) -> (Program, usize) {
    let (_folder, models) = compiled(std::slice::from_ref(model));
    let firmware = path("firmware");
    let counted = or_cure(Program::of(model, target, &firmware));
    let image = or_cure(build_image(Firmware::Alone, target, &models, &firmware));
    let image = std::fs::read(image).expect("it was built");
    let written = bytes(&image, &[".vector_table", ".text", ".rodata", ".data"]);
    assert_eq!(counted.flash, written, "{}", target.name);
    let memory = bytes(&image, &[".data", ".bss"]);
    assert_eq!(bytes(&image, &[".data"]), 0, "{}: memory has a copy in flash", target.name);
    let main = or_cure(Image::parse(&image).and_then(|image| image.footprint("main")));
    let stack = main.stack_bytes.expect("a closed bound") as usize;
    assert_eq!(counted.ram, Some(memory + stack), "{}", target.name);
    (counted, memory)
}

#[test]
fn the_limits_are_those_of_the_linked_program() {
    let judging = Model { name: "watched".into(), ..watched(ScoreKind::ElboAtMean) };
    let budget = emit(&judging).expect("it can be emitted").budget;
    for name in ["qemu-m0", "qemu-m4"] {
        let (counted, memory) = held(&judging, &or_cure(Target::named(name)));
        assert_eq!(Some(memory), budget.ram_bytes.detector, "{name}");
        // The vector table alone takes that much on the smallest core.
        assert!(counted.flash > budget.flash_bytes.weights + 0xc0, "{name}: {counted:?}");
    }
}

#[test]
fn a_model_without_a_detector_is_a_program_that_encodes() {
    let model = Model { calibration: None, ..watched(ScoreKind::ElboAtMean) };
    let budget = emit(&model).expect("it can be emitted").budget;
    let (_, memory) = held(&model, &or_cure(Target::named("qemu-m4")));
    let plan = model.graphs.main().plan;
    let values = |of: &[elbow::lower::plan::Port]| of.iter().map(|port| port.len()).sum::<usize>();
    let ports = values(&plan.inputs) + values(&plan.outputs);
    assert_eq!(memory, budget.ram_bytes.workspace + 4 * ports);
}
