//! A graph and its declared heads to an [`Encoder`].

use super::{Declared, Encoder, Latent, Role, Source, heads};
use crate::error::Result;
use crate::ir::Graph;
use crate::lower::Plan;
use crate::manifest::{
    EncoderTable, InputRole, InputTable, LatentTable, Manifest, SpreadTable, StatePair, TensorRef,
};

/// What was declared, by manifest or command line.
pub(super) struct Roles {
    /// The observation.
    input: TensorRef,
    /// One per posterior.
    latents: Vec<LatentTable>,
    inputs: Vec<InputTable>,
    states: Vec<StatePair>,
    /// Whether the posteriors are `[[latent]]` tables.
    listed: bool,
}

impl Roles {
    /// What `manifest` declares of its encoder. The observation is `encoder.input`, else the `[[input]]` of
    /// the role x, else the first input.
    pub(super) fn of_manifest(manifest: &Manifest, table: &EncoderTable) -> Self {
        let observed = manifest.input.iter().find(|input| input.role == Some(InputRole::X));
        let observed = observed.map(|input| TensorRef::Name(input.name.clone()));
        Self {
            input: table.input.clone().or(observed).unwrap_or(TensorRef::Index(0)),
            latents: manifest.latents(),
            inputs: manifest.input.clone(),
            states: manifest.state.as_ref().map_or_else(Vec::new, |state| state.pairs.clone()),
            listed: !manifest.latent.is_empty(),
        }
    }

    /// The heads of the command line, with the first input as the observation; no other inputs, no states, no
    /// `eps` and no clamp.
    pub(super) fn of_declared(declared: &Declared) -> Self {
        let spread = SpreadTable {
            output: declared.spread.clone(),
            head: declared.head,
            eps: 0.0,
            clamp: None,
        };
        Self {
            input: TensorRef::Index(0),
            latents: vec![LatentTable { mean: declared.mean.clone(), spread }],
            inputs: Vec::new(),
            states: Vec::new(),
            listed: false,
        }
    }
}

/// The encoder of `source` with these roles, and the source with the roles entered. An input error where a
/// name is not found, the graph contradicts a head, or an input that the heads read has no role.
pub(super) fn build(mut source: Source, roles: &Roles) -> Result<(Encoder, Source)> {
    let input = source.input("encoder.input", &roles.input)?;
    source.assign("encoder.input", input, Role::X)?;
    for (at, pair) in roles.states.iter().enumerate() {
        state(&mut source, &format!("state.pairs[{at}]"), pair)?;
    }
    source.declare(&roles.inputs)?;
    for (at, table) in roles.latents.iter().enumerate() {
        let key = if roles.listed { format!("latent[{at}]") } else { "encoder".into() };
        posterior(&mut source, &key, table)?;
    }
    let required: Vec<usize> =
        [input].into_iter().chain(source.states.iter().map(|(input, _)| *input)).collect();
    let (plan, inputs) = source.lower_from("encoder", &required, &source.heads_and_states())?;
    let latents = latents(&plan, &roles.latents);
    let states = source.states.len();
    Ok((Encoder { plan, inputs, latents, states }, source))
}

/// The posteriors by their tables, each as long as its mean, of a plan whose outputs are mean and spread of
/// each in turn.
fn latents(plan: &Plan, tables: &[LatentTable]) -> Vec<Latent> {
    let means = plan.outputs.iter().step_by(2).zip(tables);
    let latent = |(mean, LatentTable { spread, .. }): (&crate::lower::Port, &LatentTable)| Latent {
        len: mean.len(),
        head: spread.head,
        eps: spread.eps,
        clamp: spread.clamp.map(|[low, high]| (low, high)),
    };
    means.map(latent).collect()
}

/// Enters mean and spread of one posterior into the roles and heads of `source`, and into its outputs where
/// they are values inside the graph. An input error under `key` where one is not found, both are the same,
/// shapes differ, the graph contradicts them, or one has a role already.
fn posterior(source: &mut Source, key: &str, table: &LatentTable) -> Result<()> {
    let mean = source.head(&format!("{key}.mean"), &table.mean)?;
    let spread = source.head(&format!("{key}.spread"), &table.spread.output)?;
    let (mean_name, loc) = &source.graph.outputs[mean];
    let (spread_name, scale) = &source.graph.outputs[spread];
    if mean == spread {
        return Err(source.fault(format!(
            "{key}.mean and {key}.spread are both output {mean_name:?}: name the two heads; it has {:?}",
            names(&source.graph)
        )));
    }
    let shapes = (&source.graph.values[*loc].shape, &source.graph.values[*scale].shape);
    if shapes.0 != shapes.1 {
        return Err(source.fault(format!(
            "the heads have unequal shapes: mean {mean_name:?} has {:?}, spread {spread_name:?} has {:?}; declare the two outputs of one posterior",
            shapes.0, shapes.1
        )));
    }
    let head = table.spread.head;
    if let Some(why) = heads::contradiction(&source.graph, *scale, head) {
        return Err(source.fault(format!("{key}.spread: output {spread_name:?}: {why}")));
    }
    for (key, output) in
        [("mean", mean), ("spread", spread)].map(|(k, o)| (format!("{key}.{k}"), o))
    {
        if let Some(why) = heads::drawn(source, output) {
            return Err(source.fault(format!("{key}: {why}")));
        }
    }
    if let Some(why) = heads::changed_places(&source.graph, [mean, spread], &table.spread) {
        return Err(source.fault(format!("{key}: {why}")));
    }
    if let Some(why) = heads::drawn_otherwise(source, [mean, spread], head) {
        return Err(source.fault(format!("{key}: {why}")));
    }
    if let Some(taken) = [mean, spread].iter().find(|at| source.output_roles[**at].is_some()) {
        let name = &source.graph.outputs[*taken].0;
        return Err(source.fault(format!(
            "{key}: output {name:?} has another role already; give each role an output of its own"
        )));
    }
    source.output_roles[mean] = Some(Role::Mean);
    source.output_roles[spread] = Role::of_spread(head);
    source.heads.push([mean, spread]);
    Ok(())
}

/// Enters a state pair into the roles and states of `source`. An input error under `key` where a name is not
/// found, the numbers of values differ, or the input has a role already.
fn state(source: &mut Source, key: &str, pair: &StatePair) -> Result<()> {
    let input = source.input(&format!("{key}.input"), &pair.input)?;
    let output = source.output(&format!("{key}.output"), &pair.output)?;
    let (name, value) = &source.graph.outputs[output];
    let (before, after) = (source.input_shape(input), &source.graph.values[*value].shape);
    if before.iter().product::<usize>() != after.iter().product::<usize>() {
        return Err(source.fault(format!(
            "{key}: input {:?} has shape {before:?}, output {name:?} has {after:?}; pair a state with its own next value",
            source.input_name(input)
        )));
    }
    if let Some(other) = source.input_roles[input] {
        return Err(source.fault(format!(
            "{key}: input {:?} has the role {} already; pair the state's own input",
            source.input_name(input),
            other.name()
        )));
    }
    source.input_roles[input] = Some(Role::State);
    source.output_roles[output] = Some(Role::State);
    source.states.push((input, output));
    Ok(())
}

/// Names of the graph's outputs.
fn names(graph: &Graph) -> Vec<&String> {
    graph.outputs.iter().map(|(name, _)| name).collect()
}
