//! Messages in frames, and frames in a stream of bytes.

use crate::checksum::crc32;
use serde::{Deserialize, Serialize};

/// Bytes that a message needs at most besides its floats and its name.
const OVERHEAD: usize = 96;
const CRC_LEN: usize = 4;

/// Most bytes of a message with its checksum that carries at most `payload` bytes of floats or text: the
/// length of the message buffers of [`Framer`] and [`Deframer`].
#[must_use]
pub const fn message_len(payload: usize) -> usize {
    payload + OVERHEAD + CRC_LEN
}

/// Most bytes of the frame around such a message ([`message_len`] of the same `payload`), the closing zero
/// included: the length of the frame buffer of [`Framer`].
#[must_use]
pub const fn frame_len(payload: usize) -> usize {
    cobs::max_encoding_length(message_len(payload)) + 1
}

/// The message is longer than the buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TooLong;

impl core::fmt::Display for TooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the message is longer than the frame buffer")
    }
}

impl core::error::Error for TooLong {}

/// Turns messages into frames, in buffers of [`message_len`] and [`frame_len`] bytes.
///
/// ```
/// use elbow_core::wire::{Deframer, Framer, Request, frame_len, message_len, parse};
/// let mut framer = Framer::new([0; message_len(0)], [0; frame_len(0)]);
/// let mut deframer = Deframer::new([0; message_len(0)]);
/// for byte in framer.frame(&Request::Hello)? {
///     if let Some(message) = deframer.push(*byte) {
///         assert_eq!(parse(message), Some(Request::Hello));
///     }
/// }
/// # Ok::<(), elbow_core::wire::TooLong>(())
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Framer<M, F> {
    message: M,
    frame: F,
}

impl<M: AsMut<[u8]>, F: AsMut<[u8]>> Framer<M, F> {
    /// Uses these buffers; their contents do not matter.
    pub const fn new(message: M, frame: F) -> Self {
        Self { message, frame }
    }

    /// The frame of `message`, in the frame buffer; both buffers are overwritten.
    ///
    /// # Errors
    ///
    /// [`TooLong`] where a buffer is too short; also where postcard cannot write `message` for another
    /// reason, which no message of [`wire`](super) gives.
    pub fn frame(&mut self, message: &impl Serialize) -> Result<&[u8], TooLong> {
        let buffer = self.message.as_mut();
        let len = postcard::to_slice(message, buffer).map_err(|_| TooLong)?.len();
        let (body, rest) = buffer.split_at_mut_checked(len).ok_or(TooLong)?;
        *rest.first_chunk_mut().ok_or(TooLong)? = crc32(body).to_le_bytes();
        let checked = buffer.get(..len + CRC_LEN).ok_or(TooLong)?;
        let frame = self.frame.as_mut();
        let len = cobs::try_encode(checked, frame).map_err(|_| TooLong)?;
        *frame.get_mut(len).ok_or(TooLong)? = 0;
        frame.get(..=len).ok_or(TooLong)
    }
}

/// Finds messages in a stream of bytes, whatever else it holds.
#[derive(Debug)]
pub struct Deframer<M> {
    buffer: M,
    len: usize,
    state: cobs::DecoderState,
    bad_frames: u32,
}

impl<M: AsMut<[u8]>> Deframer<M> {
    /// A receiver at the start of a stream, with a buffer of [`message_len`] bytes whose contents do not
    /// matter.
    pub const fn new(buffer: M) -> Self {
        Self { buffer, len: 0, state: cobs::DecoderState::Idle, bad_frames: 0 }
    }

    /// Takes the next byte; returns the message for [`parse`] where that byte completes an intact frame, else
    /// `None`.
    ///
    /// Damaged and overlong frames are dropped and counted; after any damage the next frame but
    /// one is received at the latest.
    pub fn push(&mut self, byte: u8) -> Option<&[u8]> {
        use cobs::DecodeResult::{DataComplete, DataContinue, DataStart, NoData};
        match self.state.feed(byte) {
            Ok(NoData) => None,
            Ok(DataStart) => {
                self.len = 0;
                None
            }
            Ok(DataContinue(byte)) => {
                if let Some(place) = self.buffer.as_mut().get_mut(self.len) {
                    *place = byte;
                }
                self.len = self.len.saturating_add(1);
                None
            }
            Ok(DataComplete) => {
                let bytes = self.buffer.as_mut().get(..self.len);
                let message = bytes.and_then(verified);
                self.bad_frames = self.bad_frames.saturating_add(message.is_none().into());
                message
            }
            Err(_) => {
                self.bad_frames = self.bad_frames.saturating_add(1);
                None
            }
        }
    }

    /// Number of frames dropped so far, at most `u32::MAX`.
    pub fn bad_frames(&self) -> u32 {
        self.bad_frames
    }
}

/// Without the decoder's state, which has no format, and the bytes.
#[cfg(feature = "defmt")]
impl<M> defmt::Format for Deframer<M> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Deframer {{ len: {}, bad_frames: {} }}", self.len, self.bad_frames);
    }
}

/// The message before the checksum in the last four bytes; `None` where that is wrong or there are fewer
/// bytes.
fn verified(bytes: &[u8]) -> Option<&[u8]> {
    let (message, crc) = bytes.split_last_chunk()?;
    (crc32(message) == u32::from_le_bytes(*crc)).then_some(message)
}

/// The message that these postcard bytes encode; `None` where they encode no `T`, or bytes are left over.
#[must_use]
pub fn parse<'a, T: Deserialize<'a>>(message: &'a [u8]) -> Option<T> {
    let (message, rest) = postcard::take_from_bytes(message).ok()?;
    rest.is_empty().then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{FaultKind, Verdict};
    use crate::wire::{
        Cost, Counts, Described, Floats, Inference, Inferred, Judgement, Kind, PROTOCOL, Refusal,
        Reply, Request, ResetReason, Score, Sensed, SensorFaults, Status,
    };

    const X: [f32; 3] = [1.5, -0.0, f32::MIN_POSITIVE];

    fn encode() -> Request<'static> {
        Request::Encode { row: u64::MAX, key: 7, samples: 2, inputs: Floats::new(&X) }
    }

    fn frame(message: &impl Serialize) -> Vec<u8> {
        let (message_buffer, frame_buffer) = ([0; message_len(16)], [0; frame_len(16)]);
        Framer::new(message_buffer, frame_buffer).frame(message).unwrap().to_vec()
    }

    /// How many intact messages equal to `encode()` arrive, and how many others.
    fn receive(deframer: &mut Deframer<[u8; message_len(16)]>, bytes: &[u8]) -> (usize, usize) {
        let (mut right, mut wrong) = (0, 0);
        for byte in bytes {
            match deframer.push(*byte).map(parse::<Request<'_>>) {
                None => {}
                Some(Some(message)) if message == encode() => right += 1,
                Some(_) => wrong += 1,
            }
        }
        (right, wrong)
    }

    fn deframer() -> Deframer<[u8; message_len(16)]> {
        Deframer::new([0; message_len(16)])
    }

    #[test]
    fn messages_survive_the_way_through_a_frame() {
        let cost = Cost { ticks: u32::MAX, stack_bytes: Some(u32::MAX), arena_bytes: u32::MAX };
        let replies = [
            Reply::Hello { protocol: 1, noise_version: 1, models: 2, ticks_per_million: 25_000 },
            Reply::Described(Described {
                name: "imu",
                fingerprint: u64::MAX,
                kind: Kind::Amortized {
                    inputs: u32::MAX,
                    latent: u32::MAX,
                    posteriors: u32::MAX,
                    scored: true,
                },
                workspace_bytes: u32::MAX,
            }),
            Reply::Posterior {
                index: u32::MAX,
                row: u64::MAX,
                mean: Floats::new(&X[..2]),
                log_var: Floats::new(&X[..2]),
                clamp_hits: u32::MAX,
                cost,
                score: Some(Score { log_likelihood: f32::MIN, kl: f32::MAX, cost }),
            },
            Reply::Sample {
                row: u64::MAX,
                sample: u32::MAX,
                words: [u32::MAX; 4],
                eps: Floats::new(&X[..2]),
                z: Floats::new(&X[..2]),
            },
            Reply::Ran { row: u64::MAX, outputs: u32::MAX, cost },
            Reply::Output { index: 1, values: Floats::new(&X) },
            Reply::Inferred {
                row: u64::MAX,
                mean: Floats::new(&X[..2]),
                log_var: Floats::new(&X[..2]),
                found: Inferred { values: [f32::MIN, f32::MAX], kept_start: true },
                cost,
            },
            Reply::LogProb { row: u64::MAX, value: f32::MIN, cost },
            Reply::Refused(Refusal::WrongLength { expected: u32::MAX, found_bytes: u32::MAX }),
            Reply::Bye,
        ];
        for reply in replies {
            let mut deframer = deframer();
            let frame = frame(&reply);
            let (last, front) = frame.split_last().unwrap();
            assert!(front.iter().all(|byte| deframer.push(*byte).is_none() && *byte != 0));
            assert_eq!(parse(deframer.push(*last).unwrap()), Some(reply));
        }
        assert_eq!(receive(&mut deframer(), &frame(&encode())), (1, 0));
    }

    /// The counters with as many bytes as they can have.
    const COUNTS: Counts = {
        let n = u32::MAX;
        let (silent, stuck, wrong_identity, implausible, other, recovered) = (n, n, n, n, n, n);
        let faults = SensorFaults { silent, stuck, wrong_identity, implausible, other, recovered };
        Counts { readings: n, missed: n, lost: n, windows: n, late: n, untold: n, faults }
    };

    #[test]
    fn what_a_sensor_image_tells_survives_and_fits_its_buffers() {
        let status = Status {
            protocol: PROTOCOL,
            model: "motion3",
            fingerprint: u64::MAX,
            sensor: "LIS3DH",
            channels: u32::MAX,
            hop: u32::MAX,
            rate: 64.0,
            reset: ResetReason::Watchdog,
            t_us: u64::MAX,
            busy_us: u64::MAX,
            counts: COUNTS,
        };
        let kind = FaultKind::Stuck;
        let judgements = [
            Judgement::Encoded,
            Judgement::Scored { score: -824.5, is_anomalous: Some(true) },
            Judgement::Verdict {
                verdict: Verdict::SensorFault { channel: u32::MAX as usize, kind },
                g: f32::MAX,
                statistic: f32::MIN,
            },
            Judgement::Verdict { verdict: Verdict::Stale, g: 0.0, statistic: 0.0 },
            Judgement::Refused(Refusal::NonFiniteInput { index: 1 }),
        ];
        let sensed = judgements.map(|judgement| {
            let [mean, log_var] = [Floats::new(&X), Floats::new(&X[1..])];
            let [number, reading, delay_us, busy_us] = [u32::MAX; 4];
            let t_us = u64::MAX;
            Reply::Sensed(Sensed {
                number,
                reading,
                t_us,
                delay_us,
                busy_us,
                mean,
                log_var,
                judgement,
            })
        });
        for reply in [Reply::Status(status)].into_iter().chain(sensed) {
            let (mut message, mut frame) = ([0; message_len(64)], [0; frame_len(64)]);
            let mut framer = Framer::new(&mut message, &mut frame);
            let mut deframer = Deframer::new([0; message_len(64)]);
            let mut arrived = None;
            for byte in framer.frame(&reply).unwrap() {
                arrived = deframer.push(*byte).map(<[u8]>::to_vec);
            }
            assert_eq!(parse(&arrived.expect("a message")), Some(reply));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_rejected() {
        let good = frame(&encode());
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(receive(&mut deframer(), &bad), (0, 0), "bit {bit}");
        }
    }

    #[test]
    fn after_garbage_the_second_frame_arrives() {
        let good = [frame(&encode()), frame(&encode())].concat();
        let mut word = 1u32;
        for case in 0..20_000 {
            let garbage: Vec<u8> = (0..case % 300)
                .map(|_| {
                    word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (word >> 24) as u8
                })
                .collect();
            let mut deframer = deframer();
            assert_eq!(receive(&mut deframer, &garbage), (0, 0), "case {case}");
            let (right, wrong) = receive(&mut deframer, &good);
            assert!(right >= 1 && wrong == 0, "case {case}");
        }
    }

    #[test]
    fn an_overlong_frame_is_counted_and_the_next_one_arrives() {
        let mut deframer = deframer();
        let long = [[1; 400].as_slice(), &[0]].concat();
        assert_eq!(receive(&mut deframer, &long), (0, 0));
        assert_eq!(deframer.bad_frames(), 1);
        assert_eq!(receive(&mut deframer, &frame(&encode())), (1, 0));
    }

    #[test]
    fn a_message_longer_than_the_buffer_is_refused() {
        assert_eq!(Framer::new([0; 20], [0; 99]).frame(&encode()), Err(TooLong));
        assert_eq!(Framer::new([0; 99], [0; 20]).frame(&encode()), Err(TooLong));
    }

    #[test]
    fn variants_keep_their_numbers() {
        assert_eq!(parse(&[0]), Some(Request::Hello));
        assert_eq!(parse(&[1, 5]), Some(Request::Select { model: 5 }));
        assert_eq!(
            parse(&[2, 1, 2, 3, 0]),
            Some(Request::Encode { row: 1, key: 2, samples: 3, inputs: Floats(&[]) })
        );
        assert_eq!(parse(&[3, 1, 0]), Some(Request::Run { row: 1, inputs: Floats(&[]) }));
        assert_eq!(parse(&[4]), Some(Request::Bye));
        assert_eq!(
            parse(&[7, 1, 2, 3, 4, 0]),
            Some(Request::Infer {
                row: 1,
                key: 2,
                task: Inference::RefinePrior,
                count: 4,
                inputs: Floats(&[])
            })
        );
        assert_eq!(parse(&[8, 1, 0]), Some(Request::LogProb { row: 1, inputs: Floats(&[]) }));
        assert_eq!(parse(&[11]), Some(Request::Clock));
        assert_eq!(parse(&[17, 1, 5]), Some(Reply::Clock { ticks_per_second: Some(5) }));
        assert_eq!(parse(&[6, 0]), Some(Reply::Refused(Refusal::Malformed)));
        let encoded = [16, 1, 2, 3, 4, 5, 0, 0, 0];
        assert!(matches!(parse(&encoded), Some(Reply::Sensed(Sensed { reading: 2, .. }))));
        assert_eq!(parse::<Request<'_>>(&[4, 0]), None, "a byte too many");
    }

    #[test]
    fn a_message_with_a_part_of_a_float_is_none_of_this_protocol() {
        for len in 0..=8u8 {
            let message = [&[3, 1, len][..], &[0; 8][..usize::from(len)]].concat();
            let request = parse(&message);
            let floats = matches!(request, Some(Request::Run { inputs, .. })
                if inputs.iter().count() == usize::from(len) / 4);
            assert_eq!(floats, len % 4 == 0, "{len} bytes: {request:?}");
        }
    }
}
