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
    /// Nothing prepared.
    pub const fn new(work: W) -> Self {
        Self { work, fits: false, scratch: [[0; 8192]; 2] }
    }
}

impl<W: Workload> Work for Integer<W> {
    fn prepare(&mut self, values: &mut Values) {
        self.fits = self.work.prepare(values).is_some();
    }

    #[inline(never)]
    fn run(&mut self) {
        self.work.run();
    }

    fn is_right(&mut self) -> bool {
        let expected = self.work.expected(&mut self.scratch).unwrap_or(&[]);
        let output = self.work.output().iter().map(|y| (*y).into());
        self.fits && !expected.is_empty() && output.eq(expected.iter().copied())
    }

    fn check(&self) -> u32 {
        let values = self.work.output().iter().map(|y| (*y).into().to_le_bytes());
        crc32(values.flat_map(|bytes| bytes.into_iter().take(size_of::<W::Value>())))
    }
}
