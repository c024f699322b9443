//! Log lines of the device: defmt frames become text, which is shown where the device fails.

use crate::{Error, Result};
use defmt_decoder::{DecodeError, Table};
use std::collections::VecDeque;
use std::io::Read;
use std::thread::{JoinHandle, spawn};

/// How many lines are kept: the last.
const KEPT: usize = 64;

/// Handle of a new thread that decodes the defmt frames of `output` until that ends or cannot be read;
/// joined, it gives the last 64 lines, each behind `name`. `elf` are the bytes of the image.
///
/// # Errors
///
/// An environment error where the image has no defmt table, or one that cannot be read.
pub fn follow(
    name: &'static str,
    elf: &[u8],
    mut output: impl Read + Send + 'static,
) -> Result<JoinHandle<VecDeque<String>>> {
    let table = Table::parse(elf).map_err(|e| Error::environment(format!("defmt: {e}")))?;
    let table = table.ok_or_else(|| Error::environment("the image has no defmt table"))?;
    Ok(spawn(move || {
        let mut decoder = table.new_stream_decoder();
        let (mut bytes, mut lines) = ([0; 1024], VecDeque::new());
        while let Ok(count @ 1..) = output.read(&mut bytes) {
            decoder.received(&bytes[..count]);
            loop {
                let line = match decoder.decode() {
                    Ok(frame) => format!("{name}: {}", frame.display_message()),
                    Err(DecodeError::UnexpectedEof) => break,
                    Err(DecodeError::Malformed) => format!("{name}: (a damaged log line)"),
                };
                if lines.len() == KEPT {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        }
        lines
    }))
}
