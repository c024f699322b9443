//! What emulated cores compute, and what that takes: needs an emulator and a compiler of the core.

mod compiled_workload;
mod device;
mod device_inference;
mod flows;
mod gradient;
mod integer_kernels;
mod integer_score;
mod labelled;
mod program;
mod proof;
mod splines;
mod time_first;
