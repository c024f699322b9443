//! Chapter 7: what the weights of divergence and entropy do to the latents of a linear model.

use super::Told;
use std::fmt::Write;

/// Variances of the data along the four directions that four latents could explain.
const DATA: [f64; 4] = [10.0, 3.0, 1.5, 0.7];
/// Variance of the decoder's noise.
const NOISE: f64 = 0.5;
/// Weights of the divergence and of the entropy.
const WEIGHTS: [(f64, f64); 6] =
    [(1.0, 0.0), (1.0, 1.0), (1.0, -0.9), (4.0, 0.0), (4.0, 1.0), (4.0, -3.0)];

/// Of every pair of weights: latents in use, their divergence, ELBO and the width of the posteriors.
pub fn tell() -> Told {
    let mut text =
        String::from(" beta  entropy   in use   KL of each latent          loss of ELBO\n");
    let best: f64 = DATA.iter().map(|v| trained(*v, 1.0, 0.0).elbo).sum();
    for (beta, weight) in WEIGHTS {
        let latents = DATA.map(|v| trained(v, beta, weight));
        let used = latents.iter().filter(|latent| latent.slope > 0.01).count();
        let kl: Vec<String> = latents.iter().map(|latent| format!("{:.3}", latent.kl)).collect();
        let loss = best - latents.iter().map(|latent| latent.elbo).sum::<f64>();
        writeln!(text, "{beta:5.1} {weight:8.1} {used:5} of 4   {}  {loss:12.3}", kl.join("  "))?;
    }
    Ok(text)
}

/// A latent after training.
struct Latent {
    /// Of the decoder, `x = slope z + noise`.
    slope: f64,
    kl: f64,
    elbo: f64,
}

/// The slope, among 4,000, with the largest objective on data of variance `v`; the encoder is the best for each.
fn trained(v: f64, beta: f64, weight: f64) -> Latent {
    let slopes = (0..4000).map(|step| f64::from(step) * 0.001);
    let found = slopes.map(|slope| objective(slope, v, beta, weight));
    found.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, latent)| latent).expect("some slopes")
}

/// The objective in the mean over the data, and the latent: its encoder answers N(gain x, width) with the best gain.
fn objective(slope: f64, v: f64, beta: f64, weight: f64) -> (f64, Latent) {
    let precision = beta + slope * slope / NOISE;
    let (gain, width) = (slope / NOISE / precision, (beta + weight) / precision);
    let unexplained = (1.0 - slope * gain).powi(2) * v + slope * slope * width;
    let likelihood = -0.5 * ((std::f64::consts::TAU * NOISE).ln() + unexplained / NOISE);
    let kl = 0.5 * (width + gain * gain * v - 1.0 - width.ln());
    let entropy = 0.5 * (1.0 + (std::f64::consts::TAU * width).ln());
    let latent = Latent { slope, kl, elbo: likelihood - kl };
    (likelihood - beta * kl + weight * entropy, latent)
}
