//! The verdicts of a device's detector on recorded readings, against those of the twin.

use super::on_device::{compile, temporary};
use crate::detect::{Judged, Stream, verdicts};
use crate::device::{Device, Target};
use crate::emit::emit;
use crate::error::{Error, Result};
use crate::model::{Calibration, Loaded};
use crate::watch;
use elbow_core::detect::Verdict;
use elbow_core::wire::Refusal;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// What was compared, and what it took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictReport {
    /// Name of the generated module.
    pub model: String,
    /// Name of the board.
    pub target: String,
    /// Number of readings.
    pub readings: usize,
    /// How many readings had each verdict, by its name; of a fault with its kind. A refused window counts as `refused`.
    pub verdicts: BTreeMap<String, usize>,
    /// Readings at which verdict, score, p, channel, sum of the alarm or statistic of the drift differ from the twin's
    /// in a bit.
    pub different: usize,
    /// The first of them.
    pub first_difference: Option<Difference>,
    /// Largest number of instructions between a reading and its verdict.
    pub instructions: u64,
    /// Bytes of flash of the program: weights, and code from a reading to its verdict.
    pub flash_bytes: ProgramFlash,
    /// Bytes of RAM of the program: the detector, and the stack bound from a reading to its verdict.
    pub ram_bytes: ProgramRam,
}

/// Where device and twin part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Number of the reading.
    pub reading: usize,
    /// What the twin says.
    pub twin: String,
    /// What the device says.
    pub device: String,
}

/// Flash of a program that is a detector and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramFlash {
    /// The packed weights.
    pub weights: usize,
    /// Code and tables that are reached from a reading.
    pub code: usize,
}

/// RAM of a program that is a detector and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ProgramRam {
    /// The detector.
    pub detector: usize,
    /// The stack bound; `None` where there is none.
    pub stack: Option<usize>,
}

/// What was said at a reading, but for the cost.
type Said = (std::result::Result<Verdict, Refusal>, [u32; 2]);

/// The verdicts on all readings by an image of `target` that is built and booted, held against the twin's.
///
/// # Errors
///
/// An input error where the readings do not fit or the model has no detector; environment errors of toolchain,
/// emulator and device.
pub fn compare_verdicts(
    loaded: &Loaded,
    calibration: &Calibration,
    board: (&Target, &Path),
    stream: Stream<'_>,
) -> Result<VerdictReport> {
    let (target, firmware) = board;
    let twin = verdicts(&loaded.model, calibration, stream)?;
    let artifact = emit(&loaded.model)?;
    if artifact.budget.ram_bytes.detector.is_none() {
        return Err(Error::input("the module has no Detector; run `elbow calibrate`"));
    }
    let folder = temporary()?;
    let models = [compile(&loaded.model, emit, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    let footprint = device.footprint(0)?.judge;
    let detector = device.watch()? as usize;
    let mut report = VerdictReport {
        model: artifact.budget.model,
        target: target.name.to_string(),
        readings: twin.len(),
        verdicts: BTreeMap::new(),
        different: 0,
        first_difference: None,
        instructions: 0,
        flash_bytes: ProgramFlash {
            weights: artifact.pack.len(),
            code: footprint.map_or(0, |footprint| footprint.code_bytes as usize),
        },
        ram_bytes: ProgramRam {
            detector,
            stack: footprint.and_then(|footprint| Some(footprint.stack_bytes? as usize)),
        },
    };
    let done = watch::begin("device", twin.len());
    let readings = stream.readings.chunks_exact(calibration.shape.channels.max(1));
    for (expected, values) in twin.iter().zip(readings) {
        let found = match device.reading(expected.t_us, values)? {
            Ok((judged, spent)) => {
                report.instructions = report.instructions.max(spent.instructions);
                (Ok(judged.verdict), [judged.g, judged.statistic].map(f32::to_bits))
            }
            // A refusal brings no sums.
            Err(refusal) => (Err(refusal), said(expected).1),
        };
        report.add(expected, &found);
        done();
    }
    device.finish()?;
    Ok(report)
}

/// What the twin says at a reading, as the device would send it.
fn said(judged: &Judged) -> Said {
    (judged.verdict.map_err(Refusal::from), [judged.g, judged.statistic].map(f32::to_bits))
}

/// A text that differs where a bit does, but for those of NaN.
fn text(said: &Said) -> String {
    let (verdict, [g, statistic]) = said;
    let sums = format!("g {:?}, statistic {:?}", f32::from_bits(*g), f32::from_bits(*statistic));
    match verdict {
        Ok(verdict) => format!("{verdict:?}, {sums}"),
        Err(refusal) => format!("refused: {refusal}"),
    }
}

/// The name under which a verdict is counted.
fn name(verdict: &std::result::Result<Verdict, Refusal>) -> String {
    let text = match verdict {
        Err(_) => return "refused".into(),
        Ok(Verdict::SensorFault { kind, .. }) => format!("SensorFault{kind:?}"),
        Ok(verdict) => format!("{verdict:?}"),
    };
    let mut name = String::new();
    for letter in text.chars().take_while(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

impl VerdictReport {
    /// Counts what twin and device said at one reading.
    fn add(&mut self, expected: &Judged, found: &Said) {
        *self.verdicts.entry(name(&found.0)).or_default() += 1;
        let (twin, device) = (text(&said(expected)), text(found));
        if twin != device {
            self.different += 1;
            let reading = expected.reading;
            self.first_difference.get_or_insert(Difference { reading, twin, device });
        }
    }

    /// The failed check of a device that does not agree with the twin in every bit; `Ok` otherwise.
    ///
    /// # Errors
    ///
    /// As said.
    pub fn check(&self) -> Result<()> {
        match &self.first_difference {
            None => Ok(()),
            Some(Difference { reading, twin, device }) => Err(Error::check(format!(
                "parity failed: {} of {} verdicts differ; at reading {reading} the twin says {twin}, the device {device}",
                self.different, self.readings
            ))),
        }
    }
}

impl fmt::Display for VerdictReport {
    /// Writes what was compared, the counts, and the bytes of the program; with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, target, readings, different, .. } = self;
        writeln!(f, "{model} on {target}: {readings} readings through its detector")?;
        for (name, count) in &self.verdicts {
            writeln!(f, "{count:>10}  {name}")?;
        }
        let agreed = readings - different;
        writeln!(f, "{agreed} of {readings} verdicts as the twin's in every bit")?;
        writeln!(f, "{} instructions from a reading to its verdict, at most", self.instructions)?;
        let (flash, ram) = (&self.flash_bytes, &self.ram_bytes);
        writeln!(f, "flash bytes: code {}, weights {}", flash.code, flash.weights)?;
        let stack = ram.stack.map_or("not bounded".into(), |bytes| bytes.to_string());
        writeln!(f, "RAM bytes: detector {}, stack {stack}", ram.detector)
    }
}
