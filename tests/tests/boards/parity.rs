//! What parity images are compared with: every bit of the twin.

use elbow::device::Device;
use elbow::identifier;
use elbow::infer::scored_rows;
use elbow::model::{Loaded, Model};
use elbow::posterior::twin_posteriors;
use elbow_tests::boards::Emulated;
use elbow_tests::images::or_cure;
use elbow_tests::integers::rows;

/// A loaded model with the trained model whose rows it is asked with, and how many of them.
pub type Asked<'a> = (&'a str, Loaded, usize);

/// What is compiled of the models.
pub fn compiled_of(asked: &[Asked<'_>]) -> Vec<Model> {
    asked.iter().map(|(_, loaded, _)| loaded.model.clone()).collect()
}

/// The bits of values.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Encodes and scores rows of the test data of each model on the emulated board, whose image has just these models, and
/// compares all bits; the most cycles of an encoding of each, as far as the emulator counts them.
pub fn cycles(emulated: &Emulated, asked: &[Asked<'_>]) -> Vec<u64> {
    let names = asked.iter().map(|(_, loaded, _)| identifier::identifier(&loaded.model.name));
    let mut device = or_cure(Device::connect(emulated.connect(), names.collect(), None));
    let mut all = Vec::new();
    for (index, (data, loaded, count)) in asked.iter().enumerate() {
        or_cure(device.select(index));
        let batch = rows(loaded, data, "test.npy").first(*count);
        let posteriors = twin_posteriors(loaded, &batch).expect("finite");
        let scores = scored_rows(loaded, &batch).expect("finite").expect("a decoder");
        let mut most = 0;
        for (row, expected) in scores.iter().enumerate() {
            let found = or_cure(device.encode(row as u64, 1, 0, &batch.row(row)));
            let (loc, log_var) = posteriors[0].row(row);
            let name = &loaded.model.name;
            assert_eq!(bits(&found.loc), bits(loc), "{name}: means of row {row}");
            assert_eq!(bits(&found.log_var), bits(log_var), "{name}: log-variances of row {row}");
            let (terms, _) = found.score.expect("a decoder");
            assert_eq!(bits(&[terms.elbo()]), bits(&[expected.score]), "{name}: row {row}");
            most = most.max(found.spent.instructions);
        }
        // Not every emulator counts.
        let cost = if most > 0 { format!(", {most} cycles to encode") } else { String::new() };
        println!("{}: {count} rows equal in every bit{cost}", loaded.model.name);
        all.push(most);
    }
    all
}
