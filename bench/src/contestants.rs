//! Who computes the workloads.

use crate::elbow::{OURS, PLAIN};
use crate::peers::{PEERS, Peer};
use crate::{Error, Options, Workload};
use elbow_toolchain::Core;
use std::path::PathBuf;

/// Somebody with an image that computes workloads.
pub trait Contestant: Sync {
    /// Name in the table.
    fn name(&self) -> &'static str;

    /// Builds images for a core; each comes with those of `works` that it computes. Empty where the
    /// contestant computes none of them.
    ///
    /// # Errors
    ///
    /// Where a source or a compiler is missing, or does not build.
    fn images(&self, core: &'static Core, works: &[&'static Workload])
    -> Result<Vec<Image>, Error>;

    /// Demangled name of the function of its image that is one run of a workload; `None` (the default) where
    /// code and stack of the workload are not measured.
    fn function(&self, _: &Workload) -> Option<String> {
        None
    }

    /// Version, compiler and flags.
    fn note(&self) -> String;
}

/// An image that speaks the protocol of `elbow-emulator`.
#[derive(Clone, Debug)]
pub struct Image {
    /// Where it is.
    pub path: PathBuf,
    /// What is in front of a workload's name on its command line.
    pub prefix: &'static str,
    /// What it computes.
    pub works: Vec<&'static Workload>,
}

/// Elbow, then the peers that `options.peers` names, in the order of the table of peers; unknown names are
/// passed over.
pub fn contestants(options: &Options) -> Vec<Box<dyn Contestant>> {
    let mut all: Vec<Box<dyn Contestant>> = vec![Box::new(OURS)];
    let asked = |name: &str| options.peers.iter().any(|asked| asked == name);
    if asked(PLAIN.name()) {
        all.push(Box::new(PLAIN));
    }
    for peer in PEERS.iter().filter(|peer| asked(peer.name)) {
        all.push(Box::new(Peer { source: peer, cmsis_nn: options.cmsis_nn.clone() }));
    }
    all
}

/// Names of the peers that two cores build in at most `minutes` minutes, the plain loops in Rust first.
pub fn peers(minutes: u32) -> Vec<String> {
    let quick = PEERS.iter().filter(|peer| peer.minutes <= minutes).map(|peer| peer.name);
    [PLAIN.name()].into_iter().chain(quick).map(str::to_owned).collect()
}
