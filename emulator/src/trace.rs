//! Executed blocks, read from QEMU's log.
//!
//! `-d in_asm` prints each translated block with its code once, `-d exec,nochain` a line per execution.

use crate::run::qemu;
use crate::thumb::{Class, FloatKind, class, is_wide};
use crate::timing::Timing;
use crate::{Error, Machine};
use object::{Object, ObjectSymbol};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{ChildStderr, Stdio};

/// Instructions that run one after the other, and how often they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Address of the first.
    pub start: u32,
    /// Address behind the last.
    pub end: u32,
    /// Classes in order.
    pub classes: Vec<Class>,
    /// Executions.
    pub executions: u64,
    /// Executions after which something else ran than what lies behind the block.
    pub taken: u64,
}

impl Block {
    /// A block of code, decoded.
    pub fn new(start: u32, halfwords: &[u16]) -> Self {
        let mut classes = Vec::new();
        let mut rest = halfwords;
        while let [first, tail @ ..] = rest {
            let wide = is_wide(*first);
            classes.push(class(*first, if wide { tail.first().copied().unwrap_or(0) } else { 0 }));
            rest = tail.get(usize::from(wide)..).unwrap_or(&[]);
        }
        let end = start + 2 * halfwords.len() as u32;
        Self { start, end, classes, executions: 0, taken: 0 }
    }

    /// Cycles of one execution, without the refill after a taken branch.
    pub fn cycles(&self, timing: &Timing) -> u64 {
        let nexts = self.classes.iter().skip(1).map(Some).chain([None]);
        let mut last = None;
        let mut sum = 0;
        for (class, next) in self.classes.iter().zip(nexts) {
            sum += u64::from(cycles(timing, last, *class, next.copied()));
            last = Some(*class);
        }
        sum
    }
}

/// Cycles of an instruction between its neighbours.
fn cycles(t: &Timing, last: Option<Class>, class: Class, next: Option<Class>) -> u32 {
    let pipelined = last == Some(Class::Load);
    let behind_load = |cycles| if pipelined { t.pipelined.min(cycles) } else { cycles };
    match class {
        Class::Simple | Class::Branch => 1,
        Class::Multiply => t.multiply,
        Class::MultiplyAdd => t.multiply_add,
        Class::MultiplyLong => t.multiply_long,
        Class::MultiplyAddLong => t.multiply_add_long,
        Class::Divide => t.divide,
        Class::Load => behind_load(t.load),
        Class::Store => t.store,
        Class::StoreIndexed | Class::FloatStore(_) => behind_load(t.store_indexed),
        Class::List(words, with_pc) => t.list + words + if with_pc { t.list_with_pc } else { 0 },
        Class::Call => t.call,
        Class::TableBranch => t.table_branch,
        Class::System => t.system,
        Class::MovePair => 2,
        Class::Float(kind, writes, _) => {
            float_cycles(t, kind) + if waits(kind, writes, next) { t.float_wait } else { 0 }
        }
    }
}

fn float_cycles(timing: &Timing, kind: FloatKind) -> u32 {
    match kind {
        FloatKind::Simple | FloatKind::Move => 1,
        FloatKind::MultiplyAdd => timing.float_multiply_add,
        FloatKind::Divide => timing.float_divide,
    }
}

/// Whether the next instruction reads what float arithmetic wrote.
fn waits(kind: FloatKind, writes: u32, next: Option<Class>) -> bool {
    kind != FloatKind::Move
        && match next {
            Some(Class::Float(_, _, reads) | Class::FloatStore(reads)) => writes & reads != 0,
            _ => false,
        }
}

/// What ran between the markers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Blocks that ran.
    pub blocks: Vec<Block>,
}

impl Trace {
    /// Instructions that ran.
    pub fn instructions(&self) -> u64 {
        self.blocks.iter().map(|b| b.executions * b.classes.len() as u64).sum()
    }

    /// Estimate of the cycles that they take.
    pub fn cycles(&self, timing: &Timing) -> u64 {
        let refills = |b: &Block| b.taken * u64::from(timing.taken);
        self.blocks.iter().map(|b| b.executions * b.cycles(timing) + refills(b)).sum()
    }
}

/// Runs an image and collects what it executes between the functions `bench_begin` and `bench_end`.
///
/// Code between the symbols `setup_start` and `setup_end`, where an image has them, is not logged:
/// it must not run between the markers.
///
/// The image is stopped at the second marker: whether its output is right, [`run`](crate::run()) tells.
///
/// # Errors
///
/// Where the emulator is missing, or the image lacks the markers or does not reach the second.
pub fn trace(
    machine: &Machine,
    image: &Path,
    arguments: &[&str],
    seconds: u32,
) -> Result<Trace, Error> {
    let symbols = Symbols::read(image)?;
    let mut qemu = qemu(machine, image, arguments, seconds)?;
    qemu.args(["-d", "exec,nochain,in_asm"]);
    if let Some((start, end)) = symbols.setup {
        let below = format!("{:#x}..{:#x}", machine.flash.origin, start.saturating_sub(1));
        let top = u64::from(machine.flash.origin) + u64::from(machine.flash.length) - 1;
        qemu.args(["-dfilter", &format!("{below},{end:#x}..{top:#x}")]);
    }
    qemu.stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |error| Error::new(format!("QEMU's log: {error}"));
    let mut child = qemu.spawn().map_err(failed)?;
    let log = child.stderr.take().map(|log| read_log(log, symbols));
    // What comes behind the markers is of no interest; the image is stopped there.
    child.kill().and_then(|()| child.wait()).map_err(failed)?;
    let reader = log.transpose().map_err(failed)?.unwrap_or(LogReader::new(symbols));
    if reader.state == State::After {
        return Ok(reader.finish());
    }
    let (image, said) = (image.display(), reader.rest.trim());
    Err(Error::new(format!("{image} {arguments:?} did not reach `bench_end`: {said}")))
}

/// Addresses of the symbols that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Symbols {
    begin: u32,
    end: u32,
    setup: Option<(u32, u32)>,
}

impl Symbols {
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
            setup: address("setup_start").zip(address("setup_end")),
        })
    }
}

/// Reads a log up to the second marker, or to its end.
fn read_log(log: ChildStderr, symbols: Symbols) -> std::io::Result<LogReader> {
    let mut reader = LogReader::new(symbols);
    let mut log = BufReader::with_capacity(1 << 16, log);
    let mut line = Vec::new();
    while reader.state != State::After && log.read_until(b'\n', &mut line)? > 0 {
        reader.line(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(reader)
}

/// Where a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Before,
    Between,
    After,
}

/// State of reading a log.
struct LogReader {
    symbols: Symbols,
    /// Blocks, and their number by where the emulator keeps them.
    blocks: Vec<Block>,
    numbers: HashMap<String, usize>,
    /// Code of the block that was translated last: address and halfwords.
    code: Option<(u32, Vec<u16>)>,
    state: State,
    /// The block that ran last between the markers.
    last: Option<usize>,
    rest: String,
}

impl LogReader {
    fn new(symbols: Symbols) -> Self {
        Self {
            symbols,
            blocks: Vec::new(),
            numbers: HashMap::new(),
            code: None,
            state: State::Before,
            last: None,
            rest: String::new(),
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(text) = line.strip_prefix("Trace ") {
            self.executed(text);
        } else if line.starts_with("0x") {
            self.translated(line);
        } else if let Some(bytes) = line.strip_prefix("OBJD-T: ") {
            self.translated_bytes(bytes);
        } else if line.starts_with("Stopped execution") {
            self.undo();
        } else if line.starts_with("IN:") {
            self.code = None;
        } else if !line.starts_with("----") && !line.trim().is_empty() {
            self.rest += line;
        }
    }

    /// `0x00000d4a:  f04f 23e0  mov.w    r3, #-0x1fff2000`
    fn translated(&mut self, line: &str) {
        let Some((address, text)) = line.split_once(':') else { return };
        let Ok(address) = u32::from_str_radix(address.trim_start_matches("0x"), 16) else { return };
        let is_code = |word: &&str| word.len() == 4;
        let words = text.split_whitespace().take_while(is_code).take(2);
        let mut words = words.filter_map(|word| u16::from_str_radix(word, 16).ok());
        let (_, code) = self.code.get_or_insert((address, Vec::new()));
        let Some(first) = words.next() else { return };
        code.push(first);
        if is_wide(first) {
            code.extend(words.next());
        }
    }

    /// `08b54ff0e023`: bytes in the order of memory, from an emulator without a disassembler.
    fn translated_bytes(&mut self, text: &str) {
        let Some((_, code)) = &mut self.code else { return };
        let digits = text.trim().as_bytes().chunks_exact(4).map(String::from_utf8_lossy);
        code.extend(
            digits.filter_map(|text| u16::from_str_radix(&text, 16).ok()?.swap_bytes().into()),
        );
    }

    /// `0: 0x7fdaf80003c0 [00800408/00000d62/00000010/ff000200] reset`
    fn executed(&mut self, text: &str) {
        let mut words = text.split_whitespace().skip(1);
        let (Some(place), Some(state)) = (words.next(), words.next()) else { return };
        let Some(start) = state.split('/').nth(1) else { return };
        let Ok(start) = u32::from_str_radix(start, 16) else { return };
        if let Some((address, code)) = self.code.take_if(|(address, _)| *address == start) {
            self.numbers.insert(place.to_owned(), self.blocks.len());
            self.blocks.push(Block::new(address, &code));
        }
        self.arrived(start);
        match (self.state, self.numbers.get(place)) {
            (State::Before, _) if start == self.symbols.begin => self.state = State::Between,
            (State::Between, _) if start == self.symbols.end => self.state = State::After,
            (State::Between, Some(number)) => {
                self.blocks[*number].executions += 1;
                self.last = Some(*number);
            }
            _ => {}
        }
    }

    /// The block that ran last has gone on here.
    fn arrived(&mut self, start: u32) {
        if let Some(last) = self.last.take() {
            self.blocks[last].taken += u64::from(self.blocks[last].end != start);
        }
    }

    /// The emulator announced a block and was interrupted before its first instruction.
    fn undo(&mut self) {
        if let Some(last) = self.last.take() {
            self.blocks[last].executions -= 1;
        }
    }

    fn finish(self) -> Trace {
        let blocks = self.blocks.into_iter().filter(|block| block.executions > 0).collect();
        Trace { blocks }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::{CORTEX_M0, CORTEX_M3, CORTEX_M4};

    const SYMBOLS: Symbols = Symbols { begin: 0x10, end: 0x20, setup: None };

    fn read(log: &str) -> Trace {
        let mut reader = LogReader::new(SYMBOLS);
        log.lines().for_each(|line| reader.line(&format!("{line}\n")));
        assert_eq!(reader.state, State::After, "{}", reader.rest);
        reader.finish()
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
        let trace = Trace { blocks: vec![block] };
        assert_eq!(trace.cycles(&CORTEX_M4), 10 * 18 + 9 * 2);
        assert_eq!(trace.instructions(), 150);
    }

    #[test]
    fn loads_in_a_row_are_pipelined_except_on_an_m0() {
        // ldr r0, [r0]; ldr r1, [r1]; str r0, [r2, r1]; str r0, [r2]; adds r0, #1
        let block = Block::new(0, &[0x6800, 0x6809, 0x5050, 0x6010, 0x3001]);
        assert_eq!(block.cycles(&CORTEX_M4), 2 + 1 + 1 + 1 + 1);
        assert_eq!(block.cycles(&CORTEX_M0), 2 + 2 + 2 + 2 + 1);
        let stored = Block::new(0, &[0x6809, 0x5050]);
        assert_eq!(stored.cycles(&CORTEX_M3), 2 + 1);
    }

    #[test]
    fn lists_take_a_cycle_a_word_and_one_more() {
        // ldmia.w r0!, {r4-r7}; vldmia r0!, {s0-s3}; pop {r3, pc}
        let block = Block::new(0, &[0xe8b0, 0x00f0, 0xecb0, 0x0a04, 0xbd08]);
        assert_eq!(block.cycles(&CORTEX_M4), 5 + 5 + 3);
        // A return by pop takes 4 + N on an M0, two of them the refill.
        assert_eq!(Block::new(0, &[0xbd08]).cycles(&CORTEX_M0) + 2, 4 + 2);
    }

    #[test]
    fn multiplications_take_what_the_manuals_say() {
        // muls r0, r1; mla; smull; smlal; udiv
        let code = [0x4348, 0xfb07, 0x330c, 0xfb82, 0x0103, 0xfbc3, 0x4506, 0xfbb1, 0xf0f2];
        assert_eq!(Block::new(0, &code).cycles(&CORTEX_M4), 1 + 1 + 1 + 1 + 12);
        assert_eq!(Block::new(0, &code).cycles(&CORTEX_M3), 1 + 2 + 5 + 7 + 12);
    }

    #[test]
    fn float_results_are_waited_for_by_the_next_instruction_only() {
        let (multiply, add) = ([0xee20, 0x0a81], [0xee71, 0x1a80]); // s0 = s1 * s2; s3 += s0
        let other = [0xee22, 0x2a02]; // s4 = s4 * s4
        let at_once = [multiply, add].concat();
        let later = [multiply, other, add].concat();
        assert_eq!(Block::new(0, &at_once).cycles(&CORTEX_M4), 3);
        assert_eq!(Block::new(0, &later).cycles(&CORTEX_M4), 3);
        // s4 = s4 + s1 * s2, twice: the second waits for the first.
        let chain = [0xeea0, 0x2a81, 0xeea0, 0x2a81];
        assert_eq!(Block::new(0, &chain).cycles(&CORTEX_M4), 3 + 1 + 3);
    }
}
