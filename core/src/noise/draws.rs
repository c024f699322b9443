//! Numbered draws: noise for an average over several samples.

use super::{NoiseError, Stream, fill_standard_normal};

/// A sequence of noise vectors, each known by its number.
///
/// A function that averages over a posterior takes its noise from here: how the draws depend on each other
/// decides how exact the average is. Draw number `sample` is a function of `sample`, so that it can be drawn
/// again: a generator that cannot repeat itself serves as the source of a `key`.
///
/// All draws of this crate come from [`Stream`]s of one key and datapoint. Numbers are shared out:
///
/// | Numbers | Of |
/// |---|---|
/// | `0 .. 2^30` | the caller: samples, ELBO, importance weights |
/// | `2^30 .. 2^31` | [`STEPS`]: steps of a refinement |
/// | `2^31 .. 3 2^30` | [`GUARD`]: what a refinement is judged with |
/// | `3 2^30 .. 2^32` | nobody |
pub trait Draws {
    /// Fills `eps` with draw number `sample`: the same values for the same number and length.
    ///
    /// # Errors
    ///
    /// When there is no noise; the content of `eps` is not specified then.
    fn draw(&mut self, sample: u32, eps: &mut [f32]) -> Result<(), NoiseError>;
}

/// First number of the draws of a refinement's steps.
pub const STEPS: u32 = 1 << 30;
/// First number of the draws of a refinement's guard.
pub const GUARD: u32 = 1 << 31;

impl<D: Draws + ?Sized> Draws for &mut D {
    /// Fills `eps` with draw number `sample` of the sequence behind the reference; fails where that does.
    #[inline]
    fn draw(&mut self, sample: u32, eps: &mut [f32]) -> Result<(), NoiseError> {
        (**self).draw(sample, eps)
    }
}

/// Independent standard normal draws: number `sample` is [`fill_standard_normal`] of
/// `Stream::new(key, datapoint, sample)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Independent {
    /// The key of the streams.
    pub key: u64,
    /// The observation that the noise is for.
    pub datapoint: u64,
}

impl Draws for Independent {
    /// Fills `eps` with independent standard normal values; never fails.
    fn draw(&mut self, sample: u32, eps: &mut [f32]) -> Result<(), NoiseError> {
        fill_standard_normal(&mut Stream::new(self.key, self.datapoint, sample), eps)
    }
}

/// Pairs of opposite draws: number `2 j` is draw `j` of the sequence inside, number `2 j + 1` its
/// negative.
///
/// An average over whole pairs is exact for what is odd in `eps`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Antithetic<D>(pub D);

impl<D: Draws> Draws for Antithetic<D> {
    /// Fills `eps` with draw `sample / 2` of the sequence inside, negated for an odd `sample`; fails where
    /// that does.
    #[inline]
    fn draw(&mut self, sample: u32, eps: &mut [f32]) -> Result<(), NoiseError> {
        self.0.draw(sample / 2, eps)?;
        if sample % 2 == 1 {
            negate(eps);
        }
        Ok(())
    }
}

/// Negates every value, in place: the opposite draw.
#[inline]
pub(crate) fn negate(eps: &mut [f32]) {
    for eps in eps {
        *eps = -*eps;
    }
}
