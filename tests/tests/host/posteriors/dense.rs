//! Normals with a dense covariance in f64, by the formulas of textbooks.

use std::f64::consts::PI;

pub type Matrix = Vec<Vec<f64>>;

/// A normal.
#[derive(Clone, Debug)]
pub struct Normal {
    pub loc: Vec<f64>,
    pub covariance: Matrix,
}

impl Normal {
    pub fn standard(dims: usize) -> Self {
        Self::diagonal(vec![0.0; dims], &vec![0.0; dims])
    }

    pub fn diagonal(loc: Vec<f64>, log_var: &[f64]) -> Self {
        let dims = loc.len();
        let value = |i, j| if i == j { f64::exp(log_var[i]) } else { 0.0 };
        Self { loc, covariance: square(dims, value) }
    }

    pub fn log_prob(&self, z: &[f64]) -> f64 {
        let distance = minus(z, &self.loc);
        let (inverse, log_det) = inverted(&self.covariance);
        let square = dot(&distance, &times(&inverse, &distance));
        -0.5 * ((2.0 * PI).ln() * z.len() as f64 + log_det + square)
    }

    pub fn entropy(&self) -> f64 {
        let dims = self.loc.len() as f64;
        0.5 * (dims * (1.0 + (2.0 * PI).ln()) + inverted(&self.covariance).1)
    }

    /// `KL(self || other)`
    pub fn divergence(&self, other: &Self) -> f64 {
        let (inverse, log_det) = inverted(&other.covariance);
        let dims = self.loc.len();
        let trace: f64 = (0..dims).map(|i| dot(&inverse[i], &self.covariance[i])).sum();
        let distance = minus(&self.loc, &other.loc);
        let square = dot(&distance, &times(&inverse, &distance));
        0.5 * (trace + square - dims as f64 + log_det - inverted(&self.covariance).1)
    }
}

pub fn square(dims: usize, value: impl Fn(usize, usize) -> f64) -> Matrix {
    (0..dims).map(|i| (0..dims).map(|j| value(i, j)).collect()).collect()
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn times(matrix: &Matrix, vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Inverse and logarithm of the determinant of a positive definite matrix, by Gauss and Jordan.
pub fn inverted(matrix: &Matrix) -> (Matrix, f64) {
    let dims = matrix.len();
    let mut left = matrix.clone();
    let mut right = square(dims, |i, j| f64::from(u8::from(i == j)));
    let mut log_det = 0.0;
    for pivot in 0..dims {
        let value = left[pivot][pivot];
        assert!(value > 0.0, "positive definite");
        log_det += value.ln();
        for matrix in [&mut left, &mut right] {
            matrix[pivot].iter_mut().for_each(|entry| *entry /= value);
        }
        for row in (0..dims).filter(|row| *row != pivot) {
            let factor = left[row][pivot];
            for matrix in [&mut left, &mut right] {
                let own = matrix[pivot].clone();
                matrix[row].iter_mut().zip(own).for_each(|(entry, own)| *entry -= factor * own);
            }
        }
    }
    (right, log_det)
}

/// The lower triangular `L` of `L L' = matrix`.
pub fn cholesky(matrix: &Matrix) -> Matrix {
    let dims = matrix.len();
    let mut l = square(dims, |_, _| 0.0);
    for i in 0..dims {
        for j in 0..=i {
            let rest = matrix[i][j] - dot(&l[i][..j], &l[j][..j]);
            l[i][j] = if i == j { rest.sqrt() } else { rest / l[j][j] };
        }
    }
    l
}
