//! An ONNX file with the roles of its tensors.

use super::{Role, ids, inner};
use crate::error::{Context, Error, Result};
use crate::held::Held;
use crate::import;
use crate::ir::{ElementType, Graph, NoiseKind, Op};
use crate::lower::{Integers, Plan};
use crate::manifest::{Allow, Fixed, InputRole, InputTable, TensorRef, Window};
use crate::stages::{given_integers, import_onnx_with, lower_with};
use std::path::{Path, PathBuf};

/// An ONNX file, imported, with the roles of its tensors.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Its graph.
    pub graph: Graph,
    /// One per input, `None` where no role is known; noise of random nodes has its role from the start.
    pub input_roles: Vec<Option<Role>>,
    /// One per output.
    pub output_roles: Vec<Option<Role>>,
    /// Outputs that hold mean and spread head, posterior by posterior.
    pub heads: Vec<[usize; 2]>,
    /// Input and output of every state that is kept between calls.
    pub states: Vec<(usize, usize)>,
    /// Inputs of a fixed value, and the values.
    pub fixed: Vec<(usize, Vec<f32>)>,
    /// Inputs that may hold NaN.
    pub missing: Vec<usize>,
    /// What the observation is made of.
    pub window: Option<Window>,
    /// Which layers compute with integers; without, all of it is f32.
    pub integers: Option<Integers>,
    /// The inputs that the manifest's tables name, in that order; they come first in a call.
    pub(super) first: Vec<usize>,
}

impl Source {
    /// The file at `path`, imported, with no roles but those of random nodes' noise.
    ///
    /// # Errors
    ///
    /// As [`import_onnx_with`].
    pub fn read(path: &Path, options: &import::Options) -> Result<Self> {
        let graph = import_onnx_with(path, options)?;
        let is_noise = |input| graph.noise.iter().any(|noise| noise.value == input);
        let roles = graph.inputs.iter().map(|input| is_noise(*input).then_some(Role::Eps));
        Ok(Self {
            path: path.to_path_buf(),
            input_roles: roles.collect(),
            output_roles: vec![None; graph.outputs.len()],
            heads: Vec::new(),
            states: Vec::new(),
            fixed: Vec::new(),
            missing: Vec::new(),
            window: None,
            integers: given_integers(&graph).context(path.display())?,
            first: Vec::new(),
            graph,
        })
    }

    /// Whether the file itself rounds to integers, as one with QuantizeLinear nodes does.
    pub fn is_quantized(&self) -> bool {
        self.graph.nodes.iter().any(|node| matches!(node.op, Op::Round(_)))
    }

    /// Name of the input at this position; as all methods that take one, it panics beyond the last.
    pub fn input_name(&self, input: usize) -> &str {
        &self.graph.values[self.graph.inputs[input]].name
    }

    /// Shape of the input at this position, batch axis included.
    pub fn input_shape(&self, input: usize) -> &[usize] {
        &self.graph.values[self.graph.inputs[input]].shape
    }

    /// Positions of the inputs that a caller gives: neither states nor inputs of a fixed value.
    pub fn given(&self) -> impl Iterator<Item = usize> {
        (0..self.graph.inputs.len()).filter(|input| {
            self.states.iter().all(|(state, _)| state != input)
                && self.fixed.iter().all(|(fixed, _)| fixed != input)
        })
    }

    /// Distribution of a noise input: that of its random node, or normal where it is an input of the file.
    pub fn noise_kind(&self, input: usize) -> NoiseKind {
        let own = self.graph.noise.iter().find(|noise| noise.value == self.graph.inputs[input]);
        own.map_or(NoiseKind::Normal, |noise| noise.kind)
    }

    /// Position of the output that `tensor` means, by name or index. An input error under `key` lists the
    /// outputs where there is none.
    pub(super) fn output(&self, key: &str, tensor: &TensorRef) -> Result<usize> {
        let names = self.graph.outputs.iter().map(|(name, _)| name.as_str());
        position(names, tensor)
            .map_err(|what| self.fault(format!("{key}: {what} among its outputs")))
    }

    /// Position of the output, or of the value inside the graph, that `tensor` means; such a value is
    /// appended to the graph's outputs (without a role). An input error under `key` where there is none, or
    /// where its length depends on data; nothing is appended then.
    pub(super) fn head(&mut self, key: &str, tensor: &TensorRef) -> Result<usize> {
        let inside = match tensor {
            TensorRef::Name(name) if self.graph.outputs.iter().all(|(own, _)| own != name) => {
                inner::inner(&self.graph, name).map(|id| (name.clone(), id))
            }
            _ => None,
        };
        let Some(output) = inside else {
            if let TensorRef::Name(name) = tensor
                && inner::is_selected(&self.graph, name)
            {
                return Err(self.fault(format!(
                    "{key}: `{name}` holds what NonZero selects by a computed mask, of a length that depends \
                     on data; declare the value behind the ScatterND or Where that puts it back"
                )));
            }
            return self.output(key, tensor).map_err(|error| {
                error.context("a head is an output, or a value that the graph computes on the way")
            });
        };
        self.graph.outputs.push(output);
        self.output_roles.push(None);
        Ok(self.graph.outputs.len() - 1)
    }

    /// Position of the input that `tensor` means, by name or index. An input error under `key` lists the
    /// inputs where there is none.
    pub(super) fn input(&self, key: &str, tensor: &TensorRef) -> Result<usize> {
        let names = (0..self.graph.inputs.len()).map(|input| self.input_name(input));
        position(names, tensor)
            .map_err(|what| self.fault(format!("{key}: {what} among its inputs")))
    }

    /// An input error with the message `what` behind the path of this file.
    pub(super) fn fault(&self, what: String) -> Error {
        Error::input(what).context(self.path.display())
    }

    /// Gives an input its role and makes it the next of those that come first in a call. An input error under
    /// `key` where it has another role or was named before.
    pub(super) fn assign(&mut self, key: &str, input: usize, role: Role) -> Result<()> {
        let name = self.input_name(input).to_string();
        if let Some(other) = self.input_roles[input].filter(|other| *other != role) {
            let (role, other) = (role.name(), other.name());
            return Err(self.fault(format!(
                "{key}: input {name:?} has the role {other} already, so it cannot be {role} as well; give each role an input of its own"
            )));
        }
        if self.first.contains(&input) {
            return Err(
                self.fault(format!("{key}: input {name:?} is named twice; name each input once"))
            );
        }
        self.input_roles[input] = Some(role);
        self.first.push(input);
        Ok(())
    }

    /// Applies the `[[input]]` tables to the inputs of this graph: role, NaN allowed, fixed value; tables of
    /// other graphs' inputs are skipped. An input error where a role contradicts a known one, or a fixed
    /// value does not fit; tables before it are applied then.
    pub(super) fn declare(&mut self, tables: &[InputTable]) -> Result<()> {
        for table in tables {
            let named = |input: &usize| self.input_name(*input) == table.name;
            let Some(input) = (0..self.graph.inputs.len()).find(named) else { continue };
            if let Some(role) = table.role {
                self.declare_role(&table.name, input, role)?;
            }
            if table.allow == Some(Allow::Nan) {
                self.missing.push(input);
            }
            if let Some(value) = &table.value {
                let values = self.fixed_values(input, value)?;
                self.fixed.push((input, values));
            }
        }
        Ok(())
    }

    /// Gives the input its declared role; `name` is for the message. An input error where it has another one
    /// already.
    fn declare_role(&mut self, name: &str, input: usize, role: InputRole) -> Result<()> {
        let role = match role {
            InputRole::X => Role::X,
            InputRole::Eps => Role::Eps,
            InputRole::Condition => Role::Condition,
        };
        match self.input_roles[input] {
            Some(own) if own == role => Ok(()),
            Some(Role::Eps) if self.is_noise(input) => Err(self.fault(format!(
                "input {name:?} is the noise of a random node, it cannot be {}; correct its role",
                role.name()
            ))),
            Some(own) => Err(self.fault(format!(
                "input {name:?} has the role {} in this graph, [[input]] says {}; correct one of them",
                own.name(),
                role.name()
            ))),
            None => {
                self.input_roles[input] = Some(role);
                Ok(())
            }
        }
    }

    /// Whether an input is the noise of a random node.
    fn is_noise(&self, input: usize) -> bool {
        self.graph.noise.iter().any(|noise| noise.value == self.graph.inputs[input])
    }

    /// The values of an input of a fixed `value`, one number repeated for all. An input error where a list
    /// has another length than the input, or a value is not what the input may hold.
    fn fixed_values(&self, input: usize, value: &Fixed) -> Result<Vec<f32>> {
        let len: usize = self.input_shape(input).iter().product();
        let values = match value {
            Fixed::Number(value) => vec![*value; len],
            Fixed::List(list) if list.len() == len => list.clone(),
            Fixed::List(list) => {
                return Err(self.fault(format!(
                    "input {:?}: `value` has {} numbers, its shape {:?} holds {len}; give one number, or one for each value",
                    self.input_name(input),
                    list.len(),
                    self.input_shape(input)
                )));
            }
        };
        match self.held(input).problem(&values, len) {
            None => Ok(values),
            Some(what) => {
                Err(self.fault(format!("input {:?}: `value`: {what}", self.input_name(input))))
            }
        }
    }

    /// The element type that the file declares for an input; the default one where it declares none.
    pub fn element_type(&self, input: usize) -> ElementType {
        let input = &self.graph.inputs[input];
        self.graph.element_types.get(input).copied().unwrap_or_default()
    }

    /// What the rows of an input may hold: element type, tables that it indexes, NaN, and the window for an
    /// observation.
    pub fn held(&self, input: usize) -> Held {
        Held {
            name: self.input_name(input).into(),
            element: self.element_type(input),
            tables: ids::tables(&self.graph, self.graph.inputs[input]),
            nan: self.missing.contains(&input),
            window: self.window.clone().filter(|_| self.input_roles[input] == Some(Role::X)),
        }
    }

    /// A copy of the graph as it is called: inputs in the order of a call, fixed ones as constants instead.
    pub fn arranged(&self) -> Graph {
        let mut graph = self.graph.clone();
        for (input, values) in &self.fixed {
            graph.values[self.graph.inputs[*input]].constant = Some(values.clone());
        }
        graph.inputs = self.call_order().iter().map(|input| self.graph.inputs[*input]).collect();
        graph
    }

    /// The plan of the outputs at these positions, with the integers of the source. An error, that of
    /// lowering, names the file.
    pub(super) fn lower(&self, outputs: &[usize]) -> Result<Plan> {
        lower_with(&self.arranged(), outputs, self.integers.as_ref()).context(self.path.display())
    }

    /// Whether the heads and states are all outputs of the graph, so that the plan of all outputs is the encoder's.
    pub fn gives_heads_alone(&self) -> bool {
        let own = self.heads_and_states();
        (0..self.graph.outputs.len()).all(|output| own.contains(&output))
    }

    /// The plan of all outputs, and pairs of plan input and output position of each state that the plan
    /// reads.
    ///
    /// # Errors
    ///
    /// As [`lower_with`].
    pub fn whole(&self) -> Result<(Plan, Vec<(usize, usize)>)> {
        let outputs: Vec<usize> = (0..self.graph.outputs.len()).collect();
        let plan = self.lower(&outputs)?;
        let states = self.states.iter().filter_map(|(input, output)| {
            let name = self.input_name(*input);
            let input = plan.inputs.iter().position(|port| port.name == name)?;
            Some((input, *output))
        });
        let states = states.collect();
        Ok((plan, states))
    }

    /// Inputs of the role z, in the order in which the manifest names them.
    pub fn latents(&self) -> impl Iterator<Item = usize> {
        self.first.iter().copied().filter(|input| self.input_roles[*input] == Some(Role::Z))
    }

    /// The plan of `outputs`, and the role of each of its inputs. An input error under `key` where the plan
    /// reads an input without a role, or does not read one of `required`.
    pub(super) fn lower_from(
        &self,
        key: &str,
        required: &[usize],
        outputs: &[usize],
    ) -> Result<(Plan, Vec<Role>)> {
        let plan = self.lower(outputs)?;
        let role = |name: &str| {
            let input = (0..self.graph.inputs.len()).find(|at| self.input_name(*at) == name)?;
            self.input_roles[input]
        };
        let needed: Vec<&str> = plan.inputs.iter().map(|port| port.name.as_str()).collect();
        let unknown: Vec<&&str> = needed.iter().filter(|name| role(name).is_none()).collect();
        if let Some(first) = unknown.first() {
            return Err(self.fault(format!(
                "{key}: these outputs are computed from {needed:?}, and nothing says what {unknown:?} hold; write an elbow.toml with `[[input]]` `name = {first:?}` `role = \"condition\"` (or \"eps\" for noise) for each"
            )));
        }
        let unused = required.iter().map(|input| self.input_name(*input));
        if let Some(unused) = unused.into_iter().find(|name| !needed.contains(name)) {
            return Err(self.fault(format!(
                "{key}: these outputs are computed from {needed:?}, expected {unused:?} among them; correct the roles, or export the graph so"
            )));
        }
        let roles = needed.iter().filter_map(|name| role(name)).collect();
        Ok((plan, roles))
    }
}

/// Index among `names` of the tensor meant, by name or index; the error is a sentence with all names where
/// there is none.
fn position<'a>(
    names: impl Iterator<Item = &'a str>,
    tensor: &TensorRef,
) -> std::result::Result<usize, String> {
    let names: Vec<&str> = names.collect();
    let found = match tensor {
        TensorRef::Index(index) => (*index < names.len()).then_some(*index),
        TensorRef::Name(name) => names.iter().position(|other| other == name),
    };
    found.ok_or_else(|| match tensor {
        TensorRef::Index(index) => format!("found no tensor {index}; expected one of {names:?}"),
        TensorRef::Name(name) => format!("found no tensor {name:?}; expected one of {names:?}"),
    })
}
