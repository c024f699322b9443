//! Log lines of the device: defmt frames become text on stderr.

use crate::{Error, Result};
use defmt_decoder::{DecodeError, Table};
use std::io::Read;
use std::thread::{JoinHandle, spawn};

/// Decodes `output` in a thread until it ends; every line goes to stderr behind `name`.
///
/// # Errors
///
/// Where the image has no defmt table.
pub fn follow(
    name: &'static str,
    elf: &[u8],
    mut output: impl Read + Send + 'static,
) -> Result<JoinHandle<()>> {
    let table = Table::parse(elf).map_err(|e| Error::environment(format!("defmt: {e}")))?;
    let table = table.ok_or_else(|| Error::environment("the image has no defmt table"))?;
    Ok(spawn(move || {
        let mut decoder = table.new_stream_decoder();
        let mut bytes = [0; 1024];
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            decoder.received(&bytes[..count]);
            loop {
                match decoder.decode() {
                    Ok(frame) => eprintln!("{name}: {}", frame.display_message()),
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => eprintln!("{name}: (a damaged log line)"),
                }
            }
        }
    }))
}
