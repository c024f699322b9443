//! The device as a target: its own build of the model, asked row by row and held against the twin.

use super::bits::bits;
use super::inference;
use super::layers::Checksums;
use super::outputs::{ImageFigures, PaintedMemory, TargetOutputs};
use crate::device::{Device, DeviceRow, DeviceSample, Spent, Target};
use crate::emit::{Artifact, emit, emit_traced};
use crate::error::{Context, Error, Result};
use crate::infer;
use crate::model::{Decoder, Encoder, Loaded, Model, Role};
use crate::posterior::{self, Posteriors, Samples, twin_posteriors};
use crate::rows::{Batch, run_twin};
use crate::scoring::{density_flow, log_prob};
use crate::watch;
use elbow_core::distributions::Spread;
use elbow_core::infer::ElboTerms;
use elbow_core::noise::Stream;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Samples per row whose bits are compared.
const SAMPLES: u32 = 2;

/// The outputs of every row on an image of `target` that is built from the model and booted, with its
/// figures; samples and bounds use the noise of `seed`, and each reply is compared with the twin bit by bit.
///
/// # Errors
///
/// Environment errors of toolchain and emulator, and whatever the device answers in place of a
/// posterior.
pub fn device(
    loaded: &Loaded,
    target: &Target,
    firmware: &Path,
    batch: &Batch,
    seed: u64,
) -> Result<TargetOutputs> {
    let folder = temporary()?;
    let models = [compile(&loaded.model, emit, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    let footprint = device.footprint(0)?.infer;
    let mut answer = on_board(&mut device, loaded, batch, seed)?;
    device.finish()?;
    answer.image.code = Some(footprint.code_bytes as usize);
    answer.image.stack = footprint.stack_bytes.map(|bytes| bytes as usize);
    Ok(answer)
}

/// The outputs of every row on a device that has the model selected, as [`device`] gives them, but for the figures of
/// the image.
///
/// # Errors
///
/// Whatever the device answers in place of a posterior.
pub fn on_board<S: Read + Write>(
    device: &mut Device<S>,
    loaded: &Loaded,
    batch: &Batch,
    seed: u64,
) -> Result<TargetOutputs> {
    match loaded.amortized() {
        Some(_) => posteriors(device, loaded, batch, seed),
        None => outputs(device, loaded, batch),
    }
}

/// CRC-32 of what every step writes on `target`, a list for each row of `batch`.
///
/// The image is another than the one that [`device`] measures: checksums cost instructions.
///
/// # Errors
///
/// As [`device`].
pub fn checksums(
    loaded: &Loaded,
    target: &Target,
    firmware: &Path,
    batch: &Batch,
) -> Result<Checksums> {
    let folder = temporary()?;
    let models = [compile(&loaded.model, emit_traced, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    let given = all_given(loaded, batch)?;
    let row = |row: usize| {
        ask(&mut device, loaded, &given, row)?;
        device.trace()
    };
    let checksums = (0..batch.len).map(row).collect::<Result<_>>()?;
    device.finish()?;
    Ok(checksums)
}

/// The inputs of one call of the model, in the device's order, each with all rows of `batch`. An input error
/// where `batch` lacks one.
pub(super) fn all_given(loaded: &Loaded, batch: &Batch) -> Result<Batch> {
    let signature = loaded.model.signature();
    let inputs = signature.call().map(|input| batch.given(&input.name).cloned());
    Ok(Batch { inputs: inputs.collect::<Result<_>>()?, len: batch.len })
}

/// The cost of one inference on a row of `given` ([`all_given`]), whose outputs are dropped, and that of its
/// score where the model has one; the device has the model selected. An error is the device's, with the row.
pub(super) fn ask<S: Read + Write>(
    device: &mut Device<S>,
    loaded: &Loaded,
    given: &Batch,
    row: usize,
) -> Result<(Spent, Option<Spent>)> {
    let spent = match loaded.amortized() {
        Some(_) => device.encode(row as u64, 0, 0, &given.row(row)).map(|answer| {
            let of_score = answer.score.map(|(_, spent)| spent);
            (answer.spent, of_score)
        }),
        None => device.run(row as u64, &given.row(row)).map(|(_, spent)| (spent, None)),
    };
    spent.context(format!("row {row}"))
}

/// A new temporary folder, removed when dropped; an environment error where there can be none.
pub(super) fn temporary() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| {
        Error::environment(format!(
            "cannot make a temporary folder: {error}; set TMPDIR to one that is writable"
        ))
    })
}

/// Writes `model.rs` and `weights.bin`, as `emit` makes them, into `folder`, in place of older ones; gives
/// the model's name and that folder. An error is `emit`'s, or that a file cannot be written.
pub(super) fn compile(
    model: &Model,
    emit: fn(&Model) -> Result<Artifact>,
    folder: &Path,
) -> Result<(String, PathBuf)> {
    let artifact = emit(model)?;
    for (file, bytes) in [("model.rs", artifact.source.as_bytes()), ("weights.bin", &artifact.pack)]
    {
        std::fs::write(folder.join(file), bytes).map_err(|error| {
            Error::environment(format!("cannot write {file}: {error}; make room or set TMPDIR"))
        })?;
    }
    Ok((artifact.budget.model, folder.to_path_buf()))
}

/// Posteriors of all rows by a device with an encoder, each reply compared with the twin: mean, log-variance,
/// samples, score, and without states also bounds and refinements. The first posterior has the clamp hits of
/// all. An error is the twin's or the device's, with the row.
fn posteriors<S: Read + Write>(
    device: &mut Device<S>,
    loaded: &Loaded,
    batch: &Batch,
    seed: u64,
) -> Result<TargetOutputs> {
    let none = || Error::input("the model has no posterior").context(loaded.main.path.display());
    let (encoder, decoder) = loaded.amortized().ok_or_else(none)?;
    let decoder = decoder.filter(|_| encoder.latents.len() == 1);
    let twin = twin_posteriors(loaded, batch)?;
    let samples = posterior::sample(&twin, seed, SAMPLES)?;
    let given = all_given(loaded, batch)?;
    let empty =
        |latent: usize| Posteriors { latent, loc: Vec::new(), log_var: Vec::new(), clamp_hits: 0 };
    let mut found: Vec<Posteriors> = twin.iter().map(|twin| empty(twin.latent)).collect();
    let mut image = ImageFigures { twin_bit_exact: Some(true), ..ImageFigures::default() };
    if encoder.states > 0 {
        device.reset()?;
    }
    let (step, mut hits) = (watch::begin("device", batch.len), 0);
    for row in 0..batch.len {
        let answer = device
            .encode(row as u64, seed, SAMPLES, &given.row(row))
            .context(format!("row {row}"))?;
        let terms = decoder.map(|decoder| score(decoder, &given, &twin[0], row)).transpose()?;
        let exact = is_bit_exact(&answer, &expected(&twin, &samples, terms, seed, row));
        image.agrees(exact);
        image.note(answer.spent, device.is_wired());
        hits += u64::from(answer.clamp_hits);
        append(&mut found, &answer);
        step();
    }
    // A state would have moved on between the calls.
    if let Some(decoder) = decoder.filter(|_| encoder.states == 0) {
        let (compared, exact) = inference::compare(device, decoder, &given, &twin[0], seed)?;
        image.inferences = Some(compared);
        image.agrees(exact);
    }
    // The device counts the hits of all posteriors together.
    image.agrees(hits == twin.iter().map(|twin| twin.clamp_hits).sum::<u64>());
    if let Some(first) = found.first_mut() {
        first.clamp_hits = hits;
    }
    let outputs = raw_heads(loaded, encoder, &found, hits);
    let (decoded, flow) = (Vec::new(), Vec::new());
    Ok(TargetOutputs { outputs, posteriors: found, decoded, flow, log_prob: None, image })
}

/// Appends the row's means and log-variances to `found`, split by the posteriors' numbers of latents; nothing
/// where they do not suffice.
fn append(found: &mut [Posteriors], answer: &DeviceRow) {
    let (mut loc, mut log_var) = (&answer.loc[..], &answer.log_var[..]);
    for posterior in found {
        posterior.loc.extend(loc.split_off(..posterior.latent).unwrap_or_default());
        posterior.log_var.extend(log_var.split_off(..posterior.latent).unwrap_or_default());
    }
}

/// The outputs of the encoder's graph as far as the posteriors of the device give them back: means, and
/// log-variances only where the raw head is a plain `logvar` and nothing was clamped (`hits` is 0). `None`
/// for all others.
fn raw_heads(
    loaded: &Loaded,
    encoder: &Encoder,
    found: &[Posteriors],
    hits: u64,
) -> Vec<Option<Vec<f32>>> {
    let mut raw = vec![None; loaded.main.graph.outputs.len()];
    let heads = loaded.main.heads.iter().zip(&encoder.latents).zip(found);
    for (([mean, spread], latent), found) in heads {
        raw[*mean] = Some(found.loc.clone());
        // The device answers with the log-variance; the raw head is that if nothing was done to it.
        if latent.head == Spread::LogVar && latent.eps == 0.0 && hits == 0 {
            raw[*spread] = Some(found.log_var.clone());
        }
    }
    raw
}

/// The twin's log-likelihood of one row at the mean of `twin`, and its KL divergence from the prior, in nats.
/// The observation is the first input of `given`. An input error where a condition is missing.
fn score(decoder: &Decoder, given: &Batch, twin: &Posteriors, row: usize) -> Result<ElboTerms> {
    let (mean, log_var) = twin.row(row);
    let conditions = decoder.conditions().map(|port| Ok(given.given(&port.name)?.row(row)));
    let conditions: Vec<&[f32]> = conditions.collect::<Result<_>>()?;
    let (_, terms) = infer::score(decoder, given.inputs[0].row(row), &conditions, mean, log_var)?;
    Ok(terms)
}

/// The twin's outputs of a row in the form of a device's, with zeros in place of clamp hits and cost;
/// `samples` are those of all rows, made with the key `seed`.
fn expected(
    twin: &[Posteriors],
    samples: &[Samples],
    terms: Option<ElboTerms>,
    seed: u64,
    row: usize,
) -> DeviceRow {
    let drawn = |number: u32, values: fn(&Samples) -> &[f32]| -> Vec<f32> {
        let parts = twin.iter().zip(samples).map(|(twin, samples)| {
            let at = row * SAMPLES as usize + number as usize;
            &values(samples)[at * twin.latent..][..twin.latent]
        });
        parts.collect::<Vec<_>>().concat()
    };
    let sample = |number: u32| DeviceSample {
        words: Stream::new(seed, row as u64, number).next_block(),
        eps: drawn(number, |samples| &samples.eps),
        z: drawn(number, |samples| &samples.z),
    };
    let (loc, log_var): (Vec<&[f32]>, Vec<&[f32]>) = twin.iter().map(|twin| twin.row(row)).unzip();
    DeviceRow {
        loc: loc.concat(),
        log_var: log_var.concat(),
        samples: (0..SAMPLES).map(sample).collect(),
        score: terms.map(|terms| (terms, Spent::default())),
        clamp_hits: 0,
        spent: Spent::default(),
    }
}

/// Whether two rows agree in every bit of mean, log-variance, words, noise, samples and score; clamp hits and
/// cost do not count.
fn is_bit_exact(a: &DeviceRow, b: &DeviceRow) -> bool {
    let sample = |s: &DeviceSample| (s.words, bits(&s.eps), bits(&s.z));
    let samples = |row: &DeviceRow| row.samples.iter().map(sample).collect::<Vec<_>>();
    let score =
        |row: &DeviceRow| row.score.map(|(terms, _)| bits(&[terms.log_likelihood, terms.kl]));
    bits(&a.loc) == bits(&b.loc)
        && bits(&a.log_var) == bits(&b.log_var)
        && samples(a) == samples(b)
        && score(a) == score(b)
}

/// Outputs of all rows by a device with a flow or a graph without roles, compared with the twin bit by bit.
/// An error is the twin's or the device's, with the row.
fn outputs<S: Read + Write>(
    device: &mut Device<S>,
    loaded: &Loaded,
    batch: &Batch,
) -> Result<TargetOutputs> {
    let plan = loaded.model.graphs.main().plan;
    let twin = run_twin(plan, batch)?;
    let own = all_given(loaded, batch)?;
    let mut found: Vec<Vec<f32>> = vec![Vec::new(); plan.outputs.len()];
    let mut image = ImageFigures::default();
    let mut found_log_prob = density_flow(loaded).map(|_| Vec::new());
    let step = watch::begin("device", batch.len);
    for row in 0..batch.len {
        let joined = own.row(row);
        let (outputs, spent) = device.run(row as u64, &joined).context(format!("row {row}"))?;
        image.note(spent, device.is_wired());
        found.iter_mut().zip(outputs).for_each(|(all, one)| all.extend(one));
        if let Some(values) = &mut found_log_prob {
            values.push(device.log_prob(row as u64, &joined).context(format!("row {row}"))?.0);
        }
        step();
    }
    let exact = found.iter().zip(&twin).all(|(found, twin)| bits(found) == bits(twin));
    let (found, twin) = (of_graph(loaded, found), of_graph(loaded, twin));
    let expected = log_prob(loaded, |at| twin.get(at)?.as_deref());
    let same = found_log_prob.as_deref().map(bits) == expected.as_deref().map(bits);
    image.twin_bit_exact = Some(exact && same);
    Ok(TargetOutputs {
        outputs: found,
        posteriors: Vec::new(),
        decoded: Vec::new(),
        flow: Vec::new(),
        log_prob: found_log_prob,
        image,
    })
}

/// Outputs of a plan in the order of the graph's outputs, `None` for those that the plan lacks: a flow's plan
/// has `z`, then its density, which the roles of the graph's outputs place; any other plan has all outputs.
fn of_graph(loaded: &Loaded, outputs: Vec<Vec<f32>>) -> Vec<Option<Vec<f32>>> {
    if loaded.model.graphs.parts().flow.is_none() {
        return outputs.into_iter().map(Some).collect();
    }
    let [mut z, mut log] = [0, 1].map(|at| outputs.get(at).cloned());
    let roles = loaded.main.output_roles.iter();
    let of_role = |role: &Option<Role>| match role {
        Some(Role::Z) => z.take(),
        Some(Role::LogDet | Role::LogQ) => log.take(),
        _ => None,
    };
    roles.map(of_role).collect()
}

impl ImageFigures {
    /// Sets `twin_bit_exact` to false unless `exact`; stays `None` where it is.
    fn agrees(&mut self, exact: bool) {
        self.twin_bit_exact = self.twin_bit_exact.map(|all| all && exact);
    }

    /// Raises instructions (cycles of a board that is `wired`), seconds and memory to these where they are larger.
    fn note(&mut self, spent: Spent, wired: bool) {
        let Spent { instructions, seconds, stack_bytes, arena_bytes } = spent;
        let counted = if wired { &mut self.cycles } else { &mut self.instructions };
        *counted = (*counted).max(Some(instructions));
        self.seconds = seconds.map(|seconds| seconds.max(self.seconds.unwrap_or(0.0)));
        let measured = self.measured.get_or_insert(PaintedMemory::default());
        measured.stack_bytes = measured.stack_bytes.max(stack_bytes);
        measured.arena_bytes = measured.arena_bytes.max(arena_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row of two latents, with a score.
    fn row() -> DeviceRow {
        let twin = Posteriors {
            latent: 2,
            loc: vec![0.0, 0.0, 0.5, -1.0],
            log_var: vec![0.0, 0.0, -2.0, -0.5],
            clamp_hits: 0,
        };
        let twin = [twin];
        let samples = posterior::sample(&twin, 7, SAMPLES).expect("the stream does not fail");
        let terms = ElboTerms { log_likelihood: -3.0, kl: 1.25 };
        expected(&twin, &samples, Some(terms), 7, 1)
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let flip = |value: &mut f32| *value = f32::from_bits(value.to_bits() ^ 1);
        let flips: [&dyn Fn(&mut DeviceRow); 8] = [
            &|row| flip(&mut row.loc[1]),
            &|row| flip(&mut row.log_var[0]),
            &|row| row.samples[1].words[3] ^= 1,
            &|row| flip(&mut row.samples[0].eps[1]),
            &|row| flip(&mut row.samples[1].z[0]),
            &|row| flip(&mut row.score.as_mut().expect("a score").0.kl),
            &|row| flip(&mut row.score.as_mut().expect("a score").0.log_likelihood),
            &|row| row.score = None,
        ];
        assert!(is_bit_exact(&row(), &row()));
        for (case, flip) in flips.iter().enumerate() {
            let mut other = row();
            flip(&mut other);
            assert!(!is_bit_exact(&row(), &other), "case {case}");
        }
    }

    #[test]
    fn zeros_of_both_signs_differ() {
        let mut other = row();
        other.loc = vec![0.0, -0.0];
        let mut same = other.clone();
        same.loc = vec![0.0, 0.0];
        assert!(!is_bit_exact(&other, &same));
    }
}
