//! The timing class of a Thumb instruction: just enough decoding for a table of cycles.
//!
//! Encodings: Arm DDI 0403 (ARMv7-M), chapter A5; ARMv6-M is a subset.

/// A class of instructions that take the same number of cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Data processing, SIMD within a register, 16-bit multiplications with accumulation, hints,
    /// `it`, and moves between the register files: one cycle on every core.
    Simple,
    /// `mul`.
    Multiply,
    /// `mla`, `mls`.
    MultiplyAdd,
    /// `smull`, `umull`.
    MultiplyLong,
    /// `smlal`, `umlal`, `umaal`.
    MultiplyAddLong,
    /// `sdiv`, `udiv`.
    Divide,
    /// One load.
    Load,
    /// One store to a register with an immediate offset.
    Store,
    /// One store to the sum of two registers.
    StoreIndexed,
    /// Words loaded or stored by one instruction, and whether the program counter is among them.
    List(u32, bool),
    /// A branch, taken or not.
    Branch,
    /// A call.
    Call,
    /// A branch through a table.
    TableBranch,
    /// Special registers and barriers.
    System,
    /// Arithmetic on floats, or a move from or to a core register: its kind, and masks of the registers s0 to
    /// s31 that it writes and that it reads (bit `n` for `sn`).
    Float(FloatKind, u32, u32),
    /// A single store of a float, with the mask of the register that it reads.
    FloatStore(u32),
    /// A move of two words between the register files.
    MovePair,
}

/// Kinds of float arithmetic with different cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FloatKind {
    /// A cycle: addition, multiplication, conversion, comparison.
    Simple,
    /// Multiplication with accumulation.
    MultiplyAdd,
    /// Division and root.
    Divide,
    /// A move to or from a core register.
    Move,
}

/// Whether an instruction that starts with this halfword has a second one.
pub fn is_wide(first: u16) -> bool {
    first >> 11 >= 0b11101
}

/// The class of an instruction; `second` is its second halfword, and not read where it has only one.
pub fn class(first: u16, second: u16) -> Class {
    if is_wide(first) { wide(first, second) } else { narrow(first) }
}

/// The class of a 16-bit instruction; [`Class::Simple`] for one that is in no other class.
fn narrow(code: u16) -> Class {
    let loads = code & 0x0800 != 0;
    let single = if loads { Class::Load } else { Class::Store };
    match code >> 12 {
        0x4 if code & 0xffc0 == 0x4340 => Class::Multiply,
        0x4 if code & 0xff00 == 0x4700 => Class::Branch,
        0x4 if code & 0xf800 == 0x4800 => Class::Load,
        0x5 if code & 0x0e00 < 0x0600 => Class::StoreIndexed,
        0x5 => Class::Load,
        0x6..=0x9 => single,
        0xb if code & 0xf600 == 0xb400 => {
            let more = code >> 8 & 1;
            Class::List((code & 0xff).count_ones() + u32::from(more), loads && more == 1)
        }
        0xb if code & 0xf500 == 0xb100 => Class::Branch,
        0xc => Class::List((code & 0xff).count_ones(), false),
        0xd if code & 0x0e00 == 0x0e00 => Class::Simple, // udf, svc
        0xd | 0xe => Class::Branch,
        _ => Class::Simple,
    }
}

/// The class of a 32-bit instruction; [`Class::Simple`] for one that is in no other class.
fn wide(first: u16, second: u16) -> Class {
    let loads = first & 0x10 != 0;
    if first & 0xec00 == 0xec00 {
        return coprocessor(first, second);
    }
    match first >> 9 {
        0x74 => memory(first, second, loads),
        0x78..=0x7b if second & 0x8000 != 0 => control(first, second),
        0x7c if loads => Class::Load,
        // A store to the sum of two registers has six zeros where others have an offset.
        0x7c if first & 0x80 == 0 && second & 0x0fc0 == 0 => Class::StoreIndexed,
        0x7c => Class::Store,
        0x7d if first & 0x180 == 0x100 => multiply(first, second),
        0x7d if first & 0x180 == 0x180 => multiply_long(first, second),
        _ => Class::Simple,
    }
}

/// The class of a list, pair, exclusive access or table branch; `loads` where it reads memory.
fn memory(first: u16, second: u16, loads: bool) -> Class {
    if first & 0x40 == 0 {
        return Class::List(second.count_ones(), loads && second & 0x8000 != 0);
    }
    if first & 0xfff0 == 0xe8d0 && second & 0xffe0 == 0xf000 {
        return Class::TableBranch;
    }
    let exclusive = first & 0x0120 == 0;
    match (exclusive, loads) {
        (false, _) => Class::List(2, false),
        (true, true) => Class::Load,
        (true, false) => Class::Store,
    }
}

/// The class of a branch, a call, or an access to special registers.
fn control(first: u16, second: u16) -> Class {
    match second & 0xd000 {
        0xd000 => Class::Call,
        0x8000 if first & 0x0380 == 0x0380 => Class::System,
        _ => Class::Branch,
    }
}

/// The class of a multiplication with a 32-bit result, or of its SIMD relatives, which are [`Class::Simple`].
fn multiply(first: u16, second: u16) -> Class {
    match (first >> 4 & 7, second >> 12) {
        (0, 15) => Class::Multiply,
        (0, _) => Class::MultiplyAdd,
        _ => Class::Simple,
    }
}

/// The class of a multiplication with a 64-bit result, or of a division.
fn multiply_long(first: u16, second: u16) -> Class {
    match (first >> 4 & 7, second >> 4 & 15) {
        (0 | 2, _) => Class::MultiplyLong,
        (1 | 3, _) => Class::Divide,
        (4, 0) | (6, _) => Class::MultiplyAddLong,
        _ => Class::Simple,
    }
}

/// The class of an instruction of ARMv7E-M's float unit: single precision, and moves of double words.
fn coprocessor(first: u16, second: u16) -> Class {
    let loads = first & 0x10 != 0;
    if first & 0xffe0 == 0xec40 {
        return Class::MovePair;
    }
    if first & 0xfe00 == 0xec00 {
        let double = second & 0x0100 != 0;
        let words = u32::from(second & 0xff);
        return match (first & 0x0120 == 0x0100, double) {
            (false, _) => Class::List(words, false),
            (true, true) => Class::List(2, false),
            (true, false) if loads => Class::Load,
            (true, false) => Class::FloatStore(bit(target(first, second))),
        };
    }
    if second & 0x10 != 0 {
        let register = bit(register(first & 15, second >> 7 & 1));
        return if loads {
            Class::Float(FloatKind::Move, 0, register)
        } else {
            Class::Float(FloatKind::Move, register, 0)
        };
    }
    arithmetic(first, second)
}

/// The class of float arithmetic, with the masks of the registers that it writes and reads.
fn arithmetic(first: u16, second: u16) -> Class {
    let target = bit(target(first, second));
    let right = bit(register(second & 15, second >> 5 & 1));
    let left = bit(register(first & 15, second >> 7 & 1));
    match first >> 4 & 0b1011 {
        0 | 1 | 9 | 10 => Class::Float(FloatKind::MultiplyAdd, target, target | left | right),
        8 => Class::Float(FloatKind::Divide, target, left | right),
        2 | 3 => Class::Float(FloatKind::Simple, target, left | right),
        // One operand: negation, root, conversion, immediate; a comparison (4, 5) writes flags only.
        _ => match (first & 15, second >> 6 & 3) {
            (1, 3) => Class::Float(FloatKind::Divide, target, right),
            (4 | 5, _) => Class::Float(FloatKind::Simple, 0, target | right),
            (_, 0 | 2) => Class::Float(FloatKind::Simple, target, 0),
            _ => Class::Float(FloatKind::Simple, target, right),
        },
    }
}

/// Number of the float register that an instruction writes (or, of a store, reads): field `Vd:D`.
fn target(first: u16, second: u16) -> u16 {
    register(second >> 12 & 15, first >> 6 & 1)
}

/// Number of the float register whose upper four bits and lowest bit these are.
fn register(high: u16, low: u16) -> u16 {
    high << 1 | low
}

/// The mask of a float register: bit `register` set.
fn bit(register: u16) -> u32 {
    1 << register
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings from an assembler, with what the manual's tables file them under.
    #[test]
    fn instructions_are_told_apart() {
        let cases: &[(&str, u16, u16, Class)] = &[
            ("subs r3, #1", 0x3b01, 0, Class::Simple),
            ("muls r0, r1", 0x4348, 0, Class::Multiply),
            ("bx lr", 0x4770, 0, Class::Branch),
            ("mov r8, r1", 0x4688, 0, Class::Simple),
            ("ldr r0, [pc, #56]", 0x480e, 0, Class::Load),
            ("ldrsb r0, [r1, r2]", 0x5688, 0, Class::Load),
            ("strb r0, [r1, r2]", 0x5488, 0, Class::StoreIndexed),
            ("strb r0, [r1, #1]", 0x7048, 0, Class::Store),
            ("push {r3, lr}", 0xb508, 0, Class::List(2, false)),
            ("pop {r3, pc}", 0xbd08, 0, Class::List(2, true)),
            ("stmia r0!, {r1-r3}", 0xc00e, 0, Class::List(3, false)),
            ("it lt", 0xbfb8, 0, Class::Simple),
            ("cbz r0, .+4", 0xb100, 0, Class::Branch),
            ("bne .-10", 0xd1fb, 0, Class::Branch),
            ("udf #0", 0xde00, 0, Class::Simple),
            ("bl", 0xf003, 0xfe61, Class::Call),
            ("beq.w", 0xf000, 0x8092, Class::Branch),
            ("dsb sy", 0xf3bf, 0x8f4f, Class::System),
            ("mov.w r3, #0xe000e000", 0xf04f, 0x23e0, Class::Simple),
            ("ldr.w r1, [sl], #4", 0xf85a, 0x1b04, Class::Load),
            ("strb.w r3, [r9]", 0xf889, 0x3000, Class::Store),
            ("strb.w r2, [r9, r3]", 0xf809, 0x2003, Class::StoreIndexed),
            ("ldrd r9, r1, [sp, #12]", 0xe9dd, 0x9103, Class::List(2, false)),
            ("ldmia.w r0!, {r4-r7}", 0xe8b0, 0x00f0, Class::List(4, false)),
            ("tbb [pc, r3]", 0xe8df, 0xf003, Class::TableBranch),
            ("sxtab16 r1, r7, r1", 0xfa27, 0xf181, Class::Simple),
            ("smlad r9, r9, fp, r3", 0xfb29, 0x390b, Class::Simple),
            ("mla r3, r7, ip, r3", 0xfb07, 0x330c, Class::MultiplyAdd),
            ("mul.w r0, r1, r2", 0xfb01, 0xf002, Class::Multiply),
            ("smull r0, r1, r2, r3", 0xfb82, 0x0103, Class::MultiplyLong),
            ("smlal r4, r5, r3, r6", 0xfbc3, 0x4506, Class::MultiplyAddLong),
            ("udiv r0, r1, r2", 0xfbb1, 0xf0f2, Class::Divide),
            ("vldr s15, [r3]", 0xedd3, 0x7a00, Class::Load),
            ("vstr s1, [r3]", 0xedc3, 0x0a00, Class::FloatStore(1 << 1)),
            ("vldmia r0!, {s0-s3}", 0xecb0, 0x0a04, Class::List(4, false)),
            ("vmov r0, r1, d0", 0xec51, 0x0b10, Class::MovePair),
        ];
        for (text, first, second, expected) in cases {
            assert_eq!(class(*first, *second), *expected, "{text}");
        }
    }

    #[test]
    fn float_arithmetic_says_what_it_reads_and_writes() {
        let float = |kind, writes: u32, reads: u32| Class::Float(kind, writes, reads);
        // vmul.f32 s0, s1, s2; vadd.f32 s3, s3, s0; vfma.f32 s4, s1, s2; vdiv.f32 s0, s1, s2
        assert_eq!(class(0xee20, 0x0a81), float(FloatKind::Simple, 1 << 0, 1 << 1 | 1 << 2));
        assert_eq!(class(0xee71, 0x1a80), float(FloatKind::Simple, 1 << 3, 1 << 3 | 1 << 0));
        let reads = 1 << 4 | 1 << 1 | 1 << 2;
        assert_eq!(class(0xeea0, 0x2a81), float(FloatKind::MultiplyAdd, 1 << 4, reads));
        assert_eq!(class(0xee80, 0x0a81), float(FloatKind::Divide, 1 << 0, 1 << 1 | 1 << 2));
        // vcmpe.f32 s0, #0.0 writes no register; vmov r0, s1 reads one; vmov.f32 s0, #1.0 none.
        assert_eq!(class(0xeeb5, 0x0ac0), float(FloatKind::Simple, 0, 1 << 0));
        assert_eq!(class(0xee10, 0x0a90), float(FloatKind::Move, 0, 1 << 1));
        assert_eq!(class(0xeeb7, 0x0a00), float(FloatKind::Simple, 1 << 0, 0));
    }
}
