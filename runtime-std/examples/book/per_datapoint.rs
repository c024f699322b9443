//! Chapter 3: a search for each image alone against one pass, in instructions of an emulated Cortex-M4 per nat.

use super::digits::{Digits, bound};
use super::{Failure, Told};
use elbow::device::{Device, Target, find_firmware};
use elbow::model::Loaded;
use elbow::rows::StreamKey;
use elbow_core::infer::{FLOATS_PER_LATENT, Pairs, Posterior, Refiner, Stein};
use elbow_core::wire::Inference;
use std::fmt::Write;

const ROWS: usize = 10;
const STEPS: [u32; 4] = [5, 20, 50, 100];
const PRIOR: Posterior<'static> = Posterior { loc: &[0.0; 2], log_var: &[0.0; 2] };

/// ELBO, instructions, and instructions per nat above the prior.
pub fn tell() -> Told {
    let digits = Digits::first(ROWS)?;
    let (pass, step) = instructions(&digits)?;
    let prior = mean(&digits, |_| PRIOR, 0)?;
    let line = |elbo: f64, cost: u64| {
        format!("{elbo:8.2} {cost:12} {:12.0}", cost as f64 / (elbo - prior))
    };
    let mut text = format!("one pass takes {pass} instructions, one step of a search {step}\n\n");
    writeln!(text, "{:28}{:>8} {:>12} {:>12}", "", "ELBO", "instructions", "per nat")?;
    writeln!(text, "{:28}{prior:8.2} {:12}", "no inference: the prior", 0)?;
    let encoder = |row: usize| digits.posterior(row);
    writeln!(text, "{:28}{}", "one pass", line(mean(&digits, encoder, 0)?, pass))?;
    for steps in STEPS {
        let found = line(mean(&digits, |_| PRIOR, steps)?, u64::from(steps) * step);
        writeln!(text, "{:28}{found}", format!("a search, {steps} steps"))?;
    }
    let both = line(mean(&digits, encoder, 5)?, pass + 5 * step);
    writeln!(text, "{:28}{both}", "one pass, then 5 steps")?;
    Ok(text)
}

/// Mean ELBO of the posteriors that `start` becomes in so many steps.
fn mean<'d>(
    d: &'d Digits,
    start: impl Fn(usize) -> Posterior<'d>,
    steps: u32,
) -> Result<f64, Failure> {
    let (mut likelihood, mut sum) = (d.likelihood()?, 0.0);
    for row in 0..ROWS {
        likelihood.forward().at(row);
        let mut noise = Pairs::DEFAULT.noise(0, row as u64);
        let floats = [0.0; 2 * FLOATS_PER_LATENT];
        let mut refiner = Refiner::in_buffer(floats, start(row), Stein::DEFAULT, Pairs::DEFAULT);
        (0..steps).try_for_each(|_| refiner.step(&mut likelihood, &mut noise).map(drop))?;
        sum += bound(&mut likelihood, refiner.posterior())?;
    }
    Ok(sum / ROWS as f64)
}

/// Of one pass of the encoder, and of one step of refinement.
fn instructions(digits: &Digits) -> Result<(u64, u64), Failure> {
    let manifest = elbow_tests::fixtures::path("docs/book/digits/elbow.toml");
    let loaded = Loaded::read(&manifest, None, &Default::default())?;
    let folder = tempfile::tempdir()?;
    let artifact = elbow::emit::emit(&loaded.model)?;
    std::fs::write(folder.path().join("model.rs"), artifact.source)?;
    std::fs::write(folder.path().join("weights.bin"), artifact.pack)?;
    let model = [(loaded.model.name.clone(), folder.path().to_path_buf())];
    let mut device = Device::start(&Target::named("qemu-m4")?, &model, &find_firmware()?)?;
    device.select(0)?;
    let x = digits.batch.row(0);
    let pass = device.encode(0, 0, 0, &x)?.spent.instructions;
    let mut after = |steps| {
        let found = device.infer(StreamKey { seed: 0, row: 0 }, Inference::Refine, steps, &x)?;
        Ok::<u64, Failure>(found.spent.instructions)
    };
    let step = (after(11)? - after(1)?) / 10;
    device.finish()?;
    Ok((pass, step))
}
