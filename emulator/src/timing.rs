//! Cycles per instruction, from the Technical Reference Manuals of the cores.
//!
//! The tables are the same for every implementation that is measured. All assume zero wait states. Where a
//! manual gives a range, the table says which end it takes. Not in the tables: contention of literal loads
//! with the fetch unit, alignment of branch targets, the fold of `it` into its neighbour, and the cycle that
//! an address waits for when the instruction before computes it. An instruction that a condition skips counts
//! like one that runs, as it does under `-icount`.

use crate::Core;

/// The cycles of a core's instructions; `None` for a core other than M0, M3 and M4, of which Arm publishes
/// none.
pub fn timing(core: &Core) -> Option<&'static Timing> {
    let published = [("m0", &CORTEX_M0), ("m3", &CORTEX_M3), ("m4", &CORTEX_M4)];
    published.into_iter().find(|(name, _)| *name == core.name()).map(|(_, timing)| timing)
}

/// Cycles of each class of instruction on one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The manual.
    pub source: &'static str,
    /// 32-bit multiplication.
    pub multiply: u32,
    /// 32-bit multiplication with accumulation.
    pub multiply_add: u32,
    /// 64-bit product.
    pub multiply_long: u32,
    /// 64-bit product with accumulation.
    pub multiply_add_long: u32,
    /// Division.
    pub divide: u32,
    /// A load that does not follow a load.
    pub load: u32,
    /// Most cycles of a load, a store to the sum of two registers, or a store of a float that directly
    /// follows a single load.
    pub pipelined: u32,
    /// A store to a register with an immediate offset.
    pub store: u32,
    /// A store to the sum of two registers, or of a float.
    pub store_indexed: u32,
    /// A list of n words takes n cycles and this.
    pub list: u32,
    /// More when a list that was loaded holds the program counter.
    pub list_with_pc: u32,
    /// More for a branch that is taken: the pipeline refills (1 to 3 on M3 and M4: the middle).
    pub taken: u32,
    /// A call, without the refill.
    pub call: u32,
    /// `tbb`, `tbh`, without the refill.
    pub table_branch: u32,
    /// Access to special registers, and barriers at their minimum.
    pub system: u32,
    /// `vmla`, `vfma` and their relatives.
    pub float_multiply_add: u32,
    /// `vdiv`, `vsqrt`.
    pub float_divide: u32,
    /// More for float arithmetic whose result the very next instruction reads.
    pub float_wait: u32,
}

/// Cortex-M4 with its FPU: DDI 0439, tables 3-1, 3-2 and 7-1, sections 3.3.2 and 7.2.3. Division
/// (2 to 12) at its maximum.
pub const CORTEX_M4: Timing = Timing {
    source: "Arm DDI 0439 (Cortex-M4)",
    multiply: 1,
    multiply_add: 1,
    multiply_long: 1,
    multiply_add_long: 1,
    divide: 12,
    load: 2,
    pipelined: 1,
    store: 1,
    store_indexed: 2,
    list: 1,
    list_with_pc: 0,
    taken: 2,
    call: 1,
    table_branch: 2,
    system: 1,
    float_multiply_add: 3,
    float_divide: 14,
    float_wait: 1,
};

/// Cortex-M3: DDI 0337, table 3-1 and section 3.3.2. Division (2 to 12) and long multiplication (3 to
/// 5, 4 to 7 with accumulation) at their maximum.
pub const CORTEX_M3: Timing = Timing {
    source: "Arm DDI 0337 (Cortex-M3)",
    multiply_add: 2,
    multiply_long: 5,
    multiply_add_long: 7,
    ..CORTEX_M4
};

/// Cortex-M0: DDI 0432, table 3-1, with the fast multiplier.
pub const CORTEX_M0: Timing = Timing {
    source: "Arm DDI 0432 (Cortex-M0)",
    multiply: 1,
    load: 2,
    pipelined: 2,
    store: 2,
    store_indexed: 2,
    list: 1,
    list_with_pc: 1,
    taken: 2,
    call: 2,
    system: 4,
    ..CORTEX_M3
};
