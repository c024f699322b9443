//! Requests and replies over any pair of byte streams.

use crate::{Context, Error, Result};
use elbow_core::wire::{self, Deframer, Framer, Refusal, Reply, Request};
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

/// How long a device may take to answer `Hello` before it is asked again.
const GREETING: Duration = Duration::from_secs(1);

/// A link to a device: an emulator's socket, a serial port.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    framer: Framer<Vec<u8>, Vec<u8>>,
    deframer: Deframer<Vec<u8>>,
    received: Vec<u8>,
    /// How long a reply may take; without it the stream's own limit decides.
    limit: Option<Duration>,
    /// Why the last reply did not come, so that a later one may be an answer to an older request; `None` where it did.
    lost: Option<Loss>,
    /// Answers to `Hello` that may still come, and are passed over.
    greetings: u32,
    /// Bytes that have come.
    came: u64,
}

/// Why a reply did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// No reply came in time.
    Silence,
    /// A frame arrived damaged.
    Damage,
    /// A whole frame was no reply of this protocol.
    OtherProtocol,
    /// The device has forgotten which model was selected.
    Reset,
    /// The stream failed or ended.
    Broken,
}

impl<S: Read + Write> Link<S> {
    /// A link over `stream`; messages carry at most `payload` bytes of floats or text. Nothing is sent yet.
    ///
    /// The stream's own time limit decides how long a reply may take.
    pub fn new(stream: S, payload: usize) -> Self {
        let message = || vec![0; wire::message_len(payload)];
        Self {
            stream,
            framer: Framer::new(message(), vec![0; wire::frame_len(payload)]),
            deframer: Deframer::new(message()),
            received: Vec::new(),
            limit: None,
            lost: None,
            greetings: 0,
            came: 0,
        }
    }

    /// The same link, on which a reply may take as long as `limit`; the stream's own limit says how often
    /// that is looked at.
    #[must_use]
    pub(super) fn with_limit(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Why the last reply did not come; `None` where it did.
    pub(super) fn lost(&self) -> Option<Loss> {
        self.lost
    }

    /// Ends the link and returns the stream; received bytes that were not used are lost.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Sends a request, without waiting for a reply.
    ///
    /// # Errors
    ///
    /// An input error where it is too long for a message, an environment error where the stream fails.
    pub fn send(&mut self, request: &Request<'_>) -> Result<()> {
        let frame = self.framer.frame(request).map_err(|e| Error::input(e.to_string()))?;
        let sent = self.stream.write_all(frame);
        sent.map_err(|e| self.broken(&e)).context("sending a request")
    }

    /// What `read` makes of the next reply, for which it waits; a refusal becomes an error.
    ///
    /// # Errors
    ///
    /// An environment error where the stream fails, ends or times out, a damaged frame arrives, or a frame holds
    /// no reply of this protocol. The error of `read`, which has its reply taken. For a refusal an input error where
    /// an input, posterior, state or gradient is not finite, else an environment error. The link goes on behind what
    /// it has read.
    pub fn reply<T>(&mut self, read: impl FnOnce(Reply<'_>) -> Result<T>) -> Result<T> {
        let answer = self.reply_or_refusal(read)?;
        if matches!(answer, Err(Refusal::NothingSelected)) {
            self.lost = Some(Loss::Reset);
        }
        answer.map_err(refused)
    }

    /// What `read` makes of the next reply, for which it waits, or the device's refusal.
    ///
    /// # Errors
    ///
    /// An environment error where the stream fails, ends or times out, a damaged frame arrives, or a frame holds
    /// no reply of this protocol. The error of `read`, which has its reply taken. The link goes on behind what it has
    /// read.
    pub fn reply_or_refusal<T>(
        &mut self,
        read: impl FnOnce(Reply<'_>) -> Result<T>,
    ) -> Result<std::result::Result<T, Refusal>> {
        let deadline = self.limit.map(|limit| Instant::now() + limit);
        loop {
            let message = match self.frame(deadline)? {
                Some(message) => message,
                None => return Err(self.lose(Loss::Damage)),
            };
            return match wire::parse(&message) {
                Some(Reply::Hello { .. }) if self.greetings > 0 => {
                    self.greetings -= 1;
                    continue;
                }
                Some(Reply::Refused(refusal)) => {
                    self.lost = None;
                    Ok(Err(refusal))
                }
                Some(reply) => {
                    self.lost = None;
                    read(reply).map(Ok)
                }
                None => Err(self.lose(Loss::OtherProtocol)),
            };
        }
    }

    /// What `read` makes of the first reply to `request`, which is sent.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send) and [`reply`](Self::reply).
    pub fn ask<T>(
        &mut self,
        request: &Request<'_>,
        read: impl FnOnce(Reply<'_>) -> Result<T>,
    ) -> Result<T> {
        self.send(request)?;
        self.reply(read)
    }

    /// What `read` makes of the answer to `Hello`, which is asked again every second until the answer comes. What
    /// else arrives before it is passed over: noise, and replies to older requests. The link may be used again
    /// afterwards, also one that was lost.
    ///
    /// # Errors
    ///
    /// An environment error where no answer comes within `limit`, which says what came instead; or the stream
    /// fails. The error of `read`.
    pub(super) fn greet<T>(
        &mut self,
        limit: Duration,
        read: impl FnOnce(Reply<'_>) -> Result<T>,
    ) -> Result<T> {
        self.received.clear();
        self.deframer.push(0);
        self.greetings = 0;
        let (deadline, before) = (Instant::now() + limit, self.came);
        let mut heard = Heard::default();
        while Instant::now() < deadline {
            // A frame that was cut off ends with the zero.
            let zero = self.stream.write_all(&[0]);
            zero.map_err(|e| self.broken(&e)).context("sending a request")?;
            self.send(&Request::Hello)?;
            self.greetings += 1;
            let next = deadline.min(Instant::now() + GREETING);
            while let Some(message) = self.before(next)? {
                match wire::parse(&message) {
                    Some(reply @ Reply::Hello { .. }) => {
                        self.greetings -= 1;
                        self.lost = None;
                        return read(reply);
                    }
                    Some(Reply::Status(_) | Reply::Sensed(_)) => heard.telemetry = true,
                    Some(_) => {}
                    None => heard.foreign = true,
                }
            }
        }
        self.lost = Some(Loss::Silence);
        heard.bytes = self.came - before;
        Err(Error::environment(heard.told()))
    }

    /// The next whole message, `None` where no further one comes before `deadline`; damaged frames are passed over. An
    /// environment error where the stream fails or ends.
    fn before(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>> {
        loop {
            match self.frame(Some(deadline)) {
                Ok(None) => {}
                Ok(message) => return Ok(message),
                Err(error) if self.lost == Some(Loss::Broken) => return Err(error),
                Err(_) => return Ok(None),
            }
        }
    }

    /// The next message, `None` for a damaged frame. An environment error where the stream fails or ends, or no
    /// frame ends before `deadline`; without one the stream's own limit counts.
    fn frame(&mut self, deadline: Option<Instant>) -> Result<Option<Vec<u8>>> {
        let mut next = 0;
        loop {
            let Some(byte) = self.received.get(next) else {
                self.receive(deadline)?;
                next = 0;
                continue;
            };
            next += 1;
            let damaged = self.deframer.bad_frames();
            if let Some(message) = self.deframer.push(*byte) {
                let message = message.to_vec();
                self.received.drain(..next);
                return Ok(Some(message));
            }
            if self.deframer.bad_frames() != damaged {
                self.received.drain(..next);
                return Ok(None);
            }
        }
    }

    /// Replaces the received bytes, all of which have been used, by the next ones of the stream, at most
    /// 4096. An environment error where it fails or ends, or `deadline` is over, without received bytes then.
    fn receive(&mut self, deadline: Option<Instant>) -> Result<()> {
        let is_over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let failed = loop {
            self.received.resize(4096, 0);
            let read = self.stream.read(&mut self.received);
            self.received.truncate(*read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => break self.lose(Loss::Broken),
                Ok(_) if is_over() => break self.lose(Loss::Silence),
                Ok(count) => {
                    self.came += count as u64;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_late(&error) && deadline.is_some() && !is_over() => {}
                Err(error) => break self.broken(&error),
            }
        };
        self.received.clear();
        Err(failed).context("waiting for a reply")
    }

    /// Notes the loss, and gives its environment error.
    fn lose(&mut self, loss: Loss) -> Error {
        self.lost = Some(loss);
        Error::environment(match loss {
            Loss::Silence => "the device does not answer in time",
            Loss::Damage => "a damaged frame arrived from the device",
            Loss::OtherProtocol => "the device speaks another protocol: build the firmware again",
            Loss::Reset => "the device has started anew: no model is selected any more",
            Loss::Broken => "the device ended in the middle of a conversation",
        })
    }

    /// Notes that the stream failed or timed out, and gives the environment error.
    fn broken(&mut self, error: &std::io::Error) -> Error {
        if is_late(error) {
            return self.lose(Loss::Silence);
        }
        self.lost = Some(Loss::Broken);
        Error::environment(format!("the link to the device broke: {error}"))
    }
}

/// Whether an error of a stream says that nothing came in time.
fn is_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// The error for a refusal: an input error where a value is not finite, else an environment error about the
/// image.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::NonFiniteInput { .. }
        | Refusal::NonFinitePosterior { .. }
        | Refusal::NonFiniteState { .. }
        | Refusal::NonFiniteGradient { .. } => {
            Error::input(format!("the device refused: {refusal}; check the row's values and scale"))
        }
        _ => Error::environment(format!(
            "the device refused: {refusal}; build the image again from this model"
        )),
    }
}

/// What came in place of an answer to `Hello`.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// Bytes of any kind.
    bytes: u64,
    /// Whether an image sent what its sensor found.
    telemetry: bool,
    /// Whether a whole frame was no reply of this protocol.
    foreign: bool,
}

impl Heard {
    /// A sentence that says so, and what to do.
    fn told(self) -> String {
        let bytes = self.bytes;
        match self {
            Self { telemetry: true, .. } => {
                "the device runs a sensor image, which answers no requests: flash the parity image, or look at what                  it tells with `elbow monitor`"
                    .into()
            }
            Self { foreign: true, .. } => {
                "the device speaks another protocol: build its firmware with this version of elbow".into()
            }
            Self { bytes: 0, .. } => "the device is silent, and does not answer in time".into(),
            Self { .. } => format!(
                "{bytes} bytes came from the device, and no answer among them: it runs another program, or sends at                  another speed"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use elbow_core::wire::Refusal;
    use std::io;

    /// A device that has already answered, and the end of its stream.
    struct Answers(io::Cursor<Vec<u8>>);

    impl Read for Answers {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.0.read(bytes)
        }
    }

    impl Write for Answers {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn frame(reply: &Reply<'_>) -> Vec<u8> {
        let mut framer = Framer::new([0; wire::message_len(16)], [0; wire::frame_len(16)]);
        framer.frame(reply).expect("it fits").to_vec()
    }

    fn link(frames: &[Vec<u8>]) -> Link<Answers> {
        Link::new(Answers(io::Cursor::new(frames.concat())), 16)
    }

    fn is_bye(reply: Reply<'_>) -> Result<bool> {
        Ok(reply == Reply::Bye)
    }

    #[test]
    fn replies_are_read_one_by_one() {
        let refused = frame(&Reply::Refused(Refusal::NothingSelected));
        let not_finite = frame(&Reply::Refused(Refusal::NonFiniteInput { index: 3 }));
        let mut link = link(&[frame(&Reply::Bye), refused, not_finite, frame(&Reply::Bye)]);
        assert!(link.ask(&Request::Bye, is_bye).expect("a reply"));
        let error = link.reply(is_bye).expect_err("a refusal");
        let message = error.to_string();
        assert!(!error.is_input() && message.contains("no model is selected; build"), "{message}");
        assert!(link.reply(is_bye).expect_err("a refusal").is_input());
        assert!(link.reply(is_bye).expect("a reply"));
        let error = link.reply(is_bye).expect_err("the end");
        assert!(!error.is_input() && error.to_string().contains("ended"), "{error}");
    }

    #[test]
    fn a_damaged_reply_is_an_error_and_never_a_wrong_one() {
        let good = frame(&Reply::Ran { row: 5, outputs: 2, cost: wire::Cost::default() });
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(link(&[bad]).reply(|_| Ok(())).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_link_goes_on_behind_what_was_damaged() {
        let good = frame(&Reply::Bye);
        let mut bad = frame(&Reply::Ran { row: 5, outputs: 2, cost: wire::Cost::default() });
        let checksum = bad.len() - 2;
        bad[checksum] ^= 0x40;
        let mut link = link(&[bad, good.clone(), good]);
        let error = link.reply(is_bye).expect_err("a damaged frame").to_string();
        assert!(error.contains("damaged"), "{error}");
        assert!(link.reply(is_bye).expect("the reply behind it"));
        assert!(link.reply(is_bye).expect("the last reply"));
    }

    /// A device that has answered, and is late once where that is set.
    struct Late(io::Cursor<Vec<u8>>, bool);

    impl Read for Late {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.1) {
                return Err(ErrorKind::TimedOut.into());
            }
            self.0.read(bytes)
        }
    }

    impl Write for Late {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_late_reply_is_read_where_it_is_waited_for_again() {
        let mut link = Link::new(Late(io::Cursor::new(frame(&Reply::Bye)), true), 16);
        let error = link.reply(is_bye).expect_err("no reply yet").to_string();
        assert!(error.contains("in time"), "{error}");
        assert!(link.reply(is_bye).expect("the reply"));
    }

    #[test]
    fn what_is_not_finite_is_the_inputs_fault() {
        for refusal in [
            Refusal::NonFiniteInput { index: 1 },
            Refusal::NonFinitePosterior { index: 1 },
            Refusal::NonFiniteState { index: 1 },
            Refusal::NonFiniteGradient { index: 1 },
        ] {
            let error = refused(refusal);
            assert_eq!(error.exit_code(), 2, "{error}");
        }
        assert_eq!(refused(Refusal::WrongPack).exit_code(), 3);
    }

    #[test]
    fn a_whole_frame_of_another_protocol_is_named() {
        let mut framer = Framer::new([0; 64], [0; 64]);
        let strange = framer.frame(&[200u8, 1, 2]).expect("it fits").to_vec();
        let error = link(&[strange]).reply(|_| Ok(())).expect_err("not a reply");
        assert!(error.to_string().contains("another protocol"), "{error}");
    }
}
