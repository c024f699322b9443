//! What Elbow took when it was last accepted, by compiler: `counts.txt`.
//!
//! Counts are exact, so that any change shows. They hold for one version of the compiler; for
//! another they are only reported.

use crate::table::ELBOW;
use crate::{Error, Options, Table, elbow};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Counts of instructions by core and workload. They print as the text of `counts.txt`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The compiler's line about itself.
    pub compiler: String,
    counts: BTreeMap<(String, String), u64>,
}

impl Counts {
    /// The counts in `counts.txt`.
    ///
    /// # Errors
    ///
    /// Where the file is missing or a line of it is none of ours.
    pub fn checked_in() -> Result<Self, Error> {
        let text = std::fs::read_to_string(file());
        Self::parse(&text.map_err(|error| Error::new(format!("{}: {error}", file().display())))?)
    }

    /// The counts of Elbow's rows in `table`, with the version of the compiler that this machine has now
    /// (empty without one).
    pub fn of(table: &Table) -> Self {
        let elbow = table.rows.iter().filter(|row| row.who == ELBOW);
        let key = |core: &str, work: &str| (core.to_owned(), work.to_owned());
        let counts = elbow.map(|row| (key(row.core, row.work.name), row.measured.instructions));
        Self { compiler: elbow::compiler(), counts: counts.collect() }
    }

    /// The counts in the text of the file: a line `compiler VERSION`, lines of core, workload and count, and
    /// comments behind `#`. Of equal pairs the last counts. An error for any other line, also an empty one.
    fn parse(text: &str) -> Result<Self, Error> {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(compiler) = line.strip_prefix("compiler ") {
                compiler.clone_into(&mut counts.compiler);
                continue;
            }
            let mut words = line.split_whitespace();
            let (core, work) = (words.next(), words.next());
            let count = words.next().and_then(|word| word.parse().ok());
            let (Some(core), Some(work), Some(count)) = (core, work, count) else {
                return Err(Error::new(format!(
                    "counts.txt: `{line}` is no core, workload, count"
                )));
            };
            counts.counts.insert((core.into(), work.into()), count);
        }
        Ok(counts)
    }

    /// A line for each core and workload whose count here (the accepted one) is not that of `found`, also
    /// where only one side has it, so that nothing drops out unseen; empty where all are equal.
    ///
    /// # Errors
    ///
    /// [`NotCompared`] where the two are of different compilers.
    pub fn differences(&self, found: &Self) -> Result<Vec<String>, NotCompared> {
        if found.compiler != self.compiler {
            let (found, accepted) = (found.compiler.clone(), self.compiler.clone());
            return Err(NotCompared { found, accepted });
        }
        let keys: BTreeSet<_> = self.counts.keys().chain(found.counts.keys()).collect();
        let counts = keys.iter().map(|key| (key, found.counts.get(key), self.counts.get(key)));
        let text = |count: Option<&u64>| count.map_or("nothing".into(), u64::to_string);
        let line = |((core, work), found, accepted): (&&(String, String), _, _)| {
            let (found, accepted) = (text(found), text(accepted));
            format!("{work} on {core}: {found} instructions, {accepted} in bench/counts.txt")
        };
        Ok(counts.filter(|(_, found, accepted)| found != accepted).map(line).collect())
    }

    /// The same counts, without those of cores and workloads that `options` does not ask for.
    #[must_use]
    pub fn asked(mut self, options: &Options) -> Self {
        self.counts.retain(|(core, work), _| options.asks(core, work));
        self
    }

    /// Replaces `counts.txt` by these counts and those that it already has of other cores and workloads. What
    /// the file has of another compiler is dropped, and a file that cannot be read counts as empty.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub fn accept(&self) -> Result<(), Error> {
        let mut all = Self::checked_in().unwrap_or_default();
        if all.compiler != self.compiler {
            all = Self { compiler: self.compiler.clone(), ..Self::default() };
        }
        all.counts.extend(self.counts.clone());
        std::fs::write(file(), all.to_string())
            .map_err(|error| Error::new(format!("{}: {error}", file().display())))
    }
}

/// Counts of another compiler, which say nothing about the accepted ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCompared {
    found: String,
    accepted: String,
}

impl std::fmt::Display for NotCompared {
    /// Writes the sentence with both compilers.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not compared: compiler {}, counts of {}", self.found, self.accepted)
    }
}

const HEADER: &str = "\
# Instructions of one inference on Elbow, exact for this compiler. `cargo xtask bench --accept` writes
# them; a higher count needs a reason in the commit that accepts it.
";

impl std::fmt::Display for Counts {
    /// Writes the text of `counts.txt`: a comment, the compiler's line, and a line per count, sorted.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}compiler {}", self.compiler)?;
        let mut lines = self.counts.iter();
        lines.try_for_each(|((core, work), count)| writeln!(f, "{core} {work} {count}"))
    }
}

/// Path of `counts.txt`.
fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("counts.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        Counts::parse(text).expect("counts")
    }

    #[test]
    fn a_count_that_changed_or_is_on_one_side_only_is_named() {
        let accepted = counts("# why\ncompiler c 1\nm4 W2 100\nm3 W2 200\n");
        assert_eq!(counts(&accepted.to_string()), accepted);
        let found = counts("compiler c 1\nm4 W2 101\nm4 W3 7\n");
        let differences = accepted.differences(&found).expect("one compiler");
        assert_eq!(differences.len(), 3, "{differences:?}");
        assert_eq!(differences[1], "W2 on m4: 101 instructions, 100 in bench/counts.txt");
        assert!(differences[0].contains("W2 on m3: nothing instructions, 200"), "{differences:?}");
        assert!(differences[2].contains("nothing in bench/counts.txt"), "{differences:?}");
        assert_eq!(accepted.differences(&accepted), Ok(vec![]));
    }

    #[test]
    fn only_what_was_asked_for_is_compared() {
        let accepted = counts("compiler c 1\nm4 W2 100\nm3 W2 200\nm4 W3 300\n");
        let options =
            Options { cores: vec!["m4".into()], works: vec!["W2".into()], ..Options::default() };
        assert_eq!(accepted.asked(&options), counts("compiler c 1\nm4 W2 100\n"));
    }

    #[test]
    fn counts_of_another_compiler_are_not_compared() {
        let (accepted, found) =
            (counts("compiler c 1\nm4 W2 100\n"), counts("compiler c 2\nm4 W2 9\n"));
        let refused = accepted.differences(&found).expect_err("other compilers");
        assert_eq!(refused.to_string(), "not compared: compiler c 2, counts of c 1");
    }

    #[test]
    fn a_line_that_is_no_count_is_refused() {
        assert!(Counts::parse("m4 W2 many").is_err());
    }
}
