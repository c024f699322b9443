//! Standard normal draws with their generator: `fill_standard_normal` from a `Stream`.

use crate::harness::{Work, crc32};
use elbow_core::noise::{Stream, fill_standard_normal};
use elbow_kernels::workloads::Values;

const DRAWS: usize = 1024;
/// Key, datapoint and sample: the stream whose first draws `tests/tests/host/noise.rs` holds frozen.
const STREAM: (u64, u64, u32) = (1, 2, 3);
/// Absolute error of a draw, as its documentation says.
const TOLERANCE: f64 = 5e-7;

/// A buffer of noise.
pub struct Draws {
    eps: [f32; DRAWS],
    /// Whether the last fill failed.
    failed: bool,
}

impl Draws {
    /// Nothing drawn.
    pub const fn new() -> Self {
        Self { eps: [0.0; DRAWS], failed: false }
    }
}

impl Work for Draws {
    /// Does nothing: the draws have no input.
    fn prepare(&mut self, _: &mut Values) {}

    /// Fills the buffer with the first 1,024 draws of the stream.
    #[inline(never)]
    fn run(&mut self) {
        let (key, datapoint, sample) = STREAM;
        let filled = fill_standard_normal(&mut Stream::new(key, datapoint, sample), &mut self.eps);
        self.failed = filled.is_err();
    }

    /// Whether the last fill did not fail, and every draw is that of its word.
    fn is_right(&mut self) -> bool {
        let blocks = (0..).zip(self.eps.chunks(4));
        let mut draws = blocks.flat_map(|(block, eps)| eps.iter().zip(words(block)));
        !self.failed && draws.all(|(eps, word)| is_draw(word, *eps))
    }

    /// CRC-32 of the draws as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.eps.iter().flat_map(|eps| eps.to_le_bytes()))
    }
}

/// Block `block` of the stream: Philox4x32-10 as its paper writes it (Salmon et al., 2011).
fn words(block: u32) -> [u32; 4] {
    let (key, datapoint, sample) = STREAM;
    let halves = |wide: u64| [wide as u32, (wide >> 32) as u32];
    let ([low, high], [mut k0, mut k1]) = (halves(datapoint), halves(key));
    let mut words = [block, sample, low, high];
    for _ in 0..10 {
        let [r0, l0, r1, l1] = words;
        let product = |factor: u32, word: u32| halves(u64::from(factor) * u64::from(word));
        let ([low0, high0], [low1, high1]) = (product(0xd251_1f53, r0), product(0xcd9e_8d57, r1));
        words = [high1 ^ l0 ^ k0, low1, high0 ^ l1 ^ k1, low0];
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
    }
    words
}

/// Whether a draw is `-Phi^-1` of its word's probability, with the sign of its word: `|eps|` has that mass
/// above it but for the tolerance, through the density.
fn is_draw(word: u32, eps: f32) -> bool {
    let negative = word >> 31 == 1;
    let p = f64::from((word << 1) | 1) / f64::from(1u32 << 31) / 4.0;
    let z = f64::from(eps.abs());
    (eps < 0.0) == negative && (upper_tail(z) - p).abs() <= TOLERANCE * density(z)
}

/// The standard normal's density at `x`.
fn density(x: f64) -> f64 {
    const ROOT_OF_2_PI: f64 = 2.506_628_274_631_000_5;
    libm::exp(-0.5 * x * x) / ROOT_OF_2_PI
}

/// The standard normal's mass above `x >= 0`: 1/2 less Taylor's series (Marsaglia, 2004), up to terms of
/// 1e-14.
fn upper_tail(x: f64) -> f64 {
    let (mut sum, mut term, mut k) = (x, x, 1.0);
    while term > 1e-14 {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    0.5 - sum * density(x)
}
