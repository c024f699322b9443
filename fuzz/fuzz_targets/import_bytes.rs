//! Raw bytes as an ONNX file.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| elbow_fuzz::run(bytes));
