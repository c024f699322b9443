//! A board at a pseudo-terminal or a TCP port: the parity image as a program of the host, behind a line that does to
//! its frames what a test wants.

use crate::common::{elbow, repository};
use elbow_core::wire::{Reply, frame_len, message_len};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

/// How long one look at the line takes.
const LOOK: Duration = Duration::from_millis(1);

/// What happens to a frame of the board on its way to the host.
pub enum Fate {
    /// These bytes arrive.
    Arrives(Vec<u8>),
    /// These bytes arrive, and the board starts anew.
    Reset(Vec<u8>),
    /// The line is cut.
    Unplugged,
}

/// Decides about the frame of this number, counted from the start of the line.
pub type Fault = Box<dyn FnMut(usize, Vec<u8>) -> Fate + Send>;

/// Nothing happens to any frame.
pub fn sound() -> Fault {
    Box::new(|_, frame| Fate::Arrives(frame))
}

/// A line with something at its other end; it ends when this is dropped.
pub struct Line {
    /// What `--target` takes.
    pub target: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Kept open: a terminal that nobody has open loses what is written to it, and the number of one that is cut goes to
    /// the next.
    _slave: Option<File>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the line broke");
        }
    }
}

/// A pseudo-terminal at whose other end `serve` runs, until the flag is set.
pub fn terminal(serve: impl FnOnce(PtyMaster, &AtomicBool) + Send + 'static) -> Line {
    // Closed in the command: a terminal is cut only when nobody holds its other end.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("a pseudo-terminal");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("it may be used");
    let name = ptsname_r(&master).expect("it has a name");
    let mut slave = OpenOptions::new();
    slave.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
    let slave = slave.open(&name).expect("it opens");
    let mut mode = tcgetattr(slave.as_raw_fd()).expect("a terminal");
    cfmakeraw(&mut mode);
    tcsetattr(slave.as_raw_fd(), SetArg::TCSANOW, &mode).expect("bytes as they are");
    let target = format!("serial:{name}");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = Some(spawn(move || serve(master, &stopped)));
    Line { target, stop, thread, _slave: Some(slave) }
}

/// A board with the model `digits` at a pseudo-terminal.
pub fn board(fault: Fault) -> Line {
    let image = digits();
    terminal(move |master, stop| run(master, &image, fault, stop))
}

/// A board with the model in the folder `model`, whose module is called `name`, at a pseudo-terminal.
pub fn board_with(name: &str, model: &Path) -> Line {
    let image = image(name, model);
    terminal(move |master, stop| run(master, &image, sound(), stop))
}

/// The same at a TCP port.
pub fn board_over_tcp() -> Line {
    let (image, listener) =
        (digits(), TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"));
    let target = format!("tcp:{}", listener.local_addr().expect("it is bound"));
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = spawn(move || {
        let (stream, _) = listener.accept().expect("the command connects");
        stream.set_read_timeout(Some(LOOK)).expect("a time limit");
        run(stream, &image, sound(), &stopped);
    });
    Line { target, stop, thread: Some(thread), _slave: None }
}

/// The parity image with `models/digits`.
fn digits() -> PathBuf {
    image("digits", &repository("models/digits"))
}

/// The parity image with the model in the folder `model`, built once in a process for each `name`, which is that of the
/// generated module.
fn image(name: &str, model: &Path) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(image) = built.get(name) {
        return image.clone();
    }
    let target = repository("target/port").join(name);
    let models = target.join("models");
    let words = ["compile".into(), model.as_os_str().to_os_string()];
    let out = ["--out-dir".into(), models.join(name).into_os_string()];
    elbow(&[words, out].concat()).done();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "-p", "elbow-app", "--example", "stdio", "--target-dir"]).arg(&target);
    cargo.current_dir(repository("firmware")).env("ELBOW_MODELS", models);
    let output = cargo.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = target.join("debug/examples/stdio");
    built.insert(name.into(), image.clone());
    image
}

/// Carries bytes between `host` and a board that runs `image`, until the host's end is gone or `stop` is set.
fn run(mut host: impl Read + Write, image: &PathBuf, mut fault: Fault, stop: &AtomicBool) {
    let (mut child, mut frames) = start(image);
    let (mut bytes, mut number) = ([0; 4096], 0);
    while !stop.load(Ordering::Relaxed) {
        match host.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => {
                let stdin = child.stdin.as_mut().expect("it is piped");
                stdin.write_all(&bytes[..count]).expect("the board reads");
            }
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => {
                std::thread::sleep(LOOK);
            }
            Err(_) => break,
        }
        while let Ok(frame) = frames.try_recv() {
            let fate = fault(number, frame);
            number += 1;
            let (Fate::Arrives(bytes) | Fate::Reset(bytes)) = &fate else {
                end(child);
                return;
            };
            if host.write_all(bytes).is_err() {
                break;
            }
            if let Fate::Reset(_) = fate {
                end(child);
                (child, frames) = start(image);
            }
        }
    }
    end(child);
}

/// A new board, and its frames.
fn start(image: &PathBuf) -> (Child, Receiver<Vec<u8>>) {
    let mut command = Command::new(image);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the image starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (sender, frames) = channel();
    spawn(move || {
        let (mut frame, mut byte) = (Vec::new(), [0]);
        while let Ok(1) = stdout.read(&mut byte) {
            frame.extend(byte);
            if byte == [0] && sender.send(std::mem::take(&mut frame)).is_err() {
                return;
            }
        }
    });
    (child, frames)
}

/// Ends a board.
fn end(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The frame of a reply.
pub fn frame(reply: &Reply<'_>) -> Vec<u8> {
    let mut framer = elbow_core::wire::Framer::new([0; message_len(256)], [0; frame_len(256)]);
    framer.frame(reply).expect("it fits").to_vec()
}
