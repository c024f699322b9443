//! Detection on the desktop: what a detector of `elbow_core::detect` is built from, and what its rates are.
//!
//! | To | Function |
//! |---|---|
//! | turn scores into p-values, and know the rate that they hold | [`Scores`], [`bounds_of_rate`] |
//! | know the mean number of windows between two false alarms | [`arl::mean_run`], [`arl::threshold`] |

pub mod arl;
mod conformal;
mod rate;

pub use conformal::{Scores, cross_conformal};
pub use rate::{CONFIDENCE, UPPER, bounds_of_rate, most_events, upper_rate, windows_for};
