//! Where random words come from: [`NoiseSource`] and its adapters.

/// Why no noise could be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NoiseError {
    /// The generator reported a failure.
    SourceFailed,
}

impl core::fmt::Display for NoiseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::SourceFailed => f.write_str("the noise source failed"),
        }
    }
}

impl core::error::Error for NoiseError {}

/// A generator of independent uniform 32-bit words that may fail.
///
/// A replayable one is [`Stream`](super::Stream); a hardware generator enters through an adapter or
/// an implementation of one's own. Most HALs never report a failed generator through `rand_core`:
/// they wait without limit or reset it for ever. Where that matters, implement this trait over the
/// HAL's fallible calls, with a deadline.
pub trait NoiseSource {
    /// The next four words of the generator, which moves on by them.
    ///
    /// # Errors
    ///
    /// Where the generator fails; words of earlier calls stay valid.
    fn try_next_block(&mut self) -> Result<[u32; 4], NoiseError>;
}

impl<S: NoiseSource + ?Sized> NoiseSource for &mut S {
    /// The next four words of the generator behind the reference; fails where that does.
    #[inline]
    fn try_next_block(&mut self) -> Result<[u32; 4], NoiseError> {
        (**self).try_next_block()
    }
}

/// Adapter for a generator of `rand_core` 0.9.
///
/// Wraps any `TryRngCore`; its error becomes [`NoiseError::SourceFailed`]. Words are taken one by
/// one with `try_next_u32`.
#[cfg(feature = "rand_core_09")]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RandCore09<R>(pub R);

#[cfg(feature = "rand_core_09")]
impl<R: rand_core_09::TryRngCore> NoiseSource for RandCore09<R> {
    /// Four words of the generator; [`NoiseError::SourceFailed`] at its first error.
    fn try_next_block(&mut self) -> Result<[u32; 4], NoiseError> {
        block_of(|| self.0.try_next_u32())
    }
}

/// Adapter for a generator of `rand_core` 0.10.
///
/// Wraps any `TryRng`; its error becomes [`NoiseError::SourceFailed`]. Words are taken one by one
/// with `try_next_u32`.
#[cfg(feature = "rand_core_010")]
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RandCore010<R>(pub R);

#[cfg(feature = "rand_core_010")]
impl<R: rand_core_010::TryRng> NoiseSource for RandCore010<R> {
    /// Four words of the generator; [`NoiseError::SourceFailed`] at its first error.
    fn try_next_block(&mut self) -> Result<[u32; 4], NoiseError> {
        block_of(|| self.0.try_next_u32())
    }
}

/// The results of four calls of `next`, in their order; [`NoiseError::SourceFailed`] at the first error,
/// after which `next` is not called again and the words before it are lost.
#[cfg(any(feature = "rand_core_09", feature = "rand_core_010"))]
fn block_of<E>(mut next: impl FnMut() -> Result<u32, E>) -> Result<[u32; 4], NoiseError> {
    let mut block = [0; 4];
    for word in &mut block {
        *word = next().map_err(|_| NoiseError::SourceFailed)?;
    }
    Ok(block)
}
