//! Layers of integer weights: dense, convolution, transposed convolution, depthwise.
//!
//! A method for a node appends its kernel calls to the draft, with the weights that they read, and binds the
//! node's output to the tensor that holds the result. `Err`, where a doc names one, says what was found and
//! what to do about it; what was appended before it stays.

use super::super::weights::Constant;
use super::super::{Advice, Scheduler};
use super::padded::Padded;
use super::{
    Element, Encoding, Format, Integer, IntegerLayer, Integers, Kernel, Layer, Node, Order,
};
use super::{TensorId, ValueId, Width};
use crate::lower::integers::{Core, LayerOutput};
use crate::lower::layer::{ConvWindows, Reach};
use crate::lower::plan::words_of_bytes;
use crate::lower::quantize::{Multipliers, QuantizeError, ScaleBias, SumBounds, fold_bias};
use elbow_core::kernels::integer::{
    Depthwise, Form, Linear, Requantize, pack_depthwise, pack_weights, packed_depthwise_len,
    packed_len, paired_segment,
};
use elbow_core::kernels::{AXES, PANEL, Strided};
use std::ops::Range;

/// A layer that is being scheduled, with its integers and the formats around it.
struct LayerCall<'a> {
    node: &'a Node,
    layer: &'a Layer,
    /// Its integer weights, with scale and bias of each output.
    own: &'a IntegerLayer,
    core: Core,
    width: Width,
    /// Format of what it reads.
    from: Format,
    /// Format of its output; `None` where that is f32.
    to: Option<Format>,
    /// Bounds of the clamp behind it, which its kernel applies as well; infinite where there is none.
    bounds: (f32, f32),
}

/// Windows of a feature map as runs of neighbouring values of a padded copy.
struct Runs {
    padded: Padded,
    /// How the kernel walks the copy.
    shape: Linear,
    /// Kernel row and column of every tap, in the order in which a patch holds them.
    taps: Vec<[usize; 2]>,
}

impl<'g> Scheduler<'g> {
    /// Schedules a layer with integer weights, and the clamp behind it where nothing else reads the layer;
    /// true. False, with the reason noted in the draft and nothing scheduled, where a sum could overflow or a
    /// scale has no multiplier. `Err` where its input has no format or its weights cannot be packed.
    pub(super) fn integer_layer(
        &mut self,
        node: &Node,
        integers: &Integers,
        layer: &Layer,
        own: &IntegerLayer,
    ) -> Advice<bool> {
        let format = |value: ValueId| integers.formats.get(&self.graph.values[value].name).copied();
        let encoding = self.stored[layer.x].as_ref().map(|stored| stored.encoding.format);
        let from = encoding.or(format(layer.x));
        let from = from.ok_or("its input has no integer format: this is a defect of elbow")?;
        let LayerOutput { value: gives, format: to, bounds } =
            LayerOutput::of(self.graph, &self.links, node, integers);
        let call = LayerCall {
            node,
            layer,
            own,
            core: integers.core,
            width: integers.width,
            from,
            to,
            bounds,
        };
        if let Err(error) = call.prove() {
            return Ok(self.in_floats(node, &error.to_string()));
        }
        let (outputs, positions) = (layer.outputs(), self.positions(layer, node.output));
        let element = to.map_or(Element::F32, |_| Self::element(integers.width));
        let y = self.integers(element, outputs * positions);
        match &layer.reach {
            Reach::Rows => self.rows(&call, y, positions)?,
            Reach::Windows(windows) if layer.is_depthwise() => self.depthwise(&call, y, windows)?,
            Reach::Windows(windows) => self.windows(&call, y, windows)?,
        }
        let order = match layer.reach {
            Reach::Rows => Order::AsIs(outputs * positions),
            Reach::Windows(_) => Order::ChannelsLast { channels: outputs, positions },
        };
        match to {
            Some(format) => self.hold(gives, y, Encoding { format, order, element }),
            None => {
                let y = self.channels_first(node, y, order);
                self.bind(node.output, y);
            }
        }
        Ok(true)
    }

    /// Number of values that each output channel of the layer has in `output`.
    fn positions(&self, layer: &Layer, output: ValueId) -> usize {
        self.shape(output).iter().product::<usize>() / layer.outputs().max(1)
    }

    /// Floats in the graph's order from those of a feature map that lie channels last; `y` itself in any
    /// other order, or where both orders are the same.
    fn channels_first(&mut self, node: &Node, y: TensorId, order: Order) -> TensorId {
        let Order::ChannelsLast { channels, positions } = order else { return y };
        if channels == 1 || positions == 1 {
            return y;
        }
        let (mut dims, mut from, mut to) = ([1; AXES], [0; AXES], [0; AXES]);
        (dims[AXES - 2], dims[AXES - 1]) = (channels, positions);
        (from[AXES - 2], from[AXES - 1]) = (1, channels as isize);
        (to[AXES - 2], to[AXES - 1]) = (positions, 1);
        let copy = Strided { dims, from, from_start: 0, to, to_start: 0 };
        self.call(node, self.shape(node.output), Kernel::Strided(copy), &[y])
    }

    /// Appends the call, into `y`, of a layer of which each of the `positions` rows of the input is a patch.
    /// A flattened feature map stays as it lies, channels last, and the columns of the weights are permuted
    /// instead. `Err` as `linear`.
    fn rows(&mut self, call: &LayerCall, y: TensorId, positions: usize) -> Advice {
        let (inputs, form) = (call.layer.inputs, call.form());
        let order = self.stored[call.layer.x].as_ref().map(|stored| stored.encoding.order);
        // A flattened feature map lies channels last: the columns of the matrix follow it.
        let order = order.filter(|order| positions == 1 && order.len() == inputs);
        let order = order.unwrap_or(Order::AsIs(inputs));
        let run = form.packed_run(inputs);
        let padded = Padded {
            channels: (inputs, 0..inputs),
            feature_map: [1, positions],
            rows: true,
            size: [1, positions],
            pads: [0; 2],
            pitch: if positions == 1 { inputs } else { call.even(run) },
            slack: if positions == 1 { run - inputs } else { 0 },
            element: call.element(),
        };
        let x = self.padded(call.node, call.layer.x, call.from, call.width, &padded);
        let shape = Linear {
            run,
            runs: [1; 2],
            run_steps: [0; 2],
            positions: [1, positions],
            position_steps: [0, if positions == 1 { 0 } else { padded.pitch }],
            y_steps: [0, call.layer.outputs()],
            ..Linear::default()
        };
        let columns: Vec<usize> = match order {
            Order::AsIs(_) => (0..inputs).collect(),
            Order::ChannelsLast { .. } => {
                let mut columns = vec![0; inputs];
                (0..inputs).for_each(|at| columns[order.place(at)] = at);
                columns
            }
        };
        let columns: Vec<Option<usize>> = columns.into_iter().map(Some).collect();
        self.linear(call, [x, y], 0..call.layer.outputs(), &columns, shape)
    }

    /// Appends the calls, into `y`, of a convolution: one for each group, and for each phase of a transposed
    /// one. `Err` as `linear`.
    fn windows(&mut self, call: &LayerCall, y: TensorId, windows: &ConvWindows) -> Advice {
        let filters = call.layer.outputs() / windows.groups;
        for group in 0..windows.groups {
            let phases = windows.phases();
            let runs: Vec<Runs> = phases.map(|phase| call.runs(windows, group, phase)).collect();
            // One copy, that with the most slack, serves all phases.
            let longest = runs.iter().map(|runs| &runs.padded).max_by_key(|padded| padded.slack);
            let Some(padded) = longest else { continue };
            let x = self.padded(call.node, call.layer.x, call.from, call.width, padded);
            for Runs { shape, taps, .. } in &runs {
                let columns = windows.columns(taps, padded.pitch);
                let outputs = group * filters..(group + 1) * filters;
                self.linear(call, [x, y], outputs, &columns, *shape)?;
            }
        }
        Ok(())
    }

    /// Appends one kernel call for the `outputs` of the layer, from the first tensor to the second, and packs
    /// weights, biases and multipliers, once for each `outputs.start` and `shape.y_start`. `columns` says which
    /// input of the layer each place of a patch is, `None` for padding: all runs of `shape`, equally long,
    /// before they are rounded up to the form's grain. `rows`, `segment` and `rule` of `shape` are set here.
    /// `Err`, with no call appended, where a sum could overflow, a scale has no multiplier, or weights cannot
    /// be packed.
    fn linear(
        &mut self,
        call: &LayerCall,
        tensors: [TensorId; 2],
        outputs: Range<usize>,
        columns: &[Option<usize>],
        shape: Linear,
    ) -> Advice {
        let [x, y] = tensors;
        let (form, gives) = (call.form(), call.node.output);
        let rows = call.weights(outputs.clone(), columns);
        let (parameters, shift) =
            call.fold(outputs.clone(), &rows).map_err(|error| error.to_string())?;
        let runs = shape.runs[0] * shape.runs[1];
        let run = columns.len() / runs.max(1);
        let largest = call.from.low.unsigned_abs().max(call.from.high.unsigned_abs());
        let segment = paired_segment(&rows, columns.len(), shape.inputs(), largest);
        let shape = Linear { rows: outputs.len(), segment, rule: call.rule(shift), ..shape };
        let mut packed = vec![0i8; packed_len(form, shape.rows, run, runs)];
        pack_weights(form, shape.rows, run, runs, &rows, &mut packed)
            .map_err(|error| format!("its integer weights cannot be packed: {error}"))?;
        let weights = self.weights.pack(
            Constant::Integers { gives, output: outputs.start, phase: shape.y_start },
            || words_of_bytes(&packed),
        );
        let pairs = self
            .weights
            .pack(Constant::Outputs { gives, output: outputs.start, phase: shape.y_start }, || {
                parameters
            });
        let positions = shape.positions[0] * shape.positions[1];
        let taps = columns.iter().flatten().count();
        let kernel = Integer::Linear {
            form,
            shape,
            macs: shape.rows * positions * taps,
            weights,
            outputs: pairs,
            from: call.element(),
            to: call.gives(),
        };
        self.call_on(call.node, self.shape(call.node.output), Kernel::Integer(kernel), &[x], &[y]);
        Ok(())
    }

    /// Appends the call, into `y`, of a depthwise convolution. `Err` where a sum could overflow or weights
    /// cannot be packed.
    fn depthwise(&mut self, call: &LayerCall, y: TensorId, windows: &ConvWindows) -> Advice {
        let channels = windows.channels;
        let size =
            [0, 1].map(|axis| windows.reach(axis).max(windows.input[axis] + windows.pads[axis]));
        let pitch = call.even(channels);
        let padded = Padded {
            channels: (channels, 0..channels),
            feature_map: windows.input,
            rows: false,
            size,
            pads: windows.pads,
            pitch,
            // The kernel reads whole groups of four channels.
            slack: channels.next_multiple_of(PANEL).saturating_sub(pitch),
            element: call.element(),
        };
        let x = self.padded(call.node, call.layer.x, call.from, call.width, &padded);
        let row = padded.size[1] * padded.pitch;
        let (parameters, shift) =
            call.fold(0..channels, &call.own.weights).map_err(|error| error.to_string())?;
        let shape = Depthwise {
            channels,
            kernel: windows.kernel,
            tap_steps: [windows.dilations[0] * row, windows.dilations[1] * padded.pitch],
            positions: windows.output,
            position_steps: [windows.strides[0] * row, windows.strides[1] * padded.pitch],
            y_steps: [windows.output[1] * channels, channels],
            rule: call.rule(shift),
            ..Depthwise::default()
        };
        let mut packed = vec![0i8; packed_depthwise_len(channels, shape.taps())];
        pack_depthwise(channels, shape.taps(), &call.own.weights, &mut packed)
            .map_err(|error| format!("its integer weights cannot be packed: {error}"))?;
        let gives = call.node.output;
        let weights = Constant::Integers { gives, output: 0, phase: 0 };
        let weights = self.weights.pack(weights, || words_of_bytes(&packed));
        let outputs =
            self.weights.pack(Constant::Outputs { gives, output: 0, phase: 0 }, || parameters);
        let (from, to) = (call.element(), call.gives());
        let kernel = Integer::Depthwise { shape, weights, outputs, from, to };
        self.call_on(call.node, self.shape(gives), Kernel::Integer(kernel), &[x], &[y]);
        Ok(())
    }
}

impl LayerCall<'_> {
    /// Form of the kernel, by core and width; `Wide` in place of `Paired` where a weight is -128, which pairs
    /// have no room for and only files bring.
    fn form(&self) -> Form {
        match self.core.form(self.width) {
            Form::Paired if self.own.weights.contains(&i8::MIN) => Form::Wide,
            form => form,
        }
    }

    /// Type of the values that the kernel reads: i16 for 16 bits, and for 8 bits with DSP instructions, which
    /// read pairs of widened bytes; else i8.
    fn element(&self) -> Element {
        match (self.width, self.core) {
            (Width::Eight, Core::Plain | Core::Helium) => Element::I8,
            (Width::Eight, Core::Dsp) | (Width::Sixteen, _) => Element::I16,
        }
    }

    /// Type of the values that the kernel writes.
    fn gives(&self) -> Element {
        match (self.to, self.width) {
            (None, _) => Element::F32,
            (_, Width::Eight) => Element::I8,
            (_, Width::Sixteen) => Element::I16,
        }
    }

    /// Values from one position of the kernel's input to the next: the channels, rounded up to even for i16,
    /// since patches have to start at whole words.
    fn even(&self, channels: usize) -> usize {
        match self.element() {
            Element::I16 => channels.next_multiple_of(2),
            Element::I8 | Element::F32 => channels,
        }
    }

    /// Weights of these outputs, row by row, in the order of the places of a patch; 0 where a place is
    /// padding.
    fn weights(&self, outputs: Range<usize>, columns: &[Option<usize>]) -> Vec<i8> {
        let inputs = self.layer.inputs;
        let rows = outputs.flat_map(|output| {
            let row = &self.own.weights[output * inputs..][..inputs];
            columns.iter().map(|column| column.map_or(0, |column| row[column]))
        });
        rows.collect()
    }

    /// `Err` where a sum of any call of the layer could leave i32, or a scale has no multiplier; checked
    /// before a call is made.
    fn prove(&self) -> Result<(), QuantizeError> {
        let outputs = self.layer.outputs();
        let windows = match &self.layer.reach {
            Reach::Windows(windows) if !self.layer.is_depthwise() => windows,
            _ => return self.fold(0..outputs, &self.own.weights).map(|_| ()),
        };
        let filters = outputs / windows.groups;
        for group in 0..windows.groups {
            for phase in windows.phases() {
                let taps = self.runs(windows, group, phase).taps;
                let outputs = group * filters..(group + 1) * filters;
                let rows = self.weights(outputs.clone(), &windows.columns(&taps, windows.own()));
                self.fold(outputs, &rows)?;
            }
        }
        Ok(())
    }

    /// Bias and multiplier of each of these outputs, one after the other, as the bits of a word each; and the
    /// shift in front of the multipliers. For float output the f32 bits of the scale stand in place of the
    /// multiplier, and the shift is 0. `rows` holds the weights that a call multiplies, which may be some of
    /// the layer's, as many for each output. `Err` where a sum could leave i32 or a scale has no multiplier.
    fn fold(&self, outputs: Range<usize>, rows: &[i8]) -> Result<(Vec<f32>, u32), QuantizeError> {
        let rows = rows.chunks_exact((rows.len() / outputs.len().max(1)).max(1));
        let lines = &self.own.lines[outputs.clone()];
        let (shift, parameters) = match &self.to {
            None => (0, lines.iter().map(|line| (line.scale as f32).to_bits() as i32).collect()),
            Some(to) => {
                let scale = f64::from(to.scale);
                let real: Vec<f64> = lines.iter().map(|line| line.scale / scale).collect();
                let Multipliers { shift, multipliers } = Multipliers::of(&real)?;
                (shift, multipliers)
            }
        };
        let mut words = Vec::with_capacity(2 * lines.len());
        let parameters = outputs.zip(lines).zip(parameters).zip(rows);
        for (((row, ScaleBias { scale, bias }), parameter), weights) in parameters {
            let bias = fold_bias(*bias, *scale, self.from.zero_point, weights, row)?;
            let range = [self.from.low, self.from.high];
            SumBounds::of(bias, weights, range).check(shift, row)?;
            words.extend([bias, parameter].map(|word| f32::from_bits(word as u32)));
        }
        Ok((words, shift))
    }

    /// How the kernel turns sums into outputs: zero point, limits (the format's, narrowed to those of the
    /// clamp) and shift; the default for float output.
    fn rule(&self, shift: u32) -> Requantize {
        let Some(to) = &self.to else { return Requantize::default() };
        let bound = |bound: f32, own: i32| match bound.is_finite() {
            true => to.quantize(bound),
            false => own,
        };
        let (low, high) = (bound(self.bounds.0, to.low), bound(self.bounds.1, to.high));
        Requantize { zero_point: to.zero_point, low, high, shift }
    }

    /// How the windows of one phase lie in a padded copy of the channels of `group`, and how the kernel walks
    /// it.
    fn runs(&self, windows: &ConvWindows, group: usize, phase: [usize; 2]) -> Runs {
        let own = windows.own();
        let axes = [0, 1].map(|axis| windows.axis(axis, phase[axis]));
        let pitch = self.even(own);
        let size = [0, 1].map(|axis| windows.reach(axis));
        let row = size[1] * pitch;
        let joined = axes[1].step == 1;
        let columns = axes[1].taps.len();
        let packed = if joined { columns * pitch } else { pitch };
        let run = self.form().packed_run(packed);
        let padded = Padded {
            channels: (windows.channels, group * own..(group + 1) * own),
            feature_map: windows.input,
            rows: false,
            size,
            pads: [0, 1].map(|axis| windows.before(axis)),
            pitch,
            slack: run - packed,
            element: self.element(),
        };
        let (filters, all) = (self.layer.outputs() / windows.groups, self.layer.outputs());
        let apart = if windows.transposed { windows.strides } else { [1; 2] };
        let [height, width] = windows.output;
        let shape = Linear {
            run,
            runs: [axes[0].taps.len(), if joined { 1 } else { columns }],
            run_steps: [axes[0].step * row, axes[1].step * pitch],
            positions: [
                height.saturating_sub(phase[0]).div_ceil(apart[0]),
                width.saturating_sub(phase[1]).div_ceil(apart[1]),
            ],
            position_steps: [axes[0].stride * row, axes[1].stride * pitch],
            x_start: axes[0].start * row + axes[1].start * pitch,
            y_start: (phase[0] * width + phase[1]) * all + group * filters,
            y_steps: [apart[0] * width * all, apart[1] * all],
            ..Linear::default()
        };
        let taps = axes[0].taps.iter();
        let taps = taps.flat_map(|row| axes[1].taps.iter().map(|column| [*row, *column])).collect();
        Runs { padded, shape, taps }
    }
}

/// Where the windows of one phase lie along an axis of the padded copy.
struct PhaseAxis {
    /// Indices of the taps, in the order of the places that they read.
    taps: Vec<usize>,
    /// Places from one tap to the next.
    step: usize,
    /// Places from one window to the next.
    stride: usize,
    /// Place that the first tap of the first window reads.
    start: usize,
}

impl ConvWindows {
    /// Row and column offset of the outputs of each call: `[0, 0]` alone, for a transposed convolution every
    /// offset below the strides.
    fn phases(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [rows, columns] = if self.transposed { self.strides } else { [1; 2] };
        (0..rows).flat_map(move |row| (0..columns).map(move |column| [row, column]))
    }

    /// The layer's input (its index in the row of weights) that each place of a patch is: tap by tap, `pitch`
    /// places for the channels of a group, `None` behind the last channel.
    fn columns(&self, taps: &[[usize; 2]], pitch: usize) -> Vec<Option<usize>> {
        let (own, kernel) = (self.own(), self.kernel);
        let columns = taps.iter().flat_map(|[row, column]| {
            (0..pitch).map(move |channel| {
                let at = (channel * kernel[0] + row) * kernel[1] + column;
                (channel < own).then_some(at)
            })
        });
        columns.collect()
    }

    /// The windows of the phase with offset `phase` along an axis; that is 0, or below the stride of a
    /// transposed convolution.
    fn axis(&self, axis: usize, phase: usize) -> PhaseAxis {
        let kernel = self.kernel[axis];
        if !self.transposed {
            let (step, stride) = (self.dilations[axis], self.strides[axis]);
            return PhaseAxis { taps: (0..kernel).collect(), step, stride, start: 0 };
        }
        let (stride, pad) = (self.strides[axis], self.pads[axis]);
        let mut taps: Vec<usize> = ((phase + pad) % stride..kernel).step_by(stride).collect();
        taps.reverse();
        let last = taps.first().copied().unwrap_or(0);
        // (phase + pad - last) / stride is the first place, counted from the feature map's own.
        let start = (self.before(axis) * stride + phase + pad).saturating_sub(last) / stride;
        PhaseAxis { taps, step: 1, stride: 1, start }
    }

    /// Number of places in front of the feature map that some window reads.
    fn before(&self, axis: usize) -> usize {
        match self.transposed {
            false => self.pads[axis],
            true => {
                (self.kernel[axis] - 1).saturating_sub(self.pads[axis]).div_ceil(self.strides[axis])
            }
        }
    }

    /// Length along an axis of a copy in which all windows lie, with the places in front
    /// ([`before`](Self::before)), up to the end of the last window: the feature map may go on behind it. In
    /// a transposed convolution, places of the feature map as it is, not `strides` apart.
    fn reach(&self, axis: usize) -> usize {
        let (last, kernel) = (self.output[axis].saturating_sub(1), self.kernel[axis] - 1);
        match self.transposed {
            false => last * self.strides[axis] + kernel * self.dilations[axis] + 1,
            true => self.before(axis) + (last + self.pads[axis]) / self.strides[axis] + 1,
        }
    }
}
