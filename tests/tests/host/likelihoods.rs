//! Likelihoods and their scores against f64, where they are broadcast, and at their edges.

mod reference;

use elbow_core::distributions::{Family, Likelihood, MeanIs, Parameter};
use elbow_tests::random::Random;
use elbow_tests::tolerance::{
    LOG_LIKELIHOOD, LOG_LIKELIHOOD_RELATIVE, LOGARITHM, ROUNDED_SUM, SCORE,
};

const INF: f32 = f32::INFINITY;
const DRAWS: u64 = 1000;
/// Values of a draw.
const X: usize = 24;
/// Logarithm of the greatest theta whose gamma functions f64 can subtract: 1e6.
const LARGE_THETA: f32 = 13.815_511;

/// The families whose values are independent of each other.
fn families() -> impl Iterator<Item = Family> {
    Family::ALL.iter().copied().filter(|family| family.classes().is_none())
}

fn is_log(family: Family) -> bool {
    family.mean_is() == MeanIs::LogRate
}

fn is_count(family: Family) -> bool {
    [MeanIs::Rate, MeanIs::LogRate].contains(&family.mean_is())
}

/// One value with everything that it depends on.
#[derive(Clone, Copy, Debug)]
struct Value {
    x: f32,
    mean: f32,
    parameters: [f32; 2],
}

impl Value {
    /// A value as it may come, or one at an edge of its family.
    fn draw(family: Family, random: &mut Random) -> Self {
        let edge = random.int(0, 7) == 0;
        let parameter = |parameter: &Parameter, random: &mut Random| match parameter {
            Parameter::LogScale if edge => random.choose(&[-15.0, -7.0, 3.0, 10.0]),
            Parameter::LogScale => random.uniform(-7.0, 3.0),
            Parameter::Df if edge => random.choose(&[1e-2, 1.0, 1e6]),
            Parameter::Df => random.uniform(-1.0, 8.0).exp(),
            Parameter::LogTheta if edge => random.choose(&[-60.0, LARGE_THETA]),
            Parameter::LogTheta => random.uniform(-5.0, LARGE_THETA),
            Parameter::DropoutLogit if edge => random.choose(&[-80.0, 80.0]),
            Parameter::DropoutLogit | Parameter::Mean => random.uniform(-5.0, 5.0),
        };
        let mut parameters = [0.0; 2];
        for (value, name) in parameters.iter_mut().zip(family.parameters()) {
            *value = parameter(name, random);
        }
        let [x, mean] = match family {
            Family::Gaussian | Family::Laplace => real(parameters[0], random),
            Family::StudentT => real(parameters[1], random),
            Family::LogNormal => {
                let [log, loc] = real(parameters[0], random);
                [log.clamp(-80.0, 80.0).exp(), loc]
            }
            Family::Bernoulli => {
                [random.choose(&[0.0, 0.25, 1.0]), random.choose(&[1e-6, 0.1, 0.5, 0.999])]
            }
            Family::BernoulliLogit => {
                let logit = if edge { random.choose(&[-80.0, 80.0]) } else { 0.0 };
                [random.choose(&[0.0, 0.25, 1.0]), logit + random.uniform(-5.0, 5.0)]
            }
            family if is_count(family) => count(family, edge, parameters[0], random),
            other => panic!("{other:?} has no values to draw"),
        };
        Self { x, mean, parameters }
    }

    fn f64(self) -> (f64, f64, [f64; 2]) {
        (self.x.into(), self.mean.into(), self.parameters.map(f64::from))
    }

    fn log_prob(self, family: Family) -> f32 {
        let [a, b] = self.parameters;
        Likelihood { family, parameters: [&[a], &[b]] }.log_prob(&[self.x], &[self.mean])
    }

    fn score(self, family: Family, wrt: Parameter) -> f32 {
        let ([a, b], mut grad) = (self.parameters, [0.0]);
        let likelihood = Likelihood { family, parameters: [&[a], &[b]] };
        likelihood.score(&[self.x], &[self.mean], wrt, &mut grad);
        grad[0]
    }
}

/// A real value up to twenty scales away from its mean.
fn real(log_scale: f32, random: &mut Random) -> [f32; 2] {
    let mean = random.uniform(-3.0, 3.0);
    let distance = random.normal(1)[0] * random.choose(&[0.0, 1.0, 1.0, 1.0, 5.0]);
    [mean + log_scale.exp() * distance, mean]
}

/// A count: none, a small one, or one near or far from its mean.
fn count(family: Family, edge: bool, log_theta: f32, random: &mut Random) -> [f32; 2] {
    let log = random.uniform(-3.0, 9.0);
    let log = if edge { random.choose(&[-80.0, log, 80.0]) } else { log };
    let rate = log.exp();
    let overdispersed = !matches!(family, Family::Poisson | Family::PoissonLog);
    let variance = if overdispersed { rate + rate * rate / log_theta.exp() } else { rate };
    let near = rate + variance.sqrt() * random.normal(1)[0];
    let x = match random.int(0, 4) {
        0 => 0.0,
        1 => random.int(1, 60) as f32,
        2 => rate * random.uniform(0.0, 3.0),
        _ => near,
    };
    [x.clamp(0.0, 3e4).round(), if is_log(family) { log } else { rate }]
}

#[track_caller]
fn assert_within(value: f32, truth: f64, tolerance: f64, what: impl std::fmt::Debug) {
    let error = (f64::from(value) - truth).abs();
    assert!(error <= tolerance, "{what:?}: {value:e} against {truth:e}, over {tolerance:e}");
}

fn tolerance(truth: f64) -> f64 {
    LOG_LIKELIHOOD + LOG_LIKELIHOOD_RELATIVE * truth.abs()
}

impl Value {
    /// What the rounding of `ln x` makes of a log-normal log_prob, or of a score.
    fn of_logarithm(self, family: Family, wrt: Option<Parameter>) -> f64 {
        let (x, loc, [log_scale, _]) = self.f64();
        if family != Family::LogNormal {
            return 0.0;
        }
        let (log, scale) = (x.ln(), log_scale.exp());
        let (t, error) = ((log - loc) / scale, LOGARITHM * log.abs().max(1.0) / scale);
        match wrt {
            Some(Parameter::Mean) => error / scale,
            Some(_) => error * (2.0 * t.abs() + error),
            None => error * (t.abs() + error),
        }
    }
}

#[test]
fn every_value_has_the_likelihood_that_it_has_in_f64() {
    for family in families() {
        let mut worst: f64 = 0.0;
        for case in 0..DRAWS {
            let mut random = Random::new(50, case);
            for _ in 0..X {
                let value = Value::draw(family, &mut random);
                let (x, mean, parameters) = value.f64();
                let truth = reference::log_prob(family, x, mean, parameters);
                let found = value.log_prob(family);
                let tolerance = tolerance(truth) + value.of_logarithm(family, None);
                assert_within(found, truth, tolerance, (family, value));
                worst = worst.max((f64::from(found) - truth).abs() / tolerance);
            }
        }
        println!("{family:?}: at most {worst:.3} of the tolerance");
    }
}

#[test]
fn every_score_is_the_difference_quotient_in_f64() {
    for family in families() {
        for case in 0..DRAWS {
            let mut random = Random::new(51, case);
            for _ in 0..X {
                let value = Value::draw(family, &mut random);
                let (x, mean, parameters) = value.f64();
                if family == Family::Laplace && x == mean {
                    continue; // a kink
                }
                for wrt in [Parameter::Mean].iter().chain(family.parameters()) {
                    let truth = reference::score(family, x, mean, parameters, *wrt);
                    let counts = if is_log(family) { x } else { 0.0 };
                    let size = truth.abs().max(counts).max(1.0);
                    assert_within(
                        value.score(family, *wrt),
                        truth,
                        SCORE * size + value.of_logarithm(family, Some(*wrt)),
                        (family, value, wrt),
                    );
                }
            }
        }
    }
}

#[test]
fn one_of_several_classes_is_as_in_f64() {
    let (places, classes) = (4, 6);
    for case in 0..DRAWS {
        let mut random = Random::new(52, case);
        let mut x = vec![0.0; places * classes];
        for place in 0..places {
            x[random.int(0, classes - 1) * places + place] = 1.0;
        }
        let edge = random.choose(&[0.0, 0.0, 75.0]);
        let logits: Vec<f32> = (0..places * classes)
            .map(|_| random.uniform(-5.0, 5.0) + random.choose(&[-edge, edge]))
            .collect();
        let p = random.vector(places * classes, 1e-6, 1.0);
        let of = |values: &[f32], place: usize| -> Vec<f64> {
            (0..classes).map(|class| f64::from(values[class * places + place])).collect()
        };
        for (family, mean) in
            [(Family::CategoricalLogit { classes }, &logits), (Family::Categorical { classes }, &p)]
        {
            let likelihood = Likelihood { family, parameters: [&[], &[]] };
            let place_of = |place: usize, mean: &[f64]| match family {
                Family::Categorical { .. } => reference::categorical(&of(&x, place), mean),
                _ => reference::categorical_logit(&of(&x, place), mean),
            };
            let truth: f64 = (0..places).map(|place| place_of(place, &of(mean, place))).sum();
            let value = likelihood.log_prob(&x, mean);
            assert_within(value, truth, tolerance(truth), (family, case));

            let mut grad = vec![0.0; x.len()];
            likelihood.score(&x, mean, Parameter::Mean, &mut grad);
            for (at, grad) in grad.into_iter().enumerate() {
                let (class, place) = (at / places, at % places);
                let moved = |step: f64| {
                    let mut mean = of(mean, place);
                    mean[class] += step;
                    place_of(place, &mean)
                };
                let step = 1e-4 * of(mean, place)[class].abs().min(1.0);
                let slope = 8.0 * (moved(step) - moved(-step)) - moved(2.0 * step);
                let slope = (slope + moved(-2.0 * step)) / (12.0 * step);
                assert_within(grad, slope, SCORE * slope.abs().max(1.0), (family, case, at));
            }
        }
    }
}

#[test]
fn a_parameter_of_a_channel_is_that_of_its_values() {
    for family in families() {
        let mut random = Random::new(53, 0);
        let values: Vec<Value> = (0..X).map(|_| Value::draw(family, &mut random)).collect();
        let x: Vec<f32> = values.iter().map(|value| value.x).collect();
        let mean: Vec<f32> = values.iter().map(|value| value.mean).collect();
        let given: Vec<Vec<f32>> =
            (0..2).map(|at| values.iter().map(|value| value.parameters[at]).collect()).collect();
        for lens in [[1, 1], [3, 3], [X, X], [1, X], [3, 1], [3, X], [X, 6]] {
            let short = [&given[0][..lens[0]], &given[1][..lens[1]]];
            let long = [0, 1]
                .map(|at| -> Vec<f32> { (0..X).map(|i| short[at][i * lens[at] / X]).collect() });
            let broadcast = Likelihood { family, parameters: short };
            let spread = Likelihood { family, parameters: [&long[0], &long[1]] };
            assert_eq!(broadcast.log_prob(&x, &mean), spread.log_prob(&x, &mean), "{family:?}");
            let scores = |likelihood: &Likelihood, wrt, len| {
                let mut grad = vec![0.0; len];
                likelihood.score(&x, &mean, wrt, &mut grad);
                grad
            };
            let [a, b] =
                [&broadcast, &spread].map(|likelihood| scores(likelihood, Parameter::Mean, X));
            assert_eq!(a, b, "{family:?}");
            for (parameter, len) in family.parameters().iter().zip(lens) {
                let all = scores(&spread, *parameter, X);
                for (found, part) in
                    scores(&broadcast, *parameter, len).iter().zip(all.chunks(X / len))
                {
                    let sum: f64 = part.iter().map(|score| f64::from(*score)).sum();
                    let size: f64 = part.iter().map(|score| f64::from(score.abs())).sum();
                    assert_within(*found, sum, ROUNDED_SUM * size, (family, parameter, lens));
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_gives_nan() {
    let (x, long) = ([1.0; 6], [1.0; 12]);
    let student = |df, log_scale| Likelihood {
        family: Family::StudentT,
        parameters: [&long[..df], &long[..log_scale]],
    };
    for lens in [[0, 1], [1, 0], [4, 1], [12, 1], [2, 3], [1, 5]] {
        let likelihood = student(lens[0], lens[1]);
        assert!(likelihood.log_prob(&x, &x).is_nan(), "{lens:?}");
        let mut grad = x;
        likelihood.score(&x, &x, Parameter::Mean, &mut grad);
        assert!(grad.iter().all(|value| value.is_nan()), "{lens:?}");
    }
    let likelihood = student(2, 1);
    assert!(likelihood.log_prob(&x, &x[1..]).is_nan());
    for (wrt, len) in [
        (Parameter::Mean, 5),
        (Parameter::Df, 1),
        (Parameter::LogScale, 2),
        (Parameter::LogTheta, 1),
    ] {
        let mut grad = vec![0.0; len];
        likelihood.score(&x, &x, wrt, &mut grad);
        assert!(grad.iter().all(|value| value.is_nan()), "{wrt:?}");
    }
    for classes in [0, 4, 7] {
        for family in [Family::Categorical { classes }, Family::CategoricalLogit { classes }] {
            let likelihood = Likelihood { family, parameters: [&[], &[]] };
            assert!(likelihood.log_prob(&x, &x).is_nan(), "{family:?}");
        }
    }
}

#[test]
fn edges_are_as_documented() {
    let of = |family, x, mean, parameters| Value { x, mean, parameters }.log_prob(family);
    for family in [Family::Poisson, Family::NegativeBinomial] {
        assert_eq!(of(family, 0.0, 0.0, [0.0; 2]), 0.0);
        assert_eq!(of(family, 1.0, 0.0, [0.0; 2]), -INF);
        assert!(of(family, -1.0, 1.0, [0.0; 2]).is_nan());
        assert!(of(family, 0.0, -1.0, [0.0; 2]).is_nan());
    }
    assert_eq!(of(Family::LogNormal, 0.0, 0.5, [0.0; 2]), -INF);
    assert!(of(Family::LogNormal, -1.0, 0.5, [0.0; 2]).is_nan());
    assert!(of(Family::StudentT, 0.0, 0.0, [0.0, 0.0]).is_nan(), "no degrees of freedom");
    let normal = of(Family::Gaussian, 1.5, 0.5, [0.25, 0.0]);
    let limit = of(Family::StudentT, 1.5, 0.5, [3e38, 0.25]);
    assert_within(
        limit,
        normal.into(),
        LOG_LIKELIHOOD_RELATIVE,
        "a normal is the limit of Student's t",
    );
    for log_theta in [60.0, 61.0, 1e30] {
        let counts = of(Family::NegativeBinomial, 7.0, 5.0, [log_theta, 0.0]);
        let limit = of(Family::Poisson, 7.0, 5.0, [0.0; 2]);
        assert_within(
            counts,
            limit.into(),
            LOG_LIKELIHOOD_RELATIVE,
            "Poisson is the limit of large theta",
        );
    }
    let value = Value { x: 2.0, mean: 2.0, parameters: [0.0; 2] };
    assert_eq!(value.score(Family::Laplace, Parameter::Mean), 0.0);
}

#[test]
fn nan_stays() {
    for family in families() {
        let good = Value::draw(family, &mut Random::new(54, 0));
        assert!(!good.log_prob(family).is_nan());
        assert!(Value { x: f32::NAN, ..good }.log_prob(family).is_nan(), "{family:?}");
        assert!(Value { mean: f32::NAN, ..good }.log_prob(family).is_nan(), "{family:?}");
        for at in 0..family.parameters().len() {
            let mut bad = good;
            bad.parameters[at] = f32::NAN;
            assert!(bad.log_prob(family).is_nan(), "{family:?} {at}");
        }
    }
}

/// Any number up to 1e38, of either sign.
fn any(random: &mut Random) -> f32 {
    let size = 10f32.powf(random.uniform(-45.0, 38.0));
    let usual = random.uniform(-5.0, 5.0);
    random.choose(&[-size, size, usual, 0.0])
}

#[test]
fn a_million_odd_arguments_give_no_nan() {
    let mut random = Random::new(55, 0);
    let mut inputs = 0;
    while inputs < 1_000_000 {
        for family in families() {
            let mut parameters = [any(&mut random), any(&mut random)];
            if family == Family::StudentT {
                parameters[0] = parameters[0].abs().max(f32::from_bits(1));
            }
            let (mut x, mut mean) = (any(&mut random), any(&mut random));
            match family {
                Family::Gaussian | Family::Laplace | Family::StudentT => {}
                Family::LogNormal => x = x.abs(),
                Family::Bernoulli => {
                    (x, mean) = (random.choose(&[0.0, 1.0]), mean.abs().min(1.0));
                }
                Family::BernoulliLogit => x = random.choose(&[0.0, 1.0]),
                other => {
                    assert!(is_count(other), "{other:?} has no odd arguments");
                    x = random.int(0, 70_000) as f32 * random.choose(&[0.0, 1.0, 1e-4]);
                    mean = if is_log(family) { mean } else { mean.abs() };
                }
            }
            let value = Value { x, mean, parameters };
            assert!(!value.log_prob(family).is_nan(), "{family:?} {value:?}");
            for wrt in [Parameter::Mean].iter().chain(family.parameters()) {
                assert!(!value.score(family, *wrt).is_nan(), "{family:?} {value:?} {wrt:?}");
            }
            inputs += 1;
        }
        let (x, logits) = ([0.0, 1.0, 0.0], [(); 3].map(|()| any(&mut random)));
        let family = Family::CategoricalLogit { classes: 3 };
        let likelihood = Likelihood { family, parameters: [&[], &[]] };
        let mut grad = [0.0; 3];
        likelihood.score(&x, &logits, Parameter::Mean, &mut grad);
        let values = [&grad[..], &[likelihood.log_prob(&x, &logits)]].concat();
        assert!(values.iter().all(|value| !value.is_nan()), "{logits:?}");
    }
}
