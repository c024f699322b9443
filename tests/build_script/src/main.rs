//! Observations on stdin, their posteriors on stdout, mean before log-variance: f32, the low byte first.

use elbow_core::distributions::DiagNormal;
use elbow_core::pack::{Aligned, Pack};
use std::error::Error;
use std::io::{Read, Write};

#[expect(dead_code, reason = "the module can do more than this program asks of it")]
mod imu {
    include!(concat!(env!("OUT_DIR"), "/imu/model.rs"));
}

static WEIGHTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/imu/weights.bin")));

fn main() -> Result<(), Box<dyn Error>> {
    let pack = Pack::new_checked(&WEIGHTS.0)?;
    let mut workspace = imu::Workspace::new();
    let mut q = DiagNormal::standard();
    let (mut bytes, mut x) = (Vec::new(), [0.0; imu::OBSERVED]);
    std::io::stdin().read_to_end(&mut bytes)?;
    let values: Vec<f32> = bytes.as_chunks().0.iter().copied().map(f32::from_le_bytes).collect();
    for row in values.chunks_exact(imu::OBSERVED) {
        x.copy_from_slice(row);
        imu::encode(&pack, &mut workspace, &x, &mut q)?;
        for value in q.loc.iter().chain(&q.log_var) {
            std::io::stdout().write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
