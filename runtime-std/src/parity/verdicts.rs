//! The verdicts of a device's detector on recorded readings, against those of the twin.

use super::on_device::{compile, temporary};
use crate::detect::{Judged, Stream, verdict_name, verdicts};
use crate::device::{Device, Spent, Target};
use crate::emit::emit;
use crate::error::{Error, Result};
use crate::model::{Calibration, Loaded};
use crate::watch;
use elbow_core::detect::Verdict;
use elbow_core::wire::Refusal;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
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
    /// Largest number of instructions between a reading and its verdict, on an emulated board.
    pub instructions: Option<u64>,
    /// Largest number of cycles, on a real board.
    pub cycles: Option<u64>,
    /// Most seconds, on a board that knows the speed of its timer.
    pub seconds: Option<f64>,
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
    /// Code and tables that are reached from a reading; `None` of a board whose image is not known.
    pub code: Option<usize>,
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
    let folder = temporary()?;
    let models = [compile(&loaded.model, emit, folder.path())?];
    let mut device = Device::start(target, &models, firmware)?;
    device.select(0)?;
    let footprint = device.footprint(0)?.judge;
    let mut report = compare_verdicts_on(&mut device, target.name, loaded, calibration, stream)?;
    device.finish()?;
    report.flash_bytes.code = footprint.map(|footprint| footprint.code_bytes as usize);
    report.ram_bytes.stack = footprint.and_then(|footprint| Some(footprint.stack_bytes? as usize));
    Ok(report)
}

/// The verdicts on all readings by a device that has the model selected and is called `target`, held against the
/// twin's; without the figures of the image.
///
/// # Errors
///
/// As [`compare_verdicts`].
pub fn compare_verdicts_on<S: Read + Write>(
    device: &mut Device<S>,
    target: &str,
    loaded: &Loaded,
    calibration: &Calibration,
    stream: Stream<'_>,
) -> Result<VerdictReport> {
    let twin = verdicts(&loaded.model, calibration, stream)?;
    let artifact = emit(&loaded.model)?;
    if artifact.budget.ram_bytes.detector.is_none() {
        return Err(Error::input("the module has no Detector; run `elbow calibrate`"));
    }
    device.ask_once();
    let detector = device.watch()? as usize;
    let mut report = VerdictReport {
        model: artifact.budget.model,
        target: target.to_string(),
        readings: twin.len(),
        verdicts: BTreeMap::new(),
        different: 0,
        first_difference: None,
        instructions: None,
        cycles: None,
        seconds: None,
        flash_bytes: ProgramFlash { weights: artifact.pack.len(), code: None },
        ram_bytes: ProgramRam { detector, stack: None },
    };
    let done = watch::begin("device", twin.len());
    let readings = stream.readings.chunks_exact(calibration.shape.channels.max(1));
    for (expected, values) in twin.iter().zip(readings) {
        let found = match device.reading(expected.t_us, values)? {
            Ok((judged, spent)) => {
                report.note(spent, device.is_wired());
                (Ok(judged.verdict), [judged.g, judged.statistic].map(f32::to_bits))
            }
            // A refusal brings no sums.
            Err(refusal) => (Err(refusal), said(expected).1),
        };
        report.add(expected, &found);
        done();
    }
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
    verdict.as_ref().map_or("refused".into(), verdict_name)
}

impl VerdictReport {
    /// Raises instructions (cycles of a board that is `wired`) and seconds to these where they are larger.
    fn note(&mut self, spent: Spent, wired: bool) {
        let counted = if wired { &mut self.cycles } else { &mut self.instructions };
        *counted = (*counted).max(Some(spent.instructions));
        self.seconds = spent.seconds.map(|seconds| seconds.max(self.seconds.unwrap_or(0.0)));
    }

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
        let most = "from a reading to its verdict, at most";
        for (what, count) in [("instructions", self.instructions), ("cycles", self.cycles)] {
            count.map_or(Ok(()), |count| writeln!(f, "{count} {what} {most}"))?;
        }
        self.seconds.map_or(Ok(()), |seconds| writeln!(f, "{:.3} ms {most}", 1e3 * seconds))?;
        let (flash, ram) = (&self.flash_bytes, &self.ram_bytes);
        let known = |bytes: Option<usize>| bytes.map_or("not known".into(), |b| b.to_string());
        writeln!(f, "flash bytes: code {}, weights {}", known(flash.code), flash.weights)?;
        let stack = match (ram.stack, flash.code) {
            (None, Some(_)) => "not bounded".into(),
            (stack, _) => known(stack),
        };
        writeln!(f, "RAM bytes: detector {}, stack {stack}", ram.detector)
    }
}
