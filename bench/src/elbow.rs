//! Elbow's own image, `firmware/bench`, which computes every workload. It also holds the plain loops that Elbow's integers are compared with.

use crate::table::{ELBOW, RUST};
use crate::{Contestant, Error, Image, Numbers, Workload, fetch};
use elbow_toolchain::{Build, CORTEX_M4, Compiler, Core, build_firmware};
use std::path::{Path, PathBuf};

/// A contestant of `firmware/bench`.
#[derive(Debug)]
pub(crate) struct Firmware {
    name: &'static str,
    /// What is in front of a workload's name on the command line.
    prefix: &'static str,
    computes: fn(&Workload) -> bool,
    /// The type of a workload.
    of: fn(&Workload) -> Option<&'static str>,
}

/// Workloads by the types that compute them, as the linker knows them; likelihoods share one function, which
/// an image with a model has for its own alone.
const TYPES: [(&str, &str); 23] = [
    ("W1-128", "int8::Integer<elbow_kernels::workloads::w1::W1<128, 16384, 4096>>"),
    ("W1-640", "int8::Integer<elbow_kernels::workloads::w1::W1<640, 81920, 20480>>"),
    ("W2", "int8::Integer<elbow_kernels::workloads::w2::W2>"),
    ("W3", "int8::Integer<elbow_kernels::workloads::w3::W3>"),
    ("W4", "int8::Integer<elbow_kernels::workloads::w4::W4>"),
    ("W4-depthwise", "int8::Integer<elbow_kernels::workloads::w4_parts::W4Depthwise>"),
    ("W4-pointwise", "int8::Integer<elbow_kernels::workloads::w4_parts::W4Pointwise>"),
    ("transposed", "int8::Integer<elbow_kernels::workloads::transposed::Transposed>"),
    ("W2-int8x16", "int8::Integer<elbow_kernels::workloads::w2_wide::W2Wide>"),
    ("W3-int8x16", "int8::Integer<elbow_kernels::workloads::w3_wide::W3Wide>"),
    ("W2-f32", "w2_f32::W2"),
    ("W3-f32", "w3_f32::W3"),
    ("transposed-f32", "transposed_f32::Transposed"),
    ("decode-int8", "decode_int8::IntegerDecoder"),
    ("draws", "draws::Draws"),
    ("decode", "infer::Infer<bench::infer::Decode>"),
    ("elbo-16", "infer::Infer<bench::infer::Elbo>"),
    ("iwae-16", "infer::Infer<bench::infer::Iwae>"),
    ("refine-step", "infer::Infer<bench::infer::Step>"),
    ("full-rank", "full_rank::FullRank"),
    ("flow", "flow::Flow"),
    ("detector", "detector::Detector<false>"),
    ("monitor", "detector::Detector<true>"),
];

/// Elbow.
pub(crate) const OURS: Firmware = Firmware {
    name: ELBOW,
    prefix: "",
    computes: |_| true,
    of: |work| TYPES.iter().find(|of| of.0 == work.name).map(|of| of.1),
};

/// Plain loops in Rust, with Elbow's rounding rule.
pub(crate) const PLAIN: Firmware = Firmware {
    name: RUST,
    prefix: "plain/",
    computes: |work| work.numbers == Numbers::Int8 && !work.is_transposed(),
    of: |_| None,
};

impl Contestant for Firmware {
    /// The name of this use of the image.
    fn name(&self) -> &'static str {
        self.name
    }

    /// Builds `firmware/bench` for the core, as one image with all workloads that it computes; none where it
    /// computes none.
    fn images(
        &self,
        core: &'static Core,
        works: &[&'static Workload],
    ) -> Result<Vec<Image>, Error> {
        let works = works.iter().copied().filter(|work| (self.computes)(work));
        let works: Vec<&'static Workload> = works.collect();
        if works.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![Image { path: elbow_image(core)?, prefix: self.prefix, works }])
    }

    /// The `run` of the type that computes the workload; `None` for the plain loops.
    fn function(&self, work: &Workload) -> Option<String> {
        let of = (self.of)(work)?;
        Some(format!("<bench::{of} as bench::harness::Work>::run"))
    }

    /// Name, package, compiler and profile.
    fn note(&self) -> String {
        format!("{}: firmware/bench; {}", self.name, how())
    }
}

/// Compiler and profile of what is written in Rust: `firmware/Cargo.toml` and `rust/Cargo.toml`.
pub(crate) fn how() -> String {
    format!("{}, opt-level 3, fat LTO, one codegen unit", compiler())
}

/// What the compiler of Elbow's images for an M4 says of itself; empty where there is none.
pub(crate) fn compiler() -> String {
    Compiler::find(CORTEX_M4).map(Compiler::version).unwrap_or_default()
}

/// Path of `firmware/bench`, built for a core and copied to `target/peers/elbow-CORE/image.elf`, where the
/// build for the next core does not overwrite it.
///
/// # Errors
///
/// Where there is no compiler for the core, the build fails, or the copy cannot be written.
pub fn elbow_image(core: &Core) -> Result<PathBuf, Error> {
    let firmware = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware");
    let built = build_firmware(&Build {
        folder: &firmware,
        package: "bench",
        core,
        profile: "release",
        features: &[],
        models: None,
    })?;
    let folder = fetch::folder().join(format!("elbow-{}", core.name()));
    let kept = folder.join("image.elf");
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::copy(&built, &kept))
        .map_err(|error| Error::new(format!("{}: {error}", kept.display())))?;
    Ok(kept)
}
