//! Figures of CMSIS-NN's source of July 2026 (commit 99f736a6), which no package registry has.
//!
//! Measured once: arm-none-eabi-gcc 12.2 -O3 with the flags of this bench, QEMU 7.2 under `-icount
//! shift=0`. Instructions are those of the survey that Elbow started from, on the same layers with
//! other weights; cycles, with this crate's tables, are `cargo xtask bench --peers --cmsis-nn
//! CHECKOUT --target m0,m3,m4`, whose instructions are within 0.2 % of the survey's. A peer's figure
//! is the smaller of this and of the run's own.

use crate::Figure;

/// What CMSIS-NN 7 takes for a workload on a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The core.
    pub core: &'static str,
    /// The workload.
    pub work: &'static str,
    /// Instructions.
    pub instructions: u64,
    /// Estimate of cycles, on cores whose timings are published.
    pub cycles: Option<u64>,
}

/// The best peer's figure for a workload on a core: the smallest of [`PUBLISHED`] and [`MEASURED`]. `None`
/// where neither has it, and for the size of code.
pub fn best(core: &str, work: &str, figure: Figure) -> Option<u64> {
    let measured = MEASURED.iter().map(|(_, figure)| figure);
    let all = PUBLISHED.iter().chain(measured).filter(|p| p.core == core && p.work == work);
    match figure {
        Figure::Instructions => all.map(|p| p.instructions).min(),
        Figure::Cycles => all.filter_map(|p| p.cycles).min(),
        Figure::Code => None,
    }
}

/// CMSIS-NN's figures of July 2026 for a workload on a core; `None` where there are none.
pub fn published(core: &str, work: &str) -> Option<&'static Published> {
    PUBLISHED.iter().find(|figure| figure.core == core && figure.work == work)
}

/// The figures as a row of the lists below.
const fn of(
    core: &'static str,
    work: &'static str,
    instructions: u64,
    cycles: Option<u64>,
) -> Published {
    Published { core, work, instructions, cycles }
}

/// All figures.
pub const PUBLISHED: [Published; 43] = [
    of("m0", "W1-128", 111_527, Some(156_072)),
    of("m0", "W1-640", 506_773, Some(705_959)),
    of("m0", "W2", 1_758_374, Some(2_455_115)),
    of("m0", "W3", 1_545_881, Some(2_238_928)),
    of("m0", "W4", 6_446_432, Some(9_305_051)),
    of("m0", "W4-depthwise", 2_573_921, None),
    of("m0", "W4-pointwise", 3_872_507, None),
    of("m3", "W1-128", 60_195, Some(106_448)),
    of("m3", "W1-640", 281_387, Some(503_721)),
    of("m3", "W2", 953_197, Some(1_689_987)),
    of("m3", "W3", 694_852, Some(1_181_910)),
    of("m3", "W4", 2_266_124, Some(3_609_371)),
    of("m3", "W4-depthwise", 674_341, None),
    of("m3", "W4-pointwise", 1_591_778, None),
    of("m4", "W1-128", 37_199, Some(46_251)),
    of("m4", "W1-640", 160_073, Some(197_838)),
    of("m4", "W2", 579_640, Some(719_428)),
    of("m4", "W3", 505_306, Some(622_572)),
    of("m4", "W4", 1_668_593, Some(1_975_530)),
    of("m4", "W4-depthwise", 599_625, None),
    of("m4", "W4-pointwise", 1_068_963, None),
    of("m4", "transposed", 329_748, Some(416_995)),
    of("m7", "W1-128", 37_226, None),
    of("m7", "W1-640", 160_107, None),
    of("m7", "W2", 579_883, None),
    of("m7", "W3", 506_481, None),
    of("m7", "W4", 1_645_230, None),
    of("m7", "W4-depthwise", 594_185, None),
    of("m7", "W4-pointwise", 1_051_040, None),
    of("m33", "W1-128", 37_211, None),
    of("m33", "W1-640", 160_076, None),
    of("m33", "W2", 579_882, None),
    of("m33", "W3", 505_238, None),
    of("m33", "W4", 1_658_889, None),
    of("m33", "W4-depthwise", 593_952, None),
    of("m33", "W4-pointwise", 1_064_932, None),
    of("m55", "W1-128", 9_465, None),
    of("m55", "W1-640", 40_187, None),
    of("m55", "W2", 147_273, None),
    of("m55", "W3", 100_375, None),
    of("m55", "W4", 369_802, None),
    of("m55", "W4-depthwise", 166_886, None),
    of("m55", "W4-pointwise", 202_911, None),
];

/// Figures of runs with `--peers` (QEMU 7.2, arm-none-eabi-gcc 12.2.1, the flags of this bench), where
/// they are smaller than those above or where there are none.
pub const MEASURED: [(&str, Published); 33] = [
    (OLD, of("m0", "W1-128", 111_489, Some(155_894))),
    (OLD, of("m0", "W1-640", 506_736, Some(705_787))),
    (OLD, of("m0", "W2", 1_754_968, Some(2_452_966))),
    (OLD, of("m0", "W3", 1_559_242, Some(2_235_369))),
    (OLD, of("m0", "W4-depthwise", 2_570_836, Some(4_055_809))),
    (OLD, of("m0", "W4-pointwise", 3_878_104, Some(5_248_854))),
    (OLD, of("m3", "W1-128", 60_144, Some(106_493))),
    (OLD, of("m3", "W1-640", 281_315, Some(503_808))),
    (OLD, of("m3", "W2", 951_748, Some(1_690_691))),
    (OLD, of("m3", "W3", 678_673, Some(1_158_857))),
    (OLD, of("m3", "W4-depthwise", 674_398, Some(872_423))),
    (OLD, of("m3", "W4-pointwise", 1_591_827, Some(2_736_588))),
    (OLD, of("m4", "W1-128", 36_914, Some(49_351))),
    (OLD, of("m4", "W1-640", 159_804, Some(213_221))),
    (OLD, of("m4", "W2", 575_734, Some(769_438))),
    (NEW, of("m4", "W3", 505_182, Some(622_572))),
    (ROWS, of("m4", "W2-f32", 759_490, Some(1_761_978))),
    (SPLIT, of("m4", "W2-f32", 1_023_682, Some(1_497_786))),
    (ROWS, of("m4", "W3-f32", 590_543, Some(1_334_497))),
    (SPLIT, of("m4", "W3-f32", 783_279, Some(1_141_761))),
    (OLD, of("m7", "W1-128", 36_793, None)),
    (OLD, of("m7", "W1-640", 159_683, None)),
    (OLD, of("m7", "W2", 574_132, None)),
    (ROWS, of("m7", "W2-f32", 759_032, None)),
    (ROWS, of("m7", "W3-f32", 590_081, None)),
    (OLD, of("m33", "W1-128", 36_828, None)),
    (OLD, of("m33", "W1-640", 159_713, None)),
    (OLD, of("m33", "W2", 574_548, None)),
    (ROWS, of("m33", "W2-f32", 759_153, None)),
    (ROWS, of("m33", "W3-f32", 590_469, None)),
    (OLD, of("m55", "W4-pointwise", 193_040, None)),
    (EMX, of("m55", "W2-f32", 994_527, None)),
    (ROWS, of("m55", "W3-f32", 825_948, None)),
];

/// CMSIS-NN of the registry's package.
const OLD: &str = "CMSIS-NN 4.0.0 of November 2022";
/// With `--cmsis-nn`.
const NEW: &str = "CMSIS-NN of July 2026";
/// Names in `peers.rs`.
const ROWS: &str = "C, four rows";
const SPLIT: &str = "C, four rows, not fused";
const EMX: &str = "emx-onnx-cgen";
