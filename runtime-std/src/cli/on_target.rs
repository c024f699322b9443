//! `--target` of reports: what the work of a model takes of an emulated board.

use super::schedule::{Schedule, ScheduleOptions};
use super::{firmware, inputs};
use elbow::detect::with_calibration;
use elbow::device::Target;
use elbow::model::Loaded;
use elbow::parity::cost::{WorkCost, cost};
use elbow::{Core, Error, Result};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Clone, Debug, clap::Args)]
pub struct TargetOptions {
    /// Also measure what the model takes of an emulated board (qemu-m0, qemu-m3, qemu-m4, qemu-m7, qemu-m33, qemu-m55), on
    /// a row of zeros
    #[arg(long, value_parser = |text: &str| Target::named(text).map_err(|error| error.to_string()))]
    target: Option<Target>,
    #[command(flatten)]
    schedule: ScheduleOptions,
    /// The firmware workspace; found upwards from the current folder where left out
    #[arg(long, value_name = "DIR", requires = "target")]
    firmware: Option<PathBuf>,
}

/// What the model takes of a board.
#[derive(Debug, Serialize)]
pub struct OnTarget {
    /// Name of the target.
    pub target: &'static str,
    /// Instructions, cycles and layers of each part.
    #[serde(flatten)]
    pub work: WorkCost,
    /// Time of the parts; `None` without a clock.
    pub schedule: Option<Schedule>,
}

impl TargetOptions {
    /// `Ok` unless there is a clock without a board: an input error.
    pub fn check(&self) -> Result<()> {
        match self.schedule.is_asked() && self.target.is_none() {
            true => {
                Err(Error::input("--clock needs a board; add --target qemu-m4, or another core"))
            }
            false => Ok(()),
        }
    }

    /// What the model takes of the board; `None` without one.
    ///
    /// # Errors
    ///
    /// Those of [`check`](Self::check), and of toolchain and emulator.
    pub fn measured(&self, loaded: &Loaded) -> Result<Option<OnTarget>> {
        self.check()?;
        let Some(target) = &self.target else { return Ok(None) };
        let loaded = match target.core == Core::default() {
            true => loaded.clone(),
            false => loaded.for_core(target.core)?,
        };
        let (loaded, _) = with_calibration(loaded);
        let firmware = firmware(self.firmware.as_deref())?;
        let work = cost(&loaded, target, &firmware, &inputs::zeros(&loaded)?)?.work;
        let schedule = self.schedule.of(&loaded, &work)?;
        Ok(Some(OnTarget { target: target.name, work, schedule }))
    }
}
