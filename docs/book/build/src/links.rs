//! Where pages of the repository lie in the book, and links between them.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Component, Path, PathBuf};

const CHAPTERS: &str = "docs/book/src/";

/// The pages of the book: the path in the repository, and that in the book.
pub struct Pages(BTreeMap<String, String>);

impl Pages {
    /// The chapters, and the pages that `further` names: files, or folders of them.
    ///
    /// # Errors
    ///
    /// A folder cannot be listed.
    pub fn find(root: &Path, further: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut pages = BTreeMap::new();
        for file in markdown(root, CHAPTERS.trim_end_matches('/'))? {
            pages.insert(file.clone(), file[CHAPTERS.len()..].to_string());
        }
        for place in further {
            let files = match place.ends_with(".md") {
                true => vec![place.to_string()],
                false => markdown(root, place)?,
            };
            for file in files {
                let name = file.rsplit('/').next().unwrap_or_default();
                pages.insert(file.clone(), format!("reference/{name}"));
            }
        }
        Ok(Self(pages))
    }

    /// All pages: in the repository, in the book.
    pub fn all(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// The part of the table of contents that lists the pages of reference, by their titles.
    ///
    /// # Errors
    ///
    /// A page cannot be read.
    pub fn contents(&self, root: &Path) -> Result<String, Box<dyn Error>> {
        let mut text = String::from("\n# Reference\n\n");
        for (page, place) in self.all().filter(|(_, place)| place.starts_with("reference/")) {
            let page = fs::read_to_string(root.join(page))?;
            let title = page.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(place);
            text += &format!("- [{title}]({place})\n");
        }
        Ok(text)
    }

    /// The text of `page` with its links as they are in the book: to another page of the book, to a picture, out into
    /// the net; one to another file of the repository becomes its path in words.
    pub fn relink(&self, page: &str, text: &str) -> String {
        let (mut out, mut is_code) = (String::new(), false);
        for line in text.split_inclusive('\n') {
            is_code ^= line.starts_with("```");
            out += &if is_code { line.to_string() } else { self.line(page, line) };
        }
        out
    }

    /// One line that is no code.
    fn line(&self, page: &str, line: &str) -> String {
        let (mut out, mut rest) = (String::new(), line);
        while let Some((before, after)) = rest.split_once("](") {
            let Some((target, behind)) = after.split_once(')') else { break };
            rest = behind;
            match self.target(page, target) {
                Ok(target) => out += &format!("{before}]({target})"),
                Err(path) => out += &unlinked(before, &path),
            }
        }
        out + rest
    }

    /// Where a link leads in the book; the path in the repository where that is no page of it.
    fn target(&self, page: &str, target: &str) -> Result<String, String> {
        let is_own = target.starts_with('#') || target.starts_with("pictures/");
        if is_own || target.contains("://") {
            return Ok(target.to_string());
        }
        let (file, heading) = target.split_once('#').map_or((target, None), |(f, h)| (f, Some(h)));
        let path = resolved(&Path::new(page).with_file_name(file));
        let place = self.0.get(&path).ok_or(path)?;
        let own = self.0.get(page).map_or("", String::as_str);
        let up = if own.contains('/') { "../" } else { "" };
        let heading = heading.map(|heading| format!("#{heading}")).unwrap_or_default();
        Ok(format!("{up}{place}{heading}"))
    }
}

/// The words of a link that stood at the end of `before`, with the path that it led to unless they are that path.
fn unlinked(before: &str, path: &str) -> String {
    let Some((before, words)) = before.rsplit_once('[') else { return before.to_string() };
    match words.trim_matches('`') == path {
        true => format!("{before}`{path}`"),
        false => format!("{before}{words} (`{path}`)"),
    }
}

/// The paths of the pages in a folder, sorted.
fn markdown(root: &Path, folder: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            found.push(format!("{folder}/{name}"));
        }
    }
    found.sort();
    Ok(found)
}

/// The path without `.` and `..`, with `/` between its parts.
fn resolved(path: &Path) -> String {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        Pages::find(&root, &crate::FURTHER).expect("pages")
    }

    #[test]
    fn links_lead_to_the_places_of_pages_in_the_book() {
        let pages = pages();
        let chapter = |text: &str| pages.relink("docs/book/src/gaps.md", text);
        assert_eq!(chapter("[a](elbo.md#see-it)"), "[a](elbo.md#see-it)");
        assert_eq!(chapter("[a](../../board.md)"), "[a](reference/board.md)");
        assert_eq!(
            chapter("![a](pictures/a.svg) [b](https://b.org)"),
            "![a](pictures/a.svg) [b](https://b.org)"
        );
        let reference = pages.relink("docs/reference/scores.md", "[a](../book/src/alarm.md)");
        assert_eq!(reference, "[a](../alarm.md)");
    }

    #[test]
    fn a_link_that_leaves_the_book_becomes_words() {
        let text = "see [the models](../../../models/README.md#flows), [`x.rs`](x.rs)\n```\n[a](b.md)\n```\n";
        let found = pages().relink("docs/book/src/gaps.md", text);
        let expected = "see the models (`models/README.md`), `x.rs` (`docs/book/src/x.rs`)\n```\n[a](b.md)\n```\n";
        assert_eq!(found, expected);
    }
}
