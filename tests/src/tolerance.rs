//! Every tolerance of the tests, with its reason. A test compares with a row of this table or
//! exactly.

// Noise.

/// Absolute error of a normal draw: half an ulp at `|z| >= 4` is 2.4e-7; the rest is the
/// polynomial's.
pub const NORMAL_DRAW: f64 = 5e-7;
/// The same where `|z| < 2`: half an ulp is 6e-8 there.
pub const NORMAL_DRAW_BELOW_2: f64 = 2e-7;
/// Tail mass at 3, 4 and 5 sigma against the ideal one: of the 1231 words per sign beyond 5 sigma a
/// fraction of one is missing.
pub const TAIL_MASS: f64 = 2e-4;
/// Family-wise error of a statistical battery, divided by all its statistics over all its seeds.
pub const BATTERY_ALPHA: f64 = 1e-3;

// Distributions.

/// A divergence from the standard normal, relative: `expm1`, a square and two roundings.
pub const KL_STANDARD: f64 = 4e-7;
/// A divergence between two normals, relative per `max(1, |log_var|)`: the difference of two
/// log-variances is rounded at their size, and its exponential carries that on.
pub const KL_DIVERGENCE: f64 = 5e-7;
/// A divergence by the trapezoidal rule (exact to f64 for normals) against the closed form in f32.
pub const KL_INTEGRAL: f64 = 2e-6;
/// A published golden value, ten digits, against f32, absolute, in nats.
pub const GOLDEN: f64 = 1e-6;
/// `rsample` relative to `|loc| + scale |eps|`: an exponential and two roundings.
pub const RSAMPLE: f64 = 2e-7;
/// A log-density, relative to the magnitudes of its parts: an exponential and a product, squared.
pub const LOG_PROB: f64 = 5e-7;
/// An entropy, relative to the magnitudes of its parts: two roundings per dimension.
pub const ENTROPY: f64 = 2e-7;
/// The logarithm of a likelihood, relative to the magnitudes of its parts.
pub const LIKELIHOOD: f64 = 5e-7;
/// The logarithm of a likelihood of one value, absolute part: what may be lost where the value is near 0
/// and its parts are not, for counts up to 3e4.
pub const LOG_LIKELIHOOD: f64 = 2e-5;
/// The relative part: some ten roundings.
pub const LOG_LIKELIHOOD_RELATIVE: f64 = 1e-6;
/// A natural logarithm, relative to `max(1, |ln x|)`, as `math::ln` promises.
pub const LOGARITHM: f64 = 8e-8;
/// A score of one value, relative to `max(1, |score|)` and to the count: the exponential of a logarithm
/// of a rate, and what Stirling's formula leaves; a difference quotient in f64 has eight digits.
pub const SCORE: f64 = 3e-6;
/// Densities and divergences of normals with covariances, relative to `max(10, |value|)`: forward
/// substitution through a few latents whose scales differ by fifty.
pub const COVARIANCE: f64 = 1e-5;
/// A divergence of such a normal from itself, in nats: what compensated sums leave where all cancels.
pub const COVARIANCE_SAME: f64 = 1e-9;
/// The bound of the best posterior against the evidence, in nats: a dozen likelihoods of some twenty nats,
/// each rounded in f32.
pub const FULL_RANK_GAP: f64 = 1e-5;
/// A mixture's log-density, relative to `max(10, |value|)`: one logarithm of a sum of exponentials.
pub const MIXTURE: f64 = 1e-6;
/// A log-variance from a head, relative to `max(1, |log_var|)`: softplus, a logarithm and a sum.
pub const LOG_VAR: f64 = 3.5e-7;
/// A standard deviation, relative: an exponential of half a log-variance.
pub const SCALE: f64 = 1e-7;
/// A sum with compensation against the same in f64, relative to the sum of magnitudes: half an ulp is 6e-8.
pub const ROUNDED_SUM: f64 = 1e-7;

// Inference.

/// A published golden value, ten digits, against f64.
pub const PUBLISHED: f64 = 1e-9;
/// A published figure of fewer digits, in units of its last one: it was rounded there.
pub const LAST_DIGIT: f64 = 0.5;
/// `ln p(x) = ELBO + KL` in f64, in nats.
pub const IDENTITY: f64 = 1e-6;
/// A bound in f32 against its closed form, relative to `max(1, |bound|)`: a decoder in f32 of 40 values
/// and 12 latents, squared, and an average.
pub const CLOSED_FORM: f64 = 2e-6;
/// A gap measured with the bound in f32 against its closed form, beside its standard error, in nats: the
/// resolution that gaps are worth knowing to, and what is left of an optimum that was searched.
pub const CLOSED_GAP: f64 = 1e-4;
/// A refined posterior on its exact path, in nats of divergence, at any of 50 steps.
pub const TRAJECTORY: f64 = 1e-5;
/// Mean or log-variance of an optimum: where the gradient in f32 falls below its rounding.
pub const OPTIMUM: f64 = 1e-5;
/// A gradient of the bound against a difference quotient: third derivatives of at most 5 make an error of
/// 2e-4, rounding 1e-4.
pub const DIFFERENCE_QUOTIENT: f64 = 5e-4;
/// What 300 steps of any rule from the prior leave below the optimum, in nats: what its last steps keep moving by.
pub const RULES_SHORT: f64 = 0.02;
/// A bound from log-weights against f64, relative to `max(1, |bound|)`: one logarithm of a sum, rounded.
pub const IWAE: f64 = 2e-7;
/// An effective sample size against f64, relative to the sum of weights of which the largest is 1: two sums and
/// their quotient.
pub const ESS: f64 = 1e-6;
/// An effective share of 100,000 draws against its limit: three times what it varied by over 20 keys.
pub const ESS_SHARE: f64 = 0.012;
/// Pareto shape of 100,000 weights against its limit, besides three standard errors: 949 weights of the
/// tail are not yet Pareto, which costs up to 0.06 at `k = 0.8` (400 runs of the same fit in f64).
pub const PARETO_HOST: f64 = 0.05;
/// The same of 2,000 weights.
pub const PARETO_DEVICE: f64 = 0.12;
/// Pareto shape in f32 against ArviZ: logarithms of 900 are rounded to 6e-5.
pub const PARETO_ARVIZ: f64 = 1e-3;

// Flows.

/// `ln p(x)` of a trained flow in f32 against PyTorch in f64, in nats: each of some four layers rounds
/// its values by 1e-7 of up to 10, and later layers stretch that by up to ten times; the densities in
/// question are below 100 nats.
pub const FLOW: f64 = 1e-4;
/// The same of a linear flow: roundings of some ten squares that sum to about 20.
pub const LINEAR_FLOW: f64 = 1e-5;
/// The integral of a density of two values by the trapezoidal rule: knots of splines are kinks of the
/// density, within a step of which the rule is wrong.
pub const INTEGRAL: f64 = 1e-3;

// Plans.

/// A plan's output by onnxruntime, relative to `max(1, |value|)`: orders of summation differ.
pub const ONNXRUNTIME: f64 = 1e-5;

// Kernels.

/// A sum of this many rounded products, relative to the sum of their magnitudes: half an ulp for
/// each product and each addition (Higham, 2002, section 3.1).
pub fn summation(terms: usize) -> f64 {
    (terms + 1) as f64 * f64::from(f32::EPSILON)
}

/// An activation, relative to `max(1, |value|)`: one or two functions of `math` and as many roundings.
pub const ACTIVATION: f64 = 1e-6;

/// The slope of an activation, relative to `max(1, |slope|)`: as [`ACTIVATION`], of which it is made.
pub const SLOPE: f64 = 1e-6;

/// A gradient, relative to `max(1, |value|)`: sums of products of some rounded functions, of values up to
/// ten times the result.
pub const GRADIENT: f64 = 1e-4;

/// A statistic of a few dozen values, or a recurrence of a few steps, relative to `max(1, |value|)`:
/// some forty roundings of values up to 10.
pub const STATISTICS: f64 = 2e-5;

// Import.

/// What a graph gives against the same in f32 by hand, absolute, for values of a few units: an exponential, a
/// softmax of four, or a layer of four inputs and a `tanh`, some ten roundings.
pub const IMPORTED: f32 = 1e-5;

// Gaps, in nats.

/// A gap in closed form from a map that was probed in f32, of coefficients that f32 holds.
pub const PROBED_GAP: f64 = 1e-6;
/// The same with a scale of noise that f32 rounds.
pub const GAP_ONNX: f64 = 1e-5;
/// Two routes to the mean of log p(x): both sample.
pub const GAP_ROUTES: f64 = 0.01;
/// `ln p(x) - ELBO - KL`, besides the bound's standard error: two numerical integrals of densities with
/// kinks.
pub const GAP_IDENTITY: f64 = 1e-3;
/// Standard error of ln p(x) by quadrature at the default settings, at most: a fifth of [`GAP_IDENTITY`].
pub const QUADRATURE_SE: f64 = 2e-4;
/// The same by any method, of which importance weights and annealing draw.
pub const LOG_P_SE: f64 = 0.02;

/// Share of the amortization gap that 5 steps of refinement close, at least: what the rule promises
/// untuned.
pub const CLOSED_AT_5: f64 = 0.6;
/// The same of 20 steps.
pub const CLOSED_AT_20: f64 = 0.8;
/// How far refinement from the prior may end below the optimum in the mean, in nats: what its last steps
/// keep moving by.
pub const PRIOR_SHORT: f64 = 0.05;
/// A loss that counts, in nats, beside two standard errors.
pub const WORSE_LOSS: f64 = 0.01;
/// Share of the rows that may lose: the guard samples, and bounds how often it errs.
pub const WORSE_SHARE: f64 = 0.01;

// Time.

/// Seconds for importing 10^5 nodes: half a second on an idle core, hours if it were quadratic; the
/// rest is for a busy machine.
pub const IMPORT_SECONDS: f64 = 10.0;
/// Seconds of the processor for a bad file, without optimization.
pub const REFUSED_SECONDS: f64 = 1.0;
/// Memory of the process that reads one, the test's own included.
pub const REFUSED_KILOBYTES: u64 = 200_000;

/// ELBO that an integer posterior may lose on the rows of a test, in nats, and the standard error of that
/// figure by the draws.
///
/// Reason: a fiftieth of a nat is two percent of a usual amortization gap; a quarter of it is room for
/// the noise.
pub const ELBO_DROP: f64 = elbow::divergence::tolerance::ELBO_DROP;
/// See [`ELBO_DROP`].
pub const ELBO_DROP_SE: f64 = 0.005;

// Integers.

/// A small graph in bytes against the same in floats, as a fraction of its largest output: two
/// layers of weights and activations of eight bits, each rounded by half a step of 1/127.
pub const EIGHT_BITS: f32 = 0.03;
/// The same with activations of sixteen bits: the weights' rounding remains.
pub const SIXTEEN_BITS: f32 = 0.008;

/// Share of the multiply-accumulates of dense and convolution layers that have int8 weights, at least.
///
/// Reason: what the integer form of a model is for; one layer in a hundred may be out of its reach.
pub const INT8_SHARE: f64 = 0.99;

/// Instructions of a compiled W2 without the quantization of its input, against the bench's run, which is
/// written by hand, as a fraction: heads give floats and not bytes, 8-bit values are widened by copies, and
/// slices are checked anew.
pub const COMPILED_WORKLOAD: f64 = 0.03;

// Detection.

/// An alarm's sum against the same in f64, relative to `max(1, sum)`: two roundings per window, over 20.
pub const CUSUM: f64 = 1e-6;
/// A drift's statistic against the same in f64, relative to `max(1, statistic)`: averages of f32 that forget a
/// fiftieth per window carry some thirty roundings on.
pub const DRIFT: f64 = 1e-5;
/// How far the variance of a channel has to lie from its limit, relative to it, so that a sum in one pass in
/// f32 and two passes in f64 agree on which side it is.
pub const VARIANCE_SIDE: f64 = 1e-4;
/// A p-value, a bound of a rate or a sum against a table in f64, absolute: the table has six digits or more.
pub const RATE: f64 = 1e-6;
/// A mean run length against collocation in f64, relative: the closed form loses digits with the threshold.
pub const RUN_LENGTH: f64 = 1e-7;
/// A mean run length by a grid, relative, where a table's threshold was searched to 1e-5, or where `exp(h)` takes eleven
/// of the sixteen digits of the grid's sums.
pub const RUN_LENGTH_SEARCH: f64 = 7e-6;
/// A cumulative sum in f32 against the same in f64, absolute: 20 windows up to 33, each rounded twice.
pub const CUSUM_PATH: f64 = 2e-5;

// Models with labels.

/// A threshold that a training script chose in PyTorch, relative: the sum of a few hundred terms in f32, in another
/// order.
pub const PYTORCH_SCORE: f32 = 1e-4;
/// An area under a curve against scikit-learn's, both in f64: sums of some hundred terms in another order.
pub const AREA: f64 = 1e-12;
/// The density of a flow in f32 against PyTorch's in f64, relative to `max(1, |ln p|)`: the roundings of all its
/// layers, and a logarithm of a determinant.
pub const FLOW_SCORE: f64 = 1e-4;
