//! Counts the instructions of the workloads, each checked against plain loops, then runs random kernel
//! shapes and compares machine code with its definition.
//!
//! `qemu-system-arm -icount shift=0` makes ticks of SysTick instructions; a loop of known length says
//! how many each is. A workload runs n and 3n times: the difference is 2n of it and nothing else.
//!
//! With the feature `proof` it computes the same, prints nothing, and links only if no panic is
//! reachable.
#![no_std]
#![no_main]

#[cfg(not(feature = "proof"))]
mod counted;
#[cfg(feature = "proof")]
mod proof;
