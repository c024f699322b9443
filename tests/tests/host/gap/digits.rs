//! A decoder that is not linear, with two latents: one route against the other.
//!
//! The first 16 rows of `models/digits`, under a minute; all 397 are what
//! `elbow gap models/digits --input models/digits/test.npy --log-p iwae` and its like measure.

use elbow::gap::{
    Annealing, Normal, RowGap, Settings, Sobol, ais, iwae, kl_to_posterior, measure_row,
};
use elbow::infer::{TwinGradient, TwinLikelihood};
use elbow::model::Loaded;
use elbow::posterior::twin_posteriors;
use elbow::rows::{Batch, Rows, StreamKey};
use elbow_core::infer::Posterior;
use elbow_tests::fixtures;
use elbow_tests::tolerance::{GAP_IDENTITY, GAP_ROUTES, QUADRATURE_SE};

const ROWS: usize = 16;

struct Digits {
    loaded: Loaded,
    batch: Batch,
}

impl Digits {
    fn read() -> Self {
        let folder = fixtures::path("models/digits");
        let loaded = Loaded::read(&folder, None, &Default::default()).expect("a model");
        let mut values = fixtures::rows(&folder.join("test.npy")).values;
        values.truncate(ROWS * 64);
        Self { loaded, batch: Rows { name: "x".into(), shape: vec![1, 64], values }.into() }
    }

    /// Of every row the likelihood, the encoder's posterior and the gaps.
    fn each(&self, mut check: impl FnMut(&mut TwinGradient<'_>, &Normal, &RowGap)) {
        let (_, decoder) = self.loaded.amortized().expect("a posterior");
        let decoder = decoder.expect("a decoder");
        let source = self.loaded.decoder.as_ref().expect("a file");
        let gradient = decoder.gradient(source).expect("a decoder with a gradient");
        let posteriors = twin_posteriors(&self.loaded, &self.batch).expect("posteriors");
        let forward = TwinLikelihood::new(decoder, &self.batch.inputs[0], &self.batch);
        let mut likelihood = TwinGradient::new(forward.expect("a likelihood"), &gradient);
        for row in 0..ROWS {
            likelihood.forward().at(row);
            let (loc, log_var) = posteriors[0].row(row);
            let q = Posterior { loc, log_var };
            let gap = measure_row(&mut likelihood, q, None, &Settings::default(), row as u64);
            check(&mut likelihood, &Normal::of_encoder(q), &gap.expect("a finite row"));
        }
    }
}

/// `ln p(x) = ELBO + KL(q || p(z | x))`, the three by quadrature, by draws, and on a grid; and ln p(x) by
/// importance samples and by annealing.
#[test]
fn the_identity_closes_and_the_routes_agree() {
    let (mut importance, mut annealed, mut identity, mut largest) = (0.0, 0.0, 0.0, 0.0f64);
    let sobol = Sobol::new(2);
    let annealing = Annealing { chains: 8, temperatures: 1000 };
    Digits::read().each(|likelihood, q, gap| {
        let exact = gap.log_p.mean;
        assert!(gap.log_p.se < QUADRATURE_SE, "{gap:?}");
        let found = iwae(likelihood, &gap.best_full, 20_000, &sobol, StreamKey { seed: 3, row: 0 })
            .expect("finite");
        importance += found.log_p.mean - exact;
        let found = ais(likelihood, &gap.best_full, annealing, StreamKey { seed: 4, row: 0 })
            .expect("finite");

        annealed += found.log_p.mean - exact;
        let kl = kl_to_posterior(likelihood, q, &bounds(q, &gap.best_full)).expect("finite");
        let open = exact - gap.elbo.mean - kl;
        assert!(open.abs() <= 3.0 * gap.elbo.se + GAP_IDENTITY, "{open} {gap:?}");
        identity += open;
        largest = largest.max(gap.amortization.mean);
        // What is better is not worse.
        let order = [gap.elbo, gap.optimized, gap.full_rank, gap.log_p];
        let slack = |i: usize| 3.0 * order[i].se.hypot(order[i + 1].se);
        assert!((0..3).all(|i| order[i].mean <= order[i + 1].mean + slack(i)), "{gap:?}");
    });
    let mean = |sum: f64| (sum / ROWS as f64).abs();
    assert!(mean(importance) <= GAP_ROUTES, "IWAE: {importance}");
    assert!(mean(annealed) <= GAP_ROUTES, "AIS: {annealed}");
    assert!(mean(identity) <= GAP_IDENTITY, "identity: {identity}");
    assert!(largest > 10.0, "the digit that loses most is among the rows: {largest}");
}

/// A rectangle that holds both, ten standard deviations to each side.
fn bounds(q: &Normal, best: &Normal) -> Vec<[f64; 2]> {
    let ends = |i: usize| {
        let reach = |q: &Normal| 10.0 * q.row(i).iter().map(|s| s * s).sum::<f64>().sqrt();
        let low = (q.loc[i] - reach(q)).min(best.loc[i] - reach(best));
        [low, (q.loc[i] + reach(q)).max(best.loc[i] + reach(best))]
    };
    vec![ends(0), ends(1)]
}
