//! Everything that scores of normal rows decide: tables, the cut at alpha, and the alarm.

use super::conformal::Scores;
use super::rate::{UPPER, bounds_of_rate, most_events, windows_for};
use super::replay::{Counted, Goal, Replay, largest_arl};
use super::table::Cut;
use crate::error::{Error, Result};
use crate::manifest::{PARTS, TailName};
use crate::model::RankTables;

/// Least number of rows with which an operating mode has a table of its own.
pub const LEAST_OF_MODE: usize = 200;

/// What is asked of a calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// Which scores are unusual.
    pub tail: TailName,
    /// Share of normal rows that may be anomalies, in parts per million.
    pub alpha_ppm: u64,
    /// What the alarm is to hold.
    pub goal: Goal,
}

/// One normal row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormalRow {
    /// Its score.
    pub score: f32,
    /// Whether a value lay beyond the range of the integers, so that the score says nothing: it is lower than all
    /// others.
    pub outside: bool,
    /// The operating mode it was recorded in; 0 where there are none.
    pub mode: usize,
}

impl NormalRow {
    /// The score by which it is ranked: the lowest number for one that lies outside.
    fn ranked(&self) -> f32 {
        if self.outside { f32::MIN } else { self.score }
    }
}

/// What normal rows have decided.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The scores of all modes.
    pub scores: Scores,
    /// Those of each mode that has rows, in the order of their numbers.
    pub modes: Vec<(usize, Scores)>,
    /// What `p <= alpha` means.
    pub cut: Cut,
    /// Bounds of the real share of anomalies.
    pub rate: [f64; 2],
    /// The alarm.
    pub replay: Replay,
    /// The largest surprise of a window.
    pub most_surprise: f32,
}

impl Fitted {
    /// What `table`, disjoint rows, and `replay`, disjoint rows in the order of time, decide. `modes` says whether
    /// their modes are known.
    ///
    /// # Errors
    ///
    /// An input error with the smallest alpha and the largest mean number of windows between alarms that the rows
    /// show, where they do not show what is asked; also where a score is not finite, or more of them than alpha lie
    /// outside the range of the integers.
    pub fn new(
        table: &[NormalRow],
        replay: &[NormalRow],
        modes: bool,
        asked: &Asked,
    ) -> Result<Self> {
        let is_bad = |row: &&NormalRow| !row.outside && !row.score.is_finite();
        let bad = table.iter().chain(replay).filter(is_bad).count();
        if bad > 0 {
            return Err(Error::input(format!(
                "{bad} of the normal rows have no finite score; leave them out, or correct the model's likelihood"
            )));
        }
        let scores = Scores::new(table.iter().map(NormalRow::ranked).collect());
        let cut = Cut::new(&scores, asked.tail, asked.alpha_ppm);
        let most = most_events(replay.len(), asked.goal.arl);
        let (Some(cut), Some(_)) = (cut, most) else {
            return Err(cannot_show(&scores, replay.len(), asked));
        };
        let outside = table.iter().filter(|row| row.outside).count();
        if outside >= cut.rank {
            return Err(Error::input(format!(
                "{outside} of {} normal rows hold values beyond the range of the integers, which a device always calls anomalies: more than --alpha {} allows; choose the integers by more rows (--calibration), or use another --precision",
                table.len(),
                asked.alpha_ppm as f64 / PARTS
            )));
        }
        let rate = bounds_of_rate(cut.tails * cut.rank, scores.count())?;
        let numbers: Vec<usize> = if modes { numbers(table) } else { Vec::new() };
        let of_mode = |mode: usize| {
            let own = table.iter().filter(|row| row.mode == mode).map(NormalRow::ranked);
            (mode, Scores::new(own.collect()))
        };
        let modes: Vec<(usize, Scores)> = numbers.into_iter().map(of_mode).collect();
        let pooled = RankTables::new(&scores, asked.tail);
        let own: Vec<(usize, RankTables)> = modes
            .iter()
            .filter(|(_, scores)| scores.count() >= LEAST_OF_MODE)
            .map(|(mode, scores)| (*mode, RankTables::new(scores, asked.tail)))
            .collect();
        let counted = replay.iter().map(|row| {
            let table =
                own.iter().find(|(mode, _)| *mode == row.mode).map_or(&pooled, |own| &own.1);
            Counted::new(&table.standing(row.score, row.outside), asked.alpha_ppm)
        });
        let replay = Replay::new(&counted.collect::<Vec<_>>(), &asked.goal)?;
        let most_surprise = pooled.standing(f32::NEG_INFINITY, true).surprise;
        Ok(Self { scores, modes, cut, rate, replay, most_surprise })
    }

    /// Modes that have a table of their own.
    pub fn own_modes(&self) -> impl Iterator<Item = &(usize, Scores)> {
        self.modes.iter().filter(|(_, scores)| scores.count() >= LEAST_OF_MODE)
    }
}

/// The modes that rows have, in ascending order.
fn numbers(rows: &[NormalRow]) -> Vec<usize> {
    let mut numbers: Vec<usize> = rows.iter().map(|row| row.mode).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The input error that the rows do not show what is asked; it says what they show.
fn cannot_show(scores: &Scores, windows: usize, asked: &Asked) -> Error {
    let rows = scores.count();
    let alpha = asked.alpha_ppm as f64 / PARTS;
    let least = Cut::least_alpha_ppm(scores, asked.tail);
    let needed = (if asked.tail == TailName::Both { 2.0 } else { 1.0 } / alpha - 1.0).ceil();
    let rate = match asked.alpha_ppm < least {
        true => {
            format!("--alpha {alpha} needs at least {needed} disjoint normal rows, found {rows}")
        }
        false => format!("{rows} disjoint normal rows show --alpha {alpha}"),
    };
    let (arl, largest) = (asked.goal.arl, largest_arl(windows).floor());
    let run = match largest < arl {
        true => format!(
            "--arl {arl} needs at least {} disjoint windows in order, found {windows}",
            windows_for(arl)
        ),
        false => format!("{windows} disjoint windows in order show --arl {arl}"),
    };
    Error::input(format!(
        "these rows cannot show what is asked: {rate}; {run}. The smallest rate that they show is --alpha {}, the largest mean number of windows between alarms --arl {largest} ({} % confidence): give these, or record more",
        least as f64 / PARTS,
        100.0 * UPPER
    ))
}
