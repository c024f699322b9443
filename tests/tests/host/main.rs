//! What a machine with Rust alone can check of the library.

mod campaign;
mod detect;
mod distributions;
mod emit;
mod findings;
mod gap;
mod gradient;
mod heads;
mod import;
mod infer;
mod integer_graphs;
mod integer_scores;
mod integers;
mod kernels;
mod labelled;
mod likelihoods;
mod lower;
mod malformed;
mod noise;
mod posteriors;
mod qdq;
mod quantize;
mod rates;
mod scores;
mod window;
mod zoo;
