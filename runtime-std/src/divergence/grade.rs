//! The grade of an integer posterior.

use super::kl::Kl;
use super::tolerance::{
    ELBO_DROP, ELBO_DROP_B, INTEGER_KL_MEAN, INTEGER_KL_MEAN_B, INTEGER_KL_P99, INTEGER_KL_P99_B,
};
use serde::Serialize;

/// How good an integer posterior is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Grade {
    /// Nothing that one would notice: the loss is small against what amortization costs.
    A,
    /// Usable.
    B,
    /// Not the posterior that was trained.
    #[serde(rename = "fail")]
    Fail,
}

/// Largest mean divergence, p99, and mean drop of the ELBO, of a grade.
struct Most {
    mean: f64,
    p99: f64,
    drop: f64,
}

const A: Most = Most { mean: INTEGER_KL_MEAN, p99: INTEGER_KL_P99, drop: ELBO_DROP };
const B: Most = Most { mean: INTEGER_KL_MEAN_B, p99: INTEGER_KL_P99_B, drop: ELBO_DROP_B };

impl Grade {
    /// The best grade whose limits hold; [`Grade::Fail`] where none does, where a figure is NaN, and without
    /// divergences.
    ///
    /// `drop` is the mean drop of the ELBO; without it (no decoder) the divergence decides alone.
    pub fn of(kl: &Kl, drop: Option<f64>) -> Self {
        let within = |value: Option<f64>, limit: f64| value.is_some_and(|value| value <= limit);
        let holds = |limits: &Most| {
            within(kl.mean, limits.mean)
                && within(kl.p99, limits.p99)
                && drop.is_none_or(|drop| drop <= limits.drop)
        };
        match (holds(&A), holds(&B)) {
            (true, _) => Self::A,
            (false, true) => Self::B,
            (false, false) => Self::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grades_follow_their_limits() {
        let kl = |mean, p99| Kl { mean: Some(mean), p99: Some(p99), max: Some(9.0) };
        let cases = [
            (kl(0.01, 0.05), Some(0.02), Grade::A),
            (kl(0.01, 0.05), None, Grade::A),
            (kl(0.01, 0.05), Some(-1.0), Grade::A),
            (kl(0.0101, 0.05), None, Grade::B),
            (kl(0.01, 0.051), None, Grade::B),
            (kl(0.01, 0.05), Some(0.021), Grade::B),
            (kl(0.05, 0.25), Some(0.1), Grade::B),
            (kl(0.05, 0.25), Some(0.101), Grade::Fail),
            (kl(0.051, 0.25), None, Grade::Fail),
            (kl(0.05, 0.251), None, Grade::Fail),
            (kl(f64::NAN, f64::NAN), None, Grade::Fail),
            (kl(0.0, 0.0), Some(f64::NAN), Grade::Fail),
            (Kl::default(), None, Grade::Fail),
        ];
        for (kl, drop, grade) in cases {
            assert_eq!(Grade::of(&kl, drop), grade, "{kl:?} {drop:?}");
        }
        assert_eq!(serde_json::to_string(&Grade::Fail).expect("a string"), "\"fail\"");
    }
}
