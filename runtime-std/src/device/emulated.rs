//! A device in an emulator: its image is built, booted, and looked at.

use super::{Call, Device, Firmware, Footprint, Image, Qemu, Target, Trace, build_image};
use crate::{Context, Error, Result};
use std::path::{Path, PathBuf};

/// What the image says about a model before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelFootprint {
    /// `encode`, or `run` of a graph without roles.
    pub infer: Footprint,
    /// `score`, where there is a decoder.
    pub score: Option<Footprint>,
    /// `explain`, likewise: bounds and refinement.
    pub explain: Option<Footprint>,
    /// `log_prob`, of a flow alone.
    pub log_prob: Option<Footprint>,
    /// A reading handed to the detector, for a model that has one: window, network, verdict.
    pub judge: Option<Footprint>,
}

impl ModelFootprint {
    /// That of the model `name` in an image.
    ///
    /// # Errors
    ///
    /// An environment error where the image does not hold the model.
    fn of(image: &Image, name: &str) -> Result<Self> {
        let of = |called: &str| image.footprint(&exported(name, called)).map_err(environment);
        let [score, explain, log_prob, judge] =
            ["score", "explain", "log_prob", "judge"].map(|method| of(method).ok());
        Ok(ModelFootprint { infer: of("infer")?, score, explain, log_prob, judge })
    }
}

impl Device {
    /// A device with these models: the image is built and booted, and the session opened.
    ///
    /// A model is its name and the folder with its `model.rs` and `weights.bin`; `select` counts them in this
    /// order. `firmware` is the firmware workspace, see [`find_firmware`](super::find_firmware).
    ///
    /// # Errors
    ///
    /// Where toolchain or emulator are missing, the build fails, or the device does not answer.
    pub fn start(target: &Target, models: &[(String, PathBuf)], firmware: &Path) -> Result<Self> {
        Self::boot(target, models, firmware, |_| Ok(None))
    }

    /// [`start`](Self::start) with these functions of the first model logged, each when it is called first behind the call
    /// before: [`traced`](Self::traced) returns what they executed. With `laps` that is split at the steps, for a model
    /// that was compiled to read the clock behind each.
    ///
    /// # Errors
    ///
    /// As there, and where the image does not have a function or, with `laps`, the clock.
    pub fn start_traced(
        target: &Target,
        models: &[(String, PathBuf)],
        firmware: &Path,
        functions: &[&str],
        laps: bool,
    ) -> Result<Self> {
        let name = models.first().map_or("", |(name, _)| name);
        let call = |image: &Image| {
            let clock = laps.then(|| image.range(CLOCK)).transpose()?;
            let entry = |function: &&str| Ok(image.range(&exported(name, function))?.start);
            Ok(Some(Call {
                entries: functions.iter().map(entry).collect::<std::result::Result<_, _>>()?,
                clock: clock.map(|clock| clock.start),
                silent: Some(image.range(CALIBRATION)?),
            }))
        };
        Self::boot(target, models, firmware, |image| call(image).map_err(environment))
    }

    /// A device with these models: builds and boots an image and opens the session. Where `call` gives a call
    /// of the image, the emulator logs what runs in it. Errors as those of [`start`](Self::start), and
    /// `call`'s.
    fn boot(
        target: &Target,
        models: &[(String, PathBuf)],
        firmware: &Path,
        call: impl FnOnce(&Image) -> Result<Option<Call>>,
    ) -> Result<Self> {
        let file = build_image(Firmware::Parity, target, models, firmware)?;
        let qemu = Qemu::start(target, &file, call).context(target.name)?;
        let models = models.iter().map(|(name, _)| name.clone()).collect();
        let ticks_per_million = target.row.machine.ticks_per_million;
        Self::connect(qemu, models, Some(ticks_per_million)).context(target.name)
    }

    /// Code bytes and stack bound of the model that has this `index` among those that the device was started
    /// with, from the image; those of functions that it does not have are `None`.
    ///
    /// # Errors
    ///
    /// An environment error where there is no such model, or the image does not hold it.
    pub fn footprint(&self, index: usize) -> Result<ModelFootprint> {
        let name = self.models.get(index).map_or("", String::as_str);
        ModelFootprint::of(self.image(), name)
    }

    /// The image that runs.
    pub fn image(&self) -> &Image {
        self.link.stream().image()
    }

    /// Ends the session and waits for the emulator to end.
    ///
    /// # Errors
    ///
    /// Where it does not end, or reports a failure.
    pub fn finish(self) -> Result<()> {
        self.bye()?.finish().map(|_| ())
    }

    /// Ends the device as [`finish`](Self::finish) does; returns what the functions of
    /// [`start_traced`](Self::start_traced) executed that were called: each a trace per step where it was asked for laps,
    /// else one for all.
    ///
    /// # Errors
    ///
    /// As `finish`.
    pub fn traced(self) -> Result<Vec<Vec<Trace>>> {
        self.bye()?.finish()
    }
}

/// Names that the boards' firmware exports: what steps read, and what measures it when the board starts.
const CLOCK: &str = "elbow.clock";
const CALIBRATION: &str = "elbow.calibration";

/// The name under which the firmware exports a measured function of a model.
fn exported(model: &str, function: &str) -> String {
    format!("elbow.{model}.{function}")
}

/// The same message as an environment error.
fn environment(error: elbow_emulator::Error) -> Error {
    Error::environment(error.to_string())
}
