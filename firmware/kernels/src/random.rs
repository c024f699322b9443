//! Numbers that are the same on every machine: xorshift (Marsaglia 2003), fast enough for an emulator.

/// A stream of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Random(u32);

impl Random {
    /// The stream of a seed; any seed will do, though some share a stream.
    pub const fn new(seed: u32) -> Self {
        Self((seed.wrapping_mul(0x9e37_79b9) ^ 0x5bd1_e995) | 1)
    }

    /// The next 32 bits.
    pub const fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// A number of `low..=high`, which are less than 2^16 apart, and `low` is not above `high`.
    pub const fn int(&mut self, low: i32, high: i32) -> i32 {
        low + (((self.bits() >> 16) * (high - low + 1) as u32) >> 16) as i32
    }

    /// A size of `low..=high`, for bounds as in [`int`](Self::int).
    pub const fn size(&mut self, low: usize, high: usize) -> usize {
        self.int(low as i32, high as i32) as usize
    }

    /// One of the choices, each as likely; `None` where there is none.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        choices.get(self.size(0, choices.len().saturating_sub(1))).copied()
    }

    /// A weight: -127 to 127.
    pub const fn weight(&mut self) -> i8 {
        self.int(-127, 127) as i8
    }
}
