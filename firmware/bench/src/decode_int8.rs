//! A whole decoder on bytes: latents to bytes, the decoder of `elbow_kernels`, its output back to floats, channels first,
//! as a generated module calls them.

use crate::harness::{Work, crc32};
use elbow_core::kernels::integer::{PaddedCopy, dequantize, quantize};
use elbow_kernels::workloads::{Buffers, Decoder, LATENT, Values, Workload, ZEROS, straight};

/// Values of an observation: 9 channels of 64 readings.
const OBSERVED: usize = 9 * 64;
/// Scale and zero point of the output.
const OUTPUT: (f32, i32) = (1.0 / 32.0, 4);
/// Scale of the latents.
const LATENT_SCALE: f32 = 1.0 / 64.0;

/// One value behind the other.
const LATENTS: PaddedCopy = straight(LATENT);

/// From channels last to channels first.
const CHANNELS_FIRST: PaddedCopy = PaddedCopy {
    dims: [1, 64, 9],
    from: [0, 9, 1],
    from_start: 0,
    to: [0, 1, 64],
    to_start: 0,
    len: 0,
};

/// The decoder with latents.
pub struct IntegerDecoder {
    decoder: Decoder,
    fits: bool,
    z: [f32; LATENT],
    mean: [f32; OBSERVED],
    scratch: Buffers,
}

impl IntegerDecoder {
    /// Nothing drawn yet.
    pub const fn new() -> Self {
        Self {
            decoder: Decoder::new(),
            fits: false,
            z: [0.0; LATENT],
            mean: [0.0; OBSERVED],
            scratch: [[0; 8192]; 2],
        }
    }
}

impl Work for IntegerDecoder {
    /// Draws and packs the decoder, then latents; notes whether it fits.
    fn prepare(&mut self, values: &mut Values) {
        self.fits = self.decoder.prepare(values).is_some();
        self.z.fill_with(|| values.float(2.0));
    }

    /// The mean once.
    #[inline(never)]
    fn run(&mut self) {
        let latents = self.decoder.latents_mut();
        quantize(&self.z, latents, LATENT_SCALE, ZEROS[0], [-128, 127], &LATENTS);
        self.decoder.run();
        let (scale, zero) = OUTPUT;
        dequantize(self.decoder.output(), &mut self.mean, scale, zero, &CHANNELS_FIRST);
    }

    /// Whether the decoder fits, its output equals that of plain loops in every value, and so does the mean.
    fn is_right(&mut self) -> bool {
        let output = self.decoder.output();
        let expected = self.decoder.expected(&mut self.scratch).unwrap_or(&[]);
        let is_equal = output.iter().map(|y| i16::from(*y)).eq(expected.iter().copied());
        let (scale, zero) = OUTPUT;
        let is_mean = self.mean.chunks(64).enumerate().all(|(channel, mean)| {
            let output = output.iter().skip(channel).step_by(9);
            mean.iter().copied().eq(output.map(|y| (i32::from(*y) - zero) as f32 * scale))
        });
        self.fits && !expected.is_empty() && is_equal && is_mean
    }

    /// CRC-32 of the mean as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.mean.iter().flat_map(|value| value.to_le_bytes()))
    }
}
