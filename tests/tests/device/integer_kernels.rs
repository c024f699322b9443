//! Machine code of kernels on emulated cores: the bytes of its definitions, and no panic.
//!
//! The image draws ten thousand layers from seeds, and more of the kinds that the core has machine code
//! for until that has run ten thousand times. It runs each by the core's kernel and by the definition,
//! compares every byte, and compares a digest of all with the host's, which the host's own test of
//! `firmware/kernels` computes. Behind them come the corners of the arithmetic and the float kernels, on
//! shapes and values of their own, against plain sums, and the verdicts on a stream of readings.

use elbow_tests::fixtures::path;
use elbow_tests::images::or_cure;
use elbow_toolchain::{Build, CORES, Core, ToolError as Error, build_firmware, emulator};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A build overwrites the image of the last one with the same target.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn build(core: &Core, features: &[&str]) -> Result<PathBuf, Error> {
    let folder = path("firmware");
    let (package, profile) = ("kernels-image", "release");
    build_firmware(&Build { folder: &folder, package, core, profile, features, models: None })
}

/// What an image prints, and whether it ends well within five minutes.
fn boot(board: &str, image: &PathBuf) -> (String, bool) {
    let mut qemu = Command::new(or_cure(emulator()).program);
    qemu.args(["-machine", board, "-icount", "shift=0", "-display", "none", "-monitor", "none"]);
    qemu.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(image);
    // Semihosting prints to the standard error stream where no device has the console.
    let qemu = qemu.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut qemu = qemu.spawn().expect("the emulator starts");
    let start = Instant::now();
    let ended_well = loop {
        match qemu.try_wait().expect("the emulator can be waited for") {
            Some(status) => break status.success(),
            None if start.elapsed() > Duration::from_secs(300) => {
                qemu.kill().expect("the emulator can be ended");
                break false;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let mut text = String::new();
    let streams = (qemu.stdout.take(), qemu.stderr.take());
    streams.0.map(|mut stream| stream.read_to_string(&mut text));
    streams.1.map(|mut stream| stream.read_to_string(&mut text));
    (text, ended_well)
}

#[test]
fn ten_thousand_random_shapes_give_the_hosts_bytes_on_every_core() {
    let _alone = ONE_AT_A_TIME.lock();
    for core in &CORES {
        let image = or_cure(build(core, &[]));
        let (text, ended_well) = boot(core.board, &image);
        println!("{}:\n{text}", core.name());
        let passed = [
            "PASS at least 10000 cases of machine code",
            "PASS 4190 corners",
            "PASS 300 cases of many",
            "PASS 6 float kernels",
            "PASS verdicts on 20000 readings",
        ];
        let passed = passed.iter().all(|line| text.contains(line));
        assert!(ended_well && passed, "{}: {text}", core.name());
    }
}

#[test]
fn no_kernel_panics_on_any_core() {
    let _alone = ONE_AT_A_TIME.lock();
    for core in &CORES {
        let built = build(core, &["proof"]);
        assert!(built.is_ok(), "{}: {built:?}", core.name());
    }
    let core = or_cure(Core::named("m4"));
    let error = build(core, &["plant-panic"]).expect_err("it must not link").to_string();
    assert!(error.contains("a_panic_is_reachable_in_this_image"), "{error}");
}
