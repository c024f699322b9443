//! Calls of a likelihood's score.

use super::Calls;
use elbow_core::distributions::{Family, Parameter};

impl Calls {
    /// Sources are x, the mean and the parameters.
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
