//! Integer workloads on Elbow's kernels.

use crate::harness::{Work, crc32};
use elbow_kernels::workloads::{Buffers, Values, Workload};

/// A workload with scratch for its reference.
pub struct Integer<W> {
    work: W,
    fits: bool,
    scratch: Buffers,
}

impl<W> Integer<W> {
    /// A workload that is not prepared yet, with its scratch.
    pub const fn new(work: W) -> Self {
        Self { work, fits: false, scratch: [[0; 8192]; 2] }
    }
}

impl<W: Workload> Work for Integer<W> {
    /// Draws weights and input and packs them; notes whether they fit.
    fn prepare(&mut self, values: &mut Values) {
        self.fits = self.work.prepare(values).is_some();
    }

    /// One inference by the kernels of this core.
    #[inline(never)]
    fn run(&mut self) {
        self.work.run();
    }

    /// Whether the workload fits, and its output equals that of plain loops in every value.
    fn is_right(&mut self) -> bool {
        let expected = self.work.expected(&mut self.scratch).unwrap_or(&[]);
        let output = self.work.output().iter().map(|y| (*y).into());
        self.fits && !expected.is_empty() && output.eq(expected.iter().copied())
    }

    /// CRC-32 of the output's values as little-endian bytes.
    fn check(&self) -> u32 {
        let values = self.work.output().iter().map(|y| (*y).into().to_le_bytes());
        crc32(values.flat_map(|bytes| bytes.into_iter().take(size_of::<W::Value>())))
    }
}
