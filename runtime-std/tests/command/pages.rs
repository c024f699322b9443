//! The README and the pages of `docs/reference`: what they say is what the command prints and its types read.
//!
//! With `ELBOW_ACCEPT=1` what is printed is written into the pages.

mod frames;
mod json;
mod manifest;

use crate::common::{elbow, elbow_line, repository};
use crate::console::answered;
use elbow_tests::pages::{hold, hold_part, page};

#[test]
fn the_commands_of_the_readme_print_what_it_says() {
    let text = page("README.md");
    hold("README.md", &answered(&text, &repository("")));
}

#[test]
fn the_page_of_the_command_line_has_the_help_of_every_command() {
    let help = elbow(&["--help"]).done().stdout;
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let names = commands.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.len() >= 10 && names.contains(&"parity"), "{names:?}");
    let mut found = format!("```text\n{help}```\n");
    for name in names {
        let help = elbow(&[name, "--help"]).done().stdout;
        found += &format!("\n### elbow {name}\n\n```text\n{help}```\n");
    }
    hold_part("docs/reference/command-line.md", "help", &found);
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let help = elbow(&["--help"]).done().stdout;
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let names = commands.lines().take_while(|line| !line.is_empty());
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = elbow(&["completions", shell]).done().stdout;
        assert!(names.iter().all(|name| script.contains(name)), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    elbow_line("man --out-dir {}", &[folder.path()]).done();
    for name in names {
        let page = std::fs::read_to_string(folder.path().join(format!("elbow-{name}.1"))).unwrap();
        assert!(page.contains(".SH OPTIONS") || name == "help", "{name}: {page}");
    }
    assert!(folder.path().join("elbow.1").is_file());
}
