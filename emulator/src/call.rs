//! Executed blocks of one call of a function, read from the log of a QEMU that the caller runs.

use crate::log::{self, Log, Ran};
use crate::{Core, Trace};
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

/// The first call of a function, from its first instruction to its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Address of the function.
    pub entry: u32,
    /// Address of a function whose calls divide the call into laps; its own instructions belong to no lap.
    pub clock: Option<u32>,
    /// Code whose execution is not logged. It must not run in the call.
    pub silent: Option<Range<u32>>,
}

impl Call {
    /// Command-line arguments with which QEMU writes the log that [`read`](Self::read) takes to stderr.
    pub fn arguments(&self, core: &Core) -> Vec<String> {
        log::arguments(core, self.silent.as_ref())
    }

    /// The blocks that ran in each lap of the first call, one lap more than there were calls of the clock;
    /// `None` where the call did not begin or did not return. Reads the log to its end also after the return,
    /// so that its writer is not blocked.
    ///
    /// # Errors
    ///
    /// Where the log cannot be read.
    pub fn read(&self, log: impl Read) -> std::io::Result<Option<Vec<Trace>>> {
        let mut reader = CallReader::new(self);
        let mut log = BufReader::with_capacity(1 << 16, log);
        let mut line = Vec::new();
        while reader.state != CallState::Returned && log.read_until(b'\n', &mut line)? > 0 {
            reader.line(&String::from_utf8_lossy(&line));
            line.clear();
        }
        // The rest is read and dropped, so that the writer of the log does not block.
        std::io::copy(&mut log, &mut std::io::sink())?;
        Ok((reader.state == CallState::Returned).then_some(reader.laps))
    }
}

/// The place in a log relative to the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    /// The call has not begun.
    Before,
    /// In the function or what it calls; it returns to the address `back`.
    Inside { back: u32 },
    /// In the clock, which returns to the address `then`.
    Reading { back: u32, then: u32 },
    /// The function has returned.
    Returned,
}

/// State of reading a log.
struct CallReader<'c> {
    call: &'c Call,
    log: Log,
    state: CallState,
    /// Address behind the block that ran last: where a call that ended it returns to.
    behind: Option<u32>,
    /// Laps that have ended.
    laps: Vec<Trace>,
}

impl<'c> CallReader<'c> {
    /// The state at the start of a log.
    fn new(call: &'c Call) -> Self {
        Self { call, log: Log::default(), state: CallState::Before, behind: None, laps: Vec::new() }
    }

    /// Takes a line of the log. One that reports an executed block updates the state, and counts the block
    /// where it is part of the call.
    fn line(&mut self, line: &str) {
        let Some(ran) = self.log.line(line) else { return };
        self.state = self.ran(ran);
        self.behind = self.log.end(ran);
    }

    /// The state that follows `self.state`, which stays, after the block `ran`. Counts the block, unless it
    /// lies outside the call or in the clock, and ends a lap where the clock begins or the call returns.
    fn ran(&mut self, ran: Ran) -> CallState {
        match (self.state, self.behind) {
            (CallState::Before, Some(back)) if ran.start == self.call.entry => {
                self.log.count(ran);
                CallState::Inside { back }
            }
            (CallState::Inside { back }, _) if ran.start == back => {
                self.laps.push(self.log.take());
                CallState::Returned
            }
            (CallState::Inside { back }, Some(then)) if Some(ran.start) == self.call.clock => {
                self.laps.push(self.log.take());
                CallState::Reading { back, then }
            }
            (CallState::Reading { back, then }, _) if ran.start == then => {
                self.log.count(ran);
                CallState::Inside { back }
            }
            (state @ CallState::Inside { .. }, _) => {
                self.log.count(ran);
                state
            }
            (state, _) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of so many `adds r0, #1` at an address, translated.
    fn translated(start: u32, instructions: u32) -> String {
        let line = |at: u32| format!("{:#010x}:  3001       adds     r0, #1\n", start + 2 * at);
        let lines: String = (0..instructions).map(line).collect();
        format!("IN: main\n{lines}\n") + &executed(start)
    }

    /// Run once more, where the emulator keeps it.
    fn executed(start: u32) -> String {
        format!("Trace 0: 0x7f{start:x} [00800408/{start:08x}/00000010/ff000200] name\n")
    }

    /// `main` calls 0x200, which calls the clock at 0x300 twice, and a helper at 0x400 that `main` calls
    /// too, before and behind.
    fn log() -> String {
        [
            translated(0x400, 9),
            translated(0x100, 2), // to 0x104
            translated(0x200, 3), // to 0x206
            translated(0x300, 5),
            translated(0x206, 4), // to 0x20e
            executed(0x400),
            translated(0x20e, 1), // to 0x210
            executed(0x300),
            translated(0x210, 7),
            translated(0x104, 2),
            executed(0x400),
        ]
        .concat()
    }

    fn read(clock: Option<u32>, log: &str) -> Option<Vec<u64>> {
        let call = Call { entry: 0x200, clock, silent: None };
        let laps = call.read(log.as_bytes()).expect("text");
        laps.map(|laps| laps.iter().map(Trace::instructions).collect())
    }

    #[test]
    fn a_call_is_counted_from_its_entry_to_its_return() {
        assert_eq!(read(None, &log()), Some(vec![3 + 5 + 4 + 9 + 1 + 5 + 7]));
    }

    #[test]
    fn a_clock_divides_the_call_and_belongs_to_no_lap() {
        assert_eq!(read(Some(0x300), &log()), Some(vec![3, 4 + 9 + 1, 7]));
    }

    #[test]
    fn a_call_that_does_not_return_is_none() {
        let log = log();
        let (unfinished, _) = log.split_once("IN: main\n0x00000104").expect("the return");
        assert_eq!(read(None, unfinished), None);
        assert_eq!(read(None, &translated(0x100, 2)), None);
    }

    #[test]
    fn code_that_is_silent_is_left_out_of_the_flash() {
        let core = Core::named("m4").expect("a core");
        let call = Call { entry: 0x200, clock: None, silent: Some(0x80..0x100) };
        let expected = ["-d", "exec,nochain,in_asm", "-dfilter", "0x0..0x7f,0x100..0x3fffff"];
        assert_eq!(call.arguments(core), expected);
    }
}
