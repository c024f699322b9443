//! Philox4x32-10: random words that are a function of a key and a counter, with no state to store.
//!
//! Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011);
//! constants and test vectors of their library Random123. `tests/philox.py` is the same in Python.

use super::{NoiseError, NoiseSource};

const ROUNDS: u32 = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Added to the key after each round: the golden ratio and `sqrt(3) - 1`, as fractions of 2^32.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The block of four words that belongs to `counter` under `key`, after ten rounds.
#[inline]
#[must_use]
pub const fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k0, mut k1]) = (counter, key);
    let mut round = 0;
    while round < ROUNDS {
        let x = MULTIPLIERS[0] as u64 * a as u64;
        let y = MULTIPLIERS[1] as u64 * c as u64;
        a = (y >> 32) as u32 ^ b ^ k0;
        c = (x >> 32) as u32 ^ d ^ k1;
        b = y as u32;
        d = x as u32;
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
        round += 1;
    }
    [a, b, c, d]
}

/// A replayable stream of random words, one per `(key, datapoint, sample)`.
///
/// Block `b` is [`philox4x32`] of the counter `(b, sample, datapoint low, datapoint high)` under
/// the key `(key low, key high)`, where low and high are the halves of a 64-bit number; blocks
/// count from 0. Word `w` of block `b` is word `4 b + w` of the stream. After 2^32 blocks the
/// stream starts again. Two streams under one key share no block.
///
/// The stream is deterministic and predictable: noise for inference, never a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
}

impl Stream {
    /// The stream of draw number `sample` for one datapoint, at its first block.
    ///
    /// ```
    /// use elbow_core::noise::Stream;
    /// assert_eq!(Stream::new(7, 3, 0).next_block(), Stream::new(7, 3, 0).next_block());
    /// assert_ne!(Stream::new(7, 3, 0).next_block(), Stream::new(7, 3, 1).next_block());
    /// ```
    #[must_use]
    pub const fn new(key: u64, datapoint: u64, sample: u32) -> Self {
        Self {
            key: [key as u32, (key >> 32) as u32],
            counter: [0, sample, datapoint as u32, (datapoint >> 32) as u32],
        }
    }

    /// The same stream from block `block` on.
    #[inline]
    pub(super) const fn at_block(mut self, block: u32) -> Self {
        self.counter[0] = block;
        self
    }

    /// The next four words; the stream moves on by one block, and after 2^32 blocks begins again.
    #[inline]
    pub const fn next_block(&mut self) -> [u32; 4] {
        let block = philox4x32(self.counter, self.key);
        self.counter[0] = self.counter[0].wrapping_add(1);
        block
    }
}

impl NoiseSource for Stream {
    /// The next four words; never fails.
    #[inline]
    fn try_next_block(&mut self) -> Result<[u32; 4], NoiseError> {
        Ok(self.next_block())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let ones = u32::MAX;
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, block) in cases {
            assert_eq!(philox4x32(counter, key), block);
        }
    }

    #[test]
    fn a_stream_counts_blocks_and_places_its_words() {
        let mut stream = Stream::new(0x1111_1111_2222_2222, 0x3333_3333_4444_4444, 5);
        stream.next_block();
        let (counter, key) = ([1, 5, 0x4444_4444, 0x3333_3333], [0x2222_2222, 0x1111_1111]);
        assert_eq!(stream.next_block(), philox4x32(counter, key));
    }
}
