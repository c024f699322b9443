//! Packed weights: bytes in flash, checked once, then read as floats without copying.
//!
//! # Format, version 1
//!
//! Little-endian; the whole file is aligned to 16 bytes where it is stored ([`Aligned`]).
//!
//! | Offset | Bytes | Field |
//! |---|---|---|
//! | 0 | 8 | magic `ELBOWPAK` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | CRC-32 (ISO-HDLC) of the payload |
//! | 16 | 8 | fingerprint of the plan that reads these weights |
//! | 24 | 4 | payload length in bytes, a multiple of 4 |
//! | 28 | 4 | zero |
//! | 32 | .. | payload: f32 values, addressed by the generated code |
//!
//! The version grows with any change of this table or of a kernel's weight layout. Weights of the
//! same fingerprint may replace each other without a new build; any other pack is refused by the
//! generated code ([`Pack::fingerprint`]).

use crate::checksum::crc32;
use zerocopy::FromBytes;

/// Offsets of the header's fields.
mod field {
    use core::ops::Range;
    pub const MAGIC: Range<usize> = 0..8;
    pub const VERSION: usize = 8;
    pub const CHECKSUM: usize = 12;
    pub const FINGERPRINT: usize = 16;
    pub const LENGTH: usize = 24;
    pub const PAYLOAD: usize = 32;
}

/// First bytes of every pack.
pub const MAGIC: [u8; 8] = *b"ELBOWPAK";
/// Version of the format above.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes before the payload.
pub const HEADER_LEN: usize = field::PAYLOAD;

/// Places included bytes at an address that [`Pack::new_checked`] accepts.
///
/// ```
/// use elbow_core::pack::Aligned;
/// static WEIGHTS: &Aligned<[u8]> = &Aligned(*b"weights, usually by include_bytes!");
/// assert_eq!(WEIGHTS.0.as_ptr() as usize % 16, 0);
/// ```
#[repr(C, align(16))]
pub struct Aligned<B: ?Sized>(pub B);

/// Checked weights.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pack<'a> {
    fingerprint: u64,
    floats: &'a [f32],
}

/// Why bytes are not a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PackError {
    /// Shorter than the header, or than the length in the header.
    Truncated,
    /// The first bytes are not [`MAGIC`].
    Magic,
    /// Written by another version of the format.
    Version {
        /// The version found.
        found: u32,
    },
    /// The payload does not match its checksum.
    Checksum,
    /// The bytes do not start at a multiple of four: wrap them in [`Aligned`]. Or the payload is not a
    /// multiple of four bytes long.
    Alignment,
}

impl core::fmt::Display for PackError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Truncated => f.write_str("pack is shorter than its header says"),
            Self::Magic => f.write_str("not a pack: the first bytes are not ELBOWPAK"),
            Self::Version { found } => {
                write!(f, "pack has format version {found}, expected {FORMAT_VERSION}")
            }
            Self::Checksum => f.write_str("pack is damaged: its checksum does not match"),
            Self::Alignment => f.write_str("pack is not aligned to four bytes"),
        }
    }
}

impl core::error::Error for PackError {}

impl<'a> Pack<'a> {
    /// The pack that `bytes` begin with; reading it cannot fail.
    ///
    /// Checked are, in this order, the magic, the version, the length, the checksum of the payload and its
    /// alignment; not the fingerprint. Bytes behind the payload are ignored.
    ///
    /// # Errors
    ///
    /// A [`PackError`] names the first check that failed.
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, PackError> {
        if bytes.get(field::MAGIC).ok_or(PackError::Truncated)? != MAGIC {
            return Err(PackError::Magic);
        }
        let version = u32_at(bytes, field::VERSION)?;
        if version != FORMAT_VERSION {
            return Err(PackError::Version { found: version });
        }
        let length = u32_at(bytes, field::LENGTH)? as usize;
        let payload = bytes.get(field::PAYLOAD..).and_then(|rest| rest.get(..length));
        let payload = payload.ok_or(PackError::Truncated)?;
        if crc32(payload) != u32_at(bytes, field::CHECKSUM)? {
            return Err(PackError::Checksum);
        }
        let low = u32_at(bytes, field::FINGERPRINT)?;
        let high = u32_at(bytes, field::FINGERPRINT + 4)?;
        Ok(Self {
            fingerprint: u64::from(high) << 32 | u64::from(low),
            floats: <[f32]>::ref_from_bytes(payload).map_err(|_| PackError::Alignment)?,
        })
    }

    /// Fingerprint of the plan that these weights belong to.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// All values, in the order of the plan.
    #[must_use]
    pub fn floats(&self) -> &'a [f32] {
        self.floats
    }

    /// `len` values from `start` on; empty where the pack has fewer (generated code that has compared
    /// the fingerprint never asks for more).
    #[inline(always)]
    #[must_use]
    pub fn f32(&self, start: usize, len: usize) -> &'a [f32] {
        self.floats.get(start..).and_then(|rest| rest.get(..len)).unwrap_or(&[])
    }
}

/// The header of a pack with this fingerprint and payload, which the caller appends. The payload has to be
/// shorter than 4 GiB and a multiple of four bytes long; neither is checked.
#[must_use]
pub fn header(fingerprint: u64, payload: &[u8]) -> [u8; HEADER_LEN] {
    let [a, b, c, d, e, f, g, h] = MAGIC;
    let [v0, v1, v2, v3] = FORMAT_VERSION.to_le_bytes();
    let [c0, c1, c2, c3] = crc32(payload).to_le_bytes();
    let [f0, f1, f2, f3, f4, f5, f6, f7] = fingerprint.to_le_bytes();
    let [l0, l1, l2, l3] = (payload.len() as u32).to_le_bytes();
    [
        a, b, c, d, e, f, g, h, v0, v1, v2, v3, c0, c1, c2, c3, f0, f1, f2, f3, f4, f5, f6, f7, l0,
        l1, l2, l3, 0, 0, 0, 0,
    ]
}

/// The little-endian word at byte `at`; [`PackError::Truncated`] where `bytes` end before its fourth byte.
fn u32_at(bytes: &[u8], at: usize) -> Result<u32, PackError> {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    word.map(|word| u32::from_le_bytes(*word)).ok_or(PackError::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<f32> {
        let payload: Vec<u8> = [1.0f32, -2.5].iter().flat_map(|v| v.to_le_bytes()).collect();
        let bytes = [&header(7, &payload)[..], &payload].concat();
        bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect() // aligned
    }

    #[test]
    fn a_pack_reads_back_what_was_written() {
        let words = sample();
        let pack = Pack::new_checked(zerocopy::IntoBytes::as_bytes(&words[..])).unwrap();
        assert_eq!(
            (pack.fingerprint(), pack.f32(1, 1), pack.f32(1, 2)),
            (7, &[-2.5f32][..], &[][..])
        );
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_the_payload_is_refused() {
        let words = sample();
        let good = zerocopy::IntoBytes::as_bytes(&words[..]);
        for len in 0..good.len() {
            assert!(Pack::new_checked(&good[..len]).is_err(), "{len} bytes");
        }
        for bit in (0..good.len() * 8)
            .filter(|bit| !(16 * 8..24 * 8).contains(bit) && *bit < 28 * 8 || *bit >= 256)
        {
            let mut words = words.clone();
            let bytes = zerocopy::IntoBytes::as_mut_bytes(&mut words[..]);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Pack::new_checked(bytes).is_err(), "bit {bit}");
        }
    }
}
