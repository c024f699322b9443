//! The gap meter: what an encoder's posteriors cost against better ones.
//!
//! ```text
//! ELBO(q) <= ELBO(best q of the family) <= ln p(x)
//!        amortization gap        approximation gap
//! ```
//!
//! (Cremer, Li and Duvenaud, "Inference suboptimality in variational autoencoders", ICML 2018.)
//!
//! | Step | From -> to | Item |
//! |---|---|---|
//! | likelihood | decoder, row -> `ln p(x \| z)` and its gradient | [`TwinLikelihood`](crate::infer::TwinLikelihood), [`TwinGradient`](crate::infer::TwinGradient) |
//! | optimize | a start -> the best posterior of a family | [`ascend`] |
//! | bound | posteriors -> their ELBOs, by the same noise | [`elbos`] |
//! | evidence | decoder -> `ln p(x)` | [`Affine`], [`quadrature`], [`iwae`], [`ais`] |
//! | refine | encoder's posterior, or the prior -> what a device makes of it | [`refine`], [`refine_prior`] |
//! | all of a row | encoder's posterior -> its gaps | [`measure_row`] |
//! | all rows | model, rows -> [`GapReport`] | [`measure`] |
//!
//! Nats and f64 throughout; the decoder alone computes in f32, as it does on a device. The estimators
//! take any [`Gradient`](elbow_core::infer::Gradient), a formula as well as a decoder.

mod affine;
mod ascent;
mod bound;
mod evidence;
mod joint;
mod likelihood;
mod measure;
mod normal;
mod pca;
mod quadrature;
mod refine;
mod report;
mod row;
mod sobol;

pub use affine::{Affine, Map};
pub use ascent::{COARSE, CovarianceFamily, FINE, Level, MIDDLE, ascend};
pub use bound::{Bounds, Effort, Estimate, elbos};
pub use evidence::{Annealing, Evidence, ais, iwae};
pub use joint::Joint;
pub use likelihood::expected;
pub use measure::measure;
pub use normal::Normal;
pub use pca::{Pca, principal_scores};
pub use quadrature::{MOST_LATENTS, kl_to_posterior, quadrature};
pub use refine::{Refined, refine, refine_prior};
pub use report::{FromPrior, GapReport, GapSummary, Quantiles, RefinedPrior, Refinement, Summary};
pub use row::{Method, RefinedRow, RowGap, STUCK_NATS, Settings, measure_row};
pub use sobol::{Shifted, Sobol};
