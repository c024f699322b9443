//! Batch normalization as part of the layer before it.

use super::super::links::Links;
use super::constant;
use crate::ir::{Graph, Node, Op, ValueId};

/// The node of this index, `BatchNormalization(layer(x))` with constant statistics, as that layer with
/// weights `alpha * w * scale` and biases `beta * b * scale + shift`, which are added to the graph as
/// constants; a `MatMul` becomes a `Gemm`. `None` where the node is no such normalization, something else
/// reads the layer's result, weights or biases are not constant, or they have a shape that `bias` or
/// `filter_of` does not take; the graph is then unchanged.
pub(super) fn into_layer(graph: &mut Graph, links: &Links, index: usize) -> Option<Node> {
    let norm = &graph.nodes[index];
    let affine = Affine::of(graph, norm)?;
    let layer = links.only(graph, norm.inputs[0])?.clone();
    let [x, w] = *layer.inputs.first_chunk()?;
    let (weights, bias) = (graph.values[w].constant.clone()?, bias(graph, &layer, affine.len())?);
    let (w_name, w_shape) = (graph.values[w].name.clone(), graph.values[w].shape.clone());
    let filter = filter_of(graph, &layer, affine.len())?;
    let (op, alpha, beta) = match layer.op.clone() {
        Op::Gemm { trans_a, trans_b, alpha, beta } => {
            (Op::Gemm { trans_a, trans_b, alpha: 1.0, beta: 1.0 }, alpha, beta)
        }
        Op::MatMul => {
            (Op::Gemm { trans_a: false, trans_b: false, alpha: 1.0, beta: 1.0 }, 1.0, 1.0)
        }
        op => (op, 1.0, 1.0),
    };
    let weights = weights.iter().enumerate();
    let weights = weights
        .map(|(i, &w)| (f64::from(w) * f64::from(alpha) * affine.scale[filter(i)]) as f32)
        .collect();
    let bias = bias.iter().zip(&affine.scale).zip(&affine.shift);
    let bias = bias
        .map(|((&b, scale), shift)| (f64::from(b) * f64::from(beta) * scale + shift) as f32)
        .collect();
    let (name, output) = (norm.name.clone(), norm.output);
    let w = constant(graph, format!("{w_name} with {name}"), w_shape, weights);
    let b = constant(graph, format!("bias with {name}"), vec![affine.len()], bias);
    Some(Node { op, inputs: vec![x, w, b], output, ..layer })
}

/// The biases of a layer, one per filter: zeros where it has none, a single number repeated. `None` where
/// they are not constant or of another shape.
fn bias(graph: &Graph, layer: &Node, filters: usize) -> Option<Vec<f32>> {
    let Some(&bias) = layer.inputs.get(2) else { return Some(vec![0.0; filters]) };
    let (bias, shape) = (graph.values[bias].constant.as_ref()?, &graph.values[bias].shape);
    match bias.len() {
        1 => Some(vec![bias[0]; filters]),
        len if len == filters && shape.last() == Some(&filters) => Some(bias.clone()),
        _ => None,
    }
}

/// The function from the index of a weight to its filter, that is its channel of the result. `None` for an
/// operator that is no layer, and for matrix products of other ranks than 2.
fn filter_of(graph: &Graph, layer: &Node, filters: usize) -> Option<Box<dyn Fn(usize) -> usize>> {
    let shape = &graph.values[*layer.inputs.get(1)?].shape;
    let in_rows = graph.values[layer.output].shape.len() == 2 && shape.len() == 2;
    let rest = shape.iter().skip(1).product::<usize>().max(1);
    Some(match layer.op {
        Op::Gemm { trans_b: true, .. } if in_rows => Box::new(move |i| i / rest),
        Op::Gemm { .. } | Op::MatMul if in_rows => Box::new(move |i| i % filters),
        Op::Conv { .. } => Box::new(move |i| i / rest),
        Op::ConvTranspose { groups, .. } => {
            let (channels, kernel) = (*shape.first()?, shape.iter().skip(2).product::<usize>());
            let (channels, per_group) = (channels / groups, filters / groups);
            Box::new(move |i| i / (channels * rest) * per_group + i / kernel % per_group)
        }
        _ => return None,
    })
}

/// A normalization as `y = x * scale + shift` per channel.
pub(in super::super) struct Affine {
    pub(in super::super) scale: Vec<f64>,
    pub(in super::super) shift: Vec<f64>,
}

impl Affine {
    /// `scale / sqrt(variance + epsilon)` and `bias - mean * scale` of a `BatchNormalization`, in f64. `None`
    /// for any other node, and where its parameters are not constant.
    pub(in super::super) fn of(graph: &Graph, norm: &Node) -> Option<Self> {
        let Op::BatchNormalization { epsilon } = norm.op else { return None };
        let [_, scale, bias, mean, variance] = norm.inputs[..] else { return None };
        let constant = |value: ValueId| graph.values[value].constant.as_ref();
        let scale = constant(scale)?.iter().zip(constant(variance)?);
        let scale: Vec<f64> = scale
            .map(|(&scale, &variance)| {
                f64::from(scale) / (f64::from(variance) + f64::from(epsilon)).sqrt()
            })
            .collect();
        let shift = constant(bias)?.iter().zip(constant(mean)?).zip(&scale);
        let shift = shift.map(|((&bias, &mean), scale)| f64::from(bias) - f64::from(mean) * scale);
        Some(Self { shift: shift.collect(), scale })
    }

    /// Number of channels.
    fn len(&self) -> usize {
        self.scale.len()
    }
}
