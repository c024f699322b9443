//! Bad tables of scores, sensors' faults and drift.

use super::{Case, DECODER, ENCODER, WINDOW};

/// What `elbow calibrate` writes into `[score]`.
const CALIBRATED: &str = r#"calibration = "scores.npy"
[score.calibrated]
model = "0123456789abcdef-01234567"
precision = "f32"
rows = 1000
rate = [0.0054, 0.0157]
basis = "recordings"
"#;

/// `[score]` with these lines, in a model with a decoder and a window.
fn score(lines: &str) -> String {
    [ENCODER, DECODER, WINDOW, "[score]\n", lines].concat()
}

/// A calibrated score with `from` replaced.
fn calibrated(from: &str, to: &str) -> String {
    score(&["kind = \"kl\"\n", &super::with(CALIBRATED, from, to)].concat())
}

/// A calibrated score with `[score.alarm]` of these lines.
fn alarm(lines: &str) -> String {
    score(&["kind = \"kl\"\n", CALIBRATED, "[score.alarm]\n", lines].concat())
}

/// Every table with every key.
pub(super) fn whole() -> String {
    let times = "rate = 50\nmax_gap = 0.1\non_gap = \"hold\"\nstale = 5\nscale = [0.5, 2]\noffset = [0, -1]\nunit = \"mg\"\nrange = [-2000, 2000]\n";
    let score = "[score]\nkind = \"elbo\"\nsamples = 8\ntail = \"both\"\nalpha = 0.02\nthreshold = -3.5\nchannel_log_likelihood = [-1, -2]\n";
    let rest = r#"[[score.mode]]
index = 3
calibration = "three.npy"
[score.alarm]
kappa = 0.3
arl = 10000
every = 4
threshold = 9.894
votes = [3, 5]
windows = 20000
events = 0
[gate]
lo = [-2000, -inf]
hi = [2000, inf]
most_at_rails = [1, 65535]
longest_run = [8, 65535]
least_variance = [0.5, 0]
largest_step = [100, inf]
[drift]
lambda = 0.02
reference = "drift.npy"
threshold = 31.0
[data]
train = { files = ["train.npy"], rows = 3, hashes = "train.hashes" }
"#;
    [ENCODER, DECODER, WINDOW, times, score, CALIBRATED, rest].concat()
}

/// `[gate]` with these lines, beside a window of two channels.
fn gate(lines: &str) -> String {
    [ENCODER, WINDOW, "[gate]\n", lines].concat()
}

/// `[drift]` with these lines.
fn drift(lines: &str) -> String {
    [ENCODER, "[drift]\n", lines].concat()
}

/// Which observations count as anomalous.
pub(super) fn of_score() -> Vec<Case> {
    vec![
        (
            "score without decoder",
            [ENCODER, "[score]\nkind = \"elbo_at_mean\"\nalpha = 0.01\nthreshold = 0\n"].concat(),
            &["score", "[decoder]"],
        ),
        (
            "regret without refinement",
            score("kind = \"regret\"\n"),
            &["score: regret needs a [refine]"],
        ),
        ("density without flow", score("kind = \"log_prob\"\n"), &["log_prob needs a [flow]"]),
        ("unknown kind", score("kind = \"waic\"\n"), &["waic", "elbo_at_mean", "mahalanobis"]),
        (
            "alpha above 1",
            score("kind = \"elbo_at_mean\"\nalpha = 1.5\nthreshold = 0\n"),
            &["score.alpha", "between 0 and 1"],
        ),
        ("alpha below a millionth", score("kind = \"kl\"\nalpha = 1e-7\n"), &["0.000001"]),
        ("no finite threshold", score("kind = \"kl\"\nthreshold = nan\n"), &["score.threshold"]),
        (
            "draws that are not taken",
            score("kind = \"elbo_at_mean\"\nsamples = 8\n"),
            &["score.samples", "elbo and iwae", "remove it"],
        ),
        ("no draws", score("kind = \"iwae\"\nsamples = 0\n"), &["score.samples", "1 to 65536"]),
        ("unknown tail", score("kind = \"kl\"\ntail = \"high\"\n"), &["high", "low", "both"]),
        (
            "channels of another window",
            score("kind = \"kl\"\nchannel_log_likelihood = [1]\n"),
            &["score.channel_log_likelihood", "one per channel (2)"],
        ),
    ]
}

/// What a calibration writes.
pub(super) fn of_calibration() -> Vec<Case> {
    vec![
        (
            "scores of nothing",
            score("kind = \"kl\"\ncalibration = \"scores.npy\"\n"),
            &["score.calibration", "elbow calibrate"],
        ),
        (
            "a calibration without scores",
            calibrated("calibration = \"scores.npy\"\n", ""),
            &["score.calibration names none", "elbow calibrate"],
        ),
        (
            "a model that is no number",
            calibrated("0123456789abcdef-", ""),
            &["score.calibrated.model", "16 and 8"],
        ),
        ("an unknown precision", calibrated("f32", "f16"), &["f16", "int8x16"]),
        ("no rows", calibrated("1000", "0"), &["score.calibrated.rows"]),
        ("bounds in the wrong order", calibrated("0.0054", "0.5"), &["score.calibrated.rate"]),
        ("an unknown basis", calibrated("recordings", "guess"), &["guess", "blocks"]),
        ("a missing key", calibrated("basis = \"recordings\"\n", ""), &["missing field `basis`"]),
        (
            "a mode without a calibration",
            score("kind = \"kl\"\n[[score.mode]]\nindex = 0\ncalibration = \"a.npy\"\n"),
            &["[[score.mode]] needs score.calibration"],
        ),
        (
            "a mode listed twice",
            score(
                &[
                    "kind = \"kl\"\n",
                    CALIBRATED,
                    &"[[score.mode]]\nindex = 3\ncalibration = \"a.npy\"\n".repeat(2),
                ]
                .concat(),
            ),
            &["score.mode[1].index", "twice"],
        ),
        (
            "an alarm without a calibration",
            score(
                "kind = \"kl\"\n[score.alarm]\nkappa = 0.3\narl = 10\nevery = 1\nthreshold = 2\n",
            ),
            &["[score.alarm] needs score.calibration", "elbow calibrate"],
        ),
        (
            "a whole kappa",
            alarm("kappa = 1\narl = 10\nevery = 1\nthreshold = 2\n"),
            &["score.alarm.kappa", "0.3"],
        ),
        (
            "an alarm all the time",
            alarm("kappa = 0.3\narl = 1\nevery = 0\nthreshold = 0\n"),
            &["score.alarm.arl", "score.alarm.every", "score.alarm.threshold"],
        ),
        (
            "more votes than voters",
            alarm("kappa = 0.3\narl = 10\nevery = 1\nthreshold = 2\nvotes = [4, 3]\n"),
            &["score.alarm.votes", "[4, 3]"],
        ),
        (
            "a replay that shows less than nothing",
            alarm(
                "kappa = 0.3\narl = 10\nevery = 1\nthreshold = 2\ndispersion = 0.5\nupper_rate = 0.0\n",
            ),
            &["score.alarm.dispersion: found 0.5", "score.alarm.upper_rate: found 0"],
        ),
        (
            "rows without a file",
            [ENCODER, "[data]\ntrain = { files = [\"x.npy\"], rows = 3 }\n"].concat(),
            &["missing field `hashes` in [data.train]"],
        ),
    ]
}

/// Times of readings, faults of sensors, and drift.
pub(super) fn of_readings() -> Vec<Case> {
    let window = |lines: &str| [ENCODER, WINDOW, lines].concat();
    vec![
        ("no rate", window("rate = 0\n"), &["window.rate", "above 0"]),
        (
            "a gap shorter than a period",
            window("rate = 50\nmax_gap = 0.01\n"),
            &["window.max_gap", "0.02 s"],
        ),
        (
            "a gap without a rate",
            window("max_gap = 0.5\n"),
            &["window.max_gap", "rate of the readings", "add rate, in Hz"],
        ),
        ("stale without a rate", window("stale = 5\n"), &["window.stale", "rate"]),
        ("an unknown deed", window("on_gap = \"guess\"\n"), &["guess", "clear", "hold"]),
        ("a scale of nothing", window("scale = [1, 0]\n"), &["window.scale", "found 0"]),
        ("no unit", window("unit = \"\"\n"), &["window.unit", "such as \"mg\""]),
        ("a range backwards", window("range = [5, -5]\n"), &["window.range", "[5, -5]"]),
        ("one offset", window("offset = [1]\n"), &["window.offset", "one per channel (2)"]),
        (
            "a gate without a window",
            [ENCODER, "[gate]\nlo = [0]\n"].concat(),
            &["[gate]", "[window]"],
        ),
        ("limits of one channel", gate("longest_run = [8]\n"), &["gate.longest_run", "(2)"]),
        ("rails that cross", gate("lo = [0, 5]\nhi = [1, 5]\n"), &["gate.lo[1]", "gate.hi[1]"]),
        ("runs of nothing", gate("longest_run = [8, 0]\n"), &["gate.longest_run", "at least 1"]),
        (
            "a negative variance",
            gate("least_variance = [0, -1]\n"),
            &["gate.least_variance", "-1", "from 0 on"],
        ),
        ("a fault of no kind", gate("spike = [1, 1]\n"), &["spike", "largest_step"]),
        (
            "drift by all windows at once",
            drift("lambda = 1\nreference = \"drift.npy\"\nthreshold = 31\n"),
            &["drift.lambda", "0.02"],
        ),
        (
            "drift at once",
            drift("reference = \"drift.npy\"\nthreshold = 0\n"),
            &["drift.threshold"],
        ),
        ("drift from nothing", drift("threshold = 3\n"), &["missing field `reference`"]),
    ]
}
