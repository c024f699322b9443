//! The detector of a model, where it has one.

use elbow_core::compiled::Buffers;
use elbow_core::detect::{Detector, Monitored, Verdict};
use elbow_core::wire::{Floats, Refusal};

/// What watches the sensor of a model: its detector, or [`Unwatched`].
pub trait Watches {
    /// At the start.
    const NEW: Self;

    /// Starts anew with these weights; gives the bytes of the detector, `None` without one.
    ///
    /// # Errors
    ///
    /// [`Refusal::DamagedPack`] and [`Refusal::WrongPack`] where the weights are not the model's.
    fn start(&mut self, weights: &'static [u8]) -> Option<Result<u32, Refusal>>;

    /// Takes over a reading.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongLength`] for another number of values than there are channels, [`Refusal::WrongKind`] without a
    /// detector.
    fn take(&mut self, values: Floats<'_>) -> Result<(), Refusal>;

    /// The verdict on the reading that was taken over, which came at `t_us`; `None` without a detector.
    ///
    /// # Errors
    ///
    /// What the generated code refused; [`Refusal::NothingSelected`] before the start.
    fn judge(&mut self, t_us: u64) -> Option<Result<Verdict, Refusal>>;

    /// Sum of the alarm and statistic of the drift; zeros without a detector.
    fn sums(&self) -> [f32; 2];
}

/// The place of a detector in a model without one.
#[derive(Debug)]
pub struct Unwatched;

impl Watches for Unwatched {
    const NEW: Self = Self;

    /// `None`
    fn start(&mut self, _: &'static [u8]) -> Option<Result<u32, Refusal>> {
        None
    }

    /// [`Refusal::WrongKind`]
    fn take(&mut self, _: Floats<'_>) -> Result<(), Refusal> {
        Err(Refusal::WrongKind)
    }

    /// `None`
    fn judge(&mut self, _: u64) -> Option<Result<Verdict, Refusal>> {
        None
    }

    /// Zeros.
    fn sums(&self) -> [f32; 2] {
        [0.0; 2]
    }
}

/// A detector, with the reading that it is handed next.
pub struct Watched<M: Monitored> {
    detector: Detector<'static, M>,
    reading: M::Reading,
}

impl<M: Monitored<Reading: Buffers>> Watches for Watched<M> {
    const NEW: Self = Self { detector: Detector::new(), reading: M::MISSING };

    /// The bytes of the detector alone, without the reading.
    fn start(&mut self, weights: &'static [u8]) -> Option<Result<u32, Refusal>> {
        self.detector = Detector::new();
        let booted = self.detector.boot(weights);
        let bytes = size_of::<Detector<'static, M>>() as u32;
        Some(booted.map(|()| bytes).map_err(Refusal::from))
    }

    /// Copies the values.
    fn take(&mut self, values: Floats<'_>) -> Result<(), Refusal> {
        values.copy_to(&mut self.reading)
    }

    /// What the detector says.
    #[inline(always)] // into the function that is measured
    fn judge(&mut self, t_us: u64) -> Option<Result<Verdict, Refusal>> {
        Some(self.detector.push_at(t_us, &self.reading).map_err(Refusal::from))
    }

    /// Those of the detector's monitor.
    fn sums(&self) -> [f32; 2] {
        let monitor = self.detector.monitor();
        [monitor.cusum().g(), monitor.statistic()]
    }
}
