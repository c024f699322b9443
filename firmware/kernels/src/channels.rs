//! Depthwise layers of many channels, by the kernel of this core and by its definition.

use crate::random::Random;
use elbow_core::kernels::integer::{
    self, Depthwise, Requantize, pack_depthwise, packed_depthwise_len, portable,
};

/// Most channels, taps and inputs of a case.
const MOST: [usize; 3] = [40, 9, 40 * 12 * 12];

/// Memory of a case.
#[derive(Debug)]
pub struct Memory {
    x: [i8; MOST[2]],
    weights: [i8; MOST[0] * MOST[1]],
    packed: [i8; MOST[0] * MOST[1]],
    outputs: [[i32; 2]; MOST[0]],
    by_core: [i8; MOST[2]],
    by_definition: [i8; MOST[2]],
}

impl Memory {
    /// All zero: what it holds before a case does not matter.
    pub const fn new() -> Self {
        Self {
            x: [0; MOST[2]],
            weights: [0; MOST[0] * MOST[1]],
            packed: [0; MOST[0] * MOST[1]],
            outputs: [[0; 2]; MOST[0]],
            by_core: [0; MOST[2]],
            by_definition: [0; MOST[2]],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Cases of a full run.
pub const COUNT: u32 = 300;

/// Runs the case of a seed, by the kernel of this core and by its definition: whether both write the same
/// bytes. `None` where the case does not fit `m`, which would be a mistake of the generator. Overwrites `m`.
pub fn run(seed: u32, m: &mut Memory) -> Option<bool> {
    let mut random = Random::new(seed);
    let channels = random.size(14, MOST[0]);
    let kernel = random.choose(&[[3, 3], [1, 5], [1, 1], [2, 4]])?;
    let step = channels.next_multiple_of(4);
    let width = 12 * step;
    let positions = [random.size(1, 4), random.size(1, 4)];
    let zero_point = random.int(-128, 127);
    let low = random.choose(&[-128, zero_point])?;
    let s = Depthwise {
        channels,
        kernel,
        tap_steps: [width, step],
        positions,
        position_steps: [width * random.size(1, 2), step * random.size(1, 2)],
        x_start: step * random.size(0, 1),
        y_start: random.size(0, 3),
        y_steps: [positions[1] * (channels + 1), channels + 1],
        rule: Requantize { zero_point, low, high: 127, shift: random.choose(&[0, 0, 2])? },
    };
    m.x.fill_with(|| random.bits() as i8);
    m.weights.fill_with(|| (random.bits() >> 8) as i8);
    for [bias, multiplier] in &mut m.outputs {
        *bias = random.bits() as i32 >> 14;
        *multiplier = (random.bits() >> random.int(2, 10)) as i32;
    }
    let weights = m.weights.get(..channels * s.taps())?;
    let packed = m.packed.get_mut(..packed_depthwise_len(channels, s.taps()))?;
    pack_depthwise(channels, s.taps(), weights, packed).ok()?;
    m.by_core.fill(77);
    m.by_definition.fill(77);
    integer::depthwise(&m.x, packed, &m.outputs, &mut m.by_core, &s);
    portable::depthwise(&m.x, packed, &m.outputs, &mut m.by_definition, &s);
    Some(m.by_core == m.by_definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_fits_its_memory() {
        let mut memory = Box::new(Memory::new());
        for seed in 1..=COUNT {
            assert_eq!(run(seed, &mut memory), Some(true), "seed {seed}");
        }
    }
}
