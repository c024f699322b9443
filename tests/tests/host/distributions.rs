//! Distributions against the same formulas in f64, integrals, and closed forms.

use elbow_core::distributions::{
    DiagNormal, Likelihood, Spread, clamp, entropy, kl_divergence, kl_to_standard, log_prob,
    rsample, to_log_var,
};
use elbow_core::infer::{ElboTerms, elbo_at_mean};
use elbow_core::noise::Stream;
use elbow_tests::random::Random;
use elbow_tests::tolerance::{
    ENTROPY, GOLDEN, KL_DIVERGENCE, KL_INTEGRAL, KL_STANDARD, LIKELIHOOD, LOG_PROB, LOG_VAR,
    RSAMPLE, SCALE,
};

const D: usize = 8;
const DRAWS: u64 = 1000;
const INF: f32 = f32::INFINITY;

/// The numbers of one case.
fn random(case: u64) -> Random {
    Random::new(42, case)
}

/// Means in [-3, 3] and log-variances in the range that a device is clamped to.
fn diag_normal(random: &mut Random) -> DiagNormal<D> {
    let loc = random.vector(D, -3.0, 3.0).try_into().unwrap();
    DiagNormal { loc, log_var: random.vector(D, -14.0, 6.0).try_into().unwrap() }
}

fn f64s(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// `KL(N(m, e^r) || N(n, e^s))` of one dimension in f64.
fn kl_f64(m: f64, r: f64, n: f64, s: f64) -> f64 {
    0.5 * (excess_f64(r - s) + (m - n).powi(2) * (-s).exp())
}

/// `e^r - 1 - r`, below 1e-3, where even f64 cancels, from the integral `int_0^r (e^t - 1) dt` by
/// Simpson's rule, whose error is `r^5 / 2880`.
fn excess_f64(r: f64) -> f64 {
    if r.abs() < 1e-3 { r / 6.0 * (4.0 * (0.5 * r).exp_m1() + r.exp_m1()) } else { r.exp_m1() - r }
}

fn kl_f64_of(q: &DiagNormal<D>, p: &DiagNormal<D>) -> f64 {
    let [m, r, n, s] = [&q.loc, &q.log_var, &p.loc, &p.log_var].map(|v| f64s(v));
    (0..D).map(|i| kl_f64(m[i], r[i], n[i], s[i])).sum()
}

/// What `-ln q(z)` of one dimension is the sum of.
fn log_density_parts(z: f64, m: f64, r: f64) -> [f64; 3] {
    [0.5 * (2.0 * std::f64::consts::PI).ln(), 0.5 * r, 0.5 * (z - m).powi(2) * (-r).exp()]
}

fn log_density(z: f64, m: f64, r: f64) -> f64 {
    -log_density_parts(z, m, r).iter().sum::<f64>()
}

#[track_caller]
fn assert_close(value: f32, truth: f64, tolerance: f64) {
    let error = (f64::from(value) - truth).abs();
    assert!(error <= tolerance, "{value} against {truth}: error {error:e} over {tolerance:e}");
}

/// Equal to the sum of `parts`, with an error of at most `tolerance` of their magnitudes.
#[track_caller]
fn assert_sum(value: f32, parts: &[f64], tolerance: f64) {
    let size: f64 = parts.iter().map(|part| part.abs()).sum();
    assert_close(value, parts.iter().sum(), tolerance * size);
}

// Divergences.

/// Relative to the value; a difference of log-variances is rounded at their size.
fn kl_tolerance(q_log_var: &[f32], p_log_var: &[f32]) -> f64 {
    let sizes = q_log_var.iter().chain(p_log_var).map(|log_var| f64::from(log_var.abs()));
    KL_DIVERGENCE * sizes.fold(1.0, f64::max)
}

#[test]
fn divergences_equal_their_formulas_in_f64() {
    for case in 0..DRAWS {
        let mut random = random(case);
        let mut normal = || DiagNormal {
            loc: random.vector(D, -3.0, 3.0).try_into().unwrap(),
            log_var: random.vector(D, -30.0, 30.0).try_into().unwrap(),
        };
        let (q, p): (DiagNormal<D>, DiagNormal<D>) = (normal(), normal());
        let truth = kl_f64_of(&q, &DiagNormal::standard());
        assert_close(q.kl_to_standard(), truth, KL_STANDARD * truth);
        let truth = kl_f64_of(&q, &p);
        assert_close(q.kl_divergence(&p), truth, kl_tolerance(&q.log_var, &p.log_var) * truth);
    }
}

#[test]
fn divergences_of_one_dimension_keep_their_relative_accuracy_down_to_zero() {
    for case in 0..100 * DRAWS {
        let mut random = random(case);
        let size = 10f32.powf(random.uniform(-12.0, 1.4));
        let [m, r, s] = [size.min(3.0), size, size].map(|size| random.uniform(-size, size));
        let [m64, r64, s64] = [m, r, s].map(f64::from);
        let truth = kl_f64(m64, r64, 0.0, 0.0);
        assert_close(kl_to_standard(&[m], &[r]), truth, KL_STANDARD * truth);
        let truth = kl_f64(m64, r64, 0.0, s64);
        let kl = kl_divergence(&[m], &[r], &[0.0], &[s]);
        assert_close(kl, truth, kl_tolerance(&[r], &[s]) * truth);
    }
}

#[test]
fn divergences_are_never_negative() {
    let mut stream = Stream::new(43, 0, 0);
    let mut small = || stream.next_block().map(|word| (word as i32 as f32) * 1e-6 / 2f32.powi(31));
    for _ in 0..250_000 {
        let [a, b, c, d] = small();
        for rho in [a, b, c, d] {
            assert!(kl_to_standard(&[0.0], &[rho]) >= 0.0, "{rho:e}");
        }
        assert!(kl_divergence(&[0.0; 2], &[a, b], &[0.0; 2], &[c, d]) >= 0.0);
    }
}

#[test]
fn a_divergence_is_the_integral_that_defines_it() {
    for case in 0..20 {
        let mut random = random(case);
        let [m, n] = [0; 2].map(|_| random.uniform(-2.0, 2.0));
        let [r, s] = [0; 2].map(|_| random.uniform(-2.0, 2.0));
        let [m64, r64, n64, s64] = [m, r, n, s].map(f64::from);
        let (step, scale) = (1e-2, (0.5 * r64).exp());
        let integral: f64 = (-1200..=1200)
            .map(|i| m64 + f64::from(i) * step * scale)
            .map(|z| {
                let ln_q = log_density(z, m64, r64);
                ln_q.exp() * (ln_q - log_density(z, n64, s64)) * step * scale
            })
            .sum();
        let kl = kl_divergence(&[m], &[r], &[n], &[s]);
        assert_close(kl, integral, KL_INTEGRAL * integral.max(1.0));
    }
}

#[test]
fn divergences_at_the_edges_are_as_documented() {
    for rho in [INF, -INF] {
        assert_eq!(kl_to_standard(&[0.0], &[rho]), INF);
        assert_eq!(kl_divergence(&[0.0], &[rho], &[0.0], &[0.0]), INF);
        assert!(kl_divergence(&[0.0], &[rho], &[0.0], &[rho]).is_nan());
    }
    assert_eq!(kl_to_standard(&[INF, 0.0], &[0.0, 0.0]), INF);
    assert_eq!(kl_to_standard(&[0.0, 0.0], &[200.0, 0.0]), INF);
    assert!(
        kl_to_standard(&[f32::NAN], &[0.0]).is_nan()
            && kl_to_standard(&[0.0], &[f32::NAN]).is_nan()
    );
    assert_eq!(kl_to_standard(&[], &[]), 0.0);
    let q = diag_normal(&mut random(0));
    assert_eq!(q.kl_divergence(&q), 0.0);
    assert_eq!(DiagNormal::<D>::standard().kl_to_standard(), 0.0);
}

// Samples and densities.

#[test]
fn samples_equal_their_formula_in_f64() {
    for case in 0..DRAWS {
        let mut random = random(case);
        let q = diag_normal(&mut random);
        let eps: [f32; D] = random.normal(D).try_into().unwrap();
        let mut z = [0.0; D];
        q.rsample(&eps, &mut z);
        let scales = q.scale();
        for (i, scale) in scales.enumerate() {
            let (loc, eps) = (f64::from(q.loc[i]), f64::from(eps[i]));
            let truth = (0.5 * f64::from(q.log_var[i])).exp();
            assert_close(scale, truth, SCALE * truth);
            let size = loc.abs() + truth * eps.abs();
            assert_close(z[i], loc + truth * eps, RSAMPLE * size);
        }
    }
}

#[test]
fn no_noise_gives_the_mean() {
    let q = diag_normal(&mut random(1));
    let mut z = [1.0; D];
    q.rsample(&[0.0; D], &mut z);
    assert_eq!(z, q.loc);
    rsample(&q.loc, &[-INF; D], &[5.0; D], &mut z);
    assert_eq!(z, q.loc);
    rsample(&[0.0], &[INF], &[-1.0], &mut z[..1]);
    assert_eq!(z[0], -INF);
}

#[test]
fn densities_equal_their_formulas_in_f64() {
    for case in 0..DRAWS {
        let mut random = random(case);
        let q = diag_normal(&mut random);
        let eps: [f32; D] = random.normal(D).try_into().unwrap();
        let mut z = [0.0; D];
        q.rsample(&eps, &mut z);
        let [z64, m, r] = [&z, &q.loc, &q.log_var].map(|v| f64s(v));
        let parts: Vec<f64> =
            (0..D).flat_map(|i| log_density_parts(z64[i], m[i], r[i])).map(|part| -part).collect();
        assert_sum(q.log_prob(&z), &parts, LOG_PROB);
        let constant = 1.0 + (2.0 * std::f64::consts::PI).ln();
        let parts: Vec<f64> = r.iter().flat_map(|r| [0.5 * constant, 0.5 * r]).collect();
        assert_sum(q.entropy(), &parts, ENTROPY);
    }
}

#[test]
fn densities_at_the_edges_are_as_documented() {
    assert_eq!(log_prob(&[0.0], &[INF], &[0.0]), -INF);
    assert!(
        log_prob(&[0.0], &[-INF], &[0.0]).is_nan() && log_prob(&[0.0], &[-INF], &[1.0]).is_nan()
    );
    assert!(log_prob(&[0.0], &[0.0], &[f32::NAN]).is_nan());
    assert_eq!((entropy(&[INF]), entropy(&[-INF, 0.0]), entropy(&[])), (INF, -INF, 0.0));
}

// Linear-Gaussian models (VI.md, section 2.3): x | z ~ N(W z, sigma^2 I).

/// `E_q[ln p(x | z)] - KL(q || N(0, I))`; `loss` is `tr(W' W S) / (2 sigma^2)`.
fn elbo(x: &[f32], w_loc: &[f32], log_scale: f32, loss: f32, q: &[&[f32]; 2]) -> f32 {
    let log_likelihood = Likelihood::gaussian(&[log_scale]).log_prob(x, w_loc) - loss;
    ElboTerms { log_likelihood, kl: kl_to_standard(q[0], q[1]) }.elbo()
}

#[test]
fn the_golden_vectors_of_linear_gaussian_models_come_out() {
    let q: [&[f32]; 2] = [&[0.4], &[0.25f32.ln()]];
    let gap = kl_divergence(q[0], q[1], &[0.5], &[-(6f32.ln())]);
    assert_close(gap, 0.0772674459, GOLDEN);
    let bound = elbo(&[1.0, 1.0], &[0.4, 0.8], 0.0, 0.5 * 5.0 * 0.25, &q);
    assert_close(bound, -3.0610242470, GOLDEN);
    assert_close(bound + gap, -2.9837568010, GOLDEN);

    let log_var = [0.3f32.ln(), 0.2f32.ln()];
    let q: [&[f32]; 2] = [&[0.3, -0.2], &log_var];
    // W m = (m1 + m2, m2, m1); the variance is 1/2, W' W has the diagonal (2, 2).
    let w_loc = [0.1, -0.2, 0.3];
    let bound = elbo(&[1.0, -1.0, 0.5], &w_loc, 0.5 * 0.5f32.ln(), 2.0 * (0.3 + 0.2), &q);
    assert_close(bound, -4.9288001872, GOLDEN);
    let variances = kl_divergence(&[0.0; 2], &log_var, &[0.0; 2], &[-(5f32.ln()); 2]);
    assert_close(variances, 0.0472674459, GOLDEN);
}

// Likelihoods.

const X: usize = 24;

/// What the logarithm of a likelihood is the sum of, in f64.
fn gaussian_parts(x: &[f32], mean: &[f32], log_scale: &[f32]) -> Vec<f64> {
    let inner = x.len() / log_scale.len();
    let log_var = |i: usize| 2.0 * f64::from(log_scale[i / inner]);
    let parts =
        (0..x.len()).flat_map(|i| log_density_parts(x[i].into(), mean[i].into(), log_var(i)));
    parts.map(|part| -part).collect()
}

fn logit_parts(x: &[f32], logits: &[f32]) -> Vec<f64> {
    let terms = f64s(x).into_iter().zip(f64s(logits));
    terms.flat_map(|(x, l)| [x * l - l.max(0.0), -(-l.abs()).exp().ln_1p()]).collect()
}

fn bernoulli_parts(x: &[f32], p: &[f32]) -> Vec<f64> {
    let terms = f64s(x).into_iter().zip(f64s(p));
    terms.flat_map(|(x, p)| [x * p.ln(), (1.0 - x) * (-p).ln_1p()]).collect()
}

#[test]
fn a_gaussian_likelihood_equals_its_formula_in_f64() {
    for case in 0..DRAWS {
        let mut random = random(case);
        let (x, mean) = (random.vector(X, -5.0, 5.0), random.vector(X, -5.0, 5.0));
        for scales in [1, 3, X] {
            let log_scale = random.vector(scales, -7.0, 3.0);
            let value = Likelihood::gaussian(&log_scale).log_prob(&x, &mean);
            assert_sum(value, &gaussian_parts(&x, &mean, &log_scale), LIKELIHOOD);
        }
    }
}

#[test]
fn a_bernoulli_likelihood_equals_its_formula_in_f64() {
    for case in 0..DRAWS {
        let mut random = random(case);
        let size = [1.0, 10.0, 80.0][case as usize % 3];
        let mut logits = random.vector(X, -size, size);
        (logits[0], logits[1]) = (80.0, -80.0);
        let fractions = random.vector(X, 0.0, 1.0);
        let events: Vec<f32> = fractions.iter().map(|x| x.round()).collect();
        for x in [&events, &fractions] {
            let value = Likelihood::bernoulli_logit().log_prob(x, &logits);
            assert_sum(value, &logit_parts(x, &logits), LIKELIHOOD);
        }
        let p = random.vector(X, 1e-6, 0.999);
        let value = Likelihood::bernoulli().log_prob(&fractions, &p);
        assert_sum(value, &bernoulli_parts(&fractions, &p), LIKELIHOOD);
    }
}

#[test]
fn certain_events_cost_nothing_and_impossible_ones_everything() {
    for (likelihood, yes, no) in
        [(Likelihood::bernoulli(), 1.0, 0.0), (Likelihood::bernoulli_logit(), INF, -INF)]
    {
        assert_eq!(likelihood.log_prob(&[1.0, 0.0], &[yes, no]), 0.0);
        assert_eq!(likelihood.log_prob(&[1.0], &[no]), -INF);
        assert_eq!(likelihood.log_prob(&[0.0], &[yes]), -INF);
        assert!(likelihood.log_prob(&[f32::NAN], &[yes]).is_nan());
        assert!(likelihood.log_prob(&[0.0], &[f32::NAN]).is_nan());
        assert_eq!(likelihood.log_prob(&[], &[]), 0.0);
    }
    assert!(Likelihood::bernoulli().log_prob(&[1.0], &[-0.1]).is_nan());
    assert!(Likelihood::bernoulli().log_prob(&[0.0], &[1.1]).is_nan());
}

#[test]
fn lengths_that_do_not_fit_give_nan() {
    let x = [0.0; 6];
    for scales in [0, 4, 5, 7, 12] {
        let log_scale = vec![0.0; scales];
        let value = Likelihood::gaussian(&log_scale).log_prob(&x, &x);
        assert!(value.is_nan(), "{scales} scales");
    }
    assert!(Likelihood::gaussian(&[0.0]).log_prob(&x, &x[1..]).is_nan());
    assert!(Likelihood::bernoulli().log_prob(&x, &x[1..]).is_nan());
}

#[test]
fn the_score_at_the_mean_is_the_likelihood_less_the_divergence() {
    let mut random = random(5);
    let q = diag_normal(&mut random);
    let (x, x_mean) = (random.vector(X, -1.0, 1.0), random.vector(X, -1.0, 1.0));
    let log_scale = random.vector(3, -1.0, 1.0);
    let terms = elbo_at_mean(&Likelihood::gaussian(&log_scale), &x, &x_mean, &q);
    let kl = kl_f64_of(&q, &DiagNormal::standard());
    let mut parts = gaussian_parts(&x, &x_mean, &log_scale);
    assert_sum(terms.log_likelihood, &parts, LIKELIHOOD);
    parts.push(-kl);
    assert_sum(terms.elbo(), &parts, LIKELIHOOD);
}

// Heads.

/// Every head with its log-variance in f64 and the range of its values.
type Head = (Spread, fn(f64, f64) -> f64, [f32; 2]);

const HEADS: [Head; 6] = [
    (Spread::LogVar, |h, eps| (h.exp() + eps).ln(), [-80.0, 80.0]),
    (Spread::LogSigma, |h, eps| 2.0 * (h.exp() + eps).ln(), [-80.0, 80.0]),
    (Spread::Sigma, |h, eps| 2.0 * (h + eps).ln(), [1e-6, 100.0]),
    (Spread::Var, |h, eps| (h + eps).ln(), [1e-6, 100.0]),
    (Spread::SoftplusSigma, |h, eps| 2.0 * (h.exp().ln_1p() + eps).ln(), [-80.0, 80.0]),
    (Spread::SoftplusVar, |h, eps| (h.exp().ln_1p() + eps).ln(), [-80.0, 80.0]),
];

fn log_var_of(h: f32, head: Spread, eps: f32) -> f32 {
    let mut values = [h];
    to_log_var(&mut values, head, eps);
    values[0]
}

#[test]
fn heads_become_log_variances_as_in_f64() {
    let mut random = random(6);
    for (head, log_var, [low, high]) in HEADS {
        for eps in [0.0, 1e-6, 1e-4, 0.1] {
            for _ in 0..4000 {
                let size = random.uniform(0.0, 1.0).powi(3);
                let h = random.uniform(low * size, high * size).max(low);
                let truth = log_var(f64::from(h), f64::from(eps));
                let tolerance = LOG_VAR * truth.abs().max(1.0);
                assert_close(log_var_of(h, head, eps), truth, tolerance);
            }
        }
    }
}

#[test]
fn a_log_variance_without_eps_keeps_every_bit() {
    for bits in [0u32, 0x8000_0000, 0x7fc0_1234, 0xff80_0000, 1, 0x4048_f5c3] {
        let h = f32::from_bits(bits);
        assert_eq!(log_var_of(h, Spread::LogVar, 0.0).to_bits(), bits);
    }
    assert_eq!(log_var_of(-1.5, Spread::LogSigma, 0.0), -3.0);
}

#[test]
fn heads_at_the_edges_are_as_documented() {
    for (head, ..) in HEADS {
        assert!(
            log_var_of(f32::NAN, head, 0.0).is_nan() && log_var_of(f32::NAN, head, 0.1).is_nan()
        );
        assert!(log_var_of(INF, head, 0.0) == INF && log_var_of(INF, head, 0.1) == INF);
    }
    for head in [Spread::LogVar, Spread::LogSigma, Spread::SoftplusSigma, Spread::SoftplusVar] {
        assert_eq!(log_var_of(-INF, head, 0.0), -INF);
        let floor = log_var_of(-INF, head, 0.5);
        assert!(floor.is_finite() && floor == log_var_of(-200.0, head, 0.5));
        assert!(log_var_of(3e38, Spread::LogVar, 0.5).is_finite());
        assert!([-1000.0, -120.0].iter().all(|h| log_var_of(*h, head, 0.0).is_finite()));
    }
    for head in [Spread::Sigma, Spread::Var] {
        assert_eq!(log_var_of(0.0, head, 0.0), -INF);
        assert!(log_var_of(-1.0, head, 0.5).is_nan());
    }
}

#[test]
fn a_clamp_counts_what_it_changed() {
    let mut values = [-20.0, -14.0, 0.0, 6.0, 6.5, -INF, INF, f32::NAN];
    assert_eq!(clamp(&mut values, -14.0, 6.0), 4);
    assert_eq!(values[..7], [-14.0, -14.0, 0.0, 6.0, 6.0, -14.0, 6.0]);
    assert!(values[7].is_nan());
}
