//! Depthwise convolutions.

use super::{BYTES, Cell, Corner, Differs, HALVES, Memory, Written};
use elbow_core::kernels::integer::{
    Depthwise, Value, depthwise, i8s_mut, pack_depthwise, packed_depthwise_len,
};

/// Sixteen, a group of four, and two.
const CHANNELS: usize = 22;
/// Values of `x` from tap to tap.
const STEP: usize = 24;
const KERNEL: [usize; 2] = [3, 3];
/// The weight of each channel, again from the fourth on.
const WEIGHTS: [i8; 3] = [127, -127, -128];

/// Runs all corners of the depthwise kernel; gives how many there are. `Err` at the first that is wrong.
pub fn run(m: &mut Memory) -> Result<u32, Differs> {
    let s = Depthwise {
        channels: CHANNELS,
        kernel: KERNEL,
        tap_steps: [3 * STEP, STEP],
        positions: [1, 1],
        y_start: 1,
        ..Depthwise::default()
    };
    let nothing = Differs { kernel: "depthwise", inputs: s.taps(), x: 0, factor: (0, 0) };
    pack(m, s.taps()).ok_or(nothing)?;
    let mut count = 0;
    for corner in Corner::each(BYTES) {
        count += check::<i8, i8>(m, &corner, &s)?;
        count += check::<i8, i16>(m, &corner, &s)?;
        count += check::<i8, f32>(m, &corner, &s)?;
    }
    for corner in Corner::each(HALVES) {
        count += check::<i16, i8>(m, &corner, &s)?;
        count += check::<i16, i16>(m, &corner, &s)?;
        count += check::<i16, f32>(m, &corner, &s)?;
    }
    Ok(count)
}

/// Packs the weights into `m`; `None` where they do not fit.
fn pack(m: &mut Memory, taps: usize) -> Option<()> {
    let row_major = m.row_major.get_mut(..CHANNELS * taps)?;
    for (at, weight) in row_major.iter_mut().enumerate() {
        *weight = WEIGHTS[at / taps.max(1) % 3];
    }
    let packed = i8s_mut(&mut m.packed).get_mut(..packed_depthwise_len(CHANNELS, taps))?;
    pack_depthwise(CHANNELS, taps, row_major, packed).ok()
}

/// Runs a corner of the layer `s` from `X` to `Y`: 1, or 0 where there is none. `Err` where it is wrong.
fn check<X: Value + Cell, Y: Written>(
    m: &mut Memory,
    corner: &Corner,
    s: &Depthwise,
) -> Result<u32, Differs> {
    let products = |channel: usize| {
        let weight = i64::from(WEIGHTS[channel % 3]);
        (0..s.taps()).map(|_| i64::from(corner.x) * weight).sum::<i64>()
    };
    let differs = corner.differs("depthwise", s.taps());
    corner.check::<X, Y>(m, CHANNELS, differs, products, |x, weights, outputs, y, rule| {
        depthwise(x, weights, outputs, y, &Depthwise { rule, ..*s });
    })
}
