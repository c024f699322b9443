//! Mixtures, and the priors of all kinds.

use super::dense::Normal;
use super::{D, DRAWS, assert_close, diagonal, f64s, size};
use elbow_core::distributions::mixture::{self, component};
use elbow_core::distributions::{DiagNormal, Mixture, Prior, log_prob};
use elbow_tests::random::Random;
use elbow_tests::tolerance::{MIXTURE, SCORE};

/// Components.
const K: usize = 3;

fn mixed(random: &mut Random) -> Mixture<D, K> {
    let mut rows =
        |low, high| std::array::from_fn(|_| random.vector(D, low, high).try_into().unwrap());
    let (loc, log_var) = (rows(-3.0, 3.0), rows(-3.0, 2.0));
    Mixture { logits: random.vector(K, -3.0, 3.0).try_into().unwrap(), loc, log_var }
}

fn mixture_f64(p: &Mixture<D, K>, z: &[f64]) -> f64 {
    let weights: Vec<f64> = p.logits.iter().map(|logit| f64::from(*logit).exp()).collect();
    let parts = (0..K).map(|k| {
        let normal = Normal::diagonal(f64s(&p.loc[k]), &f64s(&p.log_var[k]));
        weights[k] / weights.iter().sum::<f64>() * normal.log_prob(z).exp()
    });
    parts.sum::<f64>().ln()
}

#[test]
fn mixtures_and_their_scores_are_as_in_f64() {
    for case in 0..DRAWS {
        let mut random = Random::new(66, case);
        let p = mixed(&mut random);
        let mut z = [0.0; D];
        let u = random.uniform(0.0, 1.0);
        p.rsample(u, &random.normal(D).try_into().unwrap(), &mut z);
        let truth = mixture_f64(&p, &f64s(&z));
        assert_close(p.log_prob(&z), truth, MIXTURE * size(truth));
        let mut grad = [0.0; D];
        p.score(&z, &mut grad);
        for (at, grad) in grad.into_iter().enumerate() {
            let moved = |step: f64| {
                let mut z = f64s(&z);
                z[at] += step;
                mixture_f64(&p, &z)
            };
            let (step, four) = (1e-3, |a: f64, b: f64| 8.0 * a - b);
            let slope = four(moved(step) - moved(-step), moved(2.0 * step) - moved(-2.0 * step));
            let slope = slope / (12.0 * step);
            assert_close(grad, slope, 10.0 * SCORE * slope.abs().max(1.0));
        }
    }
}

#[test]
fn components_come_as_often_as_they_weigh() {
    let inf = f32::INFINITY;
    let logits = [0.0, -inf, 3f32.ln(), -inf];
    let draws = (0..4000).map(|at| component(&logits, at as f32 / 4000.0));
    let mut counts = [0; 4];
    draws.for_each(|chosen| counts[chosen] += 1);
    assert!((999..=1001).contains(&counts[0]) && counts[0] + counts[2] == 4000, "{counts:?}");
    assert_eq!(component(&logits, 0.999_999_94), 2);
    assert_eq!((component(&[], 0.5), component(&[f32::NAN; 2], 0.5)), (0, 0));
}

#[test]
fn a_mixture_far_from_its_components_keeps_its_value() {
    let p = Mixture { logits: [0.0, 0.0], loc: [[-1.0], [1.0]], log_var: [[0.0], [0.0]] };
    let nearest = log_prob(&[1.0], &[0.0], &[1000.0]) - std::f32::consts::LN_2;
    assert_eq!(p.log_prob(&[1000.0]), nearest);
    let mut grad = [0.0];
    p.score(&[1000.0], &mut grad);
    assert_eq!(grad, [-999.0]);
}

#[test]
fn priors_are_their_distributions() {
    let mut random = Random::new(67, 0);
    let (q, p, many) = (diagonal(&mut random), diagonal(&mut random), mixed(&mut random));
    let z: [f32; D] = random.vector(D, -2.0, 2.0).try_into().unwrap();
    let diagonal = Prior::Diagonal { loc: &p.loc, log_var: &p.log_var };
    let mixture = Prior::Mixture {
        logits: &many.logits,
        loc: many.loc.as_flattened(),
        log_var: many.log_var.as_flattened(),
    };
    assert_eq!(diagonal.log_prob(&z), p.log_prob(&z));
    assert_eq!(mixture.log_prob(&z), many.log_prob(&z));
    let standard = DiagNormal::standard();
    assert_close(Prior::Standard.log_prob(&z), standard.log_prob(&z).into(), MIXTURE);
    assert_eq!(Prior::Standard.kl_of(&q.loc, &q.log_var), Some(q.kl_to_standard()));
    assert_eq!(diagonal.kl_of(&q.loc, &q.log_var), Some(q.kl_divergence(&p)));
    assert_eq!(mixture.kl_of(&q.loc, &q.log_var), None);

    let one = Prior::Mixture { logits: &[2.0], loc: &p.loc, log_var: &p.log_var };
    let (mut a, mut b) = ([0.0; D], [0.0; D]);
    diagonal.score(&z, &mut a);
    one.score(&z, &mut b);
    a.iter().zip(b).for_each(|(a, b)| assert_close(*a, b.into(), SCORE));
    for prior in [diagonal, one] {
        prior.rsample(0.3, &z, &mut a);
        p.rsample(&z, &mut b);
        assert_eq!(a, b);
    }
    Prior::Standard.rsample(0.3, &z, &mut a);
    assert_eq!(a, z);
    for prior in [Prior::Standard, diagonal, mixture] {
        prior.score(&z[1..], &mut a);
        assert!(a.iter().all(|value| value.is_nan()));
        prior.rsample(0.3, &z[1..], &mut a);
        assert!(a.iter().all(|value| value.is_nan()));
    }
    assert!(diagonal.log_prob(&z[1..]).is_nan() && mixture.log_prob(&z[1..]).is_nan());
}

#[test]
fn lengths_that_do_not_fit_a_mixture_give_nan() {
    let (two, four, mut z) = ([0.5; 2], [0.5; 4], [0.0; 2]);
    assert!(mixture::log_prob(&two, &four, &two, &two).is_nan());
    assert!(mixture::log_prob(&[], &[], &[], &two).is_nan());
    mixture::rsample(&two, &two, &two, 0.5, &two, &mut z);
    assert!(z.iter().all(|value| value.is_nan()));
}
