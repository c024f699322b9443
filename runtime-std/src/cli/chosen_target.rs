//! `--target`: the twin, an emulated board, or a board at a port.

use elbow::device::{Address, Connection, Device, Target};
use elbow::{Error, Result};
use std::fmt;
use std::time::Duration;

/// What computes.
#[derive(Clone, Debug)]
pub enum ChosenTarget {
    /// This computer, by the kernels of a device.
    Twin,
    /// A board in an emulator.
    Emulated(Target),
    /// A board as it was flashed.
    Board(Address),
}

/// The place that needs no board.
pub const TWIN: &str = "twin";

impl ChosenTarget {
    /// The place of this name or address; the error is a sentence with what may be said.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        match text {
            TWIN => Ok(Self::Twin),
            _ => Self::parse_board(text).map_err(|error| format!("{error}; or {TWIN}")),
        }
    }

    /// As [`parse`](Self::parse), without the twin.
    pub fn parse_board(text: &str) -> std::result::Result<Self, String> {
        if let Some(address) = Address::parse(text).map_err(|error| error.to_string())? {
            return Ok(Self::Board(address));
        }
        let target = Target::named(text).map(Self::Emulated);
        target.map_err(|error| format!("{error}; or {}", Address::FORMS))
    }
}

impl fmt::Display for ChosenTarget {
    /// Writes name or address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twin => f.write_str(TWIN),
            Self::Emulated(target) => f.write_str(target.name),
            Self::Board(address) => address.fmt(f),
        }
    }
}

/// How long a board may take.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Patience {
    /// Seconds that a board at a port may take for one answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0)]
    timeout: f64,
}

impl Patience {
    /// A session with the board at `address`.
    ///
    /// # Errors
    ///
    /// An input error for a limit that is not positive; an environment error where the board does not answer, with
    /// what to do.
    pub fn open(self, address: &Address) -> Result<Device<Connection>> {
        Device::at(address, self.limit()?)
    }

    /// The limit; an input error where it is none.
    pub fn limit(self) -> Result<Duration> {
        let limit = Duration::try_from_secs_f64(self.timeout).ok();
        limit.filter(|limit| !limit.is_zero()).ok_or_else(|| {
            Error::input(format!("--timeout {}: expected seconds, more than 0", self.timeout))
        })
    }
}
