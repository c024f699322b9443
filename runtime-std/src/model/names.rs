//! What the name of a tensor says.

mod head;

pub(crate) use head::{HeadName, Says};

/// The words and numbers of a name, in small letters and in order. They are separated by any other sign,
/// between letters and digits, and where a capital letter begins a word; empty for a name of other signs
/// only.
pub(crate) fn words(name: &str) -> Vec<String> {
    tokens(name).into_iter().map(|token| token.text).collect()
}

/// A word or a number of a name.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    /// In small letters.
    text: String,
    /// Whether nothing is between it and the one before.
    joined: bool,
}

/// The tokens of [`words`], in the order of the name.
fn tokens(name: &str) -> Vec<Token> {
    let chars: Vec<char> = name.chars().collect();
    let kind = |c: char| (c.is_ascii_alphabetic(), c.is_ascii_digit());
    let mut tokens: Vec<Token> = Vec::new();
    for (at, &c) in chars.iter().enumerate() {
        let last = at.checked_sub(1).map(|before| chars[before]);
        let next = chars.get(at + 1);
        let joined = last.is_some_and(|last| kind(last) != (false, false));
        let begins = last.is_none_or(|last| {
            let ends_capitals =
                last.is_ascii_uppercase() && next.is_some_and(char::is_ascii_lowercase);
            kind(last) != kind(c)
                || c.is_ascii_uppercase() && (last.is_ascii_lowercase() || ends_capitals)
        });
        match tokens.last_mut() {
            _ if kind(c) == (false, false) => {}
            Some(token) if !begins => token.text.push(c.to_ascii_lowercase()),
            _ => tokens.push(Token { text: c.to_ascii_lowercase().into(), joined }),
        }
    }
    tokens
}

/// Whether one of the words of `name` is among `wanted`.
pub(crate) fn says(name: &str, wanted: &[&str]) -> bool {
    words(name).iter().any(|word| wanted.contains(&&**word))
}

/// Whether a name says that it is a mean of a posterior, and no spread.
pub(crate) fn is_mean(name: &str) -> bool {
    HeadName::of(name, &[]).says == Says::Mean
}

/// Whether a word of the name is eps, epsilon or noise.
pub(crate) fn is_noise(name: &str) -> bool {
    says(name, &["eps", "epsilon", "noise"])
}

/// Whether a word of the name is h, hidden, state, cell, hx, cx, hn or cn, as of the state of a recurrent
/// layer.
pub(crate) fn is_state(name: &str) -> bool {
    says(name, &["h", "hidden", "state", "cell", "hx", "cx", "hn", "cn"])
}

/// Whether a word of the name is x, input, inputs, obs, observation, data or image.
pub(crate) fn is_observation(name: &str) -> bool {
    says(name, &["x", "input", "inputs", "obs", "observation", "data", "image"])
}

/// Whether a word of the name says that something belongs to the generative model, as prior, decoder or
/// recon.
pub(crate) fn is_generative(name: &str) -> bool {
    const WORDS: [&str; 13] = [
        "prior",
        "pz",
        "px",
        "decoder",
        "dec",
        "decoded",
        "recon",
        "reconstruction",
        "reconstructed",
        "xhat",
        "generator",
        "generative",
        "likelihood",
    ];
    says(name, &WORDS)
}

/// Whether a name says the logarithm of a Jacobian determinant: in one word, as logdet or ladj, or by log or
/// ln beside det, jac or jacobian.
pub(crate) fn is_log_det(name: &str) -> bool {
    says(name, &["logdet", "ladj", "ldj", "logabsdet", "logabsdetjac"])
        || (says(name, &["log", "ln"]) && says(name, &["det", "jac", "jacobian"]))
}

/// Whether a name says the logarithm of a posterior density: logq or logqz, or log or ln beside q or qz.
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
        assert_eq!(words("zLogVar"), ["z", "log", "var"]);
        assert_eq!(words("LSTMCell"), ["lstm", "cell"]);
        assert_eq!(words("ZMean/LOC"), ["z", "mean", "loc"]);
        assert!(is_log_det("log_det") && is_log_det("ladj") && !is_log_det("logvar"));
    }
}
