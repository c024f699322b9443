//! Formats for the values of a graph and integers for its weights, by calibration rows.
//!
//! | Step | Does |
//! |---|---|
//! | `Selection` | which nodes compute with integers |
//! | `observe` | the values of tensors on the calibration rows |
//! | `Float::formats` | scale and zero point of every integer value |
//! | `Float::layer` | integers for a layer's weights, from its inputs as the integer layers before it compute them |

mod observe;

pub use observe::Calibration;

use crate::ir::{Format, Graph, Node, Op, ValueId};
use crate::lower::integers::{IntegerLayer, LayerOutput, Selection, keeps_format};
use crate::lower::layer::{Layer, Reach};
use crate::lower::links::Links;
use crate::lower::quantize::{
    Adjust, IntegerWeights, Moments, Multipliers, Range, ScaleBias, WIDE_BITS, gptq, largest_input,
    refit, resolve, sample, sample_size,
};
use crate::lower::{Core, Integers, Width, joined, place, schedule};
use crate::twin::evaluate;
use crate::{Error, Result};
use elbow_core::kernels::Unary;
use observe::{Observed, observe};
use std::collections::{HashMap, HashSet};

/// How a graph is quantized.
#[derive(Clone, Copy, Debug)]
pub struct Quantization {
    /// Of activations.
    pub width: Width,
    /// Which parameters are fitted to a layer's float outputs once its integers are chosen.
    pub adjust: Adjust,
}

/// Formats and integer weights for the part of the graph that these outputs (by position) need, chosen by the
/// rows of `data`.
///
/// Layers are quantized in order, each by its inputs as the integer layers before it compute them. A layer
/// that reads a state directly stays in floats. The plan is run on all rows once in floats and once per
/// layer.
///
/// # Errors
///
/// As for lowering, or a value is not finite on some row.
pub fn choose(
    graph: &Graph,
    outputs: &[usize],
    data: Calibration,
    options: Quantization,
) -> Result<Integers> {
    let graph = joined(graph, outputs, evaluate)?;
    let links = Links::of(&graph);
    // The values of states are not observed: layers that read one directly stay in floats.
    let states: Vec<ValueId> = data.states.iter().map(|(input, _)| graph.inputs[*input]).collect();
    let selection = Selection::of(&graph, |value| !states.contains(&origin(&graph, &links, value)));
    let unseen = selection.unseen.iter().map(|value| graph.values[*value].name.clone());
    let float = Float::of(&graph, &links, &selection, data)?;
    let mut integers = Integers {
        formats: float.formats(options.width)?,
        layers: Vec::new(),
        floats: unseen
            .map(|name| (name, "it reads a state, which calibration does not show"))
            .collect(),
        width: options.width,
        core: Core::default(),
    };
    for (index, layer) in &selection.layers {
        let node = &graph.nodes[*index];
        let seen = Seen::of(&graph, &links, &integers, layer, data)?;
        let own = float.layer(node, layer, &seen, options);
        narrow(&mut integers, &graph, &links, node, layer, &own);
        integers.layers.push(own);
    }
    cover(&mut integers, &graph);
    Ok(integers)
}

/// Lowers, in `integers.formats`, the clamp of every 16-bit input of the graph to [`COVERED`] times its calibrated
/// range: what is further away is cut off and counted, so that nothing is computed far from all calibration rows
/// without being noticed.
fn cover(integers: &mut Integers, graph: &Graph) {
    if integers.width == Width::Eight {
        return;
    }
    for input in &graph.inputs {
        if let Some(format) = integers.formats.get_mut(&graph.values[*input].name) {
            *format = format.limited(COVERED * CALIBRATED);
        }
    }
}

/// Multiple of the calibrated range of an input that 16 bits cover: rows that are held back stay inside (the largest
/// reading of `imu`'s is 1.14 times the calibrated one), and anomalies do not.
const COVERED: i32 = 2;

/// Lowers, in `integers.formats`, the clamp of the 16-bit input format of a layer until its i32 sums cannot
/// overflow, also for every producer that shares the format; `own` are the layer's integer weights. Nothing
/// changes with eight-bit activations, or where the calibrated range would be cut or a multiplier has no
/// integer form: the layer then stays f32.
fn narrow(
    integers: &mut Integers,
    graph: &Graph,
    links: &Links,
    node: &Node,
    layer: &Layer,
    own: &IntegerLayer,
) {
    if integers.width == Width::Eight {
        return;
    }
    let to = LayerOutput::of(graph, links, node, integers).format;
    let Some(limit) = room(layer, own, to).filter(|limit| *limit >= CALIBRATED) else { return };
    let mut value = layer.x;
    loop {
        if let Some(format) = integers.formats.get_mut(&graph.values[value].name) {
            *format = format.limited(limit);
        }
        match links.producer(graph, value).filter(|node| keeps_format(node)) {
            Some(node) => value = node.inputs[0],
            None => return,
        }
    }
}

/// Integer that stands for the largest calibrated magnitude of a wide activation: 4095.
const CALIBRATED: i32 = (1 << (WIDE_BITS - 1)) - 1;

/// The largest magnitude of symmetric integer inputs with which no sum of the layer overflows i32, after its
/// group's left shift where outputs are integers of the format `to` (floats for `None`); i32::MAX without
/// weights. `None` where a group's multipliers cannot be represented.
fn room(layer: &Layer, own: &IntegerLayer, to: Option<Format>) -> Option<i32> {
    let filters = (layer.outputs() / layer.groups().max(1)).max(1);
    let rows = own.weights.chunks(layer.inputs.max(1));
    let rows: Vec<_> = own.lines.iter().zip(rows).collect();
    let mut limit = i32::MAX;
    for group in rows.chunks(filters) {
        let shift = match to {
            None => 0,
            Some(to) => {
                let real = group.iter().map(|(line, _)| line.scale / f64::from(to.scale));
                Multipliers::of(&real.collect::<Vec<_>>()).ok()?.shift
            }
        };
        for (ScaleBias { scale, bias }, weights) in group {
            let bias = (bias / scale).clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i32;
            limit = limit.min(largest_input(bias, weights, shift));
        }
    }
    Some(limit)
}

/// The value at the beginning of the chain of reshapes that computes `value`; `value` itself where no reshape
/// computes it.
fn origin(graph: &Graph, links: &Links, mut value: ValueId) -> ValueId {
    while let Some(node) = links.producer(graph, value).filter(|node| node.op == Op::Reshape) {
        value = node.inputs[0];
    }
    value
}

/// The graph in f32, with its values on the calibration rows.
struct Float<'g> {
    graph: &'g Graph,
    links: &'g Links,
    selection: &'g Selection,
    observed: Observed,
}

impl<'g> Float<'g> {
    /// The float values, on all calibration rows, of everything that integers will hold and of the outputs of
    /// integer layers: one run of the plan in f32.
    ///
    /// # Errors
    ///
    /// As for scheduling and for running the plan on the rows.
    fn of(
        graph: &'g Graph,
        links: &'g Links,
        selection: &'g Selection,
        data: Calibration,
    ) -> Result<Self> {
        let name = |value: ValueId| graph.values[origin(graph, links, value)].name.as_str();
        let held = (0..graph.values.len()).filter(|value| selection.integer[*value]);
        let given = selection.layers.iter().map(|(index, _)| graph.nodes[*index].output);
        let names: HashSet<&str> = held.chain(given).map(name).collect();
        let plan = place(schedule(graph, None)?);
        Ok(Self { graph, links, selection, observed: observe(&plan, data, &names)? })
    }

    /// The float values of `value` on all rows, one row after another; for a reshaped value those of its
    /// origin, and empty for a value that was not observed.
    fn values(&self, value: ValueId) -> &[f32] {
        let value = origin(self.graph, self.links, value);
        let own = self.observed.get(&self.graph.values[value].name);
        own.map_or(&[], |values| values)
    }

    /// A format for every value that integers hold, by its name. `Reshape` and pooling keep that of their
    /// operand; in 16 bits the operand of a leaky ReLU takes the format of the result where it fits.
    ///
    /// # Errors
    ///
    /// As for `format`.
    fn formats(&self, width: Width) -> Result<HashMap<String, Format>> {
        let mut formats: Vec<Option<Format>> = vec![None; self.graph.values.len()];
        let produced: HashSet<ValueId> = self.graph.nodes.iter().map(|node| node.output).collect();
        let given = (0..self.graph.values.len()).filter(|value| !produced.contains(value));
        for value in given.filter(|value| self.selection.integer[*value]) {
            formats[value] = Some(self.format(value, width)?);
        }
        for node in self.graph.nodes.iter().filter(|node| self.selection.integer[node.output]) {
            let kept = keeps_format(node).then(|| formats[node.inputs[0]]).flatten();
            formats[node.output] = match kept {
                Some(format) => Some(format),
                None => Some(self.format(node.output, width)?),
            };
        }
        // A leaky ReLU keeps the step of its operand, which so loses nothing where it is positive; where
        // it is negative, it has to fit into what the result leaves free.
        for node in self.graph.nodes.iter().rev() {
            let Op::Unary(Unary::LeakyRelu(_)) = node.op else { continue };
            let x = node.inputs[0];
            let own = self.links.producer(self.graph, x).is_some_and(|node| !keeps_format(node));
            let (Some(_), Some(format)) = (formats[x], formats[node.output]) else { continue };
            let mut range = Range::default();
            range.observe(self.values(x));
            let fits = range.max_abs() <= format.scale * format.high as f32;
            if width == Width::Sixteen && own && fits && self.links.uses(x) == 1 {
                formats[x] = Some(format);
            }
        }
        let named = formats.into_iter().zip(&self.graph.values);
        Ok(named.filter_map(|(format, value)| Some((value.name.clone(), format?))).collect())
    }

    /// The format for the range of a value on the calibration rows: with zero point in eight bits, symmetric
    /// in sixteen.
    ///
    /// # Errors
    ///
    /// The range is not finite, or there are no values; the message names the value.
    fn format(&self, value: ValueId, width: Width) -> Result<Format> {
        let mut range = Range::default();
        range.observe(self.values(value));
        let format = match width {
            Width::Eight => Format::asymmetric_i8(range.min, range.max),
            Width::Sixteen => Format::symmetric(range.max_abs(), WIDE_BITS),
        };
        format.map_err(|error| {
            let name = &self.graph.values[value].name;
            Error::input(format!(
                "value `{name}`: {error} on the calibration rows; check their scale against the training data"
            ))
        })
    }

    /// Integer weights, scales and biases of `layer`, computed by `node`, whose integer inputs on all rows
    /// are `seen`: group by group, fitted to the float outputs.
    fn layer(
        &self,
        node: &Node,
        layer: &Layer,
        seen: &Seen,
        options: Quantization,
    ) -> IntegerLayer {
        let groups = layer.groups().max(1);
        let filters = layer.outputs() / groups;
        let given = self.values(node.output);
        let name = |value: ValueId| self.graph.values[value].name.clone();
        let mut own = IntegerLayer {
            node: node.name.clone(),
            reads: name(layer.x),
            gives: name(node.output),
            ..IntegerLayer::default()
        };
        for group in 0..groups {
            let outputs = group * filters..(group + 1) * filters;
            let sample = Sample::of(layer, group, outputs.clone(), seen, given);
            let rows = outputs.start * layer.inputs..outputs.end * layer.inputs;
            let moments = Moments::of(&sample.patches, layer.inputs);
            let (weights, scale) = (&layer.weights[rows], seen.format.scale);
            let mut integers = match options.width {
                Width::Eight => gptq(weights, &moments),
                // Eight bits would lose on other rows what this gains on these.
                Width::Sixteen => {
                    let Sample { patches, targets } = &sample;
                    gptq(&resolve(weights, &moments, patches, targets, scale), &moments)
                }
            };
            let bias = &layer.bias[outputs];
            silence(&mut integers, bias, scale);
            own.lines.extend(sample.lines(&integers, bias, scale, options.adjust));
            own.weights.extend(integers.values);
        }
        own
    }
}

/// The input of a layer on every row, as integers hold it.
struct Seen {
    /// All rows, as the integer layers before compute them, as floats.
    values: Vec<f32>,
    /// Their integer format.
    format: Format,
    rows: usize,
}

impl Seen {
    /// The input of `layer` on all rows, by a run of the graph with the integer layers chosen so far.
    ///
    /// # Errors
    ///
    /// As for scheduling and for running the plan on the rows, or the input has no format in `integers`.
    fn of(
        graph: &Graph,
        links: &Links,
        integers: &Integers,
        layer: &Layer,
        data: Calibration,
    ) -> Result<Self> {
        let name = graph.values[origin(graph, links, layer.x)].name.as_str();
        let plan = place(schedule(graph, Some(integers))?);
        let values = observe(&plan, data, &HashSet::from([name]))?.remove(name);
        let name = &graph.values[layer.x].name;
        let format = integers.formats.get(name).copied().ok_or_else(|| {
            Error::input(format!("value `{name}` has no integer format: this is a defect of elbow"))
        })?;
        Ok(Self { values: values.unwrap_or_default(), format, rows: data.batch.len })
    }

    /// The integer of `value` in the input's format, less the zero point.
    fn steps(&self, value: f32) -> i16 {
        (self.format.quantize(value) - self.format.zero_point) as i16
    }
}

/// Inputs and outputs of a group of a layer, at some positions of all rows.
struct Sample {
    /// Steps of the inputs, patch by patch.
    patches: Vec<i16>,
    /// The float outputs at each.
    targets: Vec<f32>,
}

impl Sample {
    /// A sample of the patches of `group`, whose outputs have the indices `outputs`; `given` holds the float
    /// outputs of the layer on all rows. The positions are drawn by `sample`, the same at every call.
    fn of(
        layer: &Layer,
        group: usize,
        outputs: std::ops::Range<usize>,
        seen: &Seen,
        given: &[f32],
    ) -> Self {
        let (of_x, of_y) = (seen.values.len() / seen.rows.max(1), given.len() / seen.rows.max(1));
        let positions = of_y / layer.outputs().max(1);
        let all = seen.rows * positions;
        let mut chosen = sample(all, sample_size(all, layer.inputs)).peekable();
        let mut found = Self { patches: Vec::new(), targets: Vec::new() };
        for row in 0..seen.rows {
            let end = (row + 1) * positions;
            if chosen.peek().is_none_or(|next| *next >= end) {
                continue;
            }
            let patches = layer.patches(&seen.values[row * of_x..][..of_x], group);
            let given = &given[row * of_y..][..of_y];
            while let Some(at) = chosen.next_if(|next| *next < end) {
                let position = at - row * positions;
                let patch = &patches[position * layer.inputs..][..layer.inputs];
                found.patches.extend(patch.iter().map(|value| seen.steps(*value)));
                let place = |output: usize| match layer.reach {
                    Reach::Rows => position * layer.outputs() + output,
                    Reach::Windows(_) => output * positions + position,
                };
                found.targets.extend(outputs.clone().map(|output| given[place(output)]));
            }
        }
        found
    }

    /// Scale and bias of every output of the group, by least squares from the integer sums of the sampled
    /// patches to its float outputs; `bias` and `x_scale`, the step of the inputs, are the start.
    fn lines(
        &self,
        integers: &IntegerWeights,
        bias: &[f32],
        x_scale: f32,
        adjust: Adjust,
    ) -> Vec<ScaleBias> {
        let scales = integers.scale.iter().zip(bias);
        let lines: Vec<ScaleBias> = scales
            .map(|(scale, bias)| ScaleBias {
                scale: f64::from(*scale) * f64::from(x_scale),
                bias: f64::from(*bias),
            })
            .collect();
        let sums: Vec<i32> = self
            .patches
            .chunks_exact(integers.inputs.max(1))
            .flat_map(|patch| (0..lines.len()).map(|row| product(patch, integers.row(row))))
            .collect();
        refit(&sums, &self.targets, &lines, adjust).into_iter().map(|refit| refit.line).collect()
    }
}

/// Sets the integers of a row to 0 where its bias is more than 2^30 units of the integer sum, and so would
/// not fit it: training left such units dead. The scale of the row then becomes `|bias| / 2^20 / x_scale`, so
/// that the bias is held to 2^-20 of itself. `bias` has a value per row, `x_scale` is the step of the inputs.
fn silence(integers: &mut IntegerWeights, bias: &[f32], x_scale: f32) {
    const MOST: f32 = (1u32 << 30) as f32;
    const STEPS: f32 = (1u32 << 20) as f32;
    let rows = integers.values.chunks_mut(integers.inputs.max(1));
    for ((row, scale), bias) in rows.zip(&mut integers.scale).zip(bias) {
        if bias.abs() > *scale * x_scale * MOST {
            row.fill(0);
            *scale = bias.abs() / STEPS / x_scale;
        }
    }
}

/// The dot product in i32, over the shorter of the two.
fn product(patch: &[i16], weights: &[i8]) -> i32 {
    patch.iter().zip(weights).map(|(x, w)| i32::from(*x) * i32::from(*w)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_layer_is_that_of_its_shifted_sums() {
        let layer = Layer {
            x: 0,
            weights: vec![1.0; 4],
            bias: vec![100.0, 0.0],
            inputs: 2,
            reach: Reach::Rows,
        };
        let line = |bias| ScaleBias { scale: 1.0, bias };
        let own = IntegerLayer {
            weights: vec![127, -127, 1, 0],
            lines: vec![line(100.0), line(0.0)],
            ..IntegerLayer::default()
        };
        let format = |scale| Some(Format { scale, zero_point: 0, low: -32767, high: 32767 });
        // A multiplier of 4 is below 1/2 after a shift of 4.
        assert_eq!(room(&layer, &own, None), Some((i32::MAX - 100) / 254));
        assert_eq!(room(&layer, &own, format(4.0)), Some((i32::MAX - 100) / 254));
        assert_eq!(room(&layer, &own, format(0.25)), Some(((i32::MAX >> 4) - 100) / 254));
        assert_eq!(room(&layer, &own, format(1e-20)), None);
    }
}
