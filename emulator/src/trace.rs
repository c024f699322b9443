//! Executed blocks of an image between the calls of two marker functions.

use crate::block::{Block, seam};
use crate::log::{self, Log, Ran};
use crate::run::qemu;
use crate::thumb::Class;
use crate::timing::Timing;
use crate::{Core, Error};
use object::{Object, ObjectSymbol};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The blocks that ran between two places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Blocks that ran.
    pub blocks: Vec<Block>,
    /// How often a block that ends with the first class ran straight on to one that begins with the
    /// second. The emulator cuts blocks where it likes: cycles must not depend on it.
    pub seams: HashMap<(Class, Class), u64>,
}

impl Trace {
    /// Number of instructions that ran.
    pub fn instructions(&self) -> u64 {
        self.blocks.iter().map(|b| b.executions * b.classes.len() as u64).sum()
    }

    /// Estimate of the cycles that they take: those of the blocks alone, the refills after taken branches,
    /// and the corrections at the seams.
    pub fn cycles(&self, timing: &Timing) -> u64 {
        let refills = |b: &Block| b.taken * u64::from(timing.taken);
        let alone = self.blocks.iter().map(|b| b.executions * b.cycles(timing) + refills(b));
        let seam = |(classes, times): (&(Class, Class), &u64)| {
            seam(timing, classes.0, classes.1) * times.cast_signed()
        };
        alone.sum::<u64>().saturating_add_signed(self.seams.iter().map(seam).sum())
    }
}

/// The blocks that an image executes between the functions `bench_begin` and `bench_end`, in a run in QEMU
/// for at most `seconds`.
///
/// Code between the symbols `setup_start` and `setup_end` is not logged, nor is the function `Reset` where an image has
/// no such symbols, which zeros all variables: it must not run between the markers.
///
/// The image is stopped at the second marker, and its output is dropped; [`run`](crate::run()) checks that.
///
/// # Errors
///
/// Where the emulator is missing, or the image lacks the markers or does not reach the second.
pub fn trace(core: &Core, image: &Path, arguments: &[&str], seconds: u32) -> Result<Trace, Error> {
    let symbols = Symbols::read(image)?;
    let mut qemu = qemu(core, image, arguments)?;
    qemu.args(log::arguments(core, symbols.setup.as_ref()));
    qemu.stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |error| Error::new(format!("QEMU's log: {error}"));
    let mut child = qemu.spawn().map_err(failed)?;
    let log = child.stderr.take();
    // What comes behind the markers is of no interest; the image is stopped there.
    let log = stopped_behind(child, seconds, || log.map(|log| read_log(log, &symbols)));
    let mut reader = log.map_err(failed)?.transpose().map_err(failed)?.unwrap_or_default();
    if reader.state == TraceState::After {
        return Ok(reader.log.take());
    }
    let (image, said) = (image.display(), reader.log.rest.trim());
    Err(Error::new(format!("{image} {arguments:?} did not reach `bench_end`: {said}")))
}

/// What `read` gives, after which the process is killed, or after `seconds` while it still reads. An error where the
/// process cannot be stopped.
fn stopped_behind<T>(child: Child, seconds: u32, read: impl FnOnce() -> T) -> std::io::Result<T> {
    let child = Mutex::new(child);
    let stop = || {
        let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
        child.kill().and_then(|()| child.wait())
    };
    let stop = &stop;
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        scope.spawn(move || {
            let limit = Duration::from_secs(seconds.into());
            if is_done.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                // Whether it stops is seen by whoever reads.
                let _ = stop();
            }
        });
        let read = read();
        drop(done);
        stop().map(|_| read)
    })
}

/// Addresses of the two markers, and of the code that is not logged.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Symbols {
    begin: u32,
    end: u32,
    setup: Option<Range<u32>>,
}

impl Symbols {
    /// The addresses in the ELF file `image`, of symbols with these names, plain or mangled by rustc. An
    /// error where the file cannot be read or parsed, or lacks a marker.
    fn read(image: &Path) -> Result<Self, Error> {
        let wrong = |what: String| Error::new(format!("{}: {what}", image.display()));
        let bytes = std::fs::read(image).map_err(|error| wrong(error.to_string()))?;
        let file = object::File::parse(&*bytes).map_err(|error| wrong(error.to_string()))?;
        // A Rust symbol holds the name after its length.
        let address = |name: &str| {
            let mangled = format!("{}{name}", name.len());
            let is_it = |symbol: &str| symbol == name || symbol.contains(&mangled);
            let mut found = file.symbols().filter(|s| s.name().is_ok_and(is_it));
            found.next().map(|symbol| symbol.address() as u32 & !1)
        };
        let marker = |name| address(name).ok_or_else(|| wrong(format!("no function `{name}`")));
        Ok(Self {
            begin: marker("bench_begin")?,
            end: marker("bench_end")?,
            setup: address("setup_start")
                .zip(address("setup_end"))
                .map(|(start, end)| start..end)
                .or_else(|| range(&file, "Reset")),
        })
    }
}

/// Addresses of the code of the function with this very name; `None` without one.
fn range(file: &object::File<'_>, name: &str) -> Option<Range<u32>> {
    let mut functions = file.symbols().filter(|symbol| symbol.name() == Ok(name));
    let function = functions.find(|symbol| symbol.size() > 0)?;
    let start = function.address() as u32 & !1;
    Some(start..start + function.size() as u32)
}

/// The reader after the log up to the second marker, or to its end where that does not come; an error where
/// the log cannot be read.
fn read_log(log: ChildStderr, symbols: &Symbols) -> std::io::Result<TraceReader> {
    let mut reader = TraceReader::default();
    let mut log = BufReader::with_capacity(1 << 16, log);
    let mut line = Vec::new();
    while reader.state != TraceState::After && log.read_until(b'\n', &mut line)? > 0 {
        reader.line(&String::from_utf8_lossy(&line), symbols);
        line.clear();
    }
    Ok(reader)
}

/// The place in a log: before, between or after the markers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TraceState {
    #[default]
    Before,
    Between,
    After,
}

/// A log, and the place in it.
#[derive(Debug, Default)]
struct TraceReader {
    log: Log,
    state: TraceState,
}

impl TraceReader {
    /// Takes a line of the log. A block that it reports as executed moves the state on where it is a marker,
    /// and is counted between the markers.
    fn line(&mut self, line: &str, symbols: &Symbols) {
        let Some(ran) = self.log.line(line) else { return };
        match (self.state, ran) {
            (TraceState::Before, Ran { start, .. }) if start == symbols.begin => {
                self.state = TraceState::Between;
            }
            (TraceState::Between, Ran { start, .. }) if start == symbols.end => {
                self.state = TraceState::After;
            }
            (TraceState::Between, ran) => self.log.count(ran),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::CORTEX_M4;

    const SYMBOLS: Symbols = Symbols { begin: 0x10, end: 0x20, setup: None };

    fn read(log: &str) -> Trace {
        let mut reader = TraceReader::default();
        log.lines().for_each(|line| reader.line(&format!("{line}\n"), &SYMBOLS));
        assert_eq!(reader.state, TraceState::After, "{}", reader.log.rest);
        reader.log.take()
    }

    fn executed(place: &str, address: u32) -> String {
        format!("Trace 0: {place} [00800408/{address:08x}/00000010/ff000200] name\n")
    }

    /// `bench_begin` returns to a loop of `subs`, `bne` that runs 3 times, then `bench_end`.
    fn log(code: &str) -> String {
        let before = "----\nIN: bench_begin\n0x00000010:  4770       bx       lr\n\n";
        let turn = executed("0x7f02", 0x100);
        let first = format!("IN: main\n{code}\n{turn}");
        let end = "IN: bench_end\n0x00000020:  4770       bx       lr\n\n";
        let body = first + &turn + &turn;
        before.to_owned() + &executed("0x7f01", 0x10) + &body + end + &executed("0x7f03", 0x20)
    }

    const LOOP: &str =
        "0x00000100:  3b01       subs     r3, #1\n0x00000102:  d1fd       bne      #0x100";

    #[test]
    fn what_lies_between_the_markers_is_counted() {
        let trace = read(&log(LOOP));
        let [block] = &trace.blocks[..] else { panic!("one block: {trace:?}") };
        assert_eq!((block.start, block.end, block.executions, block.taken), (0x100, 0x104, 3, 3));
        assert_eq!(trace.instructions(), 6);
        // Twice back to the loop's start, once on to the marker: each leaves the straight line.
        assert_eq!(trace.cycles(&CORTEX_M4), 3 * (1 + 1 + 2));
    }

    #[test]
    fn code_without_a_disassembly_is_read_too() {
        let bytes = "0x00000100:  \nOBJD-T: 013bfdd1";
        assert_eq!(read(&log(bytes)), read(&log(LOOP)));
    }

    #[test]
    fn an_execution_that_was_interrupted_before_it_began_does_not_count() {
        let turn = executed("0x7f02", 0x100);
        let stopped = "Stopped execution of TB chain before 0x7f02 [00000100] main\n";
        let interrupted = log(LOOP).replacen(&turn, &format!("{turn}{stopped}{turn}"), 1);
        assert_eq!(read(&interrupted), read(&log(LOOP)));
    }

    /// Two loads, a product and a sum that waits for it, in one block, and cut behind the first load or
    /// behind the product.
    #[test]
    fn cycles_do_not_depend_on_where_blocks_are_cut() {
        let lines = [
            "0x00000100:  6800       ldr      r0, [r0]\n",
            "0x00000102:  6809       ldr      r1, [r1]\n",
            "0x00000104:  ee20 0a81  vmul.f32 s0, s1, s2\n",
            "0x00000108:  ee71 1a80  vadd.f32 s3, s3, s0\n",
        ];
        let cut = |pieces: &[(u32, &[&str])]| {
            let piece = |(start, lines): &(u32, &[&str])| {
                format!("IN: main\n{}\n", lines.concat()) + &executed(&format!("0x{start}"), *start)
            };
            let body: String = pieces.iter().map(piece).collect();
            let end = "IN: bench_end\n0x00000020:  4770       bx       lr\n\n";
            let first = executed("0x7f01", 0x10);
            read(&(first + &body + end + &executed("0x7f03", 0x20))).cycles(&CORTEX_M4)
        };
        let whole = cut(&[(0x100, &lines)]);
        assert_eq!(whole, 2 + 1 + 1 + 1 + 1 + 2, "the wait, and the way to the marker");
        assert_eq!(cut(&[(0x100, &lines[..1]), (0x102, &lines[1..])]), whole);
        assert_eq!(cut(&[(0x100, &lines[..3]), (0x108, &lines[3..])]), whole);
    }

    /// The inner loop of CMSIS-NN's dense layer without unrolling, counted by hand: three loads apart
    /// from each other at 2 cycles, 12 others at 1, and the refill.
    #[test]
    fn a_loop_costs_what_was_counted_by_hand() {
        let code = [
            0xf85a, 0x1b04, 0xfa27, 0xfb91, 0xf85e, 0x4b04, 0xfa27, 0xf181, 0xfa2f, 0xf994, 0xfa2f,
            0xf484, 0xfb29, 0x390b, 0xfb24, 0x9301, 0xf855, 0x4b04, 0xfa2f, 0xf994, 0xfa2f, 0xf484,
            0xfb29, 0x290b, 0xfb24, 0x9201, 0xf1bc, 0x0c01, 0xd1e2,
        ];
        let mut block = Block::new(0x1c00, &code);
        assert_eq!((block.classes.len(), block.end), (15, 0x1c3a));
        assert_eq!(block.cycles(&CORTEX_M4), 3 * 2 + 12);
        (block.executions, block.taken) = (10, 9);
        let trace = Trace { blocks: vec![block], ..Trace::default() };
        assert_eq!(trace.cycles(&CORTEX_M4), 10 * 18 + 9 * 2);
        assert_eq!(trace.instructions(), 150);
    }
}
