//! Chapter 6: refinement of encoder's posteriors, with fresh noise in every step and with the same in all.

use super::digits::{Digits, bound};
use super::{Failure, Told};
use elbow_core::infer::{FLOATS_PER_LATENT, Pairs, Posterior, Refiner, Stein};
use elbow_tests::repeating::Repeating;
use std::fmt::Write;

const ROWS: usize = 40;
const STEPS: [u32; 6] = [0, 1, 2, 5, 10, 20];

/// The mean ELBO after some steps; how many rows lost; and what the guard makes of them.
pub fn tell() -> Told {
    let digits = Digits::first(ROWS)?;
    let [fresh, same, guarded] =
        [(false, false), (true, false), (false, true)].map(|how| bounds(&digits, how));
    let (fresh, same, guarded) = (fresh?, same?, guarded?);
    let mut text = format!("ELBO, mean of {ROWS} images; images that lost more than 0.01 nats\n");
    writeln!(text, "steps      fresh noise    the same noise    fresh, guarded")?;
    for (at, steps) in STEPS.into_iter().enumerate() {
        let cell = |bounds: &[Vec<f64>]| {
            let sum: f64 = bounds[at].iter().sum();
            let lost =
                bounds[0].iter().zip(&bounds[at]).filter(|(start, end)| *start - *end > 0.01);
            format!("{:10.3} {:3} lost", sum / ROWS as f64, lost.count())
        };
        writeln!(text, "{steps:5} {}{}{}", cell(&fresh), cell(&same), cell(&guarded))?;
    }
    Ok(text)
}

/// The bounds of all rows after each of [`STEPS`], with noise that repeats or not, with the guard or without.
fn bounds(d: &Digits, (fixed, guard): (bool, bool)) -> Result<Vec<Vec<f64>>, Failure> {
    let (mut likelihood, mut found) = (d.likelihood()?, vec![Vec::new(); STEPS.len()]);
    for row in 0..ROWS {
        likelihood.forward().at(row);
        let inside = Pairs::DEFAULT.noise(0, row as u64);
        let (mut noise, floats) = (Repeating { inside, fixed }, [0.0; 2 * FLOATS_PER_LATENT]);
        let start = d.posterior(row);
        let mut refiner = Refiner::in_buffer(floats, start, Stein::DEFAULT, Pairs::DEFAULT);
        for (at, steps) in STEPS.into_iter().enumerate() {
            while refiner.steps() < steps {
                refiner.step(&mut likelihood, &mut noise)?;
            }
            let (mut loc, mut log_var) = (start.loc.to_vec(), start.log_var.to_vec());
            match guard {
                true => drop(refiner.finish_slices(
                    &mut likelihood,
                    &mut noise,
                    &mut loc,
                    &mut log_var,
                )?),
                false => {
                    let q = refiner.posterior();
                    (loc, log_var) = (q.loc.to_vec(), q.log_var.to_vec());
                }
            }
            found[at].push(bound(&mut likelihood, Posterior { loc: &loc, log_var: &log_var })?);
        }
    }
    Ok(found)
}
