//! Detection on the desktop: what a detector of `elbow_core::detect` is built from, and what its rates are.
//!
//! | To | Function |
//! |---|---|
//! | turn scores into p-values, and know the rate that they hold | [`Scores`], [`RankTables`], [`Cut`], [`bounds_of_rate`] |
//! | know the mean number of windows between two false alarms | [`arl::mean_run`], [`arl::threshold`] |
//! | find the threshold by what recordings show | [`Replay`] |
//! | turn recorded readings into a device's observations | [`Recording`] |
//! | know the limits of a sensor | [`limits`] |
//! | know the moments of the posteriors of normal windows | [`reference::moments`] |
//! | refuse rows that have been seen | [`RowHashes`] |
//! | have all that normal rows decide | [`Fitted`] |
//! | load what a manifest names, for this model alone | [`Calibration`] |

pub mod arl;
mod calibration;
mod conformal;
mod fit;
mod hygiene;
mod limits;
mod rate;
mod recording;
pub mod reference;
mod replay;
mod table;

pub use calibration::{CalibratedAlarm, CalibratedDrift, Calibration, limits as limits_of};
pub use conformal::{Scores, cross_conformal};
pub use fit::{Asked, Fitted, LEAST_OF_MODE, NormalRow};
pub use hygiene::RowHashes;
pub use limits::limits;
pub use rate::{CONFIDENCE, UPPER, bounds_of_rate, most_events, upper_rate, windows_for};
pub use recording::{Recording, disjoint, every};
pub use replay::{Counted, Goal, Replay, alarms, largest_arl};
pub use table::{Cut, RankTables};
