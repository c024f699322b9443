//! `--clock`, `--rate`, `--hop` and `--power`: what the work of a model takes of a board's time.

use elbow::model::Loaded;
use elbow::parity::cost::{BOOT, PartCost, WorkCost};
use elbow::{Error, Result};
use serde::Serialize;
use std::fmt;

/// How fast the core is, and how often it infers.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ScheduleOptions {
    /// Clock of the core, such as 64MHz: also prints milliseconds, and whether an inference fits between two windows
    #[arg(long, value_name = "FREQUENCY", value_parser = |text: &str| quantity(text, "Hz", "64MHz"))]
    clock: Option<f64>,
    /// Readings per second; that of the manifest's [window] where left out
    #[arg(long, value_name = "PER_SECOND", requires = "clock", value_parser = |text: &str| quantity(text, "Hz", "100"))]
    rate: Option<f64>,
    /// Readings from one window to the next; those of the manifest's [window] where left out
    #[arg(long, value_name = "N", requires = "clock", value_parser = clap::value_parser!(u32).range(1..))]
    hop: Option<u32>,
    /// What the board takes while the core computes, such as 15mW, from its data sheet: also prints the energy of a window
    #[arg(long, value_name = "WATTS", requires = "clock", value_parser = |text: &str| quantity(text, "W", "15mW"))]
    power: Option<f64>,
}

/// The positive number of `text`, with one of the prefixes G, M, k, m, u in front of `unit`, or without a unit; the error is
/// a sentence with an `example`.
fn quantity(text: &str, unit: &str, example: &str) -> std::result::Result<f64, String> {
    let number = text.strip_suffix(unit).unwrap_or(text).trim_end();
    let prefixes = [('G', 1e9), ('M', 1e6), ('k', 1e3), ('m', 1e-3), ('u', 1e-6)];
    let prefix =
        prefixes.iter().find_map(|(prefix, of)| Some((number.strip_suffix(*prefix)?, *of)));
    let (number, factor) = prefix.unwrap_or((number, 1.0));
    let value = number.trim_end().parse::<f64>().ok().map(|value| value * factor);
    value
        .filter(|value| value.is_finite() && *value > 0.0)
        .ok_or_else(|| format!("expected a number more than 0 with a unit, such as {example}"))
}

/// Where cycles come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleSource {
    /// Arm's published timings, without wait states of the memory.
    ArmTimings,
    /// One cycle an instruction, as Arm has published no timings of the core.
    OneAnInstruction,
}

/// Time of the parts, and their share of the time between two windows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Schedule {
    /// Cycles in a second.
    clock_hz: f64,
    cycles: CycleSource,
    /// From one window to the next, in milliseconds; `None` without rate and hop.
    interval_ms: Option<f64>,
    /// Each part that there is.
    parts: Vec<PartTime>,
    /// An inference, with its score where there is one.
    per_window_ms: f64,
    /// Its share of the time between two windows.
    duty: Option<f64>,
    fits: Option<bool>,
    /// In microjoules; `None` without a power.
    energy_per_window_uj: Option<f64>,
}

/// Time of a part.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct PartTime {
    part: &'static str,
    milliseconds: f64,
    /// Share of the time between two windows; `None` of the start, and without rate and hop.
    duty: Option<f64>,
}

impl ScheduleOptions {
    /// Whether a clock is given.
    pub fn is_asked(&self) -> bool {
        self.clock.is_some()
    }

    /// What `work` takes of the time of a core at `--clock`; `None` without that.
    ///
    /// # Errors
    ///
    /// An input error where rate or hop is known and the other is not.
    pub fn of(&self, loaded: &Loaded, work: &WorkCost) -> Result<Option<Schedule>> {
        let Some(clock_hz) = self.clock else { return Ok(None) };
        let window = loaded.model.window.as_ref();
        let rate = self.rate.or(window.and_then(|window| window.rate));
        let hop = self.hop.map(f64::from).or(window.map(|window| window.hop as f64));
        let interval_ms = match (rate, hop) {
            (Some(rate), Some(hop)) => Some(1e3 * hop / rate),
            (Some(_), None) => {
                return Err(Error::input(
                    "--rate alone does not say how often windows are due; add --hop N",
                ));
            }
            (None, Some(_)) if self.hop.is_some() => {
                return Err(Error::input(
                    "--hop alone does not say how often windows are due; add --rate PER_SECOND",
                ));
            }
            (None, _) => None,
        };
        let ms = |part: &PartCost| {
            1e3 * part.cycles_estimate.unwrap_or(part.instructions) as f64 / clock_hz
        };
        let share = |ms: f64| interval_ms.map(|interval| ms / interval);
        let part = |(name, part): (&'static str, &PartCost)| PartTime {
            part: name,
            milliseconds: ms(part),
            duty: share(ms(part)).filter(|_| name != BOOT),
        };
        let per_window_ms = ms(&work.encode) + work.score.as_ref().map_or(0.0, ms);
        let duty = share(per_window_ms);
        Ok(Some(Schedule {
            clock_hz,
            cycles: match work.encode.cycles_estimate {
                Some(_) => CycleSource::ArmTimings,
                None => CycleSource::OneAnInstruction,
            },
            interval_ms,
            parts: work.parts().map(part).collect(),
            per_window_ms,
            duty,
            fits: duty.map(|duty| duty <= 1.0),
            energy_per_window_uj: self.power.map(|watts| 1e3 * per_window_ms * watts),
        }))
    }
}

impl fmt::Display for Schedule {
    /// Writes a line per part, and what a window takes; with a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.cycles {
            CycleSource::ArmTimings => "cycles estimated by Arm's timings, without wait states",
            CycleSource::OneAnInstruction => {
                "no timings are published of this core: one cycle an instruction is assumed"
            }
        };
        writeln!(f, "at {} MHz, {source}:", self.clock_hz / 1e6)?;
        let percent = |duty: Option<f64>| {
            duty.map_or(String::new(), |duty| format!("{:9.2} %", 100.0 * duty))
        };
        for PartTime { part, milliseconds, duty } in &self.parts {
            writeln!(f, "{part:<12} {milliseconds:>10.3} ms {}", percent(*duty))?;
        }
        write!(f, "{:<12} {:>10.3} ms {}", "a window", self.per_window_ms, percent(self.duty))?;
        match (self.interval_ms, self.fits) {
            (Some(interval), Some(true)) => writeln!(f, " of the {interval:.3} ms to the next")?,
            (Some(interval), _) => {
                writeln!(f, " of the {interval:.3} ms to the next: DOES NOT FIT")?;
            }
            (None, _) => writeln!(f)?,
        }
        match self.energy_per_window_uj {
            Some(energy) => writeln!(f, "{:<12} {energy:>10.3} uJ", "energy of it"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quantity;

    #[test]
    fn quantities_have_prefixes_and_units() {
        let hertz = |text| quantity(text, "Hz", "64MHz");
        assert_eq!(hertz("64MHz"), Ok(64e6));
        assert_eq!(hertz("64 MHz"), Ok(64e6));
        assert_eq!(hertz("32768"), Ok(32768.0));
        assert_eq!(quantity("15mW", "W", "15mW"), Ok(0.015));
        for bad in ["", "MHz", "0Hz", "-3MHz", "64mhz", "infHz", "64MW"] {
            let error = hertz(bad).expect_err(bad);
            assert!(error.contains("64MHz"), "{error}");
        }
    }
}
