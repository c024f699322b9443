//! The graphs of a model, by what they are.

use super::{Decoder, Encoder, Flow, Graphs, Role};
use crate::lower::Plan;

/// What a plan of a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartName {
    /// Observation to posterior.
    Encoder,
    /// Latent to observation.
    Decoder,
    /// The decoder's backward pass.
    Gradient,
    /// Observation to latent and density.
    Flow,
    /// A graph without roles.
    Graph,
}

impl PartName {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
            Self::Gradient => "gradient",
            Self::Flow => "flow",
            Self::Graph => "graph",
        }
    }
}

/// A graph of a model.
#[derive(Clone, Copy, Debug)]
pub struct Part<'m> {
    /// What it does.
    pub name: PartName,
    /// Its steps.
    pub plan: &'m Plan,
    /// Roles of the plan's inputs; none for a graph without.
    pub roles: &'m [Role],
}

/// The graphs of a model, each where the model has it.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'m> {
    /// Observation to posterior.
    pub encoder: Option<&'m Encoder>,
    /// Latent to observation; only with an encoder.
    pub decoder: Option<&'m Decoder>,
    /// A flow, alone or beside an encoder.
    pub flow: Option<&'m Flow>,
    /// A graph without roles, which is alone.
    pub bare: Option<&'m Plan>,
}

impl<'m> Parts<'m> {
    /// The graphs of the model in the order of `Loaded::sources`: encoder, decoder, flow, or the one without
    /// roles.
    pub fn graphs(self) -> impl Iterator<Item = Part<'m>> {
        let encoder = self.encoder.map(Encoder::part);
        let decoder = self.decoder.map(Decoder::part);
        let flow = self.flow.map(Flow::part);
        [encoder, decoder, flow, self.bare.map(bare)].into_iter().flatten()
    }

    /// Every plan in the order in which the pack holds their weights. The gradient's, where there is
    /// refinement, follows the decoder's; its weights begin with the decoder's and share their place.
    pub fn plans(self) -> impl Iterator<Item = (PartName, &'m Plan)> {
        let refine = self.decoder.and_then(|decoder| decoder.refine.as_ref());
        self.graphs().flat_map(move |part| {
            let gradient = refine.filter(|_| part.name == PartName::Decoder);
            let gradient = gradient.map(|refine| (PartName::Gradient, &refine.gradient));
            [Some((part.name, part.plan)), gradient].into_iter().flatten()
        })
    }
}

impl Graphs {
    /// The graphs by their kind; `None` for each that the model does not have.
    pub fn parts(&self) -> Parts<'_> {
        let none = Parts { encoder: None, decoder: None, flow: None, bare: None };
        match self {
            Self::Amortized { encoder, decoder, flow } => Parts {
                encoder: Some(encoder),
                decoder: decoder.as_ref(),
                flow: flow.as_ref(),
                bare: None,
            },
            Self::Flow(flow) => Parts { flow: Some(flow), ..none },
            Self::Bare(plan) => Parts { bare: Some(plan), ..none },
        }
    }

    /// The graph that an inference runs: the encoder, else the flow or the graph without roles.
    pub fn main(&self) -> Part<'_> {
        match self {
            Self::Amortized { encoder, .. } => encoder.part(),
            Self::Flow(flow) => flow.part(),
            Self::Bare(plan) => bare(plan),
        }
    }
}

impl Encoder {
    /// The encoder's plan with its name and roles.
    pub fn part(&self) -> Part<'_> {
        Part { name: PartName::Encoder, plan: &self.plan, roles: &self.inputs }
    }
}

impl Decoder {
    /// The decoder's plan with its name and roles.
    pub fn part(&self) -> Part<'_> {
        Part { name: PartName::Decoder, plan: &self.plan, roles: &self.inputs }
    }
}

impl Flow {
    /// The flow's plan with its name and roles.
    pub fn part(&self) -> Part<'_> {
        Part { name: PartName::Flow, plan: &self.plan, roles: &self.inputs }
    }
}

/// A graph without roles as a part of its model.
fn bare(plan: &Plan) -> Part<'_> {
    Part { name: PartName::Graph, plan, roles: &[] }
}
