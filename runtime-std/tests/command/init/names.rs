//! Heads by their names: the usual ones, each with how the graph makes it.

use super::onnx::{Onnx, proposed, undecided};
use crate::common::elbow_line;

/// Mean and spread of `x`, the spread by this function of a layer.
fn heads(mean: &str, spread: &str, made: &str) -> Onnx {
    let graph = Onnx::new().constant("half", &[], &[0.5]).linear(mean, "x", 4, 3);
    let graph = match made {
        "" => graph.linear(spread, "x", 4, 3),
        "Exp(half)" => {
            graph.linear("p", "x", 4, 3).node("q", "Mul", "p half").node(spread, "Exp", "q")
        }
        made => graph.linear("p", "x", 4, 3).node(spread, made, "p"),
    };
    graph.outputs(&[(mean, 3), (spread, 3)])
}

#[test]
fn usual_names_are_read_right_or_asked_about() {
    let decided = "logvar: logvar z_log_var ln_var lnvar log_variance q_logvar latent_logvar \
         aleatoric_logvar log_sigma_sq z_log_sigma_sq log_sigma_squared log_sigma2 logsigma2 log_std2 \
         logsigmasq log_sigma^2 logvar|Tanh zLogVar fc_logvar encoder/z_log_var:0
        log_sigma: log_std logstd log_sigma logsd log_scale log_std|Tanh
        sigma: scale|Softplus scale|Exp z_std|Exp std|Exp(half) stddev|Softplus sd|Exp sigma|Exp
        var: variance|Softplus var|Exp sigma2|Exp sigma_squared|Exp sigma_sq|Exp z_sigma2|Softplus \
         std_squared|Exp sigma_square|Exp sigmasq|Exp";
    for line in decided.lines() {
        let (head, names) = line.split_once(": ").unwrap();
        for name in names.split_whitespace() {
            let (name, made) = name.split_once('|').unwrap_or((name, ""));
            let spread = format!("{{ output = \"{name}\", head = \"{}\" }}", head.trim());
            proposed(heads("mu", name, made).init(), &["mean = \"mu\"", &spread]);
        }
    }
    let asked = "sigma std var logs2 precision|Exp log_precision rho raw_scale logits logvar|Exp \
         log_sigma|Softplus onnx::Gemm_1 z_sigma uncertainty|Softplus half_logvar log_sig_sq \
         log_var_half neg_log_sigma inv_sigma|Exp inv_sigma|Exp(half) var|Exp(half) sigma2|Exp(half) log2_sigma log10_std speed_logvar";
    for name in asked.split_whitespace() {
        let (name, made) = name.split_once('|').unwrap_or((name, ""));
        undecided(&heads("mu", name, made).init(), &[name]);
    }
}

#[test]
fn a_spread_beside_one_other_output_shows_the_mean() {
    proposed(
        heads("pred", "aleatoric_logvar", "").init(),
        &["mean = \"pred\"", "head = \"logvar\"", "the only other output"],
    );
    for other in ["z", "sample", "log_scale", "recon", "prior_mu"] {
        undecided(&heads(other, "logvar", "").init(), &[other]);
    }
    // Words that nobody knows have to be the mean's as well.
    proposed(heads("speed_mu", "speed_logvar", "").init(), &["head = \"logvar\""]);
    undecided(&heads("speed_mu", "height_logvar", "").init(), &["height"]);
}

#[test]
fn the_sample_outranks_a_name() {
    for name in ["z_log_sigma", "z_log_sigma_sq", "z_log_var", "log_sigma2"] {
        for (scaled, head) in [("s", "logvar"), (name, "log_sigma")] {
            let graph = Onnx::new()
                .constant("half", &[], &[0.5])
                .linear("z_mean", "x", 4, 3)
                .linear(name, "x", 4, 3)
                .node("s", "Mul", &format!("{name} half"))
                .node("std", "Exp", scaled)
                .node("eps", "RandomNormalLike", "std")
                .node("n", "Mul", "std eps")
                .node("z", "Add", "z_mean n")
                .outputs(&[("z_mean", 3), (name, 3), ("z", 3)]);
            // The unused half is left out of the graph where nothing needs it.
            let graph = if scaled == name { graph.without("s") } else { graph };
            let spread = format!("{{ output = \"{name}\", head = \"{head}\" }}");
            proposed(graph.init(), &["mean = \"z_mean\"", &spread]);
        }
    }
}

#[test]
fn heads_of_a_prior_or_a_decoder_are_no_posterior() {
    let four = |names: [&str; 4], len: i64| {
        let graph = Onnx::new()
            .linear(names[0], "x", 4, 2)
            .linear(names[1], "x", 4, 2)
            .linear(names[2], "x", 4, len)
            .linear(names[3], "x", 4, len);
        let lens = [2, 2, len, len];
        graph.outputs(&names.into_iter().zip(lens).collect::<Vec<_>>()).init()
    };
    proposed(
        four(["post_mu", "post_logvar", "prior_mu", "prior_logvar"], 2),
        &[
            "[encoder]",
            "mean = \"post_mu\"",
            "no role for its outputs [\"prior_mu\", \"prior_logvar\"]",
        ],
    );
    proposed(
        four(["mu", "logvar", "x_mean", "x_logvar"], 4),
        &["mean = \"mu\"", "no role for its outputs [\"x_mean\", \"x_logvar\"]"],
    );
}

/// Names without doubt, but for the weights beside them.
fn of_mixture() -> Onnx {
    let graph = Onnx::new().linear("mu", "x", 4, 6).linear("logvar", "x", 4, 6);
    graph.linear("logits", "x", 4, 3).outputs(&[("mu", 6), ("logvar", 6), ("logits", 3)])
}

/// Posteriors that a manifest has no form for, by an output beside mean and spread.
#[test]
fn a_mixture_or_a_full_covariance_is_refused_by_its_name() {
    let with = |name: &str, len: i64, op: &str| {
        let graph = Onnx::new()
            .linear("mu", "x", 4, 6)
            .linear("log_sigma", "x", 4, 6)
            .linear("w", "x", 4, len)
            .node(name, op, "w");
        graph.outputs(&[("mu", 6), ("log_sigma", 6), (name, len)]).init()
    };
    for (name, op) in
        [("logits", "Identity"), ("pi", "Identity"), ("k", "Softmax"), ("k", "LogSoftmax")]
    {
        undecided(&with(name, 3, op), &[name, "mixture", "3 components"]);
        proposed(with(name, 4, op), &["mean = \"mu\""]); // 4 do not share 6 values
    }
    for op in ["Exp", "Softplus", "Identity"] {
        let nameless = Onnx::new()
            .linear("h", "x", 4, 12)
            .node("a r", "Split", "h")
            .int("axis", 1)
            .int("num_outputs", 2)
            .node("b", op, "r")
            .linear("w", "x", 4, 3)
            .node("c", "Softmax", "w")
            .outputs(&[("a", 6), ("b", 6), ("c", 3)]);
        undecided(&nameless.init(), &["\"c\"", "mixture", "3 components"]);
    }
    let (_folder, path) = of_mixture().write();
    let bare = elbow_line("inspect {} --json", &[&path]).done().json();
    assert_eq!(bare["outputs"][0]["role"], serde_json::Value::Null, "{bare}");
    for (name, len) in [("cov_factor", 12), ("scale_tril", 36), ("chol", 21)] {
        undecided(&with(name, len, "Identity"), &[name, "covariance"]);
    }
    undecided(&with("df", 6, "Identity"), &["Student's t"]);
    proposed(with("h", 3, "Identity"), &["mean = \"mu\""]);
}
