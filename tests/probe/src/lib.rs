//! Nothing but `tests/chips.rs`.
