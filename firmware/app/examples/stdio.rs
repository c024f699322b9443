//! The parity image as a program of the host: it serves over stdin and stdout until the host says goodbye or stdin
//! ends. For those who write the host's side of a link:
//!
//! ```sh
//! ELBOW_MODELS=/path/to/models cargo run --example stdio
//! ```

use elbow_app::{Board, Event, Measured};
use elbow_models::{Image, Task};
use std::io::{Read, Write, stdin, stdout};
use std::process::exit;
use std::time::Instant;

/// A board whose link are stdin and stdout, and whose timer counts the microseconds of this computer.
struct Stdio;

/// Cycles in a second of a board that this one stands for: a Cortex-M at 64 MHz.
const CYCLES: u32 = 64_000_000;
/// Ticks of its timer.
const TICKS: u32 = 1_000_000;

impl Board for Stdio {
    /// The next byte of stdin; ends the program where there is none.
    fn read(&mut self) -> u8 {
        let mut byte = [0];
        match stdin().lock().read_exact(&mut byte) {
            Ok(()) => byte[0],
            Err(_) => exit(0),
        }
    }

    /// Writes to stdout; ends the program where nobody reads it.
    fn write(&mut self, bytes: &[u8]) {
        let mut stdout = stdout().lock();
        if stdout.write_all(bytes).and_then(|()| stdout.flush()).is_err() {
            exit(0);
        }
    }

    fn ticks_per_million(&self) -> u32 {
        TICKS / (CYCLES / 1_000_000)
    }

    fn ticks_per_second(&self) -> Option<u32> {
        Some(TICKS)
    }

    /// Runs `work`, and says how many microseconds it took and an unknown stack.
    fn measure<R>(&mut self, work: impl FnOnce() -> R) -> (R, Measured) {
        let start = Instant::now();
        let result = work();
        (result, Measured { ticks: start.elapsed().as_micros() as u32, stack_bytes: None })
    }

    /// Prints the event on stderr.
    fn log(&mut self, event: Event) {
        eprintln!("{event:?}");
    }
}

/// Serves until goodbye.
fn main() {
    Task::new().serve(&mut Stdio, &mut Image::new());
}
