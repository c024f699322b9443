//! The devices that models can be sent to: the cores of `elbow-toolchain`, emulated.

use crate::lower;
use crate::{Error, Result};
use elbow_toolchain::{CORES, Core, Kernels};

/// An emulated board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name on the command line.
    pub name: &'static str,
    /// Whose integer kernels it runs.
    pub core: lower::Core,
    /// Its row of the table: compiler target, board and machine.
    pub row: &'static Core,
}

impl Target {
    /// Every target.
    pub fn all() -> impl Iterator<Item = Self> {
        CORES.iter().map(|row| Self { name: row.target, core: form(row.kernels), row })
    }

    /// The target of this name.
    ///
    /// # Errors
    ///
    /// An input error lists all names where there is none.
    pub fn named(name: &str) -> Result<Self> {
        Self::all().find(|target| target.name == name).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(|target| target.name).collect();
            Error::input(format!("no target `{name}`: choose one of {}", names.join(", ")))
        })
    }
}

/// The form in which lowering leaves the weights for these kernels.
fn form(kernels: Kernels) -> lower::Core {
    match kernels {
        Kernels::Plain => lower::Core::Plain,
        Kernels::Dsp => lower::Core::Dsp,
        Kernels::Helium => lower::Core::Helium,
    }
}
