//! The timing class of a Thumb instruction: just enough decoding for a table of cycles.
//!
//! Encodings: Arm DDI 0403 (ARMv7-M), chapter A5; ARMv6-M is a subset.

/// What a table of cycles tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// One store to the sum of two registers, or of a float.
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
    /// Arithmetic on floats: what it writes and what it reads of the registers s0 to s31.
    Float(FloatKind, u32, u32),
    /// A single store of a float, with what it reads.
    FloatStore(u32),
    /// A move of two words between the register files.
    MovePair,
}

/// What float arithmetic costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// The class of an instruction; `second` is 0 where it has one halfword only.
pub fn class(first: u16, second: u16) -> Class {
    if is_wide(first) { wide(first, second) } else { narrow(first) }
}

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
        0xd | 0xe => Class::Branch,
        _ => Class::Simple,
    }
}

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

/// Lists, pairs, exclusive accesses and table branches.
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

fn control(first: u16, second: u16) -> Class {
    match second & 0xd000 {
        0xd000 => Class::Call,
        0x8000 if first & 0x0380 == 0x0380 => Class::System,
        _ => Class::Branch,
    }
}

fn multiply(first: u16, second: u16) -> Class {
    match (first >> 4 & 7, second >> 12) {
        (0, 15) => Class::Multiply,
        (0, _) => Class::MultiplyAdd,
        _ => Class::Simple,
    }
}

fn multiply_long(first: u16, second: u16) -> Class {
    match (first >> 4 & 7, second >> 4 & 15) {
        (0 | 2, _) => Class::MultiplyLong,
        (1 | 3, _) => Class::Divide,
        (4, 0) | (6, _) => Class::MultiplyAddLong,
        _ => Class::Simple,
    }
}

/// The float unit of ARMv7E-M: single precision, and moves of double words.
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

fn target(first: u16, second: u16) -> u16 {
    register(second >> 12 & 15, first >> 6 & 1)
}

fn register(high: u16, low: u16) -> u16 {
    high << 1 | low
}

fn bit(register: u16) -> u32 {
    1 << register
}
