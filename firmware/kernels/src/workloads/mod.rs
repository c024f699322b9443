//! Whole inferences whose instructions are counted.
