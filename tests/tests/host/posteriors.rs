//! Posteriors and priors beyond the diagonal normal, against dense matrices in f64 and closed forms.

mod dense;
mod digits;
mod mixtures;

use dense::{Normal, cholesky, dot, inverted, square, times};
use elbow_core::distributions::full_normal::{self, to_factor};
use elbow_core::distributions::low_rank_normal::{self, Scratch};
use elbow_core::distributions::{DiagNormal, FullNormal, Likelihood, LowRankNormal, Spread};
use elbow_tests::random::Random;
use elbow_tests::tolerance::{
    COVARIANCE, COVARIANCE_SAME, ENTROPY, FULL_RANK_GAP, LOG_PROB, LOG_VAR, PUBLISHED,
};

const D: usize = 5;
const R: usize = 2;
const DRAWS: u64 = 1000;

fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

#[track_caller]
fn assert_close(value: f32, truth: f64, tolerance: f64) {
    let error = (f64::from(value) - truth).abs();
    assert!(error <= tolerance, "{value} against {truth}: error {error:e} over {tolerance:e}");
}

fn full(random: &mut Random) -> FullNormal<D> {
    let loc = random.vector(D, -3.0, 3.0).try_into().unwrap();
    let mut factor = [[f32::NAN; D]; D]; // what is not read
    for (i, row) in factor.iter_mut().enumerate() {
        let scale = random.uniform(-3.0, 1.0);
        for value in &mut row[..i] {
            *value = scale.exp() * random.uniform(-1.0, 1.0);
        }
        row[i] = scale;
    }
    FullNormal { loc, factor }
}

fn low_rank(random: &mut Random, low: f32) -> LowRankNormal<D, R> {
    LowRankNormal {
        loc: random.vector(D, -3.0, 3.0).try_into().unwrap(),
        log_var: random.vector(D, low, 2.0).try_into().unwrap(),
        factor: std::array::from_fn(|_| random.vector(R, -2.0, 2.0).try_into().unwrap()),
    }
}

fn diagonal(random: &mut Random) -> DiagNormal<D> {
    let loc = random.vector(D, -3.0, 3.0).try_into().unwrap();
    DiagNormal { loc, log_var: random.vector(D, -3.0, 2.0).try_into().unwrap() }
}

fn dense_of_diagonal(normal: &DiagNormal<D>) -> Normal {
    Normal::diagonal(f64s(&normal.loc), &f64s(&normal.log_var))
}

fn dense_of_full<const N: usize>(normal: &FullNormal<N>) -> Normal {
    let entry = |i: usize, j: usize| match i.cmp(&j) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => f64::from(normal.factor[i][i]).exp(),
        std::cmp::Ordering::Greater => f64::from(normal.factor[i][j]),
    };
    let l = square(N, entry);
    Normal { loc: f64s(&normal.loc), covariance: square(N, |i, j| dot(&l[i], &l[j])) }
}

fn dense_of_low_rank(normal: &LowRankNormal<D, R>) -> Normal {
    let f: Vec<Vec<f64>> = normal.factor.iter().map(|row| f64s(row)).collect();
    let own = |i, j| if i == j { f64::from(normal.log_var[i]).exp() } else { 0.0 };
    let covariance = square(D, |i, j| own(i, j) + dot(&f[i], &f[j]));
    Normal { loc: f64s(&normal.loc), covariance }
}

/// Magnitudes of what a log-density or a divergence consists of.
fn size(value: f64) -> f64 {
    value.abs().max(10.0)
}

#[test]
fn full_normals_equal_dense_ones_in_f64() {
    for case in 0..DRAWS {
        let mut random = Random::new(60, case);
        let (q, p, diagonal) = (full(&mut random), full(&mut random), diagonal(&mut random));
        let (q64, p64) = (dense_of_full(&q), dense_of_full(&p));
        let mut z = [0.0; D];
        q.rsample(&random.normal(D).try_into().unwrap(), &mut z);
        let check = |value, truth| assert_close(value, truth, COVARIANCE * size(truth));
        check(q.log_prob(&z), q64.log_prob(&f64s(&z)));
        check(q.entropy(), q64.entropy());
        check(q.kl_to_standard(), q64.divergence(&Normal::standard(D)));
        check(q.kl_to_diagonal(&diagonal), q64.divergence(&dense_of_diagonal(&diagonal)));
        check(q.kl_divergence(&p), q64.divergence(&p64));
        assert_close(q.kl_divergence(&q), 0.0, COVARIANCE_SAME);
    }
}

#[test]
fn low_rank_normals_equal_dense_ones_in_f64() {
    // The second bound lets the Woodbury identity lose all digits of f32.
    for low in [-3.0, -20.0] {
        for case in 0..DRAWS {
            let mut random = Random::new(61, case);
            let (q, diagonal) = (low_rank(&mut random, low), diagonal(&mut random));
            let q64 = dense_of_low_rank(&q);
            let mut z = [0.0; D];
            let common = random.normal(R).try_into().unwrap();
            q.rsample(&random.normal(D).try_into().unwrap(), &common, &mut z);
            let check = |value, truth| assert_close(value, truth, COVARIANCE * size(truth));
            check(q.entropy(), q64.entropy());
            check(q.kl_to_standard(), q64.divergence(&Normal::standard(D)));
            check(q.kl_to_diagonal(&diagonal), q64.divergence(&dense_of_diagonal(&diagonal)));
            if low > -10.0 {
                // Below, the rounding of `z - loc` is no longer small beside a standard deviation.
                check(q.log_prob(&z), q64.log_prob(&f64s(&z)));
            }
        }
    }
}

#[test]
fn samples_have_the_covariance_that_densities_have() {
    let mut random = Random::new(62, 0);
    let (full, low_rank) = (full(&mut random), low_rank(&mut random, -3.0));
    let unit = |at: usize| -> [f32; D] { std::array::from_fn(|i| f32::from(u8::from(i == at))) };
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for at in 0..D {
        let mut z = [0.0; D];
        full.rsample(&unit(at), &mut z);
        columns.push((0..D).map(|i| f64::from(z[i]) - f64::from(full.loc[i])).collect());
    }
    let covariance = |columns: &[Vec<f64>]| {
        square(D, |i, j| columns.iter().map(|column| column[i] * column[j]).sum())
    };
    let near = |found: dense::Matrix, truth: dense::Matrix| {
        for (found, truth) in found.concat().iter().zip(truth.concat()) {
            assert!((found - truth).abs() < COVARIANCE, "{found} against {truth}");
        }
    };
    near(covariance(&columns), dense_of_full(&full).covariance);

    columns.clear();
    let directions = (0..D).map(|at| (unit(at), [0.0; R]));
    let common = [[1.0, 0.0], [0.0, 1.0]].map(|common| ([0.0; D], common));
    for (eps, common) in directions.chain(common) {
        let mut z = [0.0; D];
        low_rank.rsample(&eps, &common, &mut z);
        columns.push((0..D).map(|i| f64::from(z[i]) - f64::from(low_rank.loc[i])).collect());
    }
    near(covariance(&columns), dense_of_low_rank(&low_rank).covariance);
}

#[test]
fn a_diagonal_normal_is_a_full_one() {
    let mut random = Random::new(63, 0);
    let (q, p) = (diagonal(&mut random), diagonal(&mut random));
    let full = FullNormal::from(&q);
    let z = random.vector(D, -2.0, 2.0).try_into().unwrap();
    assert_close(full.log_prob(&z), q.log_prob(&z).into(), 20.0 * LOG_PROB);
    assert_close(full.entropy(), q.entropy().into(), 5.0 * ENTROPY);
    assert_eq!(full.kl_to_standard(), q.kl_to_standard());
    assert_eq!(full.kl_to_diagonal(&p), q.kl_divergence(&p));
    assert_close(full.kl_divergence(&FullNormal::from(&p)), q.kl_divergence(&p).into(), COVARIANCE);
}

#[test]
fn divergences_next_to_the_prior_are_never_negative() {
    for case in 0..100_000 {
        let mut random = Random::new(64, case);
        let size = 10f32.powf(random.uniform(-8.0, -1.0));
        let mut small = |len: usize| random.vector(len, -size, size);
        let loc: [f32; 3] = small(3).try_into().unwrap();
        let full =
            FullNormal { loc, factor: std::array::from_fn(|_| small(3).try_into().unwrap()) };
        let other =
            FullNormal { loc, factor: std::array::from_fn(|_| small(3).try_into().unwrap()) };
        let p = DiagNormal { loc, log_var: small(3).try_into().unwrap() };
        let low_rank = LowRankNormal::<3, 2> {
            loc: small(3).try_into().unwrap(),
            log_var: small(3).try_into().unwrap(),
            factor: std::array::from_fn(|_| small(2).try_into().unwrap()),
        };
        for kl in [
            full.kl_to_standard(),
            full.kl_to_diagonal(&p),
            full.kl_divergence(&other),
            low_rank.kl_to_standard(),
            low_rank.kl_to_diagonal(&p),
        ] {
            assert!(kl >= 0.0, "{kl:e} in case {case}");
        }
    }
}

#[test]
fn a_cholesky_head_becomes_a_factor() {
    let values = [0.5, 7.0, -0.25, 8.0, 9.0, 1.5];
    let mut factor = [f32::NAN; 9];
    to_factor(&values, Spread::LogSigma, 0.0, 3, &mut factor);
    assert_eq!(factor, [0.5, 0.0, 0.0, 7.0, -0.25, 0.0, 8.0, 9.0, 1.5]);
    let values = [0.5, 7.0, 0.25, 8.0, 9.0, 1.5];
    to_factor(&values, Spread::Sigma, 0.5, 3, &mut factor);
    for (at, scale) in [(0, 1.0f32), (4, 0.75), (8, 2.0)] {
        assert_close(factor[at], scale.ln().into(), LOG_VAR);
    }
    to_factor(&values, Spread::LogVar, 0.0, 3, &mut factor);
    assert_eq!([factor[0], factor[3], factor[4]], [0.25, 7.0, 0.125]);
    to_factor(&values[1..], Spread::LogVar, 0.0, 3, &mut factor);
    assert!(factor.iter().all(|value| value.is_nan()));
}

/// A linear decoder `x = W z` with noise of this variance, and an observation.
struct Linear<const N: usize> {
    w: Vec<Vec<f64>>,
    variance: f64,
    x: Vec<f64>,
}

impl<const N: usize> Linear<N> {
    /// The posterior's precision, its covariance, and its mean.
    fn posterior(&self) -> (dense::Matrix, dense::Matrix, Vec<f64>) {
        let column = |i: usize| -> Vec<f64> { self.w.iter().map(|row| row[i]).collect() };
        let precision = square(N, |i, j| {
            f64::from(u8::from(i == j)) + dot(&column(i), &column(j)) / self.variance
        });
        let covariance = inverted(&precision).0;
        let pull: Vec<f64> = (0..N).map(|i| dot(&column(i), &self.x) / self.variance).collect();
        let mean = times(&covariance, &pull);
        (precision, covariance, mean)
    }

    /// `ln p(x)` by the marginal `N(0, W W' + variance I)`.
    fn evidence(&self) -> f64 {
        let own = |i, j| if i == j { self.variance } else { 0.0 };
        let covariance = square(self.x.len(), |i, j| own(i, j) + dot(&self.w[i], &self.w[j]));
        Normal { loc: vec![0.0; self.x.len()], covariance }.log_prob(&self.x)
    }

    /// The bound of a full-rank `q`, by nothing but what is shipped: the likelihood is quadratic, so that
    /// its mean over `loc +- sqrt(N) L e_i` is its expectation.
    fn elbo(&self, q: &FullNormal<N>) -> f64 {
        let log_scale = [0.5 * self.variance.ln() as f32];
        let likelihood = Likelihood::gaussian(&log_scale);
        let x: Vec<f32> = self.x.iter().map(|x| *x as f32).collect();
        let mut total = 0.0;
        for at in 0..2 * N {
            let step = (N as f32).sqrt() * if at < N { 1.0 } else { -1.0 };
            let mut z = [0.0; N];
            q.rsample(&std::array::from_fn(|i| if i == at % N { step } else { 0.0 }), &mut z);
            let mean: Vec<f32> = self.w.iter().map(|row| dot(row, &f64s(&z)) as f32).collect();
            total += f64::from(likelihood.log_prob(&x, &mean));
        }
        total / (2 * N) as f64 - f64::from(q.kl_to_standard())
    }

    /// Gap of the best full-rank and of the best diagonal posterior, and the latter's by its formula.
    fn gaps(&self) -> [f64; 3] {
        let (precision, covariance, mean) = self.posterior();
        let l = cholesky(&covariance);
        let loc = std::array::from_fn(|i| mean[i] as f32);
        let entry = |i: usize, j: usize| if i == j { l[i][i].ln() } else { l[i][j] };
        let factor = std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j) as f32));
        let log_var = std::array::from_fn(|i| -precision[i][i].ln() as f32);
        let full = FullNormal { loc, factor };
        let diagonal = FullNormal::from(&DiagNormal { loc, log_var });
        let own: f64 = (0..N).map(|i| precision[i][i].ln()).sum();
        let formula = 0.5 * (own - inverted(&precision).1);
        let evidence = self.evidence();
        [evidence - self.elbo(&full), evidence - self.elbo(&diagonal), formula]
    }
}

#[test]
fn full_rank_closes_the_approximation_gap_of_linear_gaussian_models() {
    let w = vec![vec![1.0, 1.0], vec![0.0, 1.0], vec![1.0, 0.0]];
    let golden = Linear::<2> { w, variance: 0.5, x: vec![1.0, -1.0, 0.5] };
    assert!((golden.evidence() - -4.417_927_476_2).abs() < PUBLISHED);
    let [full, diagonal, formula] = golden.gaps();
    assert!((formula - 0.087_176_693_6).abs() < PUBLISHED, "{formula}");
    assert!(
        full.abs() < FULL_RANK_GAP && (diagonal - formula).abs() < FULL_RANK_GAP,
        "{full:e} {diagonal:e}"
    );
    for case in 0..50 {
        let mut random = Random::new(65, case);
        let mut row = || f64s(&random.vector(8, -1.0, 1.0));
        let w: Vec<Vec<f64>> = (0..12).map(|_| row()).collect();
        let model = Linear::<8> { w, variance: 0.5, x: f64s(&random.vector(12, -2.0, 2.0)) };
        let [full, diagonal, formula] = model.gaps();
        assert!(full.abs() < FULL_RANK_GAP, "case {case}: {full:e}");
        assert!(
            (diagonal - formula).abs() < FULL_RANK_GAP,
            "case {case}: {diagonal} against {formula}"
        );
        assert!(formula > 0.1, "a diagonal family has a gap to close");
    }
}

#[test]
fn lengths_that_do_not_fit_give_nan() {
    let (two, four, mut z) = ([0.5; 2], [0.5; 4], [0.0; 2]);
    assert!(full_normal::log_prob(&two, &four[1..], &two, &mut z).is_nan());
    assert!(full_normal::log_prob(&two, &four, &two, &mut z[1..]).is_nan());
    assert!(full_normal::entropy(&four, 3).is_nan());
    assert!(full_normal::kl_to_standard(&two, &four[1..]).is_nan());
    assert!(full_normal::kl_to_diagonal(&two, &four, &two, &four).is_nan());
    assert!(full_normal::kl_divergence(&two, &four, &two, &two, &mut z).is_nan());
    full_normal::rsample(&two, &four, &four, &mut z);
    assert!(z.iter().all(|value| value.is_nan()));

    z = [0.0; 2];
    low_rank_normal::rsample(&two, &two, &four, &two, &[], &mut z);
    assert!(z.iter().all(|value| value.is_nan()));
    let (mut root, mut row, mut right) = ([0.0; 4], [0.0; 2], [0.0; 2]);
    let mut of = |root_len: usize, factor: &[f32], z: &[f32]| {
        let (root, row, right) = (&mut root[..root_len], &mut row[..], &mut right[..]);
        low_rank_normal::log_prob(&two, &two, factor, z, Scratch { root, row, right })
    };
    assert!(of(4, &four, &two).is_finite());
    assert!(of(3, &four, &two).is_nan());
    assert!(of(4, &four[1..], &two).is_nan());
    assert!(of(4, &four, &four).is_nan());
}
