//! Executed blocks of calls of functions, read from the log of a QEMU that the caller runs.

use crate::log::{self, Log, Ran};
use crate::{Core, Trace};
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

/// Calls of functions, each from its first instruction to its last: the first call of the first function, the first
/// behind it of the second, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Addresses of the functions, in the order of their calls; a function may stand here several times.
    pub entries: Vec<u32>,
    /// Address of a function whose calls divide a call into laps; its own instructions belong to no lap.
    pub clock: Option<u32>,
    /// Code whose execution is not logged. It must not run in the calls.
    pub silent: Option<Range<u32>>,
}

impl Call {
    /// Command-line arguments with which QEMU writes the log that [`read`](Self::read) takes to stderr.
    pub fn arguments(&self, core: &Core) -> Vec<String> {
        log::arguments(core, self.silent.as_ref())
    }

    /// What the log says of the calls. Reads it to its end also after the last return, so that its writer is not
    /// blocked.
    ///
    /// # Errors
    ///
    /// Where the log cannot be read.
    pub fn read(&self, log: impl Read) -> std::io::Result<Executed> {
        let mut reader = CallReader::new(self);
        let mut log = BufReader::with_capacity(1 << 16, log);
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line)? > 0 {
            reader.line(&String::from_utf8_lossy(&line));
            line.clear();
        }
        Ok(Executed { calls: reader.calls, messages: reader.log.rest })
    }
}

/// What an emulator has written to stderr.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executed {
    /// Of each call that returned, the blocks that ran in each of its laps, one lap more than there were calls of the
    /// clock; fewer calls than there are entries where one did not begin or did not return.
    pub calls: Vec<Vec<Trace>>,
    /// What is no part of the log: the emulator's own words, with their line ends.
    pub messages: String,
}

/// The place in a log relative to the calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallState {
    /// The next call has not begun.
    Before,
    /// In the function or what it calls; it returns to the address `back`.
    Inside { back: u32 },
    /// In the clock, which returns to the address `then`.
    Reading { back: u32, then: u32 },
}

/// State of reading a log.
struct CallReader<'c> {
    call: &'c Call,
    log: Log,
    state: CallState,
    /// Address behind the block that ran last: where a call that ended it returns to.
    behind: Option<u32>,
    /// Laps of the present call that have ended.
    laps: Vec<Trace>,
    /// Calls that have returned.
    calls: Vec<Vec<Trace>>,
}

impl<'c> CallReader<'c> {
    /// The state at the start of a log.
    fn new(call: &'c Call) -> Self {
        Self {
            call,
            log: Log::default(),
            state: CallState::Before,
            behind: None,
            laps: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// Takes a line of the log. One that reports an executed block updates the state, and counts the block
    /// where it is part of the call.
    fn line(&mut self, line: &str) {
        let Some(ran) = self.log.line(line) else { return };
        self.state = self.ran(ran);
        self.behind = self.log.end(ran);
    }

    /// The state that follows `self.state`, which stays, after the block `ran`. Counts the block, unless it
    /// lies outside the calls or in the clock, and ends a lap where the clock begins or a call returns.
    fn ran(&mut self, ran: Ran) -> CallState {
        let next = self.call.entries.get(self.calls.len());
        match (self.state, self.behind) {
            (CallState::Before, Some(back)) if Some(&ran.start) == next => {
                self.log.count(ran);
                CallState::Inside { back }
            }
            (CallState::Inside { back }, _) if ran.start == back => {
                self.laps.push(self.log.take());
                self.calls.push(std::mem::take(&mut self.laps));
                CallState::Before
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

    /// Instructions of the laps of each call that returned.
    fn read_all(entries: &[u32], clock: Option<u32>, log: &str) -> Vec<Vec<u64>> {
        let call = Call { entries: entries.to_vec(), clock, silent: None };
        let executed = call.read(log.as_bytes()).expect("text");
        let laps = |laps: &Vec<Trace>| laps.iter().map(Trace::instructions).collect();
        executed.calls.iter().map(laps).collect()
    }

    fn read(clock: Option<u32>, log: &str) -> Option<Vec<u64>> {
        read_all(&[0x200], clock, log).pop()
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
    fn calls_are_found_in_their_order_and_apart() {
        // The helper at 0x400 runs before, in and behind the call of 0x200; the one behind it counts.
        assert_eq!(read_all(&[0x200, 0x400], None, &(log() + &translated(0x108, 1))), [[34], [9]]);
        assert_eq!(read_all(&[0x400, 0x200], None, &log()).len(), 1);
    }

    #[test]
    fn a_call_that_does_not_return_is_none() {
        let log = log();
        let (unfinished, _) = log.split_once("IN: main\n0x00000104").expect("the return");
        assert_eq!(read(None, unfinished), None);
        assert_eq!(read(None, &translated(0x100, 2)), None);
    }

    #[test]
    fn the_emulator_s_own_words_are_kept_wherever_they_stand() {
        let call = Call { entries: vec![0x200], clock: None, silent: None };
        let words = ["qemu: before\n".to_owned(), log(), "qemu: behind\n".to_owned()].concat();
        let executed = call.read(words.as_bytes()).expect("text");
        assert_eq!(executed.messages, "qemu: before\nqemu: behind\n");
        assert_eq!(executed.calls.len(), 1);
    }

    #[test]
    fn code_that_is_silent_is_left_out_of_the_flash() {
        let core = Core::named("m4").expect("a core");
        let filter = |silent| {
            let call = Call { entries: vec![0x200], clock: None, silent: Some(silent) };
            let arguments = call.arguments(core);
            assert_eq!(arguments[..3], ["-d", "exec,nochain,in_asm", "-dfilter"]);
            arguments[3].clone()
        };
        assert_eq!(filter(0x80..0x100), "0x0..0x7f,0x100..0x3fffff");
        // The emulator refuses a range that ends before it begins.
        assert_eq!(filter(0..0x100), "0x100..0x3fffff");
        assert_eq!(filter(0x3f_ff00..0x40_0000), "0x0..0x3ffeff");
        assert_eq!(filter(0x1000_0000..0x1000_0100), "0x0..0x3fffff");
    }
}
