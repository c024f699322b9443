//! Blocks of successive instructions, and the cycles that they take.

use crate::thumb::{Class, FloatKind, class, is_wide};
use crate::timing::Timing;

/// Instructions that run one after the other, and how often they did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Address of the first instruction.
    pub start: u32,
    /// Address behind the last instruction.
    pub end: u32,
    /// Timing classes of the instructions, in order.
    pub classes: Vec<Class>,
    /// Number of executions.
    pub executions: u64,
    /// Number of executions after which the next instruction was not the one behind the block: a branch was
    /// taken.
    pub taken: u64,
}

impl Block {
    /// The block of the code `halfwords` at address `start`, with no executions. Where the last instruction
    /// lacks its second halfword, that counts as 0.
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

    /// Cycles of one execution, without the refill after a taken branch. The first and the last instruction
    /// are counted as if they had no neighbour outside the block; `seam` is the correction.
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

/// Correction in cycles where `second`, the first instruction of a block, runs straight after `first`, the
/// last one of another: the cycles of both as neighbours less those of each alone. It may be negative.
pub fn seam(timing: &Timing, first: Class, second: Class) -> i64 {
    let alone = cycles(timing, None, first, None) + cycles(timing, None, second, None);
    let joined =
        cycles(timing, None, first, Some(second)) + cycles(timing, Some(first), second, None);
    i64::from(joined) - i64::from(alone)
}

/// Cycles of an instruction of this class between its neighbours, `None` for one that does not count. A load
/// or indexed store after a load is pipelined; float arithmetic waits where `next` reads its result.
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

/// Cycles of float arithmetic, without waiting for its result.
fn float_cycles(timing: &Timing, kind: FloatKind) -> u32 {
    match kind {
        FloatKind::Simple | FloatKind::Move => 1,
        FloatKind::MultiplyAdd => timing.float_multiply_add,
        FloatKind::Divide => timing.float_divide,
    }
}

/// Whether `next` reads a register in the mask `writes`, which float arithmetic of this kind has just
/// written; moves are never waited for.
fn waits(kind: FloatKind, writes: u32, next: Option<Class>) -> bool {
    kind != FloatKind::Move
        && match next {
            Some(Class::Float(_, _, reads) | Class::FloatStore(reads)) => writes & reads != 0,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::{CORTEX_M0, CORTEX_M3, CORTEX_M4};

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
