//! Streams the recording of `models/imu` through an emulated board: every window's posterior and
//! score, and a picture of them along time.
//!
//! ```sh
//! cargo run -p elbow --example demo -- models/imu target/demo qemu-m4
//! ```

#[path = "../shared/dark.rs"]
mod dark;
mod picture;

use elbow::device::{Device, Target, find_firmware};
use elbow::emit::emit;
use elbow::model::Loaded;
use elbow_core::window::{Normalization, Window};
use picture::{Inferred, Picture, draw};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The window of `models/imu`.
const CHANNELS: usize = 9;
const LENGTH: usize = 64;
const HOP: usize = 16;
/// Readings per second of the recording.
const RATE: f32 = 64.0;
/// Key of the noise: every run draws the same samples.
const KEY: u64 = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, out, target] = arguments.as_slice() else {
        return Err("usage: demo MODEL_FOLDER OUT_FOLDER TARGET".into());
    };
    let (folder, out) = (Path::new(folder), Path::new(out));
    let loaded = Loaded::read(folder, None, &Default::default())?;
    let recording = read_recording(&folder.join("recording.npy"))?;
    let threshold =
        loaded.manifest.as_ref().and_then(|m| m.score.as_ref()).and_then(|s| s.threshold);

    let mut device = boot(&loaded, out, target)?;
    let windows = stream(&mut device, &loaded, &recording, threshold)?;
    device.finish()?;

    let path = out.join(format!("{}.svg", loaded.model.name));
    let length = LENGTH as f32 / RATE;
    let picture =
        Picture { recording: &recording, rate: RATE, length, windows: &windows, threshold };
    fs::write(&path, draw(&picture)?)?;
    let flagged = windows.iter().filter(|w| threshold.is_some_and(|t| w.score < t)).count();
    println!(
        "{} windows, {flagged} below the threshold; picture: {}",
        windows.len(),
        path.display()
    );
    Ok(())
}

/// Compiles the model and boots a board with it.
fn boot(loaded: &Loaded, out: &Path, target: &str) -> Result<Device, Box<dyn Error>> {
    let artifact = emit(&loaded.model)?;
    let compiled = out.join(&loaded.model.name);
    fs::create_dir_all(&compiled)?;
    fs::write(compiled.join("model.rs"), &artifact.source)?;
    fs::write(compiled.join("weights.bin"), &artifact.pack)?;
    let target = Target::named(target)?;
    let models: [(String, PathBuf); 1] = [(loaded.model.name.clone(), compiled)];
    let mut device = Device::start(&target, &models, &find_firmware()?)?;
    device.select(0)?;
    Ok(device)
}

/// Pushes reading after reading into the window, and has the board encode every complete one.
fn stream(
    device: &mut Device,
    loaded: &Loaded,
    recording: &[Vec<f32>],
    threshold: Option<f32>,
) -> Result<Vec<Inferred>, Box<dyn Error>> {
    let declared = loaded.model.window.as_ref().ok_or("the manifest has no [window]")?;
    if (declared.channels, declared.length, declared.hop) != (CHANNELS, LENGTH, HOP) {
        return Err("this demo is written for windows of 9 channels, 64 readings, hop 16".into());
    }
    let normalization = Normalization::<CHANNELS> {
        mean: declared.mean.as_slice().try_into()?,
        std: declared.std.as_slice().try_into()?,
        layout: declared.layout().into(),
    };
    let mut window = Window::<CHANNELS, LENGTH, HOP>::new();
    let mut x = [0.0; CHANNELS * LENGTH];
    let mut windows = Vec::new();
    println!("   time  mean and standard deviation of each latent{:>45}", "score (nats)");
    for (row, reading) in recording.iter().enumerate() {
        if window.push(reading.as_slice().try_into()?)? {
            window.observation(&normalization, &mut x)?;
            let answer = device.encode(windows.len() as u64, KEY, 0, &x)?;
            let (terms, _) = answer.score.ok_or("the model has no decoder, so no score")?;
            let inferred = Inferred {
                time: (row + 1) as f32 / RATE,
                loc: answer.loc,
                log_var: answer.log_var,
                score: terms.elbo(),
            };
            print_window(&inferred, threshold);
            windows.push(inferred);
        }
    }
    Ok(windows)
}

fn print_window(window: &Inferred, threshold: Option<f32>) {
    let latents = window.loc.iter().zip(&window.log_var);
    let latents = latents.map(|(loc, log_var)| format!("{loc:+.2}±{:.2}", (0.5 * log_var).exp()));
    let flag = if threshold.is_some_and(|t| window.score < t) { "  flagged" } else { "" };
    let latents: Vec<String> = latents.collect();
    println!("{:5.2} s  {}  {:9.2}{flag}", window.time, latents.join("  "), window.score);
}

/// One row of raw readings per point in time.
fn read_recording(path: &Path) -> Result<Vec<Vec<f32>>, Box<dyn Error>> {
    let array = elbow::npy::read_rows(path, &[1, CHANNELS])?;
    Ok(array.values.chunks_exact(CHANNELS).map(<[f32]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbow::manifest::ScoreKind;
    use elbow::posterior::twin_posteriors;
    use elbow::rows::{Batch, Rows};
    use elbow::scoring::{Settings, score_rows};
    use elbow_tests::pages::hold;

    /// The README's picture is that of the twin, whose bits the board has.
    #[test]
    fn the_picture_of_the_readme_shows_these_posteriors() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/imu");
        let loaded = Loaded::read(&folder, None, &Default::default()).unwrap();
        let recording = read_recording(&folder.join("recording.npy")).unwrap();
        let declared = loaded.model.window.as_ref().unwrap();
        let own = elbow::detect::Recording { channels: CHANNELS, values: recording.concat() };
        let (values, unfit) = own.observations(declared);
        assert_eq!(unfit, 0);
        let x = Rows { name: "x".into(), shape: vec![1, CHANNELS, LENGTH], values };
        let batch = Batch { len: x.count(), inputs: vec![x] };
        let posteriors = twin_posteriors(&loaded, &batch).unwrap().remove(0);
        let settings =
            Settings { kind: ScoreKind::ElboAtMean, samples: 0, seed: KEY, aggregate: None };
        let scores = score_rows(&loaded, &settings, &batch).unwrap();
        let inferred = |(row, score): (usize, f32)| {
            let (loc, log_var) = posteriors.row(row);
            let time = (LENGTH + HOP * row) as f32 / RATE;
            Inferred { time, loc: loc.to_vec(), log_var: log_var.to_vec(), score }
        };
        let scores = scores.iter().map(|row| row.score).enumerate();
        let windows: Vec<Inferred> = scores.map(inferred).collect();
        let score = loaded.manifest.as_ref().and_then(|manifest| manifest.score.as_ref());
        let threshold = score.and_then(|score| score.threshold);
        let length = LENGTH as f32 / RATE;
        let picture =
            Picture { recording: &recording, rate: RATE, length, windows: &windows, threshold };
        hold("docs/pictures/imu.svg", &draw(&picture).unwrap());
    }
}
