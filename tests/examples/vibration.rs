//! `cargo run -p elbow-tests --example vibration -- FOLDER`: the data that `models/vibration` is made of and judged
//! by. Windows are `[windows, 3, 128]` in milli-g, each of a run of its own; recordings are `[readings, 3]`.

use elbow::npy;
use elbow_tests::vibration::{AXES, FAULTS, Mode, Run, WINDOW, healthy, independent};
use std::io;
use std::path::Path;

/// Seeds of the healthy runs by name: none has two purposes.
const NORMAL: [(&str, std::ops::Range<u64>); 4] = [
    ("train", 0..16_000),
    ("integers", 20_000..20_160),
    ("normal", 200_000..220_000),
    ("test", 40_000..50_000),
];
/// Seeds of the faulty runs, and how severe their faults are.
const FAULTY: std::ops::Range<u64> = 60_000..61_000;
const SEVERITIES: [f64; 3] = [1.0, 0.3, 0.1];
/// Seeds of the healthy runs in `runs/`, as raw readings, by which the alarm is calibrated; windows of each.
const RUNS: (std::ops::Range<u64>, usize) = (80_000..80_032, 1_000);
/// Seed of the long run under load, its windows, and from which of them on its bearing is damaged.
const RECORDING: (u64, usize, usize) = (70_001, 3_000, 2_000);

fn main() -> io::Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("expected the folder to write to: target/vibration");
        return Ok(());
    };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    for (name, seeds) in NORMAL {
        windows(&folder.join(format!("{name}.npy")), &independent(seeds.clone()))?;
        let modes = seeds.map(|seed| f32::from(healthy(seed).mode == Mode::Load));
        let modes: Vec<f32> = modes.collect();
        std::fs::write(
            folder.join(format!("{name}.modes.npy")),
            npy::encode(&[modes.len()], &modes),
        )?;
    }
    for (name, fault) in FAULTS {
        for severity in SEVERITIES {
            let faulty = |seed| Run { fault: Some((fault, severity)), ..healthy(seed) }.windows(1);
            let values: Vec<f32> = FAULTY.flat_map(faulty).collect();
            windows(&folder.join(format!("{name}-{severity}.npy")), &values)?;
        }
    }
    std::fs::create_dir_all(folder.join("runs"))?;
    for seed in RUNS.0 {
        readings(&folder.join(format!("runs/{seed}.npy")), healthy(seed), RUNS.1)?;
    }
    let (seed, count, since) = RECORDING;
    let fault = Some((FAULTS[0].1, 0.3));
    let run = Run { fault, since: since * WINDOW, ..healthy(seed) };
    readings(&folder.join("recording.npy"), run, count)
}

/// Writes the readings of so many windows of a run to `file`, `[readings, 3]`; an error of the file.
fn readings(file: &Path, run: Run, count: usize) -> io::Result<()> {
    let values = run.readings(count * WINDOW).concat();
    std::fs::write(file, npy::encode(&[count * WINDOW, AXES], &values))
}

/// Writes windows to `file`; an error of the file.
fn windows(file: &Path, values: &[f32]) -> io::Result<()> {
    let shape = [values.len() / (AXES * WINDOW), AXES, WINDOW];
    println!("{}: {} windows", file.display(), shape[0]);
    std::fs::write(file, npy::encode(&shape, values))
}
