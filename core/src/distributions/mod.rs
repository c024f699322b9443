//! Posteriors and likelihoods: from raw heads to samples, densities and divergences.
//!
//! | Symbol | Meaning |
//! |---|---|
//! | `x` | observation |
//! | `z` | latent |
//! | `q` | posterior `q(z \| x)`, what the encoder answers: `N(loc, diag(exp(log_var)))`, or with another covariance |
//! | `p` | prior, `N(0, I)` unless given |
//! | `loc`, `log_var` | mean and natural logarithm of the variance, one per latent |
//! | `scale` | standard deviation, `exp(log_var / 2)` |
//! | `eps` | standard normal noise, from [`crate::noise`] or the caller |
//! | `mean` | the decoder's output, parameters of the likelihood `p(x \| z)` |
//!
//! All logarithms are natural, all values in nats. Types with a fixed number of latents ([`DiagNormal`],
//! [`FullNormal`], [`LowRankNormal`], [`Mixture`]) are thin over functions of slices, which serve any length
//! and are what the desktop calls. A slice shorter than its partners shortens the loop, unless a function's
//! doc says otherwise: most of those in modules of their own give NaN.
//!
//! Sums over dimensions run first to last with a compensation (TwoSum; Knuth, 1969; Ogita, Rump and
//! Oishi, 2005): the sum is as good as one in twice the precision, rounded once at the end.
//! No function here depends on the feature `fast-math`.

mod diag_normal;
pub mod full_normal;
mod gamma;
mod kl;
mod likelihood;
pub mod low_rank_normal;
pub mod mixture;
mod prior;
mod spread;
pub(crate) mod sum;

pub use diag_normal::{DiagNormal, entropy, log_prob, rsample, standard_log_prob};
pub use full_normal::FullNormal;
pub use kl::{kl_divergence, kl_to_standard};
pub use likelihood::{Family, Likelihood, MeanIs, Parameter};
pub use low_rank_normal::LowRankNormal;
pub use mixture::Mixture;
pub use prior::Prior;
pub use spread::{Spread, clamp, to_log_var};
