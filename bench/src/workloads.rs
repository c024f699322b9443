//! What is computed; `c/model.c` and `firmware/bench` make the same layers and values.

/// A network with random weights, or a buffer of noise.
#[derive(Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its name on an image's command line.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Multiply-accumulates of one run, padding included, or what [`unit`](Self::unit) names.
    pub units: u64,
    /// What is counted instead of multiply-accumulates; empty where it is these.
    pub unit: &'static str,
    /// What it computes in.
    pub numbers: Numbers,
}

/// Weights and activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// 8 bits both.
    Int8,
    /// 8 bits and 16: Elbow's alone.
    Int8x16,
    /// Floats.
    Float,
    /// Standard normal draws with their generator, in floats: Elbow's alone.
    Noise,
    /// Bounds, densities and refinement in floats: Elbow's alone.
    Inference,
}

impl Workload {
    /// Whether its layers are transposed convolutions, which few peers have.
    pub fn is_transposed(&self) -> bool {
        self.name.starts_with("transposed")
    }

    /// The workload whose peers this one is held against: CMSIS-NN's int8 where a peer has nothing as
    /// precise.
    pub fn rival(&self) -> &str {
        match self.numbers {
            Numbers::Int8x16 => self.name.strip_suffix("-int8x16").unwrap_or(self.name),
            Numbers::Int8 | Numbers::Float | Numbers::Noise | Numbers::Inference => self.name,
        }
    }
}

/// A workload of which `units` multiply-accumulates are counted.
const fn work(name: &'static str, what: &'static str, units: u64, numbers: Numbers) -> Workload {
    Workload { name, what, units, unit: "", numbers }
}

/// A workload of inference, of which so many units of this name are counted.
const fn inference(
    name: &'static str,
    what: &'static str,
    units: u64,
    unit: &'static str,
) -> Workload {
    Workload { name, what, units, unit, numbers: Numbers::Inference }
}

/// 64 values of a likelihood.
const fn density(name: &'static str, what: &'static str) -> Workload {
    inference(name, what, 64, "value")
}

const MLP: &str = "640-128-128-128-128-8-128-128-128-128-640";
const CONV: &str = "128x6, conv k5 s2 16, conv k5 s2 32, conv k3 s2 32, dense 64, dense 16";

const TRANSPOSED: &str = "8x32, transposed k4 s2 to 16x24, 32x16, 64x9";

const DECODER: &str =
    "6 latents to bytes, dense 32 and 256, `transposed`, its 576 values to floats";

/// All of them.
pub const WORKLOADS: [Workload; 31] = [
    work("W1-128", "dense 128 to 128", 16_384, Numbers::Int8),
    work("W1-640", "dense 640 to 128", 81_920, Numbers::Int8),
    work("W2", MLP, 264_192, Numbers::Int8),
    work("W3", CONV, 195_584, Numbers::Int8),
    work("W4", "25x5x64, depthwise 3x3, pointwise to 64", 584_000, Numbers::Int8),
    work("W4-depthwise", "the first layer of W4", 72_000, Numbers::Int8),
    work("W4-pointwise", "the second layer of W4", 512_000, Numbers::Int8),
    work("transposed", TRANSPOSED, 67_584, Numbers::Int8),
    work("W2-int8x16", MLP, 264_192, Numbers::Int8x16),
    work("W3-int8x16", CONV, 195_584, Numbers::Int8x16),
    work("W2-f32", MLP, 264_192, Numbers::Float),
    work("W3-f32", CONV, 195_584, Numbers::Float),
    work("transposed-f32", TRANSPOSED, 67_584, Numbers::Float),
    Workload {
        name: "draws",
        what: "1,024 standard normal draws of a Philox stream",
        units: 1_024,
        unit: "draw",
        numbers: Numbers::Noise,
    },
    work("decode", "one pass of a decoder 2-64-64-64", 8_320, Numbers::Inference),
    work("decode-int8", DECODER, 75_968, Numbers::Inference),
    inference("elbo-16", "the bound of a posterior by 16 draws", 16, "draw"),
    inference("iwae-16", "the importance-weighted bound by 16 draws", 16, "draw"),
    inference("refine-step", "a step of refinement by 8 gradients", 8, "gradient"),
    density("gaussian", "ln p of 64 values, one scale"),
    density("bernoulli", "ln p of 64 events by their logits"),
    density("laplace", "ln p of 64 values, one scale"),
    density("student-t", "ln p of 64 values, one scale, 5 degrees of freedom"),
    density("categorical", "ln p of 8 of 8 classes by their logits"),
    density("poisson", "ln p of 64 counts by the logarithms of their rates"),
    density("negative-binomial", "ln p of 64 counts by the logarithms of their means"),
    density("zero-inflated", "the same counts, of which some were lost"),
    inference("full-rank", "a draw of a normal of 8 full dimensions, and ln q of it", 1, "draw"),
    inference("flow", "ln p of 32 values by six couplings 16-24-24-32", 1, "call"),
    inference(
        "detector",
        "gate, rank table, alarm, drift of 9x64 at hop 16, 6 latents",
        4,
        "window",
    ),
    inference("monitor", "the same with the window itself and the time of readings", 4, "window"),
];

/// The workload of this name; `None` where there is none.
pub fn workload(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|work| work.name == name)
}
