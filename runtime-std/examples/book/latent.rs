//! Chapter 1: an image, the posterior of its two latents, and what the decoder makes of draws from it.

use super::digits::{Digits, side_by_side};
use super::{Failure, Told};
use elbow_core::distributions::rsample;
use elbow_core::noise::{Draws, Independent};
use std::fmt::Write;

/// Two images: the second one is the one of the first ten whose encoder is most wrong.
const ROWS: [usize; 2] = [1, 6];

/// Image, image at the posterior's mean, images at two draws.
pub fn tell() -> Told {
    let digits = Digits::first(10)?;
    let mut text = String::new();
    for row in ROWS {
        let q = digits.posterior(row);
        let latents = q.loc.iter().zip(q.log_var);
        let latents = latents.map(|(loc, rho)| format!("{loc:+.2} ± {:.2}", (0.5 * rho).exp()));
        let latents: Vec<String> = latents.collect();
        writeln!(text, "image {row}: z[0] = {}, z[1] = {}", latents[0], latents[1])?;
        writeln!(text, "image      mean       a draw     a draw")?;
        let mut images = vec![digits.batch.row(row), decoded(&digits, row, q.loc)?];
        let mut noise = Independent { key: 0, datapoint: row as u64 };
        for draw in 0..2 {
            let (mut eps, mut z) = ([0.0; 2], [0.0; 2]);
            noise.draw(draw, &mut eps)?;
            rsample(q.loc, q.log_var, &eps, &mut z);
            images.push(decoded(&digits, row, &z)?);
        }
        text += &side_by_side(&images.iter().map(Vec::as_slice).collect::<Vec<_>>());
    }
    Ok(text)
}

/// The decoder's image at `z`: the probability of each pixel to be set.
pub fn decoded(digits: &Digits, row: usize, z: &[f32]) -> Result<Vec<f32>, Failure> {
    let mut likelihood = digits.likelihood()?;
    likelihood.forward().at(row);
    Ok(probabilities(likelihood.forward().decode(z)?).collect())
}

/// The probability of each pixel to be set, by the logits in the decoder's outputs.
pub fn probabilities(outputs: &[Vec<f32>]) -> impl Iterator<Item = f32> {
    outputs[0].iter().map(|logit| 1.0 / (1.0 + (-logit).exp()))
}
