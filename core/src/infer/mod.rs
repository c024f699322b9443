//! Amortized variational inference: from a posterior and a likelihood to a bound on the evidence.
//!
//! *Observed* is `x`, one window of readings; *latent* is `z`, what explains it; *amortized* means
//! that no posterior is optimized per observation: an encoder, trained beforehand, answers `q(z | x)`
//! in one pass. For a prior `p(z)` and a decoder with likelihood `p(x | z)`
//!
//! ```text
//! ln p(x) >= ELBO = E_q[ln p(x | z)] - KL(q(z | x) || p(z))
//! ```
//!
//! with equality where `q` is the true posterior. The difference is the inference gap. It is the sum of the
//! approximation gap, which the family of `q` cannot avoid, and the amortization gap, the loss of one pass of
//! an encoder against the best `q` of the family.
//!
//! | Question | Item | Needs |
//! |---|---|---|
//! | What is the posterior worth? | [`elbo`], [`elbo_monte_carlo`], [`elbo_at_mean`] | `ln p(x \| z)` |
//! | What is the evidence, nearly? | [`iwae`], [`Iwae::bound`] | `ln p(x \| z)` |
//! | May these draws be trusted? | [`Iwae::ess`], [`psis::Tail::k_hat`] | log-weights |
//! | Which way is better? | [`elbo_gradient`] of an [`Objective`] | its gradient |
//! | How is the amortization gap closed? | [`Refiner`] | its gradient |
//!
//! Nothing here runs a network: the caller's [`LogLikelihood`] decodes. Algorithms work on slices of any
//! length and on memory that the caller gives; a slice shorter than its partners shortens the loop, unless a
//! function's doc says otherwise.
//! No function here depends on the feature `fast-math`.
//!
//! The prior is `N(0, I)` and the posterior a diagonal normal, here and in the manifest; for others
//! [`Prior`], [`Mixture`], [`FullNormal`] and [`LowRankNormal`] have samples and densities that stand on
//! their own, of which a caller makes its bound.
//!
//! Generation needs no function here: `z` from the prior is a draw of [`noise`](crate::noise) itself, which
//! the compiled module's `generate` decodes, and the density that a posterior predicts is [`Iwae`] over
//! `ln p(x_new | z)`.
//!
//! [`Prior`]: crate::distributions::Prior
//! [`Mixture`]: crate::distributions::Mixture
//! [`FullNormal`]: crate::distributions::FullNormal
//! [`LowRankNormal`]: crate::distributions::LowRankNormal

mod error;
mod importance;
mod likelihood;
mod objective;
mod posterior;
pub mod psis;
mod refine;
mod rule;
mod score;

pub use error::{DecodeError, EncodeError, RunError};
pub use importance::{Iwae, iwae, log_weights};
pub use likelihood::{Gradient, InferError, LogLikelihood};
pub use objective::{
    GradientEstimator, GradientScratch, Objective, Scratch, elbo, elbo_gradient, elbo_monte_carlo,
};
pub use posterior::{Posterior, first_infinite, first_non_finite, to_posterior};
pub use refine::{FLOATS_PER_LATENT, FloatRows, Guarded, Pairs, Refiner};
pub use rule::{Adam, Ascent, Rule, Sgd, Stein};
pub use score::{ElboTerms, elbo_at_mean};
