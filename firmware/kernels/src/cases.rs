//! Random layers, from a seed, by the kernels of this core and by their definitions.
//!
//! The first ten thousand are the same everywhere. Further ones are of the kinds that a core has machine
//! code for, until that has run ten thousand times.
//!
//! Sizes are small, so that an emulator takes ten thousand cases in seconds; the corners are there
//! often: values and weights at the ends of their ranges, odd runs and rows, outputs that saturate.

use crate::random::Random;
use elbow_core::kernels::integer::{
    self, Depthwise, Form, Linear, Output, PaddedCopy, Requantize, Value, i8s, i8s_mut, i16s,
    i16s_mut, pack_depthwise, pack_weights, packed_depthwise_len, packed_len, paired_segment,
    portable,
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
    /// All zero: what it holds before a case does not matter.
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

/// Cases that are the same on every core, and at least so many of machine code on each.
pub const COUNT: u32 = 10_000;

/// Digest of what all cases of a core write, by [`run_all`]; the core is known by its form of layers of
/// bytes.
pub const fn digest(core: Form) -> u32 {
    match core {
        Form::Plain => 0x3c46_356d,
        Form::Paired | Form::Wide => 0x4c17_2309,
        Form::Helium => 0x0cd5_b4ba,
    }
}

/// A kind of layer.
#[derive(Clone, Copy)]
enum Kind {
    /// Of bytes.
    Bytes(Form),
    /// Of values of 16 bits up to a largest one.
    Halves(Form, i32),
    Depthwise,
    Spread,
}

/// The kinds of the cases that are the same everywhere, by seed.
const COMMON: [Kind; 10] = [
    Kind::Bytes(Form::Plain),
    Kind::Bytes(Form::Plain),
    Kind::Halves(Form::Paired, 127),
    Kind::Halves(Form::Paired, 127),
    Kind::Halves(Form::Wide, 32767),
    Kind::Bytes(Form::Helium),
    Kind::Halves(Form::Helium, 2047),
    Kind::Halves(Form::Plain, 32767),
    Kind::Depthwise,
    Kind::Spread,
];

/// The kinds that a core has machine code for; the core is known by its form of layers of bytes.
const fn own(core: Form) -> &'static [Kind] {
    match core {
        Form::Plain => &[Kind::Bytes(Form::Plain)],
        Form::Paired | Form::Wide => &[
            Kind::Halves(Form::Paired, 127),
            Kind::Halves(Form::Wide, 32767),
            Kind::Depthwise,
            Kind::Spread,
        ],
        Form::Helium => &[
            Kind::Bytes(Form::Helium),
            Kind::Halves(Form::Helium, 2047),
            Kind::Depthwise,
            Kind::Spread,
        ],
    }
}

/// Whether a core has machine code for a kind whose values have `x` bytes when read and `y` when written. The
/// core is known by its form of layers of bytes (false for [`Form::Wide`], which is none), and the kind is
/// one of [`COMMON`] or [`own`].
const fn has_code(core: Form, kind: Kind, [x, y]: [usize; 2]) -> bool {
    match (core, kind) {
        (Form::Plain, Kind::Bytes(Form::Plain)) => true,
        (Form::Paired, Kind::Halves(Form::Paired | Form::Wide, _)) => true,
        (Form::Helium, Kind::Bytes(Form::Helium) | Kind::Halves(Form::Helium, _)) => true,
        (Form::Paired, Kind::Depthwise) => x == 2,
        (Form::Helium, Kind::Depthwise) => y < 4,
        (Form::Paired, Kind::Spread) => x == 1 && y == 2,
        (Form::Helium, Kind::Spread) => x > 0,
        _ => false,
    }
}

/// What the cases so far have written, and how many of them were machine code's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of the words that were written.
    pub digest: u32,
    /// Cases whose kind and types this core has machine code for.
    pub by_code: u32,
    /// All cases.
    pub cases: u32,
}

/// Why a case failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The core's bytes differ from the definition's, first at this one.
    Differs(usize),
    /// The generator made a case that does not fit its memory: a mistake of its own.
    Unfit,
}

/// Runs all cases of a core, from seed 1 on, until both [`COUNT`] cases and [`COUNT`] of machine code have
/// run; gives their tally.
///
/// # Errors
///
/// The seed of the first case that failed, and why.
pub fn run_all(core: Form, m: &mut Memory) -> Result<Tally, (u32, Failure)> {
    let mut tally = Tally::default();
    while tally.cases < COUNT || tally.by_code < COUNT {
        let seed = tally.cases + 1;
        run(core, seed, m, &mut tally).map_err(|failure| (seed, failure))?;
    }
    Ok(tally)
}

/// Runs the case of a seed, from 1 on, by the kernel of this machine and by its definition, and adds it to
/// `tally`. `core` chooses the kinds behind the first [`COUNT`] seeds. Overwrites `m`.
///
/// # Errors
///
/// [`Failure::Differs`] at the first byte where kernel and definition disagree, [`Failure::Unfit`] for a case
/// that does not fit `m`; `tally` is then unchanged.
pub fn run(core: Form, seed: u32, m: &mut Memory, tally: &mut Tally) -> Result<(), Failure> {
    let mut random = Random::new(seed);
    m.by_core.fill(f32::from_bits(0x5a5a_5a5a));
    m.by_definition.fill(f32::from_bits(0x5a5a_5a5a));
    let kinds = if seed <= COUNT { &COMMON[..] } else { own(core) };
    let kind = *kinds.get(seed as usize % kinds.len().max(1)).ok_or(Failure::Unfit)?;
    let sizes = match kind {
        Kind::Bytes(form) => linear8(&mut random, m, form),
        Kind::Halves(form, largest) => linear16(&mut random, m, form, largest),
        Kind::Depthwise => depthwise(&mut random, m),
        Kind::Spread => spread(&mut random, m),
    };
    let sizes = sizes.ok_or(Failure::Unfit)?;
    let (core_bytes, definition) = (integer::bytes(&m.by_core), integer::bytes(&m.by_definition));
    match core_bytes.iter().zip(definition).position(|(a, b)| a != b) {
        Some(at) => Err(Failure::Differs(at)),
        None => {
            tally.digest = add_to_digest(tally.digest, &m.by_core);
            tally.by_code += u32::from(has_code(core, kind, sizes));
            tally.cases += 1;
            Ok(())
        }
    }
}

/// The digest behind these words: FNV-1a (Fowler, Noll and Vo) with a word in place of a byte.
fn add_to_digest(digest: u32, words: &[f32]) -> u32 {
    words.iter().fold(digest, |digest, w| (digest ^ w.to_bits()).wrapping_mul(16_777_619))
}

/// Calls each of `values` with an integer in `low..=high`: anywhere in it or, one time in four, for all of
/// them only at its ends.
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

/// Fills `words` with bytes in `low..=high`, as [`fill`] draws them.
fn fill_bytes(random: &mut Random, words: &mut [f32], low: i32, high: i32) {
    let values = i8s_mut(words).iter_mut().map(|value| |to: i32| *value = to as i8);
    fill(random, values, low, high);
}

/// Fills `words` with 16-bit values in `low..=high`, as [`fill`] draws them.
fn fill_halves(random: &mut Random, words: &mut [f32], low: i32, high: i32) {
    let values = i16s_mut(words).iter_mut().map(|value| |to: i32| *value = to as i16);
    fill(random, values, low, high);
}

/// Draws the bias and the multiplier of each output; one multiplier in eight is 0, 1, 2^30 or the largest
/// i32. Never `None`.
fn fill_outputs(random: &mut Random, outputs: &mut [[i32; 2]]) -> Option<()> {
    for [bias, multiplier] in outputs {
        *bias = random.bits() as i32 >> random.int(4, 20);
        let corner = random.choose(&[0, 1, i32::MAX, 1 << 30])?;
        let usual = (random.bits() >> random.int(2, 12)) as i32;
        *multiplier = if random.int(0, 7) == 0 { corner } else { usual };
    }
    Some(())
}

/// A random rule for outputs in `low..=high`, whose zero point is often an end, at times with a shift; never
/// `None`.
fn rule(random: &mut Random, low: i32, high: i32) -> Option<Requantize> {
    let middle = random.int(low, high);
    let zero_point = random.choose(&[low, high, 0, middle])?;
    let low = random.choose(&[low, zero_point])?;
    Some(Requantize { zero_point, low, high, shift: random.choose(&[0, 0, 0, 2])? })
}

/// A random layer whose outputs lie in `limit`; `run` is that before packing, and `segment` is 0. It fits a
/// [`Memory`], which is not checked here. Never `None`.
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

/// Draws weights and outputs of the layer `s` into `m`, packs the weights, and gives the layer as its kernel
/// takes it: with the packed `run`, and a `segment`. `None` where it does not fit `m`.
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

/// Bytes of a value that a case has read, and of one that it has written, 0 where no core has machine code
/// for its shape; none where it does not fit.
type Sizes = Option<[usize; 2]>;

/// A random layer of bytes, by kernel and definition of `form`, to bytes, 16-bit values or floats in
/// `m.by_core` and `m.by_definition`. `None` where it does not fit `m`.
fn linear8(random: &mut Random, m: &mut Memory, form: Form) -> Sizes {
    let s = layer(random, [-128, 127])?;
    let s = pack(random, m, form, s)?;
    fill_bytes(random, &mut m.x, -128, 127);
    let (x, w, o) = (i8s(&m.x), i8s(&m.weights), &m.outputs);
    let [core, definition] = [&mut m.by_core, &mut m.by_definition];
    Some([
        1,
        match random.int(0, 3) {
            0 => both8(form, x, w, o, [i16s_mut(core), i16s_mut(definition)], &s),
            1 => both8(form, x, w, o, [core, definition], &s),
            _ => both8(form, x, w, o, [i8s_mut(core), i8s_mut(definition)], &s),
        },
    ])
}

/// Runs kernel and definition of a layer of bytes, each into its `y`; `form` is [`Form::Plain`], any other is
/// taken for [`Form::Helium`]. Gives the bytes of an output.
fn both8<Y: Output>(
    form: Form,
    x: &[i8],
    w: &[i8],
    o: &[[i32; 2]],
    [core, definition]: [&mut [Y]; 2],
    s: &Linear,
) -> usize {
    match form {
        Form::Plain => {
            integer::linear_plain(x, w, o, core, s);
            portable::plain(x, w, o, definition, s);
        }
        _ => {
            integer::linear_helium(x, w, o, core, s);
            portable::helium(x, w, o, definition, s);
        }
    }
    Y::SIZE
}

/// A random layer of values in `-largest - 1..=largest` held in 16 bits, by kernel and definition of `form`,
/// into `m.by_core` and `m.by_definition`. `None` where it does not fit `m`.
fn linear16(random: &mut Random, m: &mut Memory, form: Form, largest: i32) -> Sizes {
    let s = layer(random, [-largest - 1, largest])?;
    let s = pack(random, m, form, s)?;
    fill_halves(random, &mut m.x, -largest - 1, largest);
    let (x, w, o) = (i16s(&m.x), i8s(&m.weights), &m.outputs);
    let [core, definition] = [&mut m.by_core, &mut m.by_definition];
    Some([
        2,
        match (largest, random.int(0, 3)) {
            (_, 0) => both16(form, x, w, o, [core, definition], &s),
            (127, 1 | 2) => both16(form, x, w, o, [i8s_mut(core), i8s_mut(definition)], &s),
            _ => both16(form, x, w, o, [i16s_mut(core), i16s_mut(definition)], &s),
        },
    ])
}

/// Runs kernel and definition of a layer of 16-bit values, each into its `y`. Gives the bytes of an output.
fn both16<Y: Output>(
    form: Form,
    x: &[i16],
    w: &[i8],
    o: &[[i32; 2]],
    [core, definition]: [&mut [Y]; 2],
    s: &Linear,
) -> usize {
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
    Y::SIZE
}

/// A random depthwise layer of bytes or of 16-bit values, by kernel and definition, into `m.by_core` and
/// `m.by_definition`. `None` where it does not fit `m`.
fn depthwise(random: &mut Random, m: &mut Memory) -> Sizes {
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
    Some(match (halves, random.int(0, 3)) {
        (true, 0) => both_depthwise(i16s(&m.x), w, o, [core, definition], &s),
        (true, 1) => both_depthwise(i16s(&m.x), w, o, [i16s_mut(core), i16s_mut(definition)], &s),
        (true, _) => both_depthwise(i16s(&m.x), w, o, [i8s_mut(core), i8s_mut(definition)], &s),
        (false, 0) => both_depthwise(i8s(&m.x), w, o, [core, definition], &s),
        (false, 1) => both_depthwise(i8s(&m.x), w, o, [i16s_mut(core), i16s_mut(definition)], &s),
        (false, _) => both_depthwise(i8s(&m.x), w, o, [i8s_mut(core), i8s_mut(definition)], &s),
    })
}

/// Runs kernel and definition of a depthwise layer, each into its `y`. Gives the bytes of an input and of an
/// output.
fn both_depthwise<X: Value, Y: Output>(
    x: &[X],
    w: &[i8],
    o: &[[i32; 2]],
    [core, definition]: [&mut [Y]; 2],
    s: &Depthwise,
) -> [usize; 2] {
    integer::depthwise(x, w, o, core, s);
    portable::depthwise(x, w, o, definition, s);
    [size_of::<X>(), Y::SIZE]
}

/// A random padded copy, mostly of gapless lines, by kernel and definition, into `m.by_core` and
/// `m.by_definition`. Never `None`; sizes of 0 where lines are not gapless.
fn spread(random: &mut Random, m: &mut Memory) -> Sizes {
    let dims = [random.size(1, 3), random.size(1, 7), random.size(1, 19)];
    let stride = dims[2] + random.size(0, 2);
    let line = stride * (dims[1] + random.size(0, 2));
    let to_start = random.size(0, 1) * line + random.size(0, 1) * stride;
    let last_first = random.int(0, 3) == 0;
    let from = match last_first {
        true => [dims[1], 1, dims[0] * dims[1]],
        false => [dims[1] * dims[2], dims[2], 1],
    };
    let s = PaddedCopy {
        dims,
        from,
        from_start: random.size(0, 3),
        to: [line, stride, 1],
        to_start,
        len: to_start + line * dims[0],
    };
    let zero = random.int(-128, 127);
    let kind = random.int(0, 3);
    if kind == 0 {
        fill_halves(random, &mut m.x, -32768, 32767);
    } else {
        fill_bytes(random, &mut m.x, -128, 127);
    }
    let [core, definition] = [&mut m.by_core, &mut m.by_definition];
    let sizes = match kind {
        0 => both_spread(i16s(&m.x), i16s_mut(core), i16s_mut(definition), zero, &s),
        1 => both_spread(i8s(&m.x), i8s_mut(core), i8s_mut(definition), zero, &s),
        _ => both_spread(i8s(&m.x), i16s_mut(core), i16s_mut(definition), zero, &s),
    };
    Some(if s.from[2] == 1 { sizes } else { [0; 2] })
}

/// Runs kernel and definition of a padded copy, each into its `y`; the definition writes `zero` to all of
/// `y[..s.len]`, then the box. Gives the bytes of a value read and of one written.
fn both_spread<X: Value, Y: Value>(
    x: &[X],
    core: &mut [Y],
    definition: &mut [Y],
    zero: i32,
    s: &PaddedCopy,
) -> [usize; 2] {
    integer::padded_copy(x, core, zero, s);
    definition.iter_mut().take(s.len).for_each(|y| *y = Y::of(zero));
    portable::padded_copy(x, definition, s);
    [size_of::<X>(), size_of::<Y>()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the cores compute, by the definitions of the host.
    #[test]
    fn every_case_fits_and_the_bytes_are_those_that_devices_write() {
        let mut memory = Box::new(Memory::new());
        for core in [Form::Plain, Form::Paired, Form::Helium] {
            let tally = run_all(core, &mut memory).unwrap_or_else(|e| panic!("{core:?}: {e:?}"));
            println!("{core:?}: {tally:#x?}");
            assert!(tally.by_code >= COUNT && tally.cases >= COUNT);
            assert_eq!(
                tally.digest,
                digest(core),
                "after a change of the generator, {:#010x} is the new one",
                tally.digest
            );
        }
    }
}
