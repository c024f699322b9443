//! The chapters of `docs/book`: what `elbow` prints there is what it prints. What programs of the book print is held by
//! those themselves, in `examples/book` and `examples/restricted_encoder`; the chapter of the alarm by [`super::chapter`].

use crate::common::{elbow_in, repository};
use crate::console::answered;
use elbow_tests::pages::{hold, page};
use std::fs;

/// Holds a chapter: its commands run in the root of the repository, and write below `target/book`.
fn holds(chapter: &str) {
    fs::create_dir_all(repository("target/book")).unwrap();
    let file = format!("docs/book/src/{chapter}.md");
    let text = page(&file);
    let commands = text.lines().filter(|line| line.starts_with("$ elbow ")).count();
    assert!(commands > 0, "{file} has no command of elbow");
    hold(&file, &answered(&text, &repository("")));
}

#[test]
fn the_encoder() {
    holds("encoder");
}

/// The picture as well. The README has the same command, which the ordinary tests run there.
#[test]
#[ignore = "a quarter of a minute of idle cores; `cargo xtask book --check` runs it"]
fn the_two_gaps() {
    holds("gaps");
    let drawn = fs::read_to_string(repository("target/gaps.svg")).unwrap();
    hold("docs/book/src/pictures/gaps.svg", &drawn);
}

#[test]
fn refinement() {
    holds("refine");
}

#[test]
fn on_the_device() {
    holds("device");
}

#[test]
fn integers_in_nats() {
    holds("integers");
}

/// The figures that decide, of a project in a folder of its own, in this chapter and on the page of the reference: what is
/// printed below them depends on the machine.
#[test]
fn from_a_model_to_a_board() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["new", "my-sensor", "--board", "pico", "--demo", "--headless"];
    let told = elbow_in(folder.path(), &words).done();
    let figures: String = told.stdout.split_inclusive('\n').take(3).collect();
    for (line, name) in figures.lines().zip(["time ", "flash ", "RAM "]) {
        assert!(line.starts_with(name), "{}", told.stdout);
    }
    for file in ["docs/book/src/board.md", "docs/board.md"] {
        let text = page(file);
        let (before, block) = text.split_once("```text\n").expect("a block of figures");
        let (_, after) = block.split_once("```").expect("its end");
        hold(file, &format!("{before}```text\n{figures}```{after}"));
    }
}

/// Every chapter is in the table of contents, and has a command whose output is held.
#[test]
fn every_chapter_is_listed_and_shows_something() {
    let summary = page("docs/book/src/SUMMARY.md");
    for entry in fs::read_dir(repository("docs/book/src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(chapter) = name.strip_suffix(".md").filter(|chapter| *chapter != "SUMMARY") {
            assert!(summary.contains(&format!("({name})")), "SUMMARY.md lacks {name}");
            let text = page(&format!("docs/book/src/{name}"));
            let shows = text.contains("```console\n$ ") || ["board", "preface"].contains(&chapter);
            assert!(shows, "{name} shows no command");
        }
    }
}
