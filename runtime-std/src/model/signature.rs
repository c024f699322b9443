//! What calls of a model read, and in which order: decided here, and asked for by every stage.
//!
//! A call reads the observation, then conditions, then noise. Graphs share conditions and noise by their
//! names. A plan reads its inputs in the same order, a decoder's latents in the observation's place, with its
//! states behind them.

use super::{Decoder, Encoder, Graphs, Model, Part, PartName, Role, Source};
use crate::error::{Error, Result};
use crate::held::Held;
use crate::ir::NoiseKind;
use crate::lower::Port;

/// What an input is in a call, with its number among those of its kind; inputs come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Argument {
    /// The observation, a latent, or an input of a graph without roles.
    Own(usize),
    /// A condition, by its number among those of the model.
    Condition(usize),
    /// Noise, by its number among that of the model.
    Noise(usize),
    /// A state that is kept between calls.
    State(usize),
}

/// What an output of an encoder's plan is, with the number of its posterior or state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncoderOutput {
    /// The mean of a posterior.
    Mean(usize),
    /// The spread head of a posterior.
    Spread(usize),
    /// A state of the next call.
    State(usize),
}

/// An input of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// ONNX name.
    pub name: String,
    /// Shape of one row, batch axis included.
    pub shape: Vec<usize>,
    /// What it is in a call.
    pub argument: Argument,
    /// The graphs that read it, each with the position among its plan's inputs.
    pub readers: Vec<(PartName, usize)>,
}

impl Input {
    /// Number of values of one row.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The inputs of a model in the order of a call, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The inputs that the caller supplies: neither latents nor states.
    pub inputs: Vec<Input>,
}

/// The constructor of [`Argument`] for inputs of this role; [`Argument::Own`] for observation and latent, for
/// roles of outputs, and for no role.
fn argument(role: Option<Role>) -> fn(usize) -> Argument {
    match role {
        Some(Role::Condition) => Argument::Condition,
        Some(Role::Eps) => Argument::Noise,
        Some(Role::State) => Argument::State,
        _ => Argument::Own,
    }
}

impl Signature {
    /// The inputs of all graphs but latents and states, each name once per kind, in the order of
    /// [`Argument`].
    fn of(graphs: &Graphs) -> Self {
        let mut inputs: Vec<Input> = Vec::new();
        for part in graphs.parts().graphs() {
            for (at, port) in part.plan.inputs.iter().enumerate() {
                let role = part.roles.get(at).copied();
                if !matches!(role, Some(Role::Z | Role::State)) {
                    enter(&mut inputs, port, argument(role), (part.name, at));
                }
            }
        }
        inputs.sort_by_key(|input| input.argument);
        Self { inputs }
    }

    /// The inputs that one inference reads: those of encoder and decoder, or all of a model without an
    /// encoder. Inputs of a flow beside an encoder are left out.
    pub fn call(&self) -> impl Iterator<Item = &Input> {
        let is_beside = self.inputs.iter().any(|input| input.is_read_by(PartName::Encoder));
        let of_call = move |input: &&Input| {
            !is_beside || input.is_read_by(PartName::Encoder) || input.is_read_by(PartName::Decoder)
        };
        self.inputs.iter().filter(of_call)
    }

    /// Each input of a graph's plan with what it is: conditions and noise by their number in the model;
    /// observation, latents and states numbered within the graph.
    pub fn arguments<'p>(&self, part: Part<'p>) -> Vec<(&'p Port, Argument)> {
        let (mut own, mut states) = (0.., 0..);
        let argument = |at: usize| {
            let shared = self.inputs.iter().find(|input| input.readers.contains(&(part.name, at)));
            match (shared.map(|input| input.argument), part.roles.get(at)) {
                (Some(shared @ (Argument::Condition(_) | Argument::Noise(_))), _) => shared,
                (_, Some(Role::State)) => Argument::State(states.next().unwrap_or(0)),
                _ => Argument::Own(own.next().unwrap_or(0)),
            }
        };
        let arguments = (0..part.plan.inputs.len()).map(argument);
        part.plan.inputs.iter().zip(arguments).collect()
    }
}

/// Adds `reader` to the input of the kind and name of `port`, or appends that input with the next number of
/// its kind. Observations of one name are one as well.
fn enter(
    inputs: &mut Vec<Input>,
    port: &Port,
    kind: fn(usize) -> Argument,
    reader: (PartName, usize),
) {
    let alike =
        |input: &Input| std::mem::discriminant(&input.argument) == std::mem::discriminant(&kind(0));
    if let Some(known) = inputs.iter_mut().find(|input| alike(input) && input.name == port.name) {
        known.readers.push(reader);
        return;
    }
    let number = inputs.iter().filter(|input| alike(input)).count();
    inputs.push(Input {
        name: port.name.clone(),
        shape: port.shape.clone(),
        argument: kind(number),
        readers: vec![reader],
    });
}

impl Input {
    /// Whether this graph reads the input.
    fn is_read_by(&self, graph: PartName) -> bool {
        self.readers.iter().any(|(reader, _)| *reader == graph)
    }
}

impl Model {
    /// The inputs that callers of this model supply.
    pub fn signature(&self) -> Signature {
        Signature::of(&self.graphs)
    }
}

impl Part<'_> {
    /// Pairs of plan input and plan output of each state, by their positions; the outputs of the states are
    /// the plan's last ones, in the order of the inputs.
    pub fn state_pairs(&self) -> Vec<(usize, usize)> {
        let is_state = |input: &usize| self.roles[*input] == Role::State;
        let inputs: Vec<usize> = (0..self.roles.len()).filter(is_state).collect();
        let first = self.plan.outputs.len().saturating_sub(inputs.len());
        inputs.into_iter().zip(first..).collect()
    }
}

impl Encoder {
    /// The meaning of each output of the plan, in order: mean and spread of each posterior, then the states.
    pub fn outputs(&self) -> impl Iterator<Item = EncoderOutput> {
        let heads = (0..self.latents.len())
            .flat_map(|q| [EncoderOutput::Mean(q), EncoderOutput::Spread(q)]);
        heads.chain((0..self.states).map(EncoderOutput::State))
    }

    /// Whether it reads noise, so that its posterior is not given by the observation alone.
    pub fn reads_noise(&self) -> bool {
        with_role(self.part(), Role::Eps).next().is_some()
    }

    /// The observation among the plan's inputs; `None` where the plan does not read it.
    pub fn observation(&self) -> Option<&Port> {
        with_role(self.part(), Role::X).next()
    }
}

impl Model {
    /// The observation: that of the encoder, or what a flow alone reads; `None` for a graph without roles and for an
    /// encoder that reads none.
    pub fn observation(&self) -> Option<&Port> {
        let parts = self.graphs.parts();
        match (parts.encoder, parts.flow) {
            (Some(encoder), _) => encoder.observation(),
            (None, flow) => flow.and_then(|flow| flow.plan.inputs.first()),
        }
    }
}

impl Decoder {
    /// The latents among the plan's inputs, which come first.
    pub fn latents(&self) -> impl Iterator<Item = &Port> {
        with_role(self.part(), Role::Z)
    }

    /// The conditions among the plan's inputs, which come behind the latents.
    pub fn conditions(&self) -> impl Iterator<Item = &Port> {
        with_role(self.part(), Role::Condition)
    }

    /// Number of values of all latents.
    pub fn latent(&self) -> usize {
        self.latents().map(Port::len).sum()
    }

    /// The inputs of the decoder's plan: `z`, the values of all latents one after another, split into the
    /// latents, then `conditions`, which are not checked. `None` where `z` has not [`latent`](Self::latent)
    /// values.
    pub fn call<'v>(
        &self,
        mut z: &'v [f32],
        conditions: impl IntoIterator<Item = &'v [f32]>,
    ) -> Option<Vec<&'v [f32]>> {
        let latents = self.latents().map(|port| z.split_off(..port.len()));
        let mut inputs = latents.collect::<Option<Vec<_>>>()?;
        inputs.extend(conditions);
        z.is_empty().then_some(inputs)
    }
}

/// The inputs of one role, in the plan's order.
pub(super) fn with_role(part: Part<'_>, role: Role) -> impl Iterator<Item = &Port> {
    let roles = part.plan.inputs.iter().zip(part.roles);
    roles.filter(move |(_, other)| **other == role).map(|(port, _)| port)
}

/// An input of the files of a model that a user may give.
#[derive(Clone, Debug)]
pub struct Offered<'s> {
    /// ONNX name.
    pub name: &'s str,
    /// Shape of one row, batch axis included.
    pub shape: &'s [usize],
    /// Distribution of a noise input; `None` for other inputs.
    pub noise: Option<NoiseKind>,
    /// What its rows may hold.
    pub held: Held,
}

/// Every input of these files that a user may give, each name once, in the files' order; one that several
/// graphs read may hold what all of them allow.
///
/// # Errors
///
/// An input error where two graphs have an input of one name in different shapes.
pub fn offered<'s>(sources: &[&'s Source]) -> Result<Vec<Offered<'s>>> {
    let mut offered: Vec<Offered> = Vec::new();
    for source in sources {
        for at in source.given() {
            let (name, shape) = (source.input_name(at), source.input_shape(at));
            let held = source.held(at);
            match offered.iter_mut().find(|other| other.name == name) {
                Some(other) => {
                    shared_shape(name, &[other.shape, shape])?;
                    other.held = std::mem::take(&mut other.held).and(&held);
                }
                None => {
                    let is_noise = source.input_roles[at] == Some(Role::Eps);
                    let noise = is_noise.then(|| source.noise_kind(at));
                    offered.push(Offered { name, shape, noise, held });
                }
            }
        }
    }
    Ok(offered)
}

/// The one shape that the input `name` has in several graphs, all listed in `shapes`; `None` of no shapes. An
/// input error where they differ.
pub(super) fn shared_shape<'s>(name: &str, shapes: &[&'s [usize]]) -> Result<Option<&'s [usize]>> {
    match shapes.iter().all(|shape| *shape == shapes[0]) {
        true => Ok(shapes.first().copied()),
        false => Err(Error::input(format!(
            "input {name:?} has the shapes {shapes:?} in different graphs, which would be given the same values; rename one of them"
        ))),
    }
}

impl Source {
    /// Positions of the graph's inputs in the order of a call, without those of a fixed value: those that a
    /// manifest names, in its order, then conditions, noise, states, and those without a role.
    pub(super) fn call_order(&self) -> Vec<usize> {
        let rank = |input: usize| {
            let named = self.first.iter().position(|other| *other == input);
            let state = self.states.iter().position(|(state, _)| *state == input);
            let role = self.input_roles[input].map(|role| argument(Some(role))(0));
            let role = role.filter(|argument| named.is_some() || *argument != Argument::Own(0));
            (role.is_none(), role, named.or(state))
        };
        let is_fixed = |input: usize| self.fixed.iter().any(|(fixed, _)| *fixed == input);
        let mut order: Vec<usize> =
            (0..self.graph.inputs.len()).filter(|input| !is_fixed(*input)).collect();
        order.sort_by_key(|input| rank(*input));
        order
    }
}
