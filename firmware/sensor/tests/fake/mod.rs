//! What the tasks run with in tests.

mod model;

use elbow_core::pack::Aligned;
use elbow_core::wire::{
    Counts, Deframer, Framer, Judgement, Reply, ResetReason, frame_len, message_len, parse,
};
use elbow_sensor::{
    Identity, Pipeline, Scoring, Sensing as _, Sensor, Watchdog, guard, infer, sample, tell,
};
use embedded_io_async::{ErrorKind, ErrorType, Write};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub use model::Model;

/// Weights of the small model of the golden tests: the fake model has their fingerprint and reads none.
static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!("../../../../tests/golden/tiny/weights.bin"));

/// What a sensor does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wrong {
    Silent,
    Hangs,
    Identity,
    Nan,
    OutOfRange,
    Other,
}

/// A sensor that fails in spans of seconds; its readings rise with the time.
pub struct Readings<'t> {
    clock: &'t Clock,
    faults: &'t [(f64, f64, Wrong)],
}

impl Readings<'_> {
    /// The value of reading number `number`.
    pub fn value(number: u32) -> f32 {
        (number % 97) as f32 - 48.0
    }

    /// The fault of this moment.
    fn fault(&self) -> Option<Wrong> {
        let now = self.clock.now.get() as f64 / 1e6;
        let found = self.faults.iter().find(|(from, to, _)| (*from..*to).contains(&now));
        found.map(|(_, _, fault)| *fault)
    }
}

impl Sensor for Readings<'_> {
    type Reading = [f32; 1];
    const NAME: &'static str = "readings";
    const UNIT: &'static str = "mg";
    const RANGE: [f32; 2] = [-200.0, 200.0];

    /// Fails as told.
    async fn start(&mut self) -> Result<(), elbow_sensor::SensorFault> {
        match self.fault() {
            Some(Wrong::Silent) => Err(elbow_sensor::SensorFault::Silent),
            Some(Wrong::Hangs) => pending().await,
            Some(Wrong::Identity) => Err(elbow_sensor::SensorFault::WrongIdentity),
            Some(Wrong::Other) => Err(elbow_sensor::SensorFault::Other),
            _ => Ok(()),
        }
    }

    /// Fails as told; another device at its address has no values either.
    async fn read(&mut self) -> Result<[f32; 1], elbow_sensor::SensorFault> {
        match self.fault() {
            Some(Wrong::Nan) => Ok([f32::NAN]),
            Some(Wrong::OutOfRange) => Ok([201.0]),
            Some(_) => self.start().await.map(|()| [0.0]),
            None => Ok([Self::value((self.clock.now.get() / 10_000) as u32)]),
        }
    }
}

/// A clock that goes to the next time that somebody waits for.
#[derive(Debug, Default)]
pub struct Clock {
    now: Cell<u64>,
    waited: RefCell<Vec<u64>>,
}

impl Clock {
    /// Goes to the next time that is waited for, and gives it.
    pub fn to_next(&self) -> Option<u64> {
        let next = self.waited.borrow_mut().drain(..).min()?;
        self.now.set(next);
        Some(next)
    }
}

impl elbow_sensor::Clock for Clock {
    /// The time.
    fn now_us(&self) -> u64 {
        self.now.get()
    }

    /// Notes the time that is waited for whenever it is asked.
    async fn until(&self, t_us: u64) {
        poll_fn(|_| {
            if self.now.get() >= t_us {
                return Poll::Ready(());
            }
            self.waited.borrow_mut().push(t_us);
            Poll::Pending
        })
        .await
    }
}

/// When a link takes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    pub hangs_from_us: u64,
    pub until_us: u64,
}

/// A link into a buffer.
struct Wire<'t> {
    clock: &'t Clock,
    link: Link,
    sent: &'t RefCell<Vec<u8>>,
}

impl ErrorType for Wire<'_> {
    type Error = ErrorKind;
}

impl Write for Wire<'_> {
    /// Takes the bytes, unless it hangs.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if (self.link.hangs_from_us..self.link.until_us).contains(&self.clock.now.get()) {
            pending::<()>().await;
        }
        self.sent.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    /// Nothing to do.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Counts how often it is fed.
#[derive(Debug, Default)]
pub struct Dog(u32);

impl Watchdog for Dog {
    /// Counts.
    fn feed(&mut self) {
        self.0 += 1;
    }
}

/// What goes wrong besides the sensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The task that infers does not run.
    InferenceStops,
}

/// A status that was told.
#[derive(Clone, Debug)]
pub struct Status {
    pub model: String,
    pub sensor: String,
    pub channels: u32,
    pub hop: u32,
    pub rate: f32,
    pub reset: ResetReason,
    pub t_us: u64,
}

/// A window that was told.
#[derive(Clone, Debug)]
pub struct Sensed {
    pub number: u32,
    pub reading: u32,
    pub t_us: u64,
    pub mean: Vec<f32>,
    pub log_var: Vec<f32>,
    pub judgement: Judgement,
}

/// All that was told, and how often the watchdog was fed.
#[derive(Debug)]
pub struct Told {
    pub status: Vec<Status>,
    pub sensed: Vec<Sensed>,
    pub fed: u32,
    counts: Counts,
}

impl Told {
    /// The counters at the end.
    pub fn last_counts(&self) -> Counts {
        self.counts
    }
}

/// Runs the four tasks for so many seconds.
pub fn run(seconds: u64, faults: &[(f64, f64, Wrong)], link: Link, events: &[Event]) -> Told {
    let clock = Clock::default();
    let sent = RefCell::new(Vec::new());
    let mut dog = Dog::default();
    let pipeline = Pipeline::<Readings<'_>, Scoring<Model>>::new();
    {
        let mut sensor = Readings { clock: &clock, faults };
        let mut sensing = Scoring::<Model>::new();
        sensing.boot(&WEIGHTS.0).expect("its weights");
        let mut wire = Wire { clock: &clock, link, sent: &sent };
        let mut framer = Framer::new([0; message_len(128)], [0; frame_len(128)]);
        let identity = Identity::new(ResetReason::Watchdog);
        let mut sampling = pin!(sample(&mut sensor, &clock, &pipeline));
        let mut inferring = pin!(infer(&mut sensing, &clock, &pipeline));
        let mut telling = pin!(tell(&mut wire, &clock, &pipeline, identity, &mut framer));
        let mut guarding = pin!(guard(&mut dog, &clock, &pipeline));
        let infers = !events.contains(&Event::InferenceStops);
        let mut context = Context::from_waker(Waker::noop());
        while clock.now.get() < 1_000_000 * seconds {
            // Twice, so that what one task hands to another is taken before the time goes on.
            for _ in 0..3 {
                clock.waited.borrow_mut().clear();
                let _ = sampling.as_mut().poll(&mut context).is_pending();
                let _ = infers && inferring.as_mut().poll(&mut context).is_pending();
                let _ = telling.as_mut().poll(&mut context).is_pending();
                let _ = guarding.as_mut().poll(&mut context).is_pending();
            }
            clock.to_next().expect("somebody waits");
        }
    }
    let mut told = Told { status: vec![], sensed: vec![], fed: dog.0, counts: pipeline.counts() };
    let mut deframer = Deframer::new([0; message_len(128)]);
    for byte in sent.into_inner() {
        let Some(message) = deframer.push(byte) else { continue };
        match parse(message).expect("a reply") {
            Reply::Status(s) => told.status.push(Status {
                model: s.model.into(),
                sensor: s.sensor.into(),
                channels: s.channels,
                hop: s.hop,
                rate: s.rate,
                reset: s.reset,
                t_us: s.t_us,
            }),
            Reply::Sensed(s) => told.sensed.push(Sensed {
                number: s.number,
                reading: s.reading,
                t_us: s.t_us,
                mean: s.mean.iter().collect(),
                log_var: s.log_var.iter().collect(),
                judgement: s.judgement,
            }),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(deframer.bad_frames(), 0);
    told
}
