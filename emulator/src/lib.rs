//! Runs bare Cortex-M images in QEMU, counts their instructions and estimates their cycles.
//!
//! | File | Does |
//! |---|---|
//! | `run` | boots an image with arguments, under `-icount` where ticks are to be instructions |
//! | `log` | QEMU's log of executed blocks |
//! | `trace` | those between two markers, with their instructions and cycles |
//! | `call` | those of one call of a function, in laps |
//! | `block` | cycles of successive instructions |
//! | `thumb` | the timing class of an instruction |
//! | `timing` | the table of cycles per class, from Arm's manuals |
//! | `image`, `effect` | code bytes and stack bound of an image's functions, before it runs |
//! | `measure` | instructions and cycles of one piece of work, counted in two ways that must agree |
//!
//! An image may be in any language. Its protocol: the semihosting command line is `fw WORK N`; it
//! does the work N times between calls of `bench_begin` and `bench_end` (which no compiler may
//! inline), and prints `calibration=<ticks of 100,000 instructions>`, `ticks=<ticks> check=<hex>`
//! and, last, `PASS`. The work `empty` is a turn of its loop that does nothing, and is subtracted.
//!
//! A crate of its own: both the `elbow` command and `cargo xtask` measure, `elbow-toolchain` is
//! about building, and neither needs what the other depends on.

mod block;
mod call;
mod effect;
mod image;
mod log;
mod measure;
mod run;
mod thumb;
mod timing;
mod trace;

pub use block::Block;
pub use call::{Call, Executed};
pub use elbow_toolchain::{Core, ToolError as Error};
pub use image::{Footprint, Image};
pub use measure::{Look, Measured, Meter};
pub use run::{Report, run};
pub use thumb::{Class, FloatKind, class, is_wide};
pub use timing::{CORTEX_M0, CORTEX_M3, CORTEX_M4, Timing, timing};
pub use trace::{Trace, trace};
