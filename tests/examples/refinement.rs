//! `cargo run --release -p elbow-tests --example refinement -- digits 397`: what refinement gains on the first test
//! rows of a model in `models/`, by three keys, and by noise that repeats.

use elbow_tests::refinement::Gains;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows = |count: String| count.parse().ok();
    match (arguments.next(), arguments.next().and_then(rows)) {
        (Some(model), Some(rows)) => print!("{model}: {}", Gains::of(&model, rows)),
        _ => eprintln!("expected the name of a model and a number of rows: digits 397"),
    }
}
