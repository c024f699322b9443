//! How a layer is run by machine code for panels of rows.

#[cfg(any(elbow_v6m, elbow_v7m))]
use super::job::SingleJobLayer;
#[cfg(elbow_v6m)]
use super::v6m::{BLOCKS, panels};
#[cfg(elbow_v7m)]
use super::v7m::{BLOCKS, panels};
#[cfg(any(elbow_v6m, elbow_v7m))]
use crate::kernels::integer::{Linear, Output, Value, portable};

/// Runs a layer by `$panels`, which takes a [`Job`](super::job::Job) whose runs are cut by `$cut`.
///
/// Where `$line` is a layer of which one job has a whole patch: a job per position for the full panels, and one for
/// the last panel. Otherwise sums, by pieces of a run of `$piece` inputs. All are functions of their own,
/// which exist once for every type of output.
macro_rules! by_panels {
    ([$x:ident, $weights:ident, $outputs:ident, $y:ident, $s:ident], $line:expr, $panels:ident, $cut:ident, $piece:expr) => {{
        use $crate::kernels::PANEL;
        use $crate::kernels::arch::job::{self, SingleJobLayer, Tensors};
        use $crate::kernels::integer::linear::portable::panels as panels_by;

        #[inline(never)]
        fn full(tensors: &Tensors<'_>, s: SingleJobLayer<'_>) {
            // SAFETY: `line` gives jobs that lie inside their slices.
            job::line(tensors, s, true, $cut, |job| unsafe { $panels(job) });
        }

        #[inline(never)]
        fn rest(tensors: &Tensors<'_>, s: SingleJobLayer<'_>) {
            // SAFETY: as above.
            job::line(tensors, s, false, $cut, |job| unsafe { $panels(job) });
        }

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

/// [`portable::plain`]'s machine code, for bytes.
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
