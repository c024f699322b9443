//! The intermediate representation: the graph that import builds and lowering reads.
//!
//! A [`Graph`] has static shapes, batch 1, and float values only; [`Op`] is what its nodes compute. Nothing here
//! depends on a file format, a kernel's layout or a memory plan.

mod format;
mod graph;
mod range;
pub(crate) mod unary;

pub use format::Format;
pub use graph::{
    ElementType, Graph, Node, Noise, NoiseKind, Op, Pooling, QuantizedWeights, RecurrentOutput,
    Value, ValueId,
};
pub use range::Range;

/// Computes a node whose operands are all constants, from their values; `None` where no kernel computes it.
///
/// Import and lowering evaluate constants by such a function, an argument of theirs: the module that runs plans
/// depends on them, not the reverse.
pub type Evaluate = fn(&[Value], &Node) -> Option<Vec<f32>>;
