//! Standard normal draws: the inverse CDF, one word per draw, in f32.

use super::normal_table::TABLE;
use super::{NoiseError, NoiseSource};

/// Version of the map from words to normal draws; a change of a single bit would be a new version,
/// since it would change every replay.
pub const NOISE_VERSION: u32 = 1;

const SUBSEGMENT_BITS: u32 = 2;
/// Bits of `t`: few enough for an exact conversion to f32.
const T_BITS: u32 = 25;
const HALF: i32 = 1 << (T_BITS - 1);

/// The draw `z ~ N(0, 1)` that belongs to one random word.
///
/// `z = s * -Phi^-1(p)`, where `s` is -1 if bit 31 of `word` is set and 1 otherwise, and
/// `p = v * 2^-33` in (0, 1/2) with `v = 2 * word + 1 mod 2^32`: the middle of one of 2^31 equal
/// cells. The tail is approximated segment by segment (hierarchical segmentation, Lee, Luk,
/// Villasenor and Cheung, 2003): with `n` leading zeros in `v` and `f = v << n`, the two bits of
/// `f` after its leading one choose one of four subsegments of the octave `n`, the next 25 bits
/// minus 2^24 are `t`, and `|z| = c0 + t (c1 + t (c2 + t (c3 + t c4)))`, rounded after each
/// operation.
///
/// Absolute error at most 5e-7 (half an ulp is 2.4e-7 at `|z| >= 4`), and 2e-7 where `|z| < 2`; the
/// mass beyond 3, 4 and 5 sigma is the ideal one to 2e-4 of it. `|z|` is at most 6.338 (word 0) and
/// at least 2.2e-8. Never NaN or infinite; bit 31 is the sign, and `z` of `word ^ 2^31` is `-z`.
#[inline]
#[must_use]
pub fn standard_normal(word: u32) -> f32 {
    let v = (word << 1) | 1;
    let octave = v.leading_zeros();
    let f = v << octave;
    let subsegment = (f >> (31 - SUBSEGMENT_BITS)) & ((1 << SUBSEGMENT_BITS) - 1);
    let row = ((octave << SUBSEGMENT_BITS) | subsegment) as usize;
    let t = ((f >> (31 - SUBSEGMENT_BITS - T_BITS)) & ((1 << T_BITS) - 1)) as i32 - HALF;
    let [c0, c1, c2, c3, c4] = TABLE[row & (TABLE.len() - 1)];
    let t = t as f32;
    let z = c0 + t * (c1 + t * (c2 + t * (c3 + t * c4)));
    f32::from_bits(z.to_bits() ^ (word & 0x8000_0000))
}

/// Fills `eps` with standard normal draws: element `i` is [`standard_normal`] of word `i` from
/// here.
///
/// Whole blocks of four words are drawn, so that the next fill starts at a new block.
///
/// # Errors
///
/// When the source fails. All of `eps` is zero then, and `z = loc + scale * eps` is the mean.
///
/// ```
/// use elbow_core::noise::{Stream, fill_standard_normal};
/// let mut eps = [0.0; 6];
/// fill_standard_normal(&mut Stream::new(1, 0, 0), &mut eps)?;
/// # Ok::<(), elbow_core::noise::NoiseError>(())
/// ```
pub fn fill_standard_normal<S: NoiseSource + ?Sized>(
    source: &mut S,
    eps: &mut [f32],
) -> Result<(), NoiseError> {
    let filled = try_fill(source, eps);
    if filled.is_err() {
        eps.fill(0.0);
    }
    filled
}

/// [`fill_standard_normal`], except that after an error `eps` keeps the values that were written before it.
#[inline]
fn try_fill<S: NoiseSource + ?Sized>(source: &mut S, eps: &mut [f32]) -> Result<(), NoiseError> {
    for eps in eps.chunks_mut(4) {
        let words = source.try_next_block()?;
        for (eps, word) in eps.iter_mut().zip(words) {
            *eps = standard_normal(word);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::normal_table::CHECKSUM;
    use super::*;

    /// FNV-1a, 64 bits, over little-endian bytes, as in `table.py`.
    fn checksum() -> u64 {
        let bytes = TABLE.iter().flatten().flat_map(|c| c.to_bits().to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
            (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        })
    }

    /// All words of one sign; those of the other are mirrored. `tests/tests/host/noise.rs` counts tails from
    /// the outermost word on and may stop where this says that none follows.
    #[test]
    fn draws_fall_with_their_words_up_to_rounding() {
        let (mut least, mut rise) = (f32::INFINITY, 0.0f32);
        for word in 0..1 << 31 {
            let z = standard_normal(word);
            rise = rise.max(z - least);
            least = least.min(z);
        }
        let twice_the_error = 1e-6;
        assert!(rise > 0.0 && rise <= twice_the_error, "{rise:e}");
    }

    #[test]
    fn the_table_is_the_one_that_version_1_froze() {
        assert_eq!(NOISE_VERSION, 1);
        assert_eq!(CHECKSUM, 0x7f8e_7f93_95cf_a2a4);
        assert_eq!(checksum(), CHECKSUM);
    }
}
