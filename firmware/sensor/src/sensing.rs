//! From readings to what is said of their windows.

use elbow_core::compiled::{
    Buffers, Compiled, Encoder, Refined, Scored, Windowed, Workspace, kind,
};
use elbow_core::detect::{Detector, Monitored, Verdict};
use elbow_core::infer::Posterior;
use elbow_core::pack::Pack;
use elbow_core::window::Sliding;
use elbow_core::wire::{Judgement, Refusal};

/// What is done with readings: [`Judging`] for a calibrated model, [`Scoring`] for any other with a window.
pub trait Sensing {
    /// The model.
    type Model: Windowed<Window: Sliding>;
    /// `[f32; CHANNELS]`
    type Reading;
    /// What the model gives for a window.
    type Outputs: Buffers + Clone;

    /// Takes the weights, once.
    ///
    /// # Errors
    ///
    /// [`Refusal::DamagedPack`] and [`Refusal::WrongPack`] where they are not the model's.
    fn boot(&mut self, weights: &'static [u8]) -> Result<(), Refusal>;

    /// Takes a reading of the time `t_us`, in microseconds; `None` is one that did not come. Gives what is said of
    /// the window that ends with it, if one does.
    fn push(&mut self, t_us: u64, reading: Option<Self::Reading>) -> Option<Judgement>;

    /// What the model gave for the last window that it encoded.
    fn outputs(&self) -> &Self::Outputs;

    /// The posterior in outputs, of several the first; `None` for a model without one.
    fn posterior(outputs: &Self::Outputs) -> Option<Posterior<'_>>;
}

/// A detector, with all its memory.
pub struct Judging<M: Monitored>(Detector<'static, M>);

impl<M: Monitored> Judging<M> {
    /// Without weights and readings.
    #[must_use]
    pub const fn new() -> Self {
        Self(Detector::new())
    }
}

impl<M: Monitored> Default for Judging<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Monitored<Outputs: Clone>> Sensing for Judging<M> {
    type Model = M;
    type Reading = M::Reading;
    type Outputs = M::Outputs;

    /// [`Detector::boot`]
    fn boot(&mut self, weights: &'static [u8]) -> Result<(), Refusal> {
        Ok(self.0.boot(weights)?)
    }

    /// The verdict; `None` while it is [`Verdict::Pending`].
    fn push(&mut self, t_us: u64, reading: Option<M::Reading>) -> Option<Judgement> {
        let verdict = match reading {
            Some(reading) => self.0.push_at(t_us, &reading),
            None => self.0.push_missing(t_us),
        };
        let monitor = self.0.monitor();
        let (g, statistic) = (monitor.cusum().g(), monitor.statistic());
        match verdict {
            Ok(Verdict::Pending) => None,
            Ok(verdict) => Some(Judgement::Verdict { verdict, g, statistic }),
            Err(error) => Some(Judgement::Refused(error.into())),
        }
    }

    /// [`Detector::memory`]
    fn outputs(&self) -> &M::Outputs {
        &self.0.memory().outputs
    }

    /// [`Monitored::latents`]
    fn posterior(outputs: &M::Outputs) -> Option<Posterior<'_>> {
        M::latents(outputs)
    }
}

/// How a model of this kind, which is a type, scores a window.
pub trait Graded<M: Compiled> {
    /// What its decoder answers, `()` without one that scores.
    type Mean: Buffers;

    /// What is said of the inputs that were encoded last, to `outputs`.
    ///
    /// # Errors
    ///
    /// What the decoder refused.
    fn grade(
        pack: &Pack<'_>,
        workspace: &mut M::Workspace,
        inputs: &M::Inputs,
        outputs: &M::Outputs,
        mean: &mut Self::Mean,
    ) -> Result<Judgement, Refusal>;
}

/// Two kinds without a score.
macro_rules! encoded {
    ($($kind:ident),+) => {
        $(impl<M: Encoder> Graded<M> for kind::$kind {
            type Mean = ();

            /// [`Judgement::Encoded`]
            fn grade(
                _: &Pack<'_>,
                _: &mut M::Workspace,
                _: &M::Inputs,
                _: &M::Outputs,
                (): &mut (),
            ) -> Result<Judgement, Refusal> {
                Ok(Judgement::Encoded)
            }
        })+
    };
}

encoded!(EncoderModel, DecoderModel);

impl<M: Scored> Graded<M> for kind::ScoredModel {
    type Mean = M::Mean;

    /// The score at the posterior mean, held against the threshold of the manifest.
    fn grade(
        pack: &Pack<'_>,
        workspace: &mut M::Workspace,
        inputs: &M::Inputs,
        outputs: &M::Outputs,
        mean: &mut M::Mean,
    ) -> Result<Judgement, Refusal> {
        let score = M::score(pack, workspace, inputs, outputs, mean)?.elbo();
        // A score that is NaN is not normal.
        let is_anomalous = M::THRESHOLD.map(|threshold| score < threshold || score.is_nan());
        Ok(Judgement::Scored { score, is_anomalous })
    }
}

impl<M: Refined> Graded<M> for kind::RefinedModel {
    type Mean = M::Mean;

    /// As [`kind::ScoredModel`] does.
    fn grade(
        pack: &Pack<'_>,
        workspace: &mut M::Workspace,
        inputs: &M::Inputs,
        outputs: &M::Outputs,
        mean: &mut M::Mean,
    ) -> Result<Judgement, Refusal> {
        <kind::ScoredModel as Graded<M>>::grade(pack, workspace, inputs, outputs, mean)
    }
}

/// A model of windows without a calibration, with all its memory.
pub struct Scoring<M: Windowed + Encoder<Kind: Graded<M>>> {
    pack: Option<Pack<'static>>,
    window: M::Window,
    workspace: M::Workspace,
    inputs: M::Inputs,
    outputs: M::Outputs,
    mean: <M::Kind as Graded<M>>::Mean,
}

impl<M: Windowed + Encoder<Kind: Graded<M>>> Scoring<M> {
    /// Without weights and readings.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pack: None,
            window: M::WINDOW,
            workspace: M::Workspace::NEW,
            inputs: M::Inputs::ZEROS,
            outputs: M::Outputs::ZEROS,
            mean: Buffers::ZEROS,
        }
    }

    /// Encodes and scores the window.
    ///
    /// # Errors
    ///
    /// [`Refusal::NonFiniteInput`] with the channel where a reading is missing, else what the network refused.
    fn evaluate(&mut self) -> Result<Judgement, Refusal> {
        let pack = self.pack.as_ref().ok_or(Refusal::NothingSelected)?;
        M::observe(&self.window, &mut self.inputs).map_err(elbow_core::Error::from)?;
        M::encode(pack, &mut self.workspace, &self.inputs, &mut self.outputs)?;
        let Self { workspace, inputs, outputs, mean, .. } = self;
        <M::Kind as Graded<M>>::grade(pack, workspace, inputs, outputs, mean)
    }
}

impl<M: Windowed + Encoder<Kind: Graded<M>>> Default for Scoring<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Sensing for Scoring<M>
where
    M: Windowed<Window: Sliding, Reading: Buffers> + Encoder<Kind: Graded<M>, Outputs: Clone>,
{
    type Model = M;
    type Reading = M::Reading;
    type Outputs = M::Outputs;

    /// Checks the bytes; that they are another model's is found by the first window.
    fn boot(&mut self, weights: &'static [u8]) -> Result<(), Refusal> {
        let pack = Pack::new_checked(weights).map_err(|_| Refusal::DamagedPack)?;
        if pack.fingerprint() != M::FINGERPRINT {
            return Err(Refusal::WrongPack);
        }
        self.pack = Some(pack);
        Ok(())
    }

    /// The score of a due window; a reading that did not come keeps its place, and windows that hold it are refused.
    fn push(&mut self, _: u64, reading: Option<M::Reading>) -> Option<Judgement> {
        let reading = reading.unwrap_or_else(|| {
            let mut missing = M::Reading::ZEROS;
            missing.first_mut().fill(f32::NAN);
            missing
        });
        // A due window that ends with a missing reading is told by its next hop.
        match M::push(&mut self.window, reading) {
            Ok(true) => Some(self.evaluate().unwrap_or_else(Judgement::Refused)),
            Ok(false) | Err(_) => None,
        }
    }

    /// The posteriors.
    fn outputs(&self) -> &M::Outputs {
        &self.outputs
    }

    /// The first posterior.
    fn posterior(outputs: &M::Outputs) -> Option<Posterior<'_>> {
        M::posterior(outputs, 0)
    }
}
