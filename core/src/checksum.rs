//! The checksum of packs, frames and traced values.

/// CRC-32 (ISO-HDLC) of `bytes`, computed bit by bit; 0 for no bytes.
///
/// A table would take 1 KiB of flash. Its speed is not needed: a pack is verified once, and a UART of 115,200
/// baud takes 87 microseconds for a byte of a frame.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes)
}

/// CRC-32 (ISO-HDLC) of the little-endian bytes of all values, as if the slices were one; 0 for no values. It
/// depends on every bit, also on the sign of a zero and the payload of a NaN.
#[must_use]
pub fn crc32_of_floats(parts: &[&[f32]]) -> u32 {
    let crc = crc::Crc::<u32, crc::NoTable>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    for value in parts.iter().flat_map(|part| part.iter()) {
        digest.update(&value.to_le_bytes());
    }
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_comes_out() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
