//! The text of a small module, its plans, weights and budget, as they were when last looked at.
//!
//! `ELBOW_ACCEPT=1 cargo test -p elbow-tests --test host emit` accepts what is emitted now; read the
//! difference before committing it.

use elbow::emit::emit;
use elbow::identifier::identifier;
use elbow::lower::{Kernel, Plan};
use elbow::manifest::ScoreKind;
use elbow::model::{Graphs, Likelihood, Model, ParameterSource};
use elbow_core::distributions::Family;
use elbow_core::kernels::Unary;
use elbow_core::pack::{HEADER_LEN, header};
use elbow_tests::fixtures::path;
use elbow_tests::models::{bernoulli, bernoulli_logit, gaussian, refined_tiny, tiny, watched};

fn compare(name: &str, found: &[u8]) {
    let file = path("tests/golden").join(name);
    if std::env::var("ELBOW_ACCEPT").is_ok_and(|accept| accept == "1") {
        std::fs::write(&file, found).expect("the golden can be written");
    }
    let golden = std::fs::read(&file).unwrap_or_default();
    assert!(
        golden == found,
        "{} differs; ELBOW_ACCEPT=1 accepts this:\n{}",
        file.display(),
        String::from_utf8_lossy(found)
    );
}

#[test]
fn a_small_model_is_emitted_as_it_was_accepted() {
    let model = Model { name: "tiny".into(), ..refined_tiny() };
    let artifact = emit(&model).expect("it can be emitted");
    let Graphs::Amortized { encoder, decoder: Some(decoder), .. } = &model.graphs else {
        panic!("it has both");
    };
    let refine = decoder.refine.as_ref().expect("it is refined");
    let plans = format!("{}{}{}", encoder.plan, decoder.plan, refine.gradient);
    compare("tiny/plan.txt", plans.as_bytes());
    compare("tiny/model.rs", artifact.source.as_bytes());
    compare("tiny/weights.bin", &artifact.pack);
    let budget = serde_json::to_string_pretty(&artifact.budget).expect("it is plain data");
    compare("tiny/budget.json", budget.as_bytes());
}

#[test]
fn a_calibrated_model_is_emitted_with_its_detector_as_it_was_accepted() {
    let model = Model { name: "watched".into(), ..watched(ScoreKind::ElboAtMean) };
    let artifact = emit(&model).expect("it can be emitted");
    assert_eq!(artifact.without_detector, None);
    compare("watched/model.rs", artifact.source.as_bytes());
    compare("watched/weights.bin", &artifact.pack);
    let budget = serde_json::to_string_pretty(&artifact.budget).expect("it is plain data");
    compare("watched/budget.json", budget.as_bytes());
}

#[test]
fn a_pack_holds_the_weights_of_both_plans_and_the_scales() {
    let model = tiny(Some(gaussian(&[-0.5, 0.25])));
    let artifact = emit(&model).expect("it can be emitted");
    let Graphs::Amortized { encoder, decoder: Some(decoder), .. } = &model.graphs else {
        panic!("it has both");
    };
    let expected = [&encoder.plan.weights[..], &decoder.plan.weights, &[-0.5, 0.25]].concat();
    let (head, payload) = artifact.pack.split_at(HEADER_LEN);
    let expected: Vec<u8> = expected.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(payload, expected);
    let fingerprint = u64::from_str_radix(&artifact.budget.fingerprint, 16).expect("hexadecimal");
    assert_eq!(head, header(fingerprint, payload));
}

#[test]
fn a_pack_holds_weights_and_scales_of_decoder_and_gradient_once() {
    let model = refined_tiny();
    let Graphs::Amortized { encoder, decoder: Some(decoder), .. } = &model.graphs else {
        panic!("it has both");
    };
    let gradient = &decoder.refine.as_ref().expect("it is refined").gradient;
    // The likelihood's scale is among the gradient's.
    let floats = encoder.plan.weights.len() + gradient.weights.len();
    let pack = emit(&model).expect("it can be emitted").pack;
    assert_eq!(pack.len(), HEADER_LEN + size_of::<f32>() * floats);
    assert!(gradient.weights.starts_with(&decoder.plan.weights));
}

#[test]
fn a_gradient_of_other_weights_is_refused() {
    let mut model = refined_tiny();
    let Graphs::Amortized { decoder: Some(decoder), .. } = &mut model.graphs else {
        panic!("it decodes");
    };
    decoder.plan.weights[3] += 1.0;
    let error = emit(&model).expect_err("it does not fit").to_string();
    assert!(error.contains("do not begin with the decoder's"), "{error}");
}

#[test]
fn a_gradient_of_another_scale_is_refused() {
    let mut model = refined_tiny();
    let Graphs::Amortized { decoder: Some(decoder), .. } = &mut model.graphs else {
        panic!("it decodes");
    };
    let [ParameterSource::Fixed(scale)] = &mut decoder.likelihood.parameters[..] else {
        panic!("it is fixed");
    };
    scale[0] += 1.0;
    let error = emit(&model).expect_err("it does not fit").to_string();
    assert!(error.contains("other parameters"), "{error}");
}

#[test]
fn names_do_not_enter_the_fingerprint_and_structure_does() {
    let fingerprint = |change: &dyn Fn(&mut Plan)| {
        let mut model = tiny(None);
        let Graphs::Amortized { encoder, .. } = &mut model.graphs else { panic!("it encodes") };
        change(&mut encoder.plan);
        emit(&model).expect("emitted").budget.fingerprint
    };
    let as_it_is = fingerprint(&|_| ());
    assert_eq!(fingerprint(&|plan| plan.steps[0].name = "renamed".into()), as_it_is);
    assert_eq!(fingerprint(&|plan| plan.outputs[0].name = "renamed".into()), as_it_is);
    assert_ne!(fingerprint(&|plan| plan.arena += 1), as_it_is);
    assert_ne!(fingerprint(&|plan| plan.steps[1].kernel = Kernel::Unary(Unary::Exp)), as_it_is);
    let mut model = tiny(None);
    model.window.as_mut().expect("a window").std[0] = 3.0;
    assert_ne!(emit(&model).expect("emitted").budget.fingerprint, as_it_is);
}

#[test]
fn new_weights_keep_the_fingerprint_and_other_roles_change_it() {
    let fingerprint = |likelihood| emit(&tiny(likelihood)).expect("emitted").budget.fingerprint;
    let of = |log_scale: &[f32]| Some(gaussian(log_scale));
    assert_eq!(fingerprint(of(&[1.0])), fingerprint(of(&[2.0])));
    let roles = [None, of(&[1.0]), of(&[1.0, 2.0]), Some(bernoulli_logit()), Some(bernoulli())];
    let mut fingerprints: Vec<String> = roles.into_iter().map(fingerprint).collect();
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 5);
    let mut other = tiny(None);
    if let Graphs::Amortized { encoder, .. } = &mut other.graphs {
        encoder.plan.weights.iter_mut().for_each(|weight| *weight += 1.0);
    }
    assert_eq!(emit(&other).expect("emitted").budget.fingerprint, fingerprint(None));
}

#[test]
fn the_module_says_what_the_decoder_answers() {
    let cases = [
        (gaussian(&[1.0]), "the mean of the likelihood"),
        (bernoulli(), "probabilities"),
        (bernoulli_logit(), "logits"),
        (Likelihood { family: Family::PoissonLog, ..bernoulli() }, "logarithms of rates"),
    ];
    for (likelihood, held) in cases {
        let source = emit(&tiny(Some(likelihood))).expect("emitted").source;
        assert!(source.contains(&format!("to `z`, in `x_mean`: {held}.\n")), "{held}");
    }
}

#[test]
fn names_become_identifiers() {
    let cases = [
        ("imu", "imu"),
        ("Seat-belt 2", "seat_belt_2"),
        ("2nd", "_2nd"),
        ("", "model"),
        ("__", "___model"),
        ("match", "match_model"),
        ("Größe", "gr__e"),
    ];
    for (name, identifier_of) in cases {
        assert_eq!(identifier(name), identifier_of);
    }
}

#[test]
fn a_decoder_that_does_not_fit_is_refused() {
    let mut model = tiny(Some(bernoulli_logit()));
    if let Graphs::Amortized { decoder: Some(decoder), .. } = &mut model.graphs {
        decoder.plan.outputs[0].shape = vec![1, 5];
    }
    let error = emit(&model).expect_err("it does not fit");
    assert!(error.is_input());
    assert!(error.to_string().contains("from [2] values to [5], expected [2] to [4]"), "{error}");
}
