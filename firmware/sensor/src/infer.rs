//! The task that infers.

use crate::pipeline::{Finding, Worker, add};
use crate::{Clock, Pipeline, Sensing, Sensor};
use elbow_core::compiled::Windowed;
use elbow_core::window::Sliding;
use elbow_core::wire::Judgement;

/// Hands readings to `sensing`, for ever, and what it finds to the queue of the link; a finding that has no place
/// there is counted. A reading that was lost is told as missing; of those that are missing before the first one, as
/// many as a window has are none of it, so that the first window begins with the first reading.
pub async fn infer<S: Sensor, G: Sensing<Reading = S::Reading>>(
    sensing: &mut G,
    clock: &impl Clock,
    pipeline: &Pipeline<S, G>,
) -> ! {
    let length = <G::Model as Windowed>::Window::SHAPE.length as u32;
    let (mut expected, mut has_begun) = (0, false);
    loop {
        let sample = pipeline.samples.receive().await;
        let lost = if has_begun { sample.number.saturating_sub(expected) } else { 0 };
        expected = sample.number.saturating_add(1);
        has_begun = has_begun || sample.reading.is_some() || sample.number >= length;
        if !has_begun {
            pipeline.progress(Worker::Infer);
            continue;
        }
        for before in (1..=lost.min(length)).rev() {
            let ago_us = u64::from(before) * Pipeline::<S, G>::PERIOD_NS / 1000;
            let place = (sample.number - before, sample.t_us.saturating_sub(ago_us));
            step(sensing, clock, pipeline, place, None);
        }
        step(sensing, clock, pipeline, (sample.number, sample.t_us), sample.reading);
        pipeline.progress(Worker::Infer);
    }
}

/// Hands the reading of this number and time over, and queues what is found.
fn step<S: Sensor, G: Sensing<Reading = S::Reading>>(
    sensing: &mut G,
    clock: &impl Clock,
    pipeline: &Pipeline<S, G>,
    place: (u32, u64),
    reading: Option<S::Reading>,
) {
    let (reading_number, t_us) = place;
    let start_us = clock.now_us();
    let judgement = sensing.push(t_us, reading);
    let end_us = clock.now_us();
    let busy_us = end_us.saturating_sub(start_us);
    let Some(judgement) = judgement else {
        pipeline.note(|figures| figures.busy_us = figures.busy_us.saturating_add(busy_us));
        return;
    };
    let delay_us = end_us.saturating_sub(t_us);
    let hop = <G::Model as Windowed>::Window::SHAPE.hop as u64;
    let is_late = delay_us > hop * Pipeline::<S, G>::PERIOD_NS / 1000;
    let number = pipeline.counts().windows;
    let finding = Finding {
        number,
        reading: reading_number,
        t_us,
        delay_us: delay_us.try_into().unwrap_or(u32::MAX),
        busy_us: busy_us.try_into().unwrap_or(u32::MAX),
        outputs: is_encoded(&judgement).then(|| sensing.outputs().clone()),
        judgement,
    };
    let is_untold = pipeline.findings.try_send(finding).is_err();
    pipeline.note(|figures| {
        figures.busy_us = figures.busy_us.saturating_add(busy_us);
        let counts = &mut figures.counts;
        add(&mut counts.windows, 1);
        add(&mut counts.late, is_late.into());
        add(&mut counts.untold, is_untold.into());
    });
}

/// Whether a window was encoded that this is said of.
fn is_encoded(judgement: &Judgement) -> bool {
    use elbow_core::detect::Verdict;
    match judgement {
        Judgement::Encoded | Judgement::Scored { .. } => true,
        Judgement::Verdict { verdict, .. } => matches!(
            verdict,
            Verdict::Scored { .. }
                | Verdict::Anomaly { .. }
                | Verdict::Alarm { .. }
                | Verdict::Drift { .. }
        ),
        Judgement::Refused(_) => false,
    }
}
