//! `elbow monitor` of a board at a pseudo-terminal that tells what a sensor image tells.

use crate::common::{Outcome, elbow};
use crate::port::board::{Line, frame, terminal};
use elbow_core::detect::{FaultKind, Verdict};
use elbow_core::wire::{
    Counts, Floats, Judgement, PROTOCOL, Refusal, Reply, ResetReason, Sensed, SensorFaults, Status,
};
use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The frame of a status after so many readings and failures of the bus, since a start for this reason.
fn status(readings: u32, stuck: u32, reset: ResetReason) -> Vec<u8> {
    let faults = SensorFaults { stuck, recovered: stuck.min(1), ..SensorFaults::default() };
    frame(&Reply::Status(Status {
        protocol: PROTOCOL,
        model: "motion3",
        fingerprint: 0xabc,
        sensor: "LIS3DH",
        channels: 3,
        hop: 16,
        rate: 64.0,
        reset,
        t_us: u64::from(readings) * 15_625,
        busy_us: u64::from(readings) * 3_125,
        counts: Counts {
            readings,
            missed: stuck,
            windows: readings / 16,
            faults,
            ..Counts::default()
        },
    }))
}

/// The frame of what is said of window `number`, with a posterior of two latents where `encoded`.
fn window(number: u32, encoded: bool, judgement: Judgement) -> Vec<u8> {
    let values = [number as f32 / 4.0, -0.5, 0.0, -2.0];
    let (mean, log_var) = if encoded { values.split_at(2) } else { (&[][..], &[][..]) };
    frame(&Reply::Sensed(Sensed {
        number,
        reading: 63 + 16 * number,
        t_us: 1_000_000 + 250_000 * u64::from(number),
        delay_us: 40_000,
        busy_us: 35_250,
        mean: Floats::new(mean),
        log_var: Floats::new(log_var),
        judgement,
    }))
}

/// What a detector says.
fn judged(verdict: Verdict) -> Judgement {
    Judgement::Verdict { verdict, g: 1.5, statistic: 0.25 }
}

/// A board that tells these frames, twenty milliseconds apart, and then nothing.
fn board(frames: Vec<Vec<u8>>) -> Line {
    terminal(move |mut master, stop| {
        // The command clears what came before it listened.
        std::thread::sleep(Duration::from_millis(1500));
        for frame in frames {
            master.write_all(&frame).expect("the command listens");
            std::thread::sleep(Duration::from_millis(20));
        }
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

/// A whole conversation: normal windows, one that was lost on the way, a fault, an anomaly, noise, a refused window,
/// and a watchdog's reset.
fn story() -> Vec<Vec<u8>> {
    let outside = false;
    let scored = |number| {
        let verdict = Verdict::Scored { score: -800.5 - number as f32, p: 0.5, outside };
        window(number, true, judged(verdict))
    };
    let anomaly = Verdict::Anomaly { score: -900.25, p: 0.0078125, channel: Some(2), outside };
    let fault = Verdict::SensorFault { channel: 1, kind: FaultKind::Stuck };
    let refused = Judgement::Refused(Refusal::NonFiniteInput { index: 1 });
    let mut damaged = scored(5);
    damaged[12] ^= 0x55;
    vec![
        status(0, 0, ResetReason::Power),
        scored(0),
        scored(1),
        window(3, false, judged(fault)),
        status(128, 3, ResetReason::Power),
        window(4, true, judged(anomaly)),
        damaged,
        window(6, false, refused),
        status(2, 0, ResetReason::Watchdog),
        scored(0),
    ]
}

/// `elbow monitor` of the line with these options, without the number of windows or seconds that end it.
fn monitor(line: &Line, options: &[&str]) -> Outcome {
    elbow(&[&["monitor", &line.target][..], options].concat())
}

#[test]
fn windows_are_printed_recorded_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let [csv, svg] = ["board.csv", "board.svg"].map(|file| folder.path().join(file));
    let (csv_word, svg_word) = (csv.to_str().unwrap(), svg.to_str().unwrap());
    let line = board(story());
    let options = ["--windows", "6", "--csv", csv_word, "--picture", svg_word];
    let outcome = monitor(&line, &options).done();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    for (at, words) in [
        (0, &["motion3", "LIS3DH", "3 channels", "64 Hz", "every 0.250 s", "power"][..]),
        (1, &["0 readings", "0 windows"]),
        (2, &["1.00 s", "+0.00±1.00 -0.50±0.37", "score -800.50", "p 0.5000", "scored", "35.2 ms"]),
        (4, &["sensor_fault_stuck in channel 1"]),
        (
            5,
            &[
                "128 readings",
                "duty 20.0 %",
                "3 readings missed",
                "3 times the bus was stuck",
                "found again",
            ],
        ),
        (6, &["score -900.25", "p 0.0078", "anomaly in channel 2"]),
        (7, &["refused: input[1] is not finite"]),
    ] {
        assert!(words.iter().all(|word| lines[at].contains(word)), "{at}: {}", outcome.stdout);
    }
    for note in [
        "began anew 0.0 s ago: its watchdog",
        "6 windows heard, 2 lost on the way, 1 frames damaged",
    ] {
        assert!(outcome.stderr.contains(note), "{}", outcome.stderr);
    }
    let text = std::fs::read_to_string(csv).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
    let head = &rows[0];
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| row.len() == head.len()), "{text}");
    let column = |name: &str| {
        let at = head.iter().position(|column| *column == name).unwrap_or_else(|| panic!("{name}"));
        rows[1..].iter().map(|row| row[at]).collect::<Vec<_>>()
    };
    assert_eq!(column("window"), ["0", "1", "3", "4", "6", "0"]);
    assert_eq!(column("restart"), ["0", "0", "0", "0", "0", "1"]);
    let verdicts = ["scored", "scored", "sensor_fault_stuck", "anomaly", "refused", "scored"];
    assert_eq!(column("verdict"), verdicts);
    assert_eq!(column("score"), ["-800.5", "-801.5", "", "-900.25", "", "-800.5"]);
    assert_eq!(column("p"), ["0.5", "0.5", "", "0.0078125", "", "0.5"]);
    assert_eq!(column("channel"), ["", "", "1", "2", "", ""]);
    assert_eq!(column("mean_0"), ["0", "0.25", "", "1", "", "0"]);
    assert_eq!(column("log_var_1"), ["-2", "-2", "", "-2", "", "-2"]);
    assert_eq!(column("sensor_faults"), ["0", "0", "0", "3", "3", "0"]);
    assert_eq!(column("t_s")[1], "1.250000");
    let picture = std::fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("z[1]"), "a picture of two latents");
}

#[test]
fn the_sum_is_one_json_object() {
    let line = board(story());
    let report = monitor(&line, &["--windows", "6", "--json"]).done().json();
    let verdicts = serde_json::json!({
        "scored": 3, "sensor_fault_stuck": 1, "anomaly": 1, "refused": 1
    });
    assert_eq!(report["verdicts"], verdicts, "{report}");
    for (key, value) in [("windows", 6), ("windows_lost_on_the_way", 2), ("restarts", 1)] {
        assert_eq!(report[key], value, "{report}");
    }
    assert_eq!((&report["model"], &report["counts"]["readings"]), (&"motion3".into(), &2.into()));
}

#[test]
fn a_board_that_tells_nothing_is_given_up_with_what_to_check() {
    let line = terminal(|_, stop| {
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let outcome = monitor(&line, &["--timeout", "1"]);
    let words = ["nothing was heard for 1 s", "silent", "sensor image", "has power"];
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    let named = outcome.stderr.contains(&line.target);
    assert!(named && words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
}

#[test]
fn a_board_of_another_protocol_is_refused() {
    let mut status = status(0, 0, ResetReason::Power);
    // The version is the first byte behind the number of the message: code, message, version.
    let deframed = {
        let mut deframer = elbow_core::wire::Deframer::new([0; 512]);
        let mut message = Vec::new();
        for byte in &status {
            if let Some(found) = deframer.push(*byte) {
                message = found.to_vec();
            }
        }
        message
    };
    let mut status_of: Status<'_> = match elbow_core::wire::parse(&deframed) {
        Some(Reply::Status(status)) => status,
        other => panic!("{other:?}"),
    };
    status_of.protocol = PROTOCOL + 1;
    status = frame(&Reply::Status(status_of));
    let outcome = monitor(&board(vec![status]), &["--timeout", "4"]);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("version of the protocol is 4 on the device"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_unplugged_board_is_waited_for_and_then_given_up() {
    let line = terminal(|mut master, _| {
        std::thread::sleep(Duration::from_millis(1500));
        let _ = master.write_all(&status(0, 0, ResetReason::Power));
        std::thread::sleep(Duration::from_millis(300));
    });
    let outcome = monitor(&line, &["--timeout", "2"]);
    assert_eq!(outcome.code, 3, "{}", outcome.stderr);
    let words = ["waiting for the board", "cannot be opened"];
    assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
}
