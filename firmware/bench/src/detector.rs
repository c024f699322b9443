//! What a detector takes besides its network, for windows of `models/imu`'s shape: the gate, the rank table,
//! the alarm and the drift, by themselves or by a monitor, which keeps the window and looks at the time too.

use crate::harness::{Work, crc32};
use core::hint::black_box;
use elbow_core::detect::{
    AlarmDesign, ChannelState, Clock, Cusum, DriftDesign, Evaluated, Limits, Moment, Monitor,
    MonitorDesign, RankEntry, RankTable, Ranks, Tables, Verdict, WindowParts,
};
use elbow_core::infer::Posterior;
use elbow_core::window::{Readings, Ring, WindowShape};
use elbow_kernels::workloads::Values;

const CHANNELS: usize = 9;
const LENGTH: usize = 64;
const HOP: usize = 16;
const LATENT: usize = 6;
const SHAPE: WindowShape = WindowShape { channels: CHANNELS, length: LENGTH, hop: HOP };
/// Scores of the calibration, and entries of their table.
const CALIBRATED: u32 = 1000;
const ENTRIES: usize = 52;
/// Relative, of the statistic.
const TOLERANCE: f64 = 1e-5;
const LAMBDA: f32 = 0.02;
const LIMITS: Limits = Limits {
    lo: -8.0,
    hi: 8.0,
    most_at_rails: 3,
    longest_run: 8,
    // A tenth of the variance of values that are even on [-1, 1): as for the quietest recording.
    least_variance: 1.0 / 30.0,
    largest_step: 6.0,
};

/// As many readings as a window has, and all that a detector remembers.
pub struct Detector<const WHOLE: bool> {
    readings: [[f32; CHANNELS]; LENGTH],
    entries: [RankEntry; ENTRIES],
    moments: [Moment; 2 * LATENT],
    loc: [f32; LATENT],
    log_var: [f32; LATENT],
    score: f32,
    ring: Ring,
    memory: [[f32; CHANNELS]; LENGTH],
    states: [ChannelState; CHANNELS],
    w: [f32; 2 * LATENT],
    monitor: Monitor,
    now_us: u64,
    cusum: Cusum,
    statistic: f32,
    /// Where the last windows stood.
    ranks: [u32; LENGTH / HOP],
}

impl<const WHOLE: bool> Detector<WHOLE> {
    /// Zeros.
    pub const fn new() -> Self {
        Self {
            readings: [[0.0; CHANNELS]; LENGTH],
            entries: [RankEntry { score: 0.0, surprise: 0.0 }; ENTRIES],
            moments: [Moment { mean: 0.0, weight: 0.0 }; 2 * LATENT],
            loc: [0.0; LATENT],
            log_var: [0.0; LATENT],
            score: 0.0,
            ring: Ring::new(),
            memory: [[0.0; CHANNELS]; LENGTH],
            states: [ChannelState::NEW; CHANNELS],
            w: [0.0; 2 * LATENT],
            monitor: Monitor::NEW,
            now_us: 0,
            cusum: Cusum::NEW,
            statistic: 0.0,
            ranks: [0; LENGTH / HOP],
        }
    }
}

/// The design of a monitor with these tables.
fn design<'a>(entries: &'a [RankEntry], moments: &'a [Moment]) -> MonitorDesign<'a> {
    let pooled = Ranks::Low(RankTable { entries, calibrated: CALIBRATED });
    let clock =
        Clock { period_ns: 15_625_000, max_gap_us: 39_062, clears: true, stale_us: 10_000_000 };
    MonitorDesign {
        shape: SHAPE,
        limits: &[LIMITS; CHANNELS],
        most_missing: 0,
        clock: Some(clock),
        tables: Tables { pooled, modes: &[] },
        alpha_ppm: 10_000,
        every: 1,
        alarm: Some(AlarmDesign { k: 1.72, h: 1e6, votes: None }),
        drift: Some(DriftDesign { lambda: LAMBDA, threshold: 1e6, moments }),
    }
}

impl<const WHOLE: bool> Detector<WHOLE> {
    /// Four windows by gate, table, alarm and drift; the readings are in a ring that somebody else keeps.
    fn parts(&mut self) {
        // Not to be folded into the code: other models have other limits.
        let design = black_box(design(&self.entries, &self.moments));
        let (gate, flat) = (design.gate(), self.readings.as_flattened());
        for (window, rank) in self.ranks.iter_mut().enumerate() {
            for reading in self.readings.iter().skip(window * HOP).take(HOP) {
                gate.push(&mut self.states, reading);
            }
            let next = (window + 1) % (LENGTH / HOP) * HOP * CHANNELS;
            let (newer, older) = flat.split_at(next);
            let readings = Readings { channels: CHANNELS, older, newer };
            if gate.judge(&self.states, &readings).is_some() {
                continue;
            }
            let standing = design.tables.of(0).standing(self.score, false);
            *rank = standing.rank;
            if let (Some(alarm), Some(drift)) = (&design.alarm, &design.drift) {
                let is_anomaly = standing.is_within(design.alpha_ppm);
                self.cusum.step(alarm, standing.surprise, is_anomaly);
                let q = Posterior { loc: &self.loc, log_var: &self.log_var };
                self.statistic = drift.step(&mut self.w, q);
            }
        }
    }

    /// The same by a monitor.
    fn whole(&mut self) {
        let design = black_box(design(&self.entries, &self.moments));
        let mut ranks = self.ranks.iter_mut();
        for reading in &self.readings {
            self.now_us += 15_625;
            let (ring, states) = (&mut self.ring, &mut self.states);
            let window = WindowParts { ring, memory: self.memory.as_flattened_mut(), states };
            if self.monitor.accept(&design, window, self.now_us, reading) != Ok(None) {
                continue;
            }
            let q = Some(Posterior { loc: &self.loc, log_var: &self.log_var });
            let evaluated = Evaluated { score: self.score, outside: false, q };
            let verdict = self.monitor.conclude(&design, &mut self.w, evaluated, || None);
            if let (Verdict::Scored { p, .. }, Some(rank)) = (verdict, ranks.next()) {
                *rank = (p * (CALIBRATED + 1) as f32 + 0.5) as u32;
            }
        }
        (self.cusum, self.statistic) = (*self.monitor.cusum(), self.monitor.statistic());
    }
}

impl<const WHOLE: bool> Work for Detector<WHOLE> {
    fn prepare(&mut self, values: &mut Values) {
        self.readings.as_flattened_mut().fill_with(|| values.float(1.0));
        for (rank, entry) in self.entries.iter_mut().enumerate() {
            *entry = RankEntry { score: rank as f32, surprise: 7.0 - rank as f32 / 8.0 };
        }
        for moment in &mut self.moments {
            *moment = Moment::new(values.float(1.0), 1.5 + values.float(1.0), LAMBDA);
        }
        self.loc.fill_with(|| values.float(1.0));
        self.log_var.fill_with(|| values.float(2.0));
        self.score = 26.0 + values.float(20.0);
        self.run();
    }

    /// Four windows, each after so many readings as come from one to the next.
    #[inline(never)]
    fn run(&mut self) {
        (self.w, self.cusum, self.monitor) = ([0.0; 2 * LATENT], Cusum::NEW, Monitor::NEW);
        if WHOLE {
            self.whole();
        } else {
            self.parts();
        }
    }

    /// Each window has the rank of its place in the table, and the drift is that of four equal posteriors:
    /// `w = (1 - (1 - lambda)^4) (moment - mean)`.
    fn is_right(&mut self) -> bool {
        let below = self.entries.iter().filter(|entry| entry.score <= self.score).count();
        let mut rank = 1;
        for _ in 0..below {
            rank += if rank < 16 { 1 } else { rank / 8 };
        }
        let share = 1.0 - libm::pow(1.0 - f64::from(LAMBDA), 4.0);
        let mut statistic = 0.0;
        for (at, moment) in self.moments.iter().enumerate() {
            let loc = f64::from(self.loc[at / 2]);
            let second = loc * loc + libm::exp(f64::from(self.log_var[at / 2]));
            let value = if at % 2 == 0 { loc } else { second };
            let w = share * (value - f64::from(moment.mean));
            statistic += w * w * f64::from(moment.weight);
        }
        let error = (f64::from(self.statistic) - statistic).abs();
        self.ranks == [rank; LENGTH / HOP] && error <= TOLERANCE * statistic
    }

    fn check(&self) -> u32 {
        let state = [self.statistic, self.cusum.g()];
        crc32(self.w.iter().chain(&state).flat_map(|value| value.to_le_bytes()))
    }
}
