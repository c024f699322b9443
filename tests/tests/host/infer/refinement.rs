//! Refinement: the exact path of plain ascent, and the rule that needs no tuning.

use super::{KEY, assert_near, exact, two_latents};
use elbow_core::distributions::DiagNormal;
use elbow_core::infer::DecodeError;
use elbow_core::infer::{
    Adam, FLOATS_PER_LATENT, FloatRows, Gradient, InferError, LogLikelihood, Pairs, Posterior,
    Refiner, Rule, Sgd, Stein,
};
use elbow_core::noise::Antithetic;
use elbow_tests::linear_gaussian::{Decoder, Diagonal, LinearGaussian};
use elbow_tests::random::Random;
use elbow_tests::repeating::Repeating;
use elbow_tests::tolerance::{
    CLOSED_AT_5, CLOSED_AT_20, PUBLISHED, RULES_SHORT, TRAJECTORY, WORSE_LOSS, WORSE_SHARE,
};
use nalgebra::{DMatrix, DVector};

const RATE: f64 = 0.1;

/// The amortization gap of `q`.
fn gap(model: &LinearGaussian, x: &DVector<f64>, q: Posterior<'_>) -> f64 {
    model.gap(x, &Diagonal::of(q)) - model.approximation_gap()
}

/// The divergence of plain ascent after `steps`, apart from the approximation gap: of the means and of
/// the log-variances.
fn path(model: &LinearGaussian, x: &DVector<f64>, start: &Diagonal, steps: i32) -> [f64; 2] {
    let precision = model.precision(1.0);
    let eigen = precision.clone().symmetric_eigen();
    let along = eigen.eigenvectors.transpose() * (&start.loc - model.posterior_mean(x));
    let decay = |l: &f64| l * (1.0 - RATE * l).powi(2 * steps);
    let means = eigen.eigenvalues.iter().zip(&along).map(|(l, u)| 0.5 * decay(l) * u * u).sum();
    let diagonal = precision.diagonal();
    let variances = diagonal.iter().zip(&start.var).map(|(l, var)| {
        let climb = |rho: f64, _| rho + 0.5 * RATE * (1.0 - l * rho.exp());
        let rho = (0..steps).fold(var.ln(), climb);
        0.5 * (l * rho.exp() - 1.0 - rho - l.ln())
    });
    [means, variances.sum()]
}

#[test]
fn plain_ascent_keeps_to_its_closed_path() {
    let (model, x) = two_latents();
    let start = Diagonal {
        loc: DVector::from_vec(vec![0.3, -0.2]),
        var: DVector::from_vec(vec![0.3, 0.2]),
    };
    let published = [0.3764285714, 0.1088785714, 0.0465490714, 0.0052975265, 0.0001496106];
    for (steps, gap) in [0, 1, 2, 5, 10].into_iter().zip(published) {
        assert_near(path(&model, &x, &start, steps)[0], gap, PUBLISHED);
    }
    let published =
        [0.0472674459, 0.0412498800, 0.0360859439, 0.0316380586, 0.0277940422, 0.0244617631];
    for (steps, gap) in (0..).zip(published) {
        assert_near(path(&model, &x, &start, steps)[1], gap, PUBLISHED);
    }

    // Pairs of the refiner are what `Antithetic` makes of the noise elsewhere.
    let (Antithetic(mut noise), samples) = exact(2);
    let rule = Sgd { rate: RATE as f32, clip: f32::INFINITY };
    let pairs = Pairs { step: samples / 2, guard: samples / 2 };
    let mut q = start.normal::<2>();
    let mut refiner = Refiner::new(&q, rule, pairs);
    let mut decoder = model.decoder(&x);
    for steps in 0..=50 {
        let gap = gap(&model, &x, refiner.posterior());
        let [means, variances] = path(&model, &x, &start, steps);
        assert_near(gap, means + variances, TRAJECTORY);
        let elbo = refiner.step(&mut decoder, &mut noise).unwrap().elbo();
        let gap = model.evidence(&x) - model.approximation_gap() - f64::from(elbo);
        assert_near(gap, means + variances, TRAJECTORY);
    }
    let guarded = refiner.finish(&mut decoder, &mut noise, &mut q).unwrap();
    assert!(!guarded.kept_start);
    let gained = path(&model, &x, &start, 0).iter().sum::<f64>()
        - path(&model, &x, &start, 51).iter().sum::<f64>();
    assert_near(f64::from(guarded.gain), gained, TRAJECTORY);
}

/// A stiff model of 8 latents, whose posterior has precisions from 1 to 10^4 along directions some 20
/// degrees off the axes, and an observation whose encoder is off by a standard deviation in the mean and
/// by a factor of two in the variance.
fn stiff(case: u64) -> (LinearGaussian, DVector<f64>, Diagonal) {
    let mut random = Random::new(KEY, case);
    let mut normal =
        |len| DVector::from_iterator(len, random.normal(len).into_iter().map(f64::from));
    let mixing = DMatrix::from_fn(8, 8, |_, _| normal(1)[0] * 0.15) + DMatrix::identity(8, 8);
    let scales = DVector::from_fn(8, |i, _| 10_f64.powf(2.0 * i as f64 / 7.0));
    let w = DMatrix::from_diagonal(&scales) * mixing;
    let model = LinearGaussian { w, mu: DVector::zeros(8), psi: DVector::from_element(8, 1.0) };
    let x = &model.w * normal(8) + normal(8);
    let mut start = model.best(&x, 1.0, 0.0);
    let (shift, stretch) = (normal(8), normal(8));
    start.loc += start.var.map(f64::sqrt).component_mul(&shift);
    start.var.component_mul_assign(&stretch.map(|s| (0.7 * s).exp()));
    (model, x, start)
}

/// What a rule does to the points after a number of steps.
#[derive(Debug, Default)]
struct Outcome {
    /// Sums of the amortization gap before and after.
    gap: [f64; 2],
    /// Points that lost more than [`WORSE_LOSS`], and those that would have without the guard.
    worse: [u32; 2],
}

impl Outcome {
    fn closed(&self) -> f64 {
        1.0 - self.gap[1] / self.gap[0]
    }
}

const POINTS: u32 = 200;
const MOMENTS: [u32; 2] = [5, 20];

/// The outcomes after 5 and 20 steps.
fn refine(key: u64, fixed: bool) -> [Outcome; 2] {
    let mut outcomes = [Outcome::default(), Outcome::default()];
    for case in 0..u64::from(POINTS) {
        let (model, x, start) = stiff(case);
        let mut noise = Repeating { inside: Pairs::DEFAULT.noise(key, case), fixed };
        let mut refiner = Refiner::new(&start.normal::<8>(), Stein::DEFAULT, Pairs::DEFAULT);
        let mut decoder = model.decoder(&x);
        let amortization = |q: Posterior<'_>| gap(&model, &x, q);
        for (outcome, moment) in outcomes.iter_mut().zip(MOMENTS) {
            while refiner.steps() < moment {
                refiner.step(&mut decoder, &mut noise).unwrap();
            }
            let mut q = start.normal::<8>();
            let before = amortization((&q).into());
            refiner.finish(&mut decoder, &mut noise, &mut q).unwrap();
            let after = [amortization((&q).into()), amortization(refiner.posterior())];
            outcome.gap[0] += before;
            outcome.gap[1] += after[0];
            let worse = after.map(|after| u32::from(after > before + WORSE_LOSS));
            outcome.worse.iter_mut().zip(worse).for_each(|(sum, worse)| *sum += worse);
        }
    }
    outcomes
}

#[test]
fn the_rule_closes_the_gap_of_a_stiff_model_untuned_and_fixed_noise_does_not() {
    for key in 0..3 {
        for (outcome, (steps, least)) in
            refine(key, false).iter().zip([(5, CLOSED_AT_5), (20, CLOSED_AT_20)])
        {
            println!("{steps} steps: {:.3} closed, {outcome:?}", outcome.closed());
            assert!(outcome.closed() >= least, "{steps} steps: {outcome:?}");
            let share = f64::from(outcome.worse[0]) / f64::from(POINTS);
            assert!(share <= WORSE_SHARE, "{steps} steps: {outcome:?}");
        }
        for (outcome, steps) in refine(key, true).iter().zip(MOMENTS) {
            println!("fixed, {steps} steps: {:.3} closed, {outcome:?}", outcome.closed());
            assert!(outcome.closed() < 0.7, "{steps} steps: {outcome:?}");
            assert!(outcome.worse[1] > POINTS / 20, "{steps} steps: {outcome:?}");
        }
    }
}

#[test]
fn every_rule_reaches_the_optimum_from_the_prior() {
    let (model, x) = two_latents();
    let prior = DiagNormal::<2>::standard();
    let left = [
        climb(&model, &x, Refiner::new(&prior, Stein::DEFAULT, Pairs::DEFAULT)),
        climb(&model, &x, Refiner::new(&prior, Sgd { rate: 0.03, clip: 5.0 }, Pairs::DEFAULT)),
        climb(&model, &x, Refiner::new(&prior, adam(0.02), Pairs::DEFAULT)),
    ];
    assert!(left.iter().all(|left| *left < RULES_SHORT), "{left:?}");
    let (loc, log_var) = ([0.0; 2], [0.0; 2]);
    let q = Posterior { loc: &loc, log_var: &log_var };
    let slices =
        Refiner::in_buffer(vec![0.0; 2 * FLOATS_PER_LATENT], q, Stein::DEFAULT, Pairs::DEFAULT);
    assert_eq!(climb(&model, &x, slices), left[0], "a vector serves as well as an array");
}

fn adam(rate: f32) -> Adam<FloatRows<2, 4>> {
    Adam { rate, moments: FloatRows([[0.0; 2]; 4]) }
}

/// What 300 steps leave of the amortization gap.
fn climb<B: AsMut<[f32]>, R: Rule>(
    model: &LinearGaussian,
    x: &DVector<f64>,
    mut refiner: Refiner<B, R>,
) -> f64 {
    let mut noise = Pairs::DEFAULT.noise(KEY, 4);
    for _ in 0..300 {
        refiner.step(&mut model.decoder(x), &mut noise).unwrap();
    }
    gap(model, x, refiner.posterior())
}

/// By hand: from `N(0, I)` the derivative by the means is the gradient at 0 averaged, and no first step
/// of Adam is longer or shorter than its rate.
#[test]
fn first_steps_have_the_length_of_their_rules() {
    let (model, x) = two_latents();
    let (Antithetic(mut noise), samples) = exact(2);
    let pairs = Pairs { step: samples / 2, guard: 2 };
    let prior = DiagNormal::<2>::standard();
    let moved = |q: Posterior<'_>| [q.loc[0], q.loc[1], q.log_var[0], q.log_var[1]];

    let mut refiner = Refiner::new(&prior, Sgd { rate: 0.1, clip: 2.0 }, pairs);
    refiner.step(&mut model.decoder(&x), &mut noise).unwrap();
    // W^T x / psi = [3, 0], and half of 1 - diag(precision) = [-4, -4].
    let norm = (9.0_f32 + 4.0 + 4.0).sqrt();
    let plain = [3.0, 0.0, -2.0, -2.0].map(|g| 0.1 * g * (2.0 / norm));
    for (step, plain) in moved(refiner.posterior()).into_iter().zip(plain) {
        assert_near(f64::from(step), f64::from(plain), TRAJECTORY);
    }
    let mut refiner = Refiner::new(&prior, adam(0.1), pairs);
    refiner.step(&mut model.decoder(&x), &mut noise).unwrap();
    let steps = moved(refiner.posterior());
    for (step, plain) in [steps[0], steps[2], steps[3]].into_iter().zip([0.1, -0.1, -0.1]) {
        assert_near(f64::from(step), plain, TRAJECTORY);
    }
}

/// A decoder that fails, or answers what is no number, from a call on.
struct Failing {
    inside: Decoder,
    calls: u32,
    from: u32,
    error: Option<InferError>,
}

impl Failing {
    fn fails(&mut self) -> bool {
        self.calls += 1;
        self.calls > self.from
    }
}

impl LogLikelihood for Failing {
    fn log_likelihood(&mut self, z: &[f32]) -> Result<f32, InferError> {
        if self.fails() {
            self.error.map_or(Ok(f32::NAN), Err)
        } else {
            self.inside.log_likelihood(z)
        }
    }
}

impl Gradient for Failing {
    fn gradient(&mut self, z: &[f32], grad: &mut [f32]) -> Result<f32, InferError> {
        let value = self.inside.gradient(z, grad);
        if self.fails() {
            grad[1] = f32::NAN;
            return self.error.map_or(Ok(f32::NAN), Err);
        }
        value
    }
}

#[test]
fn what_goes_wrong_leaves_the_start() {
    let (model, x) = two_latents();
    let refused = InferError::Decode(DecodeError::NonFiniteInput { index: 1 });
    let failing = |from, error| Failing { inside: model.decoder(&x), calls: 0, from, error };
    let start = DiagNormal { loc: [0.1, 0.2], log_var: [-0.3, -0.4] };
    let mut noise = Pairs::DEFAULT.noise(KEY, 5);
    for (error, expected) in
        [(Some(refused), refused), (None, InferError::NonFiniteGradient { index: 1 })]
    {
        // A step is 8 gradients: the fourth of the second step fails.
        let mut refiner = Refiner::new(&start, Stein::DEFAULT, Pairs::DEFAULT);
        let mut decoder = failing(8 + 3, error);
        refiner.step(&mut decoder, &mut noise).unwrap();
        let first = Diagonal::of(refiner.posterior()).loc;
        assert_eq!(refiner.step(&mut decoder, &mut noise).unwrap_err(), expected);
        assert_eq!((Diagonal::of(refiner.posterior()).loc, refiner.steps()), (first, 1));
        let mut q = start.clone();
        let finished = refiner.finish(&mut decoder, &mut noise, &mut q);
        match finished {
            Err(found) => assert_eq!(Some(found), error),
            Ok(guarded) => assert!(guarded.kept_start && guarded.gain.is_nan()),
        }
        assert_eq!(q, start);
    }
    // The guard needs two pairs, and a posterior.
    let mut q = start.clone();
    let mut one = Refiner::new(&start, Stein::DEFAULT, Pairs { step: 4, guard: 1 });
    one.step(&mut model.decoder(&x), &mut noise).unwrap();
    let guarded = one.finish(&mut model.decoder(&x), &mut noise, &mut q).unwrap();
    assert!(guarded.kept_start && guarded.gain > 0.0 && guarded.se.is_infinite());
    let mut wild =
        Refiner::new(&start, Sgd { rate: f32::MAX, clip: f32::INFINITY }, Pairs::DEFAULT);
    wild.step(&mut model.decoder(&x), &mut noise).unwrap();
    assert!(wild.finish(&mut model.decoder(&x), &mut noise, &mut q).unwrap().kept_start);
    assert_eq!(q, start);
}
