//! Shapes and values of a case.

use elbow_core::noise::Stream;

/// Most values that a tensor of a case has.
pub const LONGEST: usize = 4096;

/// Numbers of one case.
pub struct Random {
    stream: Stream,
    odd: bool,
}

impl Random {
    /// The numbers of a case. Every third case has odd values: infinities, NaN, subnormal numbers.
    pub fn new(case: u64) -> Self {
        Self { stream: Stream::new(super::SEED, case, 0), odd: case % 3 == 2 }
    }

    /// A random word, the first of the stream's next block.
    fn word(&mut self) -> u32 {
        let [word, ..] = self.stream.next_block();
        word
    }

    /// A whole number from `low` to `high`, both included; `low` must not be above `high`.
    pub fn int(&mut self, low: usize, high: usize) -> usize {
        low + self.word() as usize % (high - low + 1)
    }

    /// Fills `values` with numbers of `[-1, 1)`; in a case with odd values, about one in sixteen is one of
    /// those.
    pub fn fill(&mut self, values: &mut [f32]) {
        for value in values {
            let word = self.word();
            let plain = (word >> 8) as f32 / (1 << 23) as f32 - 1.0;
            *value =
                if self.odd && word.is_multiple_of(16) { odd(word >> 4, plain) } else { plain };
        }
    }
}

/// A value at the edges of the format, chosen by `word`: an infinity, a zero or a subnormal number with the
/// sign of `plain`, NaN, or `plain` at a very small or very large scale.
fn odd(word: u32, plain: f32) -> f32 {
    match word % 8 {
        0 => f32::INFINITY.copysign(plain),
        1 if word & 0x100 == 0 => f32::NAN,
        2 => 0_f32.copysign(plain),
        3 => f32::from_bits(1).copysign(plain),
        4 => plain * f32::MIN_POSITIVE,
        5 => plain * f32::MAX,
        6 => plain * 1e-20,
        _ => plain * 1e20,
    }
}
