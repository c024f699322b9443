//! The exact density of a RealNVP: the calls that a generated module makes, and the same in f64.

use crate::decoder::layer;
use crate::harness::{Work, crc32};
use elbow_core::distributions::standard_log_prob;
use elbow_core::kernels::{
    Along, Binary, BinaryOp, Reduction, Unary, binary, copy, dense, reduce, unary,
};
use elbow_kernels::workloads::Values;

/// Values that stay in a coupling, and values that it moves.
const HALF: usize = 16;
const HIDDEN: usize = 24;
const COUPLINGS: usize = 6;
/// Largest logarithm of a scale.
const REACH: f32 = 2.0;
/// Of `max(1, |value|)`: f32 sums, coupling after coupling.
const TOLERANCE: f64 = 1e-4;

/// `y = y op b` over 16 values of `y`; those of `b` are `stride` apart, 0 repeats one.
const fn over_half(op: BinaryOp, stride: usize) -> Binary {
    let (mut dims, mut strides) = ([1; 6], [0; 6]);
    (dims[5], strides[5]) = (HALF, stride);
    Binary { op, reversed: false, dims, strides }
}

const TIMES_REACH: Binary = over_half(BinaryOp::Mul, 0);
const TIMES: Binary = over_half(BinaryOp::Mul, 1);
const PLUS: Binary = over_half(BinaryOp::Add, 1);
const ALL: Along = Along { outer: 1, len: HALF, inner: 1 };

/// `moved e^s + t`, with `s` and `t` from what stays.
struct Coupling {
    first: [f32; HALF * HIDDEN],
    second: [f32; HIDDEN * HIDDEN],
    /// To the logarithms of the scales, and to the shifts.
    heads: [[f32; HIDDEN * HALF]; 2],
    hidden_biases: [[f32; HIDDEN]; 2],
    head_biases: [[f32; HALF]; 2],
}

impl Coupling {
    const ZERO: Self = Self {
        first: [0.0; HALF * HIDDEN],
        second: [0.0; HIDDEN * HIDDEN],
        heads: [[0.0; HIDDEN * HALF]; 2],
        hidden_biases: [[0.0; HIDDEN]; 2],
        head_biases: [[0.0; HALF]; 2],
    };

    /// Draws all weights and biases from [-1/4, 1/4).
    fn draw(&mut self, values: &mut Values) {
        let Self { first, second, heads, hidden_biases, head_biases } = self;
        let parts = [first.as_mut_slice(), second, heads.as_flattened_mut()];
        for part in parts
            .into_iter()
            .chain([hidden_biases.as_flattened_mut(), head_biases.as_flattened_mut()])
        {
            part.fill_with(|| values.float(0.25));
        }
    }

    /// Moves `moves` in place, by scales and shifts from `stays`; gives the logarithm of the determinant.
    fn run(&self, stays: &[f32; HALF], moves: &mut [f32; HALF]) -> f32 {
        let ([mut h, mut k], [mut s, mut t]) = ([[0.0; HIDDEN]; 2], [[0.0; HALF]; 2]);
        dense(stays, &self.first, &self.hidden_biases[0], &mut h);
        unary(&mut h, Unary::Tanh);
        dense(&h, &self.second, &self.hidden_biases[1], &mut k);
        unary(&mut k, Unary::Tanh);
        dense(&k, &self.heads[0], &self.head_biases[0], &mut s);
        unary(&mut s, Unary::Tanh);
        binary(&mut s, &[REACH], &TIMES_REACH);
        copy(&s, &mut t);
        unary(&mut t, Unary::Exp);
        binary(moves, &t, &TIMES);
        dense(&k, &self.heads[1], &self.head_biases[1], &mut t);
        binary(moves, &t, &PLUS);
        let mut log_det = [0.0];
        reduce(&s, &mut log_det, Reduction::Sum, &ALL);
        log_det[0]
    }

    /// Moves `moves` in place as [`run`](Self::run) does, but in f64, a product at a time; gives the
    /// logarithm of the determinant.
    fn truth(&self, stays: &[f64; HALF], moves: &mut [f64; HALF]) -> f64 {
        let [before, after] = &self.hidden_biases;
        let h = layer(stays, &self.first, before).map(libm::tanh);
        let k = layer(&h, &self.second, after).map(libm::tanh);
        let [s, t] = [0, 1].map(|head| layer(&k, &self.heads[head], &self.head_biases[head]));
        let s = s.map(|s| f64::from(REACH) * libm::tanh(s));
        moves.iter_mut().zip(s.iter().zip(t)).for_each(|(z, (s, t))| *z = *z * libm::exp(*s) + t);
        s.iter().sum()
    }
}

/// A flow and an observation.
pub struct Flow {
    couplings: [Coupling; COUPLINGS],
    x: [[f32; HALF]; 2],
    found: f32,
}

impl Flow {
    /// Zeros, which take no flash.
    pub const fn new() -> Self {
        Self { couplings: [Coupling::ZERO; COUPLINGS], x: [[0.0; HALF]; 2], found: 0.0 }
    }
}

impl Work for Flow {
    /// Draws all weights and the observation.
    fn prepare(&mut self, values: &mut Values) {
        self.couplings.iter_mut().for_each(|coupling| coupling.draw(values));
        self.x.as_flattened_mut().fill_with(|| values.float(2.0));
    }

    /// Computes `ln p(x)` of the observation, in nats, and keeps it.
    #[inline(never)]
    fn run(&mut self) {
        let (mut z, mut log_det) = (self.x, 0.0);
        for coupling in &self.couplings {
            let [stays, moves] = &mut z;
            log_det += coupling.run(stays, moves);
            z.swap(0, 1);
        }
        self.found = standard_log_prob(z.as_flattened()) + log_det;
    }

    /// Whether what the last run kept is `ln p(x)` in f64, but for the tolerance.
    fn is_right(&mut self) -> bool {
        let (mut z, mut truth) = (self.x.map(|half| half.map(f64::from)), 0.0);
        for coupling in &self.couplings {
            let [stays, moves] = &mut z;
            truth += coupling.truth(stays, moves);
            z.swap(0, 1);
        }
        let squares: f64 = z.as_flattened().iter().map(|z| z * z).sum();
        truth -= 0.5 * squares + HALF as f64 * libm::log(core::f64::consts::TAU);
        (f64::from(self.found) - truth).abs() <= TOLERANCE * truth.abs().max(1.0)
    }

    /// CRC-32 of the last `ln p(x)` as little-endian bytes.
    fn check(&self) -> u32 {
        crc32(self.found.to_le_bytes().into_iter())
    }
}
