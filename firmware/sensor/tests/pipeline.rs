//! The tasks on the host: a sensor that fails as told, a clock that jumps to the next time that somebody waits for, and
//! a link that may hang.

mod fake;

use elbow_core::wire::{Counts, Judgement, Refusal, ResetReason};
use fake::{Event, Link, Readings, Told, Wrong, run};

/// Runs the program for so many seconds with a sensor that fails in these spans of seconds.
fn told(seconds: u64, faults: &[(f64, f64, Wrong)]) -> Told {
    run(seconds, faults, Link::default(), &[])
}

/// The numbers of the last readings of the windows that were encoded.
fn windows(told: &Told) -> Vec<u32> {
    let encoded = told.sensed.iter().filter(|sensed| sensed.judgement == Judgement::Encoded);
    encoded.map(|sensed| sensed.reading).collect()
}

#[test]
fn every_window_is_told_with_what_the_model_says_of_its_readings() {
    let told = told(3, &[]);
    let counts = told.last_counts();
    assert_eq!((counts.missed, counts.lost, counts.late, counts.untold), (0, 0, 0, 0));
    assert!(counts.readings >= 200 && counts.windows >= 99, "{counts:?}");
    assert!(told.sensed.len() >= 148, "{}", told.sensed.len());
    for (number, sensed) in (0..).zip(&told.sensed) {
        let last = 3 + 2 * number;
        assert_eq!((sensed.number, sensed.reading), (number, last));
        assert_eq!(sensed.t_us, 10_000 * u64::from(last));
        let sum: f32 = (last - 3..=last).map(Readings::value).sum();
        assert_eq!((&sensed.mean[..], &sensed.log_var[..]), (&[sum][..], &[-1.0][..]));
    }
    let [first, ..] = &told.status[..] else { panic!("a status at the start") };
    assert_eq!((first.model.as_str(), first.sensor.as_str(), first.t_us), ("fake", "readings", 0));
    assert_eq!((first.channels, first.hop, first.rate), (1, 2, 100.0));
    assert_eq!(first.reset, ResetReason::Watchdog);
    assert_eq!(told.status.len(), 3, "one every second");
    assert!(told.fed >= 2, "the tasks made progress");
}

#[test]
fn a_fault_is_counted_and_mended_and_no_window_joins_readings_across_it() {
    let of = |counts: &Counts| {
        let f = counts.faults;
        [f.silent, f.stuck, f.wrong_identity, f.implausible, f.other]
    };
    let cases = [
        (Wrong::Silent, 0),
        (Wrong::Hangs, 1),
        (Wrong::Identity, 2),
        (Wrong::Nan, 3),
        (Wrong::OutOfRange, 3),
        (Wrong::Other, 4),
    ];
    for (fault, place) in cases {
        let told = told(4, &[(1.0, 2.0, fault)]);
        let counts = told.last_counts();
        let faults = of(&counts);
        assert!(faults[place] >= 3, "{fault:?}: {faults:?}");
        assert_eq!(faults.iter().sum::<u32>(), faults[place], "{fault:?}: {faults:?}");
        assert!(counts.faults.recovered >= 1, "{fault:?}: {counts:?}");
        assert!((90..=131).contains(&counts.missed), "{fault:?}: {counts:?}");
        assert_eq!(counts.lost, 0, "{fault:?}");
        let joined = windows(&told).into_iter().filter(|last| (100..203).contains(last));
        assert_eq!(joined.count(), 0, "{fault:?}");
        assert!(windows(&told).iter().any(|last| *last > 240), "{fault:?}: windows go on");
        assert!(told.fed >= 3, "{fault:?}: a broken sensor is no reason for a reset");
    }
}

#[test]
fn a_missing_reading_refuses_the_windows_that_hold_it() {
    let told = told(2, &[(1.0, 1.005, Wrong::Nan)]);
    let refused: Vec<_> =
        told.sensed.iter().filter(|sensed| sensed.judgement != Judgement::Encoded).collect();
    assert!(!refused.is_empty());
    for sensed in refused {
        assert_eq!(sensed.judgement, Judgement::Refused(Refusal::NonFiniteInput { index: 0 }));
        assert!(sensed.mean.is_empty() && (100..=103).contains(&sensed.reading), "{sensed:?}");
    }
    assert!(windows(&told).contains(&105));
}

#[test]
fn a_link_that_hangs_stops_nothing_else() {
    let told = run(6, &[], Link { hangs_from_us: 1_000_000, until_us: 4_000_000 }, &[]);
    let counts = told.last_counts();
    assert_eq!((counts.missed, counts.lost), (0, 0));
    assert!(counts.untold >= 100, "{counts:?}");
    assert!(told.sensed.last().is_some_and(|sensed| sensed.reading > 590));
    assert!(told.fed >= 5, "telling gives up and goes round");
}

#[test]
fn inference_that_stands_still_loses_readings_and_is_not_fed_for() {
    let told = run(5, &[], Link::default(), &[Event::InferenceStops]);
    let counts = told.last_counts();
    assert_eq!(counts.readings - counts.lost, 64, "what the queue holds: {counts:?}");
    assert_eq!((told.fed, counts.windows), (0, 0));
}
