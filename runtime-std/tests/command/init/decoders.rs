//! Decoders beside an encoder.

use super::onnx::{Onnx, proposed, undecided};
use crate::common::{Outcome, elbow_line};

/// `elbow init` of an encoder with 2 latents, and of a decoder with a second output of one name.
fn with_scale(scale: &str) -> Outcome {
    let heads = [("mu", 2), ("logvar", 2)];
    let encoder = Onnx::new().linear("mu", "x", 4, 2).linear("logvar", "x", 4, 2).outputs(&heads);
    let mut decoder = Onnx::new().linear("x_hat", "z", 2, 4).linear(scale, "z", 2, 4);
    decoder.graph.input.clear();
    let decoder = decoder.input("z", 2).outputs(&[("x_hat", 4), (scale, 4)]);
    let ((_one, encoder), (_other, decoder)) = (encoder.write(), decoder.write());
    elbow_line("init {} --decoder {}", &[&encoder, &decoder])
}

#[test]
fn a_decoder_gives_mean_and_logarithm_of_its_scale() {
    for name in ["log_sigma", "x_log_std", "logstd"] {
        let likelihood =
            format!("likelihood = {{ family = \"gaussian\", log_sigma = \"{name}\" }}");
        proposed(with_scale(name), &["mean = \"x_hat\"", "latent = \"z\"", &likelihood]);
    }
}

#[test]
fn another_scale_has_to_be_exported_as_that() {
    undecided(&with_scale("sigma"), &["sigma", "export log(sigma) as \"log_sigma\""]);
    undecided(&with_scale("logvar_x"), &["logvar_x", "export 0.5 * logvar as \"log_sigma\""]);
    undecided(&with_scale("var"), &["export 0.5 * log(var)"]);
    undecided(&with_scale("log_scale"), &["normal or of a Laplace", "family = \"laplace\""]);
    undecided(&with_scale("extra"), &["candidates", "\"extra\""]);
}
