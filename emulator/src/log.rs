//! QEMU's log, line by line: which blocks of code ran.
//!
//! `-d in_asm` prints each translated block with its code once, `-d exec,nochain` a line per execution.

use crate::block::Block;
use crate::thumb::{Class, is_wide};
use crate::{Core, Trace};
use std::collections::HashMap;
use std::ops::Range;

/// Command-line arguments with which QEMU logs to stderr the blocks that it translates and executes:
/// everything, or with `silent` only the core's flash without that range.
pub(crate) fn arguments(core: &Core, silent: Option<&Range<u32>>) -> Vec<String> {
    let mut arguments = vec!["-d".to_owned(), "exec,nochain,in_asm".to_owned()];
    if let Some(silent) = silent {
        let flash = core.machine.flash;
        let ranges = around(silent, flash.origin..flash.origin + flash.length);
        let text = |range: Range<u32>| format!("{:#x}..{:#x}", range.start, range.end - 1);
        let ranges: Vec<String> = ranges.into_iter().map(text).collect();
        arguments.extend(["-dfilter".to_owned(), ranges.join(",")]);
    }
    arguments
}

/// What of `all` is not in `inner`: up to two ranges, none of them empty.
fn around(inner: &Range<u32>, all: Range<u32>) -> Vec<Range<u32>> {
    if inner.end <= all.start || all.end <= inner.start {
        return vec![all];
    }
    let parts = [all.start..inner.start, inner.end..all.end];
    parts.into_iter().filter(|range| !range.is_empty()).collect()
}

/// A block that was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Address of its first instruction.
    pub start: u32,
    /// Its index among the blocks of the log; `None` where its code was not logged.
    pub number: Option<usize>,
}

/// State of reading a log.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Blocks in the order of translation.
    blocks: Vec<Block>,
    /// Indices of blocks by the host address of the translated code, as the log prints it.
    numbers: HashMap<String, usize>,
    /// Code of the block that was translated last: address and halfwords.
    code: Option<(u32, Vec<u16>)>,
    /// How often counted blocks ran straight on from one to another, by the classes on both sides of the cut.
    seams: HashMap<(Class, Class), u64>,
    /// Index of the block that ran last, where it was counted.
    last: Option<usize>,
    /// Lines that are no part of the log: messages of the emulator.
    pub rest: String,
}

impl Log {
    /// Takes a line of the log, with its end; returns the block that it reports as executed, `None` for any
    /// other line. A reported block is not counted; [`count`](Self::count) does that. Lines of code are
    /// collected for the block that is being translated; lines that are no part of the log are appended to
    /// `rest`.
    pub fn line(&mut self, line: &str) -> Option<Ran> {
        if let Some(text) = line.strip_prefix("Trace ") {
            return self.executed(text);
        }
        if line.starts_with("0x") {
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
        None
    }

    /// Adds an execution of the block `ran`, which [`line`](Self::line) has just returned; does nothing where
    /// its code was not logged.
    pub fn count(&mut self, ran: Ran) {
        if let Some(number) = ran.number {
            self.blocks[number].executions += 1;
            self.last = Some(number);
        }
    }

    /// Address behind a block; `None` where its code was not logged.
    pub fn end(&self, ran: Ran) -> Option<u32> {
        ran.number.map(|number| self.blocks[number].end)
    }

    /// The blocks counted since the last call, and the seams between them; all counts begin at 0 again, and
    /// translated blocks stay known.
    pub fn take(&mut self) -> Trace {
        let blocks = self.blocks.iter().filter(|block| block.executions > 0).cloned().collect();
        for block in &mut self.blocks {
            (block.executions, block.taken) = (0, 0);
        }
        self.last = None;
        Trace { blocks, seams: std::mem::take(&mut self.seams) }
    }

    /// Adds the instruction on a line such as `0x00000d4a:  f04f 23e0  mov.w    r3, #-0x1fff2000` to the code
    /// of the block that is being translated, or begins one with it; other lines change nothing.
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

    /// Adds code as hexadecimal bytes in the order of memory, such as `08b54ff0e023`, from a QEMU without a
    /// disassembler, to the block that is being translated; does nothing without one.
    fn translated_bytes(&mut self, text: &str) {
        let Some((_, code)) = &mut self.code else { return };
        let digits = text.trim().as_bytes().chunks_exact(4).map(String::from_utf8_lossy);
        code.extend(
            digits.filter_map(|text| u16::from_str_radix(&text, 16).ok()?.swap_bytes().into()),
        );
    }

    /// The block of a line such as `0: 0x7fdaf80003c0 [00800408/00000d62/00000010/ff000200] reset`, the
    /// second number in brackets being its address; `None` for a line of another form. If it is the block
    /// that was translated last, it becomes known; then `arrived` is called for it.
    fn executed(&mut self, text: &str) -> Option<Ran> {
        let mut words = text.split_whitespace().skip(1);
        let (place, state) = (words.next()?, words.next()?);
        let start = u32::from_str_radix(state.split('/').nth(1)?, 16).ok()?;
        if let Some((address, code)) = self.code.take_if(|(address, _)| *address == start) {
            self.numbers.insert(place.to_owned(), self.blocks.len());
            self.blocks.push(Block::new(address, &code));
        }
        let number = self.numbers.get(place).copied();
        self.arrived(start, number);
        Some(Ran { start, number })
    }

    /// Settles how the block that was counted last ended: as a taken branch where `start` is not the address
    /// behind it, else as a seam to the block of this number, if that is known. Then no block is the last
    /// one.
    fn arrived(&mut self, start: u32, number: Option<usize>) {
        let Some(last) = self.last.take() else { return };
        if self.blocks[last].end != start {
            self.blocks[last].taken += 1;
            return;
        }
        let first = self.blocks[last].classes.last();
        let second = number.and_then(|number| self.blocks[number].classes.first());
        // Behind a branch that is not taken, every instruction takes what it takes alone.
        let seam = first.copied().zip(second.copied()).filter(|seam| seam.0 != Class::Branch);
        if let Some(seam) = seam {
            *self.seams.entry(seam).or_default() += 1;
        }
    }

    /// Takes back the last count: QEMU announced the block and was interrupted before its first instruction.
    fn undo(&mut self) {
        if let Some(last) = self.last.take() {
            self.blocks[last].executions -= 1;
        }
    }
}
