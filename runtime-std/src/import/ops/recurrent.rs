//! Recurrent layers: `RNN`, `GRU`, `LSTM`.
//!
//! A reader appends the operations of the ONNX node `call` to the graph in `scope` and returns the node's
//! outputs in order; operations whose operands are all constants are calculated at import instead, unless no
//! kernel computes them or the budget of import (2^24 values in all) is used up: then they are appended.
//! `Err` is a reason and an advice. Unless its doc says otherwise, a reader also fails where an operand is
//! missing or of another element type, where an operation would read or give data without values (known
//! integers may be without), where an attribute is of another type, not finite, or an axis that is not
//! there, or where the constants, known integers and lists of indices that it makes itself exceed the budget
//! of import, 2^24 values in all. Other functions fail as their docs say, and as the methods of `Scope` and
//! `Call` that they use. What was appended before an `Err` stays in the graph.

use super::super::problem::{Read, invalid, refuse};
use super::super::scope::{Call, Operand, Outputs, Scope};
use super::super::tensor::{Tensor, len};
use super::pieces::Piece;
use crate::ir::{Op, RecurrentOutput, ValueId};
use elbow_core::kernels::{Cell, Unary};

/// The functions that `activations` may name, as `Parameters::activation` reads them.
macro_rules! activations {
    () => {
        "Sigmoid, Tanh, Relu, Softplus, Softsign, LeakyRelu, Elu, ThresholdedRelu, HardSigmoid"
    };
}
pub(super) use activations;

/// Which layer.
#[derive(Clone, Copy, PartialEq)]
pub enum RecurrentKind {
    Rnn,
    Gru,
    Lstm,
}

impl RecurrentKind {
    /// Number of gates: blocks of `hidden` rows of the weights.
    fn gates(self) -> usize {
        match self {
            Self::Rnn => 1,
            Self::Gru => 3,
            Self::Lstm => 4,
        }
    }

    /// Default functions of one direction, in ONNX order.
    fn activations(self) -> &'static [&'static str] {
        match self {
            Self::Rnn => &["Tanh"],
            Self::Gru => &["Sigmoid", "Tanh"],
            Self::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// What all directions of a layer have in common.
struct RecurrentLayer {
    kind: RecurrentKind,
    /// `[steps, rows, inputs]`
    x: ValueId,
    steps: usize,
    rows: usize,
    inputs: usize,
    hidden: usize,
    /// 1 or 2.
    directions: usize,
    /// Whether rows lead in the file's tensors (`layout` of 1), in place of steps or directions.
    rows_first: bool,
}

/// `RNN`, `GRU` or `LSTM` of this kind: each direction is a layer of its own, and their results are stacked.
/// The outputs are the sequence and the last hidden state, and for an LSTM the last cell state. `Err` for
/// clipping, an unknown direction, lengths other than the input's, computed weights, and shapes that do not
/// fit.
pub fn recurrent(scope: &mut Scope, call: &Call<'_>, kind: RecurrentKind) -> Outputs {
    let (directions, first_reverse) = match call.string("direction")? {
        None | Some("forward") => (1, false),
        Some("reverse") => (1, true),
        Some("bidirectional") => (2, false),
        Some(other) => {
            return call.refuse_value("direction", other, "forward, reverse or bidirectional");
        }
    };
    if call.number("clip")?.is_some() {
        return call.refuse_value("clip", "set", "no clipping");
    }
    let layer = layer(scope, call, kind, directions)?;
    check_lengths(scope, call, &layer)?;
    let cells = cells(call, kind, directions)?;
    let mut given: [Vec<ValueId>; 3] = Default::default();
    for (direction, cell) in cells.into_iter().enumerate() {
        let inputs = layer.operands(scope, call, direction)?;
        let reverse = first_reverse || direction == 1;
        let state = [layer.rows, layer.hidden];
        let sequence = [layer.steps, layer.rows, layer.hidden];
        let results = [
            (RecurrentOutput::Sequence, "sequence", &sequence[..]),
            (RecurrentOutput::Hidden, "hidden", &state[..]),
            (RecurrentOutput::Cell, "cell", &state[..]),
        ];
        let count = if kind == RecurrentKind::Lstm { 3 } else { 2 };
        for (at, (gives, role, shape)) in results.into_iter().take(count).enumerate() {
            let op = Op::Recurrent { cell, reverse, gives };
            let role = format!("{role}{direction}");
            given[at].push(scope.step(call, op, &inputs, &role, shape)?);
        }
    }
    let outputs = given.into_iter().enumerate().filter(|(_, parts)| !parts.is_empty());
    outputs.map(|(at, parts)| joined(scope, call, &layer, at, &parts)).collect()
}

/// The call's output number `output` (0: the sequence, else a state) from the results `parts` of the
/// directions, with the axis of directions; rows lead where the layer has it so. An output without a name
/// gets one.
fn joined(
    scope: &mut Scope,
    call: &Call<'_>,
    layer: &RecurrentLayer,
    output: usize,
    parts: &[ValueId],
) -> Read<Operand> {
    let &RecurrentLayer { steps, rows, hidden, directions, .. } = layer;
    let sequence = output == 0;
    let base = match call.output(output) {
        "" => format!("{}/output{output}", call.output(0)),
        name => name.to_string(),
    };
    let lifted = if sequence { vec![steps, 1, rows, hidden] } else { vec![1, rows, hidden] };
    let mut lift = |(direction, &part): (usize, &ValueId)| {
        let name = format!("{base}/direction{direction}");
        scope.node(call, Op::Reshape, vec![part], &name, &lifted)
    };
    let parts = parts.iter().enumerate().map(&mut lift).collect::<Read<Vec<_>>>()?;
    let axis = usize::from(sequence);
    let mut shape = lifted.clone();
    shape[axis] = directions;
    let own = if layer.rows_first { format!("{base}/joined") } else { base.clone() };
    let value = match parts[..] {
        [only] => scope.node(call, Op::Reshape, vec![only], &own, &shape)?,
        _ => scope.node(call, Op::Concat { axis }, parts, &own, &shape)?,
    };
    if !layer.rows_first {
        return Ok(Operand::Float(value));
    }
    let perm = if sequence { vec![2, 0, 1, 3] } else { vec![1, 0, 2] };
    let shape: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
    scope.node(call, Op::Transpose { perm }, vec![value], &base, &shape).map(Operand::Float)
}

/// The layer of the call; its `x` is transposed to steps first where rows lead. `Err` unless the input has
/// three axes and the shapes of W, R and `hidden_size` fit.
fn layer(
    scope: &mut Scope,
    call: &Call<'_>,
    kind: RecurrentKind,
    directions: usize,
) -> Read<RecurrentLayer> {
    let x = call.float(0, "X")?;
    let rows_first = call.flag("layout")?;
    let &[a, b, inputs] = scope.shape(x) else {
        return invalid(format!("its input has shape {:?}, expected three axes", scope.shape(x)));
    };
    let (w, r) = (call.float(1, "W")?, call.float(2, "R")?);
    let hidden = scope.shape(r).last().copied().unwrap_or(0);
    let rows_of_gates = kind.gates() * hidden;
    let fits = hidden > 0
        && scope.shape(w) == [directions, rows_of_gates, inputs]
        && scope.shape(r) == [directions, rows_of_gates, hidden];
    if !fits {
        return invalid(format!(
            "weights of shapes {:?} and {:?} do not fit {directions} directions and {inputs} inputs",
            scope.shape(w),
            scope.shape(r)
        ));
    }
    if call.int("hidden_size")?.is_some_and(|size| size != hidden as i64) {
        return invalid(format!("`hidden_size` differs from the weights' {hidden}"));
    }
    let (steps, rows) = if rows_first { (b, a) } else { (a, b) };
    let x = if rows_first {
        let perm = Op::Transpose { perm: vec![1, 0, 2] };
        scope.step(call, perm, &[x], "by_step", &[steps, rows, inputs])?
    } else {
        x
    };
    Ok(RecurrentLayer { kind, x, steps, rows, inputs, hidden, directions, rows_first })
}

/// `Err` where `sequence_lens` is computed or holds another length than the input's number of steps.
fn check_lengths(scope: &Scope, call: &Call<'_>, layer: &RecurrentLayer) -> Read<()> {
    let steps = layer.steps as i64;
    if let Some(Some(Operand::Float(lengths))) = call.inputs.get(4) {
        return refuse(
            format!(
                "its `sequence_lens` are {} that the model is given or computes, expected none",
                scope.kind(*lengths)
            ),
            EQUAL_LENGTHS,
        );
    }
    match call.optional_integers(4, "sequence_lens")? {
        Some(lengths) if lengths.data.iter().any(|&length| length != steps) => refuse(
            format!(
                "its `sequence_lens` are {:?}, expected the input's {steps} steps",
                lengths.data
            ),
            EQUAL_LENGTHS,
        ),
        _ => Ok(()),
    }
}

const EQUAL_LENGTHS: &str =
    "export without lengths (no packed sequences): every window has the same length";

/// The part of an operand that one direction takes.
#[derive(Clone, Copy)]
struct Part<'s> {
    /// Position of the operand.
    index: usize,
    /// Its name.
    role: &'s str,
    direction: usize,
    /// Shape of the part, without the axis of the directions.
    shape: &'s [usize],
}

impl RecurrentLayer {
    /// The operands of one direction in the order of `Op::Recurrent`: x, W, R, bias, initial hidden state,
    /// and for an LSTM initial cell state and, if given, peepholes. Missing ones are zeros. `Err` where
    /// weights, bias or peepholes are computed or a shape does not fit.
    fn operands(&self, scope: &mut Scope, call: &Call<'_>, direction: usize) -> Read<Vec<ValueId>> {
        let &RecurrentLayer { kind, inputs, hidden, .. } = self;
        let gates = kind.gates() * hidden;
        let w = self.part(
            scope,
            call,
            Part { index: 1, role: "W", direction, shape: &[gates, inputs] },
        )?;
        let r = self.part(
            scope,
            call,
            Part { index: 2, role: "R", direction, shape: &[gates, hidden] },
        )?;
        let bias =
            self.part(scope, call, Part { index: 3, role: "B", direction, shape: &[2 * gates] })?;
        let state = [self.rows, hidden];
        let h = self.state(
            scope,
            call,
            Part { index: 5, role: "initial_h", direction, shape: &state },
        )?;
        let mut operands = vec![self.x, w, r, bias, h];
        if kind == RecurrentKind::Lstm {
            operands.push(self.state(
                scope,
                call,
                Part { index: 6, role: "initial_c", direction, shape: &state },
            )?);
            if matches!(call.inputs.get(7), Some(Some(_))) {
                operands.push(self.part(
                    scope,
                    call,
                    Part { index: 7, role: "P", direction, shape: &[3 * hidden] },
                )?);
            }
        }
        let constants = [1, 2, 3].into_iter().chain((operands.len() > 6).then_some(6));
        if constants.into_iter().any(|at| scope.known(operands[at]).is_none()) {
            return refuse(
                "its weights are computed, expected constants",
                "store the layer's weights as initializers",
            );
        }
        Ok(operands)
    }

    /// A part of a weight operand; zeros where it is left out. `Err` for another shape.
    fn part(&self, scope: &mut Scope, call: &Call<'_>, part: Part<'_>) -> Read<ValueId> {
        match call.optional_float(part.index, part.role)? {
            Some(all) => self.pick(scope, call, all, part),
            None => self.zeros(scope, call, part.role, part.shape),
        }
    }

    /// A part of an initial state, whose rows may lead; zeros where it is left out. `Err` for another shape.
    fn state(&self, scope: &mut Scope, call: &Call<'_>, part: Part<'_>) -> Read<ValueId> {
        let role = part.role;
        let Some(mut all) = call.optional_float(part.index, role)? else {
            return self.zeros(scope, call, role, part.shape);
        };
        let stacked = [self.directions, self.rows, self.hidden];
        if self.rows_first && self.directions * self.rows > 1 {
            let perm = Op::Transpose { perm: vec![1, 0, 2] };
            if scope.shape(all) != [self.rows, self.directions, self.hidden] {
                return invalid(format!("`{role}` has shape {:?}", scope.shape(all)));
            }
            all = scope.step(call, perm, &[all], &format!("{role}_by_direction"), &stacked)?;
        }
        self.pick(scope, call, all, part)
    }

    /// The part of `all`, in which the directions are stacked along the first axis; `Err` unless its shape is
    /// `[directions, ..shape]`.
    fn pick(
        &self,
        scope: &mut Scope,
        call: &Call<'_>,
        all: ValueId,
        part: Part<'_>,
    ) -> Read<ValueId> {
        let Part { role, direction, shape, .. } = part;
        let stacked: Vec<usize> = [self.directions].iter().chain(shape).copied().collect();
        if scope.shape(all) != stacked {
            return invalid(format!(
                "`{role}` has shape {:?}, expected {stacked:?}",
                scope.shape(all)
            ));
        }
        let role = format!("{role}{direction}");
        let piece = Piece::whole(&stacked).part(0, direction, 1, 1);
        let own = piece.shape.clone();
        let slice = scope.step(call, piece.op(), &[all], &format!("{role}/stacked"), &own)?;
        scope.step(call, Op::Reshape, &[slice], &role, shape)
    }

    /// A constant of zeros, named `OUTPUT/role`; `Err` where import calculates too many values.
    fn zeros(
        &self,
        scope: &mut Scope,
        call: &Call<'_>,
        role: &str,
        shape: &[usize],
    ) -> Read<ValueId> {
        scope.spend(len(shape))?;
        let zeros = Tensor { shape: shape.to_vec(), data: vec![0.0; len(shape)] };
        Ok(scope.constant(&format!("{}/{role}", call.output(0)), zeros))
    }
}

/// The cell of every direction, with its activation functions. `Err` for a wrong number of `activations` or
/// an unknown one.
fn cells(call: &Call<'_>, kind: RecurrentKind, directions: usize) -> Read<Vec<Cell>> {
    let defaults = kind.activations();
    let expected = defaults.len() * directions;
    let names: Vec<&str> = match call.strings("activations")? {
        Some(names) if names.len() == expected => names,
        Some(names) => {
            return invalid(format!("{} activations, expected {expected}", names.len()));
        }
        None => defaults.iter().copied().cycle().take(expected).collect(),
    };
    let mut parameters = Parameters {
        alpha: call.numbers("activation_alpha")?.unwrap_or_default().iter().copied(),
        beta: call.numbers("activation_beta")?.unwrap_or_default().iter().copied(),
    };
    let functions: Vec<Unary> =
        names.iter().map(|name| parameters.activation(call, name)).collect::<Read<_>>()?;
    let cell = |f: &[Unary]| {
        Ok(match (kind, f) {
            (RecurrentKind::Rnn, &[f]) => Cell::Rnn { f },
            (RecurrentKind::Gru, &[f, g]) => {
                Cell::Gru { f, g, linear_before_reset: call.flag("linear_before_reset")? }
            }
            (RecurrentKind::Lstm, &[f, g, h]) => {
                Cell::Lstm { f, g, h, coupled: call.flag("input_forget")? }
            }
            _ => return invalid("its activations do not fit its kind"),
        })
    };
    functions.chunks(defaults.len()).map(cell).collect()
}

/// `activation_alpha` and `activation_beta`, not yet used; activations that have parameters take them in
/// order.
struct Parameters<A> {
    alpha: A,
    beta: A,
}

impl<A: Iterator<Item = f32>> Parameters<A> {
    /// The function of this name, letter case ignored, which takes its parameters from the front of `self`,
    /// or its own defaults where these have run out. `Err` for an unknown name.
    fn activation(&mut self, call: &Call<'_>, name: &str) -> Read<Unary> {
        let mut alpha = |default: f32| self.alpha.next().unwrap_or(default);
        Ok(match name.to_ascii_lowercase().as_str() {
            "sigmoid" => Unary::Sigmoid,
            "tanh" => Unary::Tanh,
            "relu" => Unary::Relu,
            "softplus" => Unary::Softplus,
            "softsign" => Unary::Softsign,
            "leakyrelu" => Unary::LeakyRelu(alpha(0.01)),
            "elu" => Unary::Elu(alpha(1.0)),
            "thresholdedrelu" => Unary::ThresholdedRelu(alpha(1.0)),
            "hardsigmoid" => {
                let alpha = alpha(0.2);
                Unary::HardSigmoid(alpha, self.beta.next().unwrap_or(0.5))
            }
            other => {
                return call.refuse_value("activations", other, concat!("one of ", activations!()));
            }
        })
    }
}
