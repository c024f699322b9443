//! What the name of a tensor says.

use crate::manifest::Head;

const MEANS: [&str; 3] = ["mu", "mean", "loc"];

/// Small letters, and digits, each by themselves.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in name.chars() {
        let kind = (c.is_ascii_alphabetic(), c.is_ascii_digit());
        match words.last_mut() {
            Some(word) if last == Some(kind) => word.push(c.to_ascii_lowercase()),
            _ if kind != (false, false) => words.push(c.to_ascii_lowercase().into()),
            _ => {}
        }
        last = Some(kind);
    }
    words
}

/// Whether one of the words of `name` is among `wanted`.
pub(crate) fn says(name: &str, wanted: &[&str]) -> bool {
    words(name).iter().any(|word| wanted.contains(&&**word))
}

/// Whether a name says that it is a mean.
pub(crate) fn is_mean(name: &str) -> bool {
    spread_of(name).is_none() && says(name, &MEANS)
}

/// The head that a name says.
pub(crate) fn spread_of(name: &str) -> Option<Head> {
    let has = |names: &[&str]| says(name, names);
    let scales = ["sigma", "std", "stddev", "scale"];
    match has(&["log", "ln"]) {
        _ if has(&["logvar", "logvariance"]) => Some(Head::LogVar),
        _ if has(&["logsigma", "logstd", "logscale"]) => Some(Head::LogSigma),
        true if has(&["var", "variance"]) => Some(Head::LogVar),
        true if has(&scales) => Some(Head::LogSigma),
        false if has(&["var", "variance"]) => Some(Head::Var),
        false if has(&scales) => Some(Head::Sigma),
        _ => None,
    }
}

/// What is left of the name of a head: of `z2_mean` and `z2_log_var` the same.
pub(crate) fn stem(name: &str) -> Vec<String> {
    let head = [
        "log",
        "ln",
        "logvar",
        "logvariance",
        "logsigma",
        "logstd",
        "logscale",
        "var",
        "variance",
        "sigma",
        "std",
        "stddev",
        "scale",
    ];
    let is_head = |word: &str| head.contains(&word) || MEANS.contains(&word);
    words(name).into_iter().filter(|word| !is_head(word)).collect()
}

/// [`stem`] without numbers: of `z2_mean` and `z1_mean` the same.
pub(crate) fn unnumbered(name: &str) -> Vec<String> {
    let is_word = |word: &String| !word.starts_with(|c: char| c.is_ascii_digit());
    stem(name).into_iter().filter(is_word).collect()
}

/// Whether a name says noise.
pub(crate) fn is_noise(name: &str) -> bool {
    says(name, &["eps", "epsilon", "noise"])
}

/// Whether a name says state of a recurrent layer.
pub(crate) fn is_state(name: &str) -> bool {
    says(name, &["h", "hidden", "state", "cell", "hx", "cx", "hn", "cn"])
}

/// Whether a name says observation.
pub(crate) fn is_observation(name: &str) -> bool {
    says(name, &["x", "input", "inputs", "obs", "observation", "data", "image"])
}

/// Whether a name says the logarithm of a Jacobian determinant.
pub(crate) fn is_log_det(name: &str) -> bool {
    says(name, &["logdet", "ladj", "ldj", "logabsdet", "logabsdetjac"])
        || (says(name, &["log", "ln"]) && says(name, &["det", "jac", "jacobian"]))
}

/// Whether a name says the logarithm of a posterior density.
pub(crate) fn is_log_q(name: &str) -> bool {
    says(name, &["logq", "logqz"]) || (says(name, &["log", "ln"]) && says(name, &["q", "qz"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_people_mean() {
        assert_eq!(words("encoder/z_Mean:0"), ["encoder", "z", "mean", "0"]);
        assert_eq!(words("mu12x"), ["mu", "12", "x"]);
        for (name, head) in [
            ("z_log_var", Some(Head::LogVar)),
            ("logvar2", Some(Head::LogVar)),
            ("log_std", Some(Head::LogSigma)),
            ("scale", Some(Head::Sigma)),
            ("q_var", Some(Head::Var)),
            ("output_1", None),
        ] {
            assert_eq!(spread_of(name), head, "{name}");
        }
        assert!(is_mean("z_mean") && is_mean("mu") && !is_mean("mean_var") && !is_mean("mulogvar"));
        assert_eq!(stem("z2_mean"), stem("z2_log_var"));
        assert_ne!(stem("z1_mean"), stem("z2_log_var"));
        assert!(is_log_det("log_det") && is_log_det("ladj") && !is_log_det("logvar"));
    }
}
