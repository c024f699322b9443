//! What was measured, and the figures to beat.

use crate::acceptance::verdicts;
use crate::published::{best, published};
use crate::{Error, Figure, Numbers, WORKLOADS, Workload, workload};
use elbow_emulator::{Measured, timing};
use elbow_toolchain::{CORES, Core};
use std::fmt::{self, Display, Formatter};

/// Elbow's name in the table.
pub(crate) const ELBOW: &str = "Elbow";

/// The name of the plain loops that round as Elbow does.
pub(crate) const RUST: &str = "Rust, one row";

/// A peer that rounds as Elbow does, in floats.
pub(crate) const MICROFLOW: &str = "microflow";

/// What one contestant takes for one workload on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The core.
    pub core: &'static str,
    /// The workload.
    pub work: &'static Workload,
    /// The contestant.
    pub who: &'static str,
    /// Its figures.
    pub measured: Measured,
    /// Bytes of its machine code and of the constants that it names, where they are known.
    pub code_bytes: Option<u32>,
    /// How many of them are constants: tables.
    pub table_bytes: Option<u32>,
}

/// All rows of a run. Prints as Markdown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order of measuring.
    pub rows: Vec<Row>,
    /// Versions, compilers and flags.
    pub notes: Vec<String>,
}

impl Table {
    /// The smallest figure of a peer for a workload, or for its [`rival`](Workload::rival), on a core, among
    /// this run's and those that were measured before; `None` where there is none.
    pub fn best_peer(&self, core: &str, work: &Workload, figure: Figure) -> Option<u64> {
        let peers = self.rows.iter().filter(|row| row.core == core && row.who != ELBOW);
        let run = peers.filter(|row| row.work.name == work.rival());
        run.filter_map(|row| figure.of(row)).chain(best(core, work.rival(), figure)).min()
    }

    /// Passes of the decoder (workload `decode`) that a gradient of the workload `refine-step` takes on
    /// Elbow, by instructions; `None` where one of the two was not measured on this core.
    fn passes(&self, core: &str) -> Option<f64> {
        let each = |name: &str| {
            let ours = |row: &&Row| row.who == ELBOW && row.core == core && row.work.name == name;
            self.rows.iter().find(ours).map(|row| row.measured.instructions as f64)
        };
        let gradients = workload("refine-step")?.units as f64;
        Some(each("refine-step")? / gradients / each("decode")?)
    }

    /// Checks that all who round alike computed the same integers: Elbow, the plain loops in Rust and
    /// microflow round once, the others twice, as TFLite does. Draws and inference are the same on every
    /// core; float networks are not checked. An error names the first workload whose outputs differ.
    pub(crate) fn agrees(&self) -> Result<(), Error> {
        let once = |row: &Row| [ELBOW, RUST, MICROFLOW].contains(&row.who);
        for work in WORKLOADS.iter().filter(|work| work.numbers != Numbers::Float) {
            for rounds_once in [false, true] {
                let alike = |row: &&Row| row.work == work && once(row) == rounds_once;
                let rows = self.rows.iter().filter(alike);
                let mut checks: Vec<_> = rows.map(|row| &row.measured.check).collect();
                checks.dedup();
                if checks.len() > 1 {
                    return Err(Error::new(format!("{}: outputs differ: {checks:?}", work.name)));
                }
            }
        }
        Ok(())
    }

    /// The rows of one workload on one core, in the order of measuring.
    fn rows_of<'a>(&'a self, core: &'a str, work: &'a Workload) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.core == core && row.work == work)
    }

    /// Writes the rows of a core as a Markdown table, workload by workload, with CMSIS-NN's published figures
    /// below each workload that has rows.
    fn write_core(&self, f: &mut Formatter<'_>, core: &str) -> fmt::Result {
        writeln!(
            f,
            "\n| {core} | who | instructions | per MAC | cycles (estimate) | code bytes | output |"
        )?;
        writeln!(f, "|---|---|---:|---:|---:|---:|---|")?;
        for work in &WORKLOADS {
            for row in self.rows_of(core, work) {
                write_row(f, work, row.who, row.measured.instructions, row.measured.cycles)?;
                let code = row.code_bytes.map_or_else(String::new, |bytes| thousands(bytes.into()));
                writeln!(f, " {code} | {} |", row.measured.check)?;
            }
            if let Some(p) = published(core, work.name).filter(|_| self.has(core, work)) {
                write_row(f, work, "CMSIS-NN of July 2026", p.instructions, p.cycles)?;
                writeln!(f, " | |")?;
            }
        }
        Ok(())
    }

    /// The table of the rows of one core, with all notes.
    pub(crate) fn of_core(&self, core: &str) -> Self {
        let rows = self.rows.iter().filter(|row| row.core == core).cloned().collect();
        Self { rows, notes: self.notes.clone() }
    }

    /// Writes a table with how many times less Elbow takes than the best peer, a line for each of Elbow's
    /// rows that has one; nothing without rows of Elbow.
    fn write_ratios(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if !self.rows.iter().any(|row| row.who == ELBOW) {
            return Ok(());
        }
        writeln!(
            f,
            "\n| core | workload | fewer instructions than the best peer | fewer cycles |"
        )?;
        writeln!(f, "|---|---|---:|---:|")?;
        for row in self.rows.iter().filter(|row| row.who == ELBOW) {
            let [instructions, cycles] = [Figure::Instructions, Figure::Cycles]
                .map(|figure| ratio(self.best_peer(row.core, row.work, figure), figure.of(row)));
            if !instructions.is_empty() {
                writeln!(f, "| {} | {} | {instructions} | {cycles} |", row.core, row.work.name)?;
            }
        }
        Ok(())
    }

    /// Writes the table of the [`verdicts`]; nothing where there are none.
    fn write_verdicts(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdicts = verdicts(self);
        if verdicts.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n| core | workload | figure | best peer | must | aim | Elbow | |")?;
        writeln!(f, "|---|---|---|---:|---:|---:|---:|---|")?;
        verdicts.iter().try_for_each(|verdict| writeln!(f, "{verdict}"))
    }

    /// Whether there is a row of this workload on this core.
    fn has(&self, core: &str, work: &Workload) -> bool {
        self.rows_of(core, work).next().is_some()
    }
}

impl Display for Table {
    /// Writes the tables of all cores that have rows, Elbow's ratios and verdicts, and the notes as a list.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for core in CORES.iter().map(Core::name) {
            if self.rows.iter().any(|row| row.core == core) {
                self.write_core(f, core)?;
            }
        }
        self.write_ratios(f)?;
        self.write_verdicts(f)?;
        writeln!(f)?;
        let timed = CORES.iter().filter_map(|core| Some((core.name(), timing(core)?.source)));
        for (core, source) in timed.filter(|timed| self.rows.iter().any(|r| r.core == timed.0)) {
            writeln!(f, "- cycles on {core}: estimate from {source}, no wait states")?;
        }
        for row in self.rows.iter().filter(|row| row.work.numbers == Numbers::Noise) {
            if let Some(bytes) = row.table_bytes {
                let (work, core, bytes) = (row.work.name, row.core, thousands(bytes.into()));
                writeln!(f, "- {work} on {core}: {bytes} of the code bytes are tables")?;
            }
        }
        for core in CORES.iter().map(Core::name) {
            if let Some(passes) = self.passes(core) {
                writeln!(f, "- a gradient of refine-step on {core}: {passes:.2} passes of decode")?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "- {note}"))
    }
}

/// Writes the first five columns of a row (workload, contestant, instructions, those per unit, cycles),
/// without the newline.
fn write_row(
    f: &mut Formatter<'_>,
    work: &Workload,
    who: &str,
    instructions: u64,
    cycles: Option<u64>,
) -> fmt::Result {
    let each = instructions as f64 / work.units as f64;
    let unit = if work.unit.is_empty() { String::new() } else { format!(" a {}", work.unit) };
    let cycles = cycles.map_or_else(String::new, thousands);
    let instructions = thousands(instructions);
    write!(f, "| {} | {who} | {instructions} | {each:.3}{unit} | {cycles} |", work.name)
}

/// How many times the second the first is, as `1.85x`; empty where one of them is not known.
fn ratio(peer: Option<u64>, ours: Option<u64>) -> String {
    let ratio = |(peer, ours)| format!("{:.2}x", peer as f64 / ours as f64);
    peer.zip(ours).map_or_else(String::new, ratio)
}

/// A number with a comma every three digits.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group));
    groups.fold(first.to_owned(), |text, group| text + "," + &group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(who: &'static str, instructions: u64, cycles: Option<u64>, check: &str) -> Row {
        let work = workload("W2").expect("a workload");
        let check = check.to_owned();
        Row {
            core: "m4",
            work,
            who,
            measured: Measured { instructions, cycles, check },
            code_bytes: None,
            table_bytes: None,
        }
    }

    fn table(rows: Vec<Row>) -> Table {
        Table { rows, notes: vec![] }
    }

    #[test]
    fn the_best_peer_is_the_smaller_of_the_run_and_of_what_was_measured_before() {
        let work = workload("W2").expect("a workload");
        let known = |figure| best("m4", "W2", figure).expect("a figure");
        let [instructions, cycles] = [Figure::Instructions, Figure::Cycles].map(known);
        let run = table(vec![row("peer", instructions + 1, Some(cycles - 1), "")]);
        assert_eq!(run.best_peer("m4", work, Figure::Instructions), Some(instructions));
        assert_eq!(run.best_peer("m4", work, Figure::Cycles), Some(cycles - 1));
        let with_elbow = table(vec![row(ELBOW, 1, Some(1), "")]);
        assert_eq!(with_elbow.best_peer("m4", work, Figure::Cycles), Some(cycles));
    }

    #[test]
    fn peers_that_compute_something_else_are_noticed() {
        let differ = table(vec![row("one", 1, None, "aa"), row("two", 1, None, "ab")]);
        assert!(differ.agrees().expect_err("they differ").to_string().contains("W2"));
        let own_rule = table(vec![row("one", 1, None, "aa"), row(ELBOW, 1, None, "ab")]);
        assert_eq!(own_rule.agrees(), Ok(()));
        for who in [RUST, MICROFLOW] {
            let wrong = table(vec![row(who, 1, None, "aa"), row(ELBOW, 1, None, "ab")]);
            assert!(wrong.agrees().is_err(), "{who}");
        }
    }

    #[test]
    fn elbow_is_set_against_the_best_peer() {
        let half = best("m4", "W2", Figure::Cycles).map(|cycles| cycles / 2);
        let rows = vec![row("peer", 500_000, None, "aa"), row(ELBOW, 250_000, half, "ab")];
        let text = table(rows).to_string();
        assert!(text.contains("| m4 | W2 | 2.00x | 2.00x |"), "{text}");
    }

    #[test]
    fn figures_are_printed_with_their_share_per_product() {
        let text = table(vec![row("peer", 264_192, Some(1_234_567), "88f83776")]).to_string();
        assert!(
            text.contains("| W2 | peer | 264,192 | 1.000 | 1,234,567 |  | 88f83776 |"),
            "{text}"
        );
        assert!(text.contains("| W2 | CMSIS-NN of July 2026 | 579,640 |"), "{text}");
    }

    #[test]
    fn draws_are_printed_with_their_share_and_their_tables() {
        let work = workload("draws").expect("a workload");
        let row = row(ELBOW, 61_440, None, "ab");
        let text = table(vec![Row { work, table_bytes: Some(2_560), ..row }]).to_string();
        assert!(text.contains("| draws | Elbow | 61,440 | 60.000 a draw |"), "{text}");
        assert!(text.contains("- draws on m4: 2,560 of the code bytes are tables\n"), "{text}");
    }

    #[test]
    fn a_gradient_is_set_against_a_pass_of_the_decoder() {
        let named = |name, instructions| {
            let work = workload(name).expect("a workload");
            Row { work, ..row(ELBOW, instructions, None, "ab") }
        };
        let text = table(vec![named("decode", 8_320), named("refine-step", 166_400)]).to_string();
        assert!(text.contains("| decode | Elbow | 8,320 | 1.000 |"), "{text}");
        assert!(
            text.contains("| refine-step | Elbow | 166,400 | 20800.000 a gradient |"),
            "{text}"
        );
        assert!(
            text.contains("- a gradient of refine-step on m4: 2.50 passes of decode\n"),
            "{text}"
        );
    }
}
