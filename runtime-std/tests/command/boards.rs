//! `elbow` with a Pico in its emulator, at a TCP port: its parity image as it is flashed.

#[path = "../../examples/board/show.rs"]
mod show;

use crate::common::{elbow_line, repository};
use crate::readings::{holds, troubled};
use elbow_tests::boards::{Emulated, calibrated, image, models_of_the_pico};
use elbow_toolchain::{Board, BoardProgram};

/// A Pico that runs the parity image with these models, and what `--target` takes for it.
fn pico(models: &[elbow::model::Model]) -> (Emulated, String) {
    let board = Board::named("pico").expect("a board");
    let (image, _) = image(board, BoardProgram::Parity, models);
    let emulated = Emulated::pico(&image, None);
    let target = format!("tcp:127.0.0.1:{}", emulated.port());
    (emulated, target)
}

#[test]
fn parity_with_a_pico_finds_every_bit_of_the_twin() {
    let (_emulated, target) = pico(&models_of_the_pico().map(|(_, loaded)| loaded.model));
    for (model, precision) in [("imu", "int8x16"), ("digits", "int8x8")] {
        let model = repository("models").join(model);
        let [test, calibration] = ["test.npy", "calibration.npy"].map(|file| model.join(file));
        let line = format!(
            "parity {{}} --input {{}} --rows 1 --precision {precision} --calibration {{}} \
             --target {target} --timeout 300 --json"
        );
        let report = elbow_line(&line, &[&model, &test, &calibration]).done().json();
        assert_eq!((&report["rows"], &report["twin_bit_exact"]), (&1.into(), &true.into()));
        let cycles = report["cycles_per_inference"].as_u64().expect("cycles");
        println!("{}: {cycles} cycles", model.display());
        assert!((10_000..1_500_000).contains(&cycles), "{report}");
    }
}

#[test]
#[ignore = "minutes of emulation: `cargo xtask test --boards`"]
fn the_demo_of_the_pico_ends_with_parity() {
    let out = tempfile::tempdir().expect("a folder");
    show::show(env!("CARGO_BIN_EXE_elbow").as_ref(), out.path()).expect("it succeeds");
}

#[test]
#[ignore = "minutes of emulation: `cargo xtask test --boards`"]
fn a_pico_judges_readings_that_are_wrong_missing_late_or_at_another_rate_as_the_twin_does() {
    let (_emulated, target) = pico(&[calibrated("motion3").model]);
    let folder = tempfile::tempdir().expect("a folder");
    let [recording, times] = troubled(folder.path());
    let line =
        format!("parity {{}} --readings {{}} --times {{}} --target {target} --timeout 300 --json");
    let model = repository("models/motion3");
    holds(&elbow_line(&line, &[&model, &recording, &times]).done().json());
}
