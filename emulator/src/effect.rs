//! Effects of Thumb instructions on the stack pointer and the flow of control (Armv7-M Architecture Reference
//! Manual, chapter A7; Armv8-M and Helium add none, their loop instructions stay in the function).

/// Effect of one instruction on the stack pointer or the flow of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// None of the effects below.
    None,
    /// Lowers the stack pointer by bytes.
    Push(u32),
    /// Sets the stack pointer to a value that is known at run time only.
    SetStack,
    /// Calls the function at this address.
    Call(u32),
    /// Branches to this address and does not come back by itself.
    Branch(u32),
    /// Calls or branches to an address in a register or in memory.
    Indirect,
    /// Moves or adds a register to the program counter: by a table behind it, a branch in the function.
    Table,
    /// Returns and gives back what the function pushed.
    Return,
    /// Loads the lower half of a register with a constant: register, value.
    LoadLow(u32, u32),
    /// Loads the upper half.
    LoadHigh(u32, u32),
}

const SP: u32 = 13;
const LR: u32 = 14;
const PC: u32 = 15;

/// Effect of the 16-bit instruction `code` at `address`, from which branch targets are counted;
/// [`Effect::None`] for one without any, as `bx lr`.
pub fn narrow(code: u16, address: u32) -> Effect {
    let code = u32::from(code);
    let (destination, register) = ((code & 7) | (code >> 4 & 8), code >> 3 & 15);
    match code {
        // PUSH {registers, lr}
        c if c & 0xfe00 == 0xb400 => Effect::Push(4 * (c & 0x1ff).count_ones()),
        // SUB sp, #immediate
        c if c & 0xff80 == 0xb080 => Effect::Push(4 * (c & 0x7f)),
        // BLX register
        c if c & 0xff87 == 0x4780 => Effect::Indirect,
        // BX register; `bx lr` returns
        c if c & 0xff87 == 0x4700 && register != LR => Effect::Indirect,
        // MOV sp, register
        c if c & 0xff00 == 0x4600 && destination == SP => Effect::SetStack,
        // ADD sp, register
        c if c & 0xff00 == 0x4400 && destination == SP => Effect::SetStack,
        // MOV pc, register and ADD pc, register
        c if c & 0xfd00 == 0x4400 && destination == PC => Effect::Table,
        // POP {registers, pc}
        c if c & 0xff00 == 0xbd00 => Effect::Return,
        // B<condition>; conditions 14 and 15 are UDF and SVC
        c if c & 0xf000 == 0xd000 && c >> 8 & 15 < 14 => branch(address, (c & 0xff) << 1, 9),
        // B
        c if c & 0xf800 == 0xe000 => branch(address, (c & 0x7ff) << 1, 12),
        _ => Effect::None,
    }
}

/// Effect of the 32-bit instruction of these halfwords at `address`, from which branch targets are counted;
/// [`Effect::None`] for one without any.
pub fn wide(first: u16, second: u16, address: u32) -> Effect {
    let (a, b) = (u32::from(first), u32::from(second));
    let destination = b >> 8 & 15;
    match (a, b) {
        // STMDB sp!, {registers}
        (0xe92d, _) => Effect::Push(4 * b.count_ones()),
        // STRD register, register, [sp, #-immediate]!
        (0xe96d, _) => Effect::Push(4 * (b & 0xff)),
        // STR register, [sp, #-immediate]!
        (0xf84d, _) if b & 0x0f00 == 0x0d00 => Effect::Push(b & 0xff),
        // VPUSH, double and single registers
        (_, _) if a & 0xffbf == 0xed2d && b & 0x0e00 == 0x0a00 => Effect::Push(4 * (b & 0xff)),
        // SUB.W sp, sp, #constant
        (_, _) if a & 0xfbef == 0xf1ad && destination == SP => {
            Effect::Push(expand_immediate((a >> 10 & 1) << 11 | (b >> 12 & 7) << 8 | b & 0xff))
        }
        // SUBW sp, sp, #immediate
        (_, _) if a & 0xfbff == 0xf2ad && destination == SP => {
            Effect::Push((a >> 10 & 1) << 11 | (b >> 12 & 7) << 8 | b & 0xff)
        }
        // SUB.W sp, sp, register
        (_, _) if a & 0xffef == 0xebad && destination == SP => Effect::SetStack,
        // LDR pc, ...
        (_, _) if a & 0xff70 == 0xf850 && b >> 12 == PC && a != 0xf85d => Effect::Indirect,
        // MOVW and MOVT
        (_, _) if a & 0xfbf0 == 0xf240 && b & 0x8000 == 0 => {
            Effect::LoadLow(destination, half(a, b))
        }
        (_, _) if a & 0xfbf0 == 0xf2c0 && b & 0x8000 == 0 => {
            Effect::LoadHigh(destination, half(a, b))
        }
        // BL
        (_, _) if a & 0xf800 == 0xf000 && b & 0xd000 == 0xd000 => Effect::Call(far(address, a, b)),
        // B.W
        (_, _) if a & 0xf800 == 0xf000 && b & 0xd000 == 0x9000 => {
            Effect::Branch(far(address, a, b))
        }
        // B<condition>.W; conditions 14 and 15 are other instructions
        (_, _) if a & 0xf800 == 0xf000 && b & 0xd000 == 0x8000 && a >> 6 & 15 < 14 => {
            let offset = (a >> 10 & 1) << 20
                | (b >> 11 & 1) << 19
                | (b >> 13 & 1) << 18
                | (a & 0x3f) << 12
                | (b & 0x7ff) << 1;
            branch(address, offset, 21)
        }
        _ => Effect::None,
    }
}

/// [`Effect::Branch`] to the `target` of these arguments: the lowest `bits` bits of `offset` behind
/// `address`.
fn branch(address: u32, offset: u32, bits: u32) -> Effect {
    Effect::Branch(target(address, offset, bits))
}

/// Target of a branch at `address`: the lowest `bits` bits of `offset` as a signed number of bytes, counted
/// from four bytes behind `address`; addresses wrap.
fn target(address: u32, offset: u32, bits: u32) -> u32 {
    let signed = ((offset << (32 - bits)) as i32) >> (32 - bits);
    address.wrapping_add(4).wrapping_add_signed(signed)
}

/// Target of the BL or B.W at `address` with the halfwords `a` and `b`: 25 bits of signed offset (encoding T1
/// and T4).
fn far(address: u32, a: u32, b: u32) -> u32 {
    let sign = a >> 10 & 1;
    let (i1, i2) = (!(b >> 13 ^ sign) & 1, !(b >> 11 ^ sign) & 1);
    let offset = sign << 24 | i1 << 23 | i2 << 22 | (a & 0x3ff) << 12 | (b & 0x7ff) << 1;
    target(address, offset, 25)
}

/// The 16-bit constant of the MOVW or MOVT with the halfwords `a` and `b`.
fn half(a: u32, b: u32) -> u32 {
    (a & 15) << 12 | (a >> 10 & 1) << 11 | (b >> 12 & 7) << 8 | b & 0xff
}

/// Value of the 12-bit "modified immediate" `i`: a byte, repeated in the word or rotated right
/// (ThumbExpandImm).
fn expand_immediate(i: u32) -> u32 {
    let byte = i & 0xff;
    match i >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte * 0x0101_0101,
        _ => (0x80 | i & 0x7f).rotate_right(i >> 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encodings as `arm-none-eabi-objdump` prints them.
    #[test]
    fn instructions_have_the_effects_that_the_manual_says() {
        let narrow_cases = [
            (0xb5f0, Effect::Push(20)),       // push {r4, r5, r6, r7, lr}
            (0xb580, Effect::Push(8)),        // push {r7, lr}
            (0xb084, Effect::Push(16)),       // sub sp, #16
            (0xb004, Effect::None),           // add sp, #16
            (0x4770, Effect::None),           // bx lr
            (0x4790, Effect::Indirect),       // blx r2
            (0x4718, Effect::Indirect),       // bx r3
            (0x46a5, Effect::SetStack),       // mov sp, r4
            (0x44b5, Effect::SetStack),       // add sp, r6
            (0x448f, Effect::Table),          // add pc, r1
            (0x4687, Effect::Table),          // mov pc, r0
            (0xbdf0, Effect::Return),         // pop {r4-r7, pc}
            (0xbcf0, Effect::None),           // pop {r4-r7}
            (0xe7fe, Effect::Branch(0x1000)), // b to itself
            (0xd0fe, Effect::Branch(0x1000)), // beq to itself
            (0xbe00, Effect::None),           // bkpt
            (0xdf00, Effect::None),           // svc
        ];
        for (code, effect) in narrow_cases {
            assert_eq!(narrow(code, 0x1000), effect, "{code:04x}");
        }
        let wide_cases = [
            ((0xe92d, 0x4ff0), Effect::Push(36)),     // push.w {r4-r11, lr}
            ((0xed2d, 0x8b10), Effect::Push(64)),     // vpush {d8-d15}
            ((0xed2d, 0x8a02), Effect::Push(8)),      // vpush {s16-s17}
            ((0xf84d, 0x8d04), Effect::Push(4)),      // str.w r8, [sp, #-4]!
            ((0xf5ad, 0x7d00), Effect::Push(512)),    // sub.w sp, sp, #512
            ((0xf2ad, 0x4d0c), Effect::Push(1036)),   // subw sp, sp, #1036
            ((0xf7ff, 0xfffe), Effect::Call(0x1000)), // bl to itself
            ((0xf7ff, 0xbffe), Effect::Branch(0x1000)), // b.w to itself
            ((0xf43f, 0xaffe), Effect::Branch(0x1000)), // beq.w to itself
            ((0xf000, 0xf800), Effect::Call(0x1004)), // bl to the next
            ((0xf641, 0x2334), Effect::LoadLow(3, 0x1a34)),
            ((0xf2c2, 0x0301), Effect::LoadHigh(3, 0x2001)),
            ((0xf85d, 0xfb04), Effect::None),     // pop.w {pc}
            ((0xf040, 0xe001), Effect::None),     // dls lr, r0
            ((0xf040, 0xc80b), Effect::None),     // wls lr, r0, forwards
            ((0xf020, 0xe001), Effect::None),     // dlstp.32 lr, r0
            ((0xf00f, 0xc803), Effect::None),     // le lr, backwards
            ((0xf01f, 0xc805), Effect::None),     // letp lr, backwards
            ((0xf8df, 0xf000), Effect::Indirect), // ldr.w pc, [pc]
        ];
        for ((a, b), effect) in wide_cases {
            assert_eq!(wide(a, b, 0x1000), effect, "{a:04x} {b:04x}");
        }
    }
}
