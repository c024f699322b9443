//! The program over a link that breaks off, stutters and ends.

use elbow_core::noise::NOISE_VERSION;
use elbow_core::wire::{
    Deframer, Framer, PROTOCOL, Refusal, Reply, Request, frame_len, message_len, parse,
};
use elbow_models::{Image, Task};
use elbow_serial::{Counter, Serial};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use std::collections::VecDeque;

/// What the receiver of a link gives to one call.
enum Event {
    Byte(u8),
    Lost,
    End,
}

/// A receiver with prepared events.
struct Receiver(VecDeque<Event>);

impl ErrorType for Receiver {
    type Error = ErrorKind;
}

impl Read for Receiver {
    /// The next event; panics where there is none, so that a program that reads too far is found.
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.0.pop_front().expect("the program stops at `Bye`") {
            Event::Byte(byte) => {
                bytes[0] = byte;
                Ok(1)
            }
            Event::Lost => Err(ErrorKind::Other),
            Event::End => Ok(0),
        }
    }
}

/// A sender that takes three bytes at a time.
struct Sender<'a>(&'a mut Vec<u8>);

impl ErrorType for Sender<'_> {
    type Error = ErrorKind;
}

impl Write for Sender<'_> {
    /// Takes at most three bytes.
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let count = bytes.len().min(3);
        self.0.extend(&bytes[..count]);
        Ok(count)
    }

    /// Nothing to do.
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// The timer of an RP2040: microseconds at 125 MHz.
struct Micros;

impl Counter for Micros {
    const TICKS_PER_SECOND: u32 = 1_000_000;
    const CORE_HERTZ: u32 = 125_000_000;

    /// Stands still.
    fn now() -> u32 {
        0
    }
}

/// The frame of a request as events.
fn events(request: &Request<'_>) -> Vec<Event> {
    let mut framer = Framer::new([0; message_len(64)], [0; frame_len(64)]);
    framer.frame(request).expect("it fits").iter().map(|byte| Event::Byte(*byte)).collect()
}

#[test]
fn the_program_is_served_over_a_link_that_stutters() {
    let mut lost = events(&Request::Hello);
    lost[2] = Event::Lost;
    let parts = [
        vec![Event::Lost, Event::End],
        events(&Request::Hello),
        lost,
        events(&Request::Reset),
        events(&Request::Clock),
        events(&Request::Bye),
    ];
    let mut sent = Vec::new();
    let receiver = Receiver(parts.into_iter().flatten().collect());
    let mut board = Serial::<_, _, Micros>::new(receiver, Sender(&mut sent));
    Task::new().serve(&mut board, &mut Image::new());
    let mut deframer = Deframer::new([0; message_len(64)]);
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for byte in sent {
        messages.extend(deframer.push(byte).map(<[u8]>::to_vec));
    }
    let replies: Vec<Reply<'_>> =
        messages.iter().map(|message| parse(message).expect("a reply")).collect();
    let (protocol, noise_version) = (PROTOCOL, NOISE_VERSION);
    let expected = [
        Reply::Hello { protocol, noise_version, models: 2, ticks_per_million: 8_000 },
        Reply::Refused(Refusal::NothingSelected),
        Reply::Clock { ticks_per_second: Some(1_000_000) },
        Reply::Bye,
    ];
    assert_eq!(replies, expected);
}
