//! The program on the host: a board made of buffers, and the small model of `tests/golden`.

use elbow_app::{Board, Event, Measured, Models, Only, Unwatched};
use elbow_core::distributions::DiagNormal;
use elbow_core::infer::{InferError, LogLikelihood, Scratch, elbo, iwae};
use elbow_core::noise::{Independent, NOISE_VERSION, Stream, fill_standard_normal};
use elbow_core::pack::{Aligned, Pack};
use elbow_core::wire::{
    Cost, Deframer, Floats, Framer, Inference, Inferred, Judged, Kind, PROTOCOL, Refusal, Reply,
    Request, Score, frame_len, message_len, parse,
};
use elbow_models::tiny::model;
use elbow_models::watched::model as watched;
use elbow_models::{Image, Linked, Task};
use std::collections::VecDeque;

const PAYLOAD: usize = 256;
const KEY: u64 = 11;
const X: [f32; 4] = [0.5, -1.0, 2.0, 0.25];

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!("../../../tests/golden/tiny/weights.bin"));

/// Reads from one buffer and writes into another.
#[derive(Default)]
struct Loopback {
    input: VecDeque<u8>,
    output: Vec<u8>,
    events: Vec<Event>,
}

impl Board for Loopback {
    /// The next byte of `input`; panics where there is none.
    fn read(&mut self) -> u8 {
        self.input.pop_front().expect("the program stops at `Bye`")
    }

    /// Appends the bytes to `output`.
    fn write(&mut self, bytes: &[u8]) {
        self.output.extend(bytes);
    }

    /// A fixed number.
    fn ticks_per_million(&self) -> u32 {
        25_000
    }

    /// A fixed number.
    fn ticks_per_second(&self) -> Option<u32> {
        Some(1_000_000)
    }

    /// Runs `work`, and says that it took 7 ticks and an unknown stack.
    fn measure<R>(&mut self, work: impl FnOnce() -> R) -> (R, Measured) {
        (work(), Measured { ticks: 7, stack_bytes: None })
    }

    /// Appends the event to `events`.
    fn log(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// The bytes of a request's frame.
fn frame(request: &Request<'_>) -> Vec<u8> {
    let mut framer = Framer::new([0; message_len(PAYLOAD)], [0; frame_len(PAYLOAD)]);
    framer.frame(request).expect("it fits").to_vec()
}

/// The frame of an `Encode` with [`KEY`].
fn encode(row: u64, samples: u32, x: &[f32]) -> Vec<u8> {
    frame(&Request::Encode { row, key: KEY, samples, inputs: Floats::new(x) })
}

/// The frame of a `Select`.
fn select(model: u32) -> Vec<u8> {
    frame(&Request::Select { model })
}

/// Runs the program on these frames and `Bye`, with a new image; returns its messages without the answer to
/// `Bye`, and its log. Panics where a byte is not read or the last message is not `Bye`.
fn serve(frames: &[Vec<u8>]) -> (Vec<Vec<u8>>, Vec<Event>) {
    serve_with(frames, &mut Image::new())
}

/// [`serve`] with these models.
fn serve_with(frames: &[Vec<u8>], models: &mut impl Models) -> (Vec<Vec<u8>>, Vec<Event>) {
    let bye = frame(&Request::Bye);
    let mut board = Loopback::default();
    board.input.extend(frames.iter().chain([&bye]).flatten());
    Task::new().serve(&mut board, models);
    assert!(board.input.is_empty(), "every byte is read");
    let mut deframer = Deframer::new([0; message_len(PAYLOAD)]);
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for byte in board.output {
        messages.extend(deframer.push(byte).map(<[u8]>::to_vec));
    }
    assert_eq!(messages.pop().as_deref().and_then(parse), Some(Reply::Bye));
    (messages, board.events)
}

/// The replies that these messages are; panics where one is none.
fn replies(messages: &[Vec<u8>]) -> Vec<Reply<'_>> {
    messages.iter().map(|message| parse(message).expect("a reply")).collect()
}

/// What the generated module answers when it is called directly: posterior, number of clamped log-variances,
/// and score with a cost of zeros.
fn directly(x: &[f32; 4]) -> (DiagNormal<2>, u32, Score) {
    let pack = Pack::new_checked(&WEIGHTS.0).expect("a pack");
    let mut workspace = model::Workspace::new();
    let mut q = DiagNormal::standard();
    model::encode(&pack, &mut workspace, x, &mut q).expect("finite");
    let clamp_hits = workspace.clamp_hits;
    let terms = model::score(&pack, &mut workspace, x, &q, &mut [0.0; 4]).expect("finite");
    let score = Score { log_likelihood: terms.log_likelihood, kl: terms.kl, cost: Cost::default() };
    (q, clamp_hits, score)
}

#[test]
fn the_program_greets_and_describes_its_models() {
    let requests = [frame(&Request::Hello), select(0), frame(&Request::Clock)];
    let (messages, events) = serve(&requests);
    let [hello, Reply::Described(described), clock] = replies(&messages)[..] else {
        panic!("three replies");
    };
    assert_eq!(clock, Reply::Clock { ticks_per_second: Some(1_000_000) });
    let (noise_version, ticks_per_million) = (NOISE_VERSION, 25_000);
    let expected = Reply::Hello { protocol: PROTOCOL, noise_version, models: 2, ticks_per_million };
    assert_eq!(hello, expected);
    let kind = Kind::Amortized { inputs: 4, latent: 2, posteriors: 1, scored: true };
    assert_eq!((described.name, described.kind), ("tiny", kind));
    assert_eq!(described.fingerprint, model::FINGERPRINT);
    assert_eq!(described.workspace_bytes as usize, size_of::<model::Workspace>());
    let selected = Event::Selected { model: 0, kind };
    assert_eq!(events, [Event::Ready { models: 2 }, selected, Event::Bye]);
}

#[test]
fn a_row_is_answered_with_its_posterior_score_and_samples() {
    let (messages, _) = serve(&[select(0), encode(5, 2, &X)]);
    let [
        _,
        Reply::Posterior { row: 5, index: 0, mean, log_var, clamp_hits, cost, score: Some(score) },
        ref samples @ ..,
    ] = replies(&messages)[..]
    else {
        panic!("a posterior with a score");
    };
    let (q, hits, expected) = directly(&X);
    assert_eq!((mean, log_var), (Floats::new(&q.loc), Floats::new(&q.log_var)));
    assert_eq!(
        (clamp_hits, score.log_likelihood, score.kl),
        (hits, expected.log_likelihood, expected.kl)
    );
    assert_eq!((cost.ticks, cost.stack_bytes, cost.arena_bytes), (7, None, 12));
    assert_eq!(samples.len(), 2);
    for (number, reply) in (0..).zip(samples) {
        let (mut stream, mut eps, mut z) = (Stream::new(KEY, 5, number), [0.0; 2], [0.0; 2]);
        let words = { stream }.next_block();
        fill_standard_normal(&mut stream, &mut eps).expect("the stream does not fail");
        q.rsample(&eps, &mut z);
        let (eps, z) = (Floats::new(&eps), Floats::new(&z));
        assert_eq!(*reply, Reply::Sample { row: 5, sample: number, words, eps, z });
    }
}

/// The frame of an `Infer` with [`KEY`].
fn infer(row: u64, task: Inference, count: u32, x: &[f32]) -> Vec<u8> {
    frame(&Request::Infer { row, key: KEY, task, count, inputs: Floats::new(x) })
}

/// What the core's functions find for [`X`], by `count` draws, or steps of a refinement, with the noise of
/// [`KEY`] and `row`; and the posterior afterwards: the encoder's for a bound, else what the refinement left.
/// Panics where anything is refused.
fn inferred_directly(row: u64, task: Inference, count: u32) -> (Inferred, DiagNormal<2>) {
    let pack = &Pack::new_checked(&WEIGHTS.0).expect("a pack");
    let (mut q, ..) = directly(&X);
    let (ws, x, x_mean) = (&mut model::Workspace::new(), &X, &mut [0.0; 4]);
    let mut observation = model::Observation { pack, ws, x, x_mean };
    let mut noise = Independent { key: KEY, datapoint: row };
    let scratch = Scratch { eps: &mut [0.0; 2], z: &mut [0.0; 2] };
    let bound = |values| Inferred { values, kept_start: false };
    let found = match task {
        Inference::Elbo => {
            let terms = elbo(&mut observation, (&q).into(), &mut noise, 0..count, scratch);
            let terms = terms.expect("finite");
            bound([terms.log_likelihood, terms.kl])
        }
        Inference::Iwae => {
            let iwae = iwae(&mut observation, (&q).into(), &mut noise, 0..count, scratch);
            let iwae = iwae.expect("finite");
            bound([iwae.bound(), iwae.ess()])
        }
        Inference::Refine | Inference::RefinePrior => {
            if task == Inference::RefinePrior {
                q = DiagNormal::standard();
            }
            let guarded = model::refine(&mut observation, &mut q, count, (KEY, row));
            let guarded = guarded.expect("finite");
            Inferred { values: [guarded.gain, guarded.se], kept_start: guarded.kept_start }
        }
    };
    (found, q)
}

#[test]
fn a_row_is_answered_with_what_its_decoder_infers() {
    let tasks = [
        (Inference::Elbo, 16),
        (Inference::Iwae, 16),
        (Inference::Refine, 10),
        (Inference::RefinePrior, 10),
    ];
    let requests = tasks.map(|(task, count)| infer(5, task, count, &X));
    let (messages, _) = serve(&[&[select(0)], &requests[..]].concat());
    let replies = replies(&messages);
    for (reply, (task, count)) in replies[1..].iter().zip(tasks) {
        let (found, q) = inferred_directly(5, task, count);
        let Reply::Inferred { mean, log_var, cost, .. } = *reply else {
            panic!("{task:?}: {reply:?}");
        };
        assert_eq!(cost.ticks, 7, "{task:?}");
        assert_eq!((mean, log_var), (Floats::new(&q.loc), Floats::new(&q.log_var)), "{task:?}");
        assert!(found.values[0].is_finite(), "{task:?}: {found:?}");
        let expected = Reply::Inferred { row: 5, mean, log_var, found, cost };
        assert_eq!(*reply, expected, "{task:?}");
    }
    let (better, _) = inferred_directly(5, Inference::Refine, 10);
    assert!(!better.kept_start && better.values[0] > 0.0, "{better:?} is no refinement");
    let nan = infer(5, Inference::Elbo, 1, &[f32::NAN, 0.0, 0.0, 0.0]);
    let (messages, _) = serve(&[select(0), nan]);
    let refused = Reply::Refused(Refusal::NonFiniteInput { index: 0 });
    assert_eq!(parse::<Reply<'_>>(&messages[1]), Some(refused));
}

/// The second model has no `[refine]`, which is said before anything is computed of an input that the encoder would
/// refuse.
#[test]
fn what_a_model_does_not_do_is_refused_before_it_encodes() {
    let nan = [f32::NAN, 0.0, 0.0, 0.0];
    for task in [Inference::Refine, Inference::RefinePrior] {
        let (messages, _) = serve(&[select(1), infer(5, task, 1, &nan)]);
        assert_eq!(replies(&messages)[1], Reply::Refused(Refusal::WrongKind), "{task:?}");
    }
    let (messages, _) = serve(&[select(1), infer(5, Inference::Elbo, 1, &nan)]);
    assert_eq!(replies(&messages)[1], Reply::Refused(Refusal::NonFiniteInput { index: 0 }));
    let (messages, _) = serve(&[select(1), infer(5, Inference::Iwae, 4, &X)]);
    assert!(matches!(replies(&messages)[1], Reply::Inferred { row: 5, .. }));
}

#[test]
fn a_latent_of_another_length_is_an_error() {
    use elbow_core::infer::Gradient;
    let pack = &Pack::new_checked(&WEIGHTS.0).expect("a pack");
    let (ws, x, x_mean) = (&mut model::Workspace::new(), &X, &mut [0.0; 4]);
    let mut observation = model::Observation { pack, ws, x, x_mean };
    let wrong = |found| Err(InferError::WrongLength { expected: 2, found });
    assert_eq!(observation.log_likelihood(&[0.0; 3]), wrong(3));
    assert_eq!(observation.gradient(&[0.0; 1], &mut [0.0; 2]), wrong(1));
    assert_eq!(observation.gradient(&[0.0; 2], &mut [0.0; 3]), wrong(3));
    assert!(observation.gradient(&[0.0; 2], &mut [0.0; 2]).is_ok());
}

#[test]
fn a_request_that_cannot_be_carried_out_is_refused_and_the_next_one_served() {
    let run = frame(&Request::Run { row: 0, inputs: Floats::new(&X) });
    let log_prob = frame(&Request::LogProb { row: 0, inputs: Floats::new(&X) });
    let nan = [0.0, 0.0, f32::NAN, 0.0];
    let requests = [
        encode(0, 0, &X),
        select(2),
        select(0),
        run,
        log_prob,
        encode(0, 0, &X[..3]),
        encode(0, 0, &nan),
        encode(9, 0, &X),
    ];
    let (messages, events) = serve(&requests);
    let refusals = [
        Refusal::NothingSelected,
        Refusal::UnknownModel { models: 2 },
        Refusal::WrongKind,
        Refusal::WrongKind,
        Refusal::WrongLength { expected: 4, found_bytes: 12 },
        Refusal::NonFiniteInput { index: 2 },
    ];
    let replies = replies(&messages);
    let found = replies.iter().filter_map(|reply| match reply {
        Reply::Refused(refusal) => Some(*refusal),
        _ => None,
    });
    assert_eq!(found.collect::<Vec<_>>(), refusals);
    let logged = events.iter().filter_map(|event| match event {
        Event::Refused(refusal) => Some(*refusal),
        _ => None,
    });
    assert_eq!(logged.collect::<Vec<_>>(), refusals);
    assert!(matches!(replies.last(), Some(Reply::Posterior { row: 9, .. })));
}

#[test]
fn damaged_frames_are_dropped_and_logged() {
    let mut damaged = frame(&Request::Hello);
    damaged[0] ^= 0x10;
    let (messages, events) = serve(&[damaged, vec![9, 9, 9, 0], frame(&Request::Hello)]);
    assert_eq!(messages.len(), 1, "{events:?}");
    assert!(events.contains(&Event::BadFrames(2)), "{events:?}");
}

/// Readings of the watched model, the first window of which is normal; the last reading is infinite.
const READINGS: [[f32; 2]; 5] =
    [[0.5, -1.0], [2.0, -0.75], [0.0, -1.25], [1.0, -1.0], [f32::INFINITY, -0.5]];

#[test]
fn readings_are_answered_with_the_verdicts_of_the_detector() {
    let reading = |(at, values): (u64, &[f32; 2])| {
        frame(&Request::Reading { t_us: 10_000 * at, values: Floats::new(values) })
    };
    let first = [select(1), reading((0, &READINGS[0])), frame(&Request::Watch)];
    let readings = (0..).zip(&READINGS).map(reading);
    let (messages, _) = serve(&first.into_iter().chain(readings).collect::<Vec<_>>());
    let [_, early, Reply::Watching { detector_bytes }, ref judged @ ..] = replies(&messages)[..]
    else {
        panic!("a detector");
    };
    assert_eq!(early, Reply::Refused(Refusal::NothingSelected));
    let mut detector = watched::Detector::new();
    assert_eq!(detector_bytes as usize, size_of_val(&detector));
    detector.boot(watched::Model::weights()).expect("its weights");
    for ((at, reading), reply) in (0..).zip(&READINGS).zip(judged) {
        let verdict = detector.push_at(10_000 * at, reading).expect("a verdict");
        let monitor = detector.monitor();
        let (g, statistic) = (monitor.cusum().g(), monitor.statistic());
        let cost = Cost { ticks: 7, stack_bytes: None, arena_bytes: 0 };
        assert_eq!(*reply, Reply::Judged(Judged { verdict, g, statistic, cost }));
    }
    assert_eq!(judged.len(), READINGS.len());
}

#[test]
fn a_model_without_a_detector_judges_nothing() {
    let reading = frame(&Request::Reading { t_us: 0, values: Floats::new(&READINGS[0]) });
    let (messages, _) = serve(&[select(0), frame(&Request::Watch), reading]);
    let refused = Reply::Refused(Refusal::WrongKind);
    assert_eq!(replies(&messages)[1..], [refused, refused]);
}

#[test]
fn a_program_with_a_model_of_its_own_answers_as_an_image_of_that_model() {
    let requests = [
        frame(&Request::Hello),
        select(1),
        select(0),
        encode(5, 2, &X),
        infer(5, Inference::Refine, 10, &X),
        frame(&Request::Reset),
        frame(&Request::Watch),
    ];
    let mut only = Only::<model::Model, Unwatched>::new(&WEIGHTS.0);
    let (found, _) = serve_with(&requests, &mut only);
    let (expected, _) = serve(&requests);
    let (found, expected) = (replies(&found), replies(&expected));
    assert!(matches!(found[0], Reply::Hello { models: 1, .. }), "{found:?}");
    assert_eq!(found[1], Reply::Refused(Refusal::UnknownModel { models: 1 }));
    assert_eq!(found[2..], expected[2..]);
}
