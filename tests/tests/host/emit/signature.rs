//! The order of a call's inputs: of all graphs of a model, and as the generated module takes them.

use elbow::emit::emit;
use elbow::model::{Argument, Graphs, Input, Model, PartName, Role, Signature};
use elbow_tests::models::all;

fn named(models: &[Model], name: &str) -> Model {
    models.iter().find(|model| model.name == name).expect("a model of the list").clone()
}

fn names<'s>(inputs: impl Iterator<Item = &'s Input>) -> Vec<&'s str> {
    inputs.map(|input| input.name.as_str()).collect()
}

/// An encoder of `x` and `c`, its decoder with `d` in front of `c`, and a flow of `x`, `e` and `eps`.
fn three_graphs(models: &[Model]) -> Model {
    let mut model = named(models, "conditional");
    let Graphs::Flow(mut own) = named(models, "flow posterior").graphs else { panic!("a flow") };
    let Graphs::Amortized { decoder: Some(decoder), flow, .. } = &mut model.graphs else {
        panic!("an encoder with its decoder");
    };
    decoder.plan.inputs.swap(1, 2);
    own.plan.inputs[1].name = "e".into();
    *flow = Some(own);
    model
}

#[test]
fn inputs_are_numbered_through_all_graphs_in_the_order_of_a_call() {
    let model = three_graphs(&all());
    let Signature { inputs } = model.signature();
    let found: Vec<(&str, Argument)> =
        inputs.iter().map(|input| (input.name.as_str(), input.argument)).collect();
    let expected = [
        ("x", Argument::Own(0)),
        ("c", Argument::Condition(0)),
        ("d", Argument::Condition(1)),
        ("e", Argument::Condition(2)),
        ("eps", Argument::Noise(0)),
    ];
    assert_eq!(found, expected);
    let [encoder, decoder, flow] = [PartName::Encoder, PartName::Decoder, PartName::Flow];
    assert_eq!(inputs[0].readers, [(encoder, 0), (flow, 0)]);
    assert_eq!(inputs[1].readers, [(encoder, 1), (decoder, 2)]);
    assert_eq!(names(model.signature().call()), ["x", "c", "d"]);
}

#[test]
fn a_plan_takes_what_the_model_numbers_and_its_own_latents_and_states() {
    let models = all();
    let arguments = |model: &Model| -> Vec<Vec<Argument>> {
        let signature = model.signature();
        let parts = model.graphs.parts();
        let of = |part| signature.arguments(part).into_iter().map(|(_, argument)| argument);
        parts.graphs().map(|part| of(part).collect()).collect()
    };
    use Argument::{Condition, Noise, Own, State};
    let expected = [
        vec![Own(0), Condition(0)],
        vec![Own(0), Condition(1), Condition(0)],
        vec![Own(0), Condition(2), Noise(0)],
    ];
    assert_eq!(arguments(&three_graphs(&models)), expected);
    let states = [vec![Own(0), State(0), State(1), State(2)]];
    assert_eq!(arguments(&named(&models, "streaming")), states);
}

#[test]
fn a_call_of_several_posteriors_takes_the_conditions_of_the_decoder() {
    let mut model = named(&all(), "hierarchical");
    let Graphs::Amortized { decoder: Some(decoder), .. } = &mut model.graphs else {
        panic!("an encoder with its decoder");
    };
    let mut port = decoder.plan.inputs[0].clone();
    port.name = "c".into();
    decoder.plan.inputs.push(port);
    decoder.inputs.push(Role::Condition);
    assert_eq!(names(model.signature().call()), ["x", "c", "eps"]);
    let source = emit(&model).expect("it is emitted").source;
    let fields = source.split("pub struct Inputs {").nth(1).expect("several inputs");
    let fields = fields.split('}').next().expect("its end").lines();
    let fields: Vec<&str> =
        fields.filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next()).collect();
    assert_eq!(fields, ["x", "c0", "eps0"]);
}
