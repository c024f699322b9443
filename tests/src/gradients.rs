//! Decoders of the trained models, with the plans of their gradients.

use crate::fixtures::{Rows, path, rows};
use elbow::import::Options;
use elbow::ir::Graph;
use elbow::lower::Plan;
use elbow::model::{Decoder, Loaded};

/// A decoder of the repository, with rows of observations and latents.
#[derive(Clone, Debug)]
pub struct Trained {
    /// Of its model.
    pub name: &'static str,
    /// The decoder.
    pub decoder: Decoder,
    /// Of its gradient.
    pub plan: Plan,
    /// Of the decoder, its outputs in the order of the roles.
    pub graph: Graph,
    /// Observations.
    pub xs: Rows,
    /// Latents.
    pub zs: Rows,
}

/// All of them.
///
/// # Panics
///
/// A model cannot be read, or has no gradient.
pub fn trained() -> Vec<Trained> {
    let load = |name| {
        let folder = path("models").join(name);
        let loaded = Loaded::read(&folder, None, &Options::default()).expect("it loads");
        let decoder = loaded.amortized().and_then(|(_, decoder)| decoder).expect("it decodes");
        let source = loaded.decoder.as_ref().expect("it decodes");
        Trained {
            name,
            decoder: decoder.clone(),
            plan: decoder.gradient(source).expect("it has a gradient"),
            graph: source.arranged(),
            xs: rows(&folder.join("test.npy")),
            zs: rows(&folder.join("golden/decoder.z.npy")),
        }
    };
    ["digits", "imu", "digits_gaussian", "digits_conv"].map(load).into()
}
