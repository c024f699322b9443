//! How a layer is run by machine code for panels of rows.

#[cfg(elbow_v6m)]
use super::v6m::{BLOCKS, panels};
#[cfg(elbow_v7m)]
use super::v7m::{BLOCKS, panels};
#[cfg(any(elbow_v6m, elbow_v7m))]
use crate::kernels::integer::{Linear, Output, Value, portable};

/// Computes all outputs of the layer `$s` into `$y` by the machine code `$panels`, which takes a
/// [`Job`](super::job::Job) whose runs are cut by `$cut`.
///
/// Where `$line` is a [`SingleJobLayer`](super::job::SingleJobLayer), a job has a whole patch: per position
/// there is one for the full panels, and one for the last panel. Where it is `None`, jobs give the sums of
/// pieces of `$piece` inputs of a run. The three inner functions exist once for all types of output.
macro_rules! by_panels {
    ([$x:ident, $weights:ident, $outputs:ident, $y:ident, $s:ident], $line:expr, $panels:ident, $cut:ident, $piece:expr) => {{
        use $crate::kernels::PANEL;
        use $crate::kernels::arch::job::{self, SingleJobLayer, Tensors};
        use $crate::kernels::integer::linear::portable::panels as panels_by;

        /// Computes the outputs of full panels at all positions, of which there must be at least one.
        #[inline(never)]
        fn full(tensors: &Tensors<'_>, s: SingleJobLayer<'_>) {
            // SAFETY: `line` gives jobs that lie inside their slices.
            job::line(tensors, s, true, $cut, |job| unsafe { $panels(job) });
        }

        /// Computes the outputs of the last panel at all positions; the rows must not be a multiple of four.
        #[inline(never)]
        fn rest(tensors: &Tensors<'_>, s: SingleJobLayer<'_>) {
            // SAFETY: as above.
            job::line(tensors, s, false, $cut, |job| unsafe { $panels(job) });
        }

        /// The sums of a panel's four rows over the patch at the start of `x`, without biases; as
        /// [`job::sums`].
        #[inline(never)]
        fn sums<X: Value>(x: &[X], panel: &[i8], s: &Linear) -> [i32; PANEL] {
            // SAFETY: `sums` gives jobs that lie inside their slices.
            job::sums(x, panel, s, $piece(s), $cut, |job| unsafe { $panels(job) })
        }

        if let Some(line) = $line {
            let tensors = Tensors::new($x, $weights, $outputs, $y);
            if $s.rows >= PANEL {
                full(&tensors, line);
            }
            if !$s.rows.is_multiple_of(PANEL) {
                rest(&tensors, line);
            }
            job::settle($y, $outputs, $s);
        } else {
            panels_by($x, $weights, $outputs, $y, $s, sums);
        }
    }};
}
#[cfg(elbow_dsp)]
pub(super) use by_panels;

/// `y[p][r] = finish(outputs[r][0] + sum_k x[p][k] * w[r][k], outputs[r][1])`, as [`portable::plain`] defines
/// it: by machine code where `x` is of bytes, else by the definition itself. Where a slice is too short,
/// machine code may leave integers in `y` as they are.
#[cfg(any(elbow_v6m, elbow_v7m))]
#[inline(always)]
pub fn linear_plain<X: Value, Y: Output>(
    x: &[X],
    weights: &[i8],
    outputs: &[[i32; 2]],
    y: &mut [Y],
    s: &Linear,
) {
    if size_of::<X>() == 1 {
        by_panels!(
            [x, weights, outputs, y, s],
            SingleJobLayer::of(s),
            panels,
            BLOCKS,
            |s: &Linear| s.run
        );
    } else {
        portable::plain(x, weights, outputs, y, s);
    }
}
