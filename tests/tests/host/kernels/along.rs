//! Kernels along an axis, pooling, products and recurrences against their definitions in f64.

use super::SEED;
use elbow_core::kernels::*;
use elbow_tests::random::Random;
use elbow_tests::tolerance::STATISTICS;

const CASES: u64 = 200;

/// A tensor `[outer][len][inner]` in f64.
struct Tensor {
    s: Along,
    values: Vec<f64>,
}

impl Tensor {
    fn random(random: &mut Random) -> (Self, Vec<f32>) {
        let s = Along { outer: random.int(1, 3), len: random.int(1, 6), inner: random.int(1, 3) };
        let x = random.values(s.outer * s.len * s.inner);
        (Self { s, values: x.iter().map(|x| f64::from(*x)).collect() }, x)
    }

    /// All lines along the axis, in the order of `[outer][inner]`.
    fn lines(&self) -> Vec<Vec<f64>> {
        let Along { outer, len, inner } = self.s;
        let line = |o: usize, i: usize| {
            (0..len).map(|k| self.values[(o * len + k) * inner + i]).collect::<Vec<f64>>()
        };
        (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| line(o, i)).collect()
    }

    /// Where the values of the line of this number lie.
    fn place(&self, line: usize, k: usize) -> usize {
        let Along { len, inner, .. } = self.s;
        (line / inner * len + k) * inner + line % inner
    }
}

fn close(found: f32, truth: f64, what: &str, case: u64) {
    let error = (f64::from(found) - truth).abs() / truth.abs().max(1.0);
    assert!(error <= STATISTICS, "seed {SEED}, case {case}, {what}: {found} for {truth}");
}

#[test]
fn reductions_follow_their_formulas() {
    type Truth = fn(&[f64]) -> f64;
    let kinds: [(Reduction, Truth); 7] = [
        (Reduction::Sum, |x| x.iter().sum()),
        (Reduction::Mean, |x| x.iter().sum::<f64>() / x.len() as f64),
        (Reduction::Max, |x| x.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        (Reduction::Min, |x| x.iter().copied().fold(f64::INFINITY, f64::min)),
        (Reduction::Product, |x| x.iter().product()),
        (Reduction::SumOfSquares, |x| x.iter().map(|x| x * x).sum()),
        (Reduction::SumOfMagnitudes, |x| x.iter().map(|x| x.abs()).sum()),
    ];
    for case in 0..CASES {
        let (tensor, x) = Tensor::random(&mut Random::new(SEED, case));
        for (kind, truth) in kinds {
            let mut y = vec![f32::NAN; tensor.s.outer * tensor.s.inner];
            reduce(&x, &mut y, kind, &tensor.s);
            for (y, line) in y.iter().zip(tensor.lines()) {
                close(*y, truth(&line), &format!("{kind:?}"), case);
            }
        }
    }
}

#[test]
fn softmax_and_running_sums_follow_their_formulas() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let (tensor, x) = Tensor::random(&mut random);
        let (exclusive, reverse) = (random.choose(&[true, false]), random.choose(&[true, false]));
        let [mut plain, mut log, mut sums] = [x.clone(), x.clone(), x.clone()];
        softmax(&mut plain, &tensor.s);
        log_softmax(&mut log, &tensor.s);
        cumsum(&mut sums, exclusive, reverse, &tensor.s);
        for (number, line) in tensor.lines().iter().enumerate() {
            let total: f64 = line.iter().map(|x| x.exp()).sum();
            for (k, value) in line.iter().enumerate() {
                let at = tensor.place(number, k);
                close(plain[at], value.exp() / total, "softmax", case);
                close(log[at], value - total.ln(), "log_softmax", case);
                let part = if reverse { &line[k..] } else { &line[..=k] };
                let own = if exclusive { *value } else { 0.0 };
                close(sums[at], part.iter().sum::<f64>() - own, "cumsum", case);
            }
        }
    }
}

#[test]
fn softmax_survives_large_values_and_masks() {
    let s = Along { outer: 1, len: 3, inner: 1 };
    let mut y = [1000.0, f32::NEG_INFINITY, 1000.0];
    softmax(&mut y, &s);
    assert_eq!(y, [0.5, 0.0, 0.5]);
    let mut y = [f32::NAN, 0.0, 1.0];
    softmax(&mut y, &s);
    assert!(y.iter().all(|y| y.is_nan()));
}

#[test]
fn normalizations_follow_their_formulas() {
    for case in 0..CASES {
        let (tensor, x) = Tensor::random(&mut Random::new(SEED, case));
        let [mut plain, mut rms] = [x.clone(), x.clone()];
        normalize(&mut plain, 1e-3, &tensor.s);
        rms_normalize(&mut rms, 1e-3, &tensor.s);
        let row = tensor.s.len * tensor.s.inner;
        for (at, values) in tensor.values.chunks(row).enumerate() {
            let mean = values.iter().sum::<f64>() / row as f64;
            let mean_of =
                |f: &dyn Fn(f64) -> f64| values.iter().map(|x| f(*x)).sum::<f64>() / row as f64;
            let deviation = (mean_of(&|x| (x - mean) * (x - mean)) + 1e-3).sqrt();
            let root = (mean_of(&|x| x * x) + 1e-3).sqrt();
            for (k, value) in values.iter().enumerate() {
                close(plain[at * row + k], (value - mean) / deviation, "normalize", case);
                close(rms[at * row + k], value / root, "rms_normalize", case);
            }
        }
    }
}

#[test]
fn extremes_are_found_where_they_are() {
    let s = Along { outer: 1, len: 5, inner: 1 };
    let at = |x: [f32; 5], largest, last| {
        let mut y = [f32::NAN];
        arg_extreme(&x, &mut y, largest, last, &s);
        y[0]
    };
    let x = [1.0, 3.0, -2.0, 3.0, -2.0];
    assert_eq!([at(x, true, false), at(x, true, true)], [1.0, 3.0]);
    assert_eq!([at(x, false, false), at(x, false, true)], [2.0, 4.0]);
    let nan = [1.0, f32::NAN, 9.0, f32::NAN, 0.0];
    assert_eq!([at(nan, true, false), at(nan, false, true)], [1.0, 3.0]);
}

#[test]
fn indices_that_are_none_of_the_axis_are_counted() {
    let s = Along { outer: 1, len: 5, inner: 1 };
    let x = [0.0, 1.0, 2.0, 3.0, 4.0];
    for (indices, hits, found) in [
        ([-5.0, -1.0, 4.0], 0, [0.0, 4.0, 4.0]),
        ([-6.0, 5.0, 2.0], 2, [0.0, 4.0, 2.0]),
        ([f32::NAN, f32::INFINITY, f32::NEG_INFINITY], 3, [0.0, 4.0, 0.0]),
        ([1.5, 16_777_216.0, -0.0], 2, [1.0, 4.0, 0.0]),
    ] {
        let [mut by, mut along] = [[f32::NAN; 3]; 2];
        assert_eq!(take_by(&x, &indices, &mut by, &s), hits, "{indices:?}");
        assert_eq!(take_along(&x, &indices, &mut along, 3, &s), hits, "{indices:?}");
        assert_eq!((by, along), (found, found), "{indices:?}");
    }
}

#[test]
fn values_are_taken_and_mixed_along_the_axis() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let (tensor, x) = Tensor::random(&mut random);
        let Along { outer, len, inner } = tensor.s;
        let count = random.int(1, 5);
        let indices: Vec<u32> = (0..2 * count).map(|_| random.int(0, len - 1) as u32).collect();
        let weights = random.values(2 * count);
        let [mut taken, mut looked_up, mut mixed] =
            [0; 3].map(|_| vec![f32::NAN; outer * count * inner]);
        take(&x, &indices[..count], &mut taken, &tensor.s);
        let from_end =
            |index: &u32| *index as f32 - if index.is_multiple_of(2) { 0.0 } else { len as f32 };
        let computed: Vec<f32> = indices[..count].iter().map(from_end).collect();
        assert_eq!(take_by(&x, &computed, &mut looked_up, &tensor.s), 0, "case {case}");
        resample(&x, &indices, &weights, &mut mixed, count, &tensor.s);
        let own: Vec<usize> = (0..outer * count * inner).map(|_| random.int(0, len - 1)).collect();
        let computed: Vec<f32> = own.iter().map(|index| from_end(&(*index as u32))).collect();
        let mut elements = vec![f32::NAN; own.len()];
        assert_eq!(take_along(&x, &computed, &mut elements, count, &tensor.s), 0, "case {case}");
        for at in 0..outer * count * inner {
            let (o, k, i) = (at / (count * inner), at / inner % count, at % inner);
            let value = |index: u32| tensor.values[(o * len + index as usize) * inner + i];
            assert_eq!(f64::from(taken[at]), value(indices[k]), "case {case}");
            assert_eq!(f64::from(looked_up[at]), value(indices[k]), "case {case}");
            assert_eq!(f64::from(elements[at]), value(own[at] as u32), "case {case}");
            let tap = |t: usize| f64::from(weights[2 * k + t]) * value(indices[2 * k + t]);
            close(mixed[at], tap(0) + tap(1), "resample", case);
        }
    }
}

#[test]
fn products_of_stacks_follow_the_formula() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let [batch, rows, inner, columns] = [0; 4].map(|_| random.int(1, 4));
        let repeats = [random.choose(&[0, 1]), random.choose(&[0, 1])];
        let s = MatMul {
            batch,
            rows,
            inner,
            columns,
            a_step: repeats[0] * rows * inner,
            b_step: repeats[1] * inner * columns,
        };
        let (a, b) = (random.values(batch * rows * inner), random.values(batch * inner * columns));
        let mut y = vec![f32::NAN; batch * rows * columns];
        matmul(&a, &b, &mut y, &s);
        for (at, y) in y.iter().enumerate() {
            let (n, r, c) = (at / (rows * columns), at / columns % rows, at % columns);
            let term = |k: usize| {
                f64::from(a[n * s.a_step + r * inner + k])
                    * f64::from(b[n * s.b_step + k * columns + c])
            };
            close(*y, (0..inner).map(term).sum(), "matmul", case);
        }
    }
}

#[test]
fn pools_see_what_lies_inside() {
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let mut axis = || {
            let (input, kernel, stride) = (random.int(3, 8), random.int(1, 3), random.int(1, 3));
            let pads = [random.int(0, kernel - 1), random.int(0, kernel - 1)];
            let output = (input + pads[0] + pads[1] - kernel) / stride + 1;
            (input, kernel, stride, pads, output)
        };
        let [h, w] = [axis(), axis()];
        let channels = random.int(1, 3);
        let s = PoolShape {
            channels,
            input: [h.0, w.0],
            output: [h.4, w.4],
            kernel: [h.1, w.1],
            strides: [h.2, w.2],
            dilations: [1, 1],
            pads: [h.3[0], w.3[0]],
            pads_end: [h.3[1], w.3[1]],
        };
        let x = random.values(channels * h.0 * w.0);
        let [mut largest, mut mean, mut padded, mut across] =
            [0; 4].map(|_| vec![f32::NAN; channels * h.4 * w.4]);
        max_pool(&x, &mut largest, &s);
        average_pool(&x, &mut mean, &Mean::default(), &s);
        average_pool(&x, &mut padded, &Mean { count_pads: true, by_column: false }, &s);
        average_pool(&x, &mut across, &Mean { count_pads: false, by_column: true }, &s);
        for at in 0..largest.len() {
            let (c, row, column) = (at / (h.4 * w.4), at / w.4 % h.4, at % w.4);
            let inside: Vec<f64> = (0..h.1 * w.1)
                .filter_map(|tap| {
                    let i = (row * h.2 + tap / w.1).checked_sub(h.3[0]).filter(|i| *i < h.0)?;
                    let j = (column * w.2 + tap % w.1).checked_sub(w.3[0]).filter(|j| *j < w.0)?;
                    Some(f64::from(x[(c * h.0 + i) * w.0 + j]))
                })
                .collect();
            let sum: f64 = inside.iter().sum();
            assert_eq!(
                f64::from(largest[at]),
                inside.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            );
            close(mean[at], sum / inside.len() as f64, "average", case);
            close(across[at], sum / inside.len() as f64, "average by column", case);
            close(padded[at], sum / (h.1 * w.1) as f64, "average with pads", case);
        }
    }
}

#[test]
fn means_are_summed_in_the_order_that_is_asked_for() {
    let pair = [2, 2];
    let s = PoolShape {
        channels: 1,
        input: pair,
        output: [1, 1],
        kernel: pair,
        strides: pair,
        dilations: [1, 1],
        pads: [0, 0],
        pads_end: [0, 0],
    };
    // 1e8 + 1 is 1e8 in f32.
    for (by_column, expected) in [(false, 0.25), (true, 0.5)] {
        let mut y = [0.0];
        average_pool(&[1e8, 1.0, -1e8, 1.0], &mut y, &Mean { count_pads: false, by_column }, &s);
        assert_eq!(y, [expected], "{by_column}");
    }
}

/// One gate's rows as the kernel reads them: panels.
fn panels(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut packed = Vec::new();
    for panel in matrix.chunks(PANEL * columns) {
        for column in 0..columns {
            packed.extend(
                (0..PANEL).map(|row| panel.get(row * columns + column).copied().unwrap_or(0.0)),
            );
        }
    }
    packed
}

#[test]
fn a_gru_and_an_lstm_follow_their_equations() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (f, g) = (Unary::Sigmoid, Unary::Tanh);
    for case in 0..CASES {
        let mut random = Random::new(SEED, case);
        let s = RecurrentShape {
            steps: random.int(1, 5),
            rows: random.int(1, 2),
            inputs: random.int(1, 4),
            hidden: random.int(1, 6),
            reverse: random.choose(&[true, false]),
        };
        let lbr = random.choose(&[true, false]);
        let lstm = random.choose(&[true, false]);
        let cell = if lstm {
            Cell::Lstm { f, g, h: g, coupled: false }
        } else {
            Cell::Gru { f, g, linear_before_reset: lbr }
        };
        let (gates, n) = (cell.gates(), s.hidden);
        let (w, r) = (random.values(gates * n * s.inputs), random.values(gates * n * n));
        let (bias_w, bias_r) = (random.values(gates * n), random.values(gates * n));
        let x = random.values(s.steps * s.rows * s.inputs);
        let (mut h, mut c) = (random.values(s.rows * n), random.values(s.rows * n));
        let wide = |x: &[f32]| x.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let (mut h64, mut c64) = (wide(&h), wide(&c));
        let pack = |m: &[f32], columns: usize| -> Vec<f32> {
            m.chunks(n * columns).flat_map(|gate| panels(gate, columns)).collect()
        };
        let (pw, pr) = (pack(&w, s.inputs), pack(&r, n));
        let weights =
            RecurrentWeights { w: &pw, r: &pr, bias_w: &bias_w, bias_r: &bias_r, peepholes: &[] };
        let mut y = vec![f32::NAN; s.steps * s.rows * n];
        let mut scratch = vec![f32::NAN; cell.scratch(n)];
        let memory = RecurrentMemory { h: &mut h, c: &mut c, y: &mut y, scratch: &mut scratch };
        recurrent(&x, &weights, cell, memory, &s);
        let mut steps: Vec<usize> = (0..s.steps).collect();
        if s.reverse {
            steps.reverse();
        }
        for step in steps {
            for row in 0..s.rows {
                let x = wide(&x[(step * s.rows + row) * s.inputs..][..s.inputs]);
                let own = row * n..(row + 1) * n;
                let before = h64[own.clone()].to_vec();
                let input = |gate: usize, j: usize| -> f64 {
                    let row = gate * n + j;
                    let sum: f64 =
                        (0..s.inputs).map(|i| f64::from(w[row * s.inputs + i]) * x[i]).sum();
                    sum + f64::from(bias_w[row])
                };
                let state = |gate: usize, j: usize, h: &[f64]| -> f64 {
                    let row = gate * n + j;
                    (0..n).map(|i| f64::from(r[row * n + i]) * h[i]).sum::<f64>()
                        + f64::from(bias_r[row])
                };
                let gate =
                    |gate: usize, j: usize| sigmoid(input(gate, j) + state(gate, j, &before));
                for j in 0..n {
                    let at = own.start + j;
                    if lstm {
                        let candidate = (input(3, j) + state(3, j, &before)).tanh();
                        c64[at] = gate(2, j) * c64[at] + gate(0, j) * candidate;
                        h64[at] = gate(1, j) * c64[at].tanh();
                        continue;
                    }
                    let reset: Vec<f64> = (0..n).map(|i| gate(1, i) * before[i]).collect();
                    let hidden =
                        if lbr { gate(1, j) * state(2, j, &before) } else { state(2, j, &reset) };
                    let candidate = (input(2, j) + hidden).tanh();
                    h64[at] = (1.0 - gate(0, j)) * candidate + gate(0, j) * before[j];
                }
                for j in 0..n {
                    close(y[(step * s.rows + row) * n + j], h64[own.start + j], "sequence", case);
                }
            }
        }
        for (found, truth) in h.iter().zip(&h64) {
            close(*found, *truth, "state", case);
        }
        if lstm {
            c.iter().zip(&c64).for_each(|(found, truth)| close(*found, *truth, "cell", case));
        }
    }
}
