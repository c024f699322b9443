//! What a sensor is to the program.

use elbow_core::compiled::Windowed;
use elbow_core::wire::SensorFaults;

/// A sensor, by its driver: the one thing to write for another one.
#[expect(async_fn_in_trait, reason = "tasks of one core: none is sent to another")]
pub trait Sensor {
    /// `[f32; CHANNELS]`
    type Reading: AsRef<[f32]>;
    /// Its name, for the host.
    const NAME: &'static str;
    /// Unit of its values, as `[window] unit` writes it.
    const UNIT: &'static str;
    /// Least and largest value that it can give; any other value is a fault.
    const RANGE: [f32; 2];
    /// Microseconds from [`start`](Self::start) to the first reading that is right; until then readings are missing.
    const SETTLING_US: u64 = 0;

    /// Finds the sensor, checks that it is the right one and sets it up; at the start, and again after every fault but
    /// [`SensorFault::Implausible`]. A bus that hung is to be freed here.
    ///
    /// # Errors
    ///
    /// What is wrong; it is counted, and tried again.
    async fn start(&mut self) -> Result<(), SensorFault>;

    /// The next reading. It may be dropped before it ends, where it takes too long.
    ///
    /// # Errors
    ///
    /// What is wrong; it is counted, and the reading is missing.
    async fn read(&mut self) -> Result<Self::Reading, SensorFault>;
}

/// What is wrong with a sensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SensorFault {
    /// It does not acknowledge.
    Silent,
    /// The bus is not free, or a transfer does not end.
    Stuck,
    /// Another device answers: a wrong `WHO_AM_I`.
    WrongIdentity,
    /// Values that it cannot have measured.
    Implausible,
    /// Anything else.
    Other,
}

impl SensorFault {
    /// Adds one to its counter.
    pub(crate) fn count(self, faults: &mut SensorFaults) {
        let counter = match self {
            Self::Silent => &mut faults.silent,
            Self::Stuck => &mut faults.stuck,
            Self::WrongIdentity => &mut faults.wrong_identity,
            Self::Implausible => &mut faults.implausible,
            Self::Other => &mut faults.other,
        };
        *counter = counter.saturating_add(1);
    }
}

/// Refuses, while constants are evaluated, a sensor that does not give what the model of the manifest was trained on.
/// That it has as many channels is a matter of types.
pub(crate) const fn hold_against<S: Sensor, M: Windowed>() {
    let Some(unit) = M::UNIT else {
        panic!("the manifest does not say what the readings are: add `unit` to [window]")
    };
    let Some([lo, hi]) = M::RANGE else {
        panic!("the manifest does not say how far readings go: add `range` to [window]")
    };
    assert!(is_equal(unit, S::UNIT), "the sensor's unit is not the `unit` of [window]");
    assert!(
        S::RANGE[0] <= lo && S::RANGE[1] >= hi,
        "the sensor's range is smaller than the `range` of [window]"
    );
}

/// Readings of a second of the model; refuses, while constants are evaluated, a manifest without them.
pub(crate) const fn rate<M: Windowed>() -> f32 {
    match M::RATE {
        Some(rate) => rate,
        None => panic!("the manifest does not say how often readings come: add `rate` to [window]"),
    }
}

/// Whether two texts are equal, for constants.
const fn is_equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}
