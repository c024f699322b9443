//! Refinement of trained models by the rule that needs no tuning, and by noise that repeats, which fails.
//!
//! A few rows each; `cargo run --release -p elbow-tests --example refinement` measures more.

use elbow_tests::refinement::{Gains, pass};

/// Holds fresh noise to what is promised; fixed noise always leaves more of the gap.
fn closes_the_gap(name: &str, rows: usize) -> Gains {
    let gains = Gains::of(name, rows);
    println!("{name}: {gains}");
    for shares in &gains.fresh {
        assert!(pass(shares), "{name}: {gains}");
        assert!(gains.fixed[1].closed < shares[1].closed, "{name}: {gains}");
    }
    gains
}

#[test]
fn refinement_closes_the_gap_of_digits_untuned_and_fixed_noise_fails() {
    let gains = closes_the_gap("digits", 100);
    assert!(!pass(&gains.fixed), "{gains}");
}

/// Their gaps are so wide that noise which is fitted closes most of them, too.
#[test]
fn refinement_closes_the_gap_of_stiff_models_untuned() {
    for name in ["digits_gaussian", "imu", "digits_conv"] {
        closes_the_gap(name, 4);
    }
}
