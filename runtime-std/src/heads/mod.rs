//! Heads held against data: the mean ELBO of the rows under every reading of the two head outputs and of
//! the decoder's mean.
//!
//! A [`Reading`] says which output is the mean, what the other holds (six heads), and what the decoder's
//! mean output holds (probability or logit, rate or its logarithm). The outputs are computed once, by the
//! twin; only what is made of them changes. All readings share their noise, so that differences are paired:
//! the standard error of a difference is that over the rows, whose values carry the draws' noise too.
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | measure | model, rows -> terms of every reading | [`Survey::of`] |
//! | report | terms -> nats, differences, what is impossible | [`Survey::report`] |
//! | judge | a declared reading -> holds, warning or error | [`Survey::verdict`] |
//! | choose | no declared reading -> those that the data leave open | [`Survey::open`] |
//!
//! # When a better ELBO is evidence
//!
//! The ELBO identifies a head only where training maximized it. Training may have maximized
//! `E_q[ln p(x | z)] - beta KL(q || p) + entropy_weight H(q)`, whose best variance of a latent is
//! `(beta + entropy_weight) / (beta + c)` with the curvature `c` of `-ln p(x | z)`: another weight of the
//! entropy scales all variances by one factor, and a wrong reading that happens to scale them back has the
//! better ELBO. So a reading `r` is an error only where another one `s` is better
//!
//! 1. by the ELBO: by more than five paired standard errors,
//! 2. and where both have their variances scaled by the factor (from 1/4.5 to 12) that suits them best,
//!    under the `beta` that `r` itself shows, half and twice of that: by more than five standard errors
//!    and 0.1 nats. What is left then are the *ratios* of variances, which no weight of the entropy changes.
//!    The log-variances of `r` are also tried at half their distance from the latent's mean: the
//!    spreads of a narrow posterior are mostly noise on new rows, and halving them, as some readings do,
//!    gains a little for the true head too.
//!
//! The `beta` that a reading shows is `E[m . d ln p(x | z) / d m] / E[m^2]` at its means `m`: the last layer
//! could scale the means and did not, so that likelihood and prior hold each other there.
//!
//! The rule was found on 108 models: digits with Bernoulli pixels, with normal pixels of learned and of fixed
//! scale and with an affine decoder, all six heads, `beta` and `entropy_weight` as in `models/collapse` (0.1
//! to 4, and -3 to 1), and the four of `models`. The ELBO alone calls the true head of 39 of them wrong (by
//! more than 5 errors and 0.1 nats), this rule none. What it misses are readings of one head whose spreads
//! differ little between latents and rows: there only the warning is left.
//!
//! From fewer than 16 rows nothing is concluded.
//!
//! Two readings whose posteriors are the same to 0.01 nats are never told apart: `logvar` and `softplus_var`
//! of small variances are such.

mod meter;
mod reading;
mod report;
mod rule;
mod survey;

pub use meter::{DRAWS, ROWS, SEED, Scale};
pub use reading::Reading;
pub use report::{HeadReport, Impossible, MeasuredReading, Verdict};
pub use survey::Survey;
