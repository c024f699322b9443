//! Calls of a likelihood's score.

use super::Calls;
use elbow_core::distributions::{Family, Parameter};

impl Calls {
    /// Appends the statements that write the derivative of the log-likelihood by `wrt` to `y`. `sources` are
    /// x, the mean and up to two parameters; missing ones are empty slices.
    pub(super) fn score(&mut self, family: Family, wrt: Parameter, sources: &[String], y: &str) {
        self.distributions.extend(["Family", "Likelihood", "Parameter"]);
        let given = |at: usize| sources.get(at).map_or("&[]", String::as_str);
        let parameters = [given(2), given(3)].join(", ");
        self.line(&format!("let family = Family::{family:?};"));
        self.line(&format!("let parameters: [&[f32]; 2] = [{parameters}];"));
        self.line("let likelihood = Likelihood { family, parameters };");
        let (x, mean) = (given(0), given(1));
        self.line(&format!("likelihood.score({x}, {mean}, Parameter::{wrt:?}, {y});"));
    }
}
