//! The score of latents by a whole decoder on bytes: latents to bytes, the decoder of `elbow_kernels`, its output back to
//! floats, channels first, and ln p of an observation, as a generated module calls them.

use crate::harness::{Work, crc32};
use elbow_core::distributions::Likelihood;
use elbow_core::kernels::integer::{PaddedCopy, dequantize, quantize};
use elbow_kernels::workloads::{Buffers, Decoder, LATENT, Values, Workload, ZEROS};

/// Values of an observation: 9 channels of 64 readings.
const OBSERVED: usize = 9 * 64;
/// Scale and zero point of the output.
const OUTPUT: (f32, i32) = (1.0 / 32.0, 4);
/// Scale of the latents.
const LATENT_SCALE: f32 = 1.0 / 64.0;
const LOG_SCALE: f32 = -0.5;
/// Largest error of ln p relative to its size, against a sum in f64: a term errs by less than `2^-12 (1 + |t|)`.
const TOLERANCE: f64 = 2.5e-4;

/// One value behind the other.
const LATENTS: PaddedCopy = PaddedCopy {
    dims: [1, 1, LATENT],
    from: [0, 0, 1],
    from_start: 0,
    to: [0, 0, 1],
    to_start: 0,
    len: 0,
};

/// From channels last to channels first.
const CHANNELS_FIRST: PaddedCopy = PaddedCopy {
    dims: [1, 64, 9],
    from: [0, 9, 1],
    from_start: 0,
    to: [0, 1, 64],
    to_start: 0,
    len: 0,
};

/// The decoder with latents and an observation.
pub struct Score {
    decoder: Decoder,
    fits: bool,
    z: [f32; LATENT],
    x: [f32; OBSERVED],
    mean: [f32; OBSERVED],
    found: f32,
    scratch: Buffers,
}

impl Score {
    /// Nothing drawn yet.
    pub const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            fits: false,
            z: [0.0; LATENT],
            x: [0.0; OBSERVED],
            mean: [0.0; OBSERVED],
            found: 0.0,
            scratch: [[0; 8192]; 2],
        }
    }
}

impl Work for Score {
    /// Draws and packs the decoder, then latents and observation; notes whether it fits.
    fn prepare(&mut self, values: &mut Values) {
        self.fits = self.decoder.prepare(values).is_some();
        self.z.fill_with(|| values.float(2.0));
        self.x.fill_with(|| values.float(4.0));
    }

    /// The score once.
    #[inline(never)]
    fn run(&mut self) {
        let latents = self.decoder.latents_mut();
        quantize(&self.z, latents, LATENT_SCALE, ZEROS[0], [-128, 127], &LATENTS);
        self.decoder.run();
        let (scale, zero) = OUTPUT;
        dequantize(self.decoder.output(), &mut self.mean, scale, zero, &CHANNELS_FIRST);
        self.found = Likelihood::gaussian(&[LOG_SCALE]).log_prob_in_steps(&self.x, &self.mean);
    }

    /// Whether the decoder fits, its output equals that of plain loops in every value, and ln p the sum in f64.
    fn is_right(&mut self) -> bool {
        let output = self.decoder.output();
        let expected = self.decoder.expected(&mut self.scratch).unwrap_or(&[]);
        let is_equal = output.iter().map(|y| i16::from(*y)).eq(expected.iter().copied());
        let mut truth = 0.0;
        for (channel, x) in self.x.chunks(64).enumerate() {
            for (x, y) in x.iter().zip(expected.iter().skip(channel).step_by(9)) {
                let mean = (f64::from(*y) - f64::from(OUTPUT.1)) * f64::from(OUTPUT.0);
                let t = (f64::from(*x) - mean) / libm::exp(LOG_SCALE.into());
                truth -=
                    0.5 * libm::log(core::f64::consts::TAU) + f64::from(LOG_SCALE) + 0.5 * t * t;
            }
        }
        let error = (f64::from(self.found) - truth).abs();
        self.fits && !expected.is_empty() && is_equal && error <= TOLERANCE * truth.abs()
    }

    /// CRC-32 of ln p as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.found.to_le_bytes().into_iter())
    }
}
