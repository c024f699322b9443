//! A rotating machine as a three-axis accelerometer on its bearing feels it, in milli-g at 1 kHz.
//!
//! Every reading is a function of the run's seed, mode and fault, with equal bits on every machine: sines by
//! `libm`, noise by Philox, all else by basic operations in f64.
//!
//! - The shaft turns at 15 Hz (idle) or 25 Hz (load), times `1 + 0.02 u(t)`; `u` wanders with a time constant
//!   of 20 s and a standard deviation of 1 (Ornstein-Uhlenbeck).
//! - Each axis feels the first three harmonics of the rotation by fixed amplitudes and phases, times
//!   `1 + 0.05 v(t)`, `v` like `u`; under load they are stronger by `LOAD_GAIN`. The third axis feels gravity.
//! - White noise, and noise of the flow through a resonance at 180 Hz.
//!
//! Faults, at severity 1: [`Fault::Bearing`] hits a resonance at 310 Hz, 3.58 times a rotation with a slip of
//! 2 %; [`Fault::Imbalance`] adds 0.6 of the first harmonic on the radial axes; [`Fault::Looseness`] adds
//! orders 1/2 and 3/2.

use elbow_core::noise::{Stream, standard_normal};
use std::f64::consts::TAU;

/// Axes of the accelerometer.
pub const AXES: usize = 3;
/// Readings per second.
pub const RATE: f64 = 1000.0;
/// Readings of a window of `models/vibration`, whose windows are disjoint.
pub const WINDOW: usize = 128;

/// First, second and third harmonic of each axis at idle: amplitude in milli-g, phase.
const HARMONICS: [[(f64, f64); 3]; AXES] = [
    [(60.0, 0.0), (22.0, 0.8), (9.0, 2.1)],
    [(45.0, 1.6), (28.0, -0.5), (12.0, 0.4)],
    [(15.0, 0.7), (10.0, 2.6), (18.0, -1.2)],
];
/// What load multiplies the harmonics by.
const LOAD_GAIN: f64 = 1.5;
/// Gravity, on the third axis.
const GRAVITY: f64 = 1000.0;
/// Standard deviation of the white noise.
const WHITE: f64 = 6.0;
/// Kick of the flow's resonance with every reading, at idle and under load, in standard deviations.
const FLOW: [f64; 2] = [1.0, 1.6];
/// Share of the resonances that each axis feels.
const PATH: [f64; AXES] = [1.0, 0.7, 0.4];
/// Hits of a damaged outer ring per rotation, by its geometry.
const HITS: f64 = 3.58;
/// Readings before the first one, after which the flow's resonance no longer remembers that it stood still.
const SETTLING: usize = 100;
/// What a hit adds to the resonance of the bearing.
const HIT: f64 = 45.0;

/// The operating mode, which a controller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 15 Hz.
    Idle,
    /// 25 Hz.
    Load,
}

/// What is wrong with the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A pit in the outer ring of the bearing.
    Bearing,
    /// A mass off the axis.
    Imbalance,
    /// A loose foot.
    Looseness,
}

/// Every fault, with its name in tables.
pub const FAULTS: [(&str, Fault); 3] =
    [("bearing", Fault::Bearing), ("imbalance", Fault::Imbalance), ("looseness", Fault::Looseness)];

/// One recording of the machine: equal values give equal readings.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Chooses all that is random.
    pub seed: u64,
    /// The same throughout.
    pub mode: Mode,
    /// With its severity: 1 as in the head of this file, 0 is none.
    pub fault: Option<(Fault, f64)>,
    /// The first reading that has the fault.
    pub since: usize,
}

/// A healthy run; even seeds idle, odd ones work.
pub fn healthy(seed: u64) -> Run {
    let mode = if seed.is_multiple_of(2) { Mode::Idle } else { Mode::Load };
    Run { seed, mode, fault: None, since: 0 }
}

/// The first window of each of these healthy runs: independent windows of both modes, in raw units, each
/// `[AXES][WINDOW]`.
pub fn independent(seeds: std::ops::Range<u64>) -> Vec<f32> {
    seeds.flat_map(|seed| healthy(seed).windows(1)).collect()
}

impl Run {
    /// The first `count` readings.
    pub fn readings(&self, count: usize) -> Vec<[f32; AXES]> {
        let mut machine = Machine::new(self.seed);
        let sound = Self { fault: None, ..*self };
        for _ in 0..SETTLING {
            machine.next(&sound);
        }
        let now = |reading| if reading < self.since { &sound } else { self };
        (0..count).map(|reading| machine.next(now(reading))).collect()
    }

    /// The first `count` disjoint windows in raw units, each `[AXES][WINDOW]`.
    pub fn windows(&self, count: usize) -> Vec<f32> {
        let readings = self.readings(count * WINDOW);
        let axis = |window: &[[f32; AXES]], axis: usize| -> Vec<f32> {
            window.iter().map(|reading| reading[axis]).collect()
        };
        let windows = readings.chunks_exact(WINDOW);
        windows.flat_map(|own| (0..AXES).flat_map(move |index| axis(own, index))).collect()
    }

    /// How strong this fault is; 0 where it is another or none.
    fn severity(&self, fault: Fault) -> f64 {
        self.fault.filter(|(own, _)| *own == fault).map_or(0.0, |(_, severity)| severity)
    }
}

/// Standard normal numbers, four to a block of words.
struct Noise {
    stream: Stream,
    block: [u32; 4],
    used: usize,
}

impl Noise {
    /// Those of a seed.
    fn new(seed: u64) -> Self {
        Self { stream: Stream::new(seed, 0x7669_6272, 0), block: [0; 4], used: 4 }
    }

    /// The next number.
    fn next(&mut self) -> f64 {
        if self.used == self.block.len() {
            (self.block, self.used) = (self.stream.next_block(), 0);
        }
        self.used += 1;
        f64::from(standard_normal(self.block[self.used - 1]))
    }
}

/// A number that wanders around 0 with a standard deviation of 1 and a time constant of 20 s.
struct Wander(f64);

impl Wander {
    /// Share of the value that one reading takes away.
    const DECAY: f64 = 1.0 / (20.0 * RATE);

    /// The value after one more reading.
    fn step(&mut self, noise: f64) -> f64 {
        // The variance 2 DECAY of a kick, as a constant: sqrt(2 / 20000) = 0.01.
        self.0 += 0.01 * noise - Self::DECAY * self.0;
        self.0
    }
}

/// A damped oscillation that kicks keep alive.
struct Resonance {
    last: [f64; 2],
    factors: [f64; 2],
}

impl Resonance {
    /// At `frequency`, in Hz, falling by the factor `keeps` with each reading.
    fn new(frequency: f64, keeps: f64) -> Self {
        let turn = libm::cos(TAU * frequency / RATE);
        Self { last: [0.0; 2], factors: [2.0 * keeps * turn, -keeps * keeps] }
    }

    /// The value after one more reading with this kick.
    fn step(&mut self, kick: f64) -> f64 {
        let value = self.factors[0] * self.last[0] + self.factors[1] * self.last[1] + kick;
        self.last = [value, self.last[0]];
        value
    }
}

/// What moves.
struct Machine {
    noise: Noise,
    /// In turns, of two rotations, so that order 1/2 has a phase.
    angle: f64,
    speed: Wander,
    strength: Wander,
    flow: Resonance,
    bearing: Resonance,
    /// Turns until the next hit.
    until_hit: f64,
}

impl Machine {
    /// At a random angle of the shaft and of the bearing.
    fn new(seed: u64) -> Self {
        let mut noise = Noise::new(seed);
        let [shaft, cage] = [(); 2].map(|()| 3.0 * noise.next());
        Self {
            angle: shaft - libm::floor(shaft),
            speed: Wander(noise.next()),
            strength: Wander(noise.next()),
            flow: Resonance::new(180.0, 0.9),
            bearing: Resonance::new(310.0, 0.78),
            until_hit: (cage - libm::floor(cage)) / HITS,
            noise,
        }
    }

    /// Turns that the shaft makes in one reading; moves everything on.
    fn turn(&mut self, mode: Mode) -> f64 {
        let frequency = if mode == Mode::Idle { 15.0 } else { 25.0 };
        let turned = frequency / RATE * (1.0 + 0.02 * self.speed.step(self.noise.next()));
        let angle = self.angle + turned / 2.0;
        self.angle = angle - libm::floor(angle);
        turned
    }

    /// What the bearing adds, where it is damaged by `severity`.
    fn hits(&mut self, turned: f64, severity: f64) -> f64 {
        self.until_hit -= turned;
        let hit = self.until_hit <= 0.0;
        if hit {
            self.until_hit += (1.0 + 0.02 * self.noise.next()) / HITS;
        }
        self.bearing.step(if hit { HIT * severity } else { 0.0 })
    }

    /// The next reading.
    fn next(&mut self, run: &Run) -> [f32; AXES] {
        let turned = self.turn(run.mode);
        let gain = if run.mode == Mode::Load { LOAD_GAIN } else { 1.0 };
        let gain = gain * (1.0 + 0.05 * self.strength.step(self.noise.next()));
        let flow = FLOW[usize::from(run.mode == Mode::Load)] * self.noise.next();
        let ringing = self.flow.step(flow) + self.hits(turned, run.severity(Fault::Bearing));
        let half = orders(TAU * self.angle);
        let loose = 25.0 * run.severity(Fault::Looseness) * (half[0].0 + 0.6 * half[2].0);
        let off = 1.0 + 0.6 * run.severity(Fault::Imbalance);
        std::array::from_fn(|axis| {
            let rotation = (0..3).map(|harmonic| {
                let (amplitude, phase) = HARMONICS[axis][harmonic];
                let radial = if harmonic == 0 && axis < 2 { off } else { 1.0 };
                let (sine, cosine) = half[2 * harmonic + 1];
                amplitude * radial * (sine * libm::cos(phase) + cosine * libm::sin(phase))
            });
            let gravity = if axis == 2 { GRAVITY } else { 0.0 };
            let shaken = gain * (rotation.sum::<f64>() + PATH[axis] * loose);
            (gravity + shaken + PATH[axis] * ringing + WHITE * self.noise.next()) as f32
        })
    }
}

/// Sine and cosine of 1 to 6 times the angle.
fn orders(angle: f64) -> [(f64, f64); 6] {
    let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
    let mut last = (0.0, 1.0);
    std::array::from_fn(|_| {
        last = (last.0 * cosine + last.1 * sine, last.1 * cosine - last.0 * sine);
        last
    })
}
