//! Depthwise convolutions.

use super::{BYTES, Cell, Corner, Differs, HALVES, Memory, Written, fill};
use elbow_core::kernels::integer::{
    Depthwise, Value, depthwise, i8s, i8s_mut, pack_depthwise, packed_depthwise_len,
};

/// Sixteen, a group of four, and two.
const CHANNELS: usize = 22;
/// Values of `x` from tap to tap.
const STEP: usize = 24;
const KERNEL: [usize; 2] = [3, 3];
/// The weight of each channel, again from the fourth on.
const WEIGHTS: [i8; 3] = [127, -127, -128];

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

fn pack(m: &mut Memory, taps: usize) -> Option<()> {
    let row_major = m.row_major.get_mut(..CHANNELS * taps)?;
    for (at, weight) in row_major.iter_mut().enumerate() {
        *weight = WEIGHTS[at / taps.max(1) % 3];
    }
    let packed = i8s_mut(&mut m.packed).get_mut(..packed_depthwise_len(CHANNELS, taps))?;
    pack_depthwise(CHANNELS, taps, row_major, packed).ok()
}

/// Whether there is such a corner, which then is right.
fn check<X: Value + Cell, Y: Written>(
    m: &mut Memory,
    corner: &Corner,
    s: &Depthwise,
) -> Result<u32, Differs> {
    let products = |channel: usize| {
        let weight = i64::from(WEIGHTS[channel % 3]);
        (0..s.taps()).map(|_| i64::from(corner.x) * weight).sum::<i64>()
    };
    let Memory { x, packed, outputs, y, .. } = m;
    let differs = corner.differs("depthwise", s.taps());
    let outputs = outputs.get_mut(..CHANNELS).ok_or(differs)?;
    let Some(rule) = corner.rule::<Y>() else { return Ok(0) };
    if corner.fill::<Y>(outputs, products).is_none() {
        return Ok(0);
    }
    fill::<X>(x, corner.x);
    y.fill(f32::from_bits(0x5a5a_5a5a));
    let untouched = Y::of_words(y).first().copied().ok_or(differs)?;
    let s = &Depthwise { rule, ..*s };
    depthwise(X::of_words(x), i8s(packed), outputs, Y::of_words_mut(y), s);
    let expected = outputs.iter().enumerate().map(|(channel, [bias, multiplier])| {
        Y::expected(i64::from(*bias) + products(channel), *multiplier, &rule)
    });
    let expected = [untouched].into_iter().chain(expected).chain([untouched]);
    if Y::of_words(y).iter().zip(expected).all(|(y, expected)| *y == expected) {
        Ok(1)
    } else {
        Err(differs)
    }
}
