//! Kernels against sums written out: bit by bit in the documented order, and in f64 for accuracy.
//!
//! All cases come from one printed seed.

mod along;
mod elementwise;
mod linear;
mod movement;
mod robust;

use elbow_tests::tolerance::summation;

const SEED: u64 = 20;

/// One output of a linear layer: a bias, and products in the order of their addition.
struct Sum {
    bias: f32,
    products: Vec<(f32, f32)>,
}

impl Sum {
    /// Checks a kernel's value: the same bits as in f32, and close to the value in f64.
    fn check(&self, value: f32, case: &str) {
        let exact = self.products.iter().fold(self.bias, |sum, (x, w)| sum + x * w);
        assert_eq!(value.to_bits(), exact.to_bits(), "seed {SEED}, {case}: {value} for {exact}");
        let wide = |sum: f64, term: f64| sum + term;
        let terms = || self.products.iter().map(|(x, w)| f64::from(*x) * f64::from(*w));
        let truth = terms().fold(f64::from(self.bias), wide);
        let size = terms().map(f64::abs).fold(f64::from(self.bias.abs()), wide);
        let error = (f64::from(value) - truth).abs();
        assert!(error <= summation(self.products.len()) * size, "seed {SEED}, {case}: {error:e}");
    }
}
