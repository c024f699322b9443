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
//! with equality where `q` is the true posterior. Nothing here runs a network: the caller decodes.

pub mod encoder;
mod explain;
mod score;

pub use explain::{Gradient, InferError, LogLikelihood};
pub use score::{ElboTerms, elbo_at_mean};
