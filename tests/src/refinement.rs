//! What refinement gains on trained models: by the rule that needs no tuning, and by noise that repeats.

use crate::fixtures;
use crate::repeating::Repeating;
use crate::tolerance::{CLOSED_AT_5, CLOSED_AT_20, WORSE_LOSS, WORSE_SHARE};
use elbow::gap::{
    COARSE, CovarianceFamily, Effort, Estimate, MIDDLE, Normal, Sobol, ascend, elbos,
};
use elbow::infer::{TwinGradient, TwinLikelihood};
use elbow::model::Loaded;
use elbow::posterior::Posteriors;
use elbow::posterior::twin_posteriors;
use elbow::rows::{Batch, Rows, StreamKey};
use elbow_core::infer::{FLOATS_PER_LATENT, Pairs, Posterior, Refiner, Stein};
use std::fmt;
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

/// Of rows, after some steps.
#[derive(Clone, Copy, Debug)]
pub struct Shares {
    /// Gain by the amortization gap.
    pub closed: f64,
    /// Rows whose loss counts.
    pub worse: f64,
}

impl Shares {
    fn of(rows: &[Row], at: usize) -> Self {
        let gap: f64 = rows.iter().map(|row| row.gap).sum();
        let gain: f64 = rows.iter().map(|row| row.gains[at].mean).sum();
        let worse = rows.iter().filter(|row| loses(row.gains[at])).count();
        Self { closed: gain / gap, worse: worse as f64 / rows.len() as f64 }
    }

    fn pass(&self, least: f64) -> bool {
        self.closed >= least && self.worse <= WORSE_SHARE
    }
}

fn loses(gain: Estimate) -> bool {
    -gain.mean - 2.0 * gain.se > WORSE_LOSS
}

/// Shares of a model's rows after 5 and after 20 steps.
#[derive(Debug)]
pub struct Gains {
    /// Rows.
    pub rows: usize,
    /// Their mean amortization gap, in nats.
    pub gap: f64,
    /// By fresh noise of the keys 0, 1 and 2.
    pub fresh: Vec<[Shares; 2]>,
    /// By noise that is the same in every step.
    pub fixed: [Shares; 2],
}

impl Gains {
    /// Of the first `rows` test rows of a model in `models/`.
    ///
    /// # Panics
    ///
    /// It cannot be read, or has no decoder.
    pub fn of(name: &str, rows: usize) -> Self {
        let rows = Model::read(name, rows).measured();
        let mut shares = (0..=SEEDS.len())
            .map(|place| [0, 1].map(|at| Shares::of(&rows, STEPS.len() * place + at)));
        Self {
            rows: rows.len(),
            gap: rows.iter().map(|row| row.gap).sum::<f64>() / rows.len() as f64,
            fresh: shares.by_ref().take(SEEDS.len()).collect(),
            fixed: shares.next().expect("one more than there are seeds"),
        }
    }
}

/// Whether enough is closed after 5 and after 20 steps, and few enough rows are worse.
pub fn pass([five, twenty]: &[Shares; 2]) -> bool {
    five.pass(CLOSED_AT_5) && twenty.pass(CLOSED_AT_20)
}

impl fmt::Display for Gains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} rows, amortization gap {:.3} nats", self.rows, self.gap)?;
        let keys = SEEDS.map(|seed| format!("fresh noise, key {seed}"));
        for (noise, shares) in keys.iter().zip(&self.fresh) {
            write_shares(f, noise, shares)?;
        }
        write_shares(f, "fixed noise", &self.fixed)
    }
}

fn write_shares(f: &mut fmt::Formatter<'_>, noise: &str, shares: &[Shares; 2]) -> fmt::Result {
    write!(f, "{noise}:")?;
    for (steps, Shares { closed, worse }) in STEPS.iter().zip(shares) {
        let (closed, worse) = (100.0 * closed, 100.0 * worse);
        write!(f, "  {steps} steps {closed:.1} % closed, {worse:.2} % worse")?;
    }
    writeln!(f)
}

struct Model {
    loaded: Loaded,
    batch: Batch,
    posteriors: Posteriors,
}

impl Model {
    fn read(name: &str, rows: usize) -> Self {
        let folder = fixtures::path("models").join(name);
        let loaded = Loaded::read(&folder, None, &Default::default()).expect("a model");
        let (encoder, _) = loaded.amortized().expect("a posterior");
        let port = &encoder.plan.inputs[0];
        let mut values = fixtures::rows(&folder.join("test.npy")).values;
        values.truncate(rows * port.len());
        let batch =
            Batch::from(Rows { name: port.name.clone(), shape: port.shape.clone(), values });
        let mut posteriors = twin_posteriors(&loaded, &batch).expect("posteriors");
        Self { posteriors: posteriors.remove(0), loaded, batch }
    }

    fn measured(&self) -> Vec<Row> {
        let (_, decoder) = self.loaded.amortized().expect("a posterior");
        let decoder = decoder.expect("a decoder");
        let source = self.loaded.decoder.as_ref().expect("a file");
        let gradient = decoder.gradient(source).expect("a decoder with a gradient");
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            let forward = TwinLikelihood::new(decoder, &self.batch.inputs[0], &self.batch);
            let mut likelihood = TwinGradient::new(forward.expect("a likelihood"), &gradient);
            loop {
                let row = next.fetch_add(1, Ordering::Relaxed);
                if row >= self.batch.len {
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
        refined.extend(refine(likelihood, q, StreamKey { seed, row }, false));
    }
    refined.extend(refine(likelihood, q, StreamKey { seed: SEEDS[0], row }, true));
    let q = &Normal::of_encoder(q);
    let sobol = Sobol::new(q.latent());
    let best = best(likelihood, q, &sobol, row);
    let posteriors: Vec<&Normal> = [q, &best].into_iter().chain(&refined).collect();
    let bounds = |likelihood: &mut TwinGradient<'_>, posteriors: &[&Normal], effort| {
        elbos(likelihood, posteriors, &sobol, StreamKey { seed: KEY, row }, effort)
            .expect("finite")
            .gain
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
        ascend(
            likelihood,
            start,
            CovarianceFamily::Diagonal,
            level,
            sobol,
            StreamKey { seed: KEY + 1, row },
        )
        .expect("finite")
    };
    let ends = [q, &prior].map(|start| climb(start, COARSE));
    let all = [q, &ends[0], &ends[1]];
    let bounds = elbos(likelihood, &all, sobol, StreamKey { seed: KEY + 2, row }, FIRST)
        .expect("finite")
        .gain;
    let ranked = (0..3).max_by(|a, b| bounds[*a].mean.total_cmp(&bounds[*b].mean));
    let start = all[ranked.unwrap_or(0)].clone();
    ascend(
        likelihood,
        &start,
        CovarianceFamily::Diagonal,
        MIDDLE,
        sobol,
        StreamKey { seed: KEY + 1, row },
    )
    .expect("finite")
}

/// After each of [`STEPS`], guarded.
fn refine(
    likelihood: &mut TwinGradient<'_>,
    q: Posterior<'_>,
    stream: StreamKey,
    fixed: bool,
) -> Vec<Normal> {
    let pairs = Pairs::DEFAULT;
    let mut noise = Repeating { inside: pairs.noise(stream.seed, stream.row), fixed };
    let floats = vec![0.0; FLOATS_PER_LATENT * q.loc.len()];
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
