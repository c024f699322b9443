//! Tables in `README.md`, a section per core between two comments.

use crate::{Error, Table};
use elbow_toolchain::{CORES, Core};
use std::path::Path;

/// Replaces the section of each core that has rows in `table`, in `bench/README.md`; the other sections stay
/// as they are.
///
/// # Errors
///
/// Where the file cannot be read or written, or lacks the comments.
pub fn write(table: &Table) -> Result<(), Error> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let failed = |error| Error::new(format!("{}: {error}", file.display()));
    let mut text = std::fs::read_to_string(&file).map_err(failed)?;
    for core in CORES.iter().map(Core::name) {
        let own = table.of_core(core);
        if !own.rows.is_empty() {
            text = replaced(&text, core, &own.to_string())?;
        }
    }
    std::fs::write(&file, text).map_err(failed)
}

/// `text` with `section` in place of what is between the two comments of a core; an error where `text` lacks
/// them.
fn replaced(text: &str, core: &str, section: &str) -> Result<String, Error> {
    let [begin, end] = [format!("<!-- {core} -->\n"), format!("<!-- end of {core} -->\n")];
    let parts = text.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let missing = || Error::new(format!("bench/README.md has no `{begin}` and `{end}`"));
    let (before, after) = parts.ok_or_else(missing)?;
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let text = "one\n<!-- m0 -->\nold\n<!-- end of m0 -->\ntwo\n";
        let expected = text.replace("old", "new");
        assert_eq!(replaced(text, "m0", "new\n"), Ok(expected));
        assert!(replaced(text, "m3", "new\n").is_err());
    }

    #[test]
    fn every_core_has_a_section() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = std::fs::read_to_string(file).expect("the readme");
        for core in CORES.iter().map(Core::name) {
            assert!(replaced(&text, core, "").is_ok(), "{core}");
        }
    }
}
