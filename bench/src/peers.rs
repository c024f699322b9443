//! The peers: sources, and what they can compute.

use crate::gcc::{self, Sources};
use crate::table::MICROFLOW;
use crate::{Contestant, Error, Image, Numbers, Workload, elbow, fetch, rust};
use elbow_toolchain::Core;
use std::path::{Path, PathBuf};

/// Where a peer's kernels come from.
#[derive(Debug)]
pub(crate) struct Source {
    /// Name in the table.
    pub name: &'static str,
    /// Package and version, or who wrote it.
    pub origin: &'static str,
    /// Minutes that two cores build from nothing; 0 where it is seconds.
    pub minutes: u32,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    CmsisNn,
    /// Our loops: outputs at a time, more flags.
    Plain(usize, Option<&'static str>),
    Emlearn,
    Emx,
    /// A package of `rust/`, and more flags of the harness.
    Rust(&'static str, Option<&'static str>),
}

/// Every peer.
pub(crate) const PEERS: [Source; 8] = [
    Source {
        name: "CMSIS-NN",
        origin: "CMSIS-NN 4.0.0 of November 2022, in bakenn 1.0.0 (PyPI)",
        minutes: 0,
        kind: Kind::CmsisNn,
    },
    Source {
        name: "C, one row",
        origin: "a loop of our own",
        minutes: 0,
        kind: Kind::Plain(1, None),
    },
    Source {
        name: "C, four rows",
        origin: "a loop of our own",
        minutes: 0,
        kind: Kind::Plain(4, None),
    },
    Source {
        name: "C, four rows, not fused",
        origin: "the same with -ffp-contract=off",
        minutes: 0,
        kind: Kind::Plain(4, Some("-ffp-contract=off")),
    },
    Source {
        name: "emlearn",
        origin: "eml_net.h of emlearn 0.23.2 (PyPI)",
        minutes: 0,
        kind: Kind::Emlearn,
    },
    Source {
        name: "emx-onnx-cgen",
        origin: "C that emx-onnx-cgen 1.4.0 (PyPI) writes from ONNX",
        minutes: 0,
        kind: Kind::Emx,
    },
    Source {
        name: MICROFLOW,
        origin: "microflow 0.1.3 (crates.io)",
        minutes: 3,
        kind: Kind::Rust("microflow", Some("-DSTEPS=1")),
    },
    Source {
        name: "burn",
        origin: "burn-tensor 0.22.1 (crates.io) without std, back end flex",
        minutes: 30,
        kind: Kind::Rust("burn", None),
    },
];

impl Source {
    /// Whether it has kernels for a workload on the core of this name. For transposed convolutions
    /// [`Peer::transposes`] is asked in its place.
    fn computes(&self, work: &Workload, core: &str) -> bool {
        match self.kind {
            Kind::CmsisNn => work.numbers == Numbers::Int8,
            Kind::Plain(_, None) => [Numbers::Int8, Numbers::Float].contains(&work.numbers),
            Kind::Plain(_, Some(_)) | Kind::Emx => work.numbers == Numbers::Float,
            Kind::Emlearn => work.name == "W2-f32",
            Kind::Rust(MICROFLOW, _) => work.name == "W2",
            // It wants a compare-and-swap, which an M0 does not have.
            Kind::Rust(..) => work.name == "W2-f32" && core != "m0",
        }
    }
}

/// A peer that is asked to compute.
#[derive(Debug)]
pub(crate) struct Peer {
    pub source: &'static Source,
    /// A newer CMSIS-NN than the registry's.
    pub cmsis_nn: Option<PathBuf>,
}

impl Contestant for Peer {
    /// The source's name.
    fn name(&self) -> &'static str {
        self.source.name
    }

    /// Builds the images by `gcc::build`: one with all workloads, transposed
    /// convolutions in one of their own; of generated code one per workload.
    fn images(
        &self,
        core: &'static Core,
        works: &[&'static Workload],
    ) -> Result<Vec<Image>, Error> {
        let computes = |work: &&Workload| match work.is_transposed() {
            true => self.transposes(work),
            false => self.source.computes(work, core.name()),
        };
        let works = works.iter().copied().filter(computes);
        let mut works: Vec<&'static Workload> = works.collect();
        works.sort_by_key(|work| work.is_transposed());
        // Generated code is one model, so that an image holds one workload.
        let each = if self.source.kind == Kind::Emx { 1 } else { works.len().max(1) };
        let image = |works: &[&'static Workload]| {
            let name = self.file_name(works);
            let sources = self.sources(core, works)?;
            let path = gcc::build(core, &name, &sources, &fetch::folder())?;
            Ok(Image { path, prefix: "", works: works.to_vec() })
        };
        // Our own loops of transposed convolutions are a file of their own.
        let alike = works.chunk_by(|a, b| a.is_transposed() == b.is_transposed());
        alike.flat_map(|works| works.chunks(each)).map(image).collect()
    }

    /// Origin of the kernels, compiler and flags.
    fn note(&self) -> String {
        let origin = match (&self.cmsis_nn, self.source.kind) {
            (Some(folder), Kind::CmsisNn) => format!("CMSIS-NN in {}", folder.display()),
            _ => self.source.origin.to_owned(),
        };
        let how = match self.source.kind {
            Kind::Rust(..) => elbow::how(),
            _ => format!("{}, {}", gcc::version().unwrap_or_default(), gcc::FLAGS.join(" ")),
        };
        format!("{}: {origin}; {how}", self.source.name)
    }
}

impl Peer {
    /// Whether it has a kernel for this workload of transposed convolutions: CMSIS-NN's came after the
    /// registry's package, so that it needs a checkout.
    fn transposes(&self, work: &Workload) -> bool {
        match self.source.kind {
            Kind::Plain(1, None) => true,
            Kind::CmsisNn => self.cmsis_nn.is_some() && work.numbers == Numbers::Int8,
            _ => false,
        }
    }

    /// First part of the name of the folder of the image that computes `works`, without the core.
    fn file_name(&self, works: &[&Workload]) -> String {
        let name = self.source.name.to_lowercase().replace(", ", "-").replace(' ', "-");
        match (self.source.kind, works) {
            (Kind::Emx, [work]) => format!("{name}-{}", work.name),
            (_, [work, ..]) if work.is_transposed() => format!("{name}-transposed"),
            _ => name,
        }
    }

    /// What is compiled with the harness into the image that computes `works`. Fetches the peer's library and
    /// builds one in Rust; an error where that fails.
    fn sources(&self, core: &'static Core, works: &[&Workload]) -> Result<Sources, Error> {
        let ours = |file: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("c").join(file);
        match self.source.kind {
            Kind::Plain(rows, flag) => Ok(Sources {
                files: vec![match works {
                    [work, ..] if work.is_transposed() => ours("transposed.c"),
                    _ => ours("plain.c"),
                }],
                includes: vec![],
                flags: [format!("-DROWS={rows}")]
                    .into_iter()
                    .chain(flag.map(String::from))
                    .collect(),
            }),
            Kind::Emlearn => Ok(Sources {
                files: vec![ours("emlearn.c")],
                includes: vec![fetch::unpacked(fetch::EMLEARN)?.join("emlearn")],
                flags: vec![],
            }),
            Kind::CmsisNn => cmsis_nn(ours("cmsis_nn.c"), self.cmsis_nn.as_deref()),
            Kind::Emx => emx(ours("emx.c"), works),
            Kind::Rust(peer, flag) => Ok(Sources {
                files: vec![ours(&format!("{peer}.c")), rust::library(core, peer)?],
                includes: vec![],
                flags: flag.map(String::from).into_iter().collect(),
            }),
        }
    }
}

/// What is compiled for CMSIS-NN: `ours`, and its kernels out of the registry's package or out of `checkout`;
/// the core's headers are the package's in both cases. An error where the package cannot be fetched or a
/// folder read.
fn cmsis_nn(ours: PathBuf, checkout: Option<&Path>) -> Result<Sources, Error> {
    let vendor = fetch::unpacked(fetch::BAKENN)?.join("bakenn/backend/cmsis_nn/vendor");
    let root = checkout.map_or_else(|| vendor.join("cmsis_nn"), Path::to_path_buf);
    let mut files = vec![ours];
    for part in ["ConvolutionFunctions", "FullyConnectedFunctions", "NNSupportFunctions"] {
        files.extend(c_files(&root.join("Source").join(part))?);
    }
    let includes = vec![root.join("Include"), vendor.join("cmsis_core/Include")];
    let flags = checkout.map(|_| "-DCMSIS_NN_7".to_owned()).into_iter().collect();
    Ok(Sources { files, includes, flags })
}

/// Paths of the C files in a folder, sorted, without those of other number formats (f16, f32, s4) and of
/// transposes (transposed convolutions stay), which want headers of their own. An error names the folder
/// where it cannot be read.
fn c_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::new(format!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut other = ["f16", "f32", "s4"].iter();
        let other = other.any(|format| name.contains(format))
            || name.contains("transpose") && !name.contains("transpose_conv");
        if name.ends_with(".c") && !other {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// What is compiled for emx-onnx-cgen: `ours`, and the C that the generator writes from an ONNX file of the
/// first of `works`, unless an earlier run has left it. An error where the generator cannot be fetched or
/// fails.
fn emx(ours: PathBuf, works: &[&Workload]) -> Result<Sources, Error> {
    let name = works.first().map_or("", |work| work.name);
    let folder = fetch::folder().join("emx").join(name);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("emx.py");
    if !folder.join("model.c").exists() {
        let python = fetch::environment(fetch::EMX)?;
        fetch::run(std::process::Command::new(python).arg(script).arg(name).arg(&folder))?;
    }
    Ok(Sources { files: vec![ours, folder.join("model.c")], includes: vec![folder], flags: vec![] })
}
