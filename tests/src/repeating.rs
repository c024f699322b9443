//! Noise that is the same in every step of refinement: the trap that fresh noise avoids.

use elbow_core::noise::{Draws, GUARD, Hadamard, NoiseError, STEPS};

/// The noise of the first step in every step, if it is `fixed`; the guard's is fresh.
#[derive(Debug)]
pub struct Repeating {
    /// Fresh noise.
    pub inside: Hadamard,
    /// Whether to repeat it.
    pub fixed: bool,
}

impl Draws for Repeating {
    fn draw(&mut self, sample: u32, eps: &mut [f32]) -> Result<(), NoiseError> {
        let repeated = self.fixed && (STEPS..GUARD).contains(&sample);
        let number = if repeated { STEPS + (sample - STEPS) % self.inside.set } else { sample };
        self.inside.draw(number, eps)
    }
}
