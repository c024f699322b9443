//! The boards of `firmware/boards`: their images, and what those do in emulators of the chips.
//!
//! The emulators are fetched by npm and pip into `target/boards`. Tests that take many minutes are ignored here;
//! `cargo xtask test --boards` runs them too.

mod flash;
mod images;
mod nrf;
mod parity;
mod pico;
mod sensor;
