//! Graphs in f64, by the formulas of their operations and nothing else.

use elbow::ir::{Graph, Node, Op, Pooling};
use elbow_core::kernels::{Mean, Reduction};
use elbow_tests::formulas::{binary, unary};
use std::collections::HashMap;

/// A tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    /// A tensor of this shape by its indices.
    fn by(shape: &[usize], f: impl Fn(&[usize]) -> f64) -> Self {
        Self { shape: shape.to_vec(), values: indices(shape).map(|index| f(&index)).collect() }
    }

    fn at(&self, index: &[usize]) -> f64 {
        let flat = self.shape.iter().zip(index).fold(0, |flat, (len, index)| flat * len + index);
        self.values[flat]
    }

    /// At an index of a larger shape that it is repeated to.
    fn repeated(&self, index: &[usize]) -> f64 {
        let own = &index[index.len() - self.shape.len()..];
        let own: Vec<usize> =
            own.iter().zip(&self.shape).map(|(&i, &len)| if len == 1 { 0 } else { i }).collect();
        self.at(&own)
    }
}

/// All indices of a shape, the last axis fastest.
fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    (0..shape.iter().product::<usize>()).map(|mut flat| {
        let mut index = vec![0; shape.len()];
        for (at, len) in shape.iter().enumerate().rev() {
            (index[at], flat) = (flat % len, flat / len);
        }
        index
    })
}

/// Values of all outputs of the graph; `None` where it has an operation without a formula here.
pub fn run(graph: &Graph, inputs: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let mut values: HashMap<usize, Tensor> = HashMap::new();
    for (id, value) in graph.values.iter().enumerate() {
        if let Some(constant) = &value.constant {
            let constant = constant.iter().map(|&value| f64::from(value)).collect();
            values.insert(id, Tensor { shape: value.shape.clone(), values: constant });
        }
    }
    for (id, input) in graph.inputs.iter().zip(inputs) {
        let shape = graph.values[*id].shape.clone();
        values.insert(*id, Tensor { shape, values: input.clone() });
    }
    for node in &graph.nodes {
        let operands: Option<Vec<&Tensor>> = node.inputs.iter().map(|id| values.get(id)).collect();
        let result = of_node(node, &operands?, &graph.values[node.output].shape)?;
        values.insert(node.output, result);
    }
    graph.outputs.iter().map(|(_, id)| Some(values.get(id)?.values.clone())).collect()
}

fn of_node(node: &Node, x: &[&Tensor], shape: &[usize]) -> Option<Tensor> {
    let same = |values: Vec<f64>| Tensor { shape: shape.to_vec(), values };
    Some(match &node.op {
        &Op::Gemm { trans_a, trans_b, alpha, beta } => {
            let [alpha, beta] = [alpha, beta].map(f64::from);
            let inner = if trans_a { x[0].shape[0] } else { x[0].shape[1] };
            let pick = |t: &Tensor, trans, i, j| if trans { t.at(&[j, i]) } else { t.at(&[i, j]) };
            Tensor::by(shape, |i| {
                let terms =
                    (0..inner).map(|k| pick(x[0], trans_a, i[0], k) * pick(x[1], trans_b, k, i[1]));
                alpha * terms.sum::<f64>() + x.get(2).map_or(0.0, |c| beta * c.repeated(i))
            })
        }
        Op::MatMul => matmul(x[0], x[1], shape),
        Op::Binary(op) => Tensor::by(shape, |i| binary(*op, x[0].repeated(i), x[1].repeated(i))),
        Op::Unary(f) => same(x[0].values.iter().map(|&x| unary(*f, x)).collect()),
        Op::Conv { strides, dilations, pads, groups } => {
            convolution(x, [strides, dilations, pads], *groups, shape)
        }
        Op::ConvTranspose { strides, dilations, pads, groups } => {
            transposed(x, [strides, dilations, pads], *groups, shape)
        }
        Op::BatchNormalization { epsilon } => Tensor::by(shape, |i| {
            let of = |at: usize| x[at].values[i[1]];
            (x[0].at(i) - of(3)) / (of(4) + f64::from(*epsilon)).sqrt() * of(1) + of(2)
        }),
        Op::Reshape => same(x[0].values.clone()),
        Op::Transpose { perm } => Tensor::by(shape, |i| {
            let mut from = vec![0; i.len()];
            perm.iter().zip(i).for_each(|(&axis, &i)| from[axis] = i);
            x[0].at(&from)
        }),
        Op::Expand => Tensor::by(shape, |i| x[0].repeated(i)),
        Op::Concat { axis } => Tensor::by(shape, |i| {
            let mut i = i.to_vec();
            let part = x.iter().find(|part| {
                let inside = i[*axis] < part.shape[*axis];
                i[*axis] -= if inside { 0 } else { part.shape[*axis] };
                inside
            });
            part.expect("an operand holds it").at(&i)
        }),
        Op::Slice { starts, steps } => Tensor::by(shape, |i| {
            let from = i.iter().zip(starts).zip(steps);
            let from = from.map(|((&i, start), step)| start.wrapping_add_signed(step * i as isize));
            x[0].at(&from.collect::<Vec<_>>())
        }),
        Op::Where => Tensor::by(shape, |i| {
            if x[0].repeated(i) == 0.0 { x[2].repeated(i) } else { x[1].repeated(i) }
        }),
        Op::Reduce { reduction, axes } => same(reduce(x[0], *reduction, axes)),
        Op::Normalize { axis, epsilon, rms } => {
            let len: usize = shape[*axis..].iter().product();
            let row = |row: &[f64]| {
                let mean = if *rms { 0.0 } else { row.iter().sum::<f64>() / len as f64 };
                let squares: f64 = row.iter().map(|x| (x - mean).powi(2)).sum();
                let root = (squares / len as f64 + f64::from(*epsilon)).sqrt();
                row.iter().map(move |x| (x - mean) / root).collect::<Vec<_>>()
            };
            same(x[0].values.chunks(len).flat_map(row).collect())
        }
        Op::Softmax { axis, log } => Tensor::by(shape, |i| {
            let along = (0..shape[*axis]).map(|at| x[0].at(&with(i, *axis, at)).exp());
            let sum: f64 = along.sum();
            if *log { x[0].at(i) - sum.ln() } else { x[0].at(i).exp() / sum }
        }),
        Op::CumSum { axis, exclusive, reverse } => Tensor::by(shape, |i| {
            let counts = |at: usize| match reverse {
                true => at > i[*axis] || at == i[*axis] && !exclusive,
                false => at < i[*axis] || at == i[*axis] && !exclusive,
            };
            let along = (0..shape[*axis]).filter(|&at| counts(at));
            along.map(|at| x[0].at(&with(i, *axis, at))).sum()
        }),
        Op::Pool { kernel, strides, dilations, pads, pads_end, kind } => {
            pool(x[0], [kernel, strides, dilations, pads, pads_end], *kind, shape)
        }
        Op::Pad { starts, value } => Tensor::by(shape, |i| {
            let from: Option<Vec<usize>> =
                i.iter().zip(starts).map(|(i, start)| i.checked_sub(*start)).collect();
            let inside = from.filter(|from| from.iter().zip(&x[0].shape).all(|(i, len)| i < len));
            inside.map_or(f64::from(*value), |from| x[0].at(&from))
        }),
        Op::Take { axis, indices } => {
            Tensor::by(shape, |i| x[0].at(&with(i, *axis, indices[i[*axis]])))
        }
        Op::Resample { axis, taps, indices, weights } => Tensor::by(shape, |i| {
            let own = i[*axis] * taps..(i[*axis] + 1) * taps;
            own.map(|at| f64::from(weights[at]) * x[0].at(&with(i, *axis, indices[at]))).sum()
        }),
        Op::Round(_)
        | Op::ArgExtreme { .. }
        | Op::TakeBy { .. }
        | Op::TakeAlong { .. }
        | Op::Recurrent { .. }
        | Op::Slope(_)
        | Op::Score { .. } => return None,
    })
}

fn with(index: &[usize], axis: usize, at: usize) -> Vec<usize> {
    let mut index = index.to_vec();
    index[axis] = at;
    index
}

fn matmul(a: &Tensor, b: &Tensor, shape: &[usize]) -> Tensor {
    let left = if a.shape.len() == 1 { [&[1], &a.shape[..]].concat() } else { a.shape.clone() };
    let right = if b.shape.len() == 1 { [&b.shape[..], &[1]].concat() } else { b.shape.clone() };
    let (a, b) = (
        Tensor { shape: left.clone(), values: a.values.clone() },
        Tensor { shape: right.clone(), values: b.values.clone() },
    );
    let (rows, inner, columns) =
        (left[left.len() - 2], left[left.len() - 1], right[right.len() - 1]);
    let stack: Vec<usize> = {
        let (a, b) = (&left[..left.len() - 2], &right[..right.len() - 2]);
        let rank = a.len().max(b.len());
        let len = |s: &[usize], axis: usize| (axis + s.len()).checked_sub(rank).map_or(1, |i| s[i]);
        (0..rank).map(|axis| len(a, axis).max(len(b, axis))).collect()
    };
    let full = [&stack[..], &[rows, columns]].concat();
    let product = Tensor::by(&full, |i| {
        let lead = &i[..i.len() - 2];
        let term = |k: usize| {
            a.repeated(&[lead, &[i[i.len() - 2], k]].concat())
                * b.repeated(&[lead, &[k, i[i.len() - 1]]].concat())
        };
        (0..inner).map(term).sum()
    });
    Tensor { shape: shape.to_vec(), ..product }
}

/// Positions of a filter's taps, and the index that each reads.
fn taps(kernel: &[usize]) -> Vec<Vec<usize>> {
    indices(kernel).collect()
}

fn convolution(
    x: &[&Tensor],
    [strides, dilations, pads]: [&Vec<usize>; 3],
    groups: usize,
    shape: &[usize],
) -> Tensor {
    let (own, filters) = (x[1].shape[1], shape[1] / groups);
    let taps = taps(&x[1].shape[2..]);
    Tensor::by(shape, |i| {
        let mut sum = x.get(2).map_or(0.0, |bias| bias.values[i[1]]);
        for channel in 0..own {
            for tap in &taps {
                let from = (0..tap.len()).map(|axis| {
                    let at = i[2 + axis] * strides[axis] + tap[axis] * dilations[axis];
                    at.checked_sub(pads[axis]).filter(|at| *at < x[0].shape[2 + axis])
                });
                let Some(from) = from.collect::<Option<Vec<usize>>>() else { continue };
                let source = i[1] / filters * own + channel;
                sum += x[0].at(&[&[0, source], &from[..]].concat())
                    * x[1].at(&[&[i[1], channel], &tap[..]].concat());
            }
        }
        sum
    })
}

fn transposed(
    x: &[&Tensor],
    [strides, dilations, pads]: [&Vec<usize>; 3],
    groups: usize,
    shape: &[usize],
) -> Tensor {
    let (filters, own) = (x[1].shape[1], x[1].shape[0] / groups);
    let taps = taps(&x[1].shape[2..]);
    Tensor::by(shape, |i| {
        let mut sum = x.get(2).map_or(0.0, |bias| bias.values[i[1]]);
        for channel in i[1] / filters * own..(i[1] / filters + 1) * own {
            for tap in &taps {
                let from = (0..tap.len()).map(|axis| {
                    let at = (i[2 + axis] + pads[axis]).checked_sub(tap[axis] * dilations[axis])?;
                    let whole = at.is_multiple_of(strides[axis]);
                    Some(at / strides[axis]).filter(|at| whole && *at < x[0].shape[2 + axis])
                });
                let Some(from) = from.collect::<Option<Vec<usize>>>() else { continue };
                sum += x[0].at(&[&[0, channel], &from[..]].concat())
                    * x[1].at(&[&[channel, i[1] % filters], &tap[..]].concat());
            }
        }
        sum
    })
}

fn pool(
    x: &Tensor,
    [kernel, strides, dilations, pads, pads_end]: [&Vec<usize>; 5],
    kind: Pooling,
    shape: &[usize],
) -> Tensor {
    let front = shape.len() - kernel.len();
    let taps = taps(kernel);
    Tensor::by(shape, |i| {
        let (mut sum, mut largest, mut inside, mut padded) = (0.0, f64::NEG_INFINITY, 0, 0);
        for tap in &taps {
            let at: Vec<usize> = (0..tap.len())
                .map(|axis| i[front + axis] * strides[axis] + tap[axis] * dilations[axis])
                .collect();
            let len = |axis: usize| x.shape[front + axis];
            let in_pads =
                |(axis, at): (usize, &usize)| *at < pads[axis] + len(axis) + pads_end[axis];
            padded += usize::from(at.iter().enumerate().all(in_pads));
            let from = at.iter().enumerate();
            let from = from
                .map(|(axis, at)| at.checked_sub(pads[axis]).filter(|at| *at < len(axis)))
                .collect::<Option<Vec<usize>>>();
            let Some(from) = from else { continue };
            let value = x.at(&[&i[..front], &from].concat());
            (sum, largest, inside) = (sum + value, largest.max(value), inside + 1);
        }
        match kind {
            Pooling::Max => largest,
            Pooling::Average(Mean { count_pads, .. }) => {
                sum / f64::from(if count_pads { padded as u32 } else { inside as u32 })
            }
        }
    })
}

fn reduce(x: &Tensor, reduction: Reduction, axes: &[usize]) -> Vec<f64> {
    let (lens, front): (Vec<usize>, Vec<usize>) = (
        axes.iter().map(|&axis| x.shape[axis]).collect(),
        (0..x.shape.len()).filter(|axis| !axes.contains(axis)).collect(),
    );
    let front_lens: Vec<usize> = front.iter().map(|&axis| x.shape[axis]).collect();
    let of = |outer: Vec<usize>| {
        let values: Vec<f64> = indices(&lens)
            .map(|inner| {
                let mut index = vec![0; x.shape.len()];
                front.iter().zip(&outer).for_each(|(&axis, &at)| index[axis] = at);
                axes.iter().zip(&inner).for_each(|(&axis, &at)| index[axis] = at);
                x.at(&index)
            })
            .collect();
        let values = values.into_iter();
        match reduction {
            Reduction::Sum => values.sum(),
            Reduction::Mean => {
                let len = values.len() as f64;
                values.sum::<f64>() / len
            }
            Reduction::Max => values.fold(f64::NEG_INFINITY, f64::max),
            Reduction::Min => values.fold(f64::INFINITY, f64::min),
            Reduction::Product => values.product(),
            Reduction::SumOfSquares => values.map(|x| x * x).sum(),
            Reduction::SumOfMagnitudes => values.map(f64::abs).sum(),
        }
    };
    indices(&front_lens).map(of).collect()
}
