//! The command as a user calls it.

mod bad_input;
mod boards;
mod build_script;
mod calibrate;
mod chapter;
mod commands;
mod common;
mod console;
mod device;
mod further_roles;
mod gap;
mod heads;
mod held;
mod init;
mod likelihoods;
#[cfg(unix)]
mod monitor;
mod new;
mod pages;
#[cfg(unix)]
mod port;
mod quantized;
mod readings;
mod reference;
mod refine;
mod score;
