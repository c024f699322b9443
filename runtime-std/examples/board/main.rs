//! The Pico's images in an emulator of its chip: a recorded motion on its accelerometer, what the board tells of it, and
//! parity.
//!
//! ```sh
//! cargo build -p elbow
//! cargo run -p elbow --example board -- target/debug/elbow target/demo/pico
//! ```

mod show;

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [command, out] = arguments.as_slice() else {
        return Err("usage: board COMMAND OUT_FOLDER".into());
    };
    show::show(Path::new(command), Path::new(out))
}
