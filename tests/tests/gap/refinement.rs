//! Refinement of trained models by the rule that needs no tuning, and by noise that repeats, which fails.
//!
//! A few rows each; with `ELBOW_REFINE_ROWS=200` in the environment, optimized, the figures of the models'
//! README files.

use elbow::gap::{COARSE, Effort, Estimate, Family, MIDDLE, Normal, Sobol, ascend, elbos};
use elbow::model::Loaded;
use elbow::parity::target::twin_posteriors;
use elbow::posterior::Posteriors;
use elbow::rows::Rows;
use elbow::twin::{TwinGradient, TwinLikelihood};
use elbow_core::infer::{FLOATS, Pairs, Posterior, Refiner, Stein};
use elbow_tests::fixtures;
use elbow_tests::repeating::Repeating;
use elbow_tests::tolerance::{CLOSED_AT_5, CLOSED_AT_20, WORSE_LOSS, WORSE_SHARE};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const SEEDS: [u64; 3] = [0, 1, 2];
const STEPS: [u32; 2] = [5, 20];
/// Enough to see that a row gains.
const FIRST: Effort = Effort { se: 0.003, draws: 512 };
/// Until it is known whether a row loses.
const FULL: Effort = Effort { se: 0.003, draws: 64_000 };
/// Of the noise by which bounds are judged and optima searched: no seed of refinement.
const KEY: u64 = 1 << 40;

/// A row: its amortization gap, and the gains of fresh noise by seed and number of steps, then those of
/// fixed noise with the first seed.
struct Row {
    gap: f64,
    gains: Vec<Estimate>,
}

/// Closed and worse shares.
#[derive(Debug)]
struct Shares {
    closed: f64,
    worse: f64,
}

impl Shares {
    fn of(rows: &[Row], at: usize) -> Self {
        let gap: f64 = rows.iter().map(|row| row.gap).sum();
        let gain: f64 = rows.iter().map(|row| row.gains[at].mean).sum();
        let worse = rows.iter().filter(|row| loses(row.gains[at])).count();
        Self { closed: gain / gap, worse: worse as f64 / rows.len() as f64 }
    }

    fn passes(&self, least: f64) -> bool {
        self.closed >= least && self.worse <= WORSE_SHARE
    }
}

fn loses(gain: Estimate) -> bool {
    -gain.mean - 2.0 * gain.se > WORSE_LOSS
}

struct Model {
    loaded: Loaded,
    inputs: Vec<Rows>,
    posteriors: Posteriors,
    rows: usize,
}

impl Model {
    fn read(name: &str, rows: usize) -> Self {
        let folder = fixtures::path("models").join(name);
        let loaded = Loaded::read(&folder, None, Default::default()).expect("a model");
        let (encoder, _) = loaded.amortized().expect("a posterior");
        let port = &encoder.plan.inputs[0];
        let mut values = fixtures::rows(&folder.join("test.npy")).values;
        values.truncate(rows * port.len());
        let rows = values.len() / port.len();
        let inputs = vec![Rows { name: port.name.clone(), shape: port.shape.clone(), values }];
        let mut posteriors = twin_posteriors(&loaded, &inputs, rows).expect("posteriors");
        Self { posteriors: posteriors.remove(0), loaded, inputs, rows }
    }

    fn measured(&self) -> Vec<Row> {
        let (_, decoder) = self.loaded.amortized().expect("a posterior");
        let decoder = decoder.expect("a decoder");
        let source = self.loaded.decoder.as_ref().expect("a file");
        let gradient = decoder.gradient(source).expect("a decoder with a gradient");
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            let forward = TwinLikelihood::new(decoder, &self.inputs[0], &self.inputs);
            let mut likelihood = TwinGradient::new(forward.expect("a likelihood"), &gradient);
            loop {
                let row = next.fetch_add(1, Ordering::Relaxed);
                if row >= self.rows {
                    return;
                }
                likelihood.forward().at(row);
                let (loc, log_var) = self.posteriors.row(row);
                let measured = measure(&mut likelihood, Posterior { loc, log_var }, row as u64);
                done.lock().expect("no panic").push((row, measured));
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        let mut done = done.into_inner().expect("no panic");
        done.sort_by_key(|(row, _)| *row);
        done.into_iter().map(|(_, row)| row).collect()
    }
}

fn measure(likelihood: &mut TwinGradient<'_>, q: Posterior<'_>, row: u64) -> Row {
    let mut refined = Vec::new();
    for seed in SEEDS {
        refined.extend(refine(likelihood, q, (seed, row), false));
    }
    refined.extend(refine(likelihood, q, (SEEDS[0], row), true));
    let q = &Normal::of_encoder(q);
    let sobol = Sobol::new(q.latent());
    let best = best(likelihood, q, &sobol, row);
    let posteriors: Vec<&Normal> = [q, &best].into_iter().chain(&refined).collect();
    let bounds = |likelihood: &mut TwinGradient<'_>, posteriors: &[&Normal], effort| {
        elbos(likelihood, posteriors, &sobol, (KEY, row), effort).expect("finite").gain
    };
    let mut gains = bounds(likelihood, &posteriors, FIRST);
    let unclear: Vec<usize> = (2..gains.len()).filter(|at| !clear(gains[*at])).collect();
    if !unclear.is_empty() {
        let all = [q].into_iter().chain(unclear.iter().map(|at| posteriors[*at]));
        let known = bounds(likelihood, &all.collect::<Vec<_>>(), FULL);
        unclear.iter().zip(&known[1..]).for_each(|(at, known)| gains[*at] = *known);
    }
    Row { gap: gains[1].mean, gains: gains.split_off(2) }
}

/// Known as well as it is to be, or no loss that counts by more than three standard errors.
fn clear(gain: Estimate) -> bool {
    gain.se <= FULL.se || gain.mean + WORSE_LOSS > 3.0 * gain.se
}

/// The better of the ends of ascents from the encoder's posterior and from the prior.
fn best(likelihood: &mut TwinGradient<'_>, q: &Normal, sobol: &Sobol, row: u64) -> Normal {
    let prior = Normal::diagonal(vec![0.0; q.latent()], &vec![0.0; q.latent()]);
    let mut climb = |start: &Normal, level| {
        ascend(likelihood, start, Family::Diagonal, level, sobol, (KEY + 1, row)).expect("finite")
    };
    let ends = [q, &prior].map(|start| climb(start, COARSE));
    let all = [q, &ends[0], &ends[1]];
    let bounds = elbos(likelihood, &all, sobol, (KEY + 2, row), FIRST).expect("finite").gain;
    let ranked = (0..3).max_by(|a, b| bounds[*a].mean.total_cmp(&bounds[*b].mean));
    let start = all[ranked.unwrap_or(0)].clone();
    ascend(likelihood, &start, Family::Diagonal, MIDDLE, sobol, (KEY + 1, row)).expect("finite")
}

/// After each of [`STEPS`], guarded.
fn refine(
    likelihood: &mut TwinGradient<'_>,
    q: Posterior<'_>,
    (key, row): (u64, u64),
    fixed: bool,
) -> Vec<Normal> {
    let pairs = Pairs::DEFAULT;
    let mut noise = Repeating { inside: pairs.noise(key, row), fixed };
    let floats = vec![0.0; FLOATS * q.loc.len()];
    let mut refiner = Refiner::in_buffer(floats, q, Stein::DEFAULT, pairs);
    let mut moments = Vec::new();
    for steps in STEPS {
        while refiner.steps() < steps {
            refiner.step(likelihood, &mut noise).expect("a finite gradient");
        }
        let (mut loc, mut log_var) = (q.loc.to_vec(), q.log_var.to_vec());
        refiner.finish_slices(likelihood, &mut noise, &mut loc, &mut log_var).expect("finite");
        moments.push(Normal::of_encoder(Posterior { loc: &loc, log_var: &log_var }));
    }
    moments
}

/// The rows that are measured: those asked for, or what a test can afford.
fn rows(few: usize) -> usize {
    let asked = std::env::var("ELBOW_REFINE_ROWS").ok();
    asked.map_or(few, |asked| asked.parse().expect("a number of rows"))
}

/// Prints every figure, and holds those of fresh noise to what is promised; says whether fixed noise
/// would pass. It always leaves more of the gap than fresh noise does.
fn fixed_noise_passes(name: &str, few: usize) -> bool {
    let measured = Model::read(name, rows(few)).measured();
    println!("{name}: {} rows, gap {:.3}", measured.len(), mean_gap(&measured));
    let shares: Vec<[Shares; 2]> = (0..=SEEDS.len())
        .map(|place| [0, 1].map(|at| Shares::of(&measured, STEPS.len() * place + at)))
        .collect();
    for (place, [five, twenty]) in shares.iter().enumerate() {
        let noise = SEEDS.get(place).map_or("fixed noise".into(), |seed| format!("seed {seed}"));
        println!("{name}, {noise}: 5 steps {five:.3?}, 20 steps {twenty:.3?}");
    }
    let passes =
        |five: &Shares, twenty: &Shares| five.passes(CLOSED_AT_5) && twenty.passes(CLOSED_AT_20);
    let [fresh @ .., fixed] = &shares[..] else { unreachable!("one more than there are seeds") };
    for [five, twenty] in fresh {
        assert!(passes(five, twenty), "{name}: {shares:?}");
        assert!(fixed[1].closed < twenty.closed, "{name}: {shares:?}");
    }
    passes(&fixed[0], &fixed[1])
}

fn mean_gap(rows: &[Row]) -> f64 {
    rows.iter().map(|row| row.gap).sum::<f64>() / rows.len() as f64
}

/// The first 100 rows. Of all 397, 0.3 to 1.3 % end worse, by seed and number of steps: the share is not
/// below 1 % with every seed (`models/digits/README.md`).
#[test]
fn refinement_closes_the_gap_of_digits_untuned_and_fixed_noise_fails() {
    assert!(!fixed_noise_passes("digits", 100), "fixed noise passes");
}

/// The gap of stiff models is so wide that noise which is fitted closes most of it, too, and on
/// more rows than these passes: it is only held to leave more than fresh noise.
#[test]
fn refinement_closes_the_gap_of_stiff_models_untuned() {
    for name in ["digits_gaussian", "imu", "digits_conv"] {
        println!("{name}: fixed noise passes: {}", fixed_noise_passes(name, 4));
    }
}
