//! Peers are built, compute what the reference computes, and take what others have measured.

use elbow_bench::published::published;
use elbow_bench::{Options, bench, peers};

/// CMSIS-NN of 2022 and of 2026 differ less than that where the kernels are the same.
const SHARE: f64 = 0.05;

/// Workloads on cores whose kernels did not change between the two: not W2 and W3 on an M55, whose
/// vector kernels are new.
const SAME: &[(&str, &[&str])] = &[
    ("m0", &["W1-128", "W1-640"]),
    ("m3", &["W1-128", "W3"]),
    ("m4", &["W1-128", "W1-640", "W2", "W3", "W4"]),
    ("m55", &["W4"]),
];

#[test]
fn cmsis_nn_takes_what_was_published() {
    for (core, works) in SAME {
        let works = works.iter().map(|work| (*work).to_owned()).collect();
        let cores = vec![(*core).to_owned()];
        let options = Options { cores, works, peers: peers(0), ..Options::default() };
        let table = bench(&options).expect("peers that agree with the reference and each other");
        for row in table.rows.iter().filter(|row| row.who == "CMSIS-NN") {
            let figure = published(core, row.work.name).expect("a published figure");
            let ratio = row.measured.instructions as f64 / figure.instructions as f64;
            let found = row.measured.instructions;
            assert!((ratio - 1.0).abs() < SHARE, "{core} {}: {found}, {figure:?}", row.work.name);
        }
    }
}
