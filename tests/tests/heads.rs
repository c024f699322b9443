//! Heads held against data, in nats.

#[path = "heads/models.rs"]
mod models;
