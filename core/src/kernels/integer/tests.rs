//! Kernels against the plainest reference there is: sums in i64 over row-major weights, and f64.

use super::*;
use crate::kernels::PoolShape;
use crate::noise::philox4x32;

/// Numbers of one case; equal seeds give equal numbers.
struct Random {
    case: u32,
    block: u32,
}

impl Random {
    fn new(case: usize) -> Self {
        Self { case: case as u32, block: 0 }
    }

    fn bits(&mut self) -> u32 {
        self.block += 1;
        philox4x32([self.block, self.case, 0, 0], [2026, 4])[0]
    }

    /// Both ends included.
    fn int(&mut self, low: i64, high: i64) -> i64 {
        low + i64::from(self.bits()) % (high - low + 1)
    }

    fn size(&mut self, low: usize, high: usize) -> usize {
        self.int(low as i64, high as i64) as usize
    }

    fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.size(0, choices.len() - 1)]
    }

    /// Values of a range, or only of its ends.
    fn values<T: TryFrom<i64>>(&mut self, len: usize, low: i64, high: i64) -> Vec<T> {
        let ends = self.int(0, 3) == 0;
        let mut value = || match ends {
            true => self.choose(&[low, high]),
            false => self.int(low, high),
        };
        (0..len).map(|_| T::try_from(value()).ok().expect("in the type's range")).collect()
    }
}

/// The rule, in i128 and with a division.
fn rule(acc: i64, multiplier: i32, r: &Requantize) -> i64 {
    let product = (i128::from(acc) << r.shift) * i128::from(multiplier) + (1 << 31);
    let rounded = i128::from(r.zero_point) + product.div_euclid(1 << 32);
    rounded.clamp(i128::from(r.low), i128::from(r.high)) as i64
}

fn some_rule(random: &mut Random, low: i64, high: i64) -> Requantize {
    let zero_point = random.choose(&[low, high, 0, random.case as i64 % 100 - 50]) as i32;
    let low = random.choose(&[low as i32, zero_point]);
    Requantize { zero_point, low, high: high as i32, shift: random.choose(&[0, 0, 0, 3]) }
}

/// A layer with the weights of each form, and what comes out by the reference.
struct Case {
    s: Linear,
    taps: usize,
    x: Vec<i64>,
    weights: Vec<i8>,
    outputs: Vec<[i32; 2]>,
    y_len: usize,
}

impl Case {
    /// A random layer of an `x` in `-largest - 1 ..= largest`, whose sums stay inside i32.
    fn random(random: &mut Random, largest: i64, range: [i64; 2]) -> Self {
        let [rows, run] = [random.size(1, 13), random.size(1, 40)];
        let runs = random.choose(&[[1, 1], [1, 1], [3, 1], [2, 2]]);
        let positions = random.choose(&[[1, 1], [1, 5], [3, 2]]);
        let even = |len: usize| len.next_multiple_of(2);
        let step = even(run) + 2 * random.size(0, 4);
        let run_steps = [step * (runs[1] + positions[1]), step];
        let position_steps = [run_steps[0], even(random.size(1, step))];
        let y_step = rows + random.size(0, 3);
        let y_steps = [y_step * positions[1] + random.size(0, 2), y_step];
        let y_start = random.size(0, 5);
        let taps = run * runs[0] * runs[1];
        let x_start = 2 * random.size(0, 3);
        let last = |steps: [usize; 2], n: [usize; 2]| steps[0] * (n[0] - 1) + steps[1] * (n[1] - 1);
        let x_len = x_start + last(run_steps, runs) + last(position_steps, positions) + run + 15;
        let shift_room = 1 << 24;
        let outputs = |random: &mut Random| {
            let bias = random.int(-shift_room, shift_room) as i32;
            let multiplier =
                random.choose(&[0, 1, i32::MAX, 1 << 30, 1 << 23, 1 << 19, 12_345_678]);
            [bias, multiplier]
        };
        let rule = some_rule(random, range[0], range[1]);
        Self {
            s: Linear {
                rows,
                run,
                runs,
                run_steps,
                positions,
                position_steps,
                x_start,
                y_start,
                y_steps,
                segment: 0,
                rule,
            },
            taps,
            x: random.values(x_len, -largest - 1, largest),
            weights: random.values(rows * taps, -127, 127),
            outputs: (0..rows).map(|_| outputs(random)).collect(),
            y_len: y_start + last(y_steps, positions) + rows,
        }
    }

    fn inputs<X: TryFrom<i64>>(&self) -> Vec<X> {
        self.x.iter().map(|x| X::try_from(*x).ok().expect("in range")).collect()
    }

    /// Sums of every position and row, with the index of their output.
    fn sums(&self) -> Vec<(usize, usize, i64)> {
        let s = &self.s;
        let mut sums = Vec::new();
        for p in 0..s.positions[0] * s.positions[1] {
            let p = [p / s.positions[1], p % s.positions[1]];
            for row in 0..s.rows {
                let mut sum = i64::from(self.outputs[row][0]);
                for k in 0..self.taps {
                    let (run, at) = (k / s.run, k % s.run);
                    let run = [run / s.runs[1], run % s.runs[1]];
                    let steps = |n: [usize; 2], by: [usize; 2]| n[0] * by[0] + n[1] * by[1];
                    let x = s.x_start + steps(p, s.position_steps) + steps(run, s.run_steps) + at;
                    sum += self.x[x] * i64::from(self.weights[row * self.taps + k]);
                }
                let y = s.y_start + p[0] * s.y_steps[0] + p[1] * s.y_steps[1] + row;
                sums.push((y, row, sum));
            }
        }
        sums
    }

    fn packed(&self, form: Form) -> (Linear, Vec<i8>) {
        let runs = self.s.runs[0] * self.s.runs[1];
        let mut packed = vec![99; packed_len(form, self.s.rows, self.s.run, runs)];
        pack_weights(form, self.s.rows, self.s.run, runs, &self.weights, &mut packed)
            .expect("weights are inside +-127");
        let run = form.packed_run(self.s.run);
        let segment = paired_segment(&self.weights, self.taps, run * runs, 128);
        (Linear { run, segment, ..self.s }, packed)
    }

    /// Runs a kernel on the weights of a form and compares every value of `y`.
    fn check<X: Value + TryFrom<i64>, Y: Output + From<i8> + PartialEq + std::fmt::Debug>(
        &self,
        form: Form,
        kernel: impl Fn(&[X], &[i8], &[[i32; 2]], &mut [Y], &Linear),
        reference: impl Fn(i64, i32) -> Y,
    ) {
        let (s, weights) = self.packed(form);
        let untouched = Y::from(77);
        let mut y = vec![untouched; self.y_len + 3];
        kernel(&self.inputs::<X>(), &weights, &self.outputs, &mut y, &s);
        let mut expected = vec![untouched; self.y_len + 3];
        for (at, row, sum) in self.sums() {
            expected[at] = reference(sum, self.outputs[row][1]);
        }
        assert_eq!(y, expected, "{form:?} {s:?}");
    }
}

#[test]
fn every_form_of_a_layer_of_8_bit_values_equals_plain_sums() {
    for case in 0..2000 {
        let mut random = Random::new(case);
        let case = Case::random(&mut random, 127, [-128, 127]);
        let r = case.s.rule;
        let byte = |acc, m| rule(acc, m, &r) as i8;
        let half = |acc, m| rule(acc, m, &r) as i16;
        case.check::<i8, i8>(Form::Plain, linear_plain, byte);
        case.check::<i8, i16>(Form::Plain, linear_plain, half);
        case.check::<i16, i8>(Form::Paired, linear_paired, byte);
        case.check::<i16, i16>(Form::Paired, linear_paired, half);
        case.check::<i16, i8>(Form::Wide, linear_wide, byte);
        case.check::<i8, i8>(Form::Helium, linear_helium, byte);
    }
}

#[test]
fn every_form_of_a_layer_of_16_bit_values_equals_plain_sums() {
    for case in 0..2000 {
        let mut random = Random::new(case);
        let largest = random.choose(&[2047, 32767]);
        let case = Case::random(&mut random, largest, [-largest - 1, largest]);
        let r = Requantize { shift: 0, ..case.s.rule };
        let case = Case { s: Linear { rule: r, ..case.s }, ..case };
        let half = |acc, m| rule(acc, m, &r) as i16;
        case.check::<i16, i16>(Form::Plain, linear_plain, half);
        case.check::<i16, i16>(Form::Wide, linear_wide, half);
        case.check::<i16, i16>(Form::Helium, linear_helium, half);
    }
}

#[test]
fn heads_are_sums_times_a_float() {
    for case in 0..300 {
        let mut random = Random::new(case);
        let mut case = Case::random(&mut random, 127, [-128, 127]);
        for [_, scale] in &mut case.outputs {
            *scale = (1e-3 * random.int(1, 1000) as f32).to_bits() as i32;
        }
        // The sum rounds to f32 first: what f64 would do with the product is not the definition.
        let head = |acc: i64, scale: i32| acc as f32 * f32::from_bits(scale as u32);
        case.check::<i8, f32>(Form::Plain, linear_plain, head);
        case.check::<i16, f32>(Form::Paired, linear_paired, head);
        case.check::<i16, f32>(Form::Wide, linear_wide, head);
        case.check::<i8, f32>(Form::Helium, linear_helium, head);
    }
}

/// A dense layer of `inputs` equal inputs and equal weights.
fn uniform(inputs: usize, x: i64, weight: i8) -> Case {
    let rule = Requantize { low: -128, high: 127, ..Requantize::default() };
    Case {
        s: Linear {
            rows: 4,
            run: inputs,
            runs: [1, 1],
            run_steps: [0, 0],
            positions: [1, 1],
            position_steps: [0, 0],
            x_start: 0,
            y_start: 0,
            y_steps: [0, 0],
            segment: 0,
            rule,
        },
        taps: inputs,
        x: vec![x; inputs + 15],
        weights: vec![weight; 4 * inputs],
        outputs: vec![[0, 1 << 14]; 4],
        y_len: 4,
    }
}

/// The least and the largest input of 8 bits.
const ENDS: [i64; 2] = [-128, 127];

#[test]
fn paired_rows_are_exact_up_to_the_bound_and_cut_beyond_it() {
    // 516 * 127 * 128 < 2^23 <= 518 * 127 * 128, and 65536 * 128 = 2^23.
    let bounds: [(usize, i8, bool); 9] = [
        (512, 127, true),
        (514, 127, true),
        (516, 127, true),
        (518, 127, false),
        (1040, 127, false),
        (1022, 64, true),
        (1024, 64, false),
        (3000, 1, true),
        (7, 1, true),
    ];
    for (inputs, weight, all) in bounds {
        for (weight, x) in [weight, -weight].into_iter().flat_map(|w| ENDS.map(|x| (w, x))) {
            let case = uniform(inputs, x, weight);
            let (s, _) = case.packed(Form::Paired);
            let segment = if all { Form::Paired.packed_run(inputs) } else { ALWAYS_EXACT };
            assert_eq!(s.segment, segment, "{inputs} {weight}");
            let reference = |acc, m| rule(acc, m, &case.s.rule) as i16;
            case.check::<i16, i16>(Form::Paired, linear_paired, reference);
        }
    }
}

/// The sums of both rows of a pair of equal weights, as the form has them, over `inputs` inputs.
fn pair(inputs: usize, x: i64, [a, b]: [i8; 2]) -> [i32; 2] {
    let mut case = uniform(inputs, x, 0);
    case.weights.chunks_exact_mut(inputs).zip([a, b]).for_each(|(row, w)| row.fill(w));
    let (s, weights) = case.packed(Form::Paired);
    // Floats are the sums themselves; they are below 2^24.
    case.outputs.fill([0, 1f32.to_bits() as i32]);
    let mut y = [0f32; 4];
    let whole = Linear { segment: inputs, ..s };
    linear_paired(&case.inputs::<i16>(), &weights, &case.outputs, &mut y, &whole);
    [y[0], y[1]].map(|y| y as i32)
}

/// The bound is where wrapping arithmetic breaks: right for all inputs below it, wrong right behind.
#[test]
fn paired_rows_beyond_the_bound_are_wrong_so_that_the_bound_is_needed() {
    let right = |inputs: usize, x: i64, rows: [i8; 2]| {
        let sums = rows.map(|w| inputs as i32 * x as i32 * i32::from(w));
        pair(inputs, x, rows) == sums
    };
    for even in [-127, 0, 127] {
        for inputs in [2, 258, 514, 516] {
            for (odd, x) in [-127, 127].into_iter().flat_map(|w| ENDS.map(|x| (w, x))) {
                assert!(right(inputs, x, [even, odd]), "{inputs} {even} {odd} {x}");
            }
        }
        assert!(!right(518, -128, [even, -127]), "{even}");
    }
    for even in [0, 127] {
        assert!(right(EXACT_WITH_128, -128, [even, -128]), "{even}");
        assert!(!right(ALWAYS_EXACT, -128, [even, -128]), "{even}");
    }
}

#[test]
fn a_lane_of_minus_128_makes_shorter_pieces() {
    for (inputs, segment) in [(510, 510), (512, 510), (1040, 510)] {
        let mut case = uniform(inputs, -128, 127);
        case.weights[inputs..2 * inputs].fill(-128);
        let (s, _) = case.packed(Form::Paired);
        assert_eq!(s.segment, segment, "{inputs}");
        let reference = |acc, m| rule(acc, m, &case.s.rule) as i16;
        case.check::<i16, i16>(Form::Paired, linear_paired, reference);
    }
    // An even row has no bound.
    let mut case = uniform(1040, -128, 1);
    case.weights[..1040].fill(-128);
    assert_eq!(case.packed(Form::Paired).0.segment, 1040);
}

/// Independent: sums of the products' ends, written out, over every piece.
#[test]
fn every_piece_of_random_rows_keeps_the_bound() {
    let mut random = Random::new(11);
    for inputs in [400, 900, 2000] {
        let weights: Vec<i8> = random.values(2 * inputs, -127, 127);
        let segment = paired_segment(&weights, inputs, inputs, 128);
        let end = |piece: &[i8]| piece.iter().map(|w| 128 * i64::from(*w).abs()).sum::<i64>();
        assert_eq!(segment == inputs, end(&weights[inputs..]) < 1 << 23);
        assert!(weights[inputs..].chunks(segment).all(|piece| end(piece) < 1 << 23));
    }
}

#[test]
fn only_a_lane_that_cannot_be_is_refused() {
    let mut out = [0; 8];
    let pack = |weights: &[i8], out: &mut [i8]| pack_weights(Form::Paired, 2, 1, 1, weights, out);
    assert_eq!(pack(&[0, -128], &mut out), Ok(()));
    assert_eq!(pack(&[-1, -128], &mut out), Err(PackingError::Range));
    assert_eq!(pack(&[-128, -127], &mut out), Ok(()));
    assert_eq!(pack(&[1, 1], &mut out[..7]), Err(PackingError::Length));
    assert_eq!(pack(&[1], &mut out), Err(PackingError::Length));
}

#[test]
fn requantization_is_the_floor_of_the_exact_quotient() {
    let mut random = Random::new(1);
    let corners = [i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX - 1, i32::MAX];
    for _ in 0..200_000 {
        let acc = match random.choose(&[true, false]) {
            true => random.choose(&corners),
            false => random.bits() as i32 >> random.int(0, 31),
        };
        let multiplier = match random.choose(&[true, false]) {
            true => random.choose(&[0, 1, i32::MAX, 1 << 30]),
            false => (random.bits() >> random.int(1, 31)) as i32,
        };
        let r = Requantize { shift: 0, ..some_rule(&mut random, -32768, 32767) };
        assert_eq!(i64::from(r.apply(acc, multiplier)), rule(acc.into(), multiplier, &r));
    }
}

#[test]
fn depthwise_equals_plain_sums() {
    for case in 0..2000 {
        let mut random = Random::new(case);
        let channels = random.size(1, 11);
        let kernel = random.choose(&[[3, 3], [1, 5], [1, 1], [2, 4]]);
        let positions = random.choose(&[[1, 1], [1, 6], [3, 3]]);
        let stride = channels.next_multiple_of(4) + 2 * random.size(0, 2);
        let width = stride * 16;
        let s = Depthwise {
            channels,
            kernel,
            tap_steps: [width, stride * random.size(1, 2)],
            positions,
            position_steps: [width, stride * random.size(1, 2)],
            x_start: 4 * random.size(0, 1),
            y_start: random.size(0, 2),
            y_steps: [(channels + 1) * 7, channels + 1],
            rule: some_rule(&mut random, -128, 127),
        };
        let x: Vec<i64> = random.values(width * 8, -128, 127);
        let weights: Vec<i8> = random.values(channels * s.taps(), -127, 127);
        let multiplier = |random: &mut Random| random.choose(&[1 << 30, 1 << 24, i32::MAX, 54321]);
        let outputs: Vec<[i32; 2]> = (0..channels)
            .map(|_| [random.int(-100_000, 100_000) as i32, multiplier(&mut random)])
            .collect();
        let mut packed = vec![99; packed_depthwise_len(channels, s.taps())];
        pack_depthwise(channels, s.taps(), &weights, &mut packed).expect("lengths are right");
        let mut expected = vec![77i8; 7 * 3 * (channels + 1) + 3];
        for p in 0..positions[0] * positions[1] {
            let p = [p / positions[1], p % positions[1]];
            for c in 0..channels {
                let mut sum = i64::from(outputs[c][0]);
                for t in 0..s.taps() {
                    let at = s.x_start
                        + p[0] * s.position_steps[0]
                        + p[1] * s.position_steps[1]
                        + t / kernel[1] * s.tap_steps[0]
                        + t % kernel[1] * s.tap_steps[1];
                    sum += x[at + c] * i64::from(weights[c * s.taps() + t]);
                }
                let at = s.y_start + p[0] * s.y_steps[0] + p[1] * s.y_steps[1] + c;
                expected[at] = rule(sum, outputs[c][1], &s.rule) as i8;
            }
        }
        let mut y = vec![77i8; expected.len()];
        let bytes: Vec<i8> = x.iter().map(|x| *x as i8).collect();
        depthwise(&bytes, &packed, &outputs, &mut y, &s);
        assert_eq!(y, expected, "{s:?}");
        let halves: Vec<i16> = x.iter().map(|x| *x as i16).collect();
        let mut y = vec![77i8; expected.len()];
        depthwise(&halves, &packed, &outputs, &mut y, &s);
        assert_eq!(y, expected, "{s:?}");
        let mut y = vec![77i16; expected.len()];
        depthwise(&halves, &packed, &outputs, &mut y, &s);
        assert!(y.iter().zip(&expected).all(|(y, e)| *y == i16::from(*e)), "{s:?}");
    }
}

#[test]
fn short_slices_shorten_the_work() {
    for case in 0..500 {
        let mut random = Random::new(case);
        let case = Case::random(&mut random, 127, [-128, 127]);
        let mut y = vec![0i8; random.size(0, case.y_len)];
        let x: Vec<i8> = case.inputs();
        let x = &x[..random.size(0, x.len())];
        let halves: Vec<i16> = x.iter().map(|x| i16::from(*x)).collect();
        for form in [Form::Plain, Form::Paired, Form::Wide, Form::Helium] {
            let (s, weights) = case.packed(form);
            let weights = &weights[..random.size(0, weights.len())];
            let outputs = &case.outputs[..random.size(0, s.rows)];
            match form {
                Form::Plain => linear_plain(x, weights, outputs, &mut y, &s),
                Form::Paired => linear_paired(&halves, weights, outputs, &mut y, &s),
                Form::Wide => linear_wide(&halves, weights, outputs, &mut y, &s),
                Form::Helium => linear_helium(x, weights, outputs, &mut y, &s),
            }
        }
    }
    depthwise::<i8, i8>(&[], &[], &[], &mut [0; 4], &Depthwise::default());
    linear_plain::<i8, i8>(&[], &[], &[], &mut [0; 4], &Linear::default());
}

#[test]
fn pooling_is_the_maximum_and_the_rounded_mean_of_the_taps_inside() {
    for case in 0..1000 {
        let mut random = Random::new(case);
        let sizes =
            |random: &mut Random, low, high| [random.size(low, high), random.size(low, high)];
        let (channels, input) = (random.size(1, 5), sizes(&mut random, 3, 8));
        let kernel = sizes(&mut random, 1, 3);
        let pads = kernel.map(|k| random.size(0, k - 1));
        let strides = sizes(&mut random, 1, 3);
        let axis = |a: usize| (input[a] + 2 * pads[a] - kernel[a]) / strides[a] + 1;
        let s = PoolShape {
            channels,
            input,
            output: [axis(0), axis(1)],
            kernel,
            strides,
            dilations: [1, 1],
            pads,
            pads_end: pads,
        };
        let x: Vec<i8> = random.values(channels * input[0] * input[1], -128, 127);
        let r = some_rule(&mut random, -128, 127);
        let r = Requantize { shift: 3, ..r };
        let zero_point = random.int(-128, 127) as i32;
        let count_pads = random.choose(&[true, false]);
        let area = (kernel[0] * kernel[1]) as f64;
        let m =
            |lacking: usize| (0.9 / (area - lacking as f64) * f64::from(1 << 29)).round() as i32;
        let multipliers: Vec<i32> = (0..kernel[0] * kernel[1]).map(m).collect();
        let mut expected = (Vec::new(), Vec::new());
        for p in 0..s.output[0] * s.output[1] {
            let p = [p / s.output[1], p % s.output[1]];
            for c in 0..channels {
                let (mut largest, mut sum, mut inside) = (-128, 0, 0);
                for t in 0..kernel[0] * kernel[1] {
                    let t = [t / kernel[1], t % kernel[1]];
                    let at = |a: usize| (p[a] * strides[a] + t[a]).checked_sub(pads[a]);
                    let (Some(h), Some(w)) = (at(0), at(1)) else { continue };
                    if h < input[0] && w < input[1] {
                        let x = x[(h * input[1] + w) * channels + c];
                        (largest, sum, inside) = (largest.max(x), sum + i64::from(x), inside + 1);
                    }
                }
                let acc = sum - i64::from(zero_point) * inside as i64;
                let lacking = if count_pads { 0 } else { kernel[0] * kernel[1] - inside };
                expected.0.push(largest);
                expected.1.push(rule(acc, multipliers[lacking], &r) as i8);
            }
        }
        let mut y = vec![77; expected.0.len()];
        max_pool(&x, &mut y, &s);
        assert_eq!(y, expected.0, "{s:?}");
        let mean = RoundedMean { zero_point, multipliers: &multipliers, count_pads, rule: r };
        average_pool(&x, &mut y, &mean, &s);
        assert_eq!(y, expected.1, "{s:?}");
    }
}

#[test]
fn quantization_rounds_ties_to_even_and_clamps() {
    let x =
        [0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -1e30, f32::NAN, f32::INFINITY, -f32::INFINITY, 300.0];
    let s =
        PaddedCopy { dims: [1, 1, 11], from: [0, 0, 1], to: [11, 11, 1], ..PaddedCopy::default() };
    let mut y = [0i8; 11];
    quantize(&x, &mut y, 1.0, 3, [-128, 127], &s);
    assert_eq!(y, [3, 5, 5, 3, 1, 127, -128, 3, 127, -128, 127]);
    let mut random = Random::new(5);
    for _ in 0..20_000 {
        let scale = random.int(1, 1000) as f32 * 1e-3;
        let x = random.int(-40_000, 40_000) as f32 * random.choose(&[1.0, 0.5, 0.01]) * scale;
        let mut y = [0i16; 1];
        quantize(
            &[x],
            &mut y,
            scale,
            0,
            [-32768, 32767],
            &PaddedCopy { dims: [1; 3], from: [1; 3], to: [1; 3], ..s },
        );
        let quotient = x / scale;
        assert_eq!(
            f32::from(y[0]),
            quotient.round_ties_even().clamp(-32768.0, 32767.0),
            "{x} / {scale}"
        );
    }
}

#[test]
fn boxes_are_transposed_padded_and_read_back() {
    for case in 0..1000 {
        let mut random = Random::new(case);
        let [h, w, c] = [random.size(1, 4), random.size(1, 5), random.size(1, 6)];
        let [left, right, above, more] = [0; 4].map(|_: usize| random.choose(&[0, 0, 2]));
        let stride = c + more;
        let line = stride * (w + left + right);
        let to_start = above * line + left * stride;
        let len = line * (h + above);
        let s = PaddedCopy {
            dims: [h, w, c],
            from: [w, 1, h * w], // channels first
            from_start: random.size(0, 3),
            to: [line, stride, 1],
            to_start,
            len,
        };
        let x: Vec<i64> = random.values(s.from_start + h * w * c, -128, 127);
        let mut expected = vec![-5i8; len];
        for at in 0..h * w * c {
            let [i, j, k] = [at / (w * c), at / c % w, at % c];
            expected[to_start + i * line + j * stride + k] =
                x[s.from_start + i * s.from[0] + j * s.from[1] + k * s.from[2]] as i8;
        }
        expected.extend([77; 2]);
        let floats: Vec<f32> = x.iter().map(|x| 0.25 * (x + 5) as f32).collect();
        let mut y = vec![77i8; len + 2];
        quantize(&floats, &mut y, 0.25, -5, [-128, 127], &s);
        assert_eq!(y, expected, "{s:?}");
        let bytes: Vec<i8> = x.iter().map(|x| *x as i8).collect();
        let mut y = vec![77i16; len + 2];
        padded_copy(&bytes, &mut y, -5, &s);
        assert!(y.iter().zip(&expected).all(|(y, e)| *y == i16::from(*e)), "{s:?}");
        let back = PaddedCopy {
            dims: s.dims,
            from: s.to,
            from_start: s.to_start,
            to: s.from,
            to_start: s.from_start,
            len: 0,
        };
        let mut read = floats.clone();
        read[s.from_start..].fill(f32::NAN);
        dequantize(&y, &mut read, 0.25, -5, &back);
        assert_eq!(read, floats, "{s:?}");
    }
}

#[test]
fn dense_boxes_are_copied_as_one_line() {
    for [w, c] in [[5, 3], [1, 7], [4, 4]] {
        let s = PaddedCopy {
            dims: [2, w, c],
            from: [w * c, c, 1],
            to: [w * c, c, 1],
            ..PaddedCopy::default()
        };
        let x: Vec<i8> = (0..2 * w * c).map(|i| i as i8 - 20).collect();
        let mut y = vec![0i16; x.len()];
        assert_eq!(s.merged().dims, [1, 1, x.len()]);
        padded_copy(&x, &mut y, 0, &s.merged());
        assert!(x.iter().zip(&y).all(|(x, y)| i16::from(*x) == *y));
    }
}

#[test]
fn sums_of_tensors_follow_the_rule() {
    let mut random = Random::new(7);
    for _ in 0..20_000 {
        let r =
            Requantize { shift: random.choose(&[0, 1, 8]), ..some_rule(&mut random, -128, 127) };
        let [za, zb] = [0; 2].map(|_| random.int(-128, 127));
        let [ma, mb] = [0; 2].map(|_| random.choose(&[i32::MAX, 1 << 30, 1 << 23, 12_345_678]));
        let (a, b) = (random.int(-128, 127), random.int(-128, 127));
        let constant = -(za * i64::from(ma) + zb * i64::from(mb));
        let mut y = [0i8];
        add(&[a as i8], &[b as i16], &mut y, &Add { multipliers: [ma, mb], constant, rule: r });
        let real = i128::from((a - za) * i64::from(ma) + (b - zb) * i64::from(mb)) << r.shift;
        let rounded = i128::from(r.zero_point) + (real + (1 << 31)).div_euclid(1 << 32);
        assert_eq!(i128::from(y[0]), rounded.clamp(r.low.into(), r.high.into()));
    }
}

#[test]
fn lookup_takes_the_entry_of_the_bits() {
    let table: Vec<i8> = (0..=255u8).map(|bits| (bits as i8).wrapping_mul(3)).collect();
    let mut y: Vec<i8> = (-128..=127).collect();
    lookup(&mut y, &table);
    assert!(y.iter().zip(-128..=127i8).all(|(y, x)| *y == x.wrapping_mul(3)));
    let before = y.clone();
    lookup(&mut y, &table[..255]);
    assert_eq!(y, before);
}

#[test]
fn piecewise_polynomials_are_as_near_as_their_doc_says() {
    // tanh of 16 bits over +-8, in steps of 2^-15, by 2^8 pieces.
    let (scale, pieces, bits) = (8.0 / 32768.0, 256, 8);
    let f = |u: f64| (scale * (u - 32768.0)).tanh() * 32767.0;
    let unit = f64::from(1 << PIECE_BITS);
    let coefficients: Vec<[i32; 3]> = (0..pieces)
        .map(|piece| {
            let [a, m, b] = [0.0, 128.0, 256.0].map(|at| f(f64::from(piece) * 256.0 + at) * unit);
            let [c0, c1, c2] = [a, 4.0 * m - 3.0 * a - b, 2.0 * (a + b) - 4.0 * m];
            // r is half of the fraction: hi(r, c) = c / 2 * fraction.
            [c0, 2.0 * c1, 4.0 * c2].map(|c| c.round() as i32)
        })
        .collect();
    let s = Piecewise { start: -32768, piece_bits: bits, low: -32768, high: 32767 };
    let mut y: Vec<i16> = (-32768..=32767).collect();
    piecewise(&mut y, &coefficients, &s);
    let h: f64 = 256.0 * scale;
    let bound = 0.0081 * h.powi(3) * 2.0 * 32767.0 + 0.51;
    let error = |(u, y): (usize, &i16)| (f64::from(*y) - f(u as f64)).abs();
    let worst = y.iter().enumerate().map(error).fold(0.0, f64::max);
    println!("worst {worst}, bound {bound}");
    assert!(worst <= bound);
    // Inputs beyond the pieces take the last one.
    let s = Piecewise { start: -2048, piece_bits: 8, low: -100, high: 30_000 };
    let mut y = [-32768, -2048, 2047, 2048, 32767];
    piecewise(&mut y, &coefficients[..16], &s);
    assert_eq!((y[0], y[2]), (y[1], y[3]));
    assert_eq!((y[3], y[0]), (y[4], -100));
}
