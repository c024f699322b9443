//! Branches: where a condition is known, the nodes of the branch taken stand in place of the If.

use super::super::ops::known::undecided;
use super::super::order::{captured, reads};
use super::super::problem::{Read, invalid, shown};
use super::super::proto::{GraphProto, NodeProto};
use super::super::scope::Operand;
use super::super::tensor::load;
use super::Importer;
use std::collections::HashSet;

impl<'a> Importer<'a> {
    /// Outputs of an If whose condition is known: those of the branch taken. The nodes that they need are
    /// read into the graph, as `name/LABEL`, and their names are bound; the names of the If's outputs get
    /// their mask tags, but the caller binds them. `None` where an operand or one of these outputs is missing
    /// because of a problem. An error where the condition is not one known number or follows from what a mask
    /// selects, or where the branch is missing, takes inputs, gives another number of outputs than the If, or
    /// uses names wrongly ([`check_body`](Self::check_body)).
    pub(super) fn branch(&mut self, node: &'a NodeProto, name: &str) -> Read<Option<Vec<Operand>>> {
        let Some(condition) = self.operands(node) else { return Ok(None) };
        let taken = match self.decided(node, &condition) {
            Some(true) => "then_branch",
            Some(false) => "else_branch",
            None => return Err(undecided()),
        };
        let attribute = node.attribute.iter().find(|attribute| attribute.name == taken);
        let Some(body) = attribute.and_then(|attribute| attribute.g.as_ref()) else {
            return invalid(format!("its `{taken}` is missing"));
        };
        if !body.input.is_empty() || body.output.len() != node.output.len() {
            return invalid(format!(
                "its `{taken}` takes {} and gives {} values, expected 0 and {}",
                body.input.len(),
                body.output.len(),
                node.output.len()
            ));
        }
        self.check_body(body)?;
        self.body(body, name);
        let inner = body.output.iter().map(|output| output.name.as_str());
        for (inner, outer) in inner.clone().zip(&node.output) {
            self.masked.rename(inner, outer);
        }
        Ok(inner.map(|inner| self.bound.get(inner).cloned().flatten()).collect())
    }

    /// Whether the condition is true, that is not 0; `None` where it is not one known number, or where an
    /// input follows from what a mask selects.
    fn decided(&self, node: &NodeProto, inputs: &[Option<Operand>]) -> Option<bool> {
        if node.input.iter().any(|name| self.masked.has(name)) {
            return None;
        }
        match inputs.first()?.as_ref()? {
            Operand::Integers(condition) => condition.single().map(|value| value != 0),
            Operand::Float(id) => self.scope.known_number(*id).map(|value| value != 0.0),
        }
    }

    /// An error where a body reads a name that nothing gives, gives a name that the graph around it has as
    /// well, or reads a name of its own before the node that gives it.
    fn check_body(&self, body: &GraphProto) -> Read<()> {
        if let Some(missing) =
            captured(body).into_iter().find(|name| !self.bound.contains_key(name))
        {
            return invalid(format!("its branch reads `{}`, which nothing gives", shown(missing)));
        }
        let own = body.initializer.iter().map(|tensor| tensor.name.as_str());
        let mut given: HashSet<&str> = own.collect();
        let own = body.node.iter().flat_map(|node| &node.output).map(String::as_str);
        let all: HashSet<&str> = own.chain(given.iter().copied()).collect();
        if let Some(again) = all.iter().find(|name| self.order.sources.contains_key(*name)) {
            return invalid(format!("its branch gives `{}` again", shown(again)));
        }
        for node in &body.node {
            let early = |name: &&str| all.contains(name) && !given.contains(name);
            if let Some(early) = reads(node).into_iter().find(early) {
                return invalid(format!("its branch reads `{}` before it is given", shown(early)));
            }
            given.extend(node.output.iter().map(String::as_str));
        }
        Ok(())
    }

    /// Reads the initializers and nodes of a body that its outputs need, in the order of the body, into the
    /// graph, and binds their names. In reports a node is called `name/LABEL`; a refusal becomes a problem.
    /// `self.read` is the same before and after.
    fn body(&mut self, body: &'a GraphProto, name: &str) {
        let mut read: HashSet<&str> =
            body.output.iter().map(|output| output.name.as_str()).collect();
        let mut needed = vec![false; body.node.len()];
        for (index, node) in body.node.iter().enumerate().rev() {
            needed[index] = node.output.iter().any(|name| read.contains(name.as_str()));
            if needed[index] {
                read.extend(reads(node));
            }
        }
        for tensor in body.initializer.iter().filter(|tensor| read.contains(tensor.name.as_str())) {
            let loaded = load(tensor)
                .map_err(|refusal| self.problem(&tensor.name, "initializer", refusal))
                .ok();
            let operand = loaded.map(|loaded| self.scope.loaded(&tensor.name, loaded));
            self.masked.forget(&tensor.name);
            self.bound.insert(&tensor.name, operand);
        }
        let outside = std::mem::replace(&mut self.read, read);
        for (index, node) in body.node.iter().enumerate().filter(|(index, _)| needed[*index]) {
            self.read_node(node, &format!("{name}/{}", node.label(index)));
        }
        self.read = outside;
    }
}
