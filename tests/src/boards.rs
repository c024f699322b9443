//! Real boards in emulators: their images, the emulators that the tests fetch, and what a board tells.

use crate::fixtures::path;
use crate::images::{compiled, or_cure};
use elbow::model::Model;
use elbow_core::wire::{
    Counts, Deframer, Judgement, Reply, ResetReason, Sensed, Status, message_len, parse,
};
use elbow_toolchain::{Board, BoardBuild, BoardProgram, build_board};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Longest time that an emulated board may be silent.
const SILENCE: Duration = Duration::from_secs(300);
/// Bytes of floats or text that a message may carry.
const PAYLOAD: usize = 1 << 16;
/// What emulators are made of: beside the package and its lock, the corrections.
const FILES: [&str; 6] = [
    "package.json",
    "package-lock.json",
    "pico.mjs",
    "corrections.mjs",
    "lis3dh.mjs",
    "bootrom.py",
];

/// The image of a board's program with these models, and what the build wrote besides. It stays below `target/boards`,
/// under a name made of all three, until models of the same names are built for the same program.
///
/// # Panics
///
/// A model cannot be emitted, or the image not be built.
pub fn image(board: &Board, program: BoardProgram, models: &[Model]) -> (PathBuf, String) {
    let firmware = path("firmware").canonicalize().expect("the firmware");
    let (_sources, sources) = compiled(models);
    let names: Vec<&str> = sources.iter().map(|(name, _)| name.as_str()).collect();
    // One build at a time: the next one overwrites the image.
    let lock = File::create(folder().join("lock")).expect("a file");
    lock.lock().expect("a lock");
    let staged = folder().join("models").join(names.join("-"));
    for (name, source) in &sources {
        fs::create_dir_all(staged.join(name)).expect("a folder");
        for file in ["model.rs", "weights.bin"] {
            let (bytes, to) =
                (fs::read(source.join(file)).expect("a file"), staged.join(name).join(file));
            // An unchanged date spares a build.
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                fs::write(&to, bytes).expect("it can be written");
            }
        }
    }
    let order = BoardBuild { firmware: &firmware, board, program, triple: None, models: &staged };
    let (built, messages) = or_cure(build_board(&order));
    let image = folder().join(format!("{}-{program:?}-{}.elf", board.name, names.join("-")));
    // Renamed into place: another test may be running this very image.
    let copy = image.with_extension("part");
    fs::copy(&built, &copy).expect("a copy");
    fs::rename(&copy, &image).expect("it can be renamed");
    (image, messages)
}

/// The folder of the emulators: `target/boards`.
fn folder() -> PathBuf {
    let folder = path("target/boards");
    fs::create_dir_all(&folder).expect("a folder");
    folder.canonicalize().expect("it is there")
}

/// The folder of rp2040js with its harness and the chip's boot ROM, which are fetched where they are not there.
///
/// # Panics
///
/// Node, npm, Python or pip is missing, or the network.
fn rp2040js() -> PathBuf {
    let folder = folder();
    let lock = File::create(folder.join("lock-rp2040js")).expect("a file");
    lock.lock().expect("a lock");
    let mut is_new = !folder.join("bootrom.bin").exists();
    for file in FILES {
        let text = fs::read(path("tests/boards").join(file)).expect("a file of the harness");
        if fs::read(folder.join(file)).ok().as_ref() != Some(&text) {
            fs::write(folder.join(file), text).expect("it can be written");
            is_new = is_new || !file.ends_with(".mjs");
        }
    }
    if is_new {
        let mut npm = Command::new("npm");
        fetched(npm.args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&folder));
        fetched(Command::new("python3").args(["bootrom.py", "bootrom.bin"]).current_dir(&folder));
    }
    folder
}

/// Runs a command that fetches something.
///
/// # Panics
///
/// It cannot be run, or fails; with what helps.
fn fetched(command: &mut Command) {
    let line = format!("{command:?}");
    let status = command.stdin(Stdio::null()).status();
    let cure = "it needs Node 18 or newer with npm, Python 3 with pip, and their registries; on Debian: \
                apt-get install nodejs npm python3-pip";
    assert!(status.is_ok_and(|status| status.success()), "{line} failed; {cure}");
}

/// A running emulator; dropping it ends the process.
pub struct Emulated {
    process: Child,
    port: u16,
    /// Held open: the emulator writes to it.
    _output: BufReader<ChildStdout>,
}

impl Emulated {
    /// A Pico that runs the image; `scenario` is a file as `tests/boards/pico.mjs` reads it.
    ///
    /// # Panics
    ///
    /// It cannot be fetched or does not start.
    pub fn pico(image: &Path, scenario: Option<&Path>) -> Self {
        let folder = rp2040js();
        let mut node = Command::new("node");
        node.arg(folder.join("pico.mjs")).arg(image).arg(folder.join("bootrom.bin"));
        let process = node.args(scenario).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = or_cure(process);
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("the emulator says {line:?}"));
        Self { process, port, _output: output }
    }

    /// The other end of the board's serial link.
    ///
    /// # Panics
    ///
    /// The emulator has ended.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("it listens");
        stream.set_read_timeout(Some(SILENCE)).expect("it can be set");
        stream.set_nodelay(true).expect("it can be set");
        stream
    }
}

impl Drop for Emulated {
    /// Ends the process and waits for that.
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A status that a board told.
#[derive(Clone, Debug)]
pub struct ToldStatus {
    /// Name of the model.
    pub model: String,
    /// Name of the sensor.
    pub sensor: String,
    /// Readings of a second.
    pub rate: f32,
    /// Why the program began.
    pub reset: ResetReason,
    /// Microseconds since the start.
    pub t_us: u64,
    /// Microseconds of inference.
    pub busy_us: u64,
    /// The counters.
    pub counts: Counts,
}

impl From<Status<'_>> for ToldStatus {
    /// The fields of the same names.
    fn from(status: Status<'_>) -> Self {
        let Status { rate, reset, t_us, busy_us, counts, .. } = status;
        let (model, sensor) = (status.model.into(), status.sensor.into());
        Self { model, sensor, rate, reset, t_us, busy_us, counts }
    }
}

/// A window that a board told.
#[derive(Clone, Debug)]
pub struct ToldWindow {
    /// Number of the message.
    pub number: u32,
    /// Number of its last reading.
    pub reading: u32,
    /// When that came, in microseconds.
    pub t_us: u64,
    /// Microseconds from then to the result.
    pub delay_us: u32,
    /// Microseconds of inference.
    pub busy_us: u32,
    /// Means.
    pub mean: Vec<f32>,
    /// Log-variances.
    pub log_var: Vec<f32>,
    /// What was said of it.
    pub judgement: Judgement,
}

impl From<Sensed<'_>> for ToldWindow {
    /// The fields of the same names.
    fn from(sensed: Sensed<'_>) -> Self {
        let Sensed { number, reading, t_us, delay_us, busy_us, judgement, .. } = sensed;
        let (mean, log_var) = (sensed.mean.iter().collect(), sensed.log_var.iter().collect());
        Self { number, reading, t_us, delay_us, busy_us, mean, log_var, judgement }
    }
}

/// All that a board told until its link ended.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    /// Status, in order.
    pub status: Vec<ToldStatus>,
    /// Windows, in order.
    pub windows: Vec<ToldWindow>,
    /// Frames that were damaged.
    pub bad_frames: u32,
}

impl Telemetry {
    /// Reads until the link ends.
    ///
    /// # Panics
    ///
    /// The link fails or is silent for too long, or a frame holds another message.
    pub fn read(mut link: impl Read) -> Self {
        let mut told = Self::default();
        let mut deframer = Deframer::new(vec![0; message_len(PAYLOAD)]);
        let mut bytes = [0; 4096];
        loop {
            let count = link.read(&mut bytes).expect("the link holds");
            if count == 0 {
                told.bad_frames = deframer.bad_frames();
                return told;
            }
            for byte in &bytes[..count] {
                match deframer.push(*byte).map(parse) {
                    None => {}
                    Some(Some(Reply::Status(status))) => told.status.push(status.into()),
                    Some(Some(Reply::Sensed(sensed))) => told.windows.push(sensed.into()),
                    Some(other) => panic!("{other:?}"),
                }
            }
        }
    }

    /// The counters of the last status.
    ///
    /// # Panics
    ///
    /// There is none.
    pub fn counts(&self) -> Counts {
        self.status.last().expect("a status").counts
    }
}
