//! Random cases that a printed seed brings back.

use elbow_core::noise::{Stream, fill_standard_normal};

/// Numbers of one case of a test.
pub struct Random(Stream);

impl Random {
    /// The numbers of a case; equal arguments give equal numbers.
    pub fn new(seed: u64, case: u64) -> Self {
        Self(Stream::new(seed, case, 0))
    }

    /// A whole number from `low` to `high`, both included.
    pub fn int(&mut self, low: usize, high: usize) -> usize {
        low + self.0.next_block()[0] as usize % (high - low + 1)
    }

    /// A number of `[low, high)`.
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.0.next_block()[0] >> 8) as f32 / (1 << 24) as f32
    }

    /// Numbers of `[-1, 1)`.
    pub fn values(&mut self, len: usize) -> Vec<f32> {
        self.vector(len, -1.0, 1.0)
    }

    /// Numbers of `[low, high)`.
    pub fn vector(&mut self, len: usize, low: f32, high: f32) -> Vec<f32> {
        (0..len).map(|_| self.uniform(low, high)).collect()
    }

    /// Standard normal numbers.
    pub fn normal(&mut self, len: usize) -> Vec<f32> {
        let mut eps = vec![0.0; len];
        fill_standard_normal(&mut self.0, &mut eps).expect("a counter never fails");
        eps
    }

    /// One of the choices.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.int(0, choices.len() - 1)]
    }
}
