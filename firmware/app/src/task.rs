//! The request loop: receive, encode, sample, score, infer, answer.

use crate::{Board, Event, Model, Models};
use elbow_core::distributions::rsample;
use elbow_core::noise::{NOISE_VERSION, Stream, fill_standard_normal};
use elbow_core::wire::{
    Cost, Deframer, Floats, Framer, Inference, Judged, Kind, PAINT, PROTOCOL, Refusal, Reply,
    Request, Score, parse,
};

/// The program's memory.
///
/// `MESSAGE` and `FRAME` are [`message_len`](elbow_core::wire::message_len) and
/// [`frame_len`](elbow_core::wire::frame_len) of the largest payload, `LATENT` the most latents of a
/// model.
#[derive(Debug)]
pub struct Task<const MESSAGE: usize, const FRAME: usize, const LATENT: usize> {
    receive: Deframer<[u8; MESSAGE]>,
    answer: Answer<MESSAGE, FRAME, LATENT>,
}

/// What answers are made of and in.
#[derive(Debug)]
struct Answer<const MESSAGE: usize, const FRAME: usize, const LATENT: usize> {
    framer: Framer<[u8; MESSAGE], [u8; FRAME]>,
    selected: Option<u32>,
    eps: [f32; LATENT],
    z: [f32; LATENT],
}

impl<const MESSAGE: usize, const FRAME: usize, const LATENT: usize> Task<MESSAGE, FRAME, LATENT> {
    /// The program's memory with nothing received and no model selected.
    pub const fn new() -> Self {
        Self {
            receive: Deframer::new([0; MESSAGE]),
            answer: Answer {
                framer: Framer::new([0; MESSAGE], [0; FRAME]),
                selected: None,
                eps: [0.0; LATENT],
                z: [0.0; LATENT],
            },
        }
    }

    /// Serves the requests that `board` reads, one at a time, until the host says goodbye, which is answered
    /// too. A request that cannot be carried out is answered with its refusal; damaged frames are dropped.
    /// Both are logged.
    pub fn serve<M: Models>(&mut self, board: &mut impl Board, models: &mut M) {
        board.log(Event::Ready { models: M::COUNT });
        let mut bad_frames = 0;
        loop {
            let byte = board.read();
            let Some(message) = self.receive.push(byte) else {
                if self.receive.bad_frames() != bad_frames {
                    bad_frames = self.receive.bad_frames();
                    board.log(Event::BadFrames(bad_frames));
                }
                continue;
            };
            let request = parse(message).ok_or(Refusal::Malformed);
            if request == Ok(Request::Bye) {
                board.log(Event::Bye);
                self.answer.send(board, &Reply::Bye);
                return;
            }
            if let Err(refusal) = request.and_then(|r| self.answer.to(r, board, models)) {
                board.log(Event::Refused(refusal));
                self.answer.send(board, &Reply::Refused(refusal));
            }
        }
    }
}

impl<const MESSAGE: usize, const FRAME: usize, const LATENT: usize> Default
    for Task<MESSAGE, FRAME, LATENT>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const MESSAGE: usize, const FRAME: usize, const LATENT: usize> Answer<MESSAGE, FRAME, LATENT> {
    /// Carries out a request and sends its replies. `Err` is the refusal that the caller has to send; replies
    /// before it stay sent. Does nothing for `Bye`.
    fn to<M: Models>(
        &mut self,
        request: Request<'_>,
        board: &mut impl Board,
        models: &mut M,
    ) -> Result<(), Refusal> {
        match request {
            Request::Hello => {
                let (protocol, noise_version) = (PROTOCOL, NOISE_VERSION);
                let ticks_per_million = board.ticks_per_million();
                let models = M::COUNT;
                self.send(
                    board,
                    &Reply::Hello { protocol, noise_version, models, ticks_per_million },
                );
                Ok(())
            }
            Request::Select { model } => self.select(model, board, models),
            Request::Encode { row, key, samples, inputs } => {
                let model = self.selected(models)?;
                self.encode(board, model, row, inputs)?;
                (0..samples).try_for_each(|sample| self.sample(board, model, row, key, sample))
            }
            Request::Run { row, inputs } => {
                let model = self.selected(models)?;
                self.run(board, model, row, inputs)
            }
            Request::Reset => {
                self.selected(models)?.reset();
                self.send(board, &Reply::Reset);
                Ok(())
            }
            Request::Trace => {
                let model = self.selected(models)?;
                self.trace(board, model);
                Ok(())
            }
            Request::Infer { row, key, task, count, inputs } => {
                let model = self.selected(models)?;
                self.infer(board, model, (task, count), (key, row), inputs)
            }
            Request::LogProb { row, inputs } => {
                let model = self.selected(models)?;
                self.log_prob(board, model, row, inputs)
            }
            Request::Watch => {
                let model = self.selected(models)?;
                self.watch(board, model)
            }
            Request::Reading { t_us, values } => {
                let model = self.selected(models)?;
                self.judge(board, model, t_us, values)
            }
            Request::Clock => {
                let ticks_per_second = board.ticks_per_second();
                self.send(board, &Reply::Clock { ticks_per_second });
                Ok(())
            }
            Request::Bye => Ok(()),
        }
    }

    /// Makes model number `index` the selected one: opens it, zeros its state, gives it the board's clock,
    /// logs and sends its description. `Err` for an unknown model or damaged weights, after which none is
    /// selected.
    fn select<M: Models>(
        &mut self,
        index: u32,
        board: &mut impl Board,
        models: &mut M,
    ) -> Result<(), Refusal> {
        self.selected = None;
        let model = models.get(index).ok_or(Refusal::UnknownModel { models: M::COUNT })?;
        model.open()?;
        model.reset();
        model.set_clock(board.clock());
        self.selected = Some(index);
        let described = model.describe();
        board.log(Event::Selected { model: index, kind: described.kind });
        self.send(board, &Reply::Described(described));
        Ok(())
    }

    /// The selected model; `Err` is [`Refusal::NothingSelected`].
    fn selected<'m, M: Models>(&self, models: &'m mut M) -> Result<&'m mut dyn Model, Refusal> {
        self.selected.and_then(|index| models.get(index)).ok_or(Refusal::NothingSelected)
    }

    /// Loads `inputs`, encodes them and, where the model can, scores the observation, both measured; sends
    /// one `Posterior` per posterior. `Err`, with nothing sent, for a model without posteriors, inputs of
    /// another length, and what encoder or decoder refused.
    fn encode(
        &mut self,
        board: &mut impl Board,
        model: &mut dyn Model,
        row: u64,
        inputs: Floats<'_>,
    ) -> Result<(), Refusal> {
        let Kind::Amortized { posteriors, .. } = model.describe().kind else {
            return Err(Refusal::WrongKind);
        };
        model.load(inputs)?;
        let (inferred, cost) = measure(board, model, |model| model.infer());
        inferred?;
        let clamp_hits = model.clamp_hits();
        let (terms, score_cost) = measure(board, model, |model| model.score());
        let score = terms.transpose()?.map(|terms| Score {
            log_likelihood: terms.log_likelihood,
            kl: terms.kl,
            cost: score_cost,
        });
        for index in 0..posteriors {
            let [mean, log_var] = posterior(model, index).map(Floats::new);
            let reply = Reply::Posterior { row, index, mean, log_var, clamp_hits, cost, score };
            self.send(board, &reply);
        }
        Ok(())
    }

    /// Loads `inputs`, encodes them, does `task` with the posterior and the noise of `stream`, key and row,
    /// and sends `Inferred`. Only the task is measured. `Err`, with nothing sent, for a model that does not do
    /// `task`, of which nothing has run then, inputs of another length, and what encoder or decoder refused.
    fn infer(
        &mut self,
        board: &mut impl Board,
        model: &mut dyn Model,
        task: (Inference, u32),
        stream: (u64, u64),
        inputs: Floats<'_>,
    ) -> Result<(), Refusal> {
        if !model.explains(task.0) {
            return Err(Refusal::WrongKind);
        }
        model.load(inputs)?;
        model.infer()?;
        let (found, cost) = measure(board, model, |model| model.explain(task, stream));
        let found = found.ok_or(Refusal::WrongKind)??;
        let [mean, log_var] = posterior(model, 0).map(Floats::new);
        self.send(board, &Reply::Inferred { row: stream.1, mean, log_var, found, cost });
        Ok(())
    }

    /// Loads `inputs` and sends their `ln p(x)`, measured. `Err`, with nothing sent, for inputs of another
    /// length, what the flow refused, and a model that is no flow with a standard normal latent, whose inputs
    /// are then loaded all the same. An infinite or NaN value, where the map overflows, is sent as it is.
    fn log_prob(
        &mut self,
        board: &mut impl Board,
        model: &mut dyn Model,
        row: u64,
        inputs: Floats<'_>,
    ) -> Result<(), Refusal> {
        model.load(inputs)?;
        let (value, cost) = measure(board, model, |model| model.log_prob());
        let value = value.ok_or(Refusal::WrongKind)??;
        self.send(board, &Reply::LogProb { row, value, cost });
        Ok(())
    }

    /// Sends `Traced` and one `Layer` per step of the last inference.
    fn trace(&mut self, board: &mut impl Board, model: &dyn Model) {
        let trace = model.trace();
        self.send(board, &Reply::Traced { layers: trace.len() as u32 });
        for (index, &crc) in (0..).zip(trace) {
            self.send(board, &Reply::Layer { index, crc });
        }
    }

    /// Begins a recording for the detector of the model, and sends its bytes. `Err`, with nothing sent, for a model
    /// without one, and for damaged weights.
    fn watch(&mut self, board: &mut impl Board, model: &mut dyn Model) -> Result<(), Refusal> {
        let detector_bytes = model.watch().ok_or(Refusal::WrongKind)??;
        self.send(board, &Reply::Watching { detector_bytes });
        Ok(())
    }

    /// Hands the reading `values`, which came at `t_us`, to the detector of the model, and sends its verdict,
    /// measured without the arena. `Err`, with nothing sent, for a model without a detector, a reading of another
    /// length, and what the generated code refused.
    fn judge(
        &mut self,
        board: &mut impl Board,
        model: &mut dyn Model,
        t_us: u64,
        values: Floats<'_>,
    ) -> Result<(), Refusal> {
        model.take(values)?;
        let (verdict, measured) = board.measure(|| model.judge(t_us));
        let verdict = verdict.ok_or(Refusal::WrongKind)??;
        let [g, statistic] = model.sums();
        let (ticks, stack_bytes) = (measured.ticks, measured.stack_bytes);
        let cost = Cost { ticks, stack_bytes, arena_bytes: 0 };
        self.send(board, &Reply::Judged(Judged { verdict, g, statistic, cost }));
        Ok(())
    }

    /// Draws once from every posterior of the last inference, with the noise of the stream of `key`, `row`
    /// and `sample`, and sends `Sample`. Overwrites `eps` and `z`. `Err`, with nothing sent, for a model
    /// without posteriors; the noise does not fail.
    fn sample(
        &mut self,
        board: &mut impl Board,
        model: &dyn Model,
        row: u64,
        key: u64,
        sample: u32,
    ) -> Result<(), Refusal> {
        let Kind::Amortized { latent, posteriors, .. } = model.describe().kind else {
            return Err(Refusal::WrongKind);
        };
        let eps = self.eps.get_mut(..latent as usize).unwrap_or_default();
        let z = self.z.get_mut(..latent as usize).unwrap_or_default();
        let stream = Stream::new(key, row, sample);
        fill_standard_normal(&mut { stream }, eps).map_err(|_| Refusal::NoNoise)?;
        let mut start = 0;
        for index in 0..posteriors {
            let [mean, log_var] = posterior(model, index);
            let end = start + mean.len();
            let own = eps.get(start..end).zip(z.get_mut(start..end));
            own.into_iter().for_each(|(eps, z)| rsample(mean, log_var, eps, z));
            start = end;
        }
        let words = { stream }.next_block();
        let (eps, z) = (Floats::new(eps), Floats::new(z));
        send(&mut self.framer, board, &Reply::Sample { row, sample, words, eps, z });
        Ok(())
    }

    /// Loads `inputs`, runs the model, measured, and sends `Ran` and one `Output` per output. `Err`, with
    /// nothing sent, for a model with posteriors, inputs of another length, and what the model refused.
    fn run(
        &mut self,
        board: &mut impl Board,
        model: &mut dyn Model,
        row: u64,
        inputs: Floats<'_>,
    ) -> Result<(), Refusal> {
        let Kind::Bare { outputs, .. } = model.describe().kind else {
            return Err(Refusal::WrongKind);
        };
        model.load(inputs)?;
        let (inferred, cost) = measure(board, model, |model| model.infer());
        inferred?;
        self.send(board, &Reply::Ran { row, outputs, cost });
        for index in 0..outputs {
            let values = Floats::new(model.output(index).unwrap_or_default());
            self.send(board, &Reply::Output { index, values });
        }
        Ok(())
    }

    /// Sends a reply, as [`send`] does.
    fn send(&mut self, board: &mut impl Board, reply: &Reply<'_>) {
        send(&mut self.framer, board, reply);
    }
}

/// Sends `reply` as a frame. Every reply fits the buffers of a `Task` with the sizes of its models; one that
/// does not is not sent, and the host's wait ends with its time limit.
fn send<const MESSAGE: usize, const FRAME: usize>(
    framer: &mut Framer<[u8; MESSAGE], [u8; FRAME]>,
    board: &mut impl Board,
    reply: &Reply<'_>,
) {
    if let Ok(frame) = framer.frame(reply) {
        board.write(frame);
    }
}

/// Mean and log-variance of posterior number `index` of the last inference; both are empty where there are
/// not so many.
fn posterior(model: &dyn Model, index: u32) -> [&[f32]; 2] {
    [0, 1].map(|head| model.output(2 * index + head).unwrap_or_default())
}

/// Result of `work(model)`, and what it cost. The arena is painted before, so that what it held is lost, and
/// its words that have another value afterwards count as used.
fn measure<R>(
    board: &mut impl Board,
    model: &mut dyn Model,
    work: impl FnOnce(&mut dyn Model) -> R,
) -> (R, Cost) {
    model.arena().fill(f32::from_bits(PAINT));
    let (result, measured) = board.measure(|| work(model));
    let used = model.arena().iter().filter(|value| value.to_bits() != PAINT).count();
    let arena_bytes = (used * size_of::<f32>()) as u32;
    (result, Cost { ticks: measured.ticks, stack_bytes: measured.stack_bytes, arena_bytes })
}
