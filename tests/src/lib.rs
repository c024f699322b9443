//! What the tests share: fixtures, random cases, tolerances, measured work.

pub mod boards;
pub mod fixtures;
pub mod formulas;
pub mod gradients;
pub mod graphs;
pub mod images;
pub mod integers;
pub mod labelled;
pub mod linear_gaussian;
pub mod models;
pub mod pages;
pub mod random;
pub mod refinement;
pub mod repeating;
pub mod spent;
pub mod tolerance;
pub mod vibration;
