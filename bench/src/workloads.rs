//! What is computed; `c/model.c` and `firmware/bench` make the same layers and values.

/// A network with random weights.
#[derive(Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name on an image's command line.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Multiply-accumulates of one inference, padding included.
    pub macs: u64,
    /// Whether it computes in f32 rather than in int8.
    pub is_f32: bool,
}

const fn int8(name: &'static str, what: &'static str, macs: u64) -> Workload {
    Workload { name, what, macs, is_f32: false }
}

const MLP: &str = "640-128-128-128-128-8-128-128-128-128-640";
const CONV: &str = "128x6, conv k5 s2 16, conv k5 s2 32, conv k3 s2 32, dense 64, dense 16";

/// All of them.
pub const WORKLOADS: [Workload; 9] = [
    int8("W1-128", "dense 128 to 128", 16_384),
    int8("W1-640", "dense 640 to 128", 81_920),
    int8("W2", MLP, 264_192),
    int8("W3", CONV, 195_584),
    int8("W4", "25x5x64, depthwise 3x3, pointwise to 64", 584_000),
    int8("W4-depthwise", "the first layer of W4", 72_000),
    int8("W4-pointwise", "the second layer of W4", 512_000),
    Workload { name: "W2-f32", what: MLP, macs: 264_192, is_f32: true },
    Workload { name: "W3-f32", what: CONV, macs: 195_584, is_f32: true },
];

/// The workload of a name.
pub fn workload(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|work| work.name == name)
}
