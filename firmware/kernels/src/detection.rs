//! Detection: a path of scores with its golden bits, and a long stream of readings whose verdicts have the
//! same digest on every core and on the host.

use crate::workloads::{SEED, Values};
use elbow_core::detect::{
    AlarmDesign, ChannelState, Clock, Cusum, DriftDesign, Evaluated, Limits, Moment, Monitor,
    MonitorDesign, RankEntry, RankTable, Ranks, Tables, Verdict, Votes, WindowParts, ranks,
};
use elbow_core::infer::Posterior;
use elbow_core::window::{Ring, WindowShape};

/// Steps of `tests/detection/detector_f32.json`: the bits of a score, its index, and the bits of its
/// surprise and of the sum after it.
pub const GOLDEN: [[u32; 4]; 12] = [
    [0xc3fa_4000, 46, 0x3f28_a5c7, 0x0000_0000],
    [0xc1a2_0000, 52, 0x0000_0000, 0x0000_0000],
    [0xc46d_8000, 26, 0x403e_8602, 0x3fa0_e454],
    [0xc477_a000, 9, 0x4093_65be, 0x4084_94e7],
    [0xc496_0000, 0, 0x40dd_1485, 0x4115_4fc0],
    [0xc479_c000, 1, 0x40c6_e642, 0x415d_3deb],
    [0xc479_a000, 1, 0x40c6_e642, 0x4192_960b],
    [0x7fc0_0000, 0, 0x40dd_1485, 0x41bc_18b1],
    [0xc479_4000, 3, 0x40b0_b7ff, 0x41da_8436],
    [0xc040_0000, 52, 0x0000_0000, 0x41cc_c1bb],
    [0xc000_0000, 52, 0x0000_0000, 0x41be_ff40],
    [0x3f80_0000, 52, 0x0000_0000, 0x41b1_3cc5],
];
/// Bits of what is taken from the sum at each step.
pub const K: u32 = 0x3fdc_27b0;

/// Readings of the stream.
pub const COUNT: u32 = 20_000;
/// Digest of the verdicts on them, which the host's own test computes.
pub const DIGEST: u32 = 0x25a7_f181;

const CHANNELS: usize = 3;
const LENGTH: usize = 12;
const SHAPE: WindowShape = WindowShape { channels: CHANNELS, length: LENGTH, hop: 5 };
const ENTRIES: usize = 52;
const LATENT: usize = 2;
const LIMITS: Limits = Limits {
    lo: -3.5,
    hi: 3.5,
    most_at_rails: 1,
    longest_run: 4,
    least_variance: 0.05,
    largest_step: 6.5,
};

/// Whether every step of the golden path has its bits.
pub fn golden() -> bool {
    let mut entries = [RankEntry { score: 0.0, surprise: 0.0 }; ENTRIES];
    for (at, (entry, rank)) in entries.iter_mut().zip(ranks(1000)).enumerate() {
        let known = GOLDEN.iter().find(|[_, index, ..]| *index as usize == at);
        let surprise = known.map_or(0.0, |[.., surprise, _]| f32::from_bits(*surprise));
        *entry = RankEntry { score: rank as f32 - 1000.0, surprise };
    }
    let table = RankTable { entries: &entries, calibrated: 1000 };
    let design = AlarmDesign { k: f32::from_bits(K), h: f32::INFINITY, votes: None };
    let mut cusum = Cusum::NEW;
    GOLDEN.iter().all(|[score, index, surprise, sum]| {
        let found = table.index(f32::from_bits(*score));
        cusum.step(&design, table.surprise(found), false);
        let bits = [table.surprise(found), cusum.g()].map(f32::to_bits);
        found == *index as usize && bits == [*surprise, *sum]
    })
}

/// Digest of the verdicts on a stream of readings with faults and gaps, by a network that is a formula;
/// `None` where a length does not fit.
pub fn run() -> Option<u32> {
    let mut values = Values::new(SEED);
    // Of scores from 0 on, and of negative ones of scores up to 15.
    let (low, high) = (entries(0.0), entries(-15.0));
    let [low, high] = [&low, &high].map(|entries| RankTable { entries, calibrated: 1000 });
    let mut moments = [Moment::new(0.0, 1.0, 0.1); 2 * LATENT];
    moments.fill_with(|| Moment::new(values.float(1.0), 1.5 + values.float(1.0), 0.1));
    let design = design(Ranks::Both { low, high }, &moments);
    let mut ring = Ring::new();
    let (mut memory, mut states) = ([0.0; CHANNELS * LENGTH], [ChannelState::NEW; CHANNELS]);
    let (mut monitor, mut w) = (Monitor::NEW, [0.0; 2 * LATENT]);
    let mut now_us = 1_000_000;
    let (mut last, mut held, mut quiet) = (0.0, 0, 0.0); // of a channel that hardly moves for a while
    let mut digest = 0;
    for _ in 0..COUNT {
        let (mut reading, late_us) = reading(&mut values);
        if values.word().is_multiple_of(256) {
            held = values.word() % 16;
        }
        if held > 0 {
            (reading[0], held) = (last + quiet, held - 1);
        } else {
            quiet = if values.word() > u32::MAX / 2 { 0.0 } else { 0.01 };
        }
        last = reading[0];
        now_us += late_us;
        let window = WindowParts { ring: &mut ring, memory: &mut memory, states: &mut states };
        let accepted = monitor.accept(&design, window, now_us, &reading).ok()?;
        let verdict = accepted.unwrap_or_else(|| {
            let loc = [values.float(1.5), values.float(1.5)];
            let log_var = [values.float(3.0), values.float(3.0)];
            let q = Some(Posterior { loc: &loc, log_var: &log_var });
            let outside = values.word().is_multiple_of(64);
            let score = 7.0 + values.float(8.0);
            let evaluated = Evaluated { score, outside, q };
            monitor.conclude(&design, &mut w, evaluated, || Some(1))
        });
        digest = note(digest, &verdict);
        digest = w
            .iter()
            .fold(mix(digest, monitor.cusum().g().to_bits()), |digest, w| mix(digest, w.to_bits()));
        if values.word().is_multiple_of(64) {
            monitor.acknowledge(&mut w);
        }
    }
    Some(digest)
}

/// Entries of a table whose first one has this score.
fn entries(lowest: f32) -> [RankEntry; ENTRIES] {
    let mut entries = [RankEntry { score: 0.0, surprise: 0.0 }; ENTRIES];
    for (at, entry) in entries.iter_mut().enumerate() {
        let at = at as f32;
        *entry = RankEntry { score: lowest + at * 0.125, surprise: 6.9 / (1.0 + at * 0.5) };
    }
    entries
}

/// All rules, alarm with votes, drift.
fn design<'a>(pooled: Ranks<'a>, moments: &'a [Moment]) -> MonitorDesign<'a> {
    let clock =
        Clock { period_ns: 10_000_000, max_gap_us: 25_000, clears: true, stale_us: 300_000 };
    MonitorDesign {
        shape: SHAPE,
        limits: &[LIMITS; CHANNELS],
        most_missing: 0,
        clock: Some(clock),
        tables: Tables { pooled, modes: &[] },
        alpha_ppm: 20_000,
        every: 3,
        alarm: Some(AlarmDesign { k: 1.72, h: 6.0, votes: Some(Votes { needed: 3, of: 5 }) }),
        drift: Some(DriftDesign { lambda: 0.1, threshold: 20.0, moments }),
    }
}

/// A reading, now and then with a fault, and the microseconds since the one before.
fn reading(values: &mut Values) -> ([f32; CHANNELS], u64) {
    let mut reading = [0.0; CHANNELS];
    reading.fill_with(|| values.float(3.0));
    let channel = values.word() as usize % CHANNELS;
    let fault = match values.word() % 512 {
        0 => Some(f32::NAN),
        1 => Some(f32::NEG_INFINITY),
        2..12 => Some(3.75),
        12 => Some(-3.25),
        _ => None,
    };
    if let (Some(fault), Some(value)) = (fault, reading.get_mut(channel)) {
        *value = fault;
    }
    let late_us = match values.word() % 1024 {
        0 => 400_000,
        1 => 26_000,
        _ => 9_500 + u64::from(values.word() % 1000),
    };
    (reading, late_us)
}

/// A verdict added to a digest: which it is, and the bits of its floats.
fn note(digest: u32, verdict: &Verdict) -> u32 {
    let (number, floats) = match verdict {
        Verdict::Pending => return digest,
        Verdict::Scored { score, p, outside } => (2 + u32::from(*outside), [*score, *p]),
        Verdict::Anomaly { score, p, outside, .. } => (4 + u32::from(*outside), [*score, *p]),
        Verdict::Alarm { score, p, is_new, .. } => (6 + u32::from(*is_new), [*score, *p]),
        Verdict::Drift { p, statistic, .. } => (8, [*p, *statistic]),
        Verdict::SensorFault { channel, kind } => {
            (16 * (1 + *channel as u32) + *kind as u32, [0.0; 2])
        }
        Verdict::Gap => (9, [0.0; 2]),
        Verdict::Stale => (10, [0.0; 2]),
        _ => (11, [0.0; 2]),
    };
    floats.iter().fold(mix(digest, number), |digest, value| mix(digest, value.to_bits()))
}

/// One word more (FNV-1a, by words).
fn mix(digest: u32, word: u32) -> u32 {
    (digest ^ word).wrapping_mul(0x0100_0193)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_the_bits_that_devices_have() {
        assert!(golden());
        let digest = run().expect("lengths fit");
        assert_eq!(digest, DIGEST, "after a change of the stream, {digest:#010x} is the new one");
    }
}
