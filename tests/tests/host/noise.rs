//! Noise: words, the map to normal draws, and failing sources.

use std::process::Command;

use elbow_core::noise::{
    NoiseError, NoiseSource, RandCore09, RandCore010, Stream, fill_standard_normal, standard_normal,
};
use elbow_tests::tolerance::{BATTERY_ALPHA, NORMAL_DRAW, NORMAL_DRAW_BELOW_2, TAIL_MASS};

// Truth in f64.

/// `phi(x)`, the standard normal's density.
fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// `1 - Phi(x)` for `x >= 0`: Taylor's series (Marsaglia, 2004), from 2.5 on Laplace's continued
/// fraction.
fn upper_tail(x: f64) -> f64 {
    if x >= 2.5 {
        return density(x) / (1..=160).rev().fold(x, |tail, k| x + f64::from(k) / tail);
    }
    let (mut sum, mut term, mut k) = (x, x, 1.0);
    while term > 1e-18 {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    0.5 - sum * density(x)
}

/// `-Phi^-1(p)` for `p` in (0, 1/2]: Newton's method on the logarithm of the tail.
fn quantile(p: f64) -> f64 {
    let start = (-2.0 * (2.0 * p).ln()).max(0.0).sqrt();
    (0..8).fold(start, |z: f64, _| {
        let tail = upper_tail(z.max(0.0));
        z.max(0.0) + (tail / p).ln() * tail / density(z.max(0.0))
    })
}

/// The draw of a word, from its definition.
fn truth(word: u32) -> f64 {
    let v = (word << 1) | 1;
    let sign = if word >> 31 == 1 { -1.0 } else { 1.0 };
    sign * quantile(f64::from(v) * (-33f64).exp2())
}

// Words.

#[test]
fn words_equal_those_of_python() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/philox.py");
    for (key, datapoint, sample) in
        [(0, 0, 0), (1, 2, 3), (u64::MAX, u64::MAX, u32::MAX), (0x0123_4567_89ab_cdef, 1 << 40, 77)]
    {
        let arguments = [key.to_string(), datapoint.to_string(), sample.to_string(), "40".into()];
        let output = Command::new("python3").arg(script).args(arguments).output();
        let output = output.unwrap_or_else(|e| panic!("this test needs python3 in the PATH: {e}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let words: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
        let mut stream = Stream::new(key, datapoint, sample);
        let ours: Vec<u32> = (0..10).flat_map(|_| stream.next_block()).collect();
        assert_eq!(ours, words, "key {key} datapoint {datapoint} sample {sample}");
    }
}

#[test]
fn element_i_of_epsilon_uses_word_i() {
    for len in 0..10 {
        let mut eps = vec![f32::NAN; len];
        let mut stream = Stream::new(9, 8, 7);
        fill_standard_normal(&mut stream, &mut eps).unwrap();
        let mut again = Stream::new(9, 8, 7);
        let words: Vec<u32> = (0..len.div_ceil(4)).flat_map(|_| again.next_block()).collect();
        assert!(eps.iter().zip(words).all(|(eps, word)| *eps == standard_normal(word)));
        assert_eq!(stream, again, "a fill ends at a block");
    }
}

// The map.

/// Both signs of: the ends of the range, every octave's and subsegment's edges, an even grid, and
/// a geometric one into the tail.
fn words() -> Vec<u32> {
    let edges = (0..31u32).flat_map(|n| (4..=8).map(move |s| ((s << 28) >> n) as u64));
    let around = edges.flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1]);
    let even = (0..20_000u64).map(|i| i * 107_374);
    let tail = (0..20_000).map(|i| 2f64.powf(31.0 * f64::from(i) / 20_000.0) as u64);
    let all = [0, 1, 0x7fff_ffff].into_iter().chain(around).chain(even).chain(tail);
    let positive = all.filter(|word| *word < 1 << 31).map(|word| word as u32);
    positive.flat_map(|word| [word, word | 0x8000_0000]).collect()
}

#[test]
fn draws_are_the_inverse_cdf_of_their_words() {
    for word in words() {
        let truth = truth(word);
        let error = (f64::from(standard_normal(word)) - truth).abs();
        let limit = if truth.abs() < 2.0 { NORMAL_DRAW_BELOW_2 } else { NORMAL_DRAW };
        assert!(error <= limit, "word {word:#010x}: error {error:e} exceeds {limit:e}");
    }
}

#[test]
fn the_quantile_in_f64_is_right() {
    // mpmath, 40 digits: -Phi^-1 of 2^-33, 0.001, 0.25 and 0.4999.
    let known = [
        ((-33f64).exp2(), 6.3379577545537893),
        (0.001, 3.0902323061678136),
        (0.25, 0.6744897501960817),
        (0.4999, 2.5066283008800749e-4),
    ];
    for (p, z) in known {
        assert!((quantile(p) - z).abs() < 1e-13, "{p}: {} {z}", quantile(p));
    }
}

#[test]
fn draws_have_the_range_that_their_docs_say() {
    for word in words() {
        let size = standard_normal(word).abs();
        assert!((2.2e-8..=6.338).contains(&size), "word {word:#010x}: {size:e}");
    }
    assert!(standard_normal(0) > 6.337);
    assert!(words().iter().any(|word| standard_normal(*word).abs() < 2.3e-8));
}

#[test]
fn the_sign_bit_mirrors_the_draw() {
    for word in words() {
        let z = standard_normal(word);
        assert_eq!(z, -standard_normal(word ^ 0x8000_0000));
        assert_eq!(z < 0.0, word >> 31 == 1);
    }
}

#[test]
fn tail_masses_are_exact() {
    for sigma in [3.0, 4.0, 5.0] {
        let ideal = upper_tail(sigma) * 32f64.exp2();
        // |z| falls with the word up to rounding, as core's own tests see for every word; what lies
        // past this cannot reach sigma.
        let last = (ideal * (1.0 + 10.0 * TAIL_MASS)) as u32;
        assert!(f64::from(standard_normal(last)) < sigma - 100.0 * NORMAL_DRAW);
        let count = (0..last).filter(|word| f64::from(standard_normal(*word)) >= sigma).count();
        let ratio = count as f64 / ideal;
        println!("{sigma} sigma: {count} of 2^32 words per side, ratio {ratio:.5}");
        assert!((ratio - 1.0).abs() <= TAIL_MASS);
    }
}

/// FNV-1a, 64 bits, over the little-endian bits of the draws.
fn digest(eps: &[f32]) -> u64 {
    let bytes = eps.iter().flat_map(|eps| eps.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[test]
fn draws_are_those_that_version_1_froze() {
    let mut eps = vec![0.0; 1_000_000];
    fill_standard_normal(&mut Stream::new(1, 2, 3), &mut eps).unwrap();
    let first = [3193398887, 1047931124, 1067854513, 1051672493].map(f32::from_bits);
    assert_eq!(eps[..4], first);
    assert_eq!(digest(&eps), 0x7bb3_69bb_cefe_be1a);
}

// The statistical battery.

const DRAWS: usize = 1_000_000;
const SEEDS: [u64; 2] = [20_260_101, 20_260_102];
const STATISTICS: usize = 5;

/// One statistic's two-sided p-value.
struct Outcome {
    name: &'static str,
    p: f64,
}

/// Mean, variance, excess kurtosis, Kolmogorov-Smirnov distance and count beyond 4 sigma.
fn battery(draws: &[f32]) -> [Outcome; STATISTICS] {
    let n = draws.len() as f64;
    let moment = |k| draws.iter().map(|z| f64::from(*z).powi(k)).sum::<f64>() / n;
    let (mean, second, third, fourth) = (moment(1), moment(2), moment(3), moment(4));
    let variance = second - mean * mean;
    let central = fourth - 4.0 * mean * third + 6.0 * mean * mean * second - 3.0 * mean.powi(4);
    let two_sided = |z: f64| 2.0 * upper_tail(z.abs());
    let beyond = draws.iter().filter(|z| z.abs() > 4.0).count();
    [
        Outcome { name: "mean", p: two_sided(mean * n.sqrt()) },
        Outcome { name: "variance", p: two_sided((variance - 1.0) / (2.0 / n).sqrt()) },
        Outcome {
            name: "kurtosis",
            p: two_sided((central / (variance * variance) - 3.0) / (24.0 / n).sqrt()),
        },
        Outcome { name: "KS", p: kolmogorov_smirnov(draws) },
        Outcome { name: "4 sigma", p: poisson(beyond, 2.0 * upper_tail(4.0) * n) },
    ]
}

/// Asymptotic p-value of the largest distance between the empirical CDF and `Phi`.
fn kolmogorov_smirnov(draws: &[f32]) -> f64 {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f32::total_cmp);
    let n = sorted.len() as f64;
    let distances = sorted.iter().enumerate().map(|(i, z)| {
        let z = f64::from(*z);
        let cdf = if z < 0.0 { upper_tail(-z) } else { 1.0 - upper_tail(z) };
        (cdf - i as f64 / n).abs().max((cdf - (i + 1) as f64 / n).abs())
    });
    let distance = distances.fold(0.0, f64::max) * n.sqrt();
    (2.0 * (-2.0 * distance * distance).exp()).min(1.0)
}

/// Exact two-sided p-value of a count: twice the smaller tail.
fn poisson(count: usize, expected: f64) -> f64 {
    let terms = |k: usize| (1..=k).fold(-expected, |ln, i| ln + (expected / i as f64).ln()).exp();
    let below: f64 = (0..=count).map(terms).sum();
    let above = 1.0 - below + terms(count);
    (2.0 * below.min(above)).clamp(0.0, 1.0)
}

/// Names of the statistics that reject the draws.
fn rejections(draws: &[f32]) -> Vec<&'static str> {
    let limit = BATTERY_ALPHA / (STATISTICS * SEEDS.len()) as f64;
    let outcomes = battery(draws);
    outcomes.iter().for_each(|o| println!("  {:<9} p = {:.4}", o.name, o.p));
    outcomes.iter().filter(|o| o.p < limit).map(|o| o.name).collect()
}

#[test]
fn a_million_draws_pass_the_battery() {
    for seed in SEEDS {
        println!("seed {seed}");
        let mut eps = vec![0.0; DRAWS];
        fill_standard_normal(&mut Stream::new(seed, 0, 0), &mut eps).unwrap();
        assert_eq!(rejections(&eps), [""; 0], "seed {seed}");
    }
}

#[test]
fn a_sum_of_twelve_uniforms_fails_the_battery() {
    let mut stream = Stream::new(SEEDS[0], 0, 0);
    let mut uniforms = || stream.next_block().map(|word| f64::from(word) * (-32f64).exp2());
    let mut draw = || (0..3).flat_map(|_| uniforms()).sum::<f64>() - 6.0;
    let draws: Vec<f32> = (0..DRAWS).map(|_| draw() as f32).collect();
    let rejections = rejections(&draws);
    assert!(rejections.contains(&"kurtosis") && rejections.contains(&"4 sigma"), "{rejections:?}");
}

// Other sources.

/// Counts its words up from 0 and fails after the last one.
struct Counter {
    next: u32,
    last: u32,
}

impl Counter {
    fn next(&mut self) -> Result<u32, Broken> {
        if self.next == self.last {
            return Err(Broken);
        }
        self.next += 1;
        Ok(self.next - 1)
    }
}

#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken")
    }
}

impl std::error::Error for Broken {}

impl rand_core_09::TryRngCore for Counter {
    type Error = Broken;
    fn try_next_u32(&mut self) -> Result<u32, Broken> {
        self.next()
    }
    fn try_next_u64(&mut self) -> Result<u64, Broken> {
        unimplemented!()
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Broken> {
        unimplemented!()
    }
}

impl rand_core_010::TryRng for Counter {
    type Error = Broken;
    fn try_next_u32(&mut self) -> Result<u32, Broken> {
        self.next()
    }
    fn try_next_u64(&mut self) -> Result<u64, Broken> {
        unimplemented!()
    }
    fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Broken> {
        unimplemented!()
    }
}

/// Runs `check` on both adapters around a counter that fails after `last` words.
fn on_both_adapters(last: u32, check: impl Fn(&mut dyn NoiseSource)) {
    check(&mut RandCore09(Counter { next: 0, last }));
    check(&mut RandCore010(Counter { next: 0, last }));
}

#[test]
fn adapters_pass_words_on_in_order() {
    on_both_adapters(8, |source| {
        let mut eps = [0.0; 7];
        fill_standard_normal(source, &mut eps).unwrap();
        assert_eq!(eps, [0, 1, 2, 3, 4, 5, 6].map(standard_normal));
    });
}

#[test]
fn a_failed_draw_is_an_error_and_leaves_the_mean() {
    for last in 0..8 {
        on_both_adapters(last, |source| {
            let mut eps = [1.0; 7];
            assert_eq!(fill_standard_normal(source, &mut eps), Err(NoiseError::SourceFailed));
            assert_eq!(eps, [0.0; 7], "after {last} words");
        });
    }
}
