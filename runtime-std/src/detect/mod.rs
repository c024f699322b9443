//! Detection on the desktop: what a detector of `elbow_core::detect` is built from, and what its rates are.
//!
//! | To | Function |
//! |---|---|
//! | turn scores into p-values, and know the rate that they hold | [`Scores`], [`RankTables`], [`Cut`], [`bounds_of_rate`] |
//! | load the calibration of a model, if it is its own | [`Calibration::read`], [`with_calibration`] |
//! | know the verdicts of a device on recorded readings | [`verdicts`](fn@verdicts) |
//! | name what a calibration belongs to | [`identity`] |
//! | know the mean number of windows between two false alarms | [`arl::mean_run`], [`arl::threshold`] |
//! | find the threshold by what recordings show | [`Replay`] |
//! | turn recorded readings into a device's observations | [`Recording`] |
//! | know the limits of a sensor | [`limits`](fn@limits) |
//! | know the moments of the posteriors of normal windows | [`reference::moments`] |
//! | refuse rows that have been seen | [`RowHashes`] |
//! | have all that normal rows decide | [`Fitted`] |
//! | load what a manifest names, for this model alone | [`Calibration`] |

pub mod arl;
mod calibration;
mod conformal;
mod events;
mod fit;
mod hygiene;
mod limits;
mod network;
mod rate;
mod recording;
pub mod reference;
mod replay;
mod table;
mod verdicts;

pub use calibration::with_calibration;
pub use conformal::{Scores, cross_conformal};
pub use events::Bounded;
pub use fit::{Asked, Fitted, LEAST_OF_MODE, NormalRow};
pub use hygiene::RowHashes;
pub use limits::limits;
pub use network::ScoredWindow;
pub use rate::{CONFIDENCE, UPPER, bounds_of_rate, most_events, upper_rate, windows_for};
pub use rate::{dispersion, upper_rate_of_crowds};
pub use recording::{Recording, disjoint, every};
pub use replay::{Counted, Goal, Replay, alarms, largest_arl};
pub use table::Cut;
pub use verdicts::{Judged, Stream, verdict_name, verdicts, verdicts_observed};

pub use crate::model::{Calibration, RankTables};

use crate::emit;
use crate::error::Result;
use crate::lower::Core;
use crate::model::Loaded;

/// What a calibration belongs to: fingerprint of the plans and checksum of the weights, `0123456789abcdef-01234567`,
/// in the form of weights that any core reads. The same integers in the form for another core are the same model.
///
/// # Errors
///
/// As for lowering and packing.
pub fn identity(loaded: &Loaded) -> Result<String> {
    emit::identity(&loaded.for_core(Core::default())?.model)
}
