//! The first test images of `models/digits`, their posteriors, and the decoder that inference asks.

use super::Failure;
use elbow::infer::{TwinGradient, TwinLikelihood};
use elbow::lower::Plan;
use elbow::model::Loaded;
use elbow::npy;
use elbow::posterior::{Posteriors, twin_posteriors};
use elbow::rows::{Batch, Rows};
use elbow_core::infer::{LogLikelihood, Posterior, Scratch, elbo};
use elbow_core::noise::{Antithetic, Hadamard, Radius};

/// Images with what the encoder says of them.
pub struct Digits {
    pub loaded: Loaded,
    pub batch: Batch,
    pub posteriors: Posteriors,
    gradient: Plan,
}

impl Digits {
    /// The first `rows` test images.
    pub fn first(rows: usize) -> Result<Self, Failure> {
        let folder = elbow_tests::fixtures::path("models/digits");
        let loaded = Loaded::read(&folder, None, &Default::default())?;
        let values = npy::read_rows(&folder.join("test.npy"), &[64])?.values;
        let images = Rows { name: "x".into(), shape: vec![1, 64], values };
        let batch = Batch::from(images).first(rows);
        let posteriors = twin_posteriors(&loaded, &batch)?.remove(0);
        let (_, decoder) = loaded.amortized().ok_or("no encoder")?;
        let source = loaded.decoder.as_ref().ok_or("no decoder")?;
        let gradient = decoder.ok_or("no decoder")?.gradient(source)?;
        Ok(Self { loaded, batch, posteriors, gradient })
    }

    /// The decoder's likelihood of the images, with its gradient.
    pub fn likelihood(&self) -> Result<TwinGradient<'_>, Failure> {
        let (_, decoder) = self.loaded.amortized().ok_or("no encoder")?;
        let decoder = decoder.ok_or("no decoder")?;
        let forward = TwinLikelihood::new(decoder, &self.batch.inputs[0], &self.batch)?;
        Ok(TwinGradient::new(forward, &self.gradient))
    }

    /// The encoder's posterior of an image.
    pub fn posterior(&self, row: usize) -> Posterior<'_> {
        let (loc, log_var) = self.posteriors.row(row);
        Posterior { loc, log_var }
    }
}

/// The ELBO by 512 draws, the same for every posterior.
pub fn bound(likelihood: &mut impl LogLikelihood, q: Posterior<'_>) -> Result<f64, Failure> {
    let mut noise = Antithetic(Hadamard { key: 1, datapoint: 0, set: 4, radius: Radius::Chi });
    let scratch = Scratch { eps: &mut [0.0; 2], z: &mut [0.0; 2] };
    Ok(f64::from(elbo(likelihood, q, &mut noise, 0..512, scratch)?.elbo()))
}

/// The images side by side: `#` for a value of at least 0.75, `+` for at least 0.25.
pub fn side_by_side(images: &[&[f32]]) -> String {
    let ink =
        |value: &f32| [".", "+", "#"][usize::from(*value >= 0.25) + usize::from(*value >= 0.75)];
    let line = |y: usize| {
        let parts = images.iter().map(|image| image[8 * y..8 * y + 8].iter().map(ink).collect());
        parts.collect::<Vec<String>>().join("   ") + "\n"
    };
    (0..8).map(line).collect()
}
