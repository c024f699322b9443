//! The pages of the repository: every link leads somewhere, and the README is short.

use crate::source::root;
use elbow_tests::pages::headings;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Most lines of the README: what is longer is not read.
const README_LINES: usize = 150;

/// The pages of the repository, by their paths below its root.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    below(Path::new(""), &mut found);
    assert!(found.len() > 40, "{found:?}");
    found
}

/// Adds the pages in `folder` and its folders to `found`, but for what is built or fetched.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(root().join(folder)).expect("a folder");
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    for name in names.iter().filter(|name| *name != "target" && *name != ".git") {
        let path = folder.join(name);
        let file = root().join(&path);
        if file.is_dir() && !file.is_symlink() {
            below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The text of a page without its blocks of code, and without code in its lines, whose brackets are no links.
fn prose(text: &str) -> String {
    let (mut is_code, mut prose) = (false, String::new());
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if !is_code && !is_fence {
            prose.extend(line.split('`').step_by(2));
            prose += "\n";
        }
    }
    prose
}

/// The targets of the links and pictures in a page.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let inline = prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    let defined =
        prose.lines().filter_map(|line| Some(line.strip_prefix('[')?.split_once("]: ")?.1));
    let defined = defined.filter(|target| !target.contains(' '));
    inline.chain(defined).map(String::from).collect()
}

/// The name by which links reach a heading, as GitHub makes it: small letters, digits, `_` and `-`, and `-` for
/// spaces.
fn anchor(heading: &str) -> String {
    let kept = |letter: char| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => letter.is_alphanumeric().then_some(letter),
    };
    heading.to_lowercase().chars().filter_map(kept).collect()
}

/// What is wrong with a link to `target` from the page `from`; `None` for one that leads somewhere, or out of the
/// repository.
fn fault(from: &Path, target: &str) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|start| target.starts_with(start)) {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_path_buf(),
        _ => resolved(&from.with_file_name(file)),
    };
    if !root().join(&path).exists() {
        return Some(format!("{}: no file {target}", from.display()));
    }
    if heading.is_empty() {
        return None;
    }
    let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
    let found = headings(&text).iter().any(|other| anchor(other.text) == heading);
    (!found).then(|| format!("{}: no heading {target}", from.display()))
}

/// The path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
        path
    })
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    let mut faults = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(root().join(&page)).expect("a readable page");
        let targets = targets(&text);
        links += targets.len();
        faults.extend(targets.iter().filter_map(|target| fault(&page, target)));
    }
    assert!(links > 100, "{links} links");
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_dead_link_is_found() {
    let page = Path::new("docs/README.md");
    let faults = |text: &str| -> Vec<String> {
        targets(text).iter().filter_map(|target| fault(page, target)).collect()
    };
    assert_eq!(
        faults("[a](board.md) [b](../README.md#your-own-model) ![c](https://example.org/c.svg)"),
        [""; 0]
    );
    assert_eq!(faults("`[a](lost.md)`\n```\n[a](lost.md)\n```\n"), [""; 0]);
    assert_eq!(faults("[a](lost.md)"), ["docs/README.md: no file lost.md"]);
    assert_eq!(faults("[a](board.md#lost)"), ["docs/README.md: no heading board.md#lost"]);
    assert_eq!(faults("[a]: ../lost.md"), ["docs/README.md: no file ../lost.md"]);
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(root().join("README.md")).expect("a README");
    let lines = text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, more than {README_LINES}");
}

/// Whatever is written for a reader can be reached from the table of contents.
#[test]
fn the_table_of_contents_has_every_page() {
    let contents = Path::new("docs/README.md");
    let text = fs::read_to_string(root().join(contents)).expect("a table of contents");
    let linked: Vec<PathBuf> =
        targets(&text).iter().map(|target| resolved(&contents.with_file_name(target))).collect();
    let own = pages().into_iter().filter(|page| page.starts_with("docs") && page != contents);
    let lacking: Vec<PathBuf> = own.filter(|page| !linked.contains(page)).collect();
    assert!(lacking.is_empty(), "docs/README.md lacks {lacking:?}");
}
