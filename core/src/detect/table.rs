//! Rank tables: from a score to its conformal p-value, without a logarithm and without memory.

/// One place of a table: eight bytes of flash.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RankEntry {
    /// The calibration score of this place's rank, the lowest having rank 1.
    pub score: f32,
    /// `-ln p` of the scores below it and not below the place before, rounded once from f64.
    pub surprise: f32,
}

/// Some of the sorted scores of normal windows that no model was trained on: `p(s) = (1 + #{s_i <= s}) / (n + 1)`,
/// rounded up to the next rank that the table keeps (split conformal prediction; Vovk et al., 2005).
///
/// Kept are the ranks 1 to 16, then `r += r / 8`: 52 of 1,000 scores, 91 of 100,000.
///
/// ```
/// use elbow_core::detect::{RankEntry, RankTable};
/// let entry = |score, p: f32| RankEntry { score, surprise: -p.ln() };
/// let entries = [entry(-9.5, 0.25), entry(-7.0, 0.5), entry(-1.0, 0.75)];
/// let table = RankTable { entries: &entries, calibrated: 3 };
/// assert_eq!(table.p(table.index(-9.6)), 0.25);
/// assert_eq!(table.p(table.index(-9.5)), 0.5);
/// assert_eq!(table.p(table.index(0.0)), 1.0);
/// assert_eq!(table.index(f32::NAN), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RankTable<'a> {
    /// In the order of their scores, from the lowest, one for each of [`ranks`].
    pub entries: &'a [RankEntry],
    /// `n`, the number of calibration scores.
    pub calibrated: u32,
}

impl RankTable<'_> {
    /// Index of the first entry with `score < entry`, the number of entries where there is none; 0 for NaN,
    /// which is thereby the least normal score.
    #[inline]
    #[must_use]
    pub fn index(&self, score: f32) -> usize {
        if score.is_nan() {
            return 0;
        }
        self.entries.partition_point(|entry| entry.score <= score)
    }

    /// `(n + 1) p` of an index; `n + 1` past the last entry.
    #[inline]
    #[must_use]
    pub fn rank(&self, index: usize) -> u32 {
        let past = self.calibrated.saturating_add(1);
        if index >= self.entries.len() {
            return past;
        }
        let first = u32::try_from(index).unwrap_or(past).min(FIRST_RANKS - 1) + 1;
        let further = index.saturating_sub(FIRST_RANKS as usize - 1);
        (0..further).fold(first, |rank, _| next(rank)).min(past)
    }

    /// The p-value of an index, in (0, 1]; 1 past the last entry.
    #[inline]
    #[must_use]
    pub fn p(&self, index: usize) -> f32 {
        self.rank(index) as f32 / self.calibrated.saturating_add(1) as f32
    }

    /// `-ln p` of an index; 0 past the last entry.
    #[inline]
    #[must_use]
    pub fn surprise(&self, index: usize) -> f32 {
        self.entries.get(index).map_or(0.0, |entry| entry.surprise)
    }
}

/// The ranks that a table of `calibrated` scores keeps: 1 to 16, then each an eighth above the one before,
/// rounded down, while there are so many scores.
pub fn ranks(calibrated: u32) -> impl Iterator<Item = u32> {
    let above = |rank: &u32| Some(next(*rank)).filter(|next| next > rank);
    core::iter::successors(Some(1), above).take_while(move |rank| *rank <= calibrated)
}

/// Ranks that follow each other without a gap.
const FIRST_RANKS: u32 = 16;

/// The rank that a table keeps after this one; the same where there is none below 2^32.
#[inline(always)]
fn next(rank: u32) -> u32 {
    rank.saturating_add(if rank < FIRST_RANKS { 1 } else { rank / 8 })
}

/// Which scores are unusual.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ranks<'a> {
    /// Low ones.
    Low(RankTable<'a>),
    /// Low ones and high ones: what is quieter than the training data may score better than all of it.
    Both {
        /// Of the scores.
        low: RankTable<'a>,
        /// Of the negative scores.
        high: RankTable<'a>,
    },
}

impl Ranks<'_> {
    /// Where a score stands; an `outside` one, which was computed from values beyond the calibrated range of
    /// integers, has the lowest rank, and so has NaN.
    ///
    /// With two tails `p = min(1, 2 min(p_low, p_high))`, and the surprise is the larger one less ln 2, but
    /// at least 0.
    #[inline]
    #[must_use]
    pub fn standing(&self, score: f32, outside: bool) -> Standing {
        let of = |table: &RankTable<'_>, score| {
            let index = if outside { 0 } else { table.index(score) };
            let of = table.calibrated.saturating_add(1);
            Standing { rank: table.rank(index), of, surprise: table.surprise(index) }
        };
        match self {
            Self::Low(table) => of(table, score),
            Self::Both { low, high } => of(low, score).or_twice(&of(high, -score)),
        }
    }
}

/// Where a score stands among those of the calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Standing {
    /// Numerator of p.
    pub rank: u32,
    /// Denominator of p: `n + 1`.
    pub of: u32,
    /// `-ln p`.
    pub surprise: f32,
}

impl Standing {
    /// The p-value, in (0, 1].
    #[inline]
    #[must_use]
    pub fn p(&self) -> f32 {
        self.rank as f32 / self.of as f32
    }

    /// Whether `p <= alpha`, with `alpha` in parts per million: in integers, so that no rounding decides.
    #[inline]
    #[must_use]
    pub fn is_within(&self, alpha_ppm: u32) -> bool {
        u64::from(self.rank) * 1_000_000 <= u64::from(alpha_ppm) * u64::from(self.of)
    }

    /// The smaller of two p-values, doubled, at most 1.
    fn or_twice(&self, other: &Self) -> Self {
        let is_below = |a: &Self, b: &Self| {
            u64::from(a.rank) * u64::from(b.of) < u64::from(b.rank) * u64::from(a.of)
        };
        let smaller = if is_below(other, self) { other } else { self };
        let surprise = smaller.surprise - core::f32::consts::LN_2;
        Self {
            rank: smaller.rank.saturating_mul(2).min(smaller.of),
            of: smaller.of,
            surprise: if surprise < 0.0 { 0.0 } else { surprise },
        }
    }
}

/// The tables of a detector: one for all windows, and one for each operating mode that has its own.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tables<'a> {
    /// Of all calibration rows.
    pub pooled: Ranks<'a>,
    /// Of the rows of each mode, by its number; `None` where a mode has too few rows for its own.
    pub modes: &'a [Option<Ranks<'a>>],
}

impl<'a> Tables<'a> {
    /// The table of a mode; the pooled one for a mode that has none, or that does not exist.
    #[inline]
    #[must_use]
    pub fn of(&self, mode: usize) -> &Ranks<'a> {
        self.modes.get(mode).and_then(Option::as_ref).unwrap_or(&self.pooled)
    }
}
