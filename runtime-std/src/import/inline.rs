//! Functions that a file defines itself: their bodies take the place of the nodes that call them.

use super::order::node_name;
use super::problem::shown;
use super::proto::{Attribute, Function, Graph, Node, OperatorSet};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// Most nodes that bodies may add: a small file cannot ask for more work.
const MOST_NODES: usize = 1 << 16;
/// Deepest call of functions by functions.
const DEEPEST: usize = 32;

/// A node that may be a call, and how deep it lies in calls.
struct Open {
    node: Node,
    depth: usize,
}

/// Replaces every call of a function of the file by the function's body.
///
/// # Errors
///
/// A function that calls itself, bodies of too many nodes, or one that is written for another operator
/// set; the error names the node and the function.
pub(super) fn inline(graph: &mut Graph, functions: &[Function], opset: i64) -> Result<()> {
    let by_name: HashMap<(&str, &str), &Function> =
        functions.iter().map(|f| ((f.domain.as_str(), f.name.as_str()), f)).collect();
    let nodes = std::mem::take(&mut graph.node);
    let mut open: Vec<Open> = nodes.into_iter().map(|node| Open { node, depth: 0 }).collect();
    open.reverse();
    let (mut calls, mut added) = (0, 0);
    while let Some(Open { node, depth }) = open.pop() {
        let key = (node.domain.as_str(), node.op_type.as_str());
        let Some(function) = by_name.get(&key) else {
            graph.node.push(node);
            continue;
        };
        calls += 1;
        added += function.node.len() + function.output.len();
        if depth >= DEEPEST || added > MOST_NODES {
            return Err(fault(
                &node,
                function,
                "calls itself, or more functions than any exporter writes",
                "export again without functions of your own",
            ));
        }
        check_opset(&node, function, opset)?;
        let body = Call { node: &node, function, number: calls }.body();
        open.extend(body.into_iter().rev().map(|node| Open { node, depth: depth + 1 }));
    }
    Ok(())
}

/// A body in another operator set than the file's could mean something else.
fn check_opset(node: &Node, function: &Function, opset: i64) -> Result<()> {
    let is_default = |set: &&OperatorSet| matches!(set.domain.as_str(), "" | "ai.onnx");
    match function.opset_import.iter().find(is_default) {
        Some(set) if set.version != opset => Err(fault(
            node,
            function,
            &format!("is written for opset {}, the file for {opset}", set.version),
            "export again; or inline it: `onnx.inliner.inline_local_functions(onnx.load(PATH))`",
        )),
        _ => Ok(()),
    }
}

#[cold]
fn fault(node: &Node, function: &Function, what: &str, cure: &str) -> Error {
    let (name, function) = (shown(&node.name), shown(&function.name));
    Error::input(format!("node `{name}`: the function `{function}` {what}; {cure}"))
}

/// A call of a function.
struct Call<'a> {
    node: &'a Node,
    function: &'a Function,
    /// Makes names unique.
    number: usize,
}

impl Call<'_> {
    /// The function's nodes, with the caller's names for what goes in and out.
    fn body(&self) -> Vec<Node> {
        let mut body: Vec<Node> = self.function.node.iter().map(|node| self.node(node)).collect();
        for (output, caller) in self.function.output.iter().zip(&self.node.output) {
            // A function may hand an input on.
            if self.function.input.contains(output) && !caller.is_empty() {
                body.push(Node {
                    op_type: "Identity".into(),
                    name: format!("{}/{output}", self.name()),
                    input: vec![self.value(output)],
                    output: vec![caller.clone()],
                    ..Node::default()
                });
            }
        }
        body
    }

    fn name(&self) -> String {
        node_name(self.number, self.node)
    }

    fn node(&self, node: &Node) -> Node {
        Node {
            name: format!("{}/{}", self.name(), node.name),
            input: node.input.iter().map(|name| self.value(name)).collect(),
            output: node.output.iter().map(|name| self.value(name)).collect(),
            attribute: node.attribute.iter().filter_map(|own| self.attribute(own)).collect(),
            ..node.clone()
        }
    }

    /// The caller's name of a value of the body.
    fn value(&self, name: &str) -> String {
        let place = |names: &[String]| names.iter().position(|other| other == name);
        if name.is_empty() {
            return String::new();
        }
        if let Some(at) = place(&self.function.input) {
            return self.node.input.get(at).cloned().unwrap_or_default();
        }
        let given = place(&self.function.output).and_then(|at| self.node.output.get(at));
        match given.filter(|name| !name.is_empty()) {
            Some(caller) => caller.clone(),
            None => format!("{}#{}/{name}", self.name(), self.number),
        }
    }

    /// The body's attribute; one that refers to the caller's is that, its default, or left out.
    fn attribute(&self, own: &Attribute) -> Option<Attribute> {
        if own.ref_attr_name.is_empty() {
            return Some(own.clone());
        }
        let all = self.node.attribute.iter().chain(&self.function.attribute_proto);
        let given = all.into_iter().find(|attribute| attribute.name == own.ref_attr_name)?;
        Some(Attribute { name: own.name.clone(), ..given.clone() })
    }
}
