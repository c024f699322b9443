//! `elbow monitor`

mod picture;
mod record;
mod screen;

use super::chosen_target::Patience;
use super::output;
use elbow::device::{Address, BoardStatus, Connection, Listener, Told, WindowFinding};
use elbow::{Error, Result};
use elbow_core::wire::Counts;
use picture::Picture;
use record::Record;
use screen::Screen;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long one look at the line takes, and how often a port that is gone is looked for.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub struct MonitorOptions {
    /// The board's port: /dev/ttyACM0, COM3, with the speed behind a comma; or serial:PORT[,BAUD], tcp:HOST:PORT
    port: String,
    #[command(flatten)]
    patience: Patience,
    /// Write a line per window: verdict, score, p, posterior, counters
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Draw posterior and score along time; drawn anew every few seconds
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// End after so many windows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    windows: Option<u64>,
    /// End after so many seconds
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Print one JSON object at the end, and nothing before
    #[arg(long)]
    json: bool,
}

/// What was heard, in all.
#[derive(Clone, Debug, Default, Serialize)]
struct Heard {
    /// Where.
    port: String,
    /// Name of the model; nothing before the first status.
    model: Option<String>,
    /// Name of the sensor.
    sensor: Option<String>,
    /// Windows that arrived.
    windows: u64,
    /// How many had each verdict.
    verdicts: BTreeMap<String, u64>,
    /// Windows that the board told and that did not arrive, by the gaps in their numbers.
    windows_lost_on_the_way: u64,
    /// Frames that arrived damaged.
    damaged_frames: u32,
    /// How often the board began anew.
    restarts: u32,
    /// How often the link was lost and found again.
    reconnects: u32,
    /// Share of the board's time that inference took, of the last status.
    duty: Option<f64>,
    /// Counters of the board since its start, of the last status.
    counts: Option<Counters>,
    /// Longest time between the last reading of a window and its result.
    delay_seconds_max: Option<f64>,
}

/// [`Counts`], for people and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Counters {
    readings: u32,
    missed: u32,
    lost: u32,
    windows: u32,
    late: u32,
    untold: u32,
    sensor_silent: u32,
    sensor_stuck: u32,
    sensor_wrong_identity: u32,
    sensor_implausible: u32,
    sensor_other: u32,
    sensor_recovered: u32,
}

impl From<Counts> for Counters {
    fn from(counts: Counts) -> Self {
        let Counts { readings, missed, lost, windows, late, untold, faults } = counts;
        Self {
            readings,
            missed,
            lost,
            windows,
            late,
            untold,
            sensor_silent: faults.silent,
            sensor_stuck: faults.stuck,
            sensor_wrong_identity: faults.wrong_identity,
            sensor_implausible: faults.implausible,
            sensor_other: faults.other,
            sensor_recovered: faults.recovered,
        }
    }
}

/// Prints, records and draws what a board with a sensor tells, until a limit of the options is reached.
///
/// # Errors
///
/// An input error where an option is wrong; an environment error where a file cannot be written, the port cannot be
/// opened, or nothing was heard for as long as `--timeout`, with what to do.
pub fn run(options: &MonitorOptions) -> Result<()> {
    let address = match Address::parse(&options.port)? {
        Some(address) => address,
        None => Address::serial(&options.port)?,
    };
    let limit = options.patience.limit()?;
    let seconds = options.seconds.map(Duration::try_from_secs_f64).transpose();
    let seconds = seconds.map_err(|_| Error::input("--seconds: expected a number from 0 on"))?;
    let mut monitor = Monitor {
        heard: Heard { port: address.to_string(), ..Heard::default() },
        screen: Screen::new(!options.json),
        record: options.csv.as_deref().map(Record::new).transpose()?,
        picture: options.picture.as_deref().map(Picture::new).transpose()?,
        last: None,
    };
    let connection = address.open()?;
    let end = (options.windows, seconds.map(|seconds| Instant::now() + seconds));
    monitor.listen(&address, connection, limit, end)?;
    monitor.finish()?;
    if options.json { output::json(&monitor.heard) } else { Ok(()) }
}

/// Everything that hears what the board tells.
struct Monitor {
    heard: Heard,
    screen: Screen,
    record: Option<Record>,
    picture: Option<Picture>,
    /// Number of the last window since the board's start.
    last: Option<u32>,
}

impl Monitor {
    /// Hears what the board at `address` tells over `connection`, which is opened again where it is lost, until `end`:
    /// so many windows, or that time; or until nobody reads it any more. An environment error where nothing was heard for `limit`.
    fn listen(
        &mut self,
        address: &Address,
        connection: Connection,
        limit: Duration,
        end: (Option<u64>, Option<Instant>),
    ) -> Result<()> {
        let mut listener = Listener::new(connection);
        let (mut damaged_before, mut heard_at) = (0, Instant::now());
        loop {
            let is_full = end.0.is_some_and(|windows| self.heard.windows >= windows);
            let is_read = !self.screen.is_gone() || self.record.is_some() || self.picture.is_some();
            if is_full || !is_read || end.1.is_some_and(|end| Instant::now() >= end) {
                return Ok(());
            }
            let wait =
                end.1.map_or(LOOK, |end| LOOK.min(end.saturating_duration_since(Instant::now())));
            match listener.next(wait) {
                Ok(None) if heard_at.elapsed() < limit => {}
                Ok(None) => {
                    return Err(Error::environment(format!(
                        "nothing was heard for {:.0} s: {}; {}",
                        limit.as_secs_f64(),
                        listener.silence(),
                        address.to_check()
                    ))
                    .context(address));
                }
                Ok(Some(told)) => {
                    heard_at = Instant::now();
                    self.heard.damaged_frames = damaged_before + listener.damaged();
                    self.tell(told)?;
                }
                Err(error) if !listener.is_gone() => return Err(error.context(address)),
                Err(error) => {
                    self.screen.note(&format!("{address}: {error}; waiting for the board"));
                    damaged_before += listener.damaged();
                    listener = Listener::new(reopened(address, heard_at + limit)?);
                    self.heard.reconnects += 1;
                    (self.last, heard_at) = (None, Instant::now());
                }
            }
        }
    }

    /// Passes on what was told. An environment error where a file cannot be written.
    fn tell(&mut self, told: Told) -> Result<()> {
        match told {
            Told::Status(status) => {
                self.note_status(&status);
                self.screen.status(&status);
                Ok(())
            }
            Told::Window(window) => {
                self.note_window(&window);
                self.screen.window(&window);
                let counts = self.heard.counts;
                if let Some(record) = &mut self.record {
                    record.window(&window, counts, self.heard.restarts)?;
                }
                self.picture.as_mut().map_or(Ok(()), |picture| picture.window(window))
            }
        }
    }

    /// Takes over a status; one with fewer readings than before is that of a board that began anew.
    fn note_status(&mut self, status: &BoardStatus) {
        let counters = Counters::from(status.counts);
        if self.heard.counts.is_some_and(|before| counters.readings < before.readings) {
            self.heard.restarts += 1;
            self.last = None;
            self.screen.note(&format!(
                "the board began anew {:.1} s ago: {}",
                status.seconds,
                screen::reason(status.reset)
            ));
        }
        self.heard.model = Some(status.model.clone());
        self.heard.sensor = Some(status.sensor.clone());
        self.heard.duty = Some(status.duty);
        self.heard.counts = Some(counters);
    }

    /// Counts a window, and those that are missing before it.
    fn note_window(&mut self, window: &WindowFinding) {
        let heard = &mut self.heard;
        heard.windows += 1;
        *heard.verdicts.entry(window.verdict()).or_default() += 1;
        heard.delay_seconds_max = Some(window.delay.max(heard.delay_seconds_max.unwrap_or(0.0)));
        if let Some(missing) = self.last.and_then(|last| window.number.checked_sub(last + 1)) {
            heard.windows_lost_on_the_way += u64::from(missing);
        }
        self.last = Some(window.number);
    }

    /// Writes what is left to write, and prints a sum. An environment error where a file cannot be written.
    fn finish(&mut self) -> Result<()> {
        self.record.as_mut().map_or(Ok(()), Record::finish)?;
        self.picture.as_mut().map_or(Ok(()), Picture::finish)?;
        let Heard { windows, windows_lost_on_the_way, damaged_frames, restarts, .. } = &self.heard;
        self.screen.note(&format!(
            "{windows} windows heard, {windows_lost_on_the_way} lost on the way, {damaged_frames} frames damaged, \
             {restarts} restarts of the board"
        ));
        Ok(())
    }
}

/// The connection to `address`, which is tried until `deadline`; the last error afterwards.
fn reopened(address: &Address, deadline: Instant) -> Result<Connection> {
    loop {
        std::thread::sleep(LOOK);
        match address.open() {
            Err(_) if Instant::now() < deadline => {}
            opened => return opened,
        }
    }
}
