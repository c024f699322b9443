//! The picture of what a board found: posterior bands and score along its time.

use crate::cli::draw::series::{self, Belief};
use crate::cli::draw::{self, Failure, Mark, Panel, VERMILION};
use crate::cli::output;
use elbow::Result;
use elbow::device::WindowFinding;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// From one drawing to the next.
const PAUSE: Duration = Duration::from_secs(2);
/// Windows that are drawn: the last.
const WINDOWS: usize = 2000;

/// A picture that is drawn anew every two seconds.
pub struct Picture {
    path: PathBuf,
    windows: Vec<WindowFinding>,
    drawn_at: Instant,
}

impl Picture {
    /// The picture of no window yet, which is not drawn. An input error unless `path` ends in `.svg`.
    pub fn new(path: &Path) -> Result<Self> {
        draw::check(path)?;
        Ok(Self { path: path.into(), windows: Vec::new(), drawn_at: Instant::now() })
    }

    /// Adds a window, and draws where the time has come. An environment error where the file cannot be written.
    pub fn window(&mut self, window: WindowFinding) -> Result<()> {
        // A board that began anew begins a new picture: its time is another.
        if self.windows.last().is_some_and(|last| window.seconds < last.seconds) {
            self.windows.clear();
        }
        if self.windows.len() == WINDOWS {
            self.windows.remove(0);
        }
        self.windows.push(window);
        if self.drawn_at.elapsed() < PAUSE { Ok(()) } else { self.finish() }
    }

    /// Draws. An environment error where the file cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        self.drawn_at = Instant::now();
        if self.windows.is_empty() {
            return Ok(());
        }
        let svg = draw(&self.windows).map_err(|error| draw::failed(&error))?;
        output::file(&self.path, svg.as_bytes())
    }
}

/// The picture of windows, of which there is one, as the text of an SVG file.
fn draw(windows: &[WindowFinding]) -> std::result::Result<String, Failure> {
    let latents = windows.iter().map(|window| window.mean.len()).max().unwrap_or(0);
    let time = time(windows);
    let mut panels: Vec<Panel> = (0..latents)
        .flat_map(|latent| {
            let beliefs = windows.iter().filter_map(|window| {
                let (mean, log_var) = (window.mean.get(latent)?, window.log_var.get(latent)?);
                Some(Belief::new(window.seconds, *mean, *log_var))
            });
            series::latent(latent, &beliefs.collect::<Vec<_>>(), &time)
        })
        .collect();
    panels.push(score(windows, &time));
    series::foot(&mut panels, "seconds");
    draw::stacked(&panels)
}

/// The score along time, with a dot and a span at every window whose verdict is not normal.
fn score(windows: &[WindowFinding], time: &Range<f64>) -> Panel {
    let is_unusual =
        |window: &&WindowFinding| !matches!(&window.verdict()[..], "scored" | "encoded");
    let points = windows.iter().filter_map(|window| {
        let score = window.score().filter(|score| score.is_finite())?;
        Some((window.seconds, f64::from(score), is_unusual(&window)))
    });
    let points: Vec<(f64, f64, bool)> = points.collect();
    let title = "Score in nats, flagged where the verdict is not normal";
    let before = std::iter::once(time.start).chain(windows.iter().map(|window| window.seconds));
    let flagged = windows.iter().zip(before).filter(|(window, _)| is_unusual(window));
    let spans = series::spans(flagged.map(|(window, before)| (before, window.seconds)));
    let mut panel = series::score(title, &points, None);
    panel.marks.insert(0, (Mark::Spans(spans, VERMILION), None));
    panel.over(time.clone())
}

/// From the first to the last window.
fn time(windows: &[WindowFinding]) -> Range<f64> {
    let [first, last] = [windows.first(), windows.last()].map(|w| w.map_or(0.0, |w| w.seconds));
    if first < last { first..last } else { first - 0.5..first + 0.5 }
}
