//! Random layers, from a seed, by the kernels of this core and by their definitions.
//!
//! Sizes are small, so that an emulator takes ten thousand cases in seconds; the corners are there
//! often: values and weights at the ends of their ranges, odd runs and rows, outputs that saturate.

use crate::random::Random;
use elbow_core::kernels::integer::{
    self, Depthwise, Form, Linear, Output, Requantize, Spread, Value, i8s, i8s_mut, i16s, i16s_mut,
    pack_depthwise, pack_weights, packed_depthwise_len, packed_len, paired_segment, portable,
};

/// Words of each buffer.
const WORDS: usize = 1024;

/// Memory of a case.
#[derive(Debug)]
pub struct Memory {
    x: [f32; WORDS],
    row_major: [f32; WORDS],
    weights: [f32; WORDS],
    outputs: [[i32; 2]; 16],
    by_core: [f32; WORDS],
    by_definition: [f32; WORDS],
}

impl Memory {
    /// All zero.
    pub const fn new() -> Self {
        Self {
            x: [0.0; WORDS],
            row_major: [0.0; WORDS],
            weights: [0.0; WORDS],
            outputs: [[0; 2]; 16],
            by_core: [0.0; WORDS],
            by_definition: [0.0; WORDS],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Digest of what [`COUNT`] cases from seed 1 on write, on every core.
pub const DIGEST: u32 = 0x1be8_0930;

/// Cases of a full run.
pub const COUNT: u32 = 10_000;

/// Why a case failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The core's bytes differ from the definition's, first at this one.
    Differs(usize),
    /// The generator made a case that does not fit its memory: a mistake of its own.
    Unfit,
}

/// Runs the case of a seed and adds the words it wrote to a digest.
///
/// # Errors
///
/// Where the core's kernel and its definition disagree.
pub fn run(seed: u32, m: &mut Memory, digest: u32) -> Result<u32, Failure> {
    let mut random = Random::new(seed);
    m.by_core.fill(f32::from_bits(0x5a5a_5a5a));
    m.by_definition.fill(f32::from_bits(0x5a5a_5a5a));
    match seed % 10 {
        0 | 1 => linear8(&mut random, m, Form::Plain),
        2 | 3 => linear16(&mut random, m, Form::Paired, 127),
        4 => linear16(&mut random, m, Form::Wide, 32767),
        5 => linear8(&mut random, m, Form::Helium),
        6 => linear16(&mut random, m, Form::Helium, 2047),
        7 => linear16(&mut random, m, Form::Plain, 32767),
        8 => depthwise(&mut random, m),
        _ => spread(&mut random, m),
    }
    .ok_or(Failure::Unfit)?;
    let (core, definition) = (integer::bytes(&m.by_core), integer::bytes(&m.by_definition));
    match core.iter().zip(definition).position(|(a, b)| a != b) {
        Some(at) => Err(Failure::Differs(at)),
        None => Ok(add_to_digest(digest, &m.by_core)),
    }
}

/// FNV-1a (Fowler, Noll and Vo) over words.
fn add_to_digest(digest: u32, words: &[f32]) -> u32 {
    words.iter().fold(digest, |digest, w| (digest ^ w.to_bits()).wrapping_mul(16_777_619))
}

/// Fills integers: anywhere in the range, or at its ends only.
fn fill(random: &mut Random, values: impl Iterator<Item = impl FnOnce(i32)>, low: i32, high: i32) {
    let ends = random.int(0, 3) == 0;
    for set in values {
        let at_high = random.bits() & 1 == 0;
        set(match (ends, at_high) {
            (true, true) => high,
            (true, false) => low,
            _ => random.int(low, high),
        });
    }
}

fn fill_bytes(random: &mut Random, words: &mut [f32], low: i32, high: i32) {
    let values = i8s_mut(words).iter_mut().map(|value| |to: i32| *value = to as i8);
    fill(random, values, low, high);
}

fn fill_halves(random: &mut Random, words: &mut [f32], low: i32, high: i32) {
    let values = i16s_mut(words).iter_mut().map(|value| |to: i32| *value = to as i16);
    fill(random, values, low, high);
}

fn fill_outputs(random: &mut Random, outputs: &mut [[i32; 2]]) -> Option<()> {
    for [bias, multiplier] in outputs {
        *bias = random.bits() as i32 >> random.int(4, 20);
        let corner = random.choose(&[0, 1, i32::MAX, 1 << 30])?;
        let usual = (random.bits() >> random.int(2, 12)) as i32;
        *multiplier = if random.int(0, 7) == 0 { corner } else { usual };
    }
    Some(())
}

fn rule(random: &mut Random, low: i32, high: i32) -> Option<Requantize> {
    let middle = random.int(low, high);
    let zero_point = random.choose(&[low, high, 0, middle])?;
    let low = random.choose(&[low, zero_point])?;
    Some(Requantize { zero_point, low, high, shift: random.choose(&[0, 0, 0, 2])? })
}

/// A layer that fits the memory, before its runs are packed.
fn layer(random: &mut Random, limit: [i32; 2]) -> Option<Linear> {
    let even = |len: usize| len.next_multiple_of(2);
    let long = random.int(0, 15) == 0;
    let rows = if long { random.size(1, 4) } else { random.size(1, 13) };
    let run = if long { random.size(400, 700) } else { random.size(1, 40) };
    let runs =
        if long { [1, 1] } else { random.choose(&[[1, 1], [1, 1], [3, 1], [2, 2], [1, 3]])? };
    let positions = if long { [1, 1] } else { random.choose(&[[1, 1], [1, 5], [3, 2]])? };
    let step = even(run) + 2 * random.size(0, 4);
    let run_steps = [step * (runs[1] + positions[1]), step];
    let y_step = rows + random.size(0, 3);
    Some(Linear {
        rows,
        run,
        runs,
        run_steps,
        positions,
        position_steps: [run_steps[0], even(random.size(1, step))],
        x_start: 2 * random.size(0, 3),
        y_start: random.size(0, 5),
        y_steps: [y_step * positions[1] + random.size(0, 2), y_step],
        segment: 0,
        rule: rule(random, limit[0], limit[1])?,
    })
}

/// Weights of a layer, packed; the layer as its kernel takes it.
fn pack(random: &mut Random, m: &mut Memory, form: Form, s: Linear) -> Option<Linear> {
    let runs = s.runs[0] * s.runs[1];
    let row_len = s.run * runs;
    fill_bytes(random, &mut m.row_major, -127, 127);
    let row_major = i8s(&m.row_major).get(..s.rows * row_len)?;
    let packed = i8s_mut(&mut m.weights).get_mut(..packed_len(form, s.rows, s.run, runs))?;
    pack_weights(form, s.rows, s.run, runs, row_major, packed).ok()?;
    fill_outputs(random, m.outputs.get_mut(..s.rows)?)?;
    let run = form.packed_run(s.run);
    let segment = paired_segment(row_major, row_len, run * runs, 128);
    // Beyond the bound a core and the definition still do the same.
    let segment = random.choose(&[segment, segment, segment, 8, run])?;
    Some(Linear { run, segment, ..s })
}

/// A layer of bytes.
fn linear8(random: &mut Random, m: &mut Memory, form: Form) -> Option<()> {
    let s = layer(random, [-128, 127])?;
    let s = pack(random, m, form, s)?;
    fill_bytes(random, &mut m.x, -128, 127);
    let (x, w, o) = (i8s(&m.x), i8s(&m.weights), &m.outputs);
    let [core, definition] = [&mut m.by_core, &mut m.by_definition];
    match (form, random.int(0, 3)) {
        (Form::Plain, 0) => {
            integer::linear_plain(x, w, o, i16s_mut(core), &s);
            portable::plain(x, w, o, i16s_mut(definition), &s);
        }
        (Form::Plain, 1) => {
            integer::linear_plain(x, w, o, core, &s);
            portable::plain(x, w, o, definition, &s);
        }
        (Form::Plain, _) => {
            integer::linear_plain(x, w, o, i8s_mut(core), &s);
            portable::plain(x, w, o, i8s_mut(definition), &s);
        }
        (_, 0) => {
            integer::linear_helium(x, w, o, i16s_mut(core), &s);
            portable::helium(x, w, o, i16s_mut(definition), &s);
        }
        (_, 1) => {
            integer::linear_helium(x, w, o, core, &s);
            portable::helium(x, w, o, definition, &s);
        }
        (_, _) => {
            integer::linear_helium(x, w, o, i8s_mut(core), &s);
            portable::helium(x, w, o, i8s_mut(definition), &s);
        }
    }
    Some(())
}

/// A layer of 16-bit values, or of 8-bit values in as many bits.
fn linear16(random: &mut Random, m: &mut Memory, form: Form, largest: i32) -> Option<()> {
    let s = layer(random, [-largest - 1, largest])?;
    let s = pack(random, m, form, s)?;
    fill_halves(random, &mut m.x, -largest - 1, largest);
    let (x, w, o) = (i16s(&m.x), i8s(&m.weights), &m.outputs);
    let [core, definition] = [&mut m.by_core, &mut m.by_definition];
    match (largest, random.int(0, 3)) {
        (_, 0) => both16(form, x, w, o, core, definition, &s),
        (127, 1 | 2) => both16(form, x, w, o, i8s_mut(core), i8s_mut(definition), &s),
        _ => both16(form, x, w, o, i16s_mut(core), i16s_mut(definition), &s),
    }
    Some(())
}

fn both16<Y: Output>(
    form: Form,
    x: &[i16],
    w: &[i8],
    o: &[[i32; 2]],
    core: &mut [Y],
    definition: &mut [Y],
    s: &Linear,
) {
    match form {
        Form::Plain => {
            integer::linear_plain(x, w, o, core, s);
            portable::plain(x, w, o, definition, s);
        }
        Form::Paired => {
            integer::linear_paired(x, w, o, core, s);
            portable::paired(x, w, o, definition, s);
        }
        Form::Wide => {
            integer::linear_wide(x, w, o, core, s);
            portable::wide(x, w, o, definition, s);
        }
        Form::Helium => {
            integer::linear_helium(x, w, o, core, s);
            portable::helium(x, w, o, definition, s);
        }
    }
}

/// A depthwise layer of bytes or of 16-bit values.
fn depthwise(random: &mut Random, m: &mut Memory) -> Option<()> {
    let channels = random.size(1, 13);
    let kernel = [[3, 3], [1, 5], [1, 1], [2, 4], [5, 2]];
    let kernel = random.choose(&kernel)?;
    let positions = random.choose(&[[1, 1], [1, 6], [3, 3]])?;
    let stride = channels.next_multiple_of(4) + 2 * random.size(0, 2);
    let width = stride * 16;
    let s = Depthwise {
        channels,
        kernel,
        tap_steps: [width, stride * random.size(1, 2)],
        positions,
        position_steps: [width, stride * random.size(1, 2)],
        x_start: 4 * random.size(0, 1),
        y_start: random.size(0, 3),
        y_steps: [(channels + 1) * 7, channels + 1],
        rule: rule(random, -128, 127)?,
    };
    fill_bytes(random, &mut m.row_major, -127, 127);
    let row_major = i8s(&m.row_major).get(..channels * s.taps())?;
    let packed = i8s_mut(&mut m.weights).get_mut(..packed_depthwise_len(channels, s.taps()))?;
    pack_depthwise(channels, s.taps(), row_major, packed).ok()?;
    fill_outputs(random, m.outputs.get_mut(..channels)?)?;
    let halves = random.int(0, 3) > 0;
    if halves {
        fill_halves(random, &mut m.x, -128, 127);
    } else {
        fill_bytes(random, &mut m.x, -128, 127);
    }
    let (w, o) = (i8s(&m.weights), &m.outputs);
    let [core, definition] = [&mut m.by_core, &mut m.by_definition];
    match (halves, random.int(0, 3)) {
        (true, 0) => both_depthwise(i16s(&m.x), w, o, [core, definition], &s),
        (true, 1) => both_depthwise(i16s(&m.x), w, o, [i16s_mut(core), i16s_mut(definition)], &s),
        (true, _) => both_depthwise(i16s(&m.x), w, o, [i8s_mut(core), i8s_mut(definition)], &s),
        (false, 0) => both_depthwise(i8s(&m.x), w, o, [core, definition], &s),
        (false, _) => both_depthwise(i8s(&m.x), w, o, [i8s_mut(core), i8s_mut(definition)], &s),
    }
    Some(())
}

fn both_depthwise<X: Value, Y: Output>(
    x: &[X],
    w: &[i8],
    o: &[[i32; 2]],
    [core, definition]: [&mut [Y]; 2],
    s: &Depthwise,
) {
    integer::depthwise(x, w, o, core, s);
    portable::depthwise(x, w, o, definition, s);
}

/// A padded copy, mostly with contiguous channels.
fn spread(random: &mut Random, m: &mut Memory) -> Option<()> {
    let dims = [random.size(1, 3), random.size(1, 7), random.size(1, 19)];
    let stride = dims[2] + random.size(0, 2);
    let line = stride * (dims[1] + random.size(0, 2));
    let to_start = random.size(0, 1) * line + random.size(0, 1) * stride;
    let last_first = random.int(0, 3) == 0;
    let from = match last_first {
        true => [dims[1], 1, dims[0] * dims[1]],
        false => [dims[1] * dims[2], dims[2], 1],
    };
    let s = Spread {
        dims,
        from,
        from_start: random.size(0, 3),
        to: [line, stride, 1],
        to_start,
        len: to_start + line * dims[0],
    };
    let zero = random.int(-128, 127);
    fill_bytes(random, &mut m.x, -128, 127);
    let x = i8s(&m.x);
    match random.int(0, 2) {
        0 => {
            integer::spread(x, i8s_mut(&mut m.by_core), zero, &s);
            definition(x, i8s_mut(&mut m.by_definition), zero, &s);
        }
        _ => {
            integer::spread(x, i16s_mut(&mut m.by_core), zero, &s);
            definition(x, i16s_mut(&mut m.by_definition), zero, &s);
        }
    }
    Some(())
}

/// The padding everywhere, then the box.
fn definition<Y: Value>(x: &[i8], y: &mut [Y], zero: i32, s: &Spread) {
    y.iter_mut().take(s.len).for_each(|y| *y = Y::of(zero));
    portable::spread(x, y, s);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_fits_and_the_bytes_are_those_that_devices_write() {
        let mut memory = Box::new(Memory::new());
        let mut digest = 0;
        for seed in 1..=COUNT {
            digest =
                run(seed, &mut memory, digest).unwrap_or_else(|e| panic!("seed {seed}: {e:?}"));
        }
        println!("{COUNT} cases: {digest:#010x}");
        assert_eq!(
            digest, DIGEST,
            "after a change of the generator, {digest:#010x} is the new one"
        );
    }
}
