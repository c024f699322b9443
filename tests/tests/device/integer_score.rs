//! What the posterior and the score of `models/imu` take in integers, on cores without and with a float unit.

use elbow::Precision;
use elbow::device::Target;
use elbow::import::Options;
use elbow::model::Loaded;
use elbow::parity::cost::cost;
use elbow_tests::fixtures::path;
use elbow_tests::images::or_cure;
use elbow_tests::integers::rows;

/// Instructions that the encoder and the score, decoder and likelihood, may take by target: some 2 % above what they
/// take with the compiler of `bench/counts.txt`, so that no step falls back to a slower way unseen.
const MOST: [(&str, u64, u64); 3] =
    [("qemu-m0", 460_000, 595_000), ("qemu-m3", 237_000, 290_000), ("qemu-m4", 161_000, 136_000)];
/// What the score must not exceed.
const SCORE: [u64; 3] = [800_000, 400_000, 160_000];

#[test]
fn an_integer_score_of_the_imu_takes_what_it_took() {
    let float = Loaded::read(&path("models/imu"), None, &Options::default()).expect("a model");
    let calibration = rows(&float, "imu", "calibration.npy");
    let integer = float.quantized(Precision::Int8, &calibration).expect("it has integer forms");
    let test = rows(&float, "imu", "test.npy");
    for ((name, encode, score), limit) in MOST.into_iter().zip(SCORE) {
        let target = Target::named(name).expect("a target of the table");
        let lowered = integer.for_core(target.core).expect("it can be lowered");
        let cost = or_cure(cost(&lowered, &target, &path("firmware"), &test));
        let encoded = cost.work.encode.instructions;
        let found = cost.work.score.expect("a score").instructions;
        println!(
            "{name}: {encoded} instructions for the encoder, {found} for the score, {} bytes of code",
            cost.footprint.code_bytes
        );
        assert!(encoded <= encode, "{name}: the encoder takes {encoded}");
        assert!(found <= score && found <= limit, "{name}: the score takes {found}");
    }
}
