//! `ln p(x)` of one or two latents: the integral of `p(x | z) N(z; 0, I)` over the plane.
//!
//! Coordinates are the principal axes of the best posterior around its mean, stretched by `sinh`: fine
//! where that posterior lies, and out to where the prior ends. In each cell a product of Gauss-Legendre
//! rules; the cell whose value changes most when it is cut in halves is cut next, until what they still
//! change by is small, all together.

use super::bound::Estimate;
use super::joint::Joint;
use super::normal::Normal;
use elbow_core::infer::{InferError, LogLikelihood};
use nalgebra::{DMatrix, SymmetricEigen};
use std::collections::BinaryHeap;

/// Most latents that an integral is taken over.
pub const MOST_LATENTS: usize = 2;
/// Cells per axis to begin with: even, so that the middle, where the posterior is, is a corner.
const CELLS: usize = 10;
/// Half the width of the plane, in standard deviations of the prior beyond the posterior's mean: what lies
/// outside has less than 1e-18 of the prior's mass.
const REACH: f64 = 9.0;
/// Width of the fine region, in standard deviations of the best posterior.
const FINE: f64 = 2.0;
/// Change of the integral at which it is done, relative, which is the error in nats. Halving a cell
/// makes the error some thirty times less than the change.
const ERROR: f64 = 1e-4;
/// Most values of the integrand, where f32 rounding of a likelihood of many thousand nats is felt
/// before the error is that small.
const MOST: usize = 400_000;

/// Nodes and weights of the five-point Gauss-Legendre rule on [-1, 1].
const RULE: [(f64, f64); 5] = [
    (-0.906_179_845_938_664, 0.236_926_885_056_189_1),
    (-0.538_469_310_105_683, 0.478_628_670_499_366_5),
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683, 0.478_628_670_499_366_5),
    (0.906_179_845_938_664, 0.236_926_885_056_189_1),
];

/// `ln p(x)` in nats; its standard error is an upper estimate of the error that remains. Minus infinity and
/// NaN where the integrand is 0 throughout.
///
/// `q` is the best posterior, of one or two latents.
///
/// # Errors
///
/// The likelihood's.
pub fn quadrature<L: LogLikelihood + ?Sized>(
    likelihood: &mut L,
    q: &Normal,
) -> Result<Estimate, InferError> {
    let mut plane = Plane::around(likelihood, q)?;
    let mut cells = plane.first_cells()?;
    let (mut sum, mut error) = (0.0, 0.0);
    for cell in &cells {
        sum += cell.value;
        error += cell.error;
    }
    while error > ERROR * sum && plane.evaluated < MOST {
        let Some(worst) = cells.pop() else { break };
        sum -= worst.value;
        error -= worst.error;
        for half in worst.halves() {
            let cell = plane.cell(half)?;
            sum += cell.value;
            error += cell.error;
            cells.push(cell);
        }
    }
    // Added up again, from small to large: the running sums carry the roundings of all that was cut.
    let cells = cells.into_sorted_vec();
    let sum: f64 = cells.iter().map(|cell| cell.value).sum();
    let error: f64 = cells.iter().map(|cell| cell.error).sum();
    Ok(Estimate { mean: plane.origin + sum.ln(), se: error / sum })
}

/// The integrand.
struct Plane<'l, L: ?Sized> {
    joint: Joint<'l, L>,
    loc: Vec<f64>,
    /// Principal axes of the posterior, each as long as the fine region is wide.
    axes: Vec<Vec<f64>>,
    /// Coordinates end at `+-stretch` on each axis.
    stretch: Vec<f64>,
    /// What is taken off the logarithm of the integrand: its value at the mean.
    origin: f64,
    evaluated: usize,
}

/// A part of the plane, from its least corner on.
#[derive(Clone, Copy)]
struct Rectangle {
    corner: [f64; 2],
    width: [f64; 2],
}

/// A part of the plane with the integral over it.
struct Cell {
    place: Rectangle,
    value: f64,
    /// By how much the value changes when the cell is cut.
    error: f64,
    /// The axis to cut.
    axis: usize,
}

impl<'l, L: LogLikelihood + ?Sized> Plane<'l, L> {
    /// The plane around the mean of `q`, along the principal axes of its covariance; evaluates the integrand
    /// once, at the mean. `origin` is 0 where the log-density there is not finite. An error is the
    /// likelihood's.
    fn around(likelihood: &'l mut L, q: &Normal) -> Result<Self, InferError> {
        let latent = q.latent();
        let scale = DMatrix::from_row_slice(latent, latent, &q.scale);
        let SymmetricEigen { eigenvectors, eigenvalues } =
            SymmetricEigen::new(&scale * scale.transpose());
        let distance = q.loc.iter().map(|loc| loc * loc).sum::<f64>().sqrt();
        let (mut axes, mut stretch) = (Vec::new(), Vec::new());
        for (k, variance) in eigenvalues.iter().enumerate() {
            let width = FINE * variance.max(f64::MIN_POSITIVE).sqrt();
            axes.push(eigenvectors.column(k).iter().map(|v| v * width).collect());
            stretch.push(((REACH + distance) / width).asinh());
        }
        let mut joint = Joint::new(likelihood, latent);
        let origin = joint.log_joint(&q.loc)?;
        let origin = if origin.is_finite() { origin } else { 0.0 };
        Ok(Self { joint, loc: q.loc.clone(), axes, stretch, origin, evaluated: 0 })
    }

    /// [`CELLS`] even cells per axis that cover the plane, each integrated; largest error first. An error is
    /// the likelihood's.
    fn first_cells(&mut self) -> Result<BinaryHeap<Cell>, InferError> {
        let latent = self.axes.len();
        let width: [f64; 2] =
            std::array::from_fn(|k| self.stretch.get(k).map_or(0.0, |s| 2.0 * s / CELLS as f64));
        let mut cells = BinaryHeap::new();
        for number in 0..CELLS.pow(latent as u32) {
            let at = [number % CELLS, number / CELLS];
            let corner = std::array::from_fn(|k| {
                self.stretch.get(k).map_or(0.0, |stretch| at[k] as f64 * width[k] - stretch)
            });
            cells.push(self.cell(Rectangle { corner, width })?);
        }
        Ok(cells)
    }

    /// The cell at `place`: its value is the sum over its halves along the axis where that differs most from
    /// the rule on the whole, its error that difference. An error is the likelihood's.
    fn cell(&mut self, place: Rectangle) -> Result<Cell, InferError> {
        let whole = self.product(place)?;
        let mut cell = Cell { place, value: whole, error: 0.0, axis: 0 };
        for axis in 0..self.axes.len() {
            let halves = Cell { axis, ..cell }.halves();
            let halved = self.product(halves[0])? + self.product(halves[1])?;
            if axis == 0 || (halved - whole).abs() > cell.error {
                (cell.value, cell.error, cell.axis) = (halved, (halved - whole).abs(), axis);
            }
        }
        Ok(cell)
    }

    /// The integral over a rectangle by the product of five-point rules: 5 evaluations on one axis, 25 on
    /// two. An error is the likelihood's.
    fn product(&mut self, Rectangle { corner, width }: Rectangle) -> Result<f64, InferError> {
        let place = |k: usize, node: f64| corner[k] + 0.5 * width[k] * (1.0 + node);
        let mut sum = 0.0;
        for (node, weight) in RULE {
            if self.axes.len() == 1 {
                sum += weight * 0.5 * width[0] * self.at([place(0, node), 0.0])?;
                continue;
            }
            for (other, factor) in RULE {
                let share = weight * factor * 0.25 * width[0] * width[1];
                sum += share * self.at([place(0, node), place(1, other)])?;
            }
        }
        Ok(sum)
    }

    /// The integrand at the coordinates `t` (the second is ignored on one axis): `p(x, z) / e^origin` times
    /// the Jacobian of `z = loc + sum axis_k sinh t_k`. Counts the evaluation. An error is the likelihood's.
    fn at(&mut self, t: [f64; 2]) -> Result<f64, InferError> {
        self.evaluated += 1;
        let mut z = self.loc.clone();
        let mut jacobian = 1.0;
        for (axis, t) in self.axes.iter().zip(t) {
            let length = axis.iter().map(|v| v * v).sum::<f64>().sqrt();
            jacobian *= length * t.cosh();
            z.iter_mut().zip(axis).for_each(|(z, v)| *z += v * t.sinh());
        }
        Ok((self.joint.log_joint(&z)? - self.origin).exp() * jacobian)
    }
}

impl Cell {
    /// The two halves of the cell's place along its `axis`, lower half first; the cell stays whole.
    fn halves(&self) -> [Rectangle; 2] {
        let mut first = self.place;
        first.width[self.axis] *= 0.5;
        let mut second = first;
        second.corner[self.axis] += first.width[self.axis];
        [first, second]
    }
}

impl PartialEq for Cell {
    /// Whether the errors are equal.
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Cell {}

impl PartialOrd for Cell {
    /// As `cmp`, never `None`.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cell {
    /// The largest error is the greatest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.error.total_cmp(&other.error)
    }
}

/// Points per axis of [`kl_to_posterior`].
const GRID: usize = 241;

/// `KL(q || p(z | x))` in nats by sums over an even grid of 241 points per axis, whose own sum normalizes
/// `p(z | x)`: neither an ELBO nor an estimate of `ln p(x)` is used, so that it can be compared with their
/// difference.
///
/// For one or two latents; `bounds` are the first and last point on each axis, one pair per latent, and have
/// to hold `q` and the posterior. Of smooth densities that vanish there, an even grid leaves no error but
/// that of what is narrower than its step.
///
/// # Errors
///
/// The likelihood's.
pub fn kl_to_posterior<L: LogLikelihood + ?Sized>(
    likelihood: &mut L,
    q: &Normal,
    bounds: &[[f64; 2]],
) -> Result<f64, InferError> {
    let latent = q.latent();
    let mut joint = Joint::new(likelihood, latent);
    let inverse = q.inverse_scale();
    let (mut log_q, mut log_joint) = (Vec::new(), Vec::new());
    for number in 0..GRID.pow(latent as u32) {
        let at = [number % GRID, number / GRID];
        let z = bounds
            .iter()
            .zip(at)
            .map(|([low, high], at)| low + (high - low) * at as f64 / (GRID - 1) as f64);
        let z: Vec<f64> = z.collect();
        let distance: Vec<f64> = z.iter().zip(&q.loc).map(|(z, loc)| z - loc).collect();
        let eps = &inverse * nalgebra::DVector::from_vec(distance);
        log_q.push(q.log_density(eps.as_slice()));
        log_joint.push(joint.log_joint(&z)?);
    }
    let [q, posterior] = [normalized(&log_q), normalized(&log_joint)];
    // A weight of zero adds nothing.
    let terms = q.iter().zip(&posterior).filter(|(q, _)| **q > f64::NEG_INFINITY);
    Ok(terms.map(|(q, p)| q.exp() * (q - p)).sum())
}

/// The logarithms shifted by log-sum-exp so that their exponentials sum to 1; NaN where all are minus
/// infinity.
fn normalized(logarithms: &[f64]) -> Vec<f64> {
    let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logarithms.iter().map(|value| (value - largest).exp()).sum();
    logarithms.iter().map(|value| value - largest - sum.ln()).collect()
}
