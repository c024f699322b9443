//! The bench's workloads on Elbow's kernels: `fw WORK N` runs a workload N times between two markers.
//!
//! | File | Does |
//! |---|---|
//! | `harness` | markers, ticks, checksum, the lines that the host reads |
//! | `values` | the generator of weights and inputs, the same as the peers' (`bench/c/model.c`) |
//! | `int8` | the int8 workloads: layers, values, the plain reference |
//! | `plain` | them in plain Rust, for comparison |
//! | `w2_f32` | W2 in f32; every workload has such a file |
//!
//! A new workload is a type with the trait `Work`, a line in `main` below, and its name in the
//! list of `bench/src/elbow.rs`.
#![no_std]
#![no_main]

mod harness;
mod int8;
mod plain;
mod values;
mod w2_f32;

use bare::{CommandLine, exit};
use harness::{Empty, Harness, Loop};
use plain::Plain;
use w2_f32::W2;

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut W2: W2 = W2::new();
    static mut PLAIN: Plain = Plain::new();
    let line = CommandLine::read();
    let mut words = line.words().skip(1);
    let (name, turns) = (words.next(), words.next().and_then(|word| word.parse().ok()));
    let (Some(mut harness), Some(turns)) = (Harness::new(), turns) else { exit(false) };
    exit(match name {
        Some("empty") => harness.run(&mut Empty, turns),
        Some("loop") => harness.run(&mut Loop, turns),
        Some("W2-f32") => harness.run(W2, turns),
        Some("plain/W1-128") => harness.run(PLAIN.of("W1-128"), turns),
        Some("plain/W1-640") => harness.run(PLAIN.of("W1-640"), turns),
        Some("plain/W2") => harness.run(PLAIN.of("W2"), turns),
        Some("plain/W3") => harness.run(PLAIN.of("W3"), turns),
        Some("plain/W4") => harness.run(PLAIN.of("W4"), turns),
        Some("plain/W4-depthwise") => harness.run(PLAIN.of("W4-depthwise"), turns),
        Some("plain/W4-pointwise") => harness.run(PLAIN.of("W4-pointwise"), turns),
        _ => false,
    })
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}
