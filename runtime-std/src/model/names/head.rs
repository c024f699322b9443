//! What a name says of the head of a posterior: the mean, or which form of the spread.
//!
//! A name is taken apart into words with a meaning. Where one of them changes the spread in a way that no
//! head of a manifest has, or where nobody knows what it means, the name says that there is a spread and
//! no more: a spread that is guessed is a silent factor in the exponent.

use super::{Token, tokens};
use elbow_core::distributions::Spread;

/// What a name says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Says {
    /// It is a mean.
    Mean,
    /// It is a spread of this form.
    Spread(Spread),
    /// It has to do with a spread, but this keeps it from being one of the manifest's heads.
    Unclear(String),
    /// Nothing of a head.
    Nothing,
}

/// The name of an output, split into words: what they say of a head, and the words that remain.
#[derive(Clone, Debug)]
pub(crate) struct HeadName {
    /// What it says.
    pub says: Says,
    /// The words that do not say it, and numbers: of `z2_mean` and `z2_log_var` the same.
    pub stem: Vec<String>,
}

/// Meaning of one word of a name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Mean,
    Log,
    /// A standard deviation.
    Scale,
    /// A variance.
    Var,
    Square,
    /// A quantity that is a spread, but none of the manifest's heads.
    Other,
    /// What changes the quantity that it stands with.
    Change,
    Number,
    /// Of no meaning here.
    Rest,
}

/// Words for a mean.
const MEANS: [&str; 6] = ["mu", "mus", "mean", "means", "loc", "locs"];
const LOGS: [&str; 2] = ["log", "ln"];
const SCALES: [&str; 10] =
    ["sigma", "sigmas", "std", "stds", "sd", "stddev", "stdev", "stdv", "scale", "scales"];
const VARS: [&str; 4] = ["var", "vars", "variance", "variances"];
const SQUARES: [&str; 5] = ["sq", "sqr", "sqd", "squared", "square"];
/// Words for a spread that no head of a manifest stands for.
const OTHERS: [&str; 17] = [
    "precision",
    "precisions",
    "prec",
    "rho",
    "tau",
    "kappa",
    "uncertainty",
    "uncertainties",
    "dispersion",
    "bandwidth",
    "cov",
    "covariance",
    "tril",
    "chol",
    "cholesky",
    "sig",
    "entropy",
];
/// Words that change the quantity beside them.
const CHANGES: [&str; 30] = [
    "half",
    "double",
    "twice",
    "inv",
    "inverse",
    "reciprocal",
    "recip",
    "rsqrt",
    "sqrt",
    "root",
    "neg",
    "negative",
    "minus",
    "raw",
    "pre",
    "unconstrained",
    "unscaled",
    "exp",
    "softplus",
    "abs",
    "min",
    "max",
    "lower",
    "upper",
    "bound",
    "factor",
    "ratio",
    "delta",
    "diff",
    "residual",
];
/// Words that stand beside the heads of a posterior and change nothing.
const PLAIN: [&str; 65] = [
    "encoder",
    "enc",
    "latent",
    "latents",
    "posterior",
    "post",
    "approx",
    "variational",
    "inference",
    "recognition",
    "guide",
    "amortized",
    "prediction",
    "predicted",
    "pred",
    "aleatoric",
    "estimate",
    "estimated",
    "est",
    "hat",
    "qz",
    "zx",
    "qzx",
    "dist",
    "distribution",
    "normal",
    "gaussian",
    "gauss",
    "diag",
    "diagonal",
    "param",
    "params",
    "parameter",
    "parameters",
    "head",
    "heads",
    "out",
    "output",
    "outputs",
    "layer",
    "layers",
    "fc",
    "dense",
    "linear",
    "lin",
    "proj",
    "projection",
    "net",
    "network",
    "mlp",
    "model",
    "module",
    "vae",
    "functional",
    "sequential",
    "identity",
    "op",
    "gemm",
    "matmul",
    "mat",
    "bias",
    "conv",
    "final",
    "vector",
    "value",
];

impl HeadName {
    /// What `name` says, judged among `siblings`, the names of all outputs: they decide whether a 2 behind a
    /// standard deviation is a square or a number. A mean or spread in a formula, as `0.5*logvar`, is
    /// [`Says::Unclear`].
    pub(crate) fn of(name: &str, siblings: &[&str]) -> Self {
        let (tokens, signs) = spelled_out(name);
        let words = taken_apart(&tokens);
        let core: Vec<usize> = (0..words.len()).filter(|at| words[*at].0.is_core()).collect();
        let mut says = says(&words, &core);
        let mut number = None;
        if let (Says::Spread(_), Some(last)) = (&says, core.last()) {
            (says, number) = with_two(says, &words, *last, name, siblings);
        }
        if signs && matches!(says, Says::Spread(_) | Says::Mean) {
            says = Says::Unclear("its name is a formula".into());
        }
        let is_stem = |at: &usize| !core.contains(at) && Some(*at) != number;
        let stem = (0..words.len()).filter(is_stem).map(|at| words[at].1.text.clone()).collect();
        Self { says, stem }
    }

    /// Words of the stem that are not known to leave a head unchanged: all but numbers, `z`, `q`, the words
    /// of [`PLAIN`], `x` without a number behind it and `mul` behind `mat`.
    pub(crate) fn unknown(&self) -> Vec<&str> {
        let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
        let is_plain = |at: usize| {
            let before = at.checked_sub(1).map(|before| self.stem[before].as_str());
            let behind = self.stem.get(at + 1).map(String::as_str);
            match self.stem[at].as_str() {
                "mul" => before == Some("mat"),
                "x" => !behind.is_some_and(is_number), // `x2` may be a factor
                "z" | "q" => true,
                word => PLAIN.contains(&word) || is_number(word),
            }
        };
        let unknown = (0..self.stem.len()).filter(|at| !is_plain(*at));
        unknown.map(|at| self.stem[at].as_str()).collect()
    }

    /// Words of the stem without numbers, in order: the same for `z2_mean` and `z1_mean`.
    pub(crate) fn unnumbered(&self) -> Vec<&str> {
        let is_word = |word: &&str| !word.starts_with(|c: char| c.is_ascii_digit());
        self.stem.iter().map(String::as_str).filter(is_word).collect()
    }
}

impl Word {
    /// Whether the word says something of a head: all but numbers and words without a meaning.
    fn is_core(self) -> bool {
        !matches!(self, Self::Number | Self::Rest)
    }
}

/// The tokens of a name, with `σ`, `μ`, `²` and `^2` as words, `std_dev` and `standard deviation` as the one
/// word `std`, and a port such as `:0` removed; and whether arithmetic signs are left that make it a formula.
fn spelled_out(name: &str) -> (Vec<Token>, bool) {
    let name = match name.rsplit_once(':') {
        Some((before, port)) if port.bytes().all(|c| c.is_ascii_digit()) => before,
        _ => name,
    };
    let mut name = name.replace("**", "^").replace("^2", " squared ").replace('²', " squared ");
    for (sign, word) in [('σ', " sigma "), ('μ', " mu "), ('µ', " mu ")] {
        name = name.replace(sign, word);
    }
    let divided = name.rsplit_once('/').is_some_and(|(before, behind)| {
        !before.is_empty() && behind.starts_with(|c: char| c.is_ascii_digit() || c == '.')
    });
    let formula =
        divided || name.starts_with(['-', '.']) || name.contains(['*', '^', '+', '=', '%', '(']);
    let mut tokens = tokens(&name);
    // "std_dev" and "standard deviation" are one word.
    while let Some(at) = tokens.windows(2).position(|pair| {
        ["std", "standard"].contains(&&*pair[0].text)
            && ["dev", "deviation"].contains(&&*pair[1].text)
    }) {
        tokens.remove(at + 1);
        tokens[at].text = "std".into();
    }
    (tokens, formula)
}

/// Each token with its meaning. One that is written together is split into its words, as `zlogvar` into `z`,
/// `log`, `var`; one of unknown words is [`Word::Rest`] as a whole.
fn taken_apart(tokens: &[Token]) -> Vec<(Word, Token)> {
    let mut words = Vec::new();
    for token in tokens {
        let text = token.text.as_str();
        let is_letter = |first: char| "zqxh".contains(first);
        let parts = parts(text).or_else(|| {
            let rest = text.strip_prefix(is_letter)?;
            Some([vec![(Word::Rest, &text[..1])], parts(rest)?].concat())
        });
        match parts {
            _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
                words.push((Word::Number, token.clone()));
            }
            None => words.push((Word::Rest, token.clone())),
            Some(parts) => words.extend(parts.into_iter().enumerate().map(|(at, (word, text))| {
                (word, Token { text: text.into(), joined: token.joined || at > 0 })
            })),
        }
    }
    words
}

/// `text` split completely into known words, each with its meaning; `None` where that is not possible, an
/// empty list for empty text.
fn parts(text: &str) -> Option<Vec<(Word, &str)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let lists: [(Word, &[&str]); 7] = [
        (Word::Mean, &MEANS),
        (Word::Log, &LOGS),
        (Word::Scale, &SCALES),
        (Word::Var, &VARS),
        (Word::Square, &SQUARES),
        (Word::Other, &OTHERS),
        (Word::Change, &CHANGES),
    ];
    let known = lists.iter().flat_map(|(word, list)| list.iter().map(|text| (*word, *text)));
    known.filter(|(_, known)| text.starts_with(known)).find_map(|(word, known)| {
        let rest = parts(&text[known.len()..])?;
        Some([vec![(word, &text[..known.len()])], rest].concat())
    })
}

/// What the words at the positions `core` say of a head; a 2 behind them is not considered.
fn says(words: &[(Word, Token)], core: &[usize]) -> Says {
    let kinds: Vec<Word> = core.iter().map(|at| words[*at].0).collect();
    let first = |wanted: Word| core.iter().find(|at| words[**at].0 == wanted);
    let is_spread = |word: &Word| matches!(word, Word::Scale | Word::Var | Word::Other);
    if !kinds.iter().any(is_spread) {
        return if kinds == [Word::Mean] { Says::Mean } else { Says::Nothing };
    }
    if kinds.contains(&Word::Mean) {
        return Says::Unclear("its name says both mean and spread".into());
    }
    for kind in [Word::Change, Word::Other] {
        if let Some(at) = first(kind) {
            let word = &words[*at].1.text;
            return Says::Unclear(format!("its name says {word:?}, which no head stands for"));
        }
    }
    let Some((start, end)) = core.first().zip(core.last()) else { return Says::Nothing };
    let number = |at: usize| words.get(at).filter(|(word, _)| *word == Word::Number);
    let inside = (*start..*end).find_map(number);
    let factor = number(0).filter(|_| *start == 1 && words[1].1.joined);
    let decimal = words.windows(2).any(|pair| pair[0].1.text == "0" && pair[1].0 == Word::Number);
    if inside.is_some() || factor.is_some() || decimal {
        return Says::Unclear("its name has a number as a base or a factor".into());
    }
    let head = match kinds[..] {
        _ if core.len() != end - start + 1 => None,
        [Word::Scale] => Some(Spread::Sigma),
        [Word::Log, Word::Scale] => Some(Spread::LogSigma),
        [Word::Var] | [Word::Scale, Word::Square] => Some(Spread::Var),
        [Word::Log, Word::Var] | [Word::Log, Word::Scale, Word::Square] => Some(Spread::LogVar),
        _ => None,
    };
    let unclear = "the words of its name are in an unusual order";
    head.map_or_else(|| Says::Unclear(unclear.into()), Says::Spread)
}

/// What a name says with regard to a token 2 behind its last core word, and the position of that token where
/// it is a square. A standard deviation with it becomes a variance, stays as it is where a sibling has
/// another number in that place, and is unclear where both are possible. Other names are unchanged.
fn with_two(
    says: Says,
    words: &[(Word, Token)],
    last: usize,
    name: &str,
    siblings: &[&str],
) -> (Says, Option<usize>) {
    let squared = match says {
        Says::Spread(Spread::Sigma) => Spread::Var,
        Says::Spread(Spread::LogSigma) => Spread::LogVar,
        other => return (other, None),
    };
    let Some((_, two)) = words.get(last + 1).filter(|(_, token)| token.text == "2") else {
        return (says, None);
    };
    let texts = |name: &str| -> Vec<String> {
        taken_apart(&spelled_out(name).0).into_iter().map(|(_, token)| token.text).collect()
    };
    let own = texts(name);
    let others = || siblings.iter().filter(|other| **other != name).map(|other| texts(other));
    let is_digit = |word: &String| word.bytes().all(|c| c.is_ascii_digit());
    let numbered = others().any(|other| {
        other.len() == own.len()
            && other.iter().zip(&own).enumerate().all(|(at, (a, b))| match at == last + 1 {
                true => is_digit(a) && a != b,
                false => a == b,
            })
    });
    if numbered {
        return (says, None);
    }
    let without = [&own[..=last], &own[last + 2..]].concat();
    let is_rest = |at: &usize| !words[*at].0.is_core();
    let stem: Vec<&String> = (0..words.len()).filter(is_rest).map(|at| &words[at].1.text).collect();
    let mut means = siblings.iter().map(|other| HeadName::of(other, &[]));
    let has_twin =
        means.any(|mean| mean.says == Says::Mean && mean.stem.iter().eq(stem.iter().copied()));
    let is_scale = own[last].starts_with("scale");
    if has_twin || is_scale || !two.joined || others().any(|other| other == without) {
        let why = "the 2 in its name may be a square or a number";
        return (Says::Unclear(why.into()), None);
    }
    (Says::Spread(squared), Some(last + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(name: &str) -> Says {
        HeadName::of(name, &[]).says
    }

    #[test]
    fn spreads_are_understood_wholly() {
        let groups: [(Spread, &str); 4] = [
            (
                Spread::LogVar,
                "logvar z_log_var ln_var lnvar log_variance q_logvar latent_logvar aleatoric_logvar \
                 log_sigma_sq z_log_sigma_sq log_sigma_squared log_sigma2 logsigma2 log_std2 logsigmasq \
                 log_sigma^2 log_sigma**2 logσ² zLogVar LogVar LOG_VAR fc_logvar logvar_layer logvar1 \
                 logvar2 log_var_2 z2_log_var z2logvar encoder/z_log_var:0 q_z_x_logvar logvar_out \
                 logvar_head encoder.fc_logvar layers.3.logvar LogSigmaSq zlogvar log_std_dev2 logvars \
                 z1_log_sigma2 logVariance log_sd_sq enc-logvar",
            ),
            (
                Spread::LogSigma,
                "log_std logstd log_sigma logsd log_scale ln_sigma z_log_std logStd log_std_dev \
                 log_standard_deviation log_sigma1 log_sigma_3 logσ logstddev log_scale:0",
            ),
            (
                Spread::Sigma,
                "sigma std sd stddev scale z_sigma std_dev stdDev standard_deviation σ q_z_std scale_diag \
                 sigma1 sigma_3 stds z_scale:0 Sigma",
            ),
            (
                Spread::Var,
                "var variance sigma2 sigma_sq sigma_squared std_squared sigma_square sigmasq z_sigma2 q_var \
                 σ² sigma^2 std2 sigmaSq var2 variance_layer",
            ),
        ];
        for (head, names) in groups {
            for name in names.split_whitespace() {
                let found = HeadName::of(name, &["mu", name]);
                assert_eq!(found.says, Says::Spread(head), "{name}");
                assert!(found.unknown().is_empty(), "{name}: {:?}", found.unknown());
            }
        }
    }

    #[test]
    fn what_changes_a_spread_is_a_question() {
        let names = "precision log_precision rho raw_scale inv_sigma neg_log_sigma half_logvar log_var_half \
             log2_sigma log10_std uncertainty log_prec scale_tril cov_diag sqrt_var var_sq log_log_var \
             sigma_log mean_var mulogvar 0.5*logvar -logvar 0_5_logvar exp(logvar) exp_logvar 2sigma \
             log1p_sigma max_logvar sigma_2 log_std_2 scale2 log_sig_sq sigma_var logvar+eps logvar/2 \
             .5_logvar logvar/.5";
        for name in names.split_whitespace() {
            let found = says(name);
            assert!(matches!(found, Says::Unclear(_)), "{name}: {found:?}");
        }
        for name in "logits onnx::Gemm_1 Identity_1:0 output log_prob logs2 z 41 log raw max_pool"
            .split(' ')
        {
            assert_eq!(says(name), Says::Nothing, "{name}");
        }
        // Words of a stem need a mean that shares them.
        assert_eq!(HeadName::of("speed_logvar", &[]).unknown(), ["speed"]);
        assert_eq!(HeadName::of("log_var_of_foo", &[]).unknown(), ["of", "foo"]);
        for (name, unknown) in [
            ("log_var_x2", "x"),
            ("x2_logvar", "x"),
            ("log_sigma_x2", "x"),
            ("log_var_mul", "mul"),
            ("hlogvar", "h"),
            ("h_logvar", "h"),
            ("e_logvar", "e"),
        ] {
            assert_eq!(HeadName::of(name, &["mu", name]).unknown(), [unknown], "{name}");
        }
        assert!(HeadName::of("logvar/MatMul", &[]).unknown().is_empty());
    }

    #[test]
    fn means_say_so() {
        for name in "mu mean loc z_mean q_mu zMean encoder/z_mean:0 fc_mu mu1 μ zmean".split(' ') {
            assert_eq!(says(name), Says::Mean, "{name}");
        }
        for name in "neg_mu raw_mean log_mean mean_var mulogvar meaning".split(' ') {
            assert_ne!(says(name), Says::Mean, "{name}");
        }
        assert_eq!(HeadName::of("z2_mean", &[]).stem, HeadName::of("z2_log_var", &[]).stem);
        assert_ne!(HeadName::of("z1_mean", &[]).stem, HeadName::of("z2_log_var", &[]).stem);
    }

    #[test]
    fn siblings_settle_whether_a_two_is_a_number() {
        for (name, siblings, head) in [
            ("log_sigma2", &["mu", "log_sigma2"][..], Some(Spread::LogVar)),
            ("log_sigma2", &["mu1", "log_sigma1", "mu2", "log_sigma2"], Some(Spread::LogSigma)),
            ("log_sigma_2", &["mu_1", "log_sigma_1", "log_sigma_2"], Some(Spread::LogSigma)),
            ("sigma2", &["mu1", "sigma1", "sigma2"], Some(Spread::Sigma)),
            ("z1_log_sigma2", &["z1_mean", "z2_mean", "z2_log_sigma2"], Some(Spread::LogVar)),
            ("z2_log_sigma2", &["z1_mean", "z2_mean", "z1_log_sigma2"], Some(Spread::LogVar)),
            ("sigma2", &["mu2", "sigma2"], None),
            ("log_sigma2", &["mu", "mu2", "log_sigma", "log_sigma2"], None),
            ("log_sigma_2", &["mu", "log_sigma_2"], None),
            ("logvar2", &["mu2", "logvar2"], Some(Spread::LogVar)),
        ] {
            let found = HeadName::of(name, siblings).says;
            match head {
                Some(head) => assert_eq!(found, Says::Spread(head), "{name} among {siblings:?}"),
                None => assert!(matches!(found, Says::Unclear(_)), "{name}: {found:?}"),
            }
        }
    }
}
