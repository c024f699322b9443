//! `docs/reference/manifest.md` against the types that read a manifest: serde's own messages say which keys and
//! which words there are.

use elbow::import::FrozenNoise;
use elbow::manifest::{Manifest, OnGap, RuleName, TailName};
use elbow_tests::pages::{headings, page, section};
use std::collections::BTreeSet;

const PAGE: &str = "docs/reference/manifest.md";
/// A key and a word that no table has.
const UNKNOWN: &str = "nothing_has_this_name";
/// Tables whose keys are names of the user's, or those of another table that the page names.
const WITHOUT_HEADING: [&str; 6] =
    ["dims", "latent.spread", "data.scales", "data.integers", "data.score", "data.train"];

/// A row of a table of keys.
struct Row<'p> {
    key: &'p str,
    value: &'p str,
    default: &'p str,
}

/// The rows of the section of a table, where the page has it.
fn rows<'p>(page: &'p str, title: &str) -> Vec<Row<'p>> {
    let text = section(page, title).unwrap_or_else(|| panic!("{PAGE} has no {title}"));
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows = rows.map(|line| {
        let mut cells = line.split(" | ");
        let mut cell = || cells.next().unwrap_or_else(|| panic!("{title}: too few cells: {line}"));
        Row { key: cell().trim_end_matches('`'), value: cell(), default: cell() }
    });
    rows.collect()
}

/// The titles of tables, each of which is also the text that opens the table.
fn titles(page: &str) -> Vec<&str> {
    headings(page).iter().map(|heading| heading.text).filter(|text| text.starts_with('[')).collect()
}

/// Name of the table that a text opens, as messages write it: `score.alarm`.
fn name(title: &str) -> &str {
    title.trim_matches(['[', ']'])
}

/// The words in backticks behind `after` in a message, up to the end of that sentence; empty where it is not there.
fn words<'m>(message: &'m str, after: &str) -> BTreeSet<&'m str> {
    let Some((_, list)) = message.split_once(after) else { return BTreeSet::new() };
    let sentence = list.split(['\n', ';']).next().unwrap_or(list);
    sentence.split('`').skip(1).step_by(2).collect()
}

/// What is said about a manifest that has this text alone.
fn refusal(text: &str) -> String {
    Manifest::parse(text).expect_err("no manifest is so short")
}

#[test]
fn the_page_of_the_manifest_has_every_table_and_key_that_is_read() {
    let page = page(PAGE);
    let mut sections = vec!["Top level"];
    sections.extend(titles(&page));
    assert!(sections.len() > 15, "{sections:?}");
    for title in sections {
        let opened = if title.starts_with('[') { title } else { "" };
        let message = refusal(&format!("{opened}\n{UNKNOWN} = 0\n"));
        let known = words(&message, &format!("unknown field `{UNKNOWN}`, expected "));
        let rows = rows(&page, title);
        let listed: BTreeSet<&str> = rows.iter().map(|row| row.key).collect();
        assert_eq!(listed, known, "{title}: the keys on the page, and those that are read");
        for row in rows.iter().filter(|row| row.value.contains("table")) {
            let path = format!("{}.{}", name(opened), row.key);
            let path = path.trim_start_matches('.');
            let has_heading = titles(&page).iter().any(|title| name(title) == path);
            assert!(has_heading || WITHOUT_HEADING.contains(&path), "{PAGE} has no table {path}");
        }
    }
}

#[test]
fn the_page_of_the_manifest_says_which_keys_are_needed() {
    let page = page(PAGE);
    for title in titles(&page) {
        let message = refusal(title);
        let (own, within) = (name(title), "missing field `");
        let needed = message.split("; ").filter_map(|said| {
            let (key, place) = said.strip_prefix(within)?.split_once("` in [")?;
            let place = place.split(']').next()?.replace("[0", "");
            (place == own).then_some(key)
        });
        let needed: BTreeSet<&str> = needed.collect();
        for row in rows(&page, title) {
            let is_needed = row.default == "needed";
            let says_so = row.default.starts_with("needed");
            assert!(
                if is_needed {
                    needed.contains(row.key)
                } else {
                    says_so || !needed.contains(row.key)
                },
                "{title} {}: the page says {:?}, the message {message:?}",
                row.key,
                row.default
            );
        }
    }
}

#[test]
fn the_page_of_the_manifest_has_every_word_of_a_key() {
    let page = page(PAGE);
    let mut checked = 0;
    for title in titles(&page) {
        for row in rows(&page, title) {
            let message = refusal(&format!("{title}\n{} = \"{UNKNOWN}\"\n", row.key));
            let known = words(&message, &format!("unknown variant `{UNKNOWN}`, expected "));
            let listed = row.value.split('"').skip(1).step_by(2).collect::<BTreeSet<_>>();
            checked += usize::from(!known.is_empty());
            assert!(
                known.is_empty() || listed == known,
                "{title} {}: {listed:?} on the page, {known:?} are read",
                row.key
            );
        }
    }
    assert!(checked >= 12, "{checked} keys have words");
}

/// A manifest with every table that has defaults, and none of the keys that have one.
const PLAIN: &str = r#"
name = "plain"
[encoder]
onnx = "encoder.onnx"
input = "x"
mean = "mu"
spread = { output = "s", head = "logvar" }
[decoder]
onnx = "decoder.onnx"
latent = "z"
mean = "x_mean"
likelihood = { family = "gaussian", log_sigma = 0.0 }
[window]
channels = 1
length = 8
hop = 4
mean = [0.0]
std = [1.0]
rate = 50.0
[score]
kind = "elbo"
calibration = "scores.npy"
[score.calibrated]
model = "0123456789abcdef-01234567"
precision = "f32"
rows = 10
rate = [0.0, 1.0]
basis = "rows"
[drift]
reference = "drift.npy"
threshold = 1.0
[refine]
"#;

#[test]
fn the_page_of_the_manifest_has_the_defaults_that_are_read() {
    let manifest = Manifest::parse(PLAIN).expect("a manifest");
    let (window, score) = (manifest.window.unwrap(), manifest.score.unwrap());
    let refine = manifest.refine.unwrap();
    assert_eq!(manifest.frozen_noise, FrozenNoise::Refuse);
    assert_eq!(
        (window.on_gap, score.tail, refine.rule),
        (OnGap::Clear, TailName::Low, RuleName::Stein)
    );
    assert_eq!((window.max_gap(), window.stale()), (Some(2.5 / 50.0), Some(10.0 * 8.0 / 50.0)));
    let code = |value: String| format!("`{value}`");
    let likelihood = manifest.decoder.unwrap().likelihood;
    let eps = manifest.encoder.unwrap().spread.unwrap().eps;
    let expected = [
        ("Top level", "frozen_noise", "`\"refuse\"`".into()),
        ("Top level", "head_checked", code(manifest.head_checked.to_string())),
        ("[encoder.spread]", "eps", code(eps.to_string())),
        ("[decoder.likelihood]", "mean_is", format!("`{:?}`", likelihood.mean_is)),
        ("[window]", "max_missing", code(window.max_missing.to_string())),
        ("[window]", "max_gap", "2.5 / `rate`".into()),
        ("[window]", "on_gap", "`\"clear\"`".into()),
        ("[window]", "stale", "10 `length` / `rate`".into()),
        ("[score]", "samples", score.samples().to_string()),
        ("[score]", "tail", "`\"low\"`".into()),
        ("[score]", "alpha", code(score.alpha.to_string())),
        (
            "[score.calibrated]",
            "confidence",
            code(score.calibrated.unwrap().confidence.to_string()),
        ),
        ("[drift]", "lambda", code(manifest.drift.unwrap().lambda.to_string())),
        ("[refine]", "rule", "`\"stein\"`".into()),
        ("[refine]", "steps", code(refine.steps.to_string())),
        ("[refine]", "samples", code(refine.samples.to_string())),
        ("[refine]", "rate", format!("{} for `stein`; needed for `sgd` and `adam`", refine.rate())),
        ("[refine]", "guard_samples", code(refine.guard_samples.to_string())),
    ];
    let page = page(PAGE);
    for (title, key, default) in expected {
        let rows = rows(&page, title);
        let row = rows.iter().find(|row| row.key == key).expect("the page has the key");
        assert_eq!(row.default, default, "{title} {key}");
    }
}
