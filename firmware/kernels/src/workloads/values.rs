//! Weights and inputs from a seed: xorshift32 (Marsaglia 2003), as `bench/c/model.c` draws them.

/// The seed of every workload.
pub const SEED: u32 = 0x2545_f491;

/// The generator.
#[derive(Clone, Debug)]
pub struct Values(u32);

impl Values {
    /// Starts from a seed other than zero, which would give zeros only.
    pub fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// The next word; uniform on all words but zero.
    pub fn word(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// The next byte, the high one of a word; uniform on all bytes.
    pub fn byte(&mut self) -> i8 {
        (self.word() as i32 >> 24) as i8
    }

    /// The next number; uniform on [-scale, scale), exact if `scale` is a power of two.
    pub fn float(&mut self, scale: f32) -> f32 {
        (self.word() as i32 >> 8) as f32 * (1.0 / 8_388_608.0) * scale
    }

    /// The scale of weights with so many inputs: a power of two near the root of its reciprocal; 2 for none.
    pub fn scale(inputs: usize) -> f32 {
        core::iter::successors(Some(inputs), |k| Some(k / 4))
            .take_while(|k| *k > 0)
            .fold(2.0, |scale, _| scale / 2.0)
    }
}
