//! Whole inferences whose instructions are counted: PEERS' workloads W1 to W4.
//!
//! | Workload | Layers |
//! |---|---|
//! | [`W1`] | dense 128 to 128, or 640 to 128 |
//! | [`W2`] | dense 640, 4 of 128, 8, 4 of 128, 640: the autoencoder of MLPerf Tiny |
//! | [`W2Wide`] | the same with activations of 16 bits |
//! | [`W3`] | 128 x 6: convolutions k5 s2 16, k5 s2 32, k3 s2 32, dense 64, dense 16 |
//! | [`W3Wide`] | the same with activations of 16 bits |
//! | [`W4`] | 25 x 5 x 64: depthwise 3 x 3, pointwise to 64 |
//! | [`Transposed`] | 8 x 32: transposed convolutions k4 s2 to 16 x 24, 32 x 16, 64 x 9 |
//! | [`Decoder`] | dense 6 to 32 and 256, and these: a whole decoder |
//! | [`W4Depthwise`], [`W4Pointwise`] | each of its layers alone |
//!
//! `run` of a [`Workload`] is written as generated code is, and is all that is counted. A `layer` draws
//! its [`Values`] in the order of the bench's C programs, so that every peer computes the same.

mod decoder;
mod layer;
mod transposed;
mod values;
mod w1;
mod w2;
mod w2_wide;
mod w3;
mod w3_wide;
mod w4;
mod w4_parts;

pub use decoder::{Decoder, LATENT};
pub use layer::{Layer, Parameters, Source, ZEROS, straight};
pub use transposed::Transposed;
pub use values::{SEED, Values};
pub use w1::W1;
pub use w2::W2;
pub use w2_wide::W2Wide;
pub use w3::W3;
pub use w3_wide::W3Wide;
pub use w4::W4;
pub use w4_parts::{W4Depthwise, W4Pointwise};

/// Scratch of [`Workload::expected`].
pub type Buffers = [[i16; 8192]; 2];

/// A whole inference with fixed values.
pub trait Workload {
    /// What its output is made of.
    type Value: Copy + Into<i16>;

    /// Draws weights and input, and packs them; `None` where they do not fit, after which [`run`](Self::run)
    /// is of no use.
    fn prepare(&mut self, values: &mut Values) -> Option<()>;

    /// One inference on what [`prepare`](Self::prepare) drew; every one does the same.
    fn run(&mut self);

    /// What the last inference wrote; zeros before.
    fn output(&self) -> &[Self::Value];

    /// The output of an inference by plain loops, in one of `buffers`, which are overwritten; `None` where it
    /// does not fit.
    fn expected<'b>(&self, buffers: &'b mut Buffers) -> Option<&'b [i16]>;
}

/// The layers of a workload on bytes, by the name that the bench gives it; `None` for any other name.
pub fn layers(name: &str) -> Option<&'static [Layer]> {
    Some(match name {
        "W1-128" => &W1::<128, 16_384, 4096>::LAYERS,
        "W1-640" => &W1::<640, 81_920, 20_480>::LAYERS,
        "W2" => &w2::LAYERS,
        "W3" => &w3::LAYERS,
        "W4" => &w4::LAYERS,
        "W4-depthwise" => &w4::LAYERS[..1],
        "W4-pointwise" => &w4::LAYERS[1..],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a workload and compares it with plain loops.
    fn check<W: Workload>(new: fn() -> W) {
        let mut work = Box::new(new());
        let mut buffers = Box::new([[0; 8192]; 2]);
        assert_eq!(work.prepare(&mut Values::new(SEED)), Some(()));
        work.run();
        let expected = work.expected(&mut buffers).expect("layers fit");
        assert!(work.output().iter().map(|y| (*y).into()).eq(expected.iter().copied()));
        let [low, high] = [expected.iter().min(), expected.iter().max()];
        println!("{}: {low:?} to {high:?}", std::any::type_name::<W>());
        assert!(high.expect("outputs") - low.expect("outputs") > 60, "outputs use their range");
    }

    #[test]
    fn workloads_compute_what_plain_loops_do() {
        check(W1::<128, 16_384, 4096>::new);
        check(W1::<640, 81_920, 20_480>::new);
        check(W2::new);
        check(W2Wide::new);
        check(W3::new);
        check(W3Wide::new);
        check(W4::new);
        check(Transposed::new);
        check(Decoder::new);
        check(W4Depthwise::new);
        check(W4Pointwise::new);
    }
}
