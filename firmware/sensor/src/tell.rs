//! The task that tells the host.

use crate::clock::within;
use crate::pipeline::{Finding, Worker};
use crate::{Clock, Pipeline, Sensing, Sensor};
use core::marker::PhantomData;
use elbow_core::compiled::{Buffers, Compiled, Windowed};
use elbow_core::window::Sliding;
use elbow_core::wire::{Floats, Framer, PROTOCOL, Reply, ResetReason, Sensed, Status};
use embassy_futures::select::{Either, select};
use embedded_io_async::Write;

/// From one status to the next, in microseconds.
const STATUS_US: u64 = 1_000_000;
/// Longest time that the link may take for a frame; what is left of it then is lost.
const LINK_LIMIT_US: u64 = 500_000;
/// Bytes that a status needs besides its names, above what a frame of any message has.
const FIGURES: usize = 64;

/// Bytes of the longest message that is told of this sensor and model, for `message_len` and `frame_len` of
/// [`elbow_core::wire`].
#[must_use]
pub const fn payload<S: Sensor, G: Sensing>() -> usize {
    let (lens, mut floats, mut at) = (G::Outputs::LENS, 0, 0);
    while at < lens.len() {
        floats += lens[at];
        at += 1;
    }
    let status = FIGURES + S::NAME.len() + G::Model::NAME.len();
    if 4 * floats > status { 4 * floats } else { status }
}

/// Why the program began, and for which sensor and model it tells.
#[derive(Clone, Copy, Debug)]
pub struct Identity<S, G> {
    reset: ResetReason,
    is_for: PhantomData<fn(S, G)>,
}

impl<S: Sensor, G: Sensing<Reading = S::Reading>> Identity<S, G> {
    /// Of a program that began for this reason.
    #[must_use]
    pub const fn new(reset: ResetReason) -> Self {
        Self { reset, is_for: PhantomData }
    }

    /// The status at this moment.
    fn status(&self, clock: &impl Clock, pipeline: &Pipeline<S, G>) -> Status<'static> {
        let figures = pipeline.figures();
        let shape = <G::Model as Windowed>::Window::SHAPE;
        Status {
            protocol: PROTOCOL,
            model: G::Model::NAME,
            fingerprint: G::Model::FINGERPRINT,
            sensor: S::NAME,
            channels: shape.channels as u32,
            hop: shape.hop as u32,
            rate: Pipeline::<S, G>::RATE,
            reset: self.reset,
            t_us: clock.now_us(),
            busy_us: figures.busy_us,
            counts: figures.counts,
        }
    }
}

/// Sends what was found as it comes, and the status at the start and every second, for ever. `framer` has buffers for
/// [`payload`]. What the link does not take in half a second is lost.
pub async fn tell<S, G, M, F>(
    link: &mut impl Write,
    clock: &impl Clock,
    pipeline: &Pipeline<S, G>,
    identity: Identity<S, G>,
    framer: &mut Framer<M, F>,
) -> !
where
    S: Sensor,
    G: Sensing<Reading = S::Reading>,
    M: AsMut<[u8]>,
    F: AsMut<[u8]>,
{
    let mut status_us = clock.now_us();
    loop {
        let next = select(pipeline.findings.receive(), clock.until(status_us)).await;
        let frame = match &next {
            Either::First(finding) => framer.frame(&sensed::<G>(finding)),
            Either::Second(()) => {
                status_us = clock.now_us() + STATUS_US;
                framer.frame(&Reply::Status(identity.status(clock, pipeline)))
            }
        };
        if let Ok(frame) = frame {
            let sent = within(clock, LINK_LIMIT_US, link.write_all(frame)).await;
            if !matches!(sent, Some(Ok(()))) {
                pipeline.note(|figures| {
                    let untold = &mut figures.counts.untold;
                    *untold = untold.saturating_add(1);
                });
            }
        }
        pipeline.progress(Worker::Tell);
    }
}

/// The message of a finding.
fn sensed<G: Sensing>(finding: &Finding<G::Outputs>) -> Reply<'_> {
    let posterior = finding.outputs.as_ref().and_then(G::posterior);
    let [mean, log_var] = posterior.map_or([&[][..]; 2], |q| [q.loc, q.log_var]);
    Reply::Sensed(Sensed {
        number: finding.number,
        reading: finding.reading,
        t_us: finding.t_us,
        delay_us: finding.delay_us,
        busy_us: finding.busy_us,
        mean: Floats::new(mean),
        log_var: Floats::new(log_var),
        judgement: finding.judgement,
    })
}
