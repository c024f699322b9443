//! What a board tells, in the terminal: one block that is drawn over, or plain lines where stdout is no terminal.

use crate::cli::output;
use elbow::device::{BoardStatus, WindowFinding};
use elbow_core::wire::{Counts, Judgement, ResetReason};
use std::collections::VecDeque;
use std::io::{IsTerminal, Write, stdout};

/// Characters of a latent's axis, from -4 to 4, and of the line of scores.
const WIDTH: usize = 61;
/// Half the axis of a latent, in standard deviations of the prior.
const REACH: f32 = 4.0;
/// Heights of a line of scores.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The terminal.
pub struct Screen {
    /// Whether anything but notes is printed.
    prints: bool,
    /// Whether stdout is a terminal, on which lines can be drawn over.
    live: bool,
    /// Lines of the block that stands there.
    drawn: usize,
    status: Option<BoardStatus>,
    scores: VecDeque<f32>,
    /// Whether nobody reads stdout any more.
    gone: bool,
}

impl Screen {
    /// The terminal of this process; without `prints` only notes are printed, on stderr.
    pub fn new(prints: bool) -> Self {
        let live = prints && stdout().is_terminal();
        Self { prints, live, drawn: 0, status: None, scores: VecDeque::new(), gone: false }
    }

    /// Whether nobody reads stdout any more.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Shows a status: as a line where anything but the number of readings and windows has changed.
    pub fn status(&mut self, status: &BoardStatus) {
        let quiet = |counts: Counts| Counts { readings: 0, windows: 0, ..counts };
        let same = self.status.as_ref().is_some_and(|before| {
            quiet(before.counts) == quiet(status.counts) && before.model == status.model
        });
        if !self.live && !same {
            if self.status.is_none() {
                self.print(&board(status));
            }
            self.print(&counters(status));
        }
        self.status = Some(status.clone());
    }

    /// Shows what was found in a window.
    pub fn window(&mut self, window: &WindowFinding) {
        if let Some(score) = window.score() {
            if self.scores.len() == WIDTH {
                self.scores.pop_front();
            }
            self.scores.push_back(score);
        }
        match self.live {
            true => self.draw(window),
            false => self.print(&line(window)),
        }
    }

    /// Prints a note on stderr, below a block that stands on the screen.
    pub fn note(&mut self, text: &str) {
        self.drawn = 0;
        output::note(text);
    }

    /// Prints a line; what fails is noted as nobody reading.
    fn print(&mut self, line: &str) {
        if self.prints {
            let mut stdout = stdout().lock();
            self.gone |= writeln!(stdout, "{line}").and_then(|()| stdout.flush()).is_err();
        }
    }

    /// Draws the block over the one that stands there.
    fn draw(&mut self, window: &WindowFinding) {
        let mut lines: Vec<String> = Vec::new();
        if let Some(status) = &self.status {
            lines.extend([board(status), counters(status)]);
        }
        lines.push(line(&WindowFinding {
            mean: Vec::new(),
            log_var: Vec::new(),
            ..window.clone()
        }));
        let latents = window.mean.iter().zip(&window.log_var).enumerate();
        lines.extend(latents.map(|(at, (mean, log_var))| axis(at, *mean, (0.5 * log_var).exp())));
        if !self.scores.is_empty() {
            lines.push(format!("scores  {}", bars(&self.scores)));
        }
        let up = match self.drawn {
            0 => String::new(),
            drawn => format!("\x1b[{drawn}A"),
        };
        let text: String = lines.iter().map(|line| format!("\x1b[2K{line}\n")).collect();
        self.drawn = lines.len();
        let mut stdout = stdout().lock();
        let drawn = write!(stdout, "{up}{text}\x1b[J").and_then(|()| stdout.flush());
        self.gone |= drawn.is_err();
    }
}

/// What the board is, on a line.
fn board(status: &BoardStatus) -> String {
    let BoardStatus { model, fingerprint, sensor, channels, rate, hop, reset, .. } = status;
    format!(
        "{model} ({fingerprint:016x}) with {sensor}: {channels} channels, {rate} Hz, a window every {:.3} s; began by {}",
        *hop as f32 / rate,
        reason(*reset)
    )
}

/// The counters of the board, on a line; those that are zero for want of trouble are left out.
fn counters(status: &BoardStatus) -> String {
    let Counts { readings, missed, lost, windows, late, untold, faults } = status.counts;
    let mut text = format!(
        "{:8.2} s  {readings} readings, {windows} windows, duty {:.1} %",
        status.seconds,
        100.0 * status.duty
    );
    for (count, what) in [
        (missed, "readings missed"),
        (lost, "readings lost"),
        (late, "windows late"),
        (untold, "messages untold"),
        (faults.silent, "times the sensor was silent"),
        (faults.stuck, "times the bus was stuck"),
        (faults.wrong_identity, "times another sensor answered"),
        (faults.implausible, "readings implausible"),
        (faults.other, "other faults of the sensor"),
        (faults.recovered, "times the sensor was found again"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

/// What was found in a window, on a line.
fn line(window: &WindowFinding) -> String {
    let mut text = format!("{:8.2} s ", window.seconds);
    for (mean, log_var) in window.mean.iter().zip(&window.log_var) {
        text += &format!(" {mean:+.2}±{:.2}", (0.5 * log_var).exp());
    }
    if let Some(score) = window.score() {
        text += &format!("  score {score:.2}");
    }
    if let Some(p) = window.p() {
        text += &format!("  p {p:.4}");
    }
    text += &format!("  {}", window.verdict());
    if let Some(channel) = window.channel() {
        text += &format!(" in channel {channel}");
    }
    if let Judgement::Refused(refusal) = window.judgement {
        text += &format!(": {refusal}");
    }
    text + &format!("  ({:.1} ms)", 1e3 * window.busy)
}

/// A latent's mean and one standard deviation to either side, on an axis.
fn axis(latent: usize, mean: f32, deviation: f32) -> String {
    let last = (WIDTH - 1) as f32;
    let place = |value: f32| ((value / REACH + 1.0) / 2.0 * last).clamp(0.0, last).round() as usize;
    let (from, at, to) = (place(mean - deviation), place(mean), place(mean + deviation));
    let mark = |place: usize| match place {
        place if place == at => '●',
        place if (from..=to).contains(&place) => '━',
        place if place == WIDTH / 2 => '┊',
        _ => ' ',
    };
    let axis: String = (0..WIDTH).map(mark).collect();
    format!("z[{latent}]  {axis}  {mean:+.2}±{deviation:.2}")
}

/// Scores as heights between the least and the greatest of them.
fn bars(scores: &VecDeque<f32>) -> String {
    let finite = || scores.iter().copied().filter(|score| score.is_finite());
    let (low, high) = (finite().fold(f32::MAX, f32::min), finite().fold(f32::MIN, f32::max));
    let height = |score: &f32| {
        let share = (score - low) / (high - low).max(1e-6);
        BARS[(share * 7.0).clamp(0.0, 7.0) as usize]
    };
    scores.iter().map(height).collect()
}

/// Why a board began, in words.
pub fn reason(reset: ResetReason) -> &'static str {
    match reset {
        ResetReason::Power => "power",
        ResetReason::Pin => "its reset pin or a debug probe",
        ResetReason::Watchdog => "its watchdog: a task stood still",
        ResetReason::Software => "its own program",
        ResetReason::Lockup => "a fault in a fault handler",
        _ => "a cause that it does not know",
    }
}
