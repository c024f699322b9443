//! Float16 inside a graph of float32: the graph with float32 in its place.
//!
//! Constants keep their values, since float32 holds every float16. What the file computes in float16 is
//! computed in float32, and a computed value is rounded to float16 where an operator only moves it, unless that
//! stands alone between others that compute. This is what onnxruntime does on a CPU, which has no arithmetic
//! of float16 but moves such values as they are. A rounding is left in the graph as a cast to float16 and back.
//! Inputs and outputs of float16 stay so, and are refused.

use super::order::{Order, Source};
use super::proto::{Attribute, Graph, Node, Tensor, attribute_type, data_type};
use super::tensor::{checked_shape, narrow_floats};
use std::collections::{HashMap, HashSet};

/// What is known of a value of float16.
#[derive(Clone, Copy, PartialEq)]
enum Half {
    /// Float16 holds it.
    Exact,
    /// It was computed.
    Computed,
}

/// Replaces the float16 of a graph.
pub(super) fn widen(graph: &mut Graph) {
    if !is_in(graph) {
        return;
    }
    let rounded = roundings(graph);
    let nodes = std::mem::take(&mut graph.node);
    let mut known = HashSet::new();
    for (mut node, rounded) in nodes.into_iter().zip(rounded) {
        for at in rounded {
            let name = node.input[at].clone();
            let narrow = format!("{name}/float16");
            let wide = format!("{narrow}/float32");
            node.input[at] = wide.clone();
            if known.insert(name.clone()) {
                graph.node.push(cast(&name, &narrow, data_type::FLOAT16));
                graph.node.push(cast(&narrow, &wide, data_type::FLOAT));
            }
        }
        node.attribute.iter_mut().for_each(|attribute| widen_attribute(&node.op_type, attribute));
        graph.node.push(node);
    }
    graph.initializer.iter_mut().for_each(widen_tensor);
    for info in &mut graph.value_info {
        if let Some(tensor) = info.r#type.as_mut().and_then(|kind| kind.tensor.as_mut())
            && tensor.elem_type == data_type::FLOAT16
        {
            tensor.elem_type = data_type::FLOAT;
        }
    }
}

/// Whether anything in a graph is float16, but inputs and outputs.
pub(super) fn is_in(graph: &Graph) -> bool {
    let is_half = |tensor: &Tensor| tensor.data_type == data_type::FLOAT16;
    let makes =
        |attribute: &Attribute| attribute.t.as_ref().is_some_and(is_half) || names_half(attribute);
    graph.initializer.iter().any(is_half)
        || graph.node.iter().any(|node| node.attribute.iter().any(makes))
}

/// Whether an attribute says that the node gives float16.
fn names_half(attribute: &Attribute) -> bool {
    matches!(attribute.name.as_str(), "to" | "dtype")
        && attribute.i == i64::from(data_type::FLOAT16)
}

/// Positions of the inputs of each node that are rounded in front of it.
fn roundings(graph: &Graph) -> Vec<Vec<usize>> {
    let order = Order::of(graph, &mut Vec::new());
    let constants =
        graph.initializer.iter().filter(|tensor| tensor.data_type == data_type::FLOAT16);
    let mut halves: HashMap<&str, Half> =
        constants.map(|tensor| (tensor.name.as_str(), Half::Exact)).collect();
    let neighbours = Neighbours::of(graph, &order);
    let mut rounded = vec![Vec::new(); graph.node.len()];
    for &index in &order.live {
        let node = &graph.node[index];
        let own: Vec<Option<Half>> =
            node.input.iter().map(|name| halves.get(name.as_str()).copied()).collect();
        let Some(mut given) = given(node, &own) else { continue };
        if moves(&node.op_type) {
            let computed: Vec<usize> =
                (0..own.len()).filter(|at| own[*at] == Some(Half::Computed)).collect();
            match !computed.is_empty() && neighbours.compute(node, &computed) {
                true => given = Half::Computed,
                false => rounded[index] = computed,
            }
        }
        halves.extend(node.output.iter().map(|name| (name.as_str(), given)));
    }
    rounded
}

/// Who gives the values of a graph, and who reads them.
struct Neighbours<'a> {
    graph: &'a Graph,
    sources: &'a HashMap<&'a str, Source>,
    /// Readers of every name, those that no output needs included.
    readers: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Neighbours<'a> {
    fn of(graph: &'a Graph, order: &'a Order<'a>) -> Self {
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            node.input.iter().for_each(|name| readers.entry(name).or_default().push(index));
        }
        Self { graph, sources: &order.sources, readers }
    }

    /// Whether only nodes that compute give these inputs of a node, and read what it gives.
    fn compute(&self, node: &Node, inputs: &[usize]) -> bool {
        let computes = |index: usize| computes(&self.graph.node[index].op_type);
        let given = inputs.iter().all(|at| match self.sources.get(node.input[*at].as_str()) {
            Some(Source::Node(index)) => computes(*index),
            _ => false,
        });
        let read = |name: &String| match self.readers.get(name.as_str()) {
            Some(readers) => readers.iter().all(|reader| computes(*reader)),
            None => false,
        };
        let is_output = |name: &String| self.graph.output.iter().any(|output| output.name == *name);
        given && node.output.iter().all(|name| read(name) && !is_output(name))
    }
}

/// Whether an operator does arithmetic.
fn computes(op: &str) -> bool {
    let keeps =
        ["Cast", "CastLike", "Constant", "ConstantOfShape", "Dropout", "Identity", "Shape", "Size"];
    !moves(op) && !keeps.contains(&op)
}

/// What a node gives, by what is known of its inputs; `None` if that is no float16.
fn given(node: &Node, inputs: &[Option<Half>]) -> Option<Half> {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    match node.op_type.as_str() {
        "Cast" => attribute("to").filter(|to| names_half(to)).map(|_| Half::Computed),
        "CastLike" => inputs.get(1).copied().flatten().map(|_| Half::Computed),
        "Constant" | "ConstantOfShape" => {
            let value = attribute("value")?.t.as_ref()?;
            (value.data_type == data_type::FLOAT16).then_some(Half::Exact)
        }
        "Shape" | "Size" | "ArgMax" | "ArgMin" | "Equal" | "Greater" | "GreaterOrEqual"
        | "Less" | "LessOrEqual" | "IsNaN" | "IsInf" | "NonZero" | "QuantizeLinear" => None,
        op => {
            let first = inputs.iter().flatten().next().copied();
            let made = attribute("dtype").filter(|dtype| names_half(dtype)).map(|_| Half::Computed);
            match op {
                "Identity" | "Dropout" => first,
                op if moves(op) => first.map(|_| Half::Exact),
                _ => first.map(|_| Half::Computed).or(made),
            }
        }
    }
}

/// Whether an operator gives what it is given, elsewhere.
fn moves(op: &str) -> bool {
    matches!(
        op,
        "Concat"
            | "DepthToSpace"
            | "Expand"
            | "Flatten"
            | "Gather"
            | "GatherElements"
            | "GatherND"
            | "Reshape"
            | "Slice"
            | "SpaceToDepth"
            | "Split"
            | "Squeeze"
            | "Tile"
            | "Transpose"
            | "Unsqueeze"
    )
}

fn cast(input: &str, output: &str, to: i32) -> Node {
    let to = Attribute {
        name: "to".into(),
        i: i64::from(to),
        kind: attribute_type::INT,
        ..Attribute::default()
    };
    Node {
        op_type: "Cast".into(),
        name: output.into(),
        input: vec![input.into()],
        output: vec![output.into()],
        attribute: vec![to],
        ..Node::default()
    }
}

fn widen_attribute(op: &str, attribute: &mut Attribute) {
    if names_half(attribute) {
        attribute.i = i64::from(data_type::FLOAT);
    }
    if matches!(op, "Constant" | "ConstantOfShape") {
        attribute.t.iter_mut().for_each(widen_tensor);
    }
}

/// A tensor whose values do not fit its shape stays as it is, for import to say so.
fn widen_tensor(tensor: &mut Tensor) {
    let values = match tensor.data_type {
        data_type::FLOAT16 if !tensor.is_external() => {
            checked_shape(&tensor.dims).and_then(|shape| narrow_floats(tensor, shape))
        }
        _ => return,
    };
    if let Ok(values) = values {
        tensor.data_type = data_type::FLOAT;
        tensor.float_data = values.data;
        tensor.raw_data = Vec::new();
        tensor.int32_data = Vec::new();
    }
}
