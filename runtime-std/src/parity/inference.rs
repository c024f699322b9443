//! What a device infers with its decoder, held against the twin.

use super::bits::bits;
use crate::device::{Device, DeviceInferred};
use crate::error::{Context, Result};
use crate::infer::TwinInference;
use crate::model::Decoder;
use crate::posterior::Posteriors;
use crate::rows::{Batch, StreamKey};
use elbow_core::wire::{Inference, Inferred};
use std::io::{Read, Write};

/// Rows whose inference is compared.
const ROWS: usize = 2;
/// What is asked of each: bounds of 16 draws; refinement where the model has it, few steps, since each is
/// as the next.
const TASKS: [(Inference, u32); 4] = [
    (Inference::Elbo, 16),
    (Inference::Iwae, 16),
    (Inference::Refine, 2),
    (Inference::RefinePrior, 2),
];

/// Number of replies of `device` compared with the twin, and whether all are equal in every bit: bounds, and
/// with `[refine]` refinements, of the first [`ROWS`] rows of `given` (the observation first), with the noise
/// of `seed`. `twin` are the twin's posteriors of these rows. The device has the model selected; nothing is
/// compared for a `given` without inputs.
///
/// # Errors
///
/// What the device refuses and the twin does not; a link that fails.
pub(super) fn compare<S: Read + Write>(
    device: &mut Device<S>,
    decoder: &Decoder,
    given: &Batch,
    twin: &Posteriors,
    seed: u64,
) -> Result<(usize, bool)> {
    let Some(x) = given.inputs.first() else { return Ok((0, true)) };
    let mut inference = TwinInference::new(decoder, x, given)?;
    let (mut compared, mut exact) = (0, true);
    for row in 0..given.len.min(ROWS) {
        inference.at(row);
        let stream = StreamKey { seed, row: row as u64 };
        let joined = given.row(row);
        let refined = |task| matches!(task, Inference::Refine | Inference::RefinePrior);
        let asked = TASKS.iter().filter(|(task, _)| decoder.refine.is_some() || !refined(*task));
        for &(task, count) in asked {
            let (mean, log_var) = twin.row(row);
            let (mut loc, mut log_var) = (mean.to_vec(), log_var.to_vec());
            let expected = inference.infer(task, count, stream, &mut loc, &mut log_var);
            let found = device.infer(stream, task, count, &joined);
            let agree = agree(found, expected, &loc, &log_var);
            exact &= agree.context(format!("row {row}"))?;
            compared += 1;
        }
    }
    Ok((compared, exact))
}

/// Whether both answers have the same bits (`loc` and `log_var` are the twin's posterior), or both refuse
/// what is not finite; false where only the twin refuses. Any other error of the device is passed on, also an
/// input error where the twin answers.
fn agree(
    found: Result<DeviceInferred>,
    expected: Result<Inferred>,
    loc: &[f32],
    log_var: &[f32],
) -> Result<bool> {
    match (found, expected) {
        (Ok(found), Ok(expected)) => Ok(is_bit_exact(&found, &expected, loc, log_var)),
        (Ok(_), Err(_)) => Ok(false),
        (Err(error), Err(_)) if error.is_input() => Ok(true),
        (Err(error), _) => Err(error),
    }
}

/// Whether values, `kept_start` and posterior of the device have the twin's bits; `loc` and `log_var` are the
/// twin's posterior.
fn is_bit_exact(found: &DeviceInferred, expected: &Inferred, loc: &[f32], log_var: &[f32]) -> bool {
    bits(&found.found.values) == bits(&expected.values)
        && found.found.kept_start == expected.kept_start
        && bits(&found.loc) == bits(loc)
        && bits(&found.log_var) == bits(log_var)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::device::Spent;

    #[test]
    fn a_refusal_agrees_with_the_twins_and_a_lost_link_with_nothing() {
        let twin = || Err(Error::input("not finite"));
        let of = |found| agree(found, twin(), &[], &[]);
        assert!(of(Err(Error::input("the device refused"))).expect("an answer"));
        let lost = || Err(Error::environment("the device does not answer in time"));
        assert!(of(lost()).expect_err("no answer").to_string().contains("in time"));
        let answer = Inferred { values: [0.5, 0.25], kept_start: false };
        let found = DeviceInferred {
            found: answer,
            loc: Vec::new(),
            log_var: Vec::new(),
            spent: Spent::default(),
        };
        assert!(!of(Ok(found)).expect("an answer"));
        assert!(agree(lost(), Ok(answer), &[], &[]).is_err());
        assert!(agree(Err(Error::input("the device refused")), Ok(answer), &[], &[]).is_err());
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let expected = Inferred { values: [0.5, 0.25], kept_start: false };
        let (loc, log_var) = ([1.0, -2.0], [0.0, 3.0]);
        let right = DeviceInferred {
            found: expected,
            loc: loc.to_vec(),
            log_var: log_var.to_vec(),
            spent: Spent::default(),
        };
        let flip = |value: &mut f32| *value = f32::from_bits(value.to_bits() ^ 1);
        let flips: [&dyn Fn(&mut DeviceInferred); 5] = [
            &|row| flip(&mut row.found.values[0]),
            &|row| flip(&mut row.found.values[1]),
            &|row| row.found.kept_start = true,
            &|row| flip(&mut row.loc[1]),
            &|row| row.log_var[0] = -0.0,
        ];
        assert!(is_bit_exact(&right, &expected, &loc, &log_var));
        for (case, flip) in flips.iter().enumerate() {
            let mut other = right.clone();
            flip(&mut other);
            assert!(!is_bit_exact(&other, &expected, &loc, &log_var), "case {case}");
        }
    }
}
