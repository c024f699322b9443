//! `elbow report`: its figures are those of the other commands, and a browser shows every picture.

mod browser;

use crate::common::{elbow_line, repository};
use elbow::npy;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Sections of every page.
const SECTIONS: [&str; 8] =
    ["card", "parity", "posterior", "latent", "score", "gap", "drift", "budget"];

/// The first `rows` rows of a file of the repository, in a file of `folder`.
fn first(file: &str, rows: usize, folder: &Path) -> PathBuf {
    let array = npy::read(&repository(file)).unwrap();
    let len: usize = array.shape[1..].iter().product();
    let shape = [&[rows], &array.shape[1..]].concat();
    let path = folder.join("rows.npy");
    fs::write(&path, npy::encode(&shape, &array.values[..rows * len])).unwrap();
    path
}

/// The page of a model, by a command line with `{}` for the model, the rows and the page.
fn page(line: &str, model: &str, rows: &Path, folder: &Path) -> String {
    let path = folder.join("report.html");
    elbow_line(line, &[&repository(model), rows, &path]).done();
    fs::read_to_string(path).unwrap()
}

/// The figures that a page holds.
fn figures(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"figures\">").expect("the figures");
    let (json, _) = rest.split_once("</script>").expect("their end");
    serde_json::from_str(json).expect("JSON")
}

/// Every opened element is closed in its turn.
fn is_well_formed(page: &str) {
    let mut open = Vec::new();
    for tag in page.split('<').skip(1).map(|rest| rest.split_once('>').expect("an end").0) {
        let name: String = tag.chars().take_while(|c| !c.is_whitespace() && *c != '/').collect();
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop().as_deref(), Some(closed), "{tag}"),
            None if tag.ends_with('/') || tag.starts_with('!') || name == "meta" => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_figures_are_those_of_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let rows = first("models/shuttle/test.npy", 40, folder.path());
    let line = "report {} --input {} --gap-rows 2 --out {}";
    let page = page(line, "models/shuttle", &rows, folder.path());
    let model = repository("models/shuttle");
    let own = figures(&page);
    let json = |line: &str| elbow_line(line, &[&model, &rows]).done().json();
    let parity = json("parity {} --input {} --json");
    assert_eq!(
        (&own["parity"]["kl_nats"], &own["parity"]["outputs"]),
        (&parity["kl_nats"], &parity["outputs"])
    );
    let mut score = json("score {} --input {} --json");
    assert_eq!(own["score"], score.take());
    let mut gap = json("gap {} --input {} --rows 2 --refine-steps 5,20 --json");
    gap.as_object_mut().unwrap().remove("heads");
    assert_eq!(own["gap"], gap);
    is_well_formed(&page);
    for section in SECTIONS {
        assert!(page.contains(&format!("<section id=\"{section}\">")), "no section {section}");
    }
    // The posterior, a walk, a scatter, scores, p-values, the worst rows and the gaps.
    assert_eq!(page.matches("<figure>").count(), 7);
    assert!(
        !page.contains("http://")
            || !page.replace("http://www.w3.org/2000/svg", "").contains("http")
    );
}

#[test]
fn a_model_without_a_decoder_and_a_single_row_have_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let rows = first("models/wine_linear/test.npy", 1, folder.path());
    let flow = page("report {} --input {} --out {}", "models/wine_linear", &rows, folder.path());
    assert!(flow.contains("The model has no posterior."), "{flow}");
    assert!(figures(&flow)["gap"].is_null() && figures(&flow)["score"]["rows"] == 1);
    is_well_formed(&flow);
    let rows = first("models/digits/test.npy", 1, folder.path());
    let line = "report {} --input {} --gap-rows 0 --out {}";
    is_well_formed(&page(line, "models/digits", &rows, folder.path()));
}

#[test]
fn the_page_of_a_recording_shades_what_is_flagged_and_is_small() {
    let folder = tempfile::tempdir().unwrap();
    let rows = repository("models/imu/recording.npy");
    let line = "report {} --readings {} --gap-rows 0 --out {}";
    let page = page(line, "models/imu", &rows, folder.path());
    assert!(page.len() < 2 << 20, "{} bytes", page.len());
    assert_eq!(figures(&page)["score"]["anomalies"], 9);
    // Shades of the anomalous spans, in recording and score.
    assert!(page.matches("opacity=\"0.18\"").count() >= 6);
    is_well_formed(&page);
}

#[test]
fn what_cannot_be_a_page_is_refused_with_a_cure() {
    let (model, rows) = (repository("models/shuttle"), repository("models/shuttle/test.npy"));
    for (line, cure) in [
        ("report {} --input {} --out report.txt", ".html"),
        ("report {} --input {} --out r.html --clock 64MHz", "--target qemu-m4"),
        ("report {} --input x={} --input y=z.npy --out r.html", "one of the inputs"),
    ] {
        let outcome = elbow_line(line, &[&model, &rows]);
        assert_eq!(outcome.code, 2, "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(cure), "{line}: {}", outcome.stderr);
    }
}
