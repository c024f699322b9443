//! What does an encoder cost that may not answer what it should?
//!
//! Take a case where the true posterior is known: three readings `x = W z + noise` of two causes, all
//! of it normal. Then `p(z | x)` is the normal `N(m(x), S)`, tilted, and with the same `S` for every
//! `x`. An encoder that could answer any normal would lose nothing: `ELBO = ln p(x)`. Restrict it twice.
//!
//! 1. It answers means and variances, but no tilt, as most encoders do. The best upright normal loses
//!    the *approximation gap*, `1/2 (sum ln L_ii - ln |L|)` nats with `L = S^-1`, at every `x`.
//! 2. It has one hidden unit: the means that it answers lie on a line. What it loses besides is the
//!    *amortization gap*, `1/2 (m - m(x))^T L (m - m(x))`, little for some `x`, much for others.
//!
//! Refinement climbs the bound for a single `x`, from where the encoder stopped. It wins back the second
//! gap and never the first: it knows the observation, but its family is the same.
//!
//! ```sh
//! cargo run -p elbow --example restricted_encoder -- target/restricted_encoder.svg
//! ```
//!
//! Everything measured comes from the code that a device runs ([`elbow_core::infer`]), all that it is
//! compared with from closed forms in f64; the program fails where they differ.

#[path = "../shared/dark.rs"]
mod dark;
mod model;
mod picture;

use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{Pairs, Posterior, Refiner, Scratch, Stein, elbo};
use elbow_core::noise::{Antithetic, Hadamard, Independent, Radius};
use model::{LATENT, Model, Reading};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

const KEY: u64 = 0;
const OBSERVATIONS: u64 = 500;
const STEPS: usize = 20;
/// Nats: the rounding of a bound in f32, averaged.
const AGREE: f64 = 1e-5;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path] = arguments.as_slice() else {
        eprintln!("usage: restricted_encoder OUT.svg");
        return ExitCode::from(2);
    };
    match tell(Path::new(path)) {
        Ok(table) => print!("{table}"),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One observation: what the encoder says, and what becomes of it.
struct Story {
    reading: Reading,
    best: DiagNormal<LATENT>,
    /// After 0, 1, ... steps.
    path: Vec<DiagNormal<LATENT>>,
    /// The bounds that go with `path`.
    bounds: Vec<f64>,
    best_bound: f64,
    evidence: f64,
}

impl Story {
    fn amortization_gap(&self) -> f64 {
        self.best_bound - self.bounds[0]
    }
}

/// The table; writes the picture of the observation that loses most.
fn tell(picture: &Path) -> Result<String, Box<dyn Error>> {
    let model = Model::new();
    let stories: Vec<Story> =
        (0..OBSERVATIONS).map(|number| live(&model, number)).collect::<Result<_, _>>()?;
    let mean =
        |of: &dyn Fn(&Story) -> f64| stories.iter().map(of).sum::<f64>() / stories.len() as f64;
    let approximation = mean(&|s| s.evidence - s.best_bound);
    let amortization = mean(&Story::amortization_gap);
    let by_formula = mean(&|s| model.amortization_gap(&s.reading, &s.path[0]));
    agree("approximation gap", approximation, model.approximation_gap())?;
    agree("amortization gap", amortization, by_formula)?;

    let most = stories.iter().max_by(|a, b| a.amortization_gap().total_cmp(&b.amortization_gap()));
    picture::draw(picture, &model, most.ok_or("no observations")?)?;
    let mut table = format!(
        "nats, mean of {OBSERVATIONS} observations\n\
         ln p(x)                {:8.4}\n\
         best diagonal ELBO     {:8.4}   approximation gap {approximation:.4}, {:.4} by formula\n\
         encoder's ELBO         {:8.4}   amortization gap  {amortization:.4}, {by_formula:.4} by formula\n",
        mean(&|s| s.evidence),
        mean(&|s| s.best_bound),
        model.approximation_gap(),
        mean(&|s| s.bounds[0]),
    );
    for steps in [1, 5, STEPS] {
        let elbo = mean(&|s| s.bounds[steps]);
        let closed = 100.0 * (1.0 - mean(&|s| s.best_bound - s.bounds[steps]) / amortization);
        table += &format!(
            "refined, {steps:2} steps      {elbo:8.4}   {closed:.0} % of the amortization gap\n"
        );
    }
    Ok(table)
}

/// Encodes observation `number`, and refines it.
fn live(model: &Model, number: u64) -> Result<Story, Box<dyn Error>> {
    let mut reading = model.observe(Independent { key: KEY, datapoint: number })?;
    let mut noise = Pairs::DEFAULT.noise(KEY, number);
    let mut refiner = Refiner::new(&model.encode(&reading), Stein::DEFAULT, Pairs::DEFAULT);
    let mut path = vec![model.encode(&reading)];
    for _ in 0..STEPS {
        refiner.step(&mut reading, &mut noise)?;
        let Posterior { loc, log_var } = refiner.posterior();
        path.push(DiagNormal { loc: loc.try_into()?, log_var: log_var.try_into()? });
    }
    let best = model.best(&reading);
    let best_bound = bound(&mut reading, &best)?;
    let bounds = path.iter().map(|q| bound(&mut reading, q)).collect::<Result<_, _>>()?;
    let evidence = model.evidence(&reading);
    Ok(Story { reading, best, path, bounds, best_bound, evidence })
}

/// The shipped bound; whole Hadamard matrices make it exact, the log-likelihood being quadratic.
fn bound(reading: &mut Reading, q: &DiagNormal<LATENT>) -> Result<f64, Box<dyn Error>> {
    let points = Hadamard { key: KEY, datapoint: 0, set: 4, radius: Radius::One };
    let scratch = Scratch { eps: &mut [0.0; LATENT], z: &mut [0.0; LATENT] };
    let terms = elbo(reading, q.into(), &mut Antithetic(points), 0..8, scratch)?;
    Ok(f64::from(terms.elbo()))
}

fn agree(name: &str, measured: f64, formula: f64) -> Result<(), String> {
    let apart = (measured - formula).abs();
    if apart <= AGREE {
        return Ok(());
    }
    Err(format!("{name}: {measured} measured, {formula} by formula, {apart:e} nats apart"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbow_tests::pages::{answered, hold, page};

    const CHAPTER: &str = "docs/book/src/gaps.md";
    const PICTURE: &str = "docs/book/src/pictures/restricted_encoder.svg";

    #[test]
    fn the_story_is_true_and_the_chapter_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("story.svg");
        let table = tell(&path).unwrap();
        assert!(
            table.lines().count() == 7 && table.contains("approximation gap 0.0872"),
            "{table}"
        );
        let picture = std::fs::read_to_string(path).unwrap();
        assert!(picture.starts_with("<svg") && picture.matches("<polyline").count() > 4);
        hold(PICTURE, &picture);
        let command = "cargo run -q --example restricted_encoder";
        let text = page(CHAPTER);
        assert!(text.contains(command), "{CHAPTER} lacks {command}");
        let found = answered(&text, |line| line.starts_with(command).then(|| table.clone()));
        hold(CHAPTER, &found);
    }
}
