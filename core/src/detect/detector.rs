//! A whole program's memory in one value: the weights, the window, the network's memory and all states.

use super::{ChannelState, Evaluated, Monitor, MonitorDesign, Verdict, WindowParts};
use crate::compiled::{Buffers, Windowed, Workspace};
use crate::error::Error;
use crate::infer::{EncodeError, Posterior};
use crate::pack::Pack;
use crate::window::{Ring, Sliding};

/// A model of windows that was calibrated for a [`Detector`].
pub trait Monitored:
    Windowed<Window: Sliding, Reading: AsRef<[f32]> + AsMut<[f32]> + Clone>
{
    /// A reading as a converter gives it: `[i16; CHANNELS]`.
    type Raw: AsRef<[i16]>;
    /// What the gate remembers: `[ChannelState; CHANNELS]`.
    type States: AsRef<[ChannelState]> + AsMut<[ChannelState]>;
    /// What the score writes besides the outputs, such as the mean of the likelihood; `()` for nothing.
    type Prediction: Buffers;
    /// What the drift remembers: `[f32; 2 * LATENT]`, or `()` without a drift monitor.
    type Averages: Buffers;

    /// `[ChannelState::BLANK; CHANNELS]`
    const STATES: Self::States;
    /// A reading that did not come: `[f32::NAN; CHANNELS]`.
    const MISSING: Self::Reading;
    /// The calibration.
    const DESIGN: MonitorDesign<'static>;

    /// Encodes and scores the observation in `memory.inputs`: the score in nats, and whether it came from
    /// values beyond the calibrated range of integers. `number` is the window's own, for the noise of scores
    /// that take any.
    ///
    /// # Errors
    ///
    /// Those of the network.
    fn evaluate(
        pack: &Pack<'_>,
        memory: &mut Memory<Self>,
        number: u64,
    ) -> Result<(f32, bool), Error>;

    /// The posterior among the outputs; `None` for a model without one. Of several the first.
    fn latents(outputs: &Self::Outputs) -> Option<Posterior<'_>>;

    /// The channel of the observation that was evaluated last whose log-likelihood lies furthest below its
    /// mean, by [`worst_channel`](super::worst_channel); `None` where the score has no such parts.
    fn blame(pack: &Pack<'_>, memory: &Memory<Self>) -> Option<usize>;
}

/// What a network reads and writes.
pub struct Memory<M: Monitored> {
    /// State and scratch memory.
    pub workspace: M::Workspace,
    /// The observation first.
    pub inputs: M::Inputs,
    /// The posterior of the last window that was scored.
    pub outputs: M::Outputs,
    /// What the score wrote besides.
    pub prediction: M::Prediction,
}

/// From raw values to a reading: `raw * scale + offset`, per channel.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RawUnits<R> {
    /// Units of one step of the converter.
    pub scale: R,
    /// The reading at a raw value of 0.
    pub offset: R,
}

/// A compiled model that watches a sensor: readings in, verdicts out.
///
/// It owns all the RAM that this takes, and has a value that the compiler makes: a `static` of it is the
/// program's memory. `'p` is how long the weights live.
pub struct Detector<'p, M: Monitored> {
    pack: Option<Pack<'p>>,
    window: M::Window,
    states: M::States,
    memory: Memory<M>,
    averages: M::Averages,
    monitor: Monitor,
}

impl<'p, M: Monitored> Detector<'p, M> {
    /// Without weights and readings: all zeros, so that a `static` takes no flash.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pack: None,
            window: M::WINDOW,
            states: M::STATES,
            memory: Memory {
                workspace: M::Workspace::NEW,
                inputs: M::Inputs::ZEROS,
                outputs: M::Outputs::ZEROS,
                prediction: M::Prediction::ZEROS,
            },
            averages: M::Averages::ZEROS,
            monitor: Monitor::NEW,
        }
    }

    /// Checks the weights, which the detector uses from now on. The first call that succeeds also prepares the states of
    /// the channels; later ones change nothing else, so that new weights of the same plan may follow while it runs.
    ///
    /// # Errors
    ///
    /// [`Error::Pack`] where the bytes are not a pack, [`EncodeError::WrongPack`] in [`Error::Encode`] where
    /// it belongs to another plan; the detector then keeps what it had.
    pub fn boot(&mut self, weights: &'p [u8]) -> Result<(), Error> {
        let pack = Pack::new_checked(weights)?;
        if pack.fingerprint() != M::FINGERPRINT {
            return Err(EncodeError::WrongPack.into());
        }
        if self.pack.is_none() {
            self.states.as_mut().fill(ChannelState::NEW);
        }
        self.pack = Some(pack);
        Ok(())
    }

    /// Takes one reading that came at `t_us`, in microseconds since any time that does not change. Without a
    /// rate in the manifest no time is looked at.
    ///
    /// Readings in a row, one call each; one that did not come is told by [`push_missing`](Self::push_missing),
    /// a value that is not known by NaN.
    ///
    /// # Errors
    ///
    /// [`Error::NotBooted`] without weights: the reading is dropped. The error of the network where a due
    /// window could not be scored: it is not counted, and the detector goes on.
    pub fn push_at(&mut self, t_us: u64, reading: &M::Reading) -> Result<Verdict, Error> {
        let pack = self.pack.ok_or(Error::NotBooted)?;
        let (ring, memory) = self.window.parts_mut();
        let window = WindowParts { ring, memory, states: self.states.as_mut() };
        let accepted = self.monitor.accept(&M::DESIGN, window, t_us, reading.as_ref())?;
        if let Some(verdict) = accepted {
            if verdict == Verdict::Gap {
                self.memory.workspace.reset();
            }
            return Ok(verdict);
        }
        M::observe(&self.window, &mut self.memory.inputs)?;
        let number = self.monitor.evaluated();
        let (score, outside) = M::evaluate(&pack, &mut self.memory, number)?;
        let evaluated = Evaluated { score, outside, q: M::latents(&self.memory.outputs) };
        let averages = self.averages.first_mut();
        let blame = || M::blame(&pack, &self.memory);
        Ok(self.monitor.conclude(&M::DESIGN, averages, evaluated, blame))
    }

    /// As [`push_at`](Self::push_at), from raw values of a converter.
    ///
    /// # Errors
    ///
    /// Those of [`push_at`](Self::push_at).
    pub fn push_raw(
        &mut self,
        t_us: u64,
        raw: &M::Raw,
        units: &RawUnits<M::Reading>,
    ) -> Result<Verdict, Error> {
        let mut reading = M::MISSING;
        let units = units.scale.as_ref().iter().zip(units.offset.as_ref());
        for ((value, raw), (scale, offset)) in
            reading.as_mut().iter_mut().zip(raw.as_ref()).zip(units)
        {
            *value = f32::from(*raw) * scale + offset;
        }
        self.push_at(t_us, &reading)
    }

    /// Says that the reading of `t_us` did not come: it keeps its place in time, and windows that hold it are
    /// faulty, or count it among the missing values that the model handles.
    ///
    /// # Errors
    ///
    /// Those of [`push_at`](Self::push_at).
    pub fn push_missing(&mut self, t_us: u64) -> Result<Verdict, Error> {
        self.push_at(t_us, &M::MISSING)
    }

    /// [`Verdict::Stale`] where at `t_us` no window was complete for too long, else [`Verdict::Pending`]: for a
    /// timer, since a sensor that is silent brings no readings; always pending without a rate. The first question or
    /// reading starts the time, and so does a `t_us` before the last complete window, which may be a faulty one.
    pub fn poll_at(&mut self, t_us: u64) -> Verdict {
        self.monitor.poll(&M::DESIGN, t_us)
    }

    /// Says in which operating mode the machine is from now on; a window is judged by the mode at its end, by
    /// the table of all modes where that one has no table.
    pub fn set_mode(&mut self, mode: usize) {
        self.monitor.set_mode(mode);
    }

    /// Ends an alarm and a drift, whose sums begin at 0.
    pub fn acknowledge(&mut self) {
        self.monitor.acknowledge(self.averages.first_mut());
    }

    /// Empties the window, as after a gap; alarm and drift stay.
    pub fn clear(&mut self) {
        *self.window.parts_mut().0 = Ring::new();
        self.states.as_mut().fill(ChannelState::NEW);
        self.memory.workspace.reset();
    }

    /// The posterior of the last window that was scored, a standard normal before the first; `None` for a
    /// model without one.
    #[must_use]
    pub fn posterior(&self) -> Option<Posterior<'_>> {
        M::latents(&self.memory.outputs)
    }

    /// Everything that the model gave for the last window that was scored.
    #[must_use]
    pub fn memory(&self) -> &Memory<M> {
        &self.memory
    }

    /// The state of alarm and drift.
    #[must_use]
    pub fn monitor(&self) -> &Monitor {
        &self.monitor
    }
}

impl<M: Monitored> Default for Detector<'_, M> {
    fn default() -> Self {
        Self::new()
    }
}
