//! Runs a workload between markers and says what it took; `elbow-emulator` reads both.

use bare::{Ticks, known_loop, print};
use core::hint::black_box;
use elbow_kernels::workloads::{SEED, Values};

/// A workload: everything but `run` happens before or after counting.
pub trait Work {
    /// Makes weights and input from `values`; called once, before the first [`run`](Self::run).
    fn prepare(&mut self, values: &mut Values);

    /// One inference on what [`prepare`](Self::prepare) made; every one does the same.
    fn run(&mut self);

    /// Whether the output of the last [`run`](Self::run) is what a plain reference computes. May overwrite
    /// scratch memory.
    fn is_right(&mut self) -> bool;

    /// CRC-32 of the bytes of the last [`run`](Self::run)'s output.
    fn check(&self) -> u32;
}

/// Nothing: its turn is what the loop costs.
#[derive(Debug)]
pub struct Empty;

impl Work for Empty {
    /// Nothing.
    fn prepare(&mut self, _: &mut Values) {}

    /// Nothing.
    #[inline(never)]
    fn run(&mut self) {}

    /// Always.
    fn is_right(&mut self) -> bool {
        true
    }

    /// 0, as there is no output.
    fn check(&self) -> u32 {
        0
    }
}

/// A loop of known length: what is counted of it is right or wrong.
#[derive(Debug)]
pub struct Loop;

impl Work for Loop {
    /// Nothing.
    fn prepare(&mut self, _: &mut Values) {}

    /// Executes [`known_loop`].
    #[inline(never)]
    fn run(&mut self) {
        known_loop();
    }

    /// Always.
    fn is_right(&mut self) -> bool {
        true
    }

    /// 0, as there is no output.
    fn check(&self) -> u32 {
        0
    }
}

/// What runs workloads.
pub struct Harness(Ticks);

impl Harness {
    /// Takes the timer; `None` where the core's peripherals were taken before.
    pub fn new() -> Option<Self> {
        Some(Self(Ticks::new(cortex_m::Peripherals::take()?.SYST)))
    }

    /// Prepares a workload, runs it `turns` times between the markers, and prints seed, calibration, and
    /// ticks with checksum or FAIL; gives whether it is right.
    ///
    /// Not generic, so that every workload is called in the same way as the empty one.
    #[inline(never)]
    pub fn run(&mut self, work: &mut dyn Work, turns: u32) -> bool {
        work.prepare(&mut Values::new(SEED));
        print(format_args!("seed={SEED}\ncalibration={}\n", self.0.calibrate()));
        self.0.restart();
        bench_begin();
        for _ in 0..turns {
            work.run();
        }
        bench_end();
        let ticks = self.0.read();
        if !work.is_right() {
            print(format_args!("FAIL differs from the reference\n"));
            return false;
        }
        print(format_args!("ticks={ticks} check={:x}\nPASS\n", work.check()));
        true
    }
}

/// What is counted begins when this returns.
#[inline(never)]
fn bench_begin() {
    black_box(1);
}

/// What is counted has ended when this is called. (Its code differs, so that the two stay two.)
#[inline(never)]
fn bench_end() {
    black_box(2);
}

/// CRC-32 (IEEE 802.3) of bytes, bit by bit; 0 for none.
pub fn crc32(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
