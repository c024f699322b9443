//! The score of a device tells labelled anomalies from normal rows as well as floats on the host do.

use elbow::Precision;
use elbow::device::{Device, Target};
use elbow::import::Options;
use elbow::infer::scored_rows;
use elbow::model::Loaded;
use elbow::rows::Rows;
use elbow_tests::fixtures::{Rows as File, path, rows};
use elbow_tests::images::{compiled, or_cure};
use elbow_tests::labelled::{Scorer, auroc, by_label};
use elbow_tests::random::Random;

/// Rows of the test part: normal ones, and anomalies. With these an area of 0.999 has a standard error of 0.0005.
const CHOSEN: [usize; 2] = [2_000, 1_000];

/// So many different rows, chosen by a seed.
fn chosen(all: &File, count: usize) -> File {
    let mut random = Random::new(15, count as u64);
    let mut order: Vec<usize> = (0..all.count).collect();
    (0..count).for_each(|at| order.swap(at, random.int(at, all.count - 1)));
    let values = order[..count].iter().flat_map(|row| all.row(*row).to_vec());
    File { values: values.collect(), count }
}

/// Encoder and decoder have integers, and of every score the Cortex-M4F has the bits of the integer twin.
#[test]
fn the_shuttle_s_anomalies_are_found_by_a_cortex_m4_in_integers_as_well_as_in_floats() {
    let target = Target::named("qemu-m4").expect("a target of the table");
    let folder = path("models/shuttle");
    let float = Loaded::read(&folder, None, &Options::default()).expect("a model");
    let scorer = Scorer::of("shuttle");
    let observed = |file: &File| -> Rows { scorer.observed(file) };
    let calibration = observed(&rows(&folder.join("calibration.npy"))).into();
    let integer = float.quantized(Precision::Int8, &calibration).expect("it has integer forms");
    let integer = integer.for_core(target.core).expect("it fits the core");
    assert!(integer.decoder_precision().is_some(), "the decoder has integers");
    let [normal, anomalous] = by_label("shuttle", "test.npy");
    let parts = [chosen(&normal, CHOSEN[0]), chosen(&anomalous, CHOSEN[1])];

    let (_folder, images) = compiled(std::slice::from_ref(&integer.model));
    let mut device = or_cure(Device::start(&target, &images, &path("firmware")));
    or_cure(device.select(0));
    let mut on_device = |part: &File| -> Vec<f32> {
        let score = |row: usize| {
            let (terms, _) =
                or_cure(device.encode(row as u64, 0, 0, part.row(row))).score.expect("it decodes");
            terms.log_likelihood - terms.kl
        };
        (0..part.count).map(score).collect()
    };
    let [normal, anomalous] = parts.each_ref().map(&mut on_device);
    or_cure(device.finish());

    let twin = |part: &File| -> Vec<u32> {
        let scored = scored_rows(&integer, &observed(part).into());
        let scored = scored.expect("finite posteriors").expect("a decoder");
        scored.iter().map(|row| row.score.to_bits()).collect()
    };
    for (device, part) in [&normal, &anomalous].into_iter().zip(&parts) {
        let device: Vec<u32> = device.iter().map(|score| score.to_bits()).collect();
        assert!(device == twin(part), "a score has other bits than the twin's");
    }
    let in_floats = parts.each_ref().map(|part| scorer.scores(part));
    let [on_device, in_floats] =
        [[&normal, &anomalous], in_floats.each_ref()].map(|[a, b]| auroc(a, b));
    println!(
        "shuttle on {}, encoder {}, decoder {}: AUROC {on_device:.5} of {CHOSEN:?} rows, {in_floats:.5} in floats",
        target.name,
        integer.precision().name(),
        integer.decoder_precision().map_or("f32", Precision::name),
    );
    assert!(on_device >= 0.99 && (on_device - in_floats).abs() <= 0.002);
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("a README");
    for text in [format!("AUROC {on_device:.5}"), format!("{in_floats:.5} in floats")] {
        assert!(readme.contains(&text), "models/shuttle/README.md lacks {text:?}");
    }
}
