//! A decoder of 64 events, 2-64-64-64 with rectifiers: the calls that a generated module makes, and the
//! same in plain loops of f64.

use elbow_core::distributions::{Likelihood, Parameter};
use elbow_core::infer::{Gradient, InferError, LogLikelihood};
use elbow_core::kernels::{Unary, dense, dense_transposed, slope, unary};
use elbow_kernels::workloads::Values;

/// Latents.
pub const LATENT: usize = 2;
/// Values of every layer.
pub const WIDE: usize = 64;
/// Outputs of a panel of weights.
const PANEL: usize = 4;

/// Weights, an observation, and room for what lies between.
pub struct Decoder {
    first: [f32; LATENT * WIDE],
    others: [[f32; WIDE * WIDE]; 2],
    biases: [[f32; WIDE]; 3],
    x: [f32; WIDE],
    hidden: [[f32; WIDE]; 2],
    back: [[f32; WIDE]; 2],
    /// What the last latent decodes to.
    pub logits: [f32; WIDE],
}

impl Decoder {
    /// Zeros.
    pub const fn new() -> Self {
        let row = [0.0; WIDE];
        Self {
            first: [0.0; LATENT * WIDE],
            others: [[0.0; WIDE * WIDE]; 2],
            biases: [row; 3],
            x: row,
            hidden: [row; 2],
            back: [row; 2],
            logits: row,
        }
    }

    /// Draws weights, biases and an observation of 64 events, 0 or 1, all from `values`.
    pub fn draw(&mut self, values: &mut Values) {
        self.first.fill_with(|| values.float(1.0));
        self.others.as_flattened_mut().fill_with(|| values.float(0.25));
        self.biases.as_flattened_mut().fill_with(|| values.float(0.25));
        self.x.fill_with(|| f32::from(values.float(1.0) > 0.0));
    }

    /// Decodes `z`, of [`LATENT`] values: writes [`logits`](Self::logits), and the hidden layers that a
    /// gradient reads.
    pub fn decode(&mut self, z: &[f32]) {
        let ([second, third], [a, b, c]) = (&self.others, &self.biases);
        let [h, k] = &mut self.hidden;
        dense(z, &self.first, a, h);
        unary(h, Unary::Relu);
        dense(h, second, b, k);
        unary(k, Unary::Relu);
        dense(k, third, c, &mut self.logits);
    }
}

impl LogLikelihood for Decoder {
    /// `ln p(x | z)` of the drawn observation, in nats; decodes `z`. Never an error.
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        self.decode(z);
        Ok(Likelihood::bernoulli_logit().log_prob(&self.x, &self.logits))
    }
}

impl Gradient for Decoder {
    /// `ln p(x | z)`, in nats; writes the gradient with respect to `z` to `grad`, which has [`LATENT`]
    /// values. Decodes `z`, and overwrites the memory of the backward pass. Never an error.
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        self.decode(z);
        let likelihood = Likelihood::bernoulli_logit();
        let ([second, third], [h, k]) = (&self.others, &self.hidden);
        let [a, b] = &mut self.back;
        likelihood.score(&self.x, &self.logits, Parameter::Mean, a);
        dense_transposed(a, third, b, 1);
        slope(b, k, Unary::Relu);
        dense_transposed(b, second, a, 1);
        slope(a, h, Unary::Relu);
        dense_transposed(a, &self.first, grad, 1);
        Ok(likelihood.log_prob(&self.x, &self.logits))
    }
}

/// What the reference finds at one latent.
pub struct Truth {
    /// The logits.
    pub logits: [f64; WIDE],
    /// `ln p(x | z)`
    pub log_likelihood: f64,
    /// Its gradient.
    pub gradient: [f64; LATENT],
}

impl Decoder {
    /// Logits, log-likelihood and its gradient at `z`, forward and backward in f64, a product at a time.
    pub fn truth(&self, z: [f64; LATENT]) -> Truth {
        let [second, third] = &self.others;
        let [a, b, c] = &self.biases;
        let h = layer(&z, &self.first, a).map(|h| h.max(0.0));
        let k = layer(&h, second, b).map(|k| k.max(0.0));
        let logits = layer(&k, third, c);
        let events = || self.x.iter().zip(logits).map(|(x, logit)| (f64::from(*x), logit));
        let log_likelihood =
            events().map(|(x, l)| x * l - l.max(0.0) - libm::log1p(libm::exp(-l.abs()))).sum();
        let mut score = [0.0; WIDE];
        let scores = events().map(|(x, logit)| x - 1.0 / (1.0 + libm::exp(-logit)));
        score.iter_mut().zip(scores).for_each(|(score, own)| *score = own);
        let to_k = rectified(across(&score, third), &k);
        let to_h = rectified(across(&to_k, second), &h);
        Truth { logits, log_likelihood, gradient: across(&to_h, &self.first) }
    }
}

/// The weight from input `from` to output `to` of a layer of so many inputs, whose weights lie in panels.
fn weight(weights: &[f32], inputs: usize, [from, to]: [usize; 2]) -> f64 {
    f64::from(weights[(to / PANEL * inputs + from) * PANEL + to % PANEL])
}

/// The outputs of a dense layer in f64, a product at a time, without an activation; `weights` lie in panels.
pub fn layer<const IN: usize, const OUT: usize>(
    x: &[f64; IN],
    weights: &[f32],
    bias: &[f32; OUT],
) -> [f64; OUT] {
    core::array::from_fn(|to| {
        let products = x.iter().enumerate().map(|(from, x)| x * weight(weights, IN, [from, to]));
        f64::from(bias[to]) + products.sum::<f64>()
    })
}

/// The gradient with respect to the inputs of a dense layer of 64 outputs, from `g`, that with respect to its
/// outputs, in f64: `sum_to g[to] w[to][from]`. `weights` lie in panels.
fn across<const IN: usize>(g: &[f64; WIDE], weights: &[f32]) -> [f64; IN] {
    core::array::from_fn(|from| {
        g.iter().enumerate().map(|(to, g)| g * weight(weights, IN, [from, to])).sum()
    })
}

/// `g` behind a rectifier with the outputs `y`: 0 where `y` is not above 0.
fn rectified(g: [f64; WIDE], y: &[f64; WIDE]) -> [f64; WIDE] {
    core::array::from_fn(|at| if y[at] > 0.0 { g[at] } else { 0.0 })
}
