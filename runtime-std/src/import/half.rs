//! Float16 inside a graph, computed as onnxruntime computes it on a CPU without arithmetic of float16.
//!
//! There an operator of arithmetic reads its operands in float32, and its result is rounded to float16 only where
//! an operator reads float16, as those do that move values. An operator that moves values between others of
//! arithmetic alone moves float32. [`widen`] writes these casts into the graph, so that import reads a graph of
//! float32 with roundings; a node whose reading is not known for certain is refused.
//! Inputs and outputs of float16 stay so, and are refused.

use super::kind::float_cure;
use super::order::{Order, Producer};
use super::problem::{Refusal, clean};
use super::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_type, data_type};

use std::collections::{HashMap, HashSet};

/// The first outputs of the nodes that are refused, which stay as they are. Changes `graph`, of this opset:
/// operands of float16 arithmetic are cast to float32, and its results back. A graph without float16
/// ([`is_in`]) is left alone, and the set is empty.
pub(super) fn widen(graph: &mut GraphProto, opset: i64) -> HashSet<String> {
    let mut refused = HashSet::new();
    if !is_in(graph) {
        return refused;
    }
    let changes = Halves::of(graph, opset).changes();
    let nodes = std::mem::take(&mut graph.node);
    let mut known = HashSet::new();
    for (mut node, change) in nodes.into_iter().zip(changes) {
        if change.refused {
            refused.extend(node.output.first().cloned());
        }
        for (at, operand) in change.operands {
            let wide = wide(&node.input[at]);
            let from = match operand {
                Operand::Of(name) => {
                    node.input[at] = name;
                    continue;
                }
                Operand::CastOf(name) => name,
                Operand::Result => {
                    node.input[at] = wide;
                    continue;
                }
            };
            node.input[at].clone_from(&wide);
            if known.insert(wide.clone()) {
                graph.node.push(cast(&from, &wide, data_type::FLOAT));
            }
        }
        let mut narrow = Vec::new();
        for at in change.results {
            let name = node.output[at].clone();
            node.output[at] = wide(&name);
            narrow.push(cast(&node.output[at], &name, data_type::FLOAT16));
        }
        graph.node.push(node);
        graph.node.append(&mut narrow);
    }
    refused
}

/// The refusal of a node that [`widen`] names.
pub(super) fn refusal() -> Refusal {
    Refusal::new(
        "computes in float16, where runtimes differ in what they round",
        float_cure(data_type::FLOAT16),
    )
}

/// Whether a graph has initializers of float16, or nodes with a tensor of it or with an attribute `to` or
/// `dtype` that says so. Declared inputs and the bodies of nodes do not count.
pub(super) fn is_in(graph: &GraphProto) -> bool {
    let is_half = |tensor: &TensorProto| tensor.data_type == data_type::FLOAT16;
    let makes = |attribute: &AttributeProto| {
        attribute.t.as_ref().is_some_and(is_half)
            || matches!(attribute.name.as_str(), "to" | "dtype")
                && attribute.i == i64::from(data_type::FLOAT16)
    };
    graph.initializer.iter().any(is_half)
        || graph.node.iter().any(|node| node.attribute.iter().any(makes))
}

/// The name of the float32 copy of a value: `NAME/float32`.
fn wide(name: &str) -> String {
    format!("{name}/float32")
}

/// What a node reads in float32 instead of a value of float16.
enum Operand {
    /// The float32 result of the node of arithmetic that gives the value, not rounded.
    Result,
    /// Another value, of float32.
    Of(String),
    /// The result of a new cast of this value to float32.
    CastOf(String),
}

/// How a node is changed; the default leaves it as it is.
#[derive(Default)]
struct Change {
    refused: bool,
    /// Positions of inputs, and what is read there instead.
    operands: Vec<(usize, Operand)>,
    /// Positions of outputs that it gives in float32, with a cast to float16 behind it.
    results: Vec<usize>,
}

/// What a node does with float16.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    /// Arithmetic, in float32.
    Computes,
    /// Copies values without arithmetic, or picks one of two.
    Moves,
    /// Is computed in float32 where only nodes of arithmetic stand around it, and is refused elsewhere.
    Between,
    /// Casts, to or from float16 or between other types.
    Casts,
    /// Is a constant, or reads no more than a shape.
    Ignores,
    /// Anything else, which is refused with float16.
    Unknown,
}

/// A graph with what is needed to change its float16.
struct Halves<'a> {
    graph: &'a GraphProto,
    order: Order<'a>,
    opset: i64,
    /// Element types of the values that are needed.
    types: HashMap<&'a str, i32>,
    /// Readers of every name, those that no output needs included.
    readers: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Halves<'a> {
    /// The producers, element types and readers of a graph's values. Types are those of inputs, initializers
    /// and the outputs of nodes that are needed; an input that is not declared as a tensor counts as float32.
    fn of(graph: &'a GraphProto, opset: i64) -> Self {
        let order = Order::of(graph, &mut Vec::new());
        let inputs = graph.input.iter().map(|info| {
            let tensor = info.r#type.as_ref().and_then(|kind| kind.tensor.as_ref());
            (info.name.as_str(), tensor.map_or(data_type::FLOAT, |tensor| tensor.elem_type))
        });
        let constants =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.data_type));
        let mut types: HashMap<&str, i32> = inputs.chain(constants).collect();
        for node in order.live.iter().map(|index| &graph.node[*index]) {
            for (at, name) in node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
                let given = given(node, at, &types);
                types.insert(name, given);
            }
        }
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in graph.node.iter().enumerate() {
            node.input.iter().for_each(|name| readers.entry(name).or_default().push(index));
        }
        Self { graph, order, opset, types, readers }
    }

    /// How each node is changed, by its position in the file; nodes that no output needs are not.
    fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.graph.node.iter().map(|_| Change::default()).collect();
        for &index in &self.order.live {
            changes[index] = self.change(&self.graph.node[index]);
        }
        changes
    }

    /// How a node is changed: not at all where it has no part in float16, and refused where runtimes may
    /// round otherwise.
    fn change(&self, node: &NodeProto) -> Change {
        let refused = || Change { refused: true, ..Change::default() };
        let operands: Vec<usize> = self.halves(&node.input);
        let results: Vec<usize> = self.halves(&node.output);
        let from = node.input.first().and_then(|name| self.types.get(name.as_str()));
        match self.use_of(node) {
            Use::Ignores => Change::default(),
            Use::Casts if operands.is_empty() && results.is_empty() => Change::default(),
            Use::Casts if operands.is_empty() => match from {
                Some(&data_type::DOUBLE) => refused(),
                _ if node.input.first().is_some_and(|name| self.returns(name)) => refused(),
                _ => Change::default(),
            },
            Use::Casts if results.is_empty() => self.cast_back(node),
            Use::Casts => refused(),
            _ if operands.is_empty() && results.is_empty() => Change::default(),
            _ if operands.is_empty() => refused(),
            Use::Computes => self.in_float32(node, &operands, results),
            Use::Moves | Use::Between if self.is_between(node, true) => {
                self.in_float32(node, &operands, results)
            }
            Use::Moves if !self.is_between(node, false) => Change::default(),
            _ => refused(),
        }
    }

    /// Positions of those names whose values are of float16.
    fn halves(&self, names: &[String]) -> Vec<usize> {
        (0..names.len()).filter(|at| self.is_half(&names[*at])).collect()
    }

    /// Whether a value is of float16; false where its type is not known.
    fn is_half(&self, name: &str) -> bool {
        self.types.get(name) == Some(&data_type::FLOAT16)
    }

    /// The change by which a node computes in float32: its inputs at `operands` are read in float32, its
    /// outputs at `results` cast back to float16.
    fn in_float32(&self, node: &NodeProto, operands: &[usize], results: Vec<usize>) -> Change {
        let operands = operands.iter().map(|&at| (at, self.operand(&node.input[at]))).collect();
        Change { operands, results, ..Change::default() }
    }

    /// What arithmetic reads in float32 instead of the float16 value `name`: the unrounded result where a
    /// node of arithmetic gives it; the value in front of a cast to float16, unrounded, where no other cast
    /// but one to bool reads it; else the value itself, cast.
    fn operand(&self, name: &str) -> Operand {
        let rounded = || Operand::CastOf(name.to_string());
        let Some(node) = self.source(name) else { return rounded() };
        if self.is_computed(node) {
            return Operand::Result;
        }
        let keeps = |reader: &usize| {
            let reader = &self.graph.node[*reader];
            self.use_of(reader) == Use::Casts && given(reader, 0, &self.types) != data_type::BOOL
        };
        if self.use_of(node) != Use::Casts || self.readers[name].iter().any(keeps) {
            return rounded();
        }
        let Some(from) = node.input.first() else { return rounded() };
        match self.types.get(from.as_str()) {
            Some(&data_type::FLOAT) => Operand::Of(from.clone()),
            _ => Operand::CastOf(from.clone()),
        }
    }

    /// Whether a value was cast from a float16 that a cast or arithmetic gives: onnxruntime may drop casts there and
    /// back, so that it is not known whether that float16 was rounded.
    fn returns(&self, name: &str) -> bool {
        let Some(cast) = self.source(name).filter(|node| self.use_of(node) == Use::Casts) else {
            return false;
        };
        let Some(from) = cast.input.first() else { return false };
        let may_be_wide =
            |node: &NodeProto| self.use_of(node) == Use::Casts || self.is_computed(node);
        self.is_half(from) && self.source(from).is_some_and(may_be_wide)
    }

    /// The change of a cast from float16: it reads the result of arithmetic without a rounding. It stays as
    /// it is where no node of arithmetic gives its operand, and where it gives an output of the graph while
    /// other nodes read the operand as float16. `node` has a first input, which is taken for the operand.
    fn cast_back(&self, node: &NodeProto) -> Change {
        let name = &node.input[0];
        if !self.source(name).is_some_and(|source| self.is_computed(source)) {
            return Change::default();
        }
        let is_output = self.graph.output.iter().any(|output| node.output.contains(&output.name));
        let reads_half = |reader: &usize| {
            let reader = &self.graph.node[*reader];
            self.use_of(reader) != Use::Casts && !self.is_computed(reader)
        };
        if is_output && self.readers[name.as_str()].iter().any(reads_half) {
            return Change::default();
        }
        Change { operands: vec![(0, Operand::Result)], ..Change::default() }
    }

    /// The node that gives a value; `None` for constants, inputs and unknown names.
    fn source(&self, name: &str) -> Option<&'a NodeProto> {
        match self.order.sources.get(name) {
            Some(Producer::Node(index)) => Some(&self.graph.node[*index]),
            _ => None,
        }
    }

    /// Whether a node works in float32: it is arithmetic, or stands between nodes of arithmetic alone
    /// ([`is_between`](Self::is_between) with `all`).
    fn is_computed(&self, node: &NodeProto) -> bool {
        match self.use_of(node) {
            Use::Computes => true,
            Use::Moves | Use::Between => self.is_between(node, true),
            _ => false,
        }
    }

    /// Whether a node of float16 stands between nodes of arithmetic. With `all`: nodes of arithmetic give all
    /// of its float16 operands that nodes other than `Constant` give, at least one, and they alone read all
    /// of its float16 outputs, at least one, none of them an output of the graph. Without: this holds for at
    /// least one such operand and one such output.
    fn is_between(&self, node: &NodeProto, all: bool) -> bool {
        let computes = |node: &NodeProto| self.use_of(node) == Use::Computes;
        let is_constant = |node: &NodeProto| node.op_type == "Constant";
        let given: Vec<bool> = self
            .halves(&node.input)
            .into_iter()
            .filter_map(|at| self.source(&node.input[at]))
            .filter(|source| !is_constant(source))
            .map(computes)
            .collect();
        let outputs = self.halves(&node.output).into_iter().map(|at| node.output[at].as_str());
        let is_output = |name: &str| self.graph.output.iter().any(|output| output.name == name);
        let read = outputs.filter_map(|name| {
            let readers = self.readers.get(name)?;
            let computed = readers.iter().all(|reader| computes(&self.graph.node[*reader]));
            Some(computed && !is_output(name))
        });
        let read: Vec<bool> = read.collect();
        let holds = |found: &[bool]| match all {
            true => !found.is_empty() && found.iter().all(|found| *found),
            false => found.contains(&true),
        };
        holds(&given) && holds(&read)
    }

    /// What a node does with float16 in onnxruntime 1.32 on a CPU, where operators without a kernel of
    /// float16 compute in float32. [`Use::Unknown`] for operators of other domains and those not listed.
    fn use_of(&self, node: &NodeProto) -> Use {
        let opset = self.opset;
        match node.op_type.as_str() {
            _ if !matches!(node.domain.as_str(), "" | "ai.onnx") => Use::Unknown,
            "Cast" | "CastLike" => Use::Casts,
            "Constant" | "ConstantOfShape" | "Shape" | "Size" => Use::Ignores,
            // Its definition by others, of opset 18, takes its place: `Max` has a kernel.
            "Relu" if opset == 18 => Use::Moves,
            "ReduceL2" if opset == 18 => Use::Unknown,
            "Dropout" if opset < 12 => Use::Moves,
            "Max" | "Min" if opset < 12 => Use::Computes,
            "Clip" | "LayerNormalization" | "Max" | "Min" if opset > 11 => Use::Between,
            "Concat" | "Expand" | "Flatten" | "Gather" | "GatherElements" | "GatherND"
            | "Identity" | "Reshape" | "Slice" | "Split" | "Squeeze" | "Transpose"
            | "Unsqueeze" => Use::Moves,
            op if COMPUTES.contains(&op) => Use::Computes,
            _ => Use::Unknown,
        }
    }
}

/// Operators that compute in float32 whatever stands around them.
const COMPUTES: [&str; 71] = [
    "Abs",
    "Acos",
    "Add",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Atan",
    "AveragePool",
    "BatchNormalization",
    "Ceil",
    "Conv",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "Greater",
    "GreaterOrEqual",
    "InstanceNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "MaxPool",
    "Mean",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pad",
    "Pow",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Resize",
    "Selu",
    "Sigmoid",
    "Sin",
    "Sinh",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Sqrt",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "Where",
];

/// The element type of output `at` of a node, by its operator, its attributes and the types of its inputs;
/// float32 where these do not tell.
fn given(node: &NodeProto, at: usize, types: &HashMap<&str, i32>) -> i32 {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let named = |name: &str| attribute(name).and_then(|named| i32::try_from(named.i).ok());
    let input = |at: usize| node.input.get(at).and_then(|name| types.get(name.as_str()).copied());
    let given = match node.op_type.as_str() {
        "Cast" => named("to"),
        "CastLike" | "DequantizeLinear" | "Where" => input(1),
        "OneHot" => input(2),
        "Constant" if attribute("value_int").or(attribute("value_ints")).is_some() => {
            Some(data_type::INT64)
        }
        "Constant" | "ConstantOfShape" => {
            attribute("value").and_then(|value| value.t.as_ref()).map(|value| value.data_type)
        }
        "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" => Some(data_type::INT64),
        "TopK" | "MaxPool" if at == 1 => Some(data_type::INT64),
        "Dropout" if at == 1 => Some(data_type::BOOL),
        "QuantizeLinear" => Some(data_type::UINT8),
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "IsNaN" | "IsInf"
        | "And" | "Or" | "Xor" | "Not" => Some(data_type::BOOL),
        _ => named("dtype").or(input(0)),
    };
    given.unwrap_or(data_type::FLOAT)
}

/// A Cast node from the value `input` to the value `output`, of the element type `to`, named like its output.
fn cast(input: &str, output: &str, to: i32) -> NodeProto {
    let to = AttributeProto {
        name: "to".into(),
        i: i64::from(to),
        kind: attribute_type::INT,
        ..AttributeProto::default()
    };
    NodeProto {
        op_type: "Cast".into(),
        name: clean(output),
        input: vec![input.into()],
        output: vec![output.into()],
        attribute: vec![to],
        ..NodeProto::default()
    }
}
