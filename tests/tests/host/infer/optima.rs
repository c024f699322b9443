//! Gradients of objectives, and the optima that they lead to.

use super::{KEY, assert_near, exact, one_latent, shipped, two_latents};
use elbow_core::infer::{
    ElboTerms, Gradient, GradientEstimator, GradientScratch, Objective, Posterior, elbo_gradient,
};
use elbow_core::noise::{Draws, Independent};
use elbow_tests::linear_gaussian::{Diagonal, LinearGaussian};
use elbow_tests::tolerance::{CLOSED_GAP, DIFFERENCE_QUOTIENT, OPTIMUM};
use nalgebra::DVector;
use std::ops::Range;

/// A posterior on its way, with its gradient.
struct Climb {
    loc: Vec<f32>,
    log_var: Vec<f32>,
    by_loc: Vec<f32>,
    by_log_var: Vec<f32>,
}

impl Climb {
    fn from(q: &Diagonal) -> Self {
        let (loc, log_var) = q.floats();
        let zeros = vec![0.0; loc.len()];
        Self { loc, log_var, by_loc: zeros.clone(), by_log_var: zeros }
    }

    fn q(&self) -> Posterior<'_> {
        Posterior { loc: &self.loc, log_var: &self.log_var }
    }

    fn differentiate(
        &mut self,
        decoder: &mut impl Gradient,
        aim: (Objective, GradientEstimator),
        noise: &mut impl Draws,
        samples: Range<u32>,
    ) -> ElboTerms {
        let [mut eps, mut z, mut grad] = [const { [0.0; 2] }; 3];
        let d = self.loc.len();
        let scratch = GradientScratch {
            loc: &mut self.by_loc,
            log_var: &mut self.by_log_var,
            eps: &mut eps[..d],
            z: &mut z[..d],
            grad: &mut grad[..d],
        };
        let q = Posterior { loc: &self.loc, log_var: &self.log_var };
        elbo_gradient(decoder, q, aim, noise, samples, scratch).unwrap()
    }

    fn step(&mut self, rate: f32) {
        self.loc.iter_mut().zip(&self.by_loc).for_each(|(v, g)| *v += rate * g);
        self.log_var.iter_mut().zip(&self.by_log_var).for_each(|(v, g)| *v += rate * g);
    }
}

const FORMS: [GradientEstimator; 2] =
    [GradientEstimator::ClosedKl, GradientEstimator::StickingTheLanding];

#[test]
fn ascent_ends_at_the_closed_optimum_of_every_objective() {
    let (model, x) = two_latents();
    for (beta, entropy_weight) in [(1.0, 0.0), (1.0, 0.5), (4.0, 0.0), (0.5, 0.25)] {
        for form in FORMS {
            check_optimum(&model, &x, Objective { beta, entropy_weight }, form);
        }
    }
}

fn check_optimum(
    model: &LinearGaussian,
    x: &DVector<f64>,
    aim: Objective,
    form: GradientEstimator,
) {
    let best = model.best(x, f64::from(aim.beta), f64::from(aim.entropy_weight));
    let mut decoder = model.decoder(x);
    let (mut noise, samples) = exact(2);
    let mut climb = Climb::from(&model.best(&DVector::zeros(3), 1.0, 2.0));
    for _ in 0..2000 {
        climb.differentiate(&mut decoder, (aim, form), &mut noise, 0..samples);
        climb.step(0.05);
    }
    let found = Diagonal::of(climb.q());
    for i in 0..2 {
        assert_near(found.loc[i], best.loc[i], OPTIMUM);
        assert_near(found.var[i].ln(), best.var[i].ln(), OPTIMUM);
    }
    // What the other objective costs in nats of the plain bound.
    let bound = |q: &Diagonal| f64::from(shipped(&mut model.decoder(x), q).elbo());
    let loss = bound(&model.best(x, 1.0, 0.0)) - bound(&found);
    let truth = model.gap(x, &best) - model.approximation_gap();
    assert_near(loss, truth, CLOSED_GAP);
    if aim.beta == 1.0 {
        let weight = f64::from(aim.entropy_weight);
        assert_near(loss, weight - weight.ln_1p(), CLOSED_GAP);
    }
}

/// Central differences of the objective's own value, which is exact here.
#[test]
fn gradients_are_those_of_the_value() {
    const STEP: f32 = 1.0 / 64.0;
    let (model, x) = two_latents();
    let mut decoder = model.decoder(&x);
    let (mut noise, samples) = exact(2);
    let aim = Objective { beta: 2.0, entropy_weight: 0.3 };
    let start = Diagonal {
        loc: DVector::from_vec(vec![0.3, -0.2]),
        var: DVector::from_vec(vec![0.3, 0.2]),
    };
    for form in FORMS {
        let mut climb = Climb::from(&start);
        climb.differentiate(&mut decoder, (aim, form), &mut noise, 0..samples);
        for i in 0..4 {
            let mut value = |step: f32| {
                let mut moved = Climb::from(&start);
                let at = moved.loc.iter_mut().chain(&mut moved.log_var).nth(i).unwrap();
                *at += step;
                let terms = moved.differentiate(&mut decoder, (aim, form), &mut noise, 0..samples);
                f64::from(aim.value(&terms, moved.q()))
            };
            let difference = (value(STEP) - value(-STEP)) / f64::from(2.0 * STEP);
            let by = climb.by_loc.iter().chain(&climb.by_log_var).nth(i).unwrap();
            assert_near(f64::from(*by), difference, DIFFERENCE_QUOTIENT);
        }
    }
}

#[test]
fn sticking_the_landing_is_silent_at_the_true_posterior() {
    let (model, x) = one_latent();
    let mut climb = Climb::from(&model.best(&x, 1.0, 0.0));
    let mut decoder = model.decoder(&x);
    let mut noise = Independent { key: KEY, datapoint: 3 };
    let mut largest = [0.0_f32; 2];
    for sample in 0..50 {
        for (form, largest) in FORMS.into_iter().zip(&mut largest) {
            let draw = sample..sample + 1;
            climb.differentiate(&mut decoder, (Objective::ELBO, form), &mut noise, draw);
            let worst = climb.by_loc[0].abs().max(climb.by_log_var[0].abs());
            *largest = largest.max(worst);
        }
    }
    assert!(largest[0] > 0.5 && f64::from(largest[1]) < OPTIMUM, "{largest:?}");
}
