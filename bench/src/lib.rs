//! Workloads on Elbow and on its peers: instructions and estimated cycles on six Cortex-M cores.
//!
//! | File | Does |
//! |---|---|
//! | `workloads` | what is computed: W1 to W4, draws, and inference |
//! | `contestants` | who computes it: the table where a new one is added |
//! | `peers` | images of the peers, in C, each with its own loops or a library's |
//! | `rust` | libraries of peers in Rust |
//! | `elbow` | the image of `firmware/bench` |
//! | `acceptance` | what Elbow must reach |
//! | `counts` | what Elbow took when it was last accepted: `counts.txt` |
//! | `fetch` | libraries from the package registries, into `target/peers` |
//! | `gcc` | the C compiler, and its flags per core |
//! | `published` | the best figures of peers, measured once |
//! | `table` | rows, the figures to beat, Markdown |
//! | `readme` | the Markdown in `README.md` |
//!
//! `c/` holds the peers' harness. Every image makes weights and input from one seed, runs the
//! kernel, and compares the output with a plain reference before it says `PASS`; see
//! `elbow-emulator` for the protocol. Nothing of a peer is kept in the repository.
//!
//! A member of the workspace, so that format, lints and tests cover it; nothing that is shipped
//! depends on it. `cargo xtask bench` runs it.

mod acceptance;
mod contestants;
mod counts;
mod elbow;
mod fetch;
mod gcc;
mod peers;
pub mod published;
mod readme;
mod rust;
mod table;
mod workloads;

pub use acceptance::{Figure, Verdict, demanded, verdicts};
pub use contestants::{Contestant, Image, contestants, peers};
pub use counts::{Counts, NotCompared};
pub use elbow::elbow_image;
pub use elbow_toolchain::ToolError as Error;
pub use gcc::missing_gcc;
pub use readme::write;
pub use table::{Row, Table};
pub use workloads::{Numbers, WORKLOADS, Workload, workload};

use elbow_emulator::{Image as Functions, Look, Meter};
use elbow_toolchain::{CORES, Core};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{iter, panic, thread};

/// What a run of the bench is asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Cores; all where there is none.
    pub cores: Vec<String>,
    /// Workloads; all where there is none.
    pub works: Vec<String>,
    /// Peers that run too, by name.
    pub peers: Vec<String>,
    /// A checkout of CMSIS-NN 7 that stands in for the one of the registry.
    pub cmsis_nn: Option<PathBuf>,
}

impl Options {
    /// Whether a core and a workload are asked for.
    pub fn asks(&self, core: &str, work: &str) -> bool {
        is_asked(&self.cores, core) && is_asked(&self.works, work)
    }
}

/// The table of all that is asked for: contestants one after another, some cores at a time, with the names of the
/// images on stderr.
///
/// # Errors
///
/// Where something is missing, fails to build or to run, or computes another output than those that round
/// alike.
pub fn bench(options: &Options) -> Result<Table, Error> {
    let mut table = Table::default();
    for contestant in contestants(options) {
        table.rows.extend(rows_of_cores(contestant.as_ref(), options)?);
        table.notes.push(contestant.note());
    }
    table.agrees()?;
    Ok(table)
}

/// The measured rows of one contestant on the cores asked for, in the order of the table of cores. As many cores
/// are measured at a time as the machine has processors: instructions are counted, so that a busy machine changes
/// no figure. An error as in [`rows`], of the first core that fails.
fn rows_of_cores(contestant: &dyn Contestant, options: &Options) -> Result<Vec<Row>, Error> {
    let cores = CORES.iter().filter(|core| is_asked(&options.cores, core.name()));
    let waiting = Mutex::new(cores.enumerate());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let some = || {
        let measured = iter::from_fn(next).map(|(at, core)| (at, rows(contestant, core, options)));
        measured.collect::<Vec<_>>()
    };
    let mut measured = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let measured = threads.into_iter().map(|thread| match thread.join() {
            Ok(measured) => measured,
            Err(panic) => panic::resume_unwind(panic),
        });
        measured.collect::<Vec<_>>().concat()
    });
    measured.sort_by_key(|(at, _)| *at);
    let rows: Result<Vec<Vec<Row>>, Error> = measured.into_iter().map(|(_, rows)| rows).collect();
    Ok(rows?.concat())
}

/// Whether `list` has `name`; true for an empty list, which asks for all.
fn is_asked(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|asked| asked == name)
}

/// The measured rows of one contestant on one core, for those of the workloads asked for that it computes. An
/// error where an image cannot be built, run or analysed.
fn rows(
    contestant: &dyn Contestant,
    core: &'static Core,
    options: &Options,
) -> Result<Vec<Row>, Error> {
    let asked = |work: &&Workload| is_asked(&options.works, work.name);
    let works: Vec<&Workload> = WORKLOADS.iter().filter(asked).collect();
    let mut rows = Vec::new();
    for image in built_alone(|| contestant.images(core, &works))? {
        eprintln!("{} on {}: {}", contestant.name(), core.name(), names(&image.works));
        let meter = Meter::new(core, &image.path)?;
        let functions = functions(&image.path)?;
        for work in image.works {
            let measured =
                meter.measure(&format!("{}{}", image.prefix, work.name), &look(work, core))?;
            let footprint = contestant.function(work).map(|name| functions.footprint(&name));
            // Calls through pointers would hide code, and leave the stack without a bound.
            let footprint = footprint.transpose()?.filter(|f| f.stack_bytes.is_some());
            rows.push(Row {
                core: core.name(),
                work,
                who: contestant.name(),
                measured,
                code_bytes: footprint.map(|f| f.code_bytes),
                table_bytes: footprint.map(|f| f.table_bytes),
            });
        }
    }
    Ok(rows)
}

/// What `build` gives, while no other thread builds: libraries are fetched once, and a build overwrites the image of
/// the last one with the same target.
fn built_alone<T>(build: impl FnOnce() -> T) -> T {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    build()
}

/// The functions of the ELF file `image`; an error names the file where it cannot be read or is no firmware
/// image.
fn functions(image: &Path) -> Result<Functions, Error> {
    let failed = |error| Error::new(format!("{}: {error}", image.display()));
    Functions::parse(&std::fs::read(image).map_err(|error| failed(error.to_string()))?)
        .map_err(|error| failed(error.to_string()))
}

/// Names of the workloads, separated by commas.
fn names(works: &[&Workload]) -> String {
    works.iter().map(|work| work.name).collect::<Vec<_>>().join(", ")
}

/// How a workload is measured on a core: networks in soft floats, which take tens of millions of
/// instructions, in four turns and without a log of their blocks, which would take minutes; all others by the
/// default.
fn look(work: &Workload, core: &Core) -> Look {
    let network = [Numbers::Float, Numbers::Inference].contains(&work.numbers);
    let soft = network && core.has_soft_float();
    if soft { Look { turns: 4, blocks: false, ..Look::default() } } else { Look::default() }
}
