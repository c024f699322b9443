//! Linear-Gaussian models, where everything that inference estimates has a closed form.
//!
//! `z ~ N(0, I)`, `x | z ~ N(W z + mu, diag(psi))`: probabilistic principal components where all of
//! `psi` are equal (Tipping and Bishop, 1999), factor analysis otherwise. Closed forms in f64; the
//! model that the code under test decodes is in f32.

use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{Gradient, InferError, LogLikelihood, Posterior};
use nalgebra::{DMatrix, DVector};

/// The model in f64. `X` is the length of `x`, `d` that of `z`.
#[derive(Clone, Debug)]
pub struct LinearGaussian {
    /// `[X, d]`
    pub w: DMatrix<f64>,
    /// `[X]`
    pub mu: DVector<f64>,
    /// Variances of the noise, `[X]`.
    pub psi: DVector<f64>,
}

/// A diagonal normal in f64.
#[derive(Clone, Debug)]
pub struct Diagonal {
    /// Means.
    pub loc: DVector<f64>,
    /// Variances.
    pub var: DVector<f64>,
}

impl LinearGaussian {
    /// With a mean of zero, from the rows of `W` and the variances of the noise.
    pub fn new(w: &[&[f64]], psi: &[f64]) -> Self {
        let w = DMatrix::from_fn(w.len(), w[0].len(), |row, column| w[row][column]);
        let mu = DVector::zeros(psi.len());
        Self { w, mu, psi: DVector::from_column_slice(psi) }
    }

    /// The maximum-likelihood principal components of data with this mean and covariance.
    pub fn principal_components(mean: &DVector<f64>, covariance: &DMatrix<f64>, d: usize) -> Self {
        let eigen = covariance.clone().symmetric_eigen();
        let mut order: Vec<usize> = (0..mean.len()).collect();
        order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
        let rest: Vec<f64> = order[d..].iter().map(|i| eigen.eigenvalues[*i]).collect();
        let noise = rest.iter().sum::<f64>() / rest.len() as f64;
        let w = DMatrix::from_fn(mean.len(), d, |row, column| {
            let scale = (eigen.eigenvalues[order[column]] - noise).sqrt();
            eigen.eigenvectors[(row, order[column])] * scale
        });
        Self { w, mu: mean.clone(), psi: DVector::from_element(mean.len(), noise) }
    }

    /// Number of latents.
    pub fn latents(&self) -> usize {
        self.w.ncols()
    }

    /// `W^T Psi^-1`, `[d, X]`.
    fn weighted(&self) -> DMatrix<f64> {
        let inverse = self.psi.map(|v| 1.0 / v);
        self.w.transpose() * DMatrix::from_diagonal(&inverse)
    }

    /// Precision of the posterior, the same for every `x`, where the divergence has weight `beta`.
    pub fn precision(&self, beta: f64) -> DMatrix<f64> {
        let d = self.latents();
        DMatrix::identity(d, d) + self.weighted() * &self.w / beta
    }

    /// The matrix that takes `x - mu` to the posterior's mean, `[d, X]`.
    pub fn encoder(&self, beta: f64) -> DMatrix<f64> {
        inverse(&self.precision(beta)) * self.weighted() / beta
    }

    /// Mean of the posterior.
    pub fn posterior_mean(&self, x: &DVector<f64>) -> DVector<f64> {
        self.encoder(1.0) * (x - &self.mu)
    }

    /// The best diagonal normal for `E_q[ln p(x|z)] - beta KL + entropy_weight H(q)`.
    pub fn best(&self, x: &DVector<f64>, beta: f64, entropy_weight: f64) -> Diagonal {
        let loc = self.encoder(beta) * (x - &self.mu);
        let scaled = (beta + entropy_weight) / beta;
        Diagonal { loc, var: self.precision(beta).diagonal().map(|l| scaled / l) }
    }

    /// `ln p(x)` from the covariance of `x`.
    pub fn evidence(&self, x: &DVector<f64>) -> f64 {
        let covariance = &self.w * self.w.transpose() + DMatrix::from_diagonal(&self.psi);
        let factor = covariance.cholesky().expect("a covariance");
        let residual = x - &self.mu;
        let distance = residual.dot(&factor.solve(&residual));
        -0.5 * (x.len() as f64 * LN_2_PI + ln_det(&factor.l()) + distance)
    }

    /// The evidence lower bound of a diagonal normal.
    pub fn elbo(&self, x: &DVector<f64>, q: &Diagonal) -> f64 {
        let residual = x - &self.mu - &self.w * &q.loc;
        let curvature = self.precision(1.0).diagonal().map(|l| l - 1.0);
        let explained = x.len() as f64 * LN_2_PI
            + self.psi.map(f64::ln).sum()
            + residual.component_div(&self.psi).dot(&residual)
            + curvature.dot(&q.var);
        let d = self.latents() as f64;
        let kl = q.var.sum() + q.loc.norm_squared() - d - q.var.map(f64::ln).sum();
        -0.5 * explained - 0.5 * kl
    }

    /// `KL(q || p(z | x))`, from the posterior's precision.
    pub fn gap(&self, x: &DVector<f64>, q: &Diagonal) -> f64 {
        let precision = self.precision(1.0);
        let distance = &q.loc - self.posterior_mean(x);
        let quadratic = precision.diagonal().dot(&q.var) + distance.dot(&(&precision * &distance));
        let factor = precision.cholesky().expect("a precision");
        let logs = ln_det(&factor.l()) + q.var.map(f64::ln).sum();
        0.5 * (quadratic - self.latents() as f64 - logs)
    }

    /// What no diagonal normal can avoid of [`gap`](Self::gap).
    pub fn approximation_gap(&self) -> f64 {
        let precision = self.precision(1.0);
        let logs = precision.diagonal().map(f64::ln).sum();
        0.5 * (logs - ln_det(&precision.cholesky().expect("a precision").l()))
    }

    /// The decoder of one observation, in f32.
    pub fn decoder(&self, x: &DVector<f64>) -> Decoder {
        let floats = |values: &DMatrix<f64>| values.iter().map(|v| *v as f32).collect();
        let offset = x - &self.mu;
        let constant = self.psi.iter().map(|v| LN_2_PI + v.ln()).sum::<f64>();
        Decoder {
            columns: floats(&self.w),
            offset: offset.iter().map(|v| *v as f32).collect(),
            inverse: self.psi.iter().map(|v| (1.0 / v) as f32).collect(),
            constant,
        }
    }
}

/// `ln(2 pi)`
pub const LN_2_PI: f64 = 1.837_877_066_409_345_5;

/// The inverse of a matrix that has one.
fn inverse(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    matrix.clone().try_inverse().expect("a precision")
}

/// `ln |A|` from a triangular factor of `A`.
fn ln_det(factor: &DMatrix<f64>) -> f64 {
    2.0 * factor.diagonal().map(f64::ln).sum()
}

impl Diagonal {
    /// From a posterior in f32.
    pub fn of(q: Posterior<'_>) -> Self {
        let loc = DVector::from_iterator(q.loc.len(), q.loc.iter().map(|v| f64::from(*v)));
        let vars = q.log_var.iter().map(|v| f64::from(*v).exp());
        Self { loc, var: DVector::from_iterator(q.log_var.len(), vars) }
    }

    /// Means and log-variances in f32.
    pub fn floats(&self) -> (Vec<f32>, Vec<f32>) {
        let loc = self.loc.iter().map(|v| *v as f32).collect();
        (loc, self.var.iter().map(|v| v.ln() as f32).collect())
    }

    /// The same with a fixed number of latents.
    pub fn normal<const D: usize>(&self) -> DiagNormal<D> {
        let (loc, log_var) = self.floats();
        let fixed = |values: Vec<f32>| values.try_into().expect("D latents");
        DiagNormal { loc: fixed(loc), log_var: fixed(log_var) }
    }
}

/// `ln p(x | z)` of one observation and its gradient: products and residuals in f32, their sum in f64.
#[derive(Clone, Debug)]
pub struct Decoder {
    /// `W`, column after column.
    columns: Vec<f32>,
    /// `x - mu`
    offset: Vec<f32>,
    /// `1 / psi`
    inverse: Vec<f32>,
    /// `X ln(2 pi) + ln |Psi|`
    constant: f64,
}

impl Decoder {
    fn residual(&self, z: &[f32]) -> Vec<f32> {
        let columns = self.columns.chunks_exact(self.offset.len());
        columns.zip(z).fold(self.offset.clone(), |mut residual, (column, z)| {
            residual.iter_mut().zip(column).for_each(|(r, w)| *r -= w * z);
            residual
        })
    }

    fn log_prob(&self, residual: &[f32]) -> f32 {
        let squares = residual.iter().zip(&self.inverse).map(|(r, v)| f64::from(r * r * v));
        (-0.5 * (self.constant + squares.sum::<f64>())) as f32
    }
}

impl LogLikelihood for Decoder {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        Ok(self.log_prob(&self.residual(z)))
    }
}

impl Gradient for Decoder {
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        let residual = self.residual(z);
        for (grad, column) in grad.iter_mut().zip(self.columns.chunks_exact(residual.len())) {
            let terms = residual.iter().zip(column).zip(&self.inverse);
            *grad = terms.map(|((r, w), v)| f64::from(r * v * w)).sum::<f64>() as f32;
        }
        Ok(self.log_prob(&residual))
    }
}
