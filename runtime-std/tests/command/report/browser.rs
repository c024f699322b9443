//! The page in a browser without a screen.

use super::page;
use crate::common::repository;
use std::fs;
use std::process::Command;

/// Names under which systems have a browser that runs without a screen.
const BROWSERS: [&str; 3] = ["google-chrome", "chromium", "chrome"];

/// Writes into the page how many pictures have a size, and every error that a script makes.
const PROBE: &str = "<script>
const told = [];
addEventListener('error', event => told.push(event.message));
addEventListener('load', () => {
  const sizes = [...document.querySelectorAll('figure svg')].map(svg => svg.getBoundingClientRect());
  const seen = sizes.filter(size => size.width > 300 && size.height > 60).length;
  document.title = `seen ${seen} of ${document.querySelectorAll('figure').length}, errors ${told.length}`;
});
</script>";

/// The first browser that is installed; without one this says what to install.
fn browser() -> &'static str {
    let runs = |name: &&&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    BROWSERS.iter().find(runs).unwrap_or_else(|| {
        panic!("no browser: install Chromium, as by `apt-get install chromium`, and run `cargo xtask test --browser` again")
    })
}

#[test]
#[ignore = "needs a browser: `cargo xtask test --browser`"]
fn a_browser_shows_every_picture_without_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let rows = repository("models/imu/recording.npy");
    let line = "report {} --readings {} --gap-rows 0 --out {}";
    let text = page(line, "models/imu", &rows, folder.path());
    let probed = folder.path().join("probed.html");
    fs::write(&probed, text.replace("<head>", &format!("<head>{PROBE}"))).unwrap();
    let output = Command::new(browser())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .args(["--dump-dom", &format!("file://{}", probed.display())])
        .output()
        .expect("the browser runs");
    let dom = String::from_utf8_lossy(&output.stdout);
    let title = dom.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    // The posterior, a walk, a scatter, scores and the worst rows.
    assert_eq!(title.map(|(title, _)| title), Some("seen 5 of 5, errors 0"));
}
