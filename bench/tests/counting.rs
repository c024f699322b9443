//! Counting is right: a loop of known length, Elbow's own counts as they were accepted, and none above
//! what must be reached.

use elbow_bench::{Counts, Numbers, Options, Table, bench, demanded, elbow_image, verdicts};
use elbow_core::checksum::crc32_of_floats;
use elbow_core::noise::{Stream, fill_standard_normal};
use elbow_emulator::{Look, Meter, timing};
use elbow_toolchain::CORES;
use std::sync::{LazyLock, Mutex};

/// A build overwrites the image of the last one with the same target.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Elbow on every workload and core.
static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let _alone = ONE_AT_A_TIME.lock();
    bench(&Options::default()).expect("a table")
});

/// Instructions of the loop in `firmware/boards/bare`.
const LOOP: u64 = 49_380;
/// Three that make a number, one that does nothing, and 24,688 times `subs` and `bne`, all but the
/// last of which are taken at two cycles more.
const LOOP_CYCLES: u64 = 4 + 24_688 * 2 + 24_687 * 2;

#[test]
fn a_loop_of_known_length_is_read_back_exactly_on_every_core() {
    let _alone = ONE_AT_A_TIME.lock();
    for core in &CORES {
        let image = elbow_image(core).expect("an image");
        let meter = Meter::new(core, &image).expect("an empty turn");
        // `measure` fails where ticks and blocks disagree; 40 turns make a tick two instructions.
        let measured = meter.measure("loop", &Look { turns: 40, ..Look::default() });
        let measured = measured.expect("both ways of counting agree");
        assert_eq!(measured.instructions, LOOP, "{}", core.name());
        let cycles = timing(core).map(|_| LOOP_CYCLES);
        assert_eq!(measured.cycles, cycles, "{}", core.name());
    }
}

#[test]
fn elbow_takes_the_instructions_that_were_accepted() {
    match Counts::checked_in().expect("counts").differences(&Counts::of(&TABLE)) {
        Ok(differences) => assert!(differences.is_empty(), "{}", differences.join("\n")),
        Err(not_compared) => println!("{not_compared}"),
    }
}

#[test]
fn every_core_draws_the_noise_of_the_desktop() {
    // The stream of `firmware/bench/src/draws.rs`.
    let mut eps = [0.0; 1024];
    fill_standard_normal(&mut Stream::new(1, 2, 3), &mut eps).expect("a counter never fails");
    let expected = format!("{:x}", crc32_of_floats(&[&eps]));
    let draws = TABLE.rows.iter().filter(|row| row.work.numbers == Numbers::Noise);
    let found: Vec<_> = draws.map(|row| (row.core, &row.measured.check[..])).collect();
    assert_eq!(found, CORES.each_ref().map(|core| (core.name(), &expected[..])));
}

#[test]
fn elbow_takes_no_more_than_it_must() {
    let verdicts = verdicts(&TABLE);
    assert_eq!(verdicts.len(), demanded(), "a figure for every limit: {verdicts:?}");
    verdicts.iter().for_each(|verdict| println!("{verdict}"));
    let missed: Vec<String> =
        verdicts.iter().filter(|v| !v.holds()).map(ToString::to_string).collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
