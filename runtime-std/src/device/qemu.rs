//! QEMU as a device: a process whose UART is a socket of ours.

use super::target::Target;
use super::{Call, Executed, Image, Trace};
use crate::{Context, Error, Result, watch};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long the emulator may take to start, and to answer one request.
const START_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
const EXIT_LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// A running emulator; dropping it ends the process.
#[derive(Debug)]
pub struct Qemu {
    process: Process,
    stream: TcpStream,
    image: Image,
    /// Taken once the device has ended well.
    log: Option<JoinHandle<VecDeque<String>>>,
    /// Reads what the emulator writes to stderr: its own words, and what runs in a call. Taken once.
    executed: Option<JoinHandle<io::Result<Executed>>>,
}

impl Drop for Qemu {
    /// Ends the process; passes the log and the emulator's own words to this thread's watcher unless
    /// [`finish`](Qemu::finish) succeeded.
    fn drop(&mut self) {
        self.process.end();
        let lines = self.log.take().and_then(|log| log.join().ok());
        lines.into_iter().flatten().for_each(|line| watch::note(&line));
        let executed = self.executed.take().map(words).unwrap_or_default();
        executed.lines().for_each(watch::note);
    }
}

/// A child process that does not outlive its owner.
#[derive(Debug)]
struct Process(Child);

impl Process {
    /// Kills the process, if it still runs, and waits for it.
    fn end(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    /// Kills the process, if it still runs, and waits for it.
    fn drop(&mut self) {
        self.end();
    }
}

impl Qemu {
    /// Boots the image in `file`, which then waits for requests. Its log goes to the [watcher](crate::watch)
    /// where it does not end well.
    ///
    /// We listen and the emulator connects: no port has to be guessed. `-icount shift=0` makes one
    /// instruction one nanosecond of virtual time, so that instruction counts repeat exactly.
    ///
    /// Where `call` finds functions in the image, [`finish`](Self::finish) says what ran in their calls; the emulator is
    /// slower then.
    ///
    /// # Errors
    ///
    /// Where the emulator is missing, does not start, or does not connect in time; where the file is no
    /// image, or `call` fails.
    pub fn start(
        target: &Target,
        file: &Path,
        call: impl FnOnce(&Image) -> Result<Option<Call>>,
    ) -> Result<Self> {
        let emulator =
            elbow_toolchain::emulator().map_err(|e| Error::environment(e.to_string()))?;
        let elf = std::fs::read(file).map_err(|e| failed("cannot read the image", &e))?;
        let image = Image::parse(&elf).map_err(|e| Error::environment(e.to_string()));
        let image = image.context(file.display())?;
        let call = call(&image).context(file.display())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|e| failed("cannot open a local port", &e))?;
        let port =
            listener.local_addr().map_err(|e| failed("cannot open a local port", &e))?.port();
        let mut command = Command::new(emulator.program);
        command.args(["-machine", target.row.board, "-icount", "shift=0"]);
        command.args(["-display", "none", "-monitor", "none"]);
        command.args(["-serial", &format!("tcp:127.0.0.1:{port},nodelay=on")]);
        command.args(["-semihosting-config", "enable=on,target=native"]);
        command.arg("-kernel").arg(file).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(call) = &call {
            command.args(call.arguments(target.row));
        }
        let child = command.spawn().map_err(|e| failed("cannot start the emulator", &e))?;
        let mut process = Process(child);
        let written = process.0.stderr.take();
        let executed = written.map(|written| std::thread::spawn(move || read(call, written)));
        let stream = match accept(&listener, &mut process.0) {
            Ok(stream) => stream,
            Err(error) => {
                process.end();
                let error = told(error, executed.map(words));
                return Err(error).context(emulator.program);
            }
        };
        let output = process.0.stdout.take();
        let log = output.map(|output| super::log::follow(target.name, &elf, output)).transpose()?;
        Ok(Self { process, stream, image, log, executed })
    }

    /// The image that runs.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// What ran in each call that returned, lap by lap, once the emulator has ended by itself, which it does after
    /// `Bye`; nothing where it was started without a call.
    ///
    /// # Errors
    ///
    /// An environment error where it does not end within 10 s (it is then ended), reports a failure, or its
    /// log cannot be decoded.
    pub fn finish(mut self) -> Result<Vec<Vec<Trace>>> {
        let deadline = Instant::now() + EXIT_LIMIT;
        let status = loop {
            let status = self.process.0.try_wait().map_err(|e| failed("cannot wait", &e))?;
            match status {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    return Err(Error::environment("the emulator does not end"));
                }
                None => std::thread::sleep(PAUSE),
            }
        };
        if status.success() {
            return match self.log.take().map(JoinHandle::join) {
                Some(Err(_)) => Err(Error::environment("the device's log could not be decoded")),
                _ => self.calls(),
            };
        }
        Err(Error::environment(format!("the firmware failed ({status}): a panic or a hard fault")))
    }

    /// What ran in each call, lap by lap, when the thread that reads it is done; nothing where the emulator was started
    /// without a call. An environment error where the log could not be read.
    fn calls(&mut self) -> Result<Vec<Vec<Trace>>> {
        match self.executed.take().map(JoinHandle::join) {
            None => Ok(Vec::new()),
            Some(Ok(executed)) => {
                Ok(executed.map_err(|e| failed("cannot read what ran", &e))?.calls)
            }
            Some(Err(_)) => Err(Error::environment("what ran could not be read")),
        }
    }
}

impl Read for Qemu {
    /// Bytes that the board's UART has sent, for which this waits up to 120 s; 0 where the connection has
    /// ended.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.read(bytes)
    }
}

impl Write for Qemu {
    /// Sends bytes to the board's UART; how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    /// Does what is left to do to send them.
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The emulator's connection, with a limit of 120 s per read; an environment error where the emulator ends
/// before that or does not connect within 60 s.
fn accept(listener: &TcpListener, child: &mut Child) -> Result<TcpStream> {
    let broken = |e: io::Error| failed("cannot connect to the emulator", &e);
    listener.set_nonblocking(true).map_err(broken)?;
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(broken)?;
                stream.set_nodelay(true).map_err(broken)?;
                stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(broken)?;
                return Ok(stream);
            }
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(broken(error)),
            Err(_) => {}
        }
        if let Some(status) = child.try_wait().map_err(broken)? {
            return Err(Error::environment(format!("ended at once ({status})")));
        }
        if Instant::now() > deadline {
            return Err(Error::environment("does not connect in time"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// What the emulator writes to stderr, to its end: with a call what runs in it, and in any case its own words. An error
/// where it cannot be read.
fn read(call: Option<Call>, mut written: ChildStderr) -> io::Result<Executed> {
    let Some(call) = call else {
        let mut bytes = Vec::new();
        written.read_to_end(&mut bytes)?;
        let messages = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(Executed { calls: Vec::new(), messages });
    };
    call.read(written)
}

/// The emulator's own words, once it has ended; empty where they cannot be read.
fn words(executed: JoinHandle<io::Result<Executed>>) -> String {
    executed.join().ok().and_then(|read| read.ok()).unwrap_or_default().messages
}

/// The error with what the emulator said, where it said something.
fn told(error: Error, words: Option<String>) -> Error {
    match words.as_deref().map(str::trim) {
        None | Some("") => error,
        Some(words) => Error::environment(format!("{error}; it says: {words}")),
    }
}

/// The environment error that `what` was not possible.
fn failed(what: &str, error: &io::Error) -> Error {
    Error::environment(format!("{what}: {error}"))
}
