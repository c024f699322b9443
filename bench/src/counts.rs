//! What Elbow took when it was last accepted, by compiler: `counts.txt`.
//!
//! Counts are exact, so that any change shows. They hold for one version of the compiler; for
//! another they are only reported.

use crate::table::ELBOW;
use crate::{Error, Table, elbow};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Counts of instructions by core and workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The compiler's line about itself.
    pub compiler: String,
    counts: BTreeMap<(String, String), u64>,
}

impl Counts {
    /// What is checked in.
    ///
    /// # Errors
    ///
    /// Where the file is missing or a line of it is none of ours.
    pub fn checked_in() -> Result<Self, Error> {
        let text = std::fs::read_to_string(file());
        Self::parse(&text.map_err(|error| Error::new(format!("{}: {error}", file().display())))?)
    }

    /// What Elbow took in a run.
    pub fn of(table: &Table) -> Self {
        let elbow = table.rows.iter().filter(|row| row.who == ELBOW);
        let key = |core: &str, work: &str| (core.to_owned(), work.to_owned());
        let counts = elbow.map(|row| (key(row.core, row.work.name), row.measured.instructions));
        Self { compiler: elbow::compiler(), counts: counts.collect() }
    }

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

    /// What differs from `found`, a line each: nothing where another compiler built the images.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        if found.compiler != self.compiler {
            return Vec::new();
        }
        let differs = |(core, work): &(String, String), found: u64, expected: Option<&u64>| {
            let expected = expected.map_or("nothing".into(), u64::to_string);
            format!("{work} on {core}: {found} instructions, {expected} in bench/counts.txt")
        };
        let found = found.counts.iter().map(|(key, found)| (key, found, self.counts.get(key)));
        let found = found.filter(|(_, found, expected)| Some(*found) != *expected);
        found.map(|(key, found, expected)| differs(key, *found, expected)).collect()
    }

    /// Writes the file, with what is there already of other cores and workloads.
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

const HEADER: &str = "\
# Instructions of one inference on Elbow, exact for this compiler. `cargo xtask bench --accept` writes
# them; a higher count needs a reason in the commit that accepts it.
";

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{HEADER}compiler {}", self.compiler)?;
        let mut lines = self.counts.iter();
        lines.try_for_each(|((core, work), count)| writeln!(f, "{core} {work} {count}"))
    }
}

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
    fn a_count_that_changed_or_is_new_is_named() {
        let accepted = counts("# why\ncompiler c 1\nm4 W2 100\nm3 W2 200\n");
        assert_eq!(counts(&accepted.to_string()), accepted);
        let found = counts("compiler c 1\nm4 W2 101\nm4 W3 7\n");
        let differences = accepted.differences(&found);
        assert_eq!(differences.len(), 2, "{differences:?}");
        assert_eq!(differences[0], "W2 on m4: 101 instructions, 100 in bench/counts.txt");
        assert!(differences[1].contains("nothing in bench/counts.txt"), "{differences:?}");
        assert!(accepted.differences(&counts("compiler c 1\nm4 W2 100\n")).is_empty());
    }

    #[test]
    fn another_compiler_is_only_reported() {
        let (accepted, found) =
            (counts("compiler c 1\nm4 W2 100\n"), counts("compiler c 2\nm4 W2 9\n"));
        assert!(accepted.differences(&found).is_empty());
    }

    #[test]
    fn a_line_that_is_no_count_is_refused() {
        assert!(Counts::parse("m4 W2 many").is_err());
    }
}
