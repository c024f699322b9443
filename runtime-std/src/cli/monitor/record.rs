//! Windows as lines of a CSV file.

use super::Counters;
use elbow::device::WindowFinding;
use elbow::{Error, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Columns before those of the posterior.
const COLUMNS: &str = "restart,t_s,window,reading,delay_ms,busy_ms,verdict,score,p,channel,g,drift,readings,missed,\
                       lost,late,untold,sensor_faults";
/// Lines that may wait for the first posterior, which says how many columns it takes.
const WAITING: usize = 64;

/// A CSV file that grows by whole lines.
pub struct Record {
    path: PathBuf,
    file: File,
    /// Latents of a line; `None` before the head is written.
    latents: Option<usize>,
    /// Lines before that.
    waiting: Vec<String>,
}

impl Record {
    /// An empty file at `path`, in place of an older one. An environment error where it cannot be written.
    pub fn new(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(|error| fault(path, &error))?;
        Ok(Self { path: path.into(), file, latents: None, waiting: Vec::new() })
    }

    /// Writes the line of a window, with the counters of the last status before it, and how often the board had begun
    /// anew; empty fields are not known. An environment error where the file cannot be written.
    pub fn window(
        &mut self,
        window: &WindowFinding,
        counts: Option<Counters>,
        restart: u32,
    ) -> Result<()> {
        if self.latents.is_none() && (!window.mean.is_empty() || self.waiting.len() == WAITING) {
            self.begin(window.mean.len())?;
        }
        let mut line = line(window, counts, restart);
        let Some(latents) = self.latents else {
            self.waiting.push(line);
            return Ok(());
        };
        for values in [&window.mean, &window.log_var] {
            for latent in 0..latents {
                line += &values.get(latent).map_or(",".into(), |value| format!(",{value}"));
            }
        }
        self.write(&line)
    }

    /// Writes what waits for a posterior that has not come. An environment error where the file cannot be written.
    pub fn finish(&mut self) -> Result<()> {
        if self.latents.is_none() { self.begin(0) } else { Ok(()) }
    }

    /// Writes the head for so many latents, and the lines that waited for it.
    fn begin(&mut self, latents: usize) -> Result<()> {
        self.latents = Some(latents);
        let names = |name: &'static str| (0..latents).map(move |at| format!(",{name}_{at}"));
        let head = COLUMNS.to_string() + &names("mean").chain(names("log_var")).collect::<String>();
        self.write(&head)?;
        let empty = ",".repeat(2 * latents);
        std::mem::take(&mut self.waiting)
            .iter()
            .try_for_each(|line| self.write(&(line.clone() + &empty)))
    }

    /// Writes a line at once, so that a file that is looked at has whole lines.
    fn write(&mut self, line: &str) -> Result<()> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| fault(&self.path, &error))
    }
}

/// The fields of a window before its posterior.
fn line(window: &WindowFinding, counts: Option<Counters>, restart: u32) -> String {
    let WindowFinding { number, reading, seconds, delay, busy, .. } = window;
    let known = |value: Option<f32>| value.map_or(String::new(), |value| value.to_string());
    let channel = window.channel().map_or(String::new(), |channel| channel.to_string());
    let [g, drift] = window.sums().map_or([None; 2], |sums| sums.map(Some)).map(known);
    let counts = counts.map_or(",,,,,".into(), |counts| {
        let Counters { readings, missed, lost, late, untold, .. } = counts;
        let faults = u64::from(counts.sensor_silent)
            + u64::from(counts.sensor_stuck)
            + u64::from(counts.sensor_wrong_identity)
            + u64::from(counts.sensor_implausible)
            + u64::from(counts.sensor_other);
        format!("{readings},{missed},{lost},{late},{untold},{faults}")
    });
    format!(
        "{restart},{seconds:.6},{number},{reading},{:.3},{:.3},{},{},{},{channel},{g},{drift},{counts}",
        1e3 * delay,
        1e3 * busy,
        window.verdict(),
        known(window.score()),
        known(window.p()),
    )
}

/// The environment error that `path` cannot be written.
fn fault(path: &Path, error: &std::io::Error) -> Error {
    Error::environment(format!(
        "cannot write {}: {error}; choose a folder that is writable and has room",
        path.display()
    ))
}
