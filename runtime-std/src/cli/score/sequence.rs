//! The alarm over rows in the order of time, as a device sums it.

use elbow::manifest::Score;
use elbow::model::Calibration;
use elbow::scoring::RowScore;
use elbow_core::detect::Cusum;
use serde::Serialize;

/// What the alarm said at each scored row.
pub struct Sequence {
    /// The sum after the row, in nats, 0 at an alarm; `None` for a row that was not counted.
    cusum: Vec<Option<f32>>,
    /// Whether the row raised an alarm.
    raised: Vec<bool>,
    every: u32,
    arl: f64,
    of_crowds: bool,
}

/// How often the alarm was raised.
#[derive(Debug, Serialize)]
pub struct Alarms {
    pub raised: usize,
    /// Rows that were counted.
    counted: usize,
    /// One row of so many is counted, so that counted rows share no readings.
    every: u32,
    /// Counted rows between two false alarms, as the manifest states.
    arl: f64,
    /// Whether it states this of crowds of alarms, since the replay had too few to know them.
    #[serde(skip)]
    of_crowds: bool,
}

impl Sequence {
    /// The alarm of `[score.alarm]` over rows that were due one after the other, `None` for one that was not scored:
    /// it is not counted, and the next one takes its turn. Each alarm is acknowledged at once. `None` for a manifest
    /// without an alarm.
    pub fn of<'r>(
        score: &Score,
        calibration: &Calibration,
        due: impl Iterator<Item = Option<&'r RowScore>>,
    ) -> Option<Self> {
        let (design, table) = (calibration.alarm.as_ref()?, score.alarm.as_ref()?);
        let (mut cusum, mut until_counted) = (Cusum::NEW, 0u32);
        let (mut sums, mut raised) = (Vec::new(), Vec::new());
        for row in due {
            until_counted = until_counted.saturating_sub(1);
            let Some(row) = row else { continue };
            let is_counted = until_counted == 0;
            let mut is_raised = false;
            if is_counted {
                until_counted = calibration.every.max(1);
                let standing = calibration.standing(row.score, row.outside);
                let is_anomaly = standing.is_within(calibration.alpha_ppm);
                is_raised = cusum.step(design, standing.surprise, is_anomaly);
                cusum.acknowledge();
            }
            sums.push(is_counted.then(|| cusum.g()));
            raised.push(is_raised);
        }
        let (every, arl) = (calibration.every, table.arl);
        Some(Self { cusum: sums, raised, every, arl, of_crowds: table.is_of_crowds() })
    }

    /// Whether each scored row raised an alarm.
    pub fn raised(&self) -> &[bool] {
        &self.raised
    }

    /// The sum after scored row number `at`, in nats; `None` for a row that was not counted.
    pub fn cusum(&self, at: usize) -> Option<f32> {
        self.cusum.get(at).copied().flatten()
    }

    /// How often the alarm was raised, from scored row number `since` on.
    pub fn alarms(&self, since: usize) -> Alarms {
        Alarms {
            raised: self.raised.iter().skip(since).filter(|raised| **raised).count(),
            counted: self.cusum.iter().skip(since).flatten().count(),
            every: self.every,
            arl: self.arl,
            of_crowds: self.of_crowds,
        }
    }
}

impl Alarms {
    /// Whether independent alarms at the stated rate are as many in fewer than one of twenty cases (Poisson).
    pub fn is_beyond_chance(&self) -> bool {
        let expected = self.counted as f64 / self.arl;
        let (mut term, mut fewer) = ((-expected).exp(), 0.0);
        for count in 0..self.raised {
            fewer += term;
            term *= expected / (count + 1) as f64;
        }
        self.raised > 0 && 1.0 - fewer < 0.05
    }
}

impl std::fmt::Display for Alarms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { raised, counted, every, arl, of_crowds } = self;
        let crowds = if *of_crowds { "crowds of " } else { "" };
        writeln!(
            f,
            "{raised} alarms in {counted} counted rows (one of {every}), where {arl} rows between two {crowds}false alarms were stated"
        )
    }
}
