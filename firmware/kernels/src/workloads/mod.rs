//! Whole inferences whose instructions are counted: PEERS' workloads W1 to W4.
//!
//! | Workload | Layers |
//! |---|---|
//! | [`W1`] | dense 128 to 128, or 640 to 128 |
//! | [`W2`] | dense 640, 4 of 128, 8, 4 of 128, 640: the autoencoder of MLPerf Tiny |
//! | [`W2Wide`] | the same with activations of 16 bits |
//! | [`W3`] | 128 x 6: convolutions k5 s2 16, k5 s2 32, k3 s2 32, dense 64, dense 16 |
//! | [`W4`] | 25 x 5 x 64: depthwise 3 x 3, pointwise to 64 |
//!
//! Each has `prepare` (draws weights and input, packs them: not counted), `run` (one inference, written
//! as generated code is), `output`, and `expected`, which computes the same by plain loops. A `layer`
//! draws its values in the order of the bench's C programs, so that every peer computes the same.

mod layer;
mod w1;
mod w2;
mod w2_wide;
mod w3;
mod w4;

pub use layer::{Layer, Source};
pub use w1::W1;
pub use w2::W2;
pub use w2_wide::W2Wide;
pub use w3::W3;
pub use w4::W4;

/// The bench's generator: xorshift (Marsaglia 2003), from its seed.
#[derive(Clone, Copy, Debug)]
pub struct Words(u32);

impl Words {
    /// From the seed of every workload.
    pub const fn new() -> Self {
        Self(0x2545_f491)
    }

    /// The next word.
    pub fn word(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// The next byte, by its high bits.
    pub fn byte(&mut self) -> i8 {
        (self.word() as i32 >> 24) as i8
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a workload of this type and compares it with plain loops.
    macro_rules! check {
        ($work:ty) => {{
            let mut work = Box::new(<$work>::new());
            let mut buffers = Box::new([[0; 8192]; 2]);
            assert_eq!(work.prepare(), Some(()));
            work.run();
            let expected = work.expected(&mut buffers).expect("layers fit");
            assert!(work.output().iter().map(|y| i16::from(*y)).eq(expected.iter().copied()));
            let [low, high] = [expected.iter().min(), expected.iter().max()];
            println!("{}: {low:?} to {high:?}", stringify!($work));
            assert!(high.expect("outputs") - low.expect("outputs") > 60, "outputs use their range");
        }};
    }

    #[test]
    fn workloads_compute_what_plain_loops_do() {
        check!(W1<128, 16_384, 4096>);
        check!(W1<640, 81_920, 20_480>);
        check!(W2);
        check!(W2Wide);
        check!(W3);
        check!(W4);
    }
}
