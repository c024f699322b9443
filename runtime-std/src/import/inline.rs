//! Functions that a file defines itself: their bodies take the place of the nodes that call them.

use super::problem::shown;
use super::proto::{
    self, AttributeProto, FunctionProto, GraphProto, NodeProto, OperatorSetIdProto, not_onnx,
};
use crate::error::{Error, Result};
use prost::Message;
use std::collections::HashMap;

/// Deepest call of functions by functions.
const DEEPEST: usize = 32;

/// What bodies may still add: a small file cannot ask for more work or memory.
struct Budget {
    nodes: usize,
    /// Of names and attributes.
    bytes: usize,
}

impl Budget {
    const WHOLE: Self = Self { nodes: 1 << 16, bytes: 1 << 26 };

    /// Takes so many nodes and bytes from the budget; `None` where less of either is left; the nodes may then
    /// be taken already.
    fn take(&mut self, nodes: usize, bytes: usize) -> Option<()> {
        self.nodes = self.nodes.checked_sub(nodes)?;
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }
}

/// A node that may call a function, and how many calls it lies in.
struct Open {
    node: NodeProto,
    depth: usize,
}

/// Domain, name and overload, which together name a function.
type Key<'a> = (&'a str, &'a str, &'a str);

/// The graph of a file without functions of its own, and the version of its default operator set.
///
/// # Errors
///
/// As [`proto::decode`] and [`inline`], and where the file has no graph or the graph no outputs.
pub(super) fn decoded(bytes: &[u8]) -> Result<(GraphProto, i64)> {
    let (mut model, opset) = proto::decode(bytes)?;
    let functions = std::mem::take(&mut model.functions);
    let mut graph = model.graph.ok_or_else(|| not_onnx("with a graph"))?;
    if graph.output.is_empty() {
        return Err(not_onnx("whose graph has outputs"));
    }
    inline(&mut graph, &functions, opset)?;
    Ok((graph, opset))
}

/// The file with its own functions inlined and `change` applied to its graph; `None` where nothing changed: it has no
/// functions and `change` returned false, or it has no graph.
///
/// # Errors
///
/// As [`proto::decode`] and [`inline`].
pub(super) fn rewritten(
    bytes: &[u8],
    change: impl FnOnce(&mut GraphProto, i64) -> bool,
) -> Result<Option<Vec<u8>>> {
    let (mut model, opset) = proto::decode(bytes)?;
    let functions = std::mem::take(&mut model.functions);
    let Some(graph) = model.graph.as_mut() else { return Ok(None) };
    inline(graph, &functions, opset)?;
    let changed = change(graph, opset) || !functions.is_empty();
    Ok(changed.then(|| model.encode_to_vec()))
}

/// Replaces every call of one of `functions` among the nodes of `graph`, and in bodies of functions, by the
/// function's body; nodes of branches and loops are not looked at. `opset` is that of the file. After an
/// error only some of the nodes are left in `graph`.
///
/// # Errors
///
/// Two functions of one name, a function that calls itself, calls deeper than 32, bodies that are too large
/// together, or one that is written for another operator set; the error names the function, and the node
/// where there is one.
fn inline(graph: &mut GraphProto, functions: &[FunctionProto], opset: i64) -> Result<()> {
    let callees = callees(functions)?;
    let nodes = std::mem::take(&mut graph.node);
    let mut open: Vec<Open> = nodes.into_iter().map(|node| Open { node, depth: 0 }).collect();
    open.reverse();
    let (mut calls, mut budget) = (0, Budget::WHOLE);
    while let Some(Open { node, depth }) = open.pop() {
        let Some(callee) = callees.get(&called(&node)) else {
            graph.node.push(node);
            continue;
        };
        calls += 1;
        check_opset(&node, callee.function, opset)?;
        let call = FunctionCall::new(&node, callee, calls);
        let body = if depth < DEEPEST { call.body(&mut budget) } else { None };
        let Some(body) = body else {
            return Err(fault(
                &node,
                callee.function,
                "calls itself, or more and larger functions than any exporter writes",
                "export again without functions of your own",
            ));
        };
        open.extend(body.into_iter().rev().map(|node| Open { node, depth: depth + 1 }));
    }
    Ok(())
}

/// The key of the function that a node calls, if there is one of this key.
fn called(node: &NodeProto) -> Key<'_> {
    (&node.domain, &node.op_type, &node.overload)
}

/// The functions of a file by key; an error where two have the same key.
fn callees(functions: &[FunctionProto]) -> Result<HashMap<Key<'_>, Callee<'_>>> {
    let mut callees = HashMap::with_capacity(functions.len());
    for function in functions {
        let key: Key<'_> = (&function.domain, &function.name, &function.overload);
        if callees.insert(key, Callee::new(function)).is_some() {
            return Err(Error::input(format!(
                "the function `{}` of the domain `{}` (overload `{}`) is defined twice, expected once; \
                 export again, or give one of them another `overload`",
                shown(&function.name),
                shown(&function.domain),
                shown(&function.overload)
            )));
        }
    }
    Ok(callees)
}

/// An error where a function declares another version of the default operator set than the file's, since its
/// body could then mean something else; a function that declares none is accepted.
fn check_opset(node: &NodeProto, function: &FunctionProto, opset: i64) -> Result<()> {
    let is_default = |set: &&OperatorSetIdProto| matches!(set.domain.as_str(), "" | "ai.onnx");
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

/// The error of a call: its node, the function, what is wrong, and what to do.
#[cold]
fn fault(node: &NodeProto, function: &FunctionProto, what: &str, cure: &str) -> Error {
    let (name, function) = (shown(&node.name), shown(&function.name));
    Error::input(format!("node `{name}`: the function `{function}` {what}; {cure}"))
}

/// A function, with the positions of its inputs and outputs by name.
struct Callee<'a> {
    function: &'a FunctionProto,
    inputs: HashMap<&'a str, usize>,
    outputs: HashMap<&'a str, usize>,
    /// Attributes for calls that leave them out.
    defaults: HashMap<&'a str, &'a AttributeProto>,
}

impl<'a> Callee<'a> {
    /// The positions of a function's inputs and outputs, and its defaults; of several with one name the first
    /// counts.
    fn new(function: &'a FunctionProto) -> Self {
        let places = |names: &'a [String]| {
            names.iter().enumerate().rev().map(|(at, name)| (name.as_str(), at)).collect()
        };
        Self {
            function,
            inputs: places(&function.input),
            outputs: places(&function.output),
            defaults: by_name(&function.attribute_proto),
        }
    }
}

/// Attributes by name; of several with one name the first counts.
fn by_name(attributes: &[AttributeProto]) -> HashMap<&str, &AttributeProto> {
    attributes.iter().rev().map(|attribute| (attribute.name.as_str(), attribute)).collect()
}

/// A call of a function.
struct FunctionCall<'a> {
    node: &'a NodeProto,
    callee: &'a Callee<'a>,
    /// Attributes of the calling node.
    attributes: HashMap<&'a str, &'a AttributeProto>,
    /// Name of the calling node, with which names of the body begin.
    name: String,
    /// Number of this call in the file, which makes names unique.
    number: usize,
}

impl<'a> FunctionCall<'a> {
    /// The call of the function by `node`, with its number in the file.
    fn new(node: &'a NodeProto, callee: &'a Callee<'a>, number: usize) -> Self {
        let attributes = by_name(&node.attribute);
        Self { node, callee, attributes, name: node.label(number), number }
    }

    /// The function's nodes with the caller's names of its inputs and outputs, and an Identity for each
    /// output that is an input as well. Takes their size from `budget`; `None` where that is not enough.
    fn body(&self, budget: &mut Budget) -> Option<Vec<NodeProto>> {
        let function = self.callee.function;
        let nodes = function.node.iter().map(|node| self.node(node, budget));
        let mut body = nodes.collect::<Option<Vec<NodeProto>>>()?;
        for (output, caller) in function.output.iter().zip(&self.node.output) {
            // A function may hand an input on.
            if self.callee.inputs.contains_key(output.as_str()) && !caller.is_empty() {
                let own = NodeProto {
                    op_type: "Identity".into(),
                    name: output.clone(),
                    input: vec![output.clone()],
                    ..NodeProto::default()
                };
                let identity = self.node(&own, budget)?;
                body.push(NodeProto { output: vec![caller.clone()], ..identity });
            }
        }
        Some(body)
    }

    /// A node of the body as it stands in the graph: its name behind that of the call, its values renamed,
    /// its attributes resolved. Takes its size from `budget`; `None` where that is not enough.
    fn node(&self, own: &NodeProto, budget: &mut Budget) -> Option<NodeProto> {
        let metadata: usize = own.metadata.iter().map(Message::encoded_len).sum();
        budget.take(1, self.name.len() + own.name.len() + own.op_type.len() + metadata)?;
        Some(NodeProto {
            name: format!("{}/{}", self.name, own.name),
            op_type: own.op_type.clone(),
            domain: own.domain.clone(),
            overload: own.overload.clone(),
            metadata: own.metadata.clone(),
            input: self.values(&own.input, budget)?,
            output: self.values(&own.output, budget)?,
            attribute: self.attributes(&own.attribute, budget)?,
        })
    }

    /// The names in the graph of values of the body: the caller's own, or `CALL#NUMBER/NAME` for values
    /// inside. Takes their size from `budget`; `None` where that is not enough.
    fn values(&self, names: &[String], budget: &mut Budget) -> Option<Vec<String>> {
        let mut values = Vec::new();
        for name in names {
            let given = self.given(name);
            let len = given.map_or(self.name.len() + name.len(), str::len);
            budget.take(0, len + size_of::<String>())?;
            let inner = || format!("{}#{}/{name}", self.name, self.number);
            values.push(given.map_or_else(inner, str::to_string));
        }
        Some(values)
    }

    /// The caller's name of a value of the body. Empty for an empty name, and for an input that the caller
    /// leaves out; `None` for a value inside, and for an output that the caller leaves out.
    fn given<'n>(&'n self, name: &str) -> Option<&'n str> {
        if name.is_empty() {
            return Some("");
        }
        if let Some(&at) = self.callee.inputs.get(name) {
            return Some(self.node.input.get(at).map_or("", String::as_str));
        }
        let at = self.callee.outputs.get(name)?;
        self.node.output.get(*at).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The attributes of a node of the body. One that refers to an attribute of the function has the caller's
    /// value, else the function's default, else it is left out. Takes their size from `budget`; `None` where
    /// that is not enough.
    fn attributes(
        &self,
        own: &[AttributeProto],
        budget: &mut Budget,
    ) -> Option<Vec<AttributeProto>> {
        let mut attributes = Vec::new();
        for own in own {
            let given = match own.ref_attr_name.as_str() {
                "" => Some(own),
                name => self.attributes.get(name).or(self.callee.defaults.get(name)).copied(),
            };
            if let Some(given) = given {
                budget.take(0, given.encoded_len() + own.name.len())?;
                attributes.push(AttributeProto { name: own.name.clone(), ..given.clone() });
            }
        }
        Some(attributes)
    }
}
