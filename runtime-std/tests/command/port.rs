//! `elbow parity` with a board at a port, as a user calls it, and what goes wrong on such a line.

pub mod board;

use crate::common::{Outcome, elbow, elbow_line, repository};
use board::{Fate, Fault, Line, board, board_over_tcp, frame, sound, terminal};
use elbow_core::wire::{Deframer, PROTOCOL, Reply, ResetReason, Status, parse};
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// `elbow parity` of a model on the board at the end of `line`, with three rows and a second for each answer.
fn parity_of(model: &str, line: &Line) -> Outcome {
    let folder = repository(&format!("models/{model}"));
    let words =
        format!("parity {{}} --input {{}} --rows 3 --timeout 1 --json --target {}", line.target);
    elbow_line(&words, &[&folder, &folder.join("test.npy")])
}

/// The same of the model that the board has.
fn parity(line: &Line) -> Outcome {
    parity_of("digits", line)
}

/// Asserts that parity passed with the twin's bits and that `notes` on stderr say that something was asked again.
fn assert_passed(outcome: Outcome, notes: &[&str]) {
    let stderr = outcome.stderr.clone();
    let report = outcome.done().json();
    assert_eq!((&report["pass"], &report["twin_bit_exact"]), (&true.into(), &true.into()));
    assert_eq!(stderr.matches("asked again").count(), notes.len(), "{stderr}");
    notes.iter().for_each(|note| assert!(stderr.contains(note), "{stderr}"));
}

/// Asserts that the command failed with exit code 3 and an error that names the port and has all `words`.
fn assert_environment(outcome: &Outcome, line: &Line, words: &[&str]) {
    let error = outcome.stderr.lines().find(|line| line.starts_with("error: "));
    let error = error.unwrap_or_else(|| panic!("no error: {}", outcome.stderr));
    assert_eq!((outcome.code, &outcome.stdout[..]), (3, ""), "{error}");
    let port = format!("error: {}: ", line.target);
    assert_eq!(error.matches(&line.target).count(), 1, "{error}");
    assert!(error.starts_with(&port) && words.iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn a_board_at_a_port_gives_the_twins_bits_with_cycles_and_seconds() {
    for line in [board(sound()), board_over_tcp()] {
        let report = parity(&line).done().json();
        assert_eq!((&report["pass"], &report["twin_bit_exact"]), (&true.into(), &true.into()));
        assert_eq!((&report["target"], &report["rows"]), (&line.target.clone().into(), &3.into()));
        assert_eq!(report["inferences_compared"], 4, "two bounds of two rows: {report}");
        for unknown in ["/instructions_per_inference", "/flash_bytes/code", "/ram_bytes/stack"] {
            assert!(report.pointer(unknown).is_some_and(|value| value.is_null()), "{report}");
        }
        // The image stands for a board at 64 MHz with a timer of microseconds.
        let seconds = report["seconds_per_inference"].as_f64().expect("a board's time");
        let cycles = report["cycles_per_inference"].as_f64().expect("a board's cycles");
        assert!(seconds > 0.0 && (cycles / seconds / 64e6 - 1.0).abs() < 0.01, "{report}");
    }
}

#[test]
fn bench_measures_a_board_at_a_port_as_far_as_it_can() {
    let line = board(sound());
    let words = format!("bench {{}} --json --timeout 1 --target {}", line.target);
    let report = elbow_line(&words, &[&repository("models/digits")]).done().json();
    for known in ["/macs", "/cycles_per_inference", "/cycles_per_score", "/flash_bytes/weights"] {
        assert!(report.pointer(known).is_some_and(|value| value.is_u64()), "{known}: {report}");
    }
    for known in ["seconds_per_inference", "seconds_per_score"] {
        assert!(report[known].as_f64().is_some_and(|seconds| seconds > 0.0), "{report}");
    }
    for unknown in ["instructions_per_inference", "program_bytes", "compiler", "cycles_estimate"] {
        assert!(report[unknown].is_null(), "{unknown}: {report}");
    }
    assert_eq!(report["target"], line.target, "{report}");
}

#[test]
fn silence_is_told_with_what_to_check() {
    let line = terminal(|mut master, stop| {
        while !stop.load(Ordering::Relaxed) {
            let _ = master.read(&mut [0; 64]);
        }
    });
    assert_environment(&parity(&line), &line, &["silent", "has power", "parity image", "115200"]);
}

#[test]
fn bytes_that_are_no_answer_are_told_as_another_program() {
    for garbage in [&b"boot: ok\r\ntemp 23.4\r\n"[..], &[7, 0, 200, 1, 0, 0, 3]] {
        let line = terminal(move |mut master, stop| {
            while !stop.load(Ordering::Relaxed) {
                let _ = master.write_all(garbage);
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let words = ["bytes came", "another program", "another speed", "this computer"];
        assert_environment(&parity(&line), &line, &words);
    }
}

#[test]
fn a_sensor_image_is_told_with_the_command_that_looks_at_it() {
    let status = Reply::Status(Status {
        protocol: PROTOCOL,
        model: "motion3",
        fingerprint: 1,
        sensor: "LIS3DH",
        channels: 3,
        hop: 16,
        rate: 64.0,
        reset: ResetReason::Power,
        t_us: 0,
        busy_us: 0,
        counts: Default::default(),
    });
    let status = frame(&status);
    let line = terminal(move |mut master, stop| {
        while !stop.load(Ordering::Relaxed) {
            let _ = master.write_all(&status);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_environment(&parity(&line), &line, &["sensor image", "elbow monitor"]);
}

/// Does `change` to the frame of this number, and nothing to any other.
fn at(number: usize, mut change: impl FnMut(Vec<u8>) -> Fate + Send + 'static) -> Fault {
    Box::new(move |at, frame| if at == number { change(frame) } else { Fate::Arrives(frame) })
}

/// Whether a frame is that of a posterior.
fn is_posterior(frame: &[u8]) -> bool {
    let mut deframer = Deframer::new([0; 512]);
    frame.iter().any(|byte| {
        deframer.push(*byte).is_some_and(|m| matches!(parse(m), Some(Reply::Posterior { .. })))
    })
}

/// Greeting, clock and two descriptions of the model come before the posterior of the first row.
const FIRST_POSTERIOR: usize = 4;

#[test]
fn what_noise_has_damaged_is_asked_again() {
    let flipped = |mut frame: Vec<u8>| {
        frame[9] ^= 0x40;
        Fate::Arrives(frame)
    };
    for frame in 1..FIRST_POSTERIOR + 3 {
        let line = board(at(frame, flipped));
        assert_passed(parity(&line), &["a damaged frame arrived from the device; asked again"]);
    }
}

#[test]
fn a_lost_greeting_is_sent_again() {
    let line = board(at(0, |_| Fate::Arrives(Vec::new())));
    let folder = repository("models/digits");
    let words =
        format!("parity {{}} --input {{}} --rows 1 --timeout 3 --json --target {}", line.target);
    assert_passed(elbow_line(&words, &[&folder, &folder.join("test.npy")]), &[]);
}

#[test]
fn a_board_that_was_reset_in_the_middle_of_a_frame_is_asked_again() {
    let cut = |mut frame: Vec<u8>| {
        frame.truncate(frame.len() / 2);
        Fate::Reset(frame)
    };
    let line = board(at(FIRST_POSTERIOR + 2, cut));
    assert_passed(parity(&line), &["does not answer in time; asked again"]);
    // Reset between two rows: the board has forgotten its model, and says so.
    let line = board(at(FIRST_POSTERIOR + 2, Fate::Reset));
    assert_passed(parity(&line), &["no model is selected"]);
}

#[test]
fn a_board_that_is_reset_by_every_row_is_given_up() {
    let line = board(Box::new(|_, frame| match is_posterior(&frame) {
        true => Fate::Reset(frame[..16].to_vec()),
        false => Fate::Arrives(frame),
    }));
    let outcome = parity(&line);
    assert_eq!(outcome.stderr.matches("asked again").count(), 2, "{}", outcome.stderr);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("does not answer in time; check"), "{}", outcome.stderr);
}

#[test]
fn a_board_of_another_protocol_is_refused() {
    let hello = |protocol| {
        let (noise_version, models, ticks_per_million) = (1, 1, 15_625);
        frame(&Reply::Hello { protocol, noise_version, models, ticks_per_million })
    };
    let old = hello(PROTOCOL + 1);
    let line = board(Box::new(move |_, _| Fate::Arrives(old.clone())));
    let words = ["version of the protocol is 4 on the device and 3 here", "flash its firmware"];
    assert_environment(&parity(&line), &line, &words);
    // A whole frame that no version of this protocol has.
    let strange =
        elbow_core::wire::Framer::new([0; 64], [0; 64]).frame(&[200u8, 1]).unwrap().to_vec();
    let line = board(Box::new(move |_, _| Fate::Arrives(strange.clone())));
    assert_environment(
        &parity(&line),
        &line,
        &["speaks another protocol", "this version of elbow"],
    );
}

#[test]
fn a_board_with_another_model_is_refused() {
    let line = board(sound());
    let words = ["no model `digits_conv`", "it has `digits`", "flash an image"];
    assert_environment(&parity_of("digits_conv", &line), &line, &words);
    // The same name and files, and another clamp of the spread.
    let (folder, model) = (tempfile::tempdir().unwrap(), repository("models/digits"));
    for file in ["encoder.onnx", "decoder.onnx"] {
        std::fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let manifest = std::fs::read_to_string(model.join("elbow.toml")).unwrap();
    let other = manifest.replace("clamp = [-14, 6]", "clamp = [-3, 2]");
    assert_ne!(manifest, other);
    std::fs::write(folder.path().join("elbow.toml"), other).unwrap();
    let line = board(sound());
    let words = format!("parity {{}} --input {{}} --rows 1 --timeout 1 --target {}", line.target);
    let outcome = elbow_line(&words, &[folder.path(), &model.join("test.npy")]);
    assert_environment(&outcome, &line, &["compiled from another file", "build and flash"]);
}

#[test]
fn a_board_that_is_unplugged_is_told_with_what_to_do() {
    for number in [1, FIRST_POSTERIOR, FIRST_POSTERIOR + 5] {
        let line = board(at(number, |_| Fate::Unplugged));
        let outcome = parity(&line);
        let stderr = &outcome.stderr;
        assert_eq!((outcome.code, &outcome.stdout[..]), (3, ""), "{stderr}");
        assert!(stderr.contains(&line.target) && stderr.contains("was unplugged"), "{stderr}");
    }
}

#[test]
fn options_that_a_port_cannot_serve_are_refused() {
    let line = board(sound());
    let (folder, rows) = (repository("models/digits"), repository("models/digits/test.npy"));
    for (options, word) in [("--layers", "leave it out"), ("--timeout 0", "more than 0")] {
        let words = format!("parity {{}} --input {{}} --rows 1 {options} --target {}", line.target);
        let outcome = elbow_line(&words, &[&folder, &rows]);
        assert!(outcome.code == 2 && outcome.stderr.contains(word), "{}", outcome.stderr);
    }
    for (target, words) in [
        ("serial:", "expected serial:PORT[,BAUD], such as"),
        ("tcp:nowhere", "expected tcp:HOST:PORT with a port"),
        ("qemu-m9", "serial:PORT[,BAUD], tcp:HOST:PORT"),
    ] {
        let outcome = elbow(&["parity", "x", "--input", "y", "--target", target]);
        assert!(outcome.code == 2 && outcome.stderr.contains(words), "{}", outcome.stderr);
    }
}
