//! The bits of every posterior of the trained models, as they were when last looked at:
//! `tests/golden/integers.txt`.
//!
//! `ELBOW_ACCEPT=1 cargo test -p elbow-tests --test host integers` accepts what is computed now. A change is
//! another posterior on every device: the commit that accepts it says why.

use super::SUBJECTS;
use elbow::posterior::Posteriors;
use elbow_core::checksum::crc32_of_floats;
use elbow_tests::fixtures::path;
use std::sync::LazyLock;

const HEADER: &str = "\
# CRC-32 of the mean and log-variance (little-endian f32) of every row of models/MODEL/test.npy, by model and
# precision. `ELBOW_ACCEPT=1 cargo test -p elbow-tests --test host integers` writes them; a change needs a reason
# in the commit that accepts it.
";

/// The file; what is computed now has become its text where that is to be accepted.
static GOLDEN: LazyLock<String> = LazyLock::new(|| {
    let file = path("tests/golden/integers.txt");
    if std::env::var("ELBOW_ACCEPT").is_ok_and(|accept| accept == "1") {
        std::fs::write(&file, found()).expect("the goldens can be written");
    }
    std::fs::read_to_string(&file).expect("the goldens are there")
});

/// The line of a model at a precision.
fn line(model: &str, precision: &str, posteriors: &[Posteriors]) -> String {
    let parts = posteriors.iter().flat_map(|q| [&q.loc[..], &q.log_var[..]]);
    let parts: Vec<&[f32]> = parts.collect();
    format!("{model} {precision} {:08x}\n", crc32_of_floats(&parts))
}

/// Whether these are the posteriors that the file holds for a model at a precision.
pub fn is_golden(model: &str, precision: &str, posteriors: &[Posteriors]) -> bool {
    let line = line(model, precision, posteriors);
    let named = |golden: &&str| golden.starts_with(&format!("{model} {precision} "));
    let golden = GOLDEN.lines().find(named);
    golden.unwrap_or_else(|| panic!("no golden of {model} {precision}")) == line.trim_end()
}

/// The text of the file by what is computed now.
fn found() -> String {
    let lines = SUBJECTS.iter().flat_map(|subject| {
        let both = [&subject.float, &subject.integer];
        both.map(|loaded| {
            line(subject.model, loaded.precision().name(), &subject.posteriors(loaded))
        })
    });
    HEADER.to_owned() + &lines.collect::<String>()
}

#[test]
fn posteriors_have_the_bits_that_were_accepted() {
    let found = found();
    assert!(*GOLDEN == found, "they differ from {}, now:\n{found}", "tests/golden/integers.txt");
}
