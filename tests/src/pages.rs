//! Pages of the documentation that tests hold; with `ELBOW_ACCEPT=1` they write what they find into them.

use crate::fixtures::path;
use std::fs;
use std::ops::Range;

/// A page, or another file of text, below the root of the repository.
///
/// # Panics
///
/// There is none.
pub fn page(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Holds the whole `file` against `found`, or writes it.
///
/// # Panics
///
/// They differ, and nothing is to be accepted; the message has the first line that does.
pub fn hold(file: &str, found: &str) {
    let stated = page(file);
    if stated == found {
        return;
    }
    if std::env::var_os("ELBOW_ACCEPT").is_some() {
        fs::write(path(file), found).unwrap_or_else(|error| panic!("{file}: {error}"));
        return;
    }
    let mut lines = found.lines().zip(stated.lines());
    let first = lines.find(|(found, stated)| found != stated);
    panic!(
        "{file}: the first other line, found and stated: {first:#?}; ELBOW_ACCEPT=1 writes what was found"
    );
}

/// Holds what stands in `file` between the comments `<!-- name -->` and `<!-- /name -->` against `found`, or writes
/// it there.
///
/// # Panics
///
/// As [`hold`], and where the page has no such comments.
pub fn hold_part(file: &str, name: &str, found: &str) {
    let stated = page(file);
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let parts = stated
        .split_once(&begin)
        .and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("{file} has no {begin}{end}"));
    hold(file, &format!("{before}{begin}{found}{end}{after}"));
}

/// The page with what `printed` gives for each command in its blocks of `console`, in order, in place of what stands
/// below it; where that is `None`, the page keeps what it has.
pub fn answered(text: &str, mut printed: impl FnMut(&str) -> Option<String>) -> String {
    let (mut answered, mut is_console, mut is_replaced) = (String::new(), false, false);
    for line in text.lines() {
        match line {
            "```console" => is_console = true,
            "```" => (is_console, is_replaced) = (false, false),
            _ => {}
        }
        if let Some(command) = line.strip_prefix("$ ").filter(|_| is_console) {
            let found = printed(command);
            is_replaced = found.is_some();
            answered += &format!("{line}\n{}", found.unwrap_or_default());
        } else if !is_replaced {
            answered += line;
            answered += "\n";
        }
    }
    answered
}

/// A heading of a page.
pub struct Heading<'t> {
    /// 1 for the title of the page.
    pub level: usize,
    /// Its text.
    pub text: &'t str,
    /// The bytes of its line.
    pub line: Range<usize>,
}

/// The headings of a page outside blocks of code, in order.
pub fn headings(page: &str) -> Vec<Heading<'_>> {
    let (mut is_code, mut end) = (false, 0);
    let mut found = Vec::new();
    for line in page.split_inclusive('\n') {
        let start = end;
        end += line.len();
        is_code ^= line.starts_with("```");
        let level = line.len() - line.trim_start_matches('#').len();
        if let Some(text) = line[level..].strip_prefix(' ')
            && level > 0
            && !is_code
        {
            found.push(Heading { level, text: text.trim_end(), line: start..end });
        }
    }
    found
}

/// The part of a page below the heading `title`, up to the next heading of its level or a higher one; `None` where
/// there is no such heading.
pub fn section<'t>(page: &'t str, title: &str) -> Option<&'t str> {
    let mut headings = headings(page).into_iter().skip_while(|heading| heading.text != title);
    let own = headings.next()?;
    let end = headings.find(|heading| heading.level <= own.level);
    page.get(own.line.end..end.map_or(page.len(), |heading| heading.line.start))
}
