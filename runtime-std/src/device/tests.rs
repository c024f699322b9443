//! The device's side of a conversation, from a script: no emulator, and any stream will do.

use super::*;
use elbow_core::wire::{Described, Framer, frame_len, message_len};
use std::collections::VecDeque;
use std::io;

/// A stream that waits for given bytes, answers with others, and gives those out three at a time, as a serial
/// port might. What is not in the script is an error, and where there is no answer the time is over.
#[derive(Debug)]
struct Script {
    steps: VecDeque<(Vec<u8>, Vec<u8>)>,
    written: Vec<u8>,
    answer: VecDeque<u8>,
}

impl Read for Script {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.answer.len().min(bytes.len()).min(3);
        if count == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        bytes.iter_mut().zip(self.answer.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(5);
        self.written.extend(&bytes[..count]);
        let Some((expected, _)) = self.steps.front().filter(|(e, _)| e.starts_with(&self.written))
        else {
            return Err(io::Error::other("the script expects something else"));
        };
        if *expected == self.written {
            self.written.clear();
            self.answer.extend(self.steps.pop_front().into_iter().flat_map(|(_, answer)| answer));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn frame(message: &impl serde::Serialize) -> Vec<u8> {
    let mut framer = Framer::new([0; message_len(64)], [0; frame_len(64)]);
    framer.frame(message).expect("it fits").to_vec()
}

/// A request with its replies.
fn step(request: &Request<'_>, replies: &[Reply<'_>]) -> (Vec<u8>, Vec<u8>) {
    (frame(request), replies.iter().flat_map(frame).collect())
}

const TICKS: u32 = 50_000;

fn hello(protocol: u16, ticks_per_million: u32) -> (Vec<u8>, Vec<u8>) {
    let noise_version = NOISE_VERSION;
    step(&Request::Hello, &[Reply::Hello { protocol, noise_version, models: 2, ticks_per_million }])
}

/// A device that has two models, and greets first.
fn connected(
    ticks_per_million: Option<u32>,
    steps: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
) -> Result<Device<Script>> {
    let steps = steps.into_iter().collect();
    let script = Script { steps, written: Vec::new(), answer: VecDeque::new() };
    Device::connect(script, vec!["pendulum".into(), "digits".into()], ticks_per_million)
}

#[test]
fn a_whole_conversation_over_a_stream_that_is_no_emulator() {
    let kind = Kind::Amortized { inputs: 3, latent: 2, posteriors: 1, scored: false };
    let cost = Cost { ticks: 100, stack_bytes: Some(256), arena_bytes: 64 };
    let [x, mean, log_var, eps, z] =
        [&[1.0, 2.0, 3.0][..], &[0.5, -0.5], &[-1.0, -2.0], &[0.1, 0.2], &[0.6, -0.4]]
            .map(Floats::new);
    let described = Described { name: "digits", fingerprint: 7, kind, workspace_bytes: 96 };
    let posterior =
        Reply::Posterior { row: 4, index: 0, mean, log_var, clamp_hits: 1, cost, score: None };
    let sample = Reply::Sample { row: 4, sample: 0, words: [1, 2, 3, 4], eps, z };
    let steps = [
        hello(PROTOCOL, TICKS),
        // Of the two names in order, `digits` is the first.
        step(&Request::Select { model: 0 }, &[Reply::Described(described)]),
        step(&Request::Encode { row: 4, key: 9, samples: 1, inputs: x }, &[posterior, sample]),
        step(&Request::Bye, &[Reply::Bye]),
    ];
    let mut device = connected(None, steps).expect("it greets");
    let selected = device.select(1).expect("it has the model");
    assert_eq!((&selected.name[..], selected.workspace_bytes), ("digits", 96));
    let row = device.encode(4, 9, 1, &[1.0, 2.0, 3.0]).expect("it encodes");
    assert_eq!((&row.loc[..], &row.log_var[..]), (&[0.5, -0.5][..], &[-1.0, -2.0][..]));
    assert_eq!((row.samples[0].words, row.clamp_hits), ([1, 2, 3, 4], 1));
    assert_eq!(row.spent.instructions, 100 * 1_000_000 / u64::from(TICKS));
    let stream = device.bye().expect("it says goodbye");
    assert!(stream.steps.is_empty() && stream.answer.is_empty(), "all of the script was needed");
}

#[test]
fn a_device_that_is_silent_is_given_up() {
    let silent = step(&Request::Hello, &[]);
    let error = connected(None, [silent]).expect_err("no answer");
    assert!(error.to_string().contains("does not answer in time"), "{error}");
    let mut device = connected(None, [hello(PROTOCOL, TICKS)]).expect("it greets");
    let error = device.reset().expect_err("not in the script");
    assert!(error.to_string().contains("the link to the device broke"), "{error}");
}

#[test]
fn a_device_of_another_version_or_with_another_clock_is_refused() {
    for (ticks, greeting) in [
        (None, hello(PROTOCOL + 1, TICKS)),
        (Some(TICKS), hello(PROTOCOL, TICKS + 1)),
        (None, hello(PROTOCOL, 0)),
    ] {
        let error = connected(ticks, [greeting]).expect_err("it is refused");
        assert!(!error.is_input(), "{error}");
    }
    assert!(connected(Some(TICKS), [hello(PROTOCOL, TICKS)]).is_ok());
}
