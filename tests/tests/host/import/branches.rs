//! Branches with a known condition: the nodes of the branch taken stand in place of the node.

use super::build::{
    Dim, attribute, encoded, floats, graph, info, int, int_list, ints, model, node,
};
use super::refused::refused;
use elbow::stages::{import_bytes, lower};
use elbow::twin::Twin;
use elbow_tests::tolerance::IMPORTED;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

/// A body of these nodes.
fn body(nodes: Vec<NodeProto>, outputs: &[&str], constants: Vec<TensorProto>) -> GraphProto {
    let output = |name: &&str| ValueInfoProto { name: (*name).into(), ..Default::default() };
    GraphProto {
        name: "body".into(),
        node: nodes,
        output: outputs.iter().map(output).collect(),
        initializer: constants,
        ..Default::default()
    }
}

fn branch(
    condition: &str,
    output: &str,
    then_body: GraphProto,
    else_body: GraphProto,
) -> NodeProto {
    let mut own = node("If", output, &[condition], &[output]);
    for (name, g) in [("then_branch", then_body), ("else_branch", else_body)] {
        let g = Some(g);
        own.attribute.push(AttributeProto { g, ..attribute(name, AttributeType::Graph) });
    }
    own
}

/// `y = If(length of x == count) { exp(2 h) } else { h + 3 }` with `h = x + 1`, which the bodies capture.
fn decided(count: i64) -> ModelProto {
    let then_body = body(
        vec![node("Mul", "", &["h", "factor"], &["t"]), node("Exp", "", &["t"], &["u"])],
        &["u"],
        vec![floats("factor", &[], &[2.0])],
    );
    let else_body = body(vec![node("Add", "", &["h", "three"], &["u"])], &["u"], vec![]);
    let nodes = vec![
        branch("same", "y", then_body, else_body),
        node("Size", "", &["x"], &["size"]),
        node("Equal", "", &["size", "count"], &["same"]),
        node("Add", "", &["x", "one"], &["h"]),
    ];
    let constants =
        vec![floats("one", &[], &[1.0]), floats("three", &[], &[3.0]), ints("count", &[count])];
    model(nodes, constants, vec![info("x", &[Dim::N(1), Dim::N(2)])], &["y"])
}

#[track_caller]
fn run(model: &ModelProto, x: &[f32]) -> Vec<f32> {
    let graph = import_bytes(&encoded(model)).unwrap_or_else(|error| panic!("{error}"));
    let plan = lower(&graph, &[0]).expect("a plan");
    Twin::new(&plan).run(&[x]).expect("it fits").swap_remove(0)
}

#[test]
fn the_branch_of_a_known_condition_is_taken() {
    let x = [0.25, -1.5];
    let close = |found: Vec<f32>, expected: [f32; 2]| {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < IMPORTED), "{found:?}");
    };
    close(run(&decided(2), &x), x.map(|x| (2.0 * (x + 1.0)).exp()));
    close(run(&decided(3), &x), x.map(|x| x + 4.0));
}

#[test]
fn branches_lie_in_branches_and_may_hand_a_value_on() {
    let inner = branch("same", "v", body(vec![], &["h"], vec![]), body(vec![], &["x"], vec![]));
    let outer = branch(
        "same",
        "y",
        body(vec![inner], &["v"], vec![]),
        body(vec![node("Fancy", "", &["h"], &["u"])], &["u"], vec![]),
    );
    let mut nested = decided(2);
    graph(&mut nested).node[0] = outer;
    assert_eq!(run(&nested, &[0.25, -1.5]), [1.25, -0.5], "the other branch is not even read");
}

/// An output of a body's node that import does not know is told, also where the graph has other outputs.
#[test]
fn outputs_that_are_not_supported_are_refused_in_branches() {
    let pooled = |second: &str| {
        let mut pool = node("MaxPool", "pool", &["x"], &["largest", "index"]);
        int_list(&mut pool, "kernel_shape", &[2]);
        let mut cast = node("Cast", "cast", &[second], &["u"]);
        int(&mut cast, "to", 1);
        let then_body = body(vec![pool, cast], &["u"], vec![]);
        let own = branch("same", "y", then_body, body(vec![], &["x"], vec![]));
        let nested = body(vec![own.clone()], &["y"], vec![]);
        let mut outer = branch("same", "w", nested, body(vec![], &["x"], vec![]));
        outer.output = vec!["w".into()];
        let shape = [Dim::N(1), Dim::N(1), Dim::N(3)];
        [(own, "y"), (outer, "w")].map(|(branch, output)| {
            let nodes = vec![
                node("Size", "", &["x"], &["size"]),
                node("Equal", "", &["size", "count"], &["same"]),
                node("Exp", "", &["x"], &["z"]),
                branch,
            ];
            let mut file =
                model(nodes, vec![ints("count", &[3])], vec![info("x", &shape)], &[output, "z"]);
            let declared = info(output, &[Dim::N(1), Dim::N(1), Dim::N(2)]);
            graph(&mut file).output[0] = declared;
            encoded(&file)
        })
    };
    for file in pooled("index") {
        refused(&file, &["MaxPool", "pool", "its output 1 (`index`) is read"]);
    }
    for file in pooled("largest") {
        import_bytes(&file).unwrap_or_else(|error| panic!("the first output alone: {error}"));
    }
}

#[test]
fn what_no_branch_can_be_is_refused() {
    let mut computed = decided(2);
    graph(&mut computed).node[0].input[0] = "x".into();
    refused(&encoded(&computed), &["If `y`", "depends on data", "branches decided"]);
    let mut missing = decided(2);
    graph(&mut missing).node[0].attribute.remove(0);
    refused(&encoded(&missing), &["If `y`", "`then_branch` is missing"]);
    type Change = fn(&mut GraphProto);
    let broken: [(Change, &str); 6] = [
        (|g| drop(g.output.pop()), "gives 0 values, expected 0 and 1"),
        (|g| g.input.push(info("i", &[])), "takes 1"),
        (|g| g.node.swap(0, 1), "before it is given"),
        (|g| g.node[0].input[0] = "nowhere".into(), "reads `nowhere`, which nothing gives"),
        (
            |g| {
                g.node[1].output[0] = "h".into();
                g.output[0].name = "h".into();
            },
            "gives `h` again",
        ),
        (|g| g.node[1].op_type = "Fancy".into(), "Fancy"),
    ];
    for (change, part) in broken {
        let mut model = decided(2);
        change(graph(&mut model).node[0].attribute[0].g.as_mut().expect("a body"));
        refused(&encoded(&model), &[part]);
    }
}
