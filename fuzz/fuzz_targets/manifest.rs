//! Text as an `elbow.toml`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A refusal is an answer, too.
    let _ = elbow::manifest::Manifest::parse(text);
});
