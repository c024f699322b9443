//! The task that samples.

use crate::clock::within;
use crate::pipeline::{Sample, Worker, add};
use crate::{Clock, Pipeline, Sensing, Sensor, SensorFault};

/// Longest time that setting up the sensor may take, in microseconds.
const START_LIMIT_US: u64 = 100_000;
/// Time from one try to set it up to the next.
const RETRY_US: u64 = 250_000;
/// So many implausible readings in a row, and the sensor is set up anew.
const STRIKES: u32 = 16;

/// Reads `sensor` at the model's rate, for ever: each reading goes into the queue, or is counted as lost where that is
/// full. A reading that does not come within half of its period is given up; after a fault the sensor is set up anew,
/// at most four times a second. Readings that did not come go into the queue as missing.
pub async fn sample<S: Sensor, G: Sensing<Reading = S::Reading>>(
    sensor: &mut S,
    clock: &impl Clock,
    pipeline: &Pipeline<S, G>,
) -> ! {
    let mut keeper =
        Keeper { sensor, is_ready: false, has_failed: false, strikes: 0, not_before_us: 0 };
    let (start_us, mut number) = (clock.now_us(), 0u32);
    loop {
        let due_us = start_us + u64::from(number) * Pipeline::<S, G>::PERIOD_NS / 1000;
        clock.until(due_us).await;
        let t_us = clock.now_us();
        let (reading, fault) = keeper.reading(clock, Pipeline::<S, G>::PERIOD_NS / 2000).await;
        let has_come = reading.is_some();
        let is_lost = pipeline.samples.try_send(Sample { number, t_us, reading }).is_err();
        let passed_us = clock.now_us().saturating_sub(start_us);
        let next = (passed_us * 1000 / Pipeline::<S, G>::PERIOD_NS) as u32 + 1;
        let next = next.max(number.saturating_add(1));
        pipeline.note(|figures| {
            let counts = &mut figures.counts;
            add(if has_come { &mut counts.readings } else { &mut counts.missed }, 1);
            add(&mut counts.missed, next - number - 1);
            add(&mut counts.lost, (is_lost && has_come).into());
            match fault {
                Noted::Nothing => {}
                Noted::Fault(fault) => fault.count(&mut counts.faults),
                Noted::Recovered => add(&mut counts.faults.recovered, 1),
            }
        });
        pipeline.progress(Worker::Sample);
        number = next;
    }
}

/// What a turn brought to light.
enum Noted {
    Nothing,
    Fault(SensorFault),
    /// The first reading since the sensor had to be set up anew.
    Recovered,
}

/// A sensor and how it fares.
struct Keeper<'s, S> {
    sensor: &'s mut S,
    /// Whether it is set up.
    is_ready: bool,
    /// Whether it failed so that it had to be set up anew, and no reading came since.
    has_failed: bool,
    /// Implausible readings in a row.
    strikes: u32,
    /// When it may be set up, or read.
    not_before_us: u64,
}

impl<S: Sensor> Keeper<'_, S> {
    /// The reading, if it comes within `limit_us`, and what was noted; sets the sensor up first where it is not and
    /// the time has come.
    async fn reading(&mut self, clock: &impl Clock, limit_us: u64) -> (Option<S::Reading>, Noted) {
        if !self.is_ready && clock.now_us() >= self.not_before_us {
            let started = within(clock, START_LIMIT_US, self.sensor.start()).await;
            if let Err(fault) = started.unwrap_or(Err(SensorFault::Stuck)) {
                return (None, self.failed(clock, fault));
            }
            (self.is_ready, self.strikes) = (true, 0);
            self.not_before_us = clock.now_us() + S::SETTLING_US;
        }
        if clock.now_us() < self.not_before_us {
            return (None, Noted::Nothing);
        }
        let read = within(clock, limit_us, self.sensor.read()).await;
        let reading = read.unwrap_or(Err(SensorFault::Stuck)).and_then(|reading| {
            let is_possible = |value: &f32| (S::RANGE[0]..=S::RANGE[1]).contains(value);
            let all = reading.as_ref().iter().all(is_possible);
            all.then_some(reading).ok_or(SensorFault::Implausible)
        });
        match reading {
            Ok(reading) => {
                self.strikes = 0;
                let noted = if self.has_failed { Noted::Recovered } else { Noted::Nothing };
                self.has_failed = false;
                (Some(reading), noted)
            }
            Err(fault) => (None, self.failed(clock, fault)),
        }
    }

    /// Notes a fault: unless it is the first implausible readings in a row, the sensor is to be set up anew.
    fn failed(&mut self, clock: &impl Clock, fault: SensorFault) -> Noted {
        self.strikes = self.strikes.saturating_add(1);
        if fault != SensorFault::Implausible || self.strikes >= STRIKES {
            // After a reading that failed at once, after a vain try later.
            self.not_before_us = if self.is_ready { 0 } else { clock.now_us() + RETRY_US };
            (self.is_ready, self.has_failed) = (false, true);
        }
        Noted::Fault(fault)
    }
}
