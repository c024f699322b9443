//! Roles of inputs.

use super::onnx::{Onnx, proposed, undecided};

#[test]
fn further_inputs_are_conditions_states_or_a_question() {
    let further = |name: &str| {
        let joined = format!("x {name}");
        Onnx::new()
            .input(name, 3)
            .node("j", "Concat", &joined)
            .int("axis", 1)
            .linear("mu", "j", 7, 2)
            .linear("logvar", "j", 7, 2)
            .linear("h_next", "j", 7, 3)
    };
    let heads = [("mu", 2), ("logvar", 2)];
    proposed(
        further("label").outputs(&heads).init(),
        &["[[input]]", "name = \"label\"", "role = \"condition\"", "neither noise nor state"],
    );
    let with_state = [heads[0], heads[1], ("h_next", 3)];
    proposed(
        further("h").outputs(&with_state).init(),
        &["[state]", "pairs = [{ input = \"h\", output = \"h_next\" }]"],
    );
    proposed(further("noise").outputs(&heads).init(), &["role = \"eps\"", "name says noise"]);
    let mut unnamed = further("u").outputs(&heads);
    unnamed.graph.input[0].name = "v".into();
    unnamed.graph.node[0].input[0] = "v".into();
    undecided(&unnamed.init(), &["\"v\" [1, 4]", "\"u\" [1, 3]", "role = \"condition\""]);
}

/// `mu` and `logvar` of `x` and an input of 3 values, with an output of its shape.
fn streaming(input: &str, next: impl Fn(Onnx) -> Onnx) -> Onnx {
    let graph = Onnx::new()
        .input(input, 3)
        .node("j", "Concat", &format!("x {input}"))
        .int("axis", 1)
        .linear("mu", "j", 7, 2)
        .linear("logvar", "j", 7, 2);
    next(graph)
}

#[test]
fn a_state_is_found_by_the_way_it_is_carried_over() {
    let outputs = [("mu", 2), ("logvar", 2), ("u2", 3)];
    let pair = "pairs = [{ input = \"u1\", output = \"u2\" }]";
    let shifted = streaming("u1", |graph| {
        graph
            .linear("new", "x", 4, 1)
            .node("kept new_", "Split", "u1 parts")
            .int("axis", 1)
            .integers("parts", &[2, 1])
            .node("u2", "Concat", "kept new")
            .int("axis", 1)
    });
    proposed(shifted.outputs(&outputs).init(), &[pair, "a part of it joined with new values"]);
    let averaged = streaming("u1", |graph| {
        graph
            .constant("decay", &[], &[0.9])
            .linear("new", "x", 4, 3)
            .node("old", "Mul", "u1 decay")
            .node("u2", "Add", "old new")
    });
    proposed(averaged.outputs(&outputs).init(), &[pair, "weighted, plus new values"]);
}

#[test]
fn what_may_be_a_state_or_a_condition_is_asked() {
    let with = |input: &str, output: &str| {
        let outputs = [("mu", 2), ("logvar", 2), (output, 3)];
        streaming(input, |graph| graph.linear(output, "j", 7, 3)).outputs(&outputs).init()
    };
    let words = ["may be a state", "input = \"c\", output = \"d\"", "role = \"condition\""];
    undecided(&with("c", "d"), &words);
    // The name of an output does not make its condition a state.
    for (condition, output) in [("cond", "hidden"), ("context", "state"), ("user", "hidden")] {
        let pair = format!("input = \"{condition}\", output = \"{output}\"");
        undecided(&with(condition, output), &["may be a state", &pair]);
    }
    proposed(with("c0", "cn"), &["pairs = [{ input = \"c0\", output = \"cn\" }]"]);
    proposed(with("c", "c_next"), &["pairs = [{ input = \"c\", output = \"c_next\" }]"]);
    proposed(with("buf_in", "buf_out"), &["input = \"buf_in\", output = \"buf_out\""]);
    proposed(with("c", "recon"), &["role = \"condition\""]);
    // The reconstruction of `x` is none, whatever shape the condition has.
    let decoded = Onnx::new()
        .input("c", 4)
        .node("j", "Concat", "x c")
        .int("axis", 1)
        .linear("mu", "j", 8, 2)
        .linear("logvar", "j", 8, 2)
        .linear("d", "j", 8, 4)
        .outputs(&[("mu", 2), ("logvar", 2), ("d", 4)]);
    proposed(decoded.init(), &["input = \"x\"", "name = \"c\"", "role = \"condition\""]);
}

/// What a window keeps of the observation is computed from that alone.
#[test]
fn an_output_of_an_inputs_shape_is_asked_even_where_it_does_not_know_the_input() {
    let with = |input: &str, output: &str| {
        let outputs = [("mu", 2), ("logvar", 2), (output, 3)];
        streaming(input, |graph| graph.linear(output, "x", 4, 3)).outputs(&outputs).init()
    };
    for (input, output) in
        [("buf", "buf_next"), ("cache", "new_cache"), ("h", "h_next"), ("c", "d")]
    {
        let pair = format!("pairs = [{{ input = {input:?}, output = {output:?} }}]");
        let condition = format!("[[input]] name = {input:?}, role = \"condition\"");
        undecided(
            &with(input, output),
            &["may be a state", "not computed from it", &pair, &condition],
        );
    }
    proposed(with("c", "recon"), &["role = \"condition\""]);
}

/// The gates of an LSTM cell, with hidden state `p1` and cell state `p2`: all pairs, by what the cell does.
#[test]
fn all_pairs_of_states_are_shown_together() {
    for [first, second] in [["p1", "p2"], ["p2", "p1"]] {
        let next = |input: &str| input.replace('p', "r");
        let (after_first, after_second) = (next(first), next(second));
        let cell = Onnx::new()
            .input(first, 3)
            .input(second, 3)
            .linear("a", "x", 4, 3)
            .linear("a1", "p1", 3, 3)
            .node("g", "Add", "a a1")
            .node("i", "Sigmoid", "g")
            .node("u", "Tanh", "g")
            .node("iu", "Mul", "i u")
            .node("fc", "Mul", "i p2")
            .node("r2", "Add", "fc iu")
            .node("t", "Tanh", "r2")
            .node("r1", "Mul", "i t")
            .linear("mu", "r1", 3, 2)
            .linear("logvar", "r1", 3, 2);
        let outputs = [("mu", 2), ("logvar", 2), (&*after_first, 3), (&*after_second, 3)];
        undecided(
            &cell.outputs(&outputs).init(),
            &[
                "{ input = \"p2\", output = \"r2\" }, { input = \"p1\", output = \"r1\" }]",
                "[[input]] name = \"p1\", role = \"condition\"",
            ],
        );
    }
}
