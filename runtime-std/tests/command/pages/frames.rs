//! `docs/reference/wire.md`: examples of frames, written by the code that the device runs.

use elbow_core::wire::{
    Cost, Deframer, Described, Floats, Framer, Inference, Kind, PROTOCOL, Refusal, Reply, Request,
    Score, frame_len, message_len,
};
use elbow_tests::pages::hold_part;
use serde::Serialize;

/// Most bytes of floats and text in an example.
const PAYLOAD: usize = 64;

/// A row of the table: what the message is, its bytes, and those of its frame.
fn row(what: &str, message: &impl Serialize) -> String {
    let mut framer = Framer::new([0; message_len(PAYLOAD)], [0; frame_len(PAYLOAD)]);
    let mut deframer = Deframer::new([0; message_len(PAYLOAD)]);
    let frame = framer.frame(message).expect("a short message");
    let parsed = frame.iter().find_map(|byte| deframer.push(*byte).map(<[u8]>::to_vec));
    let message = parsed.expect("a whole frame");
    format!("| {what} | `{}` | `{}` |\n", hexadecimal(&message), hexadecimal(frame))
}

/// The bytes, two digits each, with spaces between.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_of_frames_has_the_bytes_of_its_examples() {
    let (x, mean, log_var) = ([1.0, -2.0], [0.5], [-1.0]);
    let inputs = Floats::new(&x);
    let kind = Kind::Amortized { inputs: 2, latent: 1, posteriors: 1, scored: true };
    let described =
        Described { name: "imu", fingerprint: 0x49da_5fe8_1b77_8f39, kind, workspace_bytes: 3588 };
    let cost = Cost { ticks: 6656, stack_bytes: Some(568), arena_bytes: 3584 };
    let score = Score { log_likelihood: -3.0, kl: 0.25, cost: Cost::default() };
    let (mean, log_var) = (Floats::new(&mean), Floats::new(&log_var));
    let posterior = Reply::Posterior {
        row: 7,
        index: 0,
        mean,
        log_var,
        clamp_hits: 0,
        cost,
        score: Some(score),
    };
    let hello =
        Reply::Hello { protocol: PROTOCOL, noise_version: 1, models: 1, ticks_per_million: 25_000 };
    let refused = Reply::Refused(Refusal::WrongLength { expected: 576, found_bytes: 8 });
    let infer = Request::Infer { row: 7, key: 300, task: Inference::Refine, count: 10, inputs };
    let rows = [
        row("request `Hello`", &Request::Hello),
        row("request `Select`, model 0", &Request::Select { model: 0 }),
        row(
            "request `Encode`, row 7, key 300, 1 sample, inputs 1 and -2",
            &Request::Encode { row: 7, key: 300, samples: 1, inputs },
        ),
        row("request `Infer`, the same row, 10 steps of refinement", &infer),
        row("reply `Hello`, version 3, noise 1, 1 model, 25,000 ticks", &hello),
        row("reply `Described`, `imu`, 2 inputs, 1 latent, scored", &Reply::Described(described)),
        row("reply `Posterior` of row 7, mean 0.5, log-variance -1", &posterior),
        row("reply `Refused`, 576 floats expected, 8 bytes found", &refused),
        row("reply `Bye`", &Reply::Bye),
    ];
    let table = format!("| Message | Its bytes | The frame |\n|---|---|---|\n{}", rows.concat());
    hold_part("docs/reference/wire.md", "frames", &table);
}
