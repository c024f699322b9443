//! Scores of rows by the twin, and how well scores tell anomalies from normal rows.
//!
//! | Kind | Score of a row, in nats (`mahalanobis`: squared standard deviations) | Reads |
//! |---|---|---|
//! | `elbo_at_mean` | `ln p(x \| z = loc) - KL(q \|\| N(0, I))` | encoder, decoder |
//! | `reconstruction` | `ln p(x \| z = loc)` | encoder, decoder |
//! | `elbo` | mean over draws of `ln p(x \| z)`, less the KL | encoder, decoder |
//! | `iwae` | `ln` of the mean over draws of `p(x \| z) p(z) / q(z \| x)` | encoder, decoder |
//! | `log_prob` | `ln p(x)` | flow |
//! | `regret` | `ELBO(q) - ELBO(refined q)`, both by the same fresh draws | encoder, decoder, its gradient |
//! | `kl` | `-KL(q \|\| N(0, I))` | encoder |
//! | `mahalanobis` | `-sum (loc - m)^2 / s^2`, `m` and `s^2` of the aggregate posterior | encoder |
//!
//! Larger is more normal for all of them. NaN, as of a row that the decoder cannot explain, stays NaN and counts as the
//! least normal wherever scores are compared.

pub mod baselines;
mod channels;
mod density;
pub mod faults;
mod kinds;
pub mod measures;

pub use density::{density_flow, log_det_outputs, log_prob};
pub use kinds::{Encoded, FRESH_DRAWS, RowScore, Settings, score_posteriors, score_rows};
