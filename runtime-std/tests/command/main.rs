//! The command as a user calls it.

mod bad_input;
mod boards;
mod book;
mod build_script;
mod calibrate;
mod chapter;
mod commands;
mod common;
mod console;
mod device;
mod flash_file;
mod further_roles;
mod gap;
mod heads;
mod held;
mod init;
mod likelihoods;
#[cfg(unix)]
mod monitor;
mod new;
#[cfg(unix)]
mod new_asks;
mod pages;
#[cfg(unix)]
mod port;
mod projects;
mod quantized;
mod readings;
mod reference;
mod refine;
mod report;
mod score;
