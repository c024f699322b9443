//! What Elbow must reach, and aims at, on the workloads: `cargo xtask bench` prints it, a test demands it.

use crate::table::{ELBOW, Row, thousands};
use crate::{Table, workload};
use std::fmt::{self, Display, Formatter};

/// A figure of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Executed instructions of an inference, or of a buffer of draws.
    Instructions,
    /// Estimate of its cycles.
    Cycles,
    /// Bytes of machine code and of the constants that it names.
    Code,
}

/// A line: so many workloads on so many cores.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    cores: &'static [&'static str],
    works: &'static [&'static str],
    figure: Figure,
    must: Limit,
    aim: Limit,
}

/// How small a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// So many times less than the best peer's.
    Times(f64),
    /// At most that.
    Most(u64),
    /// At most so many times what Elbow itself takes for a pass of the decoder, `decode`.
    Passes(u64),
}

const DSP: &[&str] = &["m4", "m7", "m33"];
const SMALL: &[&str] = &["m0", "m3"];
const M4: &[&str] = &["m4"];
const M55: &[&str] = &["m55"];

/// The line by which `figure` of Elbow has to be `must` times less than the best peer's, and aims at `aim`
/// times less, for each of `works` on each of `cores`.
const fn times(
    cores: &'static [&'static str],
    works: &'static [&'static str],
    figure: Figure,
    must: f64,
    aim: f64,
) -> Line {
    Line { cores, works, figure, must: Limit::Times(must), aim: Limit::Times(aim) }
}

/// The line for `transposed-f32` on these cores: at most `must` tenths of an instruction per product, better
/// `aim` tenths, for all [`TRANSPOSED`] products; rounded down.
const fn transposed(core: &'static [&'static str], must: u64, aim: u64) -> Line {
    let (must, aim) = (Limit::Most(TRANSPOSED * must / 10), Limit::Most(TRANSPOSED * aim / 10));
    Line { cores: core, works: &["transposed-f32"], figure: Figure::Instructions, must, aim }
}

/// The line by which `figure` on the M4 is at most `must`, better at most `aim`, in the figure's own unit.
const fn most(work: &'static [&'static str], figure: Figure, must: u64, aim: u64) -> Line {
    let (must, aim) = (Limit::Most(must), Limit::Most(aim));
    Line { cores: M4, works: work, figure, must, aim }
}

/// Products of `transposed-f32`.
const TRANSPOSED: u64 = 67_584;

/// Gradients of a step of refinement.
const GRADIENTS: u64 = 8;

/// Draws of the workload `draws`.
const DRAWS: u64 = 1024;

/// What gate, rank table, alarm and drift of four windows may take: 3 % of so many encodings by `models/imu`
/// in f32, which take so many instructions each, and are aimed to take 2.5 %.
const fn detector(core: &'static [&'static str], encode: u64) -> Line {
    let (must, aim) = (Limit::Most(encode * 4 * 30 / 1000), Limit::Most(encode * 4 * 25 / 1000));
    Line { cores: core, works: &["detector"], figure: Figure::Instructions, must, aim }
}

const LINES: [Line; 22] = [
    times(DSP, &["W1-128"], Figure::Instructions, 1.8, 2.0),
    times(DSP, &["W1-640"], Figure::Instructions, 1.8, 2.0),
    times(DSP, &["W2"], Figure::Instructions, 1.75, 2.0),
    times(M4, &["W2"], Figure::Cycles, 1.6, 1.8),
    times(M4, &["W3"], Figure::Cycles, 1.5, 1.8),
    times(M4, &["W3"], Figure::Instructions, 1.7, 2.1),
    times(M4, &["W4"], Figure::Instructions, 1.6, 2.0),
    times(SMALL, &["W1-128", "W1-640", "W2", "W3"], Figure::Instructions, 1.35, 1.6),
    times(M55, &["W1-128", "W1-640", "W2"], Figure::Instructions, 2.0, 3.0),
    times(M55, &["W3"], Figure::Instructions, 1.5, 2.0),
    times(M4, &["W2-f32", "W3-f32"], Figure::Cycles, 1.5, 1.8),
    times(M4, &["W2-int8x16"], Figure::Instructions, 1.4, 1.6),
    most(&["W2"], Figure::Code, 3 << 10, 2 << 10),
    most(&["W3"], Figure::Code, 6 << 10, 4 << 10),
    transposed(M4, 40, 34),
    transposed(&["m3"], 1_500, 1_200),
    transposed(&["m0"], 2_550, 2_000),
    detector(M4, 268_720),
    detector(&["m3"], 10_814_880),
    detector(&["m0"], 18_070_320),
    most(&["draws"], Figure::Instructions, 90 * DRAWS, 60 * DRAWS),
    Line {
        cores: &["m3", "m4"],
        works: &["refine-step"],
        figure: Figure::Instructions,
        must: Limit::Passes(3 * GRADIENTS),
        aim: Limit::Passes(5 * GRADIENTS / 2),
    },
];

impl Figure {
    /// This figure of a row of the table; `None` where it was not measured.
    pub(crate) fn of(self, row: &Row) -> Option<u64> {
        match self {
            Self::Instructions => Some(row.measured.instructions),
            Self::Cycles => row.measured.cycles,
            Self::Code => row.code_bytes.map(u64::from),
        }
    }

    /// Its name in the table.
    const fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Cycles => "cycles",
            Self::Code => "code bytes",
        }
    }
}

impl Limit {
    /// The largest figure that keeps this limit, rounded down. `peer` is the best peer's figure, `pass`
    /// Elbow's own for a pass of the decoder; `None` where the one that the limit refers to is `None`.
    fn most(self, peer: Option<u64>, pass: Option<u64>) -> Option<u64> {
        match self {
            Self::Times(times) => peer.map(|peer| (peer as f64 / times) as u64),
            Self::Most(most) => Some(most),
            Self::Passes(passes) => pass.map(|pass| passes * pass),
        }
    }
}

/// A figure of Elbow with what it must reach. It prints as a row of a Markdown table, without a newline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    core: &'static str,
    work: &'static str,
    figure: Figure,
    found: u64,
    /// The best peer's.
    peer: Option<u64>,
    must: u64,
    aim: u64,
}

impl Verdict {
    /// Whether the figure is at most `must`; `aim` does not matter.
    pub fn holds(&self) -> bool {
        self.found <= self.must
    }
}

impl Display for Verdict {
    /// Writes the row, its last column `aim`, `reached` or `MISSED`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { core, work, figure, found, peer, must, aim } = *self;
        let peer = peer.map_or_else(String::new, thousands);
        let state = match found {
            found if found <= aim => "aim",
            found if found <= must => "reached",
            _ => "MISSED",
        };
        let [must, aim, found] = [must, aim, found].map(thousands);
        write!(
            f,
            "| {core} | {work} | {} | {peer} | {must} | {aim} | {found} | {state} |",
            figure.name()
        )
    }
}

/// Elbow's figures in `table` with what they must reach, in the order of the list of limits, one for each
/// workload and core of a line. Those whose own figure, peer's figure or pass of `decode` was not measured
/// are left out.
pub fn verdicts(table: &Table) -> Vec<Verdict> {
    let each = LINES.iter().flat_map(|line| {
        let works = line.works.iter().filter_map(|name| workload(name));
        works.flat_map(move |work| line.cores.iter().map(move |core| (line, *core, work)))
    });
    let verdict = |(line, core, work): (&Line, &'static str, &'static crate::Workload)| {
        let rows = || table.rows.iter().filter(|row| row.core == core);
        let of_elbow = |name: &str| rows().find(|row| row.who == ELBOW && row.work.name == name);
        let found = of_elbow(work.name);
        let pass = of_elbow("decode").and_then(|row| line.figure.of(row));
        let peer = table.best_peer(core, work, line.figure);
        Some(Verdict {
            core,
            work: work.name,
            figure: line.figure,
            found: line.figure.of(found?)?,
            peer,
            must: line.must.most(peer, pass)?,
            aim: line.aim.most(peer, pass)?,
        })
    };
    each.filter_map(verdict).collect()
}

/// Number of verdicts of a table in which everything is measured.
pub fn demanded() -> usize {
    LINES.iter().map(|line| line.cores.len() * line.works.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::published::best;
    use elbow_emulator::Measured;

    fn table(instructions: u64, code: u32) -> Table {
        let measured = Measured { instructions, cycles: Some(1), check: String::new() };
        let work = workload("W2").expect("a workload");
        let (code_bytes, table_bytes) = (Some(code), Some(0));
        let row = Row { core: "m4", work, who: ELBOW, measured, code_bytes, table_bytes };
        Table { rows: vec![row], notes: vec![] }
    }

    fn missed(table: &Table) -> Vec<Figure> {
        verdicts(table).iter().filter(|v| !v.holds()).map(|v| v.figure).collect()
    }

    #[test]
    fn the_limit_is_a_part_of_the_best_peers_figure() {
        let peer = best("m4", "W2", Figure::Instructions).expect("a figure");
        let most = (peer as f64 / 1.75) as u64;
        assert_eq!(missed(&table(most, 3072)), []);
        assert_eq!(missed(&table(most + 1, 3072)), [Figure::Instructions]);
        assert_eq!(missed(&table(most, 3073)), [Figure::Code]);
    }

    #[test]
    fn a_better_peer_of_the_same_run_lowers_the_limit() {
        let mut table = table(300_000, 0);
        let measured = Measured { instructions: 500_000, cycles: None, check: String::new() };
        let peer = Row { who: "peer", measured, code_bytes: None, ..table.rows[0].clone() };
        assert_eq!(missed(&table), []);
        table.rows.push(peer);
        assert_eq!(missed(&table), [Figure::Instructions]);
    }

    #[test]
    fn a_step_of_refinement_is_held_against_the_decoders_pass() {
        let named = |name| workload(name).expect("a workload");
        assert_eq!(named("refine-step").units, GRADIENTS);
        let row = |name, instructions| Row {
            work: named(name),
            ..table(instructions, 0).rows[0].clone()
        };
        let with = |step| {
            let rows = vec![row("refine-step", step), row("decode", 1_000)];
            missed(&Table { rows, notes: vec![] })
        };
        assert_eq!(with(24_000), []);
        assert_eq!(with(24_001), [Figure::Instructions]);
    }

    #[test]
    fn a_draw_has_a_limit_of_its_own() {
        let work = workload("draws").expect("a workload");
        assert_eq!(work.units, DRAWS);
        let with = |instructions| {
            let mut table = table(instructions, 0);
            table.rows[0].work = work;
            missed(&table)
        };
        assert_eq!(with(90 * 1024), []);
        assert_eq!(with(90 * 1024 + 1), [Figure::Instructions]);
    }
}
