//! Requests and replies over any pair of byte streams.

use crate::{Context, Error, Result};
use elbow_core::wire::{self, Deframer, Framer, Refusal, Reply, Request};
use std::io::{ErrorKind, Read, Write};

/// A link to a device: an emulator's socket, later a serial port.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    framer: Framer<Vec<u8>, Vec<u8>>,
    deframer: Deframer<Vec<u8>>,
    received: Vec<u8>,
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
        }
    }

    /// The stream.
    pub fn stream(&self) -> &S {
        &self.stream
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
        self.stream.write_all(frame).map_err(|e| lost(&e)).context("sending a request")
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
        self.reply_or_refusal(read)?.map_err(refused)
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
        let mut next = 0;
        loop {
            let Some(byte) = self.received.get(next) else {
                self.receive()?;
                next = 0;
                continue;
            };
            next += 1;
            let damaged = self.deframer.bad_frames();
            if let Some(message) = self.deframer.push(*byte) {
                self.received.drain(..next);
                return match wire::parse(message) {
                    Some(Reply::Refused(refusal)) => Ok(Err(refusal)),
                    Some(reply) => read(reply).map(Ok),
                    None => Err(Error::environment(
                        "the device speaks another protocol: build the firmware again",
                    )),
                };
            }
            if self.deframer.bad_frames() != damaged {
                self.received.drain(..next);
                return Err(Error::environment("a damaged frame arrived from the device"));
            }
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

    /// Replaces the received bytes, all of which have been used, by the next ones of the stream, at most
    /// 4096. An environment error where it fails or ends; there are no received bytes then.
    fn receive(&mut self) -> Result<()> {
        self.received.resize(4096, 0);
        let count = self.stream.read(&mut self.received).map_err(|e| lost(&e));
        self.received.truncate(count.as_ref().map_or(0, |count| *count));
        let count = count.context("waiting for a reply")?;
        if count == 0 {
            return Err(Error::environment("the device ended in the middle of a conversation"));
        }
        Ok(())
    }
}

/// The environment error for a stream that fails or times out.
fn lost(error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            Error::environment("the device does not answer in time")
        }
        _ => Error::environment(format!("the link to the device broke: {error}")),
    }
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
