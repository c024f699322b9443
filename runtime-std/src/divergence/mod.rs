//! How far one posterior is from another, in nats: divergences, the drop of the ELBO, and the grade for both.
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | divergence | two posteriors -> nats of every row | [`divergence`], [`KlParts`] |
//! | summary | nats of every row -> mean, 99th percentile, largest | [`Kl`] |
//! | bound | two posteriors, likelihood -> the ELBO that is lost | [`elbo_drop`] |
//! | grade | divergence and drop -> A, B or fail | [`Grade`] |
//! | score | two scores of every row -> error and grade | [`ScoreError`] |

mod elbo;
mod grade;
mod kl;
mod score;
pub mod tolerance;

pub use elbo::{ElboDrop, elbo_drop};
pub use grade::Grade;
pub use kl::{Kl, KlParts, divergence, kl_rows};
pub use score::ScoreError;
