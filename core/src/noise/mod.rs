//! Standard normal noise, made explicit: who draws `eps`, from which words, by which map.
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | 1 | `(key, datapoint, sample)` -> words (Philox4x32-10) | [`Stream`] |
//! | 1' | a generator of the user's -> words, or an error | [`NoiseSource`], `RandCore09`, `RandCore010` |
//! | 2 | one word -> one draw (inverse CDF) | [`standard_normal`] |
//! | 1 + 2 | source -> `eps` | [`fill_standard_normal`] |
//! | 3 | numbers -> many `eps` for an average | [`Draws`]: [`Independent`], [`Antithetic`], [`Hadamard`] |
//!
//! Element `i` of `eps` uses word `i` of its stream, and nothing is kept between draws: any `eps` of
//! any datapoint can be drawn again, in any order, on any machine. Words are equal in any language;
//! `eps` has the same bits on the desktop and on every target. Stream layout and map are frozen as
//! [`NOISE_VERSION`].
//!
//! When a source fails, the caller gets an error, and [`fill_standard_normal`] leaves zeros in `eps`: the
//! sample is then the mean.

mod draws;
mod hadamard;
mod normal;
mod normal_table;
mod philox;
mod source;

pub(crate) use draws::negate;
pub use draws::{Antithetic, Draws, GUARD, Independent, STEPS};
pub use hadamard::{Hadamard, Radius};
pub use normal::{NOISE_VERSION, fill_standard_normal, standard_normal};
pub use philox::{Stream, philox4x32};
#[cfg(feature = "rand_core_09")]
pub use source::RandCore09;
#[cfg(feature = "rand_core_010")]
pub use source::RandCore010;
pub use source::{NoiseError, NoiseSource};
