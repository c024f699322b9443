//! The order of the nodes: the producer of each name, the nodes that the outputs need, and cycles.

use super::problem::{Unsupported, shown};
use super::proto::{GraphProto, NodeProto};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

/// Producer of a named value, by its position among the inputs, initializers or nodes of the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Producer {
    Input(usize),
    Initializer(usize),
    Node(usize),
}

/// The structure of a graph.
pub(super) struct Order<'a> {
    /// Producer of each name.
    pub sources: HashMap<&'a str, Producer>,
    /// Nodes that outputs need, each after those it reads.
    pub live: Vec<usize>,
    /// Nodes that no output needs.
    pub dead: Vec<usize>,
    /// Names that live nodes or outputs read.
    pub read: HashSet<&'a str>,
}

impl<'a> Order<'a> {
    /// The structure of a graph. Adds a problem to `problems` for each name that is given twice or by
    /// nothing, and for a cycle.
    pub fn of(graph: &'a GraphProto, problems: &mut Vec<Unsupported>) -> Self {
        let sources = sources(graph, problems);
        check_reads(graph, &sources, problems);
        let sorted = sort(graph, &sources, problems);
        let (needed, read) = needed(graph, &sources);
        let (live, dead) = sorted.into_iter().partition(|&index| needed[index]);
        Self { sources, live, dead, read }
    }
}

/// Producer of each name. Adds a problem for each name that is given twice; of two inputs the first counts,
/// of two initializers or nodes the last, and a node before an input or initializer. An input that is also an
/// initializer is a constant, and no problem: old files list all initializers as inputs.
fn sources<'a>(
    graph: &'a GraphProto,
    problems: &mut Vec<Unsupported>,
) -> HashMap<&'a str, Producer> {
    let mut sources = HashMap::with_capacity(graph.node.len() + graph.initializer.len());
    let mut duplicate = |name: &str, op: &str| {
        problems.push(Unsupported {
            node: shown(name),
            op: op.to_string(),
            module: None,
            reason: "this name is given twice, expected once".to_string(),
            advice:
                "the file is not valid ONNX: give its values names of their own, or export it again"
                    .to_string(),
        })
    };
    for (index, tensor) in graph.initializer.iter().enumerate() {
        if sources.insert(tensor.name.as_str(), Producer::Initializer(index)).is_some() {
            duplicate(&tensor.name, "initializer");
        }
    }
    for (index, input) in graph.input.iter().enumerate() {
        match sources.get(input.name.as_str()) {
            None => drop(sources.insert(input.name.as_str(), Producer::Input(index))),
            Some(Producer::Input(_)) => duplicate(&input.name, "input"),
            Some(_) => {}
        }
    }
    for (index, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if sources.insert(output, Producer::Node(index)).is_some() {
                duplicate(output, &node.op_type);
            }
        }
    }
    sources
}

/// Adds a problem for each name that is an input of a node and that nothing gives, once for each name. Names
/// read only in bodies are not checked here.
fn check_reads(
    graph: &GraphProto,
    sources: &HashMap<&str, Producer>,
    problems: &mut Vec<Unsupported>,
) {
    let mut missing = HashSet::new();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            if !sources.contains_key(name.as_str()) && missing.insert(name) {
                problems.push(Unsupported {
                    node: node.label(index),
                    op: shown(&node.op_type),
                    module: None,
                    reason: format!(
                        "reads `{}`, which no initializer, input or node gives",
                        shown(name)
                    ),
                    advice: "the file is incomplete: export it again, with its weights inside"
                        .to_string(),
                });
            }
        }
    }
}

/// Indices of the nodes that give what `node`, or a body in it, reads; one index may come several times.
fn predecessors<'a>(
    node: &'a NodeProto,
    sources: &'a HashMap<&str, Producer>,
) -> impl Iterator<Item = usize> + 'a {
    reads(node).into_iter().filter_map(|name| match sources.get(name) {
        Some(Producer::Node(index)) => Some(*index),
        _ => None,
    })
}

/// Indices of the nodes, each behind those that it reads from (Kahn's algorithm), in the order of the file
/// where that leaves a choice. Nodes on or behind a cycle are left out, and a problem that shows one cycle is
/// added.
fn sort(
    graph: &GraphProto,
    sources: &HashMap<&str, Producer>,
    problems: &mut Vec<Unsupported>,
) -> Vec<usize> {
    let count = graph.node.len();
    let mut waits = vec![0usize; count];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, node) in graph.node.iter().enumerate() {
        for predecessor in predecessors(node, sources) {
            waits[index] += 1;
            readers[predecessor].push(index);
        }
    }
    let mut ready: BinaryHeap<_> = (0..count).filter(|&i| waits[i] == 0).map(Reverse).collect();
    let mut sorted = Vec::with_capacity(count);
    while let Some(Reverse(index)) = ready.pop() {
        sorted.push(index);
        for &reader in &readers[index] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    if sorted.len() < count {
        problems.push(cycle(graph, sources, &waits));
    }
    sorted
}

/// The problem of a cycle, with the names of its first eight nodes at most. It is found by walking backwards
/// among the nodes whose count in `waits` is not 0, until one comes up again.
#[cold]
fn cycle(graph: &GraphProto, sources: &HashMap<&str, Producer>, waits: &[usize]) -> Unsupported {
    const SHOWN: usize = 8;
    let before = |index: usize| predecessors(&graph.node[index], sources).find(|&i| waits[i] > 0);
    let mut path = Vec::new();
    let mut step_of = HashMap::new();
    let mut next = waits.iter().position(|&wait| wait > 0);
    while let Some(index) = next {
        if let Some(start) = step_of.insert(index, path.len()) {
            path.drain(..start);
            break;
        }
        path.push(index);
        next = before(index);
    }
    path.reverse();
    let mut names: Vec<String> = path
        .iter()
        .take(SHOWN)
        .map(|&index| format!("`{}`", shown(&graph.node[index].label(index))))
        .collect();
    if path.len() > SHOWN {
        names.push(format!("... ({} nodes)", path.len()));
    }
    Unsupported {
        node: path.first().map_or_else(String::new, |&index| graph.node[index].label(index)),
        op: "graph".to_string(),
        module: None,
        reason: format!("these nodes wait for each other: {}", names.join(" -> ")),
        advice: "the file is not valid ONNX (a graph has no cycles): export it again".to_string(),
    }
}

/// Whether outputs need each node, by its index, and the names that outputs and needed nodes read.
fn needed<'a>(
    graph: &'a GraphProto,
    sources: &HashMap<&str, Producer>,
) -> (Vec<bool>, HashSet<&'a str>) {
    let mut needed = vec![false; graph.node.len()];
    let mut read = HashSet::new();
    let mut names: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    while let Some(name) = names.pop() {
        if !read.insert(name) {
            continue;
        }
        if let Some(&Producer::Node(index)) = sources.get(name)
            && !std::mem::replace(&mut needed[index], true)
        {
            names.extend(reads(&graph.node[index]));
        }
    }
    (needed, read)
}

/// Names that a node reads, those that its bodies capture included, without empty ones; a name may come
/// several times.
pub(super) fn reads(node: &NodeProto) -> Vec<&str> {
    let bodies = node.attribute.iter().filter_map(|attribute| attribute.g.as_ref());
    let named = node.input.iter().map(String::as_str).filter(|name| !name.is_empty());
    named.chain(bodies.flat_map(captured)).collect()
}

/// Names that a body's nodes and outputs read and that the body does not give itself; a name may come several
/// times.
pub(super) fn captured(body: &GraphProto) -> Vec<&str> {
    let own: HashSet<&str> = (body.node.iter().flat_map(|node| &node.output).map(String::as_str))
        .chain(body.initializer.iter().map(|tensor| tensor.name.as_str()))
        .chain(body.input.iter().map(|input| input.name.as_str()))
        .collect();
    let outputs = body.output.iter().map(|output| output.name.as_str());
    let read = body.node.iter().flat_map(reads).chain(outputs);
    read.filter(|name| !own.contains(name)).collect()
}
